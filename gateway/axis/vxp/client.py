"""The client of an axis of the XrdAdapter kind: the port `Axis` over the signed-header protocol (axis API 5, 11)."""

import asyncio
import json
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import datetime
from functools import partial
from typing import TypeVar

import httpx2
import structlog

from gateway.axis.places import Places, Weight
from gateway.axis.port import (
    NOT_WHOLE,
    Agency,
    AxisUnavailable,
    Exchange,
    Item,
    MessageType,
    NotSent,
    PacketSource,
    Registration,
    SendResult,
    SentRow,
    Transport,
)
from gateway.axis.settings import MB, HashFileForm, VxpSettings
from gateway.axis.vxp import reading, wire
from gateway.axis.vxp.exchange import EXCERPT_BYTES, NO_ANSWER, Budget, Call, reason_of
from gateway.axis.vxp.reading import Envelope, Malformed
from gateway.axis.vxp.scanner import AnswerScanner, Base64Reader, RowsReader, ScanError
from gateway.axis.vxp.sending import PacketChanged, SendBody, Undecided, outcome
from gateway.axis.vxp.wire import Operation, Param
from gateway.times import Clock

Row = TypeVar("Row")

PAUSES = (0.2, 1.0)
"""Seconds before each quick retry within one call."""
_TAKES_LONG = frozenset(
    {Operation.FETCH, Operation.DOWNLOAD, Operation.AGENCIES, Operation.AGENCIES_QD20, Operation.UNITS}
)
_REMEMBERED = 10_000
"""Items that are fetched by getEdoc because downloadEdoc gave no whole packet."""
KEPT_ALIVE = 2
"""Idle connections kept for everything but send."""


class VxpClient:
    """One systemId at one axis. Implements `Axis`; see there for what each call gives and raises.

    `transport` stands in for the network in tests; `on_exchange` is told of every request when it has ended. `places`
    are those of its connection, where others share them; else it has as many as its settings say.
    Cancelling a `send` leaves its result unknown: the caller's dispatch stays `sending` (design rule 1).
    """

    def __init__(
        self,
        settings: VxpSettings,
        *,
        system_id: str,
        secret: str,
        clock: Clock,
        transport: httpx2.AsyncBaseTransport | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        places: Places | None = None,
    ) -> None:
        self._settings = settings
        self._system_id = system_id
        self._secret = secret
        self._clock = clock
        self._on_exchange = on_exchange
        self._pause = pause
        self._places = places or Places(settings.max_connections)
        # An idle connection that the other side has just closed swallows a request after it was written. For a send
        # that would be Unknown for nothing, so each send has a fresh connection.
        self._http = _http_client(transport or _transport(settings, kept_alive=KEPT_ALIVE))
        self._send_http = _http_client(transport or _transport(settings, kept_alive=0))
        self.last_exchange: Exchange | None = None
        self._never_downloaded: dict[str, None] = {}

    async def received(
        self, kind: MessageType, since: datetime | None = None, until: datetime | None = None
    ) -> list[Item]:
        """See Axis. One row that cannot be read makes the whole list unavailable (design rule 7)."""
        params = _list_params(kind, None, since, until)
        call = self._call(Operation.RECEIVED, params)
        rows = self._rows(call, self._settings.max_list_rows, lambda row: reading.item(row, kind))
        return [item async for item in rows]

    async def sent(
        self,
        kind: MessageType,
        doc_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[SentRow]:
        """See Axis."""
        call = self._call(Operation.SENT, _list_params(kind, doc_id, since, until))
        return [row async for row in self._rows(call, self._settings.max_list_rows, reading.sent_row)]

    def agencies(self) -> AsyncIterator[Agency]:
        """See Axis. The rows are believed only when the iteration ends without raising; a code may be empty."""
        return self._directory(Operation.AGENCIES, {})

    def agencies_qd20(self, level: str = "1") -> AsyncIterator[Agency]:
        """See Axis and `agencies`."""
        return self._directory(Operation.AGENCIES_QD20, {Param.LEVEL.value: level})

    def units(self) -> AsyncIterator[Agency]:
        """See Axis and `agencies`."""
        return self._directory(Operation.UNITS, {})

    async def _directory(self, operation: Operation, params: Mapping[str, str]) -> AsyncGenerator[Agency]:
        call = self._call(operation, params)
        async with aclosing(self._rows(call, self._settings.max_directory_rows, reading.agency)) as rows:
            async for row in rows:
                yield row

    async def fetch(self, doc_id: str, write: Callable[[bytes], object]) -> int:
        """See Axis. What was written before a raise is not the packet and must be thrown away.

        Raises AxisUnavailable with a reason of `NOT_WHOLE` where downloadEdoc answered and gave no whole packet; the
        next call for this item asks by getEdoc.
        """
        params = {Param.DOC_ID.value: doc_id}
        if self._settings.use_download and doc_id not in self._never_downloaded:
            try:
                return await self._download(self._call(Operation.DOWNLOAD, params), write)
            except AxisUnavailable as unavailable:
                if unavailable.reason in NOT_WHOLE:
                    self._ask_otherwise_for(doc_id)
                if unavailable.reason != "http_404":
                    raise
        call = self._call(Operation.FETCH, params)
        packet = Base64Reader(write, max_bytes=self._settings.max_packet_bytes)
        # Base64 takes 4 bytes for 3, with escapes up to 24; the cap on what is written is the true one.
        scanner = AnswerScanner(packet, max_bytes=8 * self._settings.max_packet_bytes + MB)
        await self._read(call, scanner, b"{}", lacks=lambda _: None if packet.written else "no_data")
        return packet.written

    def _ask_otherwise_for(self, doc_id: str) -> None:
        """downloadEdoc cannot tell a packet that is broken from one that was cut; the envelope of getEdoc can."""
        self._never_downloaded[doc_id] = None
        while len(self._never_downloaded) > _REMEMBERED:
            del self._never_downloaded[next(iter(self._never_downloaded))]

    async def _download(self, call: Call, write: Callable[[bytes], object]) -> int:
        """downloadEdoc has no envelope, and an error page looks like success: only whole edXML passes."""
        written, tail = 0, b""
        refusal: AnswerScanner | None = None
        try:
            async with aclosing(self._pieces(call, b"")) as pieces:
                async for piece in pieces:
                    if not written and piece.lstrip().startswith(b"{"):
                        refusal = AnswerScanner(max_bytes=self._settings.max_answer_bytes)
                    if refusal is not None:
                        refusal.feed(piece)
                        continue
                    if not written:
                        _expect_packet(piece)
                    written += len(piece)
                    if written > self._settings.max_packet_bytes:
                        raise ScanError("too_large")
                    tail = (tail + piece[-200:])[-200:]
                    if call.success:
                        write(piece)
            if refusal is not None:
                call.judge(refusal.finish())
                raise ScanError("not_packet")
            if not call.success or not _PACKET_END.search(tail):
                raise ScanError("not_whole")
        except ScanError as error:
            raise call.unavailable(error) from None
        finally:
            self._report(call)
        return written

    async def acknowledge(self, doc_id: str, state: Transport) -> None:
        """See Axis. `state` is DONE, FAIL or PROCESSING."""
        if state not in (Transport.DONE, Transport.FAIL, Transport.PROCESSING):
            raise ValueError(f"{state.value} is not a state to acknowledge with")
        params = {Param.DOC_ID.value: doc_id, Param.STATUS.value: state.value}
        await self._ask(Operation.UPDATE_STATUS, params, b"{}")

    async def register(self, registration: Registration) -> None:
        """See Axis."""
        body = {
            "id": registration.id,
            "pcode": registration.parent_code,
            "code": registration.code,
            "name": registration.name,
            "mail": registration.mail,
            "mobile": registration.mobile,
            "fax": registration.fax,
        }
        await self._ask(Operation.REGISTER, {}, json.dumps(body, ensure_ascii=False).encode())

    async def remove(self, agency_code: str) -> None:
        """See Axis."""
        await self._ask(Operation.DELETE, {Param.AGENCY_CODE.value: agency_code}, b"{}")

    async def count(self, kind: MessageType) -> int:
        """See Axis."""
        operation = Operation.COUNT_EDOC if kind is MessageType.EDOC else Operation.COUNT_STATUS
        scanner = AnswerScanner(max_bytes=self._settings.max_answer_bytes)
        call = self._call(operation, _kind_params(kind))
        answer = await self._read(
            call, scanner, b"{}", lacks=lambda answer: "keys_missing" if answer.count is None else None
        )
        return answer.count or 0

    def place(self, weight: Weight) -> AbstractAsyncContextManager[None]:
        """See Axis."""
        return self._places.taking(weight)

    async def send(
        self, kind: MessageType, from_code: str, packet: PacketSource, to: tuple[str, ...] | None = None
    ) -> SendResult:
        """See Axis. `to` goes out as a header only where the connection's settings say so."""
        body = SendBody(packet, trailing_crlf=self._settings.trailing_crlf)
        params = {**_kind_params(kind), Param.HASH_FILE.value: self._hash_file(packet), Param.FROM.value: from_code}
        if to and self._settings.send_to_header:
            params[Param.TO.value] = json.dumps(to, separators=(",", ":"))
        call = self._call(Operation.SEND, params)
        call.budget.earn(body.length)
        try:
            return await self._send(call, body)
        except wire.BadHeaderValue:
            call.failure = "bad_header_value"
            return NotSent(call.failure)
        except PacketChanged:
            call.failure = "packet_changed"
            return NotSent(call.failure)
        except (ScanError, Malformed) as error:
            call.failure = reason_of(error) if call.success else f"http_{call.http_status}"
        except NO_ANSWER as error:
            call.failure = reason_of(error)
        finally:
            self._report(call)
        return Undecided(completed=body.completed, retry_after=call.retry_after).named(call.failure)

    def _hash_file(self, packet: PacketSource) -> str:
        if self._settings.hash_file_form is HashFileForm.PADDED:
            return packet.sha256
        return wire.hash_file_as_sdk(packet.sha256)

    async def _send(self, call: Call, body: SendBody) -> SendResult:
        """One attempt, never repeated; the whole of it within the budget. Its place was waited for before."""
        headers = self._headers(call) | {"Content-Length": str(body.length)}
        scanner = AnswerScanner(max_bytes=self._settings.max_answer_bytes)
        async with asyncio.timeout(call.budget.left), aclosing(body.pieces()) as pieces:
            request = self._request(self._send_http, call, headers, pieces)
            response = await self._send_http.send(request, stream=True)
            try:
                call.answered(response)
                async for piece in response.aiter_bytes():
                    _remember(call, piece)
                    scanner.feed(piece)
            finally:
                await response.aclose()
        answer = reading.envelope(scanner.finish())
        call.read(answer)
        return outcome(answer, response.status_code, completed=body.completed, retry_after=call.retry_after)

    async def close(self) -> None:
        """See Axis."""
        await self._http.aclose()
        await self._send_http.aclose()

    async def _ask(self, operation: Operation, params: Mapping[str, str], content: bytes) -> Envelope:
        """A call whose answer is the envelope alone."""
        scanner = AnswerScanner(max_bytes=self._settings.max_answer_bytes)
        return await self._read(self._call(operation, params), scanner, content)

    async def _read(
        self,
        call: Call,
        scanner: AnswerScanner,
        content: bytes,
        *,
        lacks: Callable[[Envelope], str | None] = lambda _: None,
    ) -> Envelope:
        """One whole answer. `lacks` names what a good envelope still misses for this operation."""
        try:
            async with aclosing(self._pieces(call, content)) as pieces:
                async for piece in pieces:
                    scanner.feed(piece)
            answer = call.judge(scanner.finish())
            missing = lacks(answer)
            if missing is not None:
                raise call.unavailable(missing)
            return answer
        except ScanError as error:
            raise call.unavailable(error) from None
        finally:
            self._report(call)

    async def _rows(
        self, call: Call, max_rows: int, read: Callable[[Mapping[str, object]], Row]
    ) -> AsyncGenerator[Row]:
        """The rows of a list as they come. They count only when this ends without raising."""
        rows = RowsReader(max_rows)
        scanner = AnswerScanner(rows, max_bytes=self._settings.max_list_bytes)
        try:
            async with aclosing(self._pieces(call, b"")) as pieces:
                async for piece in pieces:
                    scanner.feed(piece)
                    for row in rows.drain():
                        yield read(row)
            members = scanner.finish()
            for row in rows.drain():
                yield read(row)
            if call.judge(members).has_data:
                raise ScanError("bad_row", "data is not an array")
        except (ScanError, Malformed) as error:
            raise call.unavailable(error) from None
        finally:
            self._report(call)

    async def _pieces(self, call: Call, content: bytes) -> AsyncGenerator[bytes]:
        """The answer's bytes, unzipped. Raises AxisUnavailable for what the network does."""
        weight = Weight.PACKET if call.operation in _TAKES_LONG else Weight.CALL
        try:
            await call.budget.spend(partial(self._places.take, weight))
        except TimeoutError:
            raise call.unavailable("pool") from None
        try:
            response = await self._open(call, content)
            try:
                body = aiter(response.aiter_bytes())
                while True:
                    try:
                        piece = await call.budget.spend(lambda: anext(body, None))
                    except NO_ANSWER as error:
                        raise call.unavailable(error) from None
                    if piece is None:
                        return
                    call.budget.earn(len(piece))
                    _remember(call, piece)
                    yield piece
            finally:
                await response.aclose()
        finally:
            self._places.give_back(weight)

    async def _open(self, call: Call, content: bytes) -> httpx2.Response:
        """The answer's head; tried again, freshly signed, while no answer had begun."""
        pauses = iter(PAUSES[: self._settings.quick_retries])
        while True:
            request = self._request(self._http, call, self._headers(call), content)
            try:
                response = await call.budget.spend(partial(self._http.send, request, stream=True))
            except NO_ANSWER as error:
                seconds = next(pauses, None)
                if seconds is None or not _worth_repeating(error, call.operation):
                    raise call.unavailable(error) from None
                await self._pause(seconds)
            else:
                call.answered(response)
                return response

    def _headers(self, call: Call) -> dict[str, str]:
        content_type = call.operation.content_type
        return wire.sign(self._system_id, self._secret, call.params, content_type, self._clock())

    def _request(
        self, http: httpx2.AsyncClient, call: Call, headers: dict[str, str], content: bytes | AsyncIterator[bytes]
    ) -> httpx2.Request:
        address = f"{self._settings.endpoint}/{call.operation.value}"
        has_body = call.operation.method == "POST"
        timeout = httpx2.Timeout(max(call.budget.left, 0.001), connect=self._settings.connect_seconds)
        return http.build_request(
            call.operation.method, address, headers=headers, content=content if has_body else None, timeout=timeout
        )

    def _call(self, operation: Operation, params: Mapping[str, str]) -> Call:
        transfer = operation in (Operation.FETCH, Operation.DOWNLOAD, Operation.SEND)
        budget = self._transfer_budget() if transfer else Budget(self._settings.list_seconds)
        return Call(operation=operation, params=params, secret=self._secret, clock=self._clock, budget=budget)

    def _transfer_budget(self) -> Budget:
        return Budget(self._settings.transfer_seconds, per_mb=self._settings.transfer_seconds_per_mb)

    def _report(self, call: Call) -> None:
        correlation_id = structlog.contextvars.get_contextvars().get("correlation_id")
        self.last_exchange = call.report(None if correlation_id is None else str(correlation_id))
        if self._on_exchange is not None:
            self._on_exchange(self.last_exchange)


def _http_client(transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    # Proxies and authorities come from the connection's settings alone, never from the environment.
    return httpx2.AsyncClient(transport=transport, trust_env=False, headers={"Accept-Encoding": "gzip, deflate"})


def _transport(settings: VxpSettings, *, kept_alive: int) -> httpx2.AsyncHTTPTransport:
    limits = httpx2.Limits(max_connections=settings.max_connections, max_keepalive_connections=kept_alive)
    if settings.endpoint.startswith("https:"):
        trust = ssl.create_default_context(cafile=settings.ca_file)
    else:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx2.AsyncHTTPTransport(verify=trust, limits=limits, trust_env=False, retries=0)


def _kind_params(kind: MessageType) -> dict[str, str]:
    return {Param.SERVICE_TYPE.value: wire.SERVICE_TYPE, Param.MESSAGE_TYPE.value: kind.value}


def _list_params(
    kind: MessageType, doc_id: str | None, since: datetime | None, until: datetime | None
) -> dict[str, str]:
    params = _kind_params(kind)
    if doc_id is not None:
        params[Param.DOC_ID.value] = doc_id
    if since is not None:
        params[Param.FROM_DATE.value] = wire.date_filter(since)
    if until is not None:
        params[Param.TO_DATE.value] = wire.date_filter(until)
    return params


def _worth_repeating(error: Exception, operation: Operation) -> bool:
    """Whether to ask again at once: nothing was reached, or an idle connection had been closed under us.

    A registration may have been taken before the connection broke, so it is repeated only when nothing was reached.
    """
    if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
        return True
    return operation is not Operation.REGISTER and isinstance(error, (httpx2.RemoteProtocolError, httpx2.ReadError))


def _remember(call: Call, piece: bytes) -> None:
    if len(call.start) < EXCERPT_BYTES:
        call.start += piece[: EXCERPT_BYTES - len(call.start)]


def _expect_packet(piece: bytes) -> None:
    start = piece.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"<") or b"edxml" not in start[:4096].lower():
        raise ScanError("not_packet")


_PACKET_END = re.compile(rb"</(?:[\w.-]+:)?edXML\s*>\s*\Z")
