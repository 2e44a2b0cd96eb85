"""The body of sendEdoc, which knows how far it got, and what the end of a send means (design rule 1)."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gateway.axis.port import Accepted, NotSent, PacketSource, Rejected, SendResult, Unknown
from gateway.axis.vxp import errors, wire
from gateway.axis.vxp.reading import Envelope
from gateway.problems import Problem

PIECE_BYTES = 256 * 1024


class PacketChanged(Exception):
    """The packet cannot be read, or is not what its size and hash say. Raised before the last piece has left."""


class SendBody:
    """The packet's bytes with the CRLF, piece by piece.

    `completed` turns true when the piece with the packet's last byte is handed to the transport, before it is known to
    be written. A connection that breaks while that piece is written therefore counts as completed: the harsher reading,
    since nobody can tell how much of it arrived. Until then the axis lacks bytes that Content-Length promised.
    """

    def __init__(self, packet: PacketSource, *, trailing_crlf: bool) -> None:
        self._packet = packet
        self._tail = wire.CRLF if trailing_crlf else b""
        self.completed = False

    @property
    def length(self) -> int:
        """Content-Length."""
        return self._packet.size + len(self._tail)

    async def pieces(self) -> AsyncGenerator[bytes]:
        """The bytes. Raises PacketChanged when they are not the packet's."""
        try:
            async with aclosing(self._read()) as pieces:
                async for piece in pieces:
                    yield piece
        except (OSError, Problem):
            raise PacketChanged("unreadable") from None

    async def _read(self) -> AsyncGenerator[bytes]:
        digest, left = hashlib.sha256(), self._packet.size
        file = await asyncio.to_thread(self._packet.open)
        try:
            while True:
                piece = await asyncio.to_thread(file.read, min(PIECE_BYTES, left) or 1)
                if len(piece) > left or (left and not piece):
                    raise PacketChanged("size")
                left -= len(piece)
                digest.update(piece)
                if not left:
                    break
                yield piece
            if await asyncio.to_thread(file.read, 1):
                raise PacketChanged("size")
            if digest.hexdigest() != self._packet.sha256:
                raise PacketChanged("sha256")
            self.completed = True
            yield piece + self._tail
        finally:
            file.close()


def outcome(answer: Envelope, http_status: int, *, completed: bool, retry_after: float | None) -> SendResult:
    """What a valid answer to sendEdoc means.

    A FAIL is believed with any HTTP status but those of a gateway in between. Success is believed only with 2xx, both
    words of it, the whole body sent, and a DocId, without which nothing can be looked up later.
    """
    undecided = Undecided(completed=completed, retry_after=retry_after, doc_id=answer.doc_id)
    if http_status in (502, 503, 504):
        return undecided.named(f"http_{http_status}")
    if answer.contradicts:
        return Unknown("contradictory", answer.doc_id)
    if not answer.ok and answer.code == errors.SYSTEM_ERROR:
        return undecided.named("error_20")
    if not answer.ok:
        return Rejected(answer.code, answer.text, errors.classify(answer.code))
    if not 200 <= http_status < 300:
        return Unknown(f"http_{http_status}", answer.doc_id)
    if not completed:
        return Unknown("ok_before_body", answer.doc_id)
    if answer.doc_id is None:
        return Unknown("ok_without_docid")
    return Accepted(answer.doc_id)


class Undecided:
    """A send without an answer that decides it: NotSent while the body was not completed, Unknown from then on."""

    def __init__(self, *, completed: bool, retry_after: float | None = None, doc_id: str | None = None) -> None:
        self._completed = completed
        self._retry_after = retry_after
        self._doc_id = doc_id

    def named(self, reason: str) -> NotSent | Unknown:
        """The result with its reason."""
        if self._completed:
            return Unknown(reason, self._doc_id)
        return NotSent(reason, self._retry_after)
