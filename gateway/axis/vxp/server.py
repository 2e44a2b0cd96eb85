"""The protocol's server half: routes, the check of who asks, and answers in the shape that the vendor's SDK reads.

An ASGI application over a backend that knows nothing of HTTP. Whatever stands before the last part of the address is
free (`/XrdAdapter/adapter/sendEdoc`, `/sendEdoc`). Everything is bounded: headers, bodies, idle time, whole time.
Source: axis API 3 to 5 and 12.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.axis.port import MessageType, Registration, Transport
from gateway.axis.vxp import answers, wire
from gateway.axis.vxp.answers import Answer
from gateway.axis.vxp.backend import (
    Acknowledgement,
    AxisBackend,
    ErrorCode,
    ReceivedQuery,
    SentQuery,
    ServerFail,
    Submission,
)
from gateway.axis.vxp.rules import PacketTerms, Rules
from gateway.axis.vxp.wire import Operation, Param
from gateway.edxml.sinks import Sink
from gateway.problems import Problem
from gateway.times import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Bounds of one request.

    `timestamp_window` is how far the signed time may be from ours, either way; None does not look at it, which is how
    the servers known behave (axis API 3.1).
    """

    header_bytes: int = 64 * 1024
    packet_bytes: int = 512 * 1024 * 1024
    json_bytes: int = 64 * 1024
    idle_seconds: float = 60.0
    body_seconds: float = 1800.0
    answer_seconds: float = 1800.0
    timestamp_window: timedelta | None = None


def axis_app(
    backend: AxisBackend,
    *,
    secrets: Callable[[str], str | None],
    clock: Clock,
    limits: ServerLimits | None = None,
    rules: Rules | None = None,
) -> ASGIApp:
    """An ASGI application that speaks the axis's protocol for a backend.

    `secrets` gives a systemId's secret; `rules` are asked anew for each request.
    """
    return _Server(backend, secrets, clock, limits or ServerLimits(), rules or Rules())


def operation_at(path: str) -> Operation | None:
    """The operation that an address names by its last part, or None."""
    try:
        return Operation(path.rpartition("/")[2])
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Server:
    backend: AxisBackend
    secrets: Callable[[str], str | None]
    clock: Clock
    limits: ServerLimits
    rules: Rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the axis's protocol is HTTP, not {scope['type']}")
        with suppress(_ClientGone, TimeoutError):
            answer = await self._answer(scope, receive)
            async with asyncio.timeout(self.limits.answer_seconds):
                await answers.deliver(answer, send, gzip=_takes_gzip(scope))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        operation = operation_at(scope["path"])
        if operation is None:
            fail = ServerFail(ErrorCode.INVALID_ARGUMENT, "Không có thao tác này")
            return answers.failure(fail, with_doc_id=False, http_status=404)
        is_send = operation is Operation.SEND
        if scope["method"] != operation.method:
            fail = ServerFail(ErrorCode.INVALID_ARGUMENT, f"Thao tác này dùng {operation.method}")
            return answers.failure(fail, with_doc_id=is_send, http_status=405)
        body = _Body(receive, self.limits, _content_length(scope))
        try:
            call = _Call(self._verified(operation, scope))
            if is_send:
                return await self._send(call, body)
            content = await body.read(self.limits.json_bytes)
            return await self._other(operation, call, content)
        except ServerFail as fail:
            return answers.failure(fail, with_doc_id=is_send, http_status=self.rules.refusal_status(fail))
        except Problem as problem:
            unable = ServerFail(ErrorCode.SYSTEM_ERROR, f"Lỗi hệ thống: {problem.code}")
            return answers.failure(unable, with_doc_id=is_send, http_status=self.rules.refusal_status(unable))

    def _verified(self, operation: Operation, scope: Scope) -> wire.Verified:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if sum(len(name) + len(value) for name, value in headers) > self.limits.header_bytes:
            raise ServerFail(ErrorCode.INVALID_ARGUMENT, "Phần header quá lớn")
        verified = wire.verify(headers, self.secrets)
        if isinstance(verified, wire.Refusal):
            raise ServerFail(ErrorCode.BAD_CREDENTIALS, "Sai SystemId hoặc SecretKey")
        window = self.limits.timestamp_window
        if window is not None and (verified.timestamp is None or abs(verified.timestamp - self.clock()) > window):
            raise ServerFail(ErrorCode.BAD_CREDENTIALS, "Timestamp không hợp lệ")
        self.rules.admit(operation, verified, headers)
        return verified

    async def _send(self, call: "_Call", body: "_Body") -> Answer:
        submission = Submission(
            system_id=call.system_id,
            kind=call.kind(),
            from_code=call.needed(Param.FROM),
            to=call.recipients(),
            content_length=body.content_length,
        )
        hash_file = call.needed(Param.HASH_FILE)
        terms = self.rules.packet_terms()
        sink = await self.backend.new_body(submission)
        try:
            tail = await _receive_packet(body, sink, self.limits.packet_bytes, terms)
            _check_hash(hash_file, sink, tail, terms)
        except BaseException:
            sink.discard()
            raise
        return answers.success(DocId=await self.backend.send(submission, sink))

    async def _other(self, operation: Operation, call: "_Call", content: bytes) -> Answer:
        match operation:
            case Operation.RECEIVED:
                since, until = call.dates()
                query = ReceivedQuery(system_id=call.system_id, kind=call.kind(), since=since, until=until)
                return answers.listing(await self.backend.received(query), answers.item_row)
            case Operation.FETCH:
                return answers.packet_in_json(await self.backend.fetch(call.system_id, call.doc_id()))
            case Operation.DOWNLOAD:
                return answers.packet_alone(await self.backend.fetch(call.system_id, call.doc_id()))
            case Operation.UPDATE_STATUS:
                await self.backend.acknowledge(
                    Acknowledgement(
                        system_id=call.system_id,
                        doc_id=call.doc_id(),
                        state=call.new_state(),
                        description=call.param(Param.DESCRIPTION),
                    )
                )
                return answers.success()
            case Operation.SENT:
                return await self._sent(call)
            case Operation.COUNT_EDOC:
                return answers.success(count=await self.backend.count(call.system_id, MessageType.EDOC))
            case Operation.COUNT_STATUS:
                return answers.success(count=await self.backend.count(call.system_id, MessageType.STATUS))
            case Operation.AGENCIES:
                return answers.listing(await self.backend.agencies(call.system_id), answers.agency_row)
            case Operation.AGENCIES_QD20:
                rows = await self.backend.agencies_qd20(call.system_id, call.needed(Param.LEVEL))
                return answers.listing(rows, answers.agency_row_qd20)
            case Operation.UNITS:
                return answers.listing(await self.backend.units(call.system_id), answers.unit_row)
            case Operation.REGISTER:
                await self.backend.register(call.system_id, _registration(content))
                return answers.success()
            case _:
                await self.backend.remove(call.system_id, call.needed(Param.AGENCY_CODE))
                return answers.success()

    async def _sent(self, call: "_Call") -> Answer:
        kind = call.kind()
        since, until = call.dates()
        doc_id = call.doc_id() if call.param(Param.DOC_ID) else None
        query = SentQuery(system_id=call.system_id, kind=kind, doc_id=doc_id, since=since, until=until)
        return answers.listing(
            await self.backend.sent(query), lambda row: {**answers.sent_row(row), "messageType": kind.value}
        )


@dataclass(frozen=True, slots=True)
class _Call:
    """The signed parameters of one request; those that the operation does not ask for are never looked at."""

    verified: wire.Verified

    @property
    def system_id(self) -> str:
        return self.verified.system_id

    def param(self, name: Param) -> str | None:
        return self.verified.param(name)

    def needed(self, name: Param) -> str:
        value = self.param(name)
        if not value:
            raise ServerFail(ErrorCode.INVALID_ARGUMENT, f"Thiếu tham số {name.value}")
        return value

    def kind(self) -> MessageType:
        if self.needed(Param.SERVICE_TYPE).lower() != wire.SERVICE_TYPE.lower():
            raise _bad(Param.SERVICE_TYPE)
        try:
            return MessageType(self.needed(Param.MESSAGE_TYPE).lower())
        except ValueError:
            raise _bad(Param.MESSAGE_TYPE) from None

    def doc_id(self) -> str:
        value = self.needed(Param.DOC_ID)
        if len(value) > 64:
            raise _bad(Param.DOC_ID)
        return value

    def new_state(self) -> Transport:
        value = self.needed(Param.STATUS).lower()
        if value not in (Transport.DONE, Transport.FAIL, Transport.PROCESSING):
            raise _bad(Param.STATUS)
        return Transport(value)

    def dates(self) -> tuple[datetime | None, datetime | None]:
        """Both date filters; one in another form than the known is not heeded."""
        since, until = self.param(Param.FROM_DATE) or None, self.param(Param.TO_DATE) or None
        return since and wire.parse_date_filter(since), until and wire.parse_date_filter(until)

    def recipients(self) -> tuple[str, ...] | None:
        text = self.param(Param.TO)
        if not text:
            return None
        try:
            codes = json.loads(text)
        except (ValueError, RecursionError):
            raise _bad(Param.TO) from None
        if not isinstance(codes, list) or not codes or not all(isinstance(code, str) for code in codes):
            raise _bad(Param.TO)
        return tuple(codes)


def _bad(name: Param) -> ServerFail:
    return ServerFail(ErrorCode.INVALID_ARGUMENT, f"Giá trị của tham số {name.value} không hợp lệ")


class _ClientGone(Exception):
    """The connection ended before the body did."""


@dataclass(slots=True)
class _Body:
    """The request's body, bounded in time; sizes are bounded by whoever reads."""

    receive: Receive
    limits: ServerLimits
    content_length: int | None
    deadline: float = field(init=False)

    def __post_init__(self) -> None:
        self.deadline = asyncio.get_running_loop().time() + self.limits.body_seconds

    async def pieces(self, at_most: int) -> AsyncIterator[bytes]:
        """Raises _ClientGone when it was cut, ServerFail when it is too large or does not come."""
        if self.content_length is not None and self.content_length > at_most:
            raise ServerFail(ErrorCode.FILE_INVALID, "Nội dung quá lớn")
        count, more = 0, True
        while more:
            message = await self._next()
            if message["type"] == "http.disconnect":
                raise _ClientGone
            piece = message.get("body", b"")
            count += len(piece)
            if count > at_most:
                raise ServerFail(ErrorCode.FILE_INVALID, "Nội dung quá lớn")
            if piece:
                yield piece
            more = message.get("more_body", False)

    async def read(self, at_most: int) -> bytes:
        """All of a small body."""
        return b"".join([piece async for piece in self.pieces(at_most)])

    async def _next(self) -> Message:
        left = self.deadline - asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(min(self.limits.idle_seconds, left)):
                return await self.receive()
        except TimeoutError:
            raise ServerFail(ErrorCode.FILE_PROCESSING, "Hết thời gian chờ nội dung") from None


async def _receive_packet(body: _Body, sink: Sink, at_most: int, terms: PacketTerms) -> bytes:
    """The packet into the sink; gives back what is not written: the CRLF it ended in, which the SDK appends."""
    held = b""
    async for piece in body.pieces(at_most + len(wire.CRLF)):
        data = held + piece
        held = data[-2:] if terms.cuts_tail else _start_of_crlf(data)
        if ready := data[: len(data) - len(held)]:
            sink.write(ready)
    if terms.cuts_tail or held == wire.CRLF:
        return held
    sink.write(held)
    return b""


def _start_of_crlf(data: bytes) -> bytes:
    """What of the end may be the packet's last CRLF."""
    return data[-2:] if data.endswith(wire.CRLF) else data[-1:] if data.endswith(b"\r") else b""


def _check_hash(hash_file: str, sink: Sink, tail: bytes, terms: PacketTerms) -> None:
    """The hash of the packet with or without its last CRLF; that CRLF is kept when it was hashed."""
    if terms.fits(hash_file, sink.sha256):
        return
    if tail and not terms.cuts_tail:
        sink.write(tail)
        if terms.fits(hash_file, sink.sha256):
            return
    raise ServerFail(ErrorCode.FILE_INVALID, "hash-file không khớp với nội dung gửi")


class _Registration(BaseModel):
    """The body of registerAgency. Null is taken for empty; fields of other versions are passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", str_strip_whitespace=True)

    id: str = Field(default="", max_length=64)
    pcode: str = Field(default="", max_length=64)
    code: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=500)
    mail: str = Field(default="", max_length=200)
    mobile: str = Field(default="", max_length=50)
    fax: str = Field(default="", max_length=50)

    @field_validator("id", "pcode", "mail", "mobile", "fax", mode="before")
    @classmethod
    def _empty_for_null(cls, value: object) -> object:
        return "" if value is None else value


def _registration(content: bytes) -> Registration:
    try:
        body = _Registration.model_validate_json(content)
    except ValidationError as error:
        names = ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]})) or "JSON"
        raise ServerFail(ErrorCode.INVALID_ARGUMENT, f"Thông tin đơn vị không hợp lệ: {names}") from None
    return Registration(
        id=body.id,
        parent_code=body.pcode,
        code=body.code,
        name=body.name,
        mail=body.mail,
        mobile=body.mobile,
        fax=body.fax,
    )


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return None


def _takes_gzip(scope: Scope) -> bool:
    """Whether Accept-Encoding names gzip with a weight above nought (RFC 9110 12.5.3)."""
    for name, value in scope["headers"]:
        if name != b"accept-encoding":
            continue
        for offer in value.decode("latin-1").lower().split(","):
            coding, _, weight = offer.partition(";")
            if coding.strip() in ("gzip", "x-gzip") and not _is_nought(weight):
                return True
    return False


def _is_nought(weight: str) -> bool:
    text = weight.replace(" ", "").removeprefix("q=")
    return bool(text) and text.strip("0.") == ""
