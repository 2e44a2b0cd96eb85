"""POST /v1/documents as application/xml: a ready-made packet, read piece by piece as one that arrives would be.

Its header stands where its files do, so marks of secrecy are seen only at its end; nothing of it is kept then.
"""

from typing import NoReturn

from pydantic import ValidationError

from gateway.api import problem
from gateway.api.receiving import Files, file_too_large
from gateway.api.schemas import AttachmentIn, DocumentIn
from gateway.documents import secrecy
from gateway.edxml.model import DocumentPacket
from gateway.edxml.reader import Attachment, Limits, PacketReader, ReadPacket
from gateway.edxml.sinks import Sink
from gateway.problems import Kind, Problem, Text, first_of


class XmlBody:
    """Takes a packet piece by piece."""

    def __init__(self, files: Files, limits: Limits) -> None:
        self._files = files
        self._file_bytes = limits.unzipped_bytes
        self._reader = PacketReader(files, limits)

    def feed(self, data: bytes) -> None:
        """The next piece. Raises Problem as soon as it can no longer be read."""
        self._reader.feed(data)
        if self._reader.refused:
            _refuse(self._reader.close())

    def finish(self) -> DocumentIn:
        """The document, when all has come. Raises Problem."""
        read = self._reader.close()
        if not read.readable:
            _refuse(read)
        if not isinstance(read.packet, DocumentPacket):
            raise _not_a_document()
        if refusal := secrecy.refusal(read.packet, None):
            raise refusal
        self._files.choose([_content(one) for one in read.attachments])
        for position, writer in enumerate(self._files.writers):
            if writer.size > self._file_bytes:
                raise file_too_large(position, self._file_bytes)
        return _document(read.packet, read.attachments)


def _document(packet: DocumentPacket, attachments: tuple[Attachment, ...]) -> DocumentIn:
    try:
        return DocumentIn(
            message_header=packet.message_header,
            trace_header_list=packet.trace_header_list,
            attachments=tuple(
                AttachmentIn(
                    attachment_name=one.attachment_name or "",
                    description=one.description,
                    content_type=one.content_type,
                )
                for one in attachments
            ),
        )
    except ValidationError as error:
        raise problem.of_validation(error.errors(include_url=False, include_input=False)) from None


def _content(attachment: Attachment) -> Sink:
    if attachment.content is None:
        raise LookupError("a readable packet has all its files")
    return attachment.content


def _refuse(read: ReadPacket) -> NoReturn:
    problems = [
        Problem(finding.code, Kind.INVALID, finding.message, _CORRECT, field=finding.pointer)
        for finding in read.findings
        if finding.is_error
    ]
    found = first_of(problems)
    if found is None:
        raise LookupError("a packet that cannot be read has an error")
    raise found


_CORRECT = Text("Sửa gói tin rồi gửi lại.", "Correct the packet and send again.")


def _not_a_document() -> Problem:
    return Problem(
        "packet.not_document",
        Kind.INVALID,
        Text(
            "Đây là gói tin trạng thái, không phải gói tin văn bản.", "This is a status packet, not a document packet."
        ),
        Text(
            "Báo trạng thái bằng POST /v1/documents/{id}/statuses.",
            "Report statuses with POST /v1/documents/{id}/statuses.",
        ),
        field="",
    )
