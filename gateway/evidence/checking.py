"""Checks a bundle from nothing but itself: its files, the log's hashes, the packets, and what was said of signatures.

A bundle comes from elsewhere, so everything is bounded and nothing it says is believed before it is recomputed.
"""

import hashlib
import re
import struct
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, TypeVar, cast

from pydantic import BaseModel, ValidationError

from gateway.edxml.limits import MB, Limits
from gateway.edxml.reader import ReadPacket, read_packet
from gateway.edxml.sinks import Sinks, Source
from gateway.evidence.checking_log import check_log
from gateway.evidence.contents import CONTENTS, LOG, MANIFEST, Contents, Log, Manifest, PacketPart, Subject
from gateway.evidence.heads import Head
from gateway.evidence.remarks import Remark, flaw, note
from gateway.problems import Kind, Problem, Text
from gateway.signing.facts import SignatureFacts

_DIRECTORY_BYTES = 2 * MB
_MOST_BYTES = {MANIFEST: 4 * MB, CONTENTS: 32 * MB, LOG: 64 * MB}
_SMALL = 1 * MB
"""Bytes of a file of facts; others (packets, CRLs) are read in pieces."""

_PIECE = 256 * 1024
_NAME = re.compile(r"[a-z]+(/[0-9a-z-]{1,80})?\.(json|edxml|der)")

_BROKEN = (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OverflowError, struct.error)
"""What zipfile raises for archives that are none."""

M = TypeVar("M", bound=BaseModel)

Reverify = Callable[[Source, ReadPacket, SignatureFacts, datetime], SignatureFacts | None]
"""The facts of a packet's signature anew, given the stored ones and when they were judged; None where it cannot be told
from the bundle alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What came of a check. `subject` None: not even its contents could be read. Without flaws the bundle is whole."""

    subject: Subject | None
    packets: int
    entries: int
    remarks: tuple[Remark, ...]

    @property
    def flaws(self) -> tuple[Remark, ...]:
        """What is wrong."""
        return tuple(one for one in self.remarks if one.is_flaw)


def check_bundle(
    stream: BinaryIO, size: int, sinks: Sinks, reverify: Reverify, outside: Sequence[Head] = ()
) -> Checked:
    """Check a bundle of `size` bytes; `outside` are heads that were kept elsewhere.

    Raises Problem `evidence.not_a_bundle` for what is none, and what the sinks raise.
    """
    try:
        archive = zipfile.ZipFile(cast(BinaryIO, _Bounded(stream)), "r")
    except _BROKEN:
        raise _not_a_bundle("zip") from None
    with archive:
        return _Checking(archive, size, sinks, reverify, outside).run()


@dataclass(slots=True)
class _Checking:
    archive: zipfile.ZipFile
    size: int
    sinks: Sinks
    reverify: Reverify
    outside: Sequence[Head]
    remarks: list[Remark] = field(default_factory=list)
    whole: set[str] = field(default_factory=set)

    def run(self) -> Checked:
        self._look_at_names()
        manifest = self._model(MANIFEST, Manifest)
        if manifest is None:
            raise _not_a_bundle("manifest")
        self._compare_files(manifest)
        contents = self._model(CONTENTS, Contents) if CONTENTS in self.whole else None
        log = self._model(LOG, Log) if LOG in self.whole else None
        if contents is not None:
            if (contents.subject.kind, contents.subject.id) != (manifest.kind, manifest.id):
                self.remarks.append(flaw("other_subject", MANIFEST))
            for packet in contents.packets:
                self._look_at_packet(packet, contents)
        if log is not None:
            self.remarks += check_log(log, contents, self.outside)
        return Checked(
            subject=contents.subject if contents else None,
            packets=len(contents.packets) if contents else 0,
            entries=len(log.entries) if log else 0,
            remarks=tuple(self.remarks),
        )

    def _look_at_names(self) -> None:
        """Only what a bundle may hold, each once, nothing packed: so no file is larger than the bundle itself."""
        infos = self.archive.infolist()
        names = [info.filename for info in infos]
        if len(set(names)) != len(names) or not all(map(_NAME.fullmatch, names)):
            raise _not_a_bundle("names")
        if any(one.compress_type != zipfile.ZIP_STORED or one.flag_bits & 1 for one in infos):
            raise _not_a_bundle("packed")
        if any(one.file_size != one.compress_size for one in infos) or sum(one.file_size for one in infos) > self.size:
            raise _not_a_bundle("sizes")

    def _compare_files(self, manifest: Manifest) -> None:
        there = set(self.archive.namelist()) - {MANIFEST}
        listed = {one.name: one for one in manifest.files}
        self.remarks += [flaw("not_listed", name) for name in sorted(there - set(listed))]
        self.remarks += [flaw("missing", name) for name in sorted(set(listed) - there)]
        for name in sorted(there & set(listed)):
            found = self._hash(name)
            if found != (listed[name].size, listed[name].sha256) or (name.endswith(".der") and found[1] not in name):
                self.remarks.append(flaw("file_changed", name))
            else:
                self.whole.add(name)

    def _hash(self, name: str) -> tuple[int, str] | None:
        """Size and SHA-256; None when its checksum is wrong already."""
        hash_, size = hashlib.sha256(), 0
        try:
            with self.archive.open(name) as file:
                while piece := file.read(_PIECE):
                    hash_.update(piece)
                    size += len(piece)
        except _BROKEN:
            return None
        return size, hash_.hexdigest()

    def _model(self, name: str, model: type[M]) -> M | None:
        most = _MOST_BYTES.get(name, _SMALL)
        try:
            if self.archive.getinfo(name).file_size > most:
                raise ValueError
            return model.model_validate_json(self.archive.read(name))
        except (KeyError, ValidationError, *_BROKEN):
            self.remarks.append(flaw("unreadable", name))
            return None

    def _look_at_packet(self, part: PacketPart, contents: Contents) -> None:
        if part.file is None:
            self.remarks.append(note("packet_lost", part.id))
            return
        if part.file not in self.whole:
            return  # said already
        if self._hash(part.file) != (part.size, part.sha256):
            self.remarks.append(flaw("packet_differs", part.file))
            return
        source = _Inside(self.archive, part.file)
        with source.open() as stream:
            read = read_packet(stream, self.sinks, Limits())
        try:
            self._compare_attachments(part, contents, read)
            self._compare_signature(part, source, read)
        finally:
            read.discard()

    def _compare_attachments(self, part: PacketPart, contents: Contents, read: ReadPacket) -> None:
        if contents.subject.kind != "document" or read.kind != "document" or not read.readable:
            return
        inside = [one.sha256 for one in read.attachments]
        if inside != [one.sha256 for one in sorted(contents.files, key=lambda one: one.position)]:
            self.remarks.append(flaw("attachments_differ", part.id))

    def _compare_signature(self, part: PacketPart, source: Source, read: ReadPacket) -> None:
        """The stored facts that need neither trust nor a directory, computed again."""
        if part.signature is None or part.judged_at is None:
            self.remarks.append(note("no_facts", part.id))
            return
        if part.signature not in self.whole or not self.whole.issuperset((*part.certificates, *part.revocation)):
            self.remarks.append(flaw("missing", part.signature))
            return
        stored = self._model(part.signature, SignatureFacts)
        if stored is None:
            return
        leaf = stored.certificate.sha256 if stored.certificate else None
        if part.certificates and leaf and f"certificates/{leaf}.der" not in part.certificates:
            self.remarks.append(flaw("other_certificate", part.signature))
        anew = self.reverify(source, read, stored, part.judged_at)
        if anew is None:
            self.remarks.append(note("not_reverified", part.id))
        elif _recomputable(anew) != _recomputable(stored):
            self.remarks.append(flaw("facts_differ", part.signature))


def _recomputable(facts: SignatureFacts) -> tuple[object, ...]:
    leaf = facts.certificate.sha256 if facts.certificate else None
    said = (facts.present, facts.scheme, facts.well_formed, facts.intact, facts.covers, facts.algorithm, leaf)
    return (*said, facts.signed_info_sha256, facts.parts)


class _Bounded:
    """A stream that gives at most the size of a directory at once: zipfile reads a directory whole."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if size > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile
        return self._stream.read(_DIRECTORY_BYTES if size < 0 else size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class _Inside:
    """A file of the bundle as a Source."""

    archive: zipfile.ZipFile
    name: str

    @property
    def size(self) -> int:
        return self.archive.getinfo(self.name).file_size

    def open(self) -> BinaryIO:
        return cast(BinaryIO, self.archive.open(self.name))


def _not_a_bundle(why: str) -> Problem:
    return Problem(
        "evidence.not_a_bundle",
        Kind.INVALID,
        Text(f"Đây không phải gói chứng cứ đọc được ({why}).", f"This is no bundle of evidence that can be read ({why})."),
        Text("Xuất lại bằng gateway evidence export.", "Export it again with gateway evidence export."),
    )  # fmt: skip
