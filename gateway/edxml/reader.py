"""Reads a packet of any size in one pass: header into the model, attachments into sinks, every oddity into a finding.

Lenient as packet format 10.4 asks, and bounded everywhere: what comes is hostile until read. Memory does not grow with
the packet.
"""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Literal

from gateway.edxml.enclosures import Attachment, read_enclosures
from gateway.edxml.feeding import PacketFeeder
from gateway.edxml.finding_list import FindingList, Profile
from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.mapping import Mapper, UnknownElement
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.parsing import PacketTarget
from gateway.edxml.refusals import packet_too_large
from gateway.edxml.signature_seen import SignatureSeen
from gateway.edxml.sinks import Sink, Sinks
from gateway.edxml.understanding import Understood, understand

__all__ = [
    "Attachment",
    "Limits",
    "PacketReader",
    "Profile",
    "ReadPacket",
    "SignatureSeen",
    "UnknownElement",
    "read_packet",
]

PIECE = 2**18
"""Bytes read from a stream at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPacket:
    """A packet as read, also when it is refused: then with whatever could be read of it.

    `size` and `sha256` are those of the packet's bytes. `kind` is None when not even a MessageHeader was found. `repeated`
    holds the paths of elements of which only the first was read (`MessageHeader.Subject`). Whoever holds it owns the attachments' sinks: keep them or `discard`.
    """

    kind: Literal["document", "status"] | None
    packet: DocumentPacket | StatusPacket | None
    attachments: tuple[Attachment, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[UnknownElement, ...]
    repeated: frozenset[str]
    signature: SignatureSeen
    size: int
    sha256: str

    @property
    def readable(self) -> bool:
        """Whether the packet can be taken: no finding is an error."""
        return not any(finding.is_error for finding in self.findings)

    def discard(self) -> None:
        """Forget the attachments' files."""
        for attachment in self.attachments:
            if attachment.content is not None:
                attachment.content.discard()


class PacketReader:
    """Takes a packet's bytes in pieces of any length. The result never depends on how they were cut.

    `feed` never raises for what it is fed: after an error that ends the reading it only counts and hashes. `today` is
    the day in Vietnam, by which a date lies in the future; None judges none. When reading is given up half-way, call
    `discard`.
    """

    def __init__(
        self,
        sinks: Sinks,
        limits: Limits = Limits(),  # noqa: B008 # frozen
        profile: Profile = Profile.LENIENT,
        today: date | None = None,
    ) -> None:
        self._sinks = _Tracked(sinks)
        self._limits = limits
        self._profile = profile
        self._today = today
        self._target = PacketTarget(self._sinks, limits)
        self._feeder = PacketFeeder(self._target, limits)
        self._hash = hashlib.sha256()
        self._size = 0

    @property
    def refused(self) -> bool:
        """Whether reading has ended with an error: further bytes can change nothing but size and hash."""
        return self._feeder.refused

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._hash.update(data)
        room = self._limits.packet_bytes - self._size
        self._size += len(data)
        if len(data) <= room:
            self._feeder.feed(data)
        elif room >= 0:
            self._feeder.feed(data[:room])
            self._feeder.refuse(packet_too_large(self._limits))

    def close(self) -> ReadPacket:
        """The packet is complete: understand it. Raises only what the sinks raise, and leaves no sink behind then."""
        try:
            return self._close()
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Give the reading up; nothing stays behind."""
        for sink in self._sinks.made:
            sink.discard()

    def _close(self) -> ReadPacket:
        self._feeder.close()
        findings = FindingList(self._limits.findings, self._profile)
        for finding in self._feeder.findings:
            findings.add(finding)
        whole = not self._feeder.refused
        mapper = Mapper(findings, self._limits, whole=whole)
        understood = (
            understand(self._target, mapper, whole=whole, today=self._today, profile=self._profile)
            if self._target.root is not None
            else Understood()
        )
        attachments = read_enclosures(
            self._target.enclosures, understood.references, self._sinks, mapper, self._limits, whole=whole
        )
        return ReadPacket(
            kind=understood.kind,
            packet=understood.packet,
            attachments=attachments,
            findings=findings.listed(),
            unknown=tuple(mapper.unknown),
            repeated=frozenset(mapper.repeated),
            signature=understood.signature,
            size=self._size,
            sha256=self._hash.hexdigest(),
        )


class _Tracked:
    """Remembers the sinks that were made, so that none stays behind when reading fails."""

    def __init__(self, sinks: Sinks) -> None:
        self._sinks = sinks
        self.made: list[Sink] = []

    def create(self) -> Sink:
        sink = self._sinks.create()
        self.made.append(sink)
        return sink


def read_packet(
    stream: BinaryIO,
    sinks: Sinks,
    limits: Limits = Limits(),  # noqa: B008 # frozen
    profile: Profile = Profile.LENIENT,
    today: date | None = None,
) -> ReadPacket:
    """Read a whole packet from a stream. Raises only what the stream and the sinks raise."""
    reader = PacketReader(sinks, limits, profile, today)
    try:
        while piece := stream.read(PIECE):
            reader.feed(piece)
    except BaseException:
        reader.discard()
        raise
    return reader.close()
