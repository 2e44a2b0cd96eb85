"""What a signature's references speak of, compared with what is in the packet: part by part, file by file."""

import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from gateway.edxml.enclosures import Attachment
from gateway.edxml.limits import Limits
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import FileDigest
from gateway.edxml.reader import ReadPacket
from gateway.edxml.signable import normal_form
from gateway.edxml.unzip import ZipRefused, list_zip, unzip_one
from gateway.signing.facts import PartFact, Reason
from gateway.signing.profile import Statement, digest_of
from gateway.signing.words import why


@dataclass(frozen=True, slots=True)
class Compared:
    """The parts in the packet's order: header, business block, files; those that are signed and missing last of their kind."""

    parts: tuple[PartFact, ...]
    reasons: tuple[Reason, ...]

    @property
    def intact(self) -> bool | None:
        """Whether every covered part agrees; None when one, or the packet, could not be read and none disagrees."""
        answers = [part.intact for part in self.parts if part.covered] or [None]
        if False in answers:
            return False
        return None if None in answers else True

    @property
    def covers(self) -> bool:
        """Whether nothing of the packet is left out."""
        return all(part.covered for part in self.parts)

    @property
    def header_intact(self) -> bool | None:
        """Whether the header is the signed one."""
        return next((part.intact for part in self.parts if part.part == "header"), None)


def compare(read: ReadPacket, statement: Statement) -> Compared:
    """Compare a packet that was read with what a signature states of it.

    A file is the one whose digest is stated: the bytes as they came or the single entry of the zip that they are. The
    attachments' sinks have still to be there. Raises what reading them raises.
    """
    if read.packet is None:
        return Compared((), (why("packet_unread"),))
    files = _files(read, dict(statement.files))
    signed = normal_form(read.packet, [each.digest for each in files if each.digest is not None and each.fact.covered])
    header, header_reason = _header(read, read.packet, statement, files, signed.header)
    business, business_reason = _business(read, statement, signed.business)
    reasons = [*header_reason, *business_reason, *(reason for each in files for reason in each.reasons)]
    return Compared(tuple(chain(header, business, (each.fact for each in files))), tuple(reasons))


@dataclass(frozen=True, slots=True)
class _File:
    """One attachment, or one that was signed and is not there (`digest` None)."""

    fact: PartFact
    digest: FileDigest | None
    reasons: tuple[Reason, ...] = ()


_Part = tuple[tuple[PartFact, ...], tuple[Reason, ...]]


def _header(
    read: ReadPacket, packet: DocumentPacket | StatusPacket, statement: Statement, files: list[_File], form: bytes
) -> _Part:
    """`form` is the header's normal form with the files that are signed."""
    if any(path.startswith(_SIGNED_HEADER) and not path.startswith(_BUSINESS) for path in read.repeated):
        return (PartFact(part="header", covered=True, intact=False),), (why("repeated", "header"),)
    agrees = digest_of(form) == statement.header
    if not agrees and any(not each.fact.covered for each in files):  # the list may name a file without a reference
        listed = [each.digest for each in files if each.digest is not None]
        agrees = digest_of(normal_form(packet, listed).header) == statement.header
    if agrees:
        return (PartFact(part="header", covered=True, intact=True),), ()
    # the signed size of a file that is not there as it was signed cannot be known, and is part of the header
    undecided = any(each.fact.covered and each.fact.intact is not True for each in files)
    intact, word = (None, "header_undecided") if undecided else (False, "header_changed")
    return (PartFact(part="header", covered=True, intact=intact),), (why(word, "header"),)


_SIGNED_HEADER = ("MessageHeader", "AttachmentName", "Attachment.", "TraceHeaderList")
_BUSINESS = "TraceHeaderList."
"""A second TraceHeaderList is the header's matter: which of them holds the business block is not clear."""


def _business(read: ReadPacket, statement: Statement, form: bytes | None) -> _Part:
    covered = statement.business is not None
    if form is None:
        if not covered:
            return (), ()
        return (PartFact(part="business", covered=True, intact=False),), (why("business_missing", "business"),)
    if not covered:
        return (PartFact(part="business", covered=False, intact=None),), (why("business_not_covered", "business"),)
    if any(path.startswith("TraceHeaderList.Bussiness") for path in read.repeated):
        return (PartFact(part="business", covered=True, intact=False),), (why("repeated", "business"),)
    intact = digest_of(form) == statement.business
    reasons = () if intact else (why("business_changed", "business"),)
    return (PartFact(part="business", covered=True, intact=intact),), reasons


def _files(read: ReadPacket, stated: Mapping[int, bytes]) -> list[_File]:
    budget = _Budget()
    found = [_file(attachment, stated.get(attachment.position), budget) for attachment in read.attachments]
    there = len(read.attachments)
    for position in stated:
        if position > there:
            part = f"file:{position}"
            fact = PartFact(part=part, covered=True, intact=False)
            found.append(_File(fact, None, (why("file_missing", part),)))
    return found


def _file(attachment: Attachment, stated: bytes | None, budget: "_Budget") -> _File:
    part = f"file:{attachment.position}"
    kept = _digest(attachment, attachment.size, attachment.sha256)
    if stated is None:
        return _File(PartFact(part=part, covered=False, intact=None), kept, (why("file_not_covered", part),))
    wanted = stated.hex()
    if attachment.content is not None and attachment.sha256 == wanted:
        return _File(PartFact(part=part, covered=True, intact=True), kept)
    intact = PartFact(part=part, covered=True, intact=True)
    sent = attachment.sent
    if sent is not None and sent.sha256 == wanted:
        reasons = (why("file_as_sent", part),) if attachment.content is not None else ()
        return _File(intact, _digest(attachment, sent.size, wanted), reasons)
    entry = budget.entry_of(attachment)
    if entry is not None and entry.sha256 == wanted:
        return _File(intact, _digest(attachment, entry.size, wanted), (why("file_as_entry", part),))
    as_stated = _digest(attachment, attachment.size, wanted)
    if attachment.content is None:
        return _File(PartFact(part=part, covered=True, intact=None), as_stated, (why("file_unread", part),))
    return _File(PartFact(part=part, covered=True, intact=False), as_stated, (why("file_changed", part),))


def _digest(attachment: Attachment, size: int, sha256: str) -> FileDigest:
    return FileDigest(name=attachment.attachment_name, description=attachment.description, size=size, sha256=sha256)


@dataclass(slots=True)
class _Hashed:
    """A sink that keeps nothing."""

    size: int = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes, /) -> int:
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def reopen(self) -> BinaryIO:
        raise NotImplementedError

    def discard(self) -> None:
        """There is nothing to forget."""


@dataclass(slots=True)
class _Budget:
    """Opens zips that the reader has kept as they are, for all files of a packet together within the reader's limits."""

    limits: Limits = field(default_factory=Limits)
    unzipped: int = 0

    def create(self) -> _Hashed:
        return _Hashed()

    def entry_of(self, attachment: Attachment) -> _Hashed | None:
        """The one entry of a zip that was kept unopened; None for everything else, and for a zip that is refused."""
        if attachment.content is None or attachment.packed:
            return None
        most = min(self.limits.unzipped_bytes, self.limits.unzipped_total_bytes - self.unzipped)
        with closing(attachment.content.reopen()) as stream:
            if stream.read(4) != b"PK\x03\x04":
                return None
            try:
                files = list_zip(stream, attachment.size, self.limits).files
                if len(files) != 1:
                    return None
                entry = unzip_one(stream, files[0], self, self.limits, most=most)
            except ZipRefused as refused:
                self.unzipped += refused.unzipped
                return None
        self.unzipped += entry.size
        assert isinstance(entry, _Hashed)
        return entry
