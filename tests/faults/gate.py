"""Something between a gateway and its axis that keeps back the answer to a send until the test lets it through."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_PIECE = 64 * 1024


class Gate:
    """Bytes pass as they come; after a `sendEdoc` nothing comes back on that connection while the gate is shut."""

    def __init__(self, axis_address: str) -> None:
        parts = urlsplit(axis_address)
        self._host, self._port = parts.hostname or "", parts.port or 0
        self._open = asyncio.Event()
        self._passing: set[asyncio.Task[None]] = set()

    def let_through(self) -> None:
        """Open it for good."""
        self._open.set()

    def passes(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection of the gateway's begins."""
        self._passing.add(asyncio.create_task(self._pass(reader, writer)))

    async def close(self) -> None:
        """End all that pass."""
        for one in self._passing:
            one.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _pass(self, reader: StreamReader, writer: StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._host, self._port)
        sends = asyncio.Event()
        try:
            await asyncio.gather(self._out(reader, back, sends), self._in(there, writer, sends), return_exceptions=True)
        finally:
            for one in (back, writer):
                one.transport.abort()

    async def _out(self, reader: StreamReader, back: StreamWriter, sends: asyncio.Event) -> None:
        while piece := await reader.read(_PIECE):
            if b"/sendEdoc HTTP/1.1\r\n" in piece:
                sends.set()
            back.write(piece)
            await back.drain()
        back.write_eof()

    async def _in(self, there: StreamReader, writer: StreamWriter, sends: asyncio.Event) -> None:
        while piece := await there.read(_PIECE):
            if sends.is_set():
                await self._open.wait()
            writer.write(piece)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def gate(axis_address: str) -> AsyncIterator[tuple[Gate, str]]:
    """A shut gate before an axis, and its address."""
    made = Gate(axis_address)
    server = await asyncio.start_server(made.passes, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield made, f"http://{host}:{port}"
    finally:
        server.close()
        await made.close()
        await server.wait_closed()
