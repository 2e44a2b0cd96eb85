"""Tells the nodes of this process that something happened at an axis, so that tests do not wait for the next poll."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.axis.vxp.server import operation_at
from gateway.axis.vxp.wire import Operation

_QUIET_SECONDS = 1.0
_ONCE_MORE_SECONDS = 0.2
"""A poll that was under way when the bell rang may have listed too early."""

_ears: set[Callable[[], object]] = set()


def with_bell(axis: ASGIApp) -> ASGIApp:
    """The axis; the bell rings when it was given a packet, and when its faults or items were changed."""

    async def heard(scope: Scope, receive: Receive, send: Send) -> None:
        await axis(scope, receive, send)
        if scope["type"] == "http" and _matters(scope):
            for ear in tuple(_ears):
                ear()

    return heard


async def rings() -> AsyncGenerator[None]:
    """Yields when the bell has rung, once more soon after, and now and then anyway."""
    loop, rung = asyncio.get_running_loop(), asyncio.Event()

    def ear() -> None:
        with suppress(RuntimeError):  # this loop has just been closed
            loop.call_soon_threadsafe(rung.set)

    _ears.add(ear)
    try:
        while True:
            soon = rung.is_set()
            rung.clear()
            yield
            with suppress(TimeoutError):
                async with asyncio.timeout(_ONCE_MORE_SECONDS if soon else _QUIET_SECONDS):
                    await rung.wait()
    finally:
        _ears.discard(ear)


def _matters(scope: Scope) -> bool:
    if scope["path"].startswith("/_sim/"):
        return bool(scope["method"] != "GET")
    return operation_at(scope["path"]) is Operation.SEND
