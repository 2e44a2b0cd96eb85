"""Serves an application on a loopback port, in this thread or beside it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from gateway.problems import Kind, Problem, Text
from gateway.simulator.door import SeverableProtocol

HEADER_BYTES = 64 * 1024
_START_SECONDS = 30.0
_IDLE_SECONDS = 120  # as the gateway itself: a client must be the first to close


@contextmanager
def serving(app: ASGIApp, header_bytes: int = HEADER_BYTES) -> Iterator[str]:
    """Serve from a thread on a free loopback port while the context lasts; gives `http://127.0.0.1:PORT`."""
    started = threading.Event()
    with listening("127.0.0.1", 0) as listener:
        server = Server(app, header_bytes, started.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="axis-sim", daemon=True)
        thread.start()
        try:
            if not started.wait(_START_SECONDS):
                raise RuntimeError("the simulated axis did not start")
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready."""

    def __init__(self, app: ASGIApp, header_bytes: int, ready: Callable[[], object]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=SeverableProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                h11_max_incomplete_event_size=header_bytes,
                timeout_keep_alive=_IDLE_SECONDS,
                timeout_graceful_shutdown=1,
            )
        )
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A bound socket; port 0 takes a free one. Raises Problem `simulator.port`."""
    # The protocol is named: asyncio turns Nagle's algorithm off only then, and with it each answer takes 40 ms longer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise Problem(
                "simulator.port",
                Kind.UNAVAILABLE,
                Text(f"Không mở được cổng {host}:{port}.", f"The port {host}:{port} cannot be had."),
                Text("Chọn cổng khác, hoặc dùng 0 để tự chọn.", "Choose another port, or 0 for a free one."),
            ) from error
        yield listener
    finally:
        listener.close()
