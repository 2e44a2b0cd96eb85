"""HTTP at its cheapest, so that what is measured is the gateway and not its caller: one kept connection, no library."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

Json = dict[str, Any]  # Any: each caller knows what it asked for

_LONGEST_HEAD = 256 * 1024


class Refused(Exception):
    """An answer that the bench has no use for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes

    def json(self) -> Json:
        """The body's object. Raises Refused where the status is no 2xx."""
        if not 200 <= self.status < 300:
            raise Refused(f"{self.status}: {self.body[:300].decode(errors='replace')}")
        return cast(Json, json.loads(self.body))


class Line:
    """One connection to one server, one request at a time; opened when first used, and anew after the server closed it."""

    def __init__(self, address: str, key: str = "") -> None:
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "", parts.port or 80
        bearer = f"Authorization: Bearer {key}\r\n" if key else ""
        self._common = f" HTTP/1.1\r\nHost: {parts.netloc}\r\n{bearer}"
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Answer:
        """GET."""
        return await self.ask("GET", path)

    async def post(self, path: str, body: Mapping[str, object]) -> Answer:
        """POST of JSON."""
        return await self.ask("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})

    async def ask(self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """One request. Raises OSError and asyncio.IncompleteReadError for what the network does."""
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        reader, writer = await self._open()
        writer.write(f"{method} {path}{self._common}{more}Content-Length: {len(body)}\r\n\r\n".encode())
        if body:
            writer.write(body)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        answer = Answer(int(head[0].split(" ", 2)[1]), await _body(reader, fields))
        if fields.get("connection") == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self.close()
            self._streams = await asyncio.open_connection(self._host, self._port, limit=_LONGEST_HEAD)
        return self._streams


async def _body(reader: asyncio.StreamReader, fields: Mapping[str, str]) -> bytes:
    if fields.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(fields.get("content-length", "0")))
    pieces = []
    while size := int(await reader.readline(), 16):
        pieces.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readline()
    return b"".join(pieces)
