"""What an axis does to a packet on its way: it reads it and writes it anew (packet format 10.2).

No byte of the original survives: order, defaults, zip entries and content ids are the axis's own, and one hop is added.
A signature is carried as the vendor's library carries it: what it knows of one, written anew in the packet's namespace.
Readings say which of the habits seen in real packets it has.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO, Protocol

from gateway.axis.port import MessageType
from gateway.axis.vxp.backend import ErrorCode, ServerFail
from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.model import DocumentPacket, Organ, StatusPacket, TraceHeader
from gateway.edxml.normal import QD20_MARKER
from gateway.edxml.packing import ZIP, Packing, extension_of
from gateway.edxml.reader import Attachment, ReadPacket, read_packet
from gateway.edxml.signature_parts import SignatureParts, survive_signature
from gateway.edxml.sinks import Sink, Source
from gateway.edxml.survival import survive, takes_first_entry
from gateway.edxml.unzip import ZipRefused, list_zip, unzip_one
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.simulator.readings import Readings
from gateway.store import Blobs, BlobWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewritten:
    """A packet as recipients will fetch it, and what the axis has read in it."""

    kind: MessageType
    from_code: str
    to_codes: tuple[str, ...]
    document_id: str | None
    title: str | None
    notation: str | None
    status_code: str | None
    content: Source


class Rewriter(Protocol):
    """Reads a packet and writes it anew. Blocks: call it in a thread."""

    def rewrite(self, kind: MessageType, body: Sink, received: datetime, readings: Readings) -> Rewritten:
        """Raises ServerFail: 22 for what is no packet of this kind, 10 for attachments that cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketRewriter:
    """The axis's own way: through the vendor's library, with a hop of the centre.

    `old_code` gives a receiver's code of 2016, for axes that add it.
    """

    blobs: Blobs
    centre: str
    hop_delay: timedelta
    limits: Limits
    old_code: Callable[[str], str | None]

    def rewrite(self, kind: MessageType, body: Sink, received: datetime, readings: Readings) -> Rewritten:
        """Raises ServerFail 22 or 10."""
        with closing(body.reopen()) as stream:
            read = read_packet(stream, self.blobs, self.limits)
        try:
            _check(kind, read)
            centre = None if readings.hop_organ_id == "missing" else self.centre
            hop = TraceHeader(organ_id=centre, timestamp=received + self.hop_delay)
            with self.blobs.create() as out:
                signature = survive_signature(read.signature)
                if isinstance(read.packet, StatusPacket):
                    return self._status(read.packet, signature, out)
                if isinstance(read.packet, DocumentPacket):
                    document = survive(read.packet, hop)
                    return self._document(document, signature, read.attachments, out, readings)
            raise AssertionError("a packet without errors has a header")
        finally:
            read.discard()

    def _status(self, packet: StatusPacket, signature: SignatureParts | None, out: BlobWriter) -> Rewritten:
        status = survive(packet)
        write_status(status, out, signature=signature)
        return _status(status, self.blobs.source(out.commit()))

    def _document(
        self,
        document: DocumentPacket,
        signature: SignatureParts | None,
        attachments: Sequence[Attachment],
        out: BlobWriter,
        readings: Readings,
    ) -> Rewritten:
        with ExitStack() as opened:
            files = [self._file(attachment, opened, readings) for attachment in attachments]
            written = self._in_its_habits(document, readings)
            write_document(written, files, out, complete=False, signature=signature)
        return _document(document, self.blobs.source(out.commit()))

    def _in_its_habits(self, document: DocumentPacket, readings: Readings) -> DocumentPacket:
        header, trace = document.message_header, document.trace_header_list
        if readings.bussiness == "dropped":
            trace = trace.model_copy(update={"bussiness": None})
        if readings.old_code_receivers == "added":
            header = header.model_copy(update={"to": tuple(self._with_old_codes(header.to))})
        return document.model_copy(update={"message_header": header, "trace_header_list": trace})

    def _with_old_codes(self, receivers: Sequence[Organ]) -> Iterator[Organ]:
        codes = {organ.organ_id for organ in receivers}
        for organ in receivers:
            yield organ
            old = self.old_code(organ.organ_id or "")
            if old is not None and old not in codes:
                name = f"{organ.organ_name or ''} (Mã cũ) (qd20)".strip()
                yield organ.model_copy(
                    update={"organ_id": old, "organization_in_charge": QD20_MARKER, "organ_name": name}
                )

    def _file(self, attachment: Attachment, opened: ExitStack, readings: Readings) -> FileToSend:
        content = attachment.content or self.blobs.create()
        if content is not attachment.content:
            opened.callback(content.discard)
        entry = self._first_entry(attachment)
        if entry is not None:
            opened.callback(entry.discard)
        content_id = attachment.content_id or str(uuid.uuid4())
        return FileToSend(
            attachment_name=attachment.attachment_name,
            source=_Whole(entry or content),
            content_type=attachment.content_type,
            description=attachment.description,
            content_id=content_id if readings.cid_prefix == "on" else _without_prefix(content_id),
            entry_name=f"{uuid.uuid4()}.{extension_of(attachment.attachment_name)}",
            packing=_packing(attachment, readings),
            prefixed=readings.cid_prefix == "on",
        )

    def _first_entry(self, attachment: Attachment) -> Sink | None:
        """What the vendor's library takes for the file where it cuts open an archive that is the file itself."""
        content = attachment.content
        if content is None or attachment.packed:
            return None
        if not takes_first_entry(attachment.attachment_name, attachment.content_type):
            return None
        with closing(content.reopen()) as stream:
            try:
                files = list_zip(stream, content.size, self.limits).files
                most = self.limits.unzipped_bytes
                return unzip_one(stream, files[0], self.blobs, self.limits, most=most) if files else None
            except ZipRefused:
                return None


def _packing(attachment: Attachment, readings: Readings) -> Packing | None:
    """None: by its kind. An archive stays as it is in any case: its receiver takes the name's word for it."""
    if readings.attachments == "vendor" or attachment.attachment_name.strip().endswith(".zip"):
        return None
    if readings.attachments == "zipped":
        return Packing(ZIP, zipped=True)
    said = attachment.content_type
    return Packing("application/octet-stream" if said in (None, ZIP) else said, zipped=False)


def _without_prefix(content_id: str) -> str:
    while content_id.startswith("cid:"):
        content_id = content_id.removeprefix("cid:")
    return content_id or str(uuid.uuid4())


def _check(kind: MessageType, read: ReadPacket) -> None:
    errors = [finding for finding in read.findings if finding.is_error]
    if errors:
        code = ErrorCode.FILE_INVALID if all(map(_is_of_a_file, errors)) else ErrorCode.BAD_FORMAT
        raise ServerFail(code, f"{_WORDS[code]}: {', '.join(finding.code for finding in errors[:5])}")
    if read.kind != _KINDS[kind]:
        raise ServerFail(ErrorCode.BAD_FORMAT, f"{_WORDS[ErrorCode.BAD_FORMAT]}: messagetype {kind.value}")


def _is_of_a_file(finding: Finding) -> bool:
    """Whether it speaks of an attachment or its zip rather than of the packet."""
    kind, _, path = finding.code.partition(".")
    return kind in ("A", "Z") or path.startswith("Attachment")


@dataclass(frozen=True, slots=True)
class _Whole:
    """A sink that is written to no more, to be read."""

    sink: Sink

    @property
    def size(self) -> int:
        return self.sink.size

    def open(self) -> BinaryIO:
        return self.sink.reopen()


def _document(packet: DocumentPacket, content: Source) -> Rewritten:
    header = packet.message_header
    code = [part for part in (header.code.code_number, header.code.code_notation) if part]
    return Rewritten(
        kind=MessageType.EDOC,
        from_code=header.from_.organ_id or "",
        to_codes=tuple(dict.fromkeys(organ.organ_id for organ in header.to if organ.organ_id)),
        document_id=header.document_id,
        title=header.subject,
        notation="/".join(code) or None,
        status_code=None,
        content=content,
    )


def _status(packet: StatusPacket, content: Source) -> Rewritten:
    header = packet.message_header
    return Rewritten(
        kind=MessageType.STATUS,
        from_code=header.from_.organ_id or "",
        to_codes=(header.response_for.organ_id,) if header.response_for.organ_id else (),
        document_id=header.response_for.document_id,
        title=None,
        notation=header.response_for.code,
        status_code=header.status_code,
        content=content,
    )


_KINDS = {MessageType.EDOC: "document", MessageType.STATUS: "status"}
_WORDS = {
    ErrorCode.FILE_INVALID: "File không hợp lệ",
    ErrorCode.BAD_FORMAT: "Format edXML sai",
}
