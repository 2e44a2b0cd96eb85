"""A document system that is called: a plain HTTP server on a loopback port that looks at everything it gets."""

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

Answer = bytes | None
"""What is written back; None says nothing and keeps the line open."""


@dataclass
class Call:
    """One request as it came."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The webhook-id."""
        return self.headers["webhook-id"]

    @property
    def json(self) -> dict[str, Any]:
        """The body."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def kind(self) -> str:
        """The event's kind."""
        return str(self.json["type"])

    def verified(self, secret: str) -> bool:
        """Whether a signature is that of this secret, by HMAC as RFC 2104 writes it."""
        key = base64.b64decode(secret.removeprefix("whsec_")).ljust(64, b"\0")
        stamped = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        inner = hashlib.sha256(bytes(one ^ 0x36 for one in key) + stamped).digest()
        outer = hashlib.sha256(bytes(one ^ 0x5C for one in key) + inner).digest()
        return f"v1,{base64.b64encode(outer).decode()}" in self.headers["webhook-signature"].split(" ")


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """An HTTP answer."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def always(status: int, **headers: str) -> Callable[[Call], Answer]:
    """The same answer to every call."""
    said = answer(status, b"", **headers)
    return lambda _: said


@dataclass
class Receiver:
    """What came, and what is said to it."""

    port: int = 0
    respond: Callable[[Call], Answer] = field(default_factory=lambda: always(200))
    calls: list[Call] = field(default_factory=list)
    now: int = 0
    most_at_once: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def kinds(self) -> list[str]:
        """Kinds of events in the order in which they came."""
        return [call.kind for call in self.calls]


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()
    lines: dict[asyncio.StreamWriter, asyncio.Task[object] | None] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines[writer] = asyncio.current_task()
        try:
            while (call := await _request(reader)) is not None:
                receiver.calls.append(call)
                receiver.now += 1
                receiver.most_at_once = max(receiver.most_at_once, receiver.now)
                await receiver.gate.wait()
                said = receiver.respond(call)
                receiver.now -= 1
                if said is None:
                    await reader.read()
                    return
                writer.write(said)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            del lines[writer]

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        receiver.gate.set()
        serving = [task for task in lines.values() if task is not None]
        for line in tuple(lines):
            line.close()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


async def _request(reader: asyncio.StreamReader) -> Call | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Call(first.split(" ")[1], headers, body)
