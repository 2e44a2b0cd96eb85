"""What is wrong or odd in a packet that was read: few errors (packet format 10.4), everything else a warning."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime

from gateway.edxml.findings import Finding, Severity
from gateway.edxml.model import (
    Bussiness,
    BussinessDocumentInfo,
    DocumentPacket,
    MessageHeader,
    Organ,
    ReplacementInfo,
    ResponseFor,
    StatusPacket,
    TraceHeader,
)
from gateway.edxml.values import read_day
from gateway.edxml.wording import missing, odd

STATUS_CODES = frozenset({"01", "02", "03", "04", "05", "06", "13", "15", "16"})
"""Status codes in use (packet format 7)."""


def document_oddities(packet: DocumentPacket, today: date | None) -> Iterator[Finding]:
    """Findings about a document packet's header. `today` is the day in Vietnam, None to judge no future date."""
    header = packet.message_header
    yield from _sender(header.from_)
    yield from _receivers(header.to)
    yield from _numbering(header)
    yield from _issue_date(header, today)
    if header.subject is None:
        yield _lacks("Subject", "/subject")
    yield from _due_date(header)
    yield from _coded(header)
    for at, response in enumerate(header.response_for):
        yield from _response(response, f"/message_header/response_for/{at}", Severity.WARNING)
    yield from _hops(packet.trace_header_list.trace_headers)
    yield from _bussiness(packet)


def status_oddities(packet: StatusPacket) -> Iterator[Finding]:
    """Findings about a status packet's header."""
    header = packet.message_header
    yield from _sender(header.from_)
    yield from _response(header.response_for, "/message_header/response_for", Severity.ERROR)
    code = header.status_code
    if code is None:
        yield missing(f"{_HEADER}.StatusCode", Severity.ERROR, pointer="/message_header/status_code")
    elif code not in STATUS_CODES:
        yield odd(
            "M",
            f"{_HEADER}.StatusCode",
            "không có trong danh mục trạng thái",
            "is not in the list of statuses",
            value=code,
            pointer="/message_header/status_code",
        )
    if code in _REASONED and header.description is None:
        yield _lacks("Description", "/description")
    if header.timestamp_text is None:
        yield _lacks("Timestamp", "/timestamp")
    issued = header.response_for.promulgation_date
    if header.timestamp is not None and issued is not None and header.timestamp.date() < issued:
        vi, en = "sớm hơn ngày ban hành văn bản", "is earlier than the issue date of the document"
        pointer = "/message_header/timestamp"
        yield odd("R", f"{_HEADER}.Timestamp", vi, en, value=header.timestamp_text, pointer=pointer)


def organ_id_is_usual(code: str) -> bool:
    """Whether a code has one of the forms of packet format 6: four levels, Decision 20/2020, or a tax number."""
    return len(code) <= 35 and any(form.fullmatch(code) for form in _CODE_FORMS)


_HEADER = "MessageHeader"
_TRACE = "TraceHeaderList"
_BUSSINESS = "TraceHeaderList.Bussiness"
_AT_BUSSINESS = "/trace_header_list/bussiness"
_INFO = f"{_BUSSINESS}.BussinessDocumentInfo"
_REPLACEMENTS = f"{_BUSSINESS}.ReplacementInfoList"

_REASONED = frozenset({"02", "13", "16"})
"""Statuses whose Description holds the reason."""

_CODE_FORMS = (
    re.compile(r"(\d{3}\.)?\d{2}\.\d{2}\.[A-Z]{1,2}\d{1,2}", re.ASCII),
    re.compile(r"[A-Z]\d{2}(\.[A-Z0-9]+)*", re.ASCII),
    re.compile(r"\d{10,13}", re.ASCII),
)


def _lacks(path: str, pointer: str, severity: Severity = Severity.WARNING) -> Finding:
    return missing(f"{_HEADER}.{path}", severity, pointer=f"/message_header{pointer}")


def _sender(sender: Organ) -> Iterator[Finding]:
    if sender.organ_id is None:
        yield _lacks("From.OrganId", "/from/organ_id", Severity.ERROR)
    else:
        yield from _code_form(sender.organ_id, "From.OrganId", "/from/organ_id")


def _code_form(code: str, path: str, pointer: str) -> Iterator[Finding]:
    if not organ_id_is_usual(code):
        vi, en = "không theo dạng mã nào đang dùng", "has none of the forms in use"
        yield odd("M", f"{_HEADER}.{path}", vi, en, value=code, pointer=f"/message_header{pointer}")


def _receivers(receivers: tuple[Organ, ...]) -> Iterator[Finding]:
    if not receivers:
        yield _lacks("To", "/to", Severity.ERROR)
    elif all(receiver.organ_id is None for receiver in receivers):
        yield _lacks("To.OrganId", "/to/0/organ_id", Severity.ERROR)
        return
    seen: Counter[str] = Counter()
    for at, receiver in enumerate(receivers):
        code = receiver.organ_id
        if code is None:
            yield _lacks("To.OrganId", f"/to/{at}/organ_id")
            continue
        yield from _code_form(code, "To.OrganId", f"/to/{at}/organ_id")
        seen[code] += 1
        if seen[code] == 2:
            vi, en = "được ghi nhiều lần", "is named more than once"
            pointer = f"/message_header/to/{at}/organ_id"
            yield replace(odd("M", f"{_HEADER}.To.OrganId", vi, en, value=code, pointer=pointer), code="M.Exist")


def _numbering(header: MessageHeader) -> Iterator[Finding]:
    if header.code.code_number is None:
        yield _lacks("Code.CodeNumber", "/code/code_number")
    if header.code.code_notation is None:
        yield _lacks("Code.CodeNotation", "/code/code_notation")
    if header.document_id is None:
        yield _lacks("DocumentId", "/document_id")
        return
    for vi, en in _document_id_oddities(header.document_id, header):
        yield odd("M", f"{_HEADER}.DocumentId", vi, en, value=header.document_id, pointer="/message_header/document_id")


def _document_id_oddities(document_id: str, header: MessageHeader) -> Iterator[tuple[str, str]]:
    """Where an id of the usual form (code, date, number/symbol) disagrees with the rest of the header."""
    parts = document_id.split(",", 2)
    if len(parts) < 3:
        yield "không theo dạng “mã cơ quan,ngày,số/ký hiệu”", "is not of the form “code,date,number/symbol”"
        return
    organ_id, day_text, number = (part.strip() for part in parts)
    day = read_day(day_text)
    if day is None:
        yield "chứa một ngày không có thật", "holds a date that does not exist"
    issued = header.promulgation_info.promulgation_date
    if day is not None and issued is not None and day.value != issued:
        yield "không khớp ngày ban hành", "disagrees with the issue date"
    code = header.code
    if None not in (code.code_number, code.code_notation) and number != f"{code.code_number}/{code.code_notation}":
        yield "không khớp số, ký hiệu văn bản", "disagrees with the number and symbol"
    if header.from_.organ_id is not None and organ_id != header.from_.organ_id:
        yield "không khớp mã cơ quan gửi", "disagrees with the sender's code"


def _issue_date(header: MessageHeader, today: date | None) -> Iterator[Finding]:
    info = header.promulgation_info
    if info.promulgation_date_text is None:
        yield _lacks("PromulgationInfo.PromulgationDate", "/promulgation_info/promulgation_date")
    if today is not None and info.promulgation_date is not None and info.promulgation_date > today:
        yield odd(
            "R",
            f"{_HEADER}.PromulgationInfo.PromulgationDate",
            "nằm trong tương lai",
            "lies in the future",
            value=info.promulgation_date_text,
            pointer="/message_header/promulgation_info/promulgation_date",
        )


def _due_date(header: MessageHeader) -> Iterator[Finding]:
    issued = header.promulgation_info.promulgation_date
    if header.due_date is not None and issued is not None and header.due_date < issued:
        vi, en = "sớm hơn ngày ban hành", "is earlier than the issue date"
        pointer = "/message_header/due_date"
        yield odd("R", f"{_HEADER}.DueDate", vi, en, value=header.due_date_text, pointer=pointer)


def _coded(header: MessageHeader) -> Iterator[Finding]:
    other = header.other_info
    yield from _range(other.priority, 0, 4, "M", "OtherInfo.Priority", "/other_info/priority")
    yield from _range(
        other.promulgation_amount, 0, 65_535, "R", "OtherInfo.PromulgationAmount", "/other_info/promulgation_amount"
    )
    yield from _range(other.page_amount, 0, 65_535, "R", "OtherInfo.PageAmount", "/other_info/page_amount")
    yield from _range(header.steering_type, 0, 3, "M", "SteeringType", "/steering_type")
    if header.steering_type is None:
        yield _lacks("SteeringType", "/steering_type")
    yield from _among(
        other.direction,
        ("true", "false"),
        f"{_HEADER}.OtherInfo.Direction",
        "/message_header/other_info/direction",
    )


def _range(value: int | None, least: int, most: int, kind: str, path: str, pointer: str) -> Iterator[Finding]:
    if value is not None and not least <= value <= most:
        vi, en = f"không nằm trong khoảng {least} đến {most}", f"is not between {least} and {most}"
        yield odd(kind, f"{_HEADER}.{path}", vi, en, value=str(value), pointer=f"/message_header{pointer}")


def _among(value: str | None, allowed: tuple[str, ...], path: str, pointer: str) -> Iterator[Finding]:
    if value is not None and value not in allowed:
        among = ", ".join(allowed)
        yield odd("M", path, f"không thuộc {among}", f"is none of {among}", value=value, pointer=pointer)


def _response(response: ResponseFor, pointer: str, document_id: Severity) -> Iterator[Finding]:
    path = f"{_HEADER}.ResponseFor"
    if response.organ_id is None:
        yield missing(f"{path}.OrganId", pointer=f"{pointer}/organ_id")
    if response.code is None:
        yield missing(f"{path}.Code", pointer=f"{pointer}/code")
    if response.document_id is None:
        yield missing(f"{path}.DocumentId", document_id, pointer=f"{pointer}/document_id")


def _hops(hops: tuple[TraceHeader, ...]) -> Iterator[Finding]:
    if not hops:
        yield missing(f"{_TRACE}.TraceHeader", pointer="/trace_header_list/trace_headers")
    previous: datetime | None = None
    for at, hop in enumerate(hops):
        pointer = f"/trace_header_list/trace_headers/{at}"
        if hop.organ_id is None:
            yield missing(f"{_TRACE}.TraceHeader.OrganId", at=f" {at + 1}", pointer=f"{pointer}/organ_id")
        if hop.timestamp_text is None:
            yield missing(f"{_TRACE}.TraceHeader.Timestamp", at=f" {at + 1}", pointer=f"{pointer}/timestamp")
        if hop.timestamp is not None and previous is not None and hop.timestamp < previous:
            vi, en = "sớm hơn vết trước đó", "is earlier than that of the hop before"
            path = f"{_TRACE}.TraceHeader.Timestamp"
            yield odd("R", path, vi, en, value=hop.timestamp_text, pointer=f"{pointer}/timestamp")
        previous = hop.timestamp or previous


def _bussiness(packet: DocumentPacket) -> Iterator[Finding]:
    bussiness = packet.trace_header_list.bussiness
    if bussiness is None:
        yield missing(_BUSSINESS, pointer=_AT_BUSSINESS)
        return
    kind = bussiness.bussiness_doc_type
    if kind is None:
        yield missing(f"{_BUSSINESS}.BussinessDocType", pointer=f"{_AT_BUSSINESS}/bussiness_doc_type")
    yield from _among(
        kind, ("0", "1", "2", "3"), f"{_BUSSINESS}.BussinessDocType", f"{_AT_BUSSINESS}/bussiness_doc_type"
    )
    if bussiness.bussiness_doc_reason is None:
        yield missing(f"{_BUSSINESS}.BussinessDocReason", pointer=f"{_AT_BUSSINESS}/bussiness_doc_reason")
    yield from _among(bussiness.paper, ("0", "1"), f"{_BUSSINESS}.Paper", f"{_AT_BUSSINESS}/paper")
    yield from _acted_upon(bussiness, packet.message_header)
    for at, info in enumerate(bussiness.bussiness_document_info):
        yield from _update(info, f"{_AT_BUSSINESS}/bussiness_document_info/{at}")
    for at, replaced in enumerate(bussiness.replacement_info_list):
        yield from _replacement(replaced, f"{_AT_BUSSINESS}/replacement_info_list/{at}")


def _acted_upon(bussiness: Bussiness, header: MessageHeader) -> Iterator[Finding]:
    """The document a recall, update or replacement acts on, and blocks that belong to another business type."""
    kind, document_id = bussiness.bussiness_doc_type or "0", bussiness.document_id
    if kind == "0" and document_id is not None:
        vi, en = "không có nghĩa trong văn bản mới", "means nothing in a new document"
        pointer = f"{_AT_BUSSINESS}/document_id"
        yield odd("M", f"{_BUSSINESS}.DocumentId", vi, en, value=document_id, pointer=pointer)
    yield from _impossible_day(document_id)
    if kind == "1" and document_id is None and not header.response_for:
        yield _lacks("ResponseFor", "/response_for")
    if kind == "2" and document_id is None:
        yield missing(f"{_BUSSINESS}.DocumentId", pointer=f"{_AT_BUSSINESS}/document_id")
    yield from _belongs(
        bool(bussiness.bussiness_document_info), kind == "2", _INFO, f"{_AT_BUSSINESS}/bussiness_document_info"
    )
    yield from _belongs(
        bool(bussiness.replacement_info_list), kind == "3", _REPLACEMENTS, f"{_AT_BUSSINESS}/replacement_info_list"
    )


def _impossible_day(document_id: str | None) -> Iterator[Finding]:
    parts = (document_id or "").split(",", 2)
    if len(parts) == 3 and read_day(parts[1].strip()) is None:
        vi, en = "chứa một ngày không có thật", "holds a date that does not exist"
        pointer = f"{_AT_BUSSINESS}/document_id"
        yield odd("T", f"{_BUSSINESS}.DocumentId", vi, en, value=document_id, pointer=pointer)


def _belongs(present: bool, expected: bool, path: str, pointer: str) -> Iterator[Finding]:
    if expected and not present:
        yield missing(path, pointer=pointer)
    if present and not expected:
        vi, en = "không thuộc loại nghiệp vụ này", "does not belong to this business type"
        yield odd("M", path, vi, en, pointer=pointer)


def _update(info: BussinessDocumentInfo, pointer: str) -> Iterator[Finding]:
    yield from _among(info.document_info, ("0", "1"), f"{_INFO}.DocumentInfo", f"{pointer}/document_info")
    yield from _among(info.document_receiver, ("0", "1"), f"{_INFO}.DocumentReceiver", f"{pointer}/document_receiver")
    path = f"{_INFO}.ReceiverList.Receiver"
    for at, receiver in enumerate(info.receiver_list):
        here = f"{pointer}/receiver_list/{at}"
        if receiver.organ_id is None:
            yield missing(f"{path}.OrganId", pointer=f"{here}/organ_id")
        if receiver.receiver_type is None:
            yield missing(f"{path}.ReceiverType", pointer=f"{here}/receiver_type")
        yield from _among(receiver.receiver_type, ("0", "1"), f"{path}.ReceiverType", f"{here}/receiver_type")


def _replacement(replaced: ReplacementInfo, pointer: str) -> Iterator[Finding]:
    path = f"{_REPLACEMENTS}.ReplacementInfo"
    if replaced.document_id is None:
        yield missing(f"{path}.DocumentId", pointer=f"{pointer}/document_id")
    if not replaced.organ_id_list:
        yield missing(f"{path}.OrganIdList.OrganId", pointer=f"{pointer}/organ_id_list")
