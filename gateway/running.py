"""A gateway that runs until it is told to stop: API and worker in one process, or a worker alone."""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import structlog
import uvicorn

from gateway.api.logging import configure
from gateway.app import Gateway, gateway
from gateway.documents.announcing import Passed, unwatched
from gateway.jobs import Lane
from gateway.settings import Settings
from gateway.store import DatabaseUnavailable

IDLE_SECONDS = 120
"""How long a connection without a request is kept. Longer than clients keep one (.NET Framework 100 s, most 60 s or less):
who closes first must be the client, or a request is lost that it writes just then."""

_log = structlog.get_logger(__name__)


async def serve(
    settings: Settings, *, host: str | None = None, port: int | None = None, passed: Passed = unwatched
) -> None:
    """API and worker in one process, until SIGTERM or SIGINT. Prints one line when it is ready."""
    configure(settings.serve.log_level.upper())
    async with gateway(settings, passed=passed) as built:
        stop = asyncio.Event()
        server = _Server(
            uvicorn.Config(
                built.api,
                host=host or settings.serve.host,
                port=settings.serve.port if port is None else port,
                http="h11",
                log_config=None,
                access_log=False,
                timeout_keep_alive=IDLE_SECONDS,
                timeout_graceful_shutdown=20,
            )
        )
        _on_signals(server.leave)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(work_until(built, stop))
            await server.serve()
            stop.set()


async def work(settings: Settings, *, passed: Passed = unwatched) -> None:
    """A worker alone, until SIGTERM or SIGINT."""
    configure(settings.serve.log_level.upper())
    async with gateway(settings, passed=passed) as built:
        stop = asyncio.Event()
        _on_signals(stop.set)
        await work_until(built, stop)


async def work_until(built: Gateway, stop: asyncio.Event) -> None:
    """Run jobs, the schedule's first of all, until `stop` is set; a database that is away is waited for."""
    while not stop.is_set() and not await _scheduled(built):
        with suppress(TimeoutError):
            async with asyncio.timeout(built.settings.jobs.idle):
                await stop.wait()
    watching = asyncio.create_task(built.webhooks.watch())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(built.nodes.run(stop))
            await built.worker.run(stop)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def _scheduled(built: Gateway) -> bool:
    try:
        async with built.store.begin() as tx:
            await built.jobs.put(tx, kind="schedule", key="all", lane=Lane.SECOND)
    except DatabaseUnavailable as error:
        _log.warning("schedule.database_unavailable", code=error.code, do=error.action.en)
        return False
    return True


def _on_signals(call: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, call)


class _Server(uvicorn.Server):
    """Says where it listens once it does, and leaves signals to us: uvicorn would die of them before the worker is done."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def leave(self) -> None:
        """Stop: finish what is being answered; a second time, at once."""
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for one in server.sockets:
                host, port = one.getsockname()[:2]
                sys.stderr.write(f"gateway ready on http://{host}:{port}\n")
                sys.stderr.flush()
