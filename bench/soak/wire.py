"""The line between the gateways and the axis: a proxy of our own that sees every request, and cuts some in the middle.

What it saw is evidence that neither gateway nor simulator has a part in: which packets left whole, and how often.
"""

import asyncio
import json
import random
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass

from bench.soak.framing import Exchange, RequestReader, keep_answer

_PIECE = 64 * 1024
_LEFT_ALONE_SECONDS = 10.0
"""How long the axis may take over a request whose client is gone, before nobody waits for it any more."""
_SEND = "sendEdoc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """How often a connection is cut within a request's body or an answer, or stands still for a while."""

    in_body: float = 0.04
    in_answer: float = 0.02
    still: float = 0.01
    still_seconds: float = 3.0


class Wire:
    """All lines to one axis. `cutting` switches the harm on and off."""

    def __init__(self, upstream_port: int, seed: int, odds: Odds = Odds()) -> None:  # frozen
        self.sends: dict[tuple[str, str], list[Exchange]] = defaultdict(list)
        """What left, by agency and hash of the packet, in order."""
        self.harm: Counter[str] = Counter()
        self.cutting = False
        self._upstream_port = upstream_port
        self._chance = random.Random(f"{seed} wire")
        self._odds = odds
        self._servers: list[asyncio.Server] = []
        self._lines: set[asyncio.Task[None]] = set()

    async def listen(self, agency: str) -> int:
        """A port at which one agency finds the axis."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._lines.add(task)
                task.add_done_callback(self._lines.discard)
            with suppress(asyncio.CancelledError):  # only `close` cancels it, and asyncio would take that for an error
                await _Line(self, agency, reader, writer).run()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2 * _PIECE)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Every line ends."""
        for server in self._servers:
            server.close()
        for task in tuple(self._lines):
            task.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def up(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A line to the axis itself."""
        return await asyncio.open_connection("127.0.0.1", self._upstream_port, limit=2 * _PIECE)

    def note(self, exchange: Exchange) -> None:
        """Keep sends; of all else only its number."""
        self.harm[f"requests {exchange.operation}"] += 1
        if exchange.operation == _SEND:
            self.sends[exchange.agency, exchange.hash_file].append(exchange)

    def fate(self) -> tuple[str, float]:
        """What will happen to a request: a word, and how far it comes (part of its body, or of a short answer)."""
        drawn, far = self._chance.random(), self._chance.random()
        if not self.cutting:
            return "", 0.0
        for word, odds in (("body", self._odds.in_body), ("answer", self._odds.in_answer), ("still", self._odds.still)):
            if drawn < odds:
                return word, far
            drawn -= odds
        return "", 0.0

    @property
    def still_seconds(self) -> float:
        """How long a line stands still."""
        return self._odds.still_seconds


class _Cut(Exception):
    pass


class _Line:
    """One connection of a gateway and its continuation to the axis."""

    def __init__(self, wire: Wire, agency: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._wire = wire
        self._reader, self._writer = reader, writer
        self._requests = RequestReader(agency)
        self._now: Exchange | None = None
        self._fate: tuple[str, float] = ("", 0.0)
        self._up: asyncio.StreamWriter | None = None

    async def run(self) -> None:
        try:
            up_reader, self._up = await self._wire.up()
        except OSError:
            self._writer.transport.abort()
            return
        downward = asyncio.create_task(self._downward(up_reader))
        try:
            with suppress(_Cut, ConnectionError, ValueError):
                await self._upward()
            if self._harmed:
                self._writer.transport.abort()
            else:
                self._writer.close()
            await self._let_it_end(downward)
        finally:
            downward.cancel()
            await asyncio.gather(downward, return_exceptions=True)
            self._up.transport.abort()
            self._end()

    @property
    def _harmed(self) -> bool:
        return self._fate[0] in ("cut", "answered")

    async def _let_it_end(self, downward: "asyncio.Task[None]") -> None:
        """The axis may be at work on a whole request: until it answers, nobody knows what it makes of it."""
        if self._now is not None and self._now.complete and self._now.in_flight:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEFT_ALONE_SECONDS):
                    await asyncio.wait([downward])

    async def _upward(self) -> None:
        while piece := await self._reader.read(_PIECE):
            while piece:
                exchange, taken = self._requests.feed(piece, time.time())
                if exchange is not None and exchange is not self._now:
                    self._begin(exchange)
                await self._pass_on(piece[:taken])
                piece = piece[taken:]

    def _begin(self, exchange: Exchange) -> None:
        self._end()
        self._now = exchange
        self._fate = self._wire.fate()
        self._wire.note(exchange)

    def _end(self) -> None:
        if self._now is not None and not self._now.ended:
            self._now.ended = time.time()

    async def _pass_on(self, data: bytes) -> None:
        if self._up is None:
            return
        word, far = self._fate
        if self._now is not None and word == "body" and self._now.length:
            over = self._now.seen - int(self._now.length * far)
            if over > 0:
                self._wire.harm["cut within a request"] += 1
                self._fate = ("cut", 0.0)
                self._now.seen -= min(over, len(data))
                self._now.completed = 0.0
                self._up.write(data[: max(len(data) - over, 0)])
                with suppress(ConnectionError):
                    await self._up.drain()
                raise _Cut
        if word == "still":
            self._wire.harm["stood still"] += 1
            self._fate = ("", 0.0)
            await asyncio.sleep(self._wire.still_seconds)
        self._up.write(data)
        await self._up.drain()

    async def _downward(self, up: asyncio.StreamReader) -> None:
        try:
            while piece := await up.read(_PIECE):
                exchange = self._now
                if exchange is not None:
                    keep_answer(exchange, piece)
                    if is_whole(bytes(exchange.answer)):
                        exchange.ended = time.time()
                await self._answer(piece)
            self._writer.close()
        except ConnectionError:
            self._writer.transport.abort()
        finally:
            self._end()

    async def _answer(self, piece: bytes) -> None:
        word, far = self._fate
        if word == "answer":
            self._wire.harm["cut within an answer"] += 1
            self._fate = ("answered", 0.0)
            self._writer.write(piece[: int(len(piece) * far)])
            with suppress(ConnectionError):
                await self._writer.drain()
            self._writer.transport.abort()
            return
        if word == "answered" or self._writer.is_closing():
            return
        with suppress(ConnectionError):  # the gateway is gone; what the axis says is still read to its end
            self._writer.write(piece)
            await self._writer.drain()


def is_whole(answer: bytes) -> bool:
    """Whether a short answer with a length is there to its end."""
    head, found, body = answer.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), None)
    return bool(found) and length is not None and len(body) >= length


def was_refused(exchange: Exchange) -> bool:
    """Whether the axis said a FAIL that means that it has nothing: then the same may leave again by itself."""
    head, _, body = bytes(exchange.answer).partition(b"\r\n\r\n")
    parts = head.split(b" ", 2)
    if len(parts) < 2 or parts[1] in (b"502", b"503", b"504"):
        return False
    try:
        said = json.loads(body.decode("utf-8-sig"))
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("status") == "FAIL" and str(said.get("ErrorCode")) not in ("20", "0")
