"""A packet from the JSON that reading one prints: the same names, checked strictly, nothing taken on trust. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from gateway.edxml.document_id import composed_document_id
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.model import (
    DocumentPacket,
    StatusHeader,
    StatusPacket,
    TraceHeader,
    TraceHeaderList,
)
from gateway.problems import Text
from gateway.times import VIETNAM

MAX_BYTES = 16 * 1024 * 1024

_KEPT = {"document": ("message_header", "trace_header_list"), "status": ("message_header",)}


class JsonRefused(ValueError):
    """The JSON describes no packet; `findings` say where and why."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{finding.code} {finding.pointer}" for finding in findings))
        self.findings = tuple(findings)


def packet_from_json(data: bytes, now: datetime) -> DocumentPacket | StatusPacket:
    """The packet described by one JSON object. `kind` decides, or, where it is absent, whether there is a status code.

    Attachments, findings and whatever else stands beside the header are left out. A time without a zone is Vietnam
    time. A document without an id gets the usual one, a document without a hop its sender's, and a status without a time gets one, both at `now`. Raises
    JsonRefused.
    """
    members = _members(data)
    header = members.get("message_header")
    kind = members.get("kind")
    if kind is None:
        kind = "status" if isinstance(header, dict) and "status_code" in header else "document"
    if kind not in ("document", "status"):
        raise JsonRefused(
            [_finding("M.Kind", "/kind", "Giá trị phải là document hoặc status", "It is document or status")]
        )
    kept = to_json({name: members[name] for name in _KEPT[str(kind)] if members.get(name) is not None})
    try:
        if kind == "status":
            return _dated(StatusPacket.model_validate_json(kept, strict=True), now)
        return _traced(DocumentPacket.model_validate_json(kept, strict=True), now)
    except ValidationError as error:
        raise JsonRefused([_of_error(each) for each in error.errors(include_url=False, include_input=False)]) from None


def _members(data: bytes) -> Mapping[str, object]:
    if len(data) > MAX_BYTES:
        raise JsonRefused([_finding("R.Json", "", "Tệp JSON quá lớn", "The JSON is too large")])
    try:
        value = from_json(data.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError:
        raise JsonRefused(
            [_finding("X.Json", "", "Nội dung không phải JSON hợp lệ", "This is not valid JSON")]
        ) from None
    if not isinstance(value, dict):
        raise JsonRefused([_finding("T.Json", "", "Cần một đối tượng JSON", "One JSON object is needed")])
    return value


def _traced(packet: DocumentPacket, now: datetime) -> DocumentPacket:
    trace = packet.trace_header_list
    sender = packet.message_header.from_.organ_id
    if not trace.trace_headers and sender is not None:
        hops: tuple[TraceHeader, ...] = (TraceHeader(organ_id=sender, timestamp=now),)
    else:
        hops = tuple(hop.model_copy(update={"timestamp": _with_zone(hop.timestamp)}) for hop in trace.trace_headers)
    header = packet.message_header
    if header.document_id is None:
        header = header.model_copy(update={"document_id": composed_document_id(header)})
    return DocumentPacket(
        message_header=header,
        trace_header_list=TraceHeaderList(trace_headers=hops, bussiness=trace.bussiness),
    )


def _dated(packet: StatusPacket, now: datetime) -> StatusPacket:
    header: StatusHeader = packet.message_header
    moment = now if header.timestamp is None and header.timestamp_text is None else _with_zone(header.timestamp)
    return StatusPacket(message_header=header.model_copy(update={"timestamp": moment}))


def _with_zone(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=VIETNAM) if moment is not None and moment.tzinfo is None else moment


def _of_error(error: ErrorDetails) -> Finding:
    path, pointer = _wire_path(error["loc"]), "".join(f"/{_escaped(step)}" for step in error["loc"])
    if error["type"] == "extra_forbidden":
        return _finding(f"M.{path}", pointer, "Không có mục nào tên như vậy", "There is no element of this name")
    if error["type"].startswith(("greater_", "less_", "too_", "string_too")):
        return _finding(f"R.{path}", pointer, "Giá trị vượt ngoài giới hạn", "The value is out of range")
    return _finding(f"T.{path}", pointer, "Giá trị sai kiểu dữ liệu", "The value is of the wrong type")


def _wire_path(steps: Sequence[int | str]) -> str:
    """`("message_header", "from", "organ_id")` as `MessageHeader.From.OrganId`; places in lists are left out."""
    words = ("".join(word.capitalize() for word in step.split("_")) for step in steps if isinstance(step, str))
    return ".".join(word[:40] for word in words) or "Json"


def _escaped(step: int | str) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")[:100]


def _finding(code: str, pointer: str, vi: str, en: str) -> Finding:
    return Finding(code, Severity.ERROR, Text(f"{vi} ({pointer or '/'}).", f"{en} ({pointer or '/'})."), pointer)
