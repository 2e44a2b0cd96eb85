"""Every fault by name: a line or a few for each (axis API 12)."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO

from gateway.axis.port import Item, Transport
from gateway.axis.vxp.backend import ErrorCode, ServerFail
from gateway.axis.vxp.wire import Operation
from gateway.edxml.model import Organ, ResponseFor, StatusHeader, StatusPacket
from gateway.edxml.writer import write_status
from gateway.simulator.fault_kinds import CutAnswer, CutBody, FaultKind, Parts, ReadyAnswer, Severed, Wait

_SEND = frozenset({Operation.SEND})
_LIST = frozenset({Operation.RECEIVED})
_DIRECTORY = frozenset({Operation.AGENCIES, Operation.AGENCIES_QD20, Operation.UNITS})
_DOWNLOAD = frozenset({Operation.DOWNLOAD})

HTML_404 = ReadyAnswer(
    404,
    "text/html;charset=utf-8",
    b"<html><head><title>HTTP Status 404</title></head><body>Not Found</body></html>\r\n",
)
HTML_400 = ReadyAnswer(
    400,
    "text/html;charset=utf-8",
    b"<html><head><title>HTTP Status 400</title></head><body>Request header is too large</body></html>\r\n",
)
HTML_413 = ReadyAnswer(
    413,
    "text/html",
    b"<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body></body>\r\n</html>\r\n",
)
HTML_429 = ReadyAnswer(
    429,
    "text/html",
    b"<html>\r\n<head><title>429 Too Many Requests</title></head>\r\n<body></body>\r\n</html>\r\n",
)
_HTML_502 = ReadyAnswer(
    502,
    "text/html",
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
)
_JSON_401 = ReadyAnswer(
    401, "application/json", b'{"status":"FAIL","ErrorCode":"15","ErrorDesc":"Sai SystemId hoac SecretKey"}'
)


def _system_error_without_doc_id(_: float | None) -> ServerFail:
    return ServerFail(ErrorCode.SYSTEM_ERROR, "Lỗi hệ thống", doc_id=None)


def _with_doc_id_null(answer: ReadyAnswer) -> ReadyAnswer:
    return replace(answer, body=json.dumps({**json.loads(answer.body), "DocId": None}).encode())


def _with_numeric_code(answer: ReadyAnswer) -> ReadyAnswer:
    envelope = json.loads(answer.body)
    return replace(answer, body=json.dumps({**envelope, "ErrorCode": int(envelope["ErrorCode"])}).encode())


def _with_nulls(rows: bytes) -> bytes:
    return _NULLABLE.sub(rb'"\1":null', rows)


_NULLABLE = re.compile(
    rb'"(serviceType|messageType|created_time|updated_time|from|to|status_desc|fromCode|toCode|title|notation|sentTime'
    rb'|receivedTime|sendStatus|receiveStatus|mail|pid|oldCode|code102|modifyDate)":"(?:[^"\\]|\\.)*"'
)


def _status_for_unknown(from_code: str, to_code: str, now: datetime) -> bytes:
    """A status packet about a document that nobody has sent."""
    about = ResponseFor(organ_id=to_code, code="0/KHONG-CO", document_id=f"{to_code},2000/01/01,0/KHONG-CO")
    header = StatusHeader(from_=Organ(organ_id=from_code), response_for=about, status_code="03", timestamp=now)
    out = BytesIO()
    write_status(StatusPacket(message_header=header), out)
    return out.getvalue()


def _to(**changes: object) -> Mapping[str, object]:
    return changes


def _window(parts: Parts) -> Mapping[str, object]:
    return {"timestamp_window": timedelta(minutes=5 if parts.argument is None else parts.argument)}


def _count(argument: float | None, default: int) -> int:
    return default if argument is None else int(argument)


def _as_initial(item: Item) -> Item:
    return replace(item, status=Transport.INITIAL)


FAULTS: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        FaultKind(name="html-502", says="a proxy's HTML page with status 502", before=lambda _: _HTML_502),
        FaultKind(name="http-401-json", says="a FAIL answer with status 401", before=lambda _: _JSON_401),
        FaultKind(
            name="slow",
            says="does what was asked at once, answers later",
            unit="s",
            before=lambda seconds: Wait(seconds or 1.0),
        ),
        FaultKind(name="hang", says="does what was asked, never answers", before=lambda _: Wait(None)),
        FaultKind(
            name="drop-before-store",
            says="reads the body, stores nothing, cuts the connection",
            operations=_SEND,
            unit="B",
            before=lambda count: CutBody(None if count is None else int(count)),
        ),
        FaultKind(
            name="drop-after-store",
            says="stores, then cuts the connection without an answer",
            operations=_SEND,
            after_store=lambda _: Severed(),
        ),
        FaultKind(
            name="fail-without-docid",
            says="stores nothing, FAIL 20 without DocId",
            operations=_SEND,
            before_store=_system_error_without_doc_id,
        ),
        FaultKind(
            name="relist-acked",
            says="lists acknowledged items again",
            operations=_LIST,
            listing=lambda waiting, acknowledged: [*map(_as_initial, acknowledged()), *waiting],
        ),
        FaultKind(
            name="duplicate-delivery",
            says="gives each recipient the packet more than once",
            operations=_SEND,
            unit="copies",
            copies=lambda count: _count(count, 1),
        ),
        FaultKind(name="docid-null", says="DocId is null", operations=_SEND, answer=_with_doc_id_null),
        FaultKind(name="empty-200", says="status 200, no body", answer=lambda answer: replace(answer, body=b"")),
        FaultKind(
            name="bom",
            says="a byte order mark before the JSON",
            answer=lambda answer: replace(answer, body=b"\xef\xbb\xbf" + answer.body),
        ),
        FaultKind(name="numeric-errorcode", says="ErrorCode is a number", answer=_with_numeric_code),
        FaultKind(
            name="truncate-body",
            says="cuts the connection within the answer's body",
            unit="B",
            before=lambda count: CutAnswer(None if count is None else int(count)),
        ),
        FaultKind(name="null-fields", says="null in every field of a row that may be unknown", pieces=_with_nulls),
        FaultKind(
            name="download-not-available",
            says="404: this axis has no such operation",
            operations=_DOWNLOAD,
            before=lambda _: HTML_404,
        ),
        FaultKind(
            name="relist-fail",
            says="lists items acknowledged `fail` again",
            operations=_LIST,
            turns=lambda _: _to(after_fail="again"),
        ),
        FaultKind(
            name="out-of-order-status",
            says="keeps a status from the next lists (2), so that a later one comes first",
            operations=_SEND,
            unit="lists",
            held=lambda count: _count(count, 2),
        ),
        FaultKind(
            name="status-for-unknown-document",
            says="lays a status about a document that nobody has sent before whoever asks for statuses",
            operations=_LIST,
            lays=_status_for_unknown,
        ),
        FaultKind(
            name="agencies-100k",
            says="100 000 more units in the directory",
            operations=_DIRECTORY,
            turns=lambda _: _to(directory="100k"),
        ),
        FaultKind(
            name="header-limit-8k",
            says="refuses more than 8 kB of headers with a 400 page",
            turns=lambda _: _to(header_limit=8 * 1024),
        ),
        FaultKind(
            name="strict-timestamp",
            says="refuses a signed time that is further off (5min)",
            unit="min",
            turns=_window,
        ),
        FaultKind(
            name="strict-hash-file",
            says="compares one form of hash-file only",
            operations=_SEND,
            words=("padded", "unpadded"),
            turns=lambda parts: _to(hash_file=parts.word or "padded"),
        ),
        FaultKind(
            name="replay-reject", says="refuses the same signed request again", turns=lambda _: _to(replay="refused")
        ),
        FaultKind(
            name="no-bussiness",
            says="the business block gets lost",
            operations=_SEND,
            turns=lambda _: _to(bussiness="dropped"),
        ),
        FaultKind(
            name="trace-without-organid",
            says="the axis's own hop has no OrganId",
            operations=_SEND,
            turns=lambda _: _to(hop_organ_id="missing"),
        ),
        FaultKind(
            name="dual-qd20-recipients",
            says="each To by a code of 2020 is followed by one by its code of 2016",
            operations=_SEND,
            turns=lambda _: _to(old_code_receivers="added"),
        ),
        FaultKind(
            name="one-item-per-unit",
            says="an item for each unit of a system",
            operations=_SEND,
            turns=lambda _: _to(items_per="unit"),
        ),
        FaultKind(
            name="one-item-per-system",
            says="one item for all units of a system",
            operations=_SEND,
            turns=lambda _: _to(items_per="system"),
        ),
        FaultKind(
            name="zip-attachment",
            says="every attachment arrives as a zip of one entry",
            operations=_SEND,
            turns=lambda _: _to(attachments="zipped"),
        ),
        FaultKind(
            name="plain-attachment",
            says="every attachment arrives as plain base64",
            operations=_SEND,
            turns=lambda _: _to(attachments="plain"),
        ),
        FaultKind(
            name="cid-prefix",
            says="`cid:` before a ContentId, or none",
            operations=_SEND,
            words=("off", "on"),
            turns=lambda parts: _to(cid_prefix=parts.word or "off"),
        ),
    )
}
"""Every fault by name."""
