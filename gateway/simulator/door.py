"""Where requests come in: faults strike here, and connections are really cut.

ASGI has no word for «close without an answer», so the HTTP protocol class hands the application a way to cut its own
connection (`extensions["gateway.sever"]`). The transport is aborted: the client sees a reset, as when a proxy dies. Where
the beginning of an answer is to arrive, it is closed instead.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.axis.vxp.server import operation_at
from gateway.axis.vxp.wire import PREFIX, Operation, Param
from gateway.simulator.fault_kinds import CutAnswer, CutBody, ReadyAnswer, Severed, Wait
from gateway.simulator.fault_list import HTML_400, HTML_404, HTML_413, HTML_429
from gateway.simulator.faults import FaultSet

_SEVER = "gateway.sever"
_SYSTEM_ID = (PREFIX + Param.SYSTEM_ID).lower().encode()


class Sever(Protocol):
    """Cuts the connection; `flush` lets what was written go out before."""

    def __call__(self, *, flush: bool) -> None: ...


class SeverableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, whose application may cut the connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: uvicorn's own type
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        inner: ASGIApp = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope.setdefault("extensions", {})[_SEVER] = self._sever
            await inner(scope, receive, send)

        self.app = app

    def _sever(self, *, flush: bool) -> None:
        if flush:
            self.transport.close()
        else:
            self.transport.abort()


class Door:
    """The application in front of the axis's: faults before, within and after."""

    def __init__(self, inner: ASGIApp, faults: FaultSet) -> None:
        self._inner = inner
        self._faults = faults
        self._pace = _Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = operation_at(scope["path"])
        if operation is None:
            await self._inner(scope, receive, send)
            return
        try:
            with self._faults.request(operation) as readings:
                if _header_bytes(scope) > readings.header_limit:
                    await _send_whole(HTML_400, send)
                elif self._pace.exceeds(_header(scope, _SYSTEM_ID), readings.rate_limit):
                    await _read_on(receive)
                    await _send_whole(HTML_429, send)
                elif readings.packet_limit is not None and _body_bytes(scope) > readings.packet_limit:
                    await _read_on(receive)
                    await _send_whole(HTML_413, send)
                elif operation is Operation.DOWNLOAD and readings.download == "missing":
                    await _send_whole(HTML_404, send)
                else:
                    await self._answer(operation, scope, receive, send)
        except Severed as severed:
            sever: Sever = scope["extensions"][_SEVER]
            sever(flush=severed.flush)
            await _gone(receive)  # were it not noticed yet, uvicorn would answer by itself

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        strikes = self._faults.before(operation)
        for strike in strikes:
            if isinstance(strike, Wait):
                send = _late(send, receive, strike.seconds)
            if isinstance(strike, CutAnswer):
                send = _cut(send, strike.after)
        for strike in strikes:
            if isinstance(strike, ReadyAnswer):
                await _read_on(receive)
                await _send_whole(strike, send)
                return
            if isinstance(strike, CutBody):
                await _read_on(receive, strike.after)
                raise Severed
        pieces = self._faults.pieces(operation)
        if pieces:
            scope, send = _uncompressed(scope), _bent(send, pieces)
        changes = self._faults.answer_changes(operation)
        if not changes:
            await self._inner(scope, receive, send)
            return
        answer = await self._whole_answer(scope, receive)
        for change in changes:
            answer = change(answer)
        await _send_whole(answer, send)

    async def _whole_answer(self, scope: Scope, receive: Receive) -> ReadyAnswer:
        """The inner application's answer in one piece, uncompressed, to be changed."""
        status, content_type, pieces = 500, "", list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, content_type
            if message["type"] == "http.response.start":
                status = message["status"]
                content_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            else:
                pieces.append(message.get("body", b""))

        await self._inner(_uncompressed(scope), receive, collect)
        return ReadyAnswer(status, content_type, b"".join(pieces))


class _Pace:
    """How many requests each system made within the last second."""

    def __init__(self) -> None:
        self._times: dict[bytes, deque[float]] = {}

    def exceeds(self, system_id: bytes, limit: int | None) -> bool:
        """Whether this one is more than so many in a second; one that is does not count."""
        if limit is None:
            return False
        now = asyncio.get_running_loop().time()
        times = self._times.setdefault(system_id, deque())
        while times and now - times[0] > 1:
            times.popleft()
        if len(times) >= limit:
            return True
        times.append(now)
        return False


def _late(send: Send, receive: Receive, seconds: float | None) -> Send:
    """`send` that waits before the first byte. What was asked is done by then, so a client that gives up is wrong."""
    started = False

    async def late(message: Message) -> None:
        nonlocal started
        if not started:
            started = True
            with suppress(TimeoutError):
                await asyncio.wait_for(_gone(receive), seconds)
        await send(message)

    return late


def _cut(send: Send, after: int | None) -> Send:
    """`send` that cuts within the answer's body. One piece is held back, so that its end never goes out."""
    held, left = b"", after

    async def cut(message: Message) -> None:
        nonlocal held, left
        if message["type"] != "http.response.body":
            await send(message)
            return
        body = message.get("body", b"")
        if held and body:
            await send({"type": "http.response.body", "body": held[:left], "more_body": True})
            left = None if left is None else max(left - len(held), 0)
            held = b""
        held = body or held
        if not message.get("more_body", False) or left == 0:
            last = held[: len(held) // 2] if left is None else held[: min(left, len(held) - 1)]
            await send({"type": "http.response.body", "body": last, "more_body": True})
            raise Severed(flush=True)

    return cut


def _bent(send: Send, changes: Sequence[Callable[[bytes], bytes]]) -> Send:
    """`send` that changes each piece of the answer, whose length is so not known beforehand."""

    async def bent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [each for each in message["headers"] if each[0] != b"content-length"]
            await send({**message, "headers": headers})
            return
        body = message.get("body", b"")
        for change in changes:
            body = change(body)
        await send({**message, "body": body})

    return bent


def _uncompressed(scope: Scope) -> Scope:
    return {**scope, "headers": [each for each in scope["headers"] if each[0] != b"accept-encoding"]}


def _header(scope: Scope, name: bytes) -> bytes:
    return next((bytes(value) for key, value in scope["headers"] if key.lower() == name), b"")


def _body_bytes(scope: Scope) -> int:
    """As the request says beforehand."""
    said = _header(scope, b"content-length")
    return int(said) if said.isdigit() else 0


def _header_bytes(scope: Scope) -> int:
    """As they stood on the wire, with colon, space and line end."""
    return sum(len(name) + len(value) + 4 for name, value in scope["headers"])


async def _read_on(receive: Receive, at_most: int | None = None) -> None:
    """Read the request's body to its end, or until so many bytes of it are read, and forget it."""
    count, more = 0, True
    while more and (at_most is None or count < at_most):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Severed
        count += len(message.get("body", b""))
        more = message.get("more_body", False)


async def _send_whole(answer: ReadyAnswer, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", str(len(answer.body)).encode("ascii")),
    ]
    await send({"type": "http.response.start", "status": answer.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def _gone(receive: Receive) -> None:
    """Until the server has noticed that the connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass
