"""A tiny raw TCP server that plays an axis with exact control over when bytes are read, written and cut."""

import asyncio
import contextlib
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Request:
    """One request as it came. `body` is what was read of it."""

    line: str
    headers: list[tuple[bytes, bytes]]
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, without case."""
        return next((value.decode() for key, value in self.headers if key.lower() == name.lower().encode()), None)


@dataclass
class Turn:
    """One request being answered."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    request: Request

    async def read_body(self) -> None:
        """All that Content-Length says."""
        self.request.body = await self.reader.readexactly(int(self.request.header("Content-Length") or 0))

    def put(self, body: bytes, *, status: str = "200 OK", headers: str = "", length: int | None = None) -> None:
        """One answer, with Content-Length unless `headers` say how long it is."""
        size = "" if "chunked" in headers else f"Content-Length: {len(body) if length is None else length}\r\n"
        self.writer.write(f"HTTP/1.1 {status}\r\n{size}{headers}\r\n".encode() + body)


Behaviour = Callable[[Turn], Awaitable[None]]


@dataclass
class RawAxis:
    """Serves; each request takes the next behaviour, the last one stays."""

    behaviours: list[Behaviour]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}/XrdAdapter/adapter"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                line, *rest = head.rstrip(b"\r\n").split(b"\r\n")
                headers = [(name, value.strip()) for name, _, value in (raw.partition(b":") for raw in rest)]
                request = Request(line.decode(), headers)
                behaviour = self.behaviours[min(len(self.requests), len(self.behaviours) - 1)]
                self.requests.append(request)
                await behaviour(Turn(reader, writer, request))
                await writer.drain()


@contextlib.asynccontextmanager
async def raw_axis(*behaviours: Behaviour) -> AsyncIterator[RawAxis]:
    """A server on a free port."""
    axis = RawAxis(list(behaviours))
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(axis.serve(reader, writer))
        tasks.add(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=2**16)
    axis.port = server.sockets[0].getsockname()[1]
    try:
        yield axis
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(body: bytes | dict[str, object], *, status: str = "200 OK", headers: str = "") -> Behaviour:
    """Read the whole request, then answer."""
    answer = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()

    async def behave(turn: Turn) -> None:
        await turn.read_body()
        turn.put(answer, status=status, headers=headers)

    return behave


def says_zipped(body: bytes) -> Behaviour:
    """The answer in gzip."""
    return says(gzip.compress(body), headers="Content-Encoding: gzip\r\n")


def says_chunked(*pieces: bytes, ended: bool = True) -> Behaviour:
    """The answer in chunks; without its end the connection is closed instead."""

    async def behave(turn: Turn) -> None:
        await turn.read_body()
        body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        turn.put(body + (b"0\r\n\r\n" if ended else b""), headers="Transfer-Encoding: chunked\r\n")
        if not ended:
            turn.writer.close()

    return behave


def says_half(body: bytes) -> Behaviour:
    """The whole length announced, half of it written, the connection closed."""

    async def behave(turn: Turn) -> None:
        await turn.read_body()
        turn.put(body[: len(body) // 2], length=len(body))
        turn.writer.close()

    return behave


def says_before_body(body: dict[str, object], *, status: str = "200 OK") -> Behaviour:
    """Answer as soon as the headers are there, then read on to the end of the body."""

    async def behave(turn: Turn) -> None:
        turn.put(json.dumps(body).encode(), status=status)
        await turn.read_body()

    return behave


async def drops_before_body(turn: Turn) -> None:
    """Close with the body unread: the sender sees a reset."""
    turn.writer.transport.abort()


async def drops_in_body(turn: Turn) -> None:
    """Read some of the body, then close."""
    turn.request.body = await turn.reader.readexactly(100_000)
    turn.writer.transport.abort()


async def drops_after_body(turn: Turn) -> None:
    """Take everything, say nothing: what a lost answer looks like."""
    await turn.read_body()
    turn.writer.close()


async def hangs_after_body(turn: Turn) -> None:
    """Take everything, never answer."""
    await turn.read_body()
    await asyncio.Event().wait()


async def hangs_before_body(turn: Turn) -> None:
    """Read nothing, answer nothing."""
    await asyncio.Event().wait()


async def says_early_and_closes(turn: Turn) -> None:
    """A refusal before the body was read, and the connection reset."""
    turn.put(b'{"status":"FAIL","ErrorCode":"15","ErrorDesc":"Sai SystemId"}', headers="Connection: close\r\n")
    await turn.writer.drain()
    turn.writer.close()
