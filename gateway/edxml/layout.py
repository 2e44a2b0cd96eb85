"""Where each value of the model stands on the wire: names and order of the vendor's Java library (packet format 2).

The writer prints these trees, the normal form compares them, the checks name their paths.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from gateway.edxml import model
from gateway.edxml.model import DocumentPacket, StatusPacket, Wire
from gateway.times import VIETNAM, aware

BLANKS = " \t\r\n"
"""What XML calls white space; a value of nothing else is empty."""


@dataclass(frozen=True, slots=True)
class Node:
    """One element: a leaf with `text`, or a group with `children`. Empty ones do not exist.

    `path` is the wire names from the message's top (`MessageHeader.To.OrganId`), `pointer` the JSON pointer into the
    model (`/message_header/to/1/organ_id`).
    """

    name: str
    path: str
    pointer: str
    text: str = ""
    children: tuple["Node", ...] = ()


def document_header(packet: DocumentPacket) -> Node:
    """MessageHeader of a document packet."""
    return _root(packet.message_header, "MessageHeader", "/message_header")


def status_header(packet: StatusPacket) -> Node:
    """MessageHeader of a status packet."""
    return _root(packet.message_header, "MessageHeader", "/message_header")


def trace_header_list(packet: DocumentPacket) -> Node:
    """TraceHeaderList, Bussiness first."""
    return _root(packet.trace_header_list, "TraceHeaderList", "/trace_header_list")


def leaves(node: Node) -> Iterator[Node]:
    """Every leaf below a node, in wire order."""
    if not node.children:
        if node.text:
            yield node
        return
    for child in node.children:
        yield from leaves(child)


def wire_date(day: date) -> str:
    """`yyyy/MM/dd`."""
    return f"{day.year:04d}/{day.month:02d}/{day.day:02d}"


def wire_time(moment: datetime) -> str:
    """`yyyy/MM/dd HH:mm:ss` in Vietnam time; raises ValueError for a time without a zone."""
    local = aware(moment).astimezone(VIETNAM)
    return f"{wire_date(local.date())} {local.hour:02d}:{local.minute:02d}:{local.second:02d}"


def date_text(day: date | None, text: str | None) -> str | None:
    """How a date is written: the date itself, or, where it could not be read, the text that was there."""
    return text if day is None else wire_date(day)


def time_text(moment: datetime | None, text: str | None) -> str | None:
    """How a time is written: the time itself, or, where it could not be read, the text that was there."""
    if moment is None:
        return text
    try:
        return wire_time(moment)
    except OverflowError:  # the last hours of the year 9999 have no Vietnam time
        return text


@dataclass(frozen=True, slots=True)
class _Part:
    """One attribute of a model group: the element it becomes, and for a list with a wrapper the name of its items.

    A `dated` one has its original text beside it, under its name with `_text`.
    """

    attr: str
    element: str
    item: str | None = None
    dated: bool = False


def _parts(*lines: str) -> tuple[_Part, ...]:
    return tuple(_part(*line.split()) for line in lines)


def _part(attr: str, element: str, item: str | None = None) -> _Part:
    return _Part(attr, element, item, dated=attr in _DATED)


_DATED = frozenset({"promulgation_date", "due_date", "timestamp"})


_RESPONSE_FOR = _parts("organ_id OrganId", "code Code", "document_id DocumentId", "promulgation_date PromulgationDate")

LAYOUT: dict[type[Wire], tuple[_Part, ...]] = {
    model.Organ: _parts(
        "organ_id OrganId",
        "organization_in_charge OrganizationInCharge",
        "organ_name OrganName",
        "organ_add OrganAdd",
        "email Email",
        "telephone Telephone",
        "fax Fax",
        "website Website",
    ),
    model.Code: _parts("code_number CodeNumber", "code_notation CodeNotation"),
    model.PromulgationInfo: _parts("place Place", "promulgation_date PromulgationDate"),
    model.DocumentType: _parts("type Type", "type_detail TypeDetail", "type_name TypeName"),
    model.SignerInfo: _parts("competence Competence", "position Position", "full_name FullName"),
    model.OtherInfo: _parts(
        "priority Priority",
        "sphere_of_promulgation SphereOfPromulgation",
        "typer_notation TyperNotation",
        "promulgation_amount PromulgationAmount",
        "page_amount PageAmount",
        "reply_fors ReplyFors",
        "direction Direction",
        "reference_codes ReferenceCodes",
        "appendixes Appendixes Appendix",
    ),
    model.ResponseFor: _RESPONSE_FOR,
    model.StaffInfo: _parts(
        "department Department",
        "department_id DepartmentId",
        "staff Staff",
        "staff_id StaffId",
        "email Email",
        "mobile Mobile",
    ),
    model.MessageHeader: _parts(
        "from_ From",
        "to To",
        "document_id DocumentId",
        "code Code",
        "promulgation_info PromulgationInfo",
        "document_type DocumentType",
        "subject Subject",
        "content Content",
        "signer_info SignerInfo",
        "due_date DueDate",
        "other_info OtherInfo",
        "response_for ResponseFor",
        "steering_type SteeringType",
        "response_for_task ResponseForTask TaskCode",
        "application_type ApplicationType",
        "to_places ToPlaces Place",
    ),
    model.TraceHeader: _parts("organ_id OrganId", "timestamp Timestamp"),
    model.Receiver: _parts("organ_id OrganId", "receiver_type ReceiverType"),
    model.BussinessDocumentInfo: _parts(
        "document_info DocumentInfo", "document_receiver DocumentReceiver", "receiver_list ReceiverList Receiver"
    ),
    model.ReplacementInfo: _parts("document_id DocumentId", "organ_id_list OrganIdList OrganId"),
    model.Bussiness: _parts(
        "document_id DocumentId",
        "bussiness_doc_type BussinessDocType",
        "bussiness_doc_reason BussinessDocReason",
        "paper Paper",
        "bussiness_document_info BussinessDocumentInfo",
        "replacement_info_list ReplacementInfoList ReplacementInfo",
        "staff_info StaffInfo",
    ),
    model.TraceHeaderList: _parts("bussiness Bussiness", "trace_headers TraceHeader"),
    model.StatusHeader: _parts(
        "from_ From",
        "response_for ResponseFor",
        "staff_info StaffInfo",
        "status_code StatusCode",
        "description Description",
        "timestamp Timestamp",
    ),
}


def _root(group: Wire, name: str, pointer: str) -> Node:
    return Node(name, name, pointer, children=tuple(_children(group, name, pointer)))


def _children(group: Wire, path: str, pointer: str) -> Iterator[Node]:
    for part in LAYOUT[type(group)]:
        value: object = getattr(group, part.attr)
        if (value is None and not part.dated) or value == ():
            continue
        here = f"{pointer}/{part.attr.rstrip('_')}"
        if isinstance(value, tuple):
            yield from _list(value, part, path, here)
            continue
        if value is None or isinstance(value, date):
            value = _moment(group, part.attr, value)
        yield from _one(value, part.element, f"{path}.{part.element}", here)


def _list(values: tuple[object, ...], part: _Part, path: str, pointer: str) -> Iterator[Node]:
    own = f"{path}.{part.element}"
    name, item_path = (part.item, f"{own}.{part.item}") if part.item else (part.element, own)
    items = tuple(node for at, value in enumerate(values) for node in _one(value, name, item_path, f"{pointer}/{at}"))
    if not part.item:
        yield from items
    elif items:
        yield Node(part.element, own, pointer, children=items)


def _one(value: object, name: str, path: str, pointer: str) -> Iterator[Node]:
    if isinstance(value, Wire):
        children = tuple(_children(value, path, pointer))
        if children:
            yield Node(name, path, pointer, children=children)
        return
    text = _text(value)
    if text:
        yield Node(name, path, pointer, text)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value.strip(BLANKS)
    if isinstance(value, int):
        return str(value) if value >= 0 else ""
    return ""


def _moment(group: Wire, attr: str, value: date | None) -> str | None:
    kept: object = getattr(group, attr + "_text", None)
    text = kept if isinstance(kept, str) else None
    if isinstance(value, datetime):
        return time_text(value, text)
    return date_text(value, text)
