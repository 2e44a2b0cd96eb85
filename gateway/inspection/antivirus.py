"""clamd's INSTREAM (clamd(8)): a file goes to the daemon in pieces, a verdict comes back. Unknown is never clean."""

import asyncio
import re
import socket
from collections.abc import Awaitable
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol

from gateway.edxml.sinks import Source
from gateway.inspection.settings import InspectionSettings, address_of


class Reason(StrEnum):
    """Why a file was not scanned."""

    OFF = "off"
    UNREACHABLE = "unreachable"
    OVER_LIMIT = "over_limit"
    TIMEOUT = "timeout"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Clean:
    """The daemon read the whole file and knows nothing bad of it."""

    def __str__(self) -> str:
        return "clean"


@dataclass(frozen=True, slots=True)
class Infected:
    """The daemon knows it, by this name (visible ASCII)."""

    name: str

    def __str__(self) -> str:
        return f"infected:{self.name}"


@dataclass(frozen=True, slots=True)
class NotScanned:
    """Nobody knows."""

    reason: Reason

    def __str__(self) -> str:
        return f"not_scanned:{self.reason}"


Verdict = Clean | Infected | NotScanned
"""As text (`str`): `clean`, `infected:NAME`, `not_scanned:reason`; at most 100 characters."""


class Antivirus(Protocol):
    """Scans files."""

    async def scan(self, source: Source) -> Verdict:
        """The verdict on one file. Raises only what the source raises."""


class NoAntivirus:
    """The antivirus where none is configured."""

    async def scan(self, source: Source) -> Verdict:  # noqa: ARG002 - the protocol's signature
        """Nothing is scanned."""
        return NotScanned(Reason.OFF)


class Clamd:
    """A clamd at a unix socket or a TCP port; one connection for each file."""

    def __init__(self, settings: InspectionSettings) -> None:
        self._address = address_of(settings.antivirus_address)
        self._settings = settings

    async def scan(self, source: Source) -> Verdict:
        """Stream the file to the daemon."""
        if source.size > self._settings.antivirus_max_bytes:
            return NotScanned(Reason.OVER_LIMIT)
        try:
            async with asyncio.timeout(self._settings.antivirus_connect_seconds):
                connected = await _connected(self._address)
        except TimeoutError:
            return NotScanned(Reason.TIMEOUT)
        except OSError:
            return NotScanned(Reason.UNREACHABLE)
        with connected, source.open() as stream:
            try:
                sent = await self._send(connected, stream)
                return verdict_of(await self._answer(connected), sent=sent, size=source.size)
            except TimeoutError:
                return NotScanned(Reason.TIMEOUT)
            except OSError:
                return NotScanned(Reason.ERROR)

    async def _send(self, connected: socket.socket, stream: BinaryIO) -> int:
        """Bytes of the file that were sent. Ends early when the daemon does not want more: then its answer says why."""
        loop = asyncio.get_running_loop()
        sent = 0
        try:
            await self._within(loop.sock_sendall(connected, b"zINSTREAM\0"))
            while piece := await asyncio.to_thread(stream.read, _PIECE):
                await self._within(loop.sock_sendall(connected, len(piece).to_bytes(4, "big") + piece))
                sent += len(piece)
            await self._within(loop.sock_sendall(connected, bytes(4)))
        except ConnectionError:
            return -1
        return sent

    async def _within(self, step: Awaitable[None]) -> None:
        async with asyncio.timeout(self._settings.antivirus_idle_seconds):
            await step

    async def _answer(self, connected: socket.socket) -> bytes:
        loop = asyncio.get_running_loop()
        answer = b""
        async with asyncio.timeout(self._settings.antivirus_answer_seconds):
            while b"\0" not in answer and len(answer) < _MOST_ANSWER:
                piece = await loop.sock_recv(connected, 1024)
                if not piece:
                    break
                answer += piece
        return answer


def antivirus_of(settings: InspectionSettings) -> Antivirus:
    """The antivirus that is configured."""
    return Clamd(settings) if settings.antivirus_address else NoAntivirus()


def verdict_of(answer: bytes, *, sent: int, size: int) -> Verdict:
    """What an answer means: clean only where it says OK, whole, and the whole file (`size` bytes) was `sent`."""
    text = answer.partition(b"\0")[0].decode("ascii", "replace").strip()
    if found := _FOUND.fullmatch(text):
        name = found["name"]
        if name.startswith(_LIMITS_EXCEEDED):
            return NotScanned(Reason.OVER_LIMIT)
        return Infected(_UNFIT.sub("_", name)[:_LONGEST_NAME])
    if "size limit exceeded" in text:
        return NotScanned(Reason.OVER_LIMIT)
    if answer == b"stream: OK\0" and sent == size:
        return Clean()
    return NotScanned(Reason.ERROR)


_PIECE = 256 * 1024
_MOST_ANSWER = 4096
_FOUND = re.compile(r"stream: (?P<name>.+) FOUND")
_LIMITS_EXCEEDED = "Heuristics.Limits.Exceeded"
"""What clamd answers, when told to (AlertExceedsMax), of a file that it has not read to its end."""
_UNFIT = re.compile(r"[^\x21-\x7e]")
_LONGEST_NAME = 80


async def _connected(address: str | tuple[str, int]) -> socket.socket:
    loop = asyncio.get_running_loop()
    if isinstance(address, str):
        return await _to(socket.AF_UNIX, address)
    found = await loop.getaddrinfo(*address, type=socket.SOCK_STREAM)
    failure: OSError = OSError("no address")
    for family, _, _, _, target in found:
        try:
            return await _to(family, target)
        except OSError as error:
            failure = error
    raise failure


async def _to(family: int, target: str | tuple[object, ...]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, target)
    except BaseException:
        made.close()
        raise
    return made
