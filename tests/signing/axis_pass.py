"""One pass of a packet through the axis, as bytes to bytes: what `edxml.survival` says, and habits seen besides."""

import hashlib
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from gateway.edxml.model import DocumentPacket, Organ, StatusPacket, TraceHeader
from gateway.edxml.normal import QD20_MARKER, FileDigest
from gateway.edxml.packing import Packing, extension_of
from gateway.edxml.reader import ReadPacket, read_packet
from gateway.edxml.signature_parts import SignatureParts, survive_signature
from gateway.edxml.survival import survive, survive_content_id
from gateway.edxml.writer import FileToSend, write_document, write_status


class MemorySink:
    """A sink, and a source, in memory."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)

    def reopen(self) -> BinaryIO:
        return BytesIO(self.data)

    def open(self) -> BinaryIO:
        return BytesIO(self.data)

    def discard(self) -> None:
        """Nothing lies anywhere."""


class MemorySinks:
    """Makes them."""

    def create(self) -> MemorySink:
        return MemorySink()


@dataclass(frozen=True, kw_only=True)
class Habits:
    """How one axis re-writes: its hop, a receiver's old code added, ContentIds, everything zipped or as it is, layout."""

    hop: TraceHeader | None = field(default_factory=lambda: TraceHeader(organ_id="001.00.20.TT2"))
    old_codes: bool = False
    prefixed: bool = True
    packing: Packing | None = None
    one_line: bool = False
    bussiness: bool = True


def read(packet: bytes) -> ReadPacket:
    """The packet, with its files in memory."""
    return read_packet(BytesIO(packet), MemorySinks())


def passed(packet: bytes, habits: Habits = Habits()) -> bytes:
    """The packet after one pass."""
    found = read(packet)
    return rewritten(found, survive_signature(found.signature), habits)


def rewritten(found: ReadPacket, signature: SignatureParts | None, habits: Habits) -> bytes:
    """A packet that was read, written anew."""
    out = BytesIO()
    if isinstance(found.packet, StatusPacket):
        write_status(survive(found.packet), out, signature=signature)
    else:
        assert isinstance(found.packet, DocumentPacket)
        document = _in_habits(survive(found.packet, habits.hop), habits)
        write_document(document, _files(found, habits), out, complete=False, signature=signature)
    written = out.getvalue()
    return b" ".join(line.strip() for line in written.split(b"\r\n")) if habits.one_line else written


def digests(found: ReadPacket) -> list[FileDigest]:
    """The files of a packet that was read."""
    return [
        FileDigest(name=one.attachment_name, description=one.description, size=one.size, sha256=one.sha256)
        for one in found.attachments
    ]


def _in_habits(document: DocumentPacket, habits: Habits) -> DocumentPacket:
    header, trace = document.message_header, document.trace_header_list
    if habits.old_codes:
        marked = Organ(organ_id="000.00.00.H99", organization_in_charge=QD20_MARKER, organ_name="(Mã cũ) (qd20)")
        header = header.model_copy(update={"to": (header.to[0], marked, *header.to[1:])})
    if not habits.bussiness:
        trace = trace.model_copy(update={"bussiness": None})
    return document.model_copy(update={"message_header": header, "trace_header_list": trace})


def _files(found: ReadPacket, habits: Habits) -> list[FileToSend]:
    files = []
    for at, one in enumerate(found.attachments):
        assert isinstance(one.content, MemorySink)
        content_id = one.content_id or f"id-{at}"
        is_zip = one.attachment_name.endswith(".zip")
        files.append(
            FileToSend(
                attachment_name=one.attachment_name,
                source=one.content,
                content_id=survive_content_id(content_id) if habits.prefixed else content_id.replace("cid:", ""),
                entry_name=f"30000000-0000-4000-8000-{at:012d}.{extension_of(one.attachment_name)}",
                content_type=one.content_type,
                description=one.description,
                packing=None if is_zip else habits.packing,
                prefixed=False,
            )
        )
    return files
