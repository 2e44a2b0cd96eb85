"""Where requests come in: faults strike here, and connections are really cut.

ASGI has no word for «close without an answer», so the HTTP protocol class hands the application a way to cut its own
connection (`extensions["gateway.sever"]`). The transport is aborted: the client sees a reset, as when a proxy dies.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from gateway.axis.vxp.server import operation_at
from gateway.axis.vxp.wire import Operation
from gateway.simulator.faults import CutBody, FaultSet, ReadyAnswer, Severed, Wait

_SEVER = "gateway.sever"


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

    def _sever(self) -> None:
        self.transport.abort()


class Door:
    """The application in front of the axis's: faults before, within and after."""

    def __init__(self, inner: ASGIApp, faults: FaultSet) -> None:
        self._inner = inner
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = operation_at(scope["path"])
        if operation is None:
            await self._inner(scope, receive, send)
            return
        try:
            await self._answer(operation, scope, receive, send)
        except Severed:
            sever: Callable[[], None] = scope["extensions"][_SEVER]
            sever()
            await _gone(receive)  # were it not noticed yet, uvicorn would answer by itself

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        strikes = self._faults.before(operation)
        for strike in strikes:
            if isinstance(strike, Wait):
                send = _late(send, receive, strike.seconds)
        for strike in strikes:
            if isinstance(strike, ReadyAnswer):
                await _read_on(receive)
                await _send_whole(strike, send)
                return
            if isinstance(strike, CutBody):
                await _read_on(receive, strike.after)
                raise Severed
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
        plain = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"accept-encoding"]}
        status, content_type, pieces = 500, "", list[bytes]()

        async def collect(message: Message) -> None:
            nonlocal status, content_type
            if message["type"] == "http.response.start":
                status = message["status"]
                content_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            else:
                pieces.append(message.get("body", b""))

        await self._inner(plain, receive, collect)
        return ReadyAnswer(status, content_type, b"".join(pieces))


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
