"""What the axis does to a packet: it parses and writes it anew with the vendor's library (packet format 10.2).

The simulator passes packets through `survive`; `lost` tells a sender which fields would not arrive as written.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar, overload

from gateway.edxml import layout
from gateway.edxml.checks import FileFacts
from gateway.edxml.fields import ATTACHMENT_NAME, FIELDS
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.layout import Node
from gateway.edxml.model import (
    Bussiness,
    BussinessDocumentInfo,
    DocumentPacket,
    DocumentType,
    OtherInfo,
    Receiver,
    StatusPacket,
    TraceHeader,
    Wire,
)
from gateway.edxml.normal import QD20_MARKER, normal_integer
from gateway.edxml.packing import ZIP, extension_of
from gateway.edxml.rules import capital, finding
from gateway.problems import Text
from gateway.times import VIETNAM, aware


@overload
def survive(packet: DocumentPacket, hop: TraceHeader | None = None) -> DocumentPacket: ...
@overload
def survive(packet: StatusPacket, hop: TraceHeader | None = None) -> StatusPacket: ...
def survive(packet: DocumentPacket | StatusPacket, hop: TraceHeader | None = None) -> DocumentPacket | StatusPacket:
    """The packet's header after one pass of the axis; `hop` is the axis's own trace, for documents only.

    Empties go, text is trimmed, numbers lose leading zeros and sign, defaults appear, dates roll over (30 February is
    2 March), dates and times in another form vanish. Write the result with `complete=False`.
    """
    if isinstance(packet, StatusPacket):
        return _cleaned(packet)
    cleaned = _cleaned(packet)
    header = cleaned.message_header
    kind, other = header.document_type, header.other_info
    header = header.model_copy(
        update={
            "document_type": kind.model_copy(update={"type": 2 if kind.type is None else kind.type}),
            "other_info": other.model_copy(
                update={
                    "priority": other.priority or 0,
                    "direction": "true" if other.direction == "true" else "false",
                }
            ),
            "steering_type": header.steering_type or 0,
        }
    )
    trace = cleaned.trace_header_list
    if hop is not None:
        trace = trace.model_copy(update={"trace_headers": (*trace.trace_headers, hop)})
    return cleaned.model_copy(update={"message_header": header, "trace_header_list": trace})


def survive_content_id(content_id: str) -> str:
    """A ContentId after one pass: it gains a prefix, even when it has one."""
    return f"cid:{content_id}"


def takes_first_entry(attachment_name: str, content_type: str | None) -> bool:
    """Whether the vendor's library replaces the attachment's bytes by the first entry of the zip they are.

    It does for `application/zip`, unless the name ends in `.zip` in lower case: what is zipped for the way is so
    unpacked, but a `.ZIP` and a raw Office file that is labelled a zip are cut open too.
    """
    return content_type == ZIP and not attachment_name.strip().endswith(".zip")


def lost(packet: DocumentPacket | StatusPacket, files: Sequence[FileFacts] = ()) -> tuple[Finding, ...]:
    """A warning `L.<path>` for each value that would not arrive as written.

    White space around a value is not told: our writer never writes it.
    """
    return (*rewritten(packet), *unsure(packet, files, list(leaves_of(packet))))


def rewritten(packet: DocumentPacket | StatusPacket) -> tuple[Finding, ...]:
    """A warning for each value of the header that the axis writes otherwise, or not at all."""
    moments = _status_moments(packet) if isinstance(packet, StatusPacket) else _document_moments(packet)
    found = [*_changed_moments(moments)]
    if isinstance(packet, DocumentPacket):
        found += [*_dropped_numbers(packet), *_changed_numbers(packet)]
    return tuple(found)


def unsure(
    packet: DocumentPacket | StatusPacket, files: Sequence[FileFacts], leaves: Sequence[Node]
) -> tuple[Finding, ...]:
    """A warning for each value that two sides may not take for the same, although it may well arrive.

    `leaves` are those of the packet (`leaves_of`), which whoever calls has at hand.
    """
    marked = _marked_receivers(packet) if isinstance(packet, DocumentPacket) else ()
    return (*_unassigned(leaves), *marked, *_opened_files(files))


def leaves_of(packet: DocumentPacket | StatusPacket) -> Iterator[Node]:
    """Every leaf of the header and of TraceHeaderList, in wire order."""
    if isinstance(packet, StatusPacket):
        yield from layout.leaves(layout.status_header(packet))
    else:
        yield from layout.leaves(layout.document_header(packet))
        yield from layout.leaves(layout.trace_header_list(packet))


_W = TypeVar("_W", bound=Wire)

_INTEGER_TEXTS: dict[type[Wire], tuple[str, ...]] = {
    Bussiness: ("bussiness_doc_type", "paper"),
    BussinessDocumentInfo: ("document_info", "document_receiver"),
    Receiver: ("receiver_type",),
}


def _cleaned(group: _W) -> _W:
    """The group without empties, its texts trimmed, its numbers and times as they survive."""
    update: dict[str, object] = {}
    for attr, field in type(group).model_fields.items():
        value: object = getattr(group, attr)
        if attr.endswith("_text"):
            day_or_time: object = getattr(group, attr.removesuffix("_text"))
            update[attr.removesuffix("_text")], update[attr] = _surviving(attr, day_or_time, value)
        elif isinstance(value, tuple):
            update[attr] = tuple(item for item in map(_cleaned_item, value) if item is not None)
        elif isinstance(value, Wire):
            kept = _cleaned(value)
            update[attr] = None if field.default is None and kept == type(kept)() else kept
        elif isinstance(value, str):
            text = _trimmed(value)
            update[attr] = (normal_integer(text) or None) if text and attr in _integers(group) else text
        elif isinstance(value, int) and value < 0:
            update[attr] = None
    return group.model_copy(update=update)


def _integers(group: Wire) -> tuple[str, ...]:
    return _INTEGER_TEXTS.get(type(group), ())


def _cleaned_item(item: object) -> object:
    if isinstance(item, Wire):
        kept = _cleaned(item)
        return None if kept == type(kept)() else kept
    return _trimmed(item) if isinstance(item, str) else item


def _trimmed(text: str) -> str | None:
    return text.strip(layout.BLANKS) or None


def _surviving(attr: str, value: object, text: object) -> tuple[date | None, str | None]:
    written = text if isinstance(text, str) and _trimmed(text) else None
    if attr == "timestamp_text":
        moment = surviving_time(written or layout.time_text(_time(value), None))
        return moment, None if moment is None else layout.wire_time(moment)
    day = surviving_date(written or layout.date_text(_date(value), None))
    return day, None if day is None else layout.wire_date(day)


def _time(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None


def _date(value: object) -> date | None:
    return value if isinstance(value, date) else None


_DAY = re.compile(r"[ \t\r\n]*([0-9]{1,9})/([0-9]{1,9})/([0-9]{1,9})")
_MOMENT = re.compile(_DAY.pattern + r" +([0-9]{1,9}):([0-9]{1,9}):([0-9]{1,9})")


def surviving_date(text: str | None) -> date | None:
    """A date as the vendor's library reads it: `yyyy/MM/dd` with months and days that roll over, else nothing."""
    match = _DAY.match(text or "")
    return None if match is None else _rolled(*(int(part) for part in match.groups()))


def surviving_time(text: str | None) -> datetime | None:
    """A time as the vendor's library reads it, in UTC: `yyyy/MM/dd HH:mm:ss`, rolling over, else nothing."""
    match = _MOMENT.match(text or "")
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    first = _rolled(year, month, day)
    if first is None:
        return None
    try:
        naive = datetime(first.year, first.month, first.day) + timedelta(hours=hour, minutes=minute, seconds=second)  # noqa: DTZ001 - the zone is added below
        moment = aware(naive.replace(tzinfo=VIETNAM))
        layout.wire_time(moment)
    except (OverflowError, ValueError):
        return None
    return moment


def _rolled(year: int, month: int, day: int) -> date | None:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    try:
        return date(year, month, 1) + timedelta(days=day - 1)
    except (OverflowError, ValueError):
        return None


_Moment = tuple[str, str, date | None, str | None]
"""Path, pointer, what was read, and the text that stands in the packet."""


def _document_moments(packet: DocumentPacket) -> Iterator[_Moment]:
    header = packet.message_header
    info = header.promulgation_info
    yield (
        "MessageHeader.PromulgationInfo.PromulgationDate",
        "/message_header/promulgation_info/promulgation_date",
        info.promulgation_date,
        info.promulgation_date_text,
    )
    yield "MessageHeader.DueDate", "/message_header/due_date", header.due_date, header.due_date_text
    for at, response in enumerate(header.response_for):
        yield (
            "MessageHeader.ResponseFor.PromulgationDate",
            f"/message_header/response_for/{at}/promulgation_date",
            response.promulgation_date,
            response.promulgation_date_text,
        )
    for at, hop in enumerate(packet.trace_header_list.trace_headers):
        pointer = f"/trace_header_list/trace_headers/{at}/timestamp"
        yield "TraceHeaderList.TraceHeader.Timestamp", pointer, hop.timestamp, hop.timestamp_text


def _status_moments(packet: StatusPacket) -> Iterator[_Moment]:
    header = packet.message_header
    yield (
        "MessageHeader.ResponseFor.PromulgationDate",
        "/message_header/response_for/promulgation_date",
        header.response_for.promulgation_date,
        header.response_for.promulgation_date_text,
    )
    yield "MessageHeader.Timestamp", "/message_header/timestamp", header.timestamp, header.timestamp_text


def _changed_moments(moments: Iterator[_Moment]) -> Iterator[Finding]:
    for path, pointer, value, text in moments:
        if value is None and _trimmed(text or "") is None:
            continue
        arrives = surviving_time if path.endswith("Timestamp") else surviving_date
        after = arrives(text if _trimmed(text or "") else _written(value))
        if after is None:
            yield _lost(path, pointer, _GONE)
        elif value is None or _written(after) != _written(value):
            yield _lost(path, pointer, _CHANGED)


def _written(value: date | None) -> str | None:
    return layout.time_text(value, None) if isinstance(value, datetime) else layout.date_text(value, None)


_GONE = Text("sẽ bị trục bỏ mất vì không đúng dạng", "would be dropped by the axis because of its form")
_CHANGED = Text("sẽ bị trục đổi thành giá trị khác", "would be turned into another value by the axis")
_NEGATIVE = Text("là số âm nên sẽ bị bỏ", "is negative and would be dropped")
_ZEROS = Text(
    "sẽ bị trục viết lại (bỏ số 0 ở đầu hoặc dấu)", "would be re-written by the axis (without leading zeros or sign)"
)
_UNASSIGNED = Text(
    "có ký tự Unicode chưa được gán nên hai bên có thể hiểu khác nhau",
    "holds an unassigned Unicode character, which two sides may read differently",
)
_MARKED = Text(f"mang dấu {QD20_MARKER} dành riêng cho trục", f"bears the mark {QD20_MARKER}, which is the axis's own")
_OPENED = Text(
    "có đuôi .zip viết hoa nên trục sẽ thay tệp nén bằng tệp đầu tiên bên trong; hãy đổi thành .zip",
    "ends in .zip in capitals, so the axis would replace the archive by its first entry; write .zip",
)


def _dropped_numbers(packet: DocumentPacket) -> Iterator[Finding]:
    header = packet.message_header
    kind: DocumentType = header.document_type
    other: OtherInfo = header.other_info
    numbers = (
        (kind.type_detail, "DocumentType.TypeDetail", "document_type/type_detail"),
        (other.priority, "OtherInfo.Priority", "other_info/priority"),
        (other.promulgation_amount, "OtherInfo.PromulgationAmount", "other_info/promulgation_amount"),
        (other.page_amount, "OtherInfo.PageAmount", "other_info/page_amount"),
        (header.steering_type, "SteeringType", "steering_type"),
    )
    for value, path, pointer in numbers:
        if value is not None and value < 0:
            yield _lost(f"MessageHeader.{path}", f"/message_header/{pointer}", _NEGATIVE)


def _changed_numbers(packet: DocumentPacket) -> Iterator[Finding]:
    bussiness = packet.trace_header_list.bussiness
    if bussiness is None:
        return
    top, at = "TraceHeaderList.Bussiness", "/trace_header_list/bussiness"
    texts = [
        (bussiness.bussiness_doc_type, f"{top}.BussinessDocType", f"{at}/bussiness_doc_type"),
        (bussiness.paper, f"{top}.Paper", f"{at}/paper"),
    ]
    for number, info in enumerate(bussiness.bussiness_document_info):
        path, here = f"{top}.BussinessDocumentInfo", f"{at}/bussiness_document_info/{number}"
        texts += [
            (info.document_info, f"{path}.DocumentInfo", f"{here}/document_info"),
            (info.document_receiver, f"{path}.DocumentReceiver", f"{here}/document_receiver"),
        ]
        texts += [
            (
                receiver.receiver_type,
                f"{path}.ReceiverList.Receiver.ReceiverType",
                f"{here}/receiver_list/{of}/receiver_type",
            )
            for of, receiver in enumerate(info.receiver_list)
        ]
    for value, path, pointer in texts:
        text = _trimmed(value or "")
        if text is not None and normal_integer(text) != text:
            yield _lost(path, pointer, _ZEROS)


def _marked_receivers(packet: DocumentPacket) -> Iterator[Finding]:
    for at, organ in enumerate(packet.message_header.to):
        if _trimmed(organ.organization_in_charge or "") == QD20_MARKER:
            yield _lost(
                "MessageHeader.To.OrganizationInCharge",
                f"/message_header/to/{at}/organization_in_charge",
                _MARKED,
            )


def _unassigned(leaves: Sequence[Node]) -> Iterator[Finding]:
    for node in leaves:
        if not node.text.isprintable() and any(unicodedata.category(character) == "Cn" for character in node.text):
            yield _lost(node.path, node.pointer, _UNASSIGNED)


def _opened_files(files: Sequence[FileFacts]) -> Iterator[Finding]:
    for at, file in enumerate(files):
        name = file.attachment_name.strip(layout.BLANKS)
        pointer = f"/attachments/{at}/attachment_name"
        if extension_of(name) == "zip" and takes_first_entry(name, ZIP):
            yield finding(
                "L",
                "AttachmentName",
                pointer,
                _sentence(ATTACHMENT_NAME.vi, ATTACHMENT_NAME.en, _OPENED),
                Severity.WARNING,
            )
        if any(unicodedata.category(character) == "Cn" for character in name):
            yield finding(
                "L",
                "AttachmentName",
                pointer,
                _sentence(ATTACHMENT_NAME.vi, ATTACHMENT_NAME.en, _UNASSIGNED),
                Severity.WARNING,
            )


def _lost(path: str, pointer: str, says: Text) -> Finding:
    field = FIELDS[path]
    return finding("L", path, pointer, _sentence(field.vi, field.en, says), Severity.WARNING)


def _sentence(vi: str, en: str, says: Text) -> Text:
    return Text(f"{capital(vi)} {says.vi}.", f"The {en} {says.en}.")
