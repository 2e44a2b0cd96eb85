"""What was read of a packet as one JSON object: what `gateway packet read` prints."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from gateway.edxml.model import DocumentPacket, MessageHeader, StatusHeader, TraceHeaderList
from gateway.edxml.reader import ReadPacket


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class AttachmentOut(_Part):
    """One attachment; `size` (bytes) and `sha256` are those of the real file, after unzipping; null when unreadable."""

    position: int
    attachment_name: str
    content_type: str | None
    content_id: str | None
    description: str | None
    size: int | None
    sha256: str | None


class FindingOut(_Part):
    """One finding in both languages."""

    code: str
    severity: Literal["error", "warning"]
    message: str
    message_vi: str


class UnknownOut(_Part):
    """One unknown element."""

    path: str
    text: str


class ReadOut(_Part):
    """The packet as read. `kind` and `message_header` are null when no header was found."""

    kind: Literal["document", "status"] | None
    message_header: MessageHeader | StatusHeader | None
    trace_header_list: TraceHeaderList
    attachments: tuple[AttachmentOut, ...]
    findings: tuple[FindingOut, ...]
    unknown: tuple[UnknownOut, ...]


def readout(read: ReadPacket) -> ReadOut:
    """The JSON object for a packet, readable or refused. A status packet has an empty `trace_header_list`."""
    packet = read.packet
    return ReadOut(
        kind=read.kind,
        message_header=None if packet is None else packet.message_header,
        trace_header_list=packet.trace_header_list if isinstance(packet, DocumentPacket) else TraceHeaderList(),
        attachments=tuple(
            AttachmentOut(
                position=attachment.position,
                attachment_name=attachment.attachment_name,
                content_type=attachment.content_type,
                content_id=attachment.content_id,
                description=attachment.description,
                size=None if attachment.content is None else attachment.size,
                sha256=None if attachment.content is None else attachment.sha256,
            )
            for attachment in read.attachments
        ),
        findings=tuple(
            FindingOut(
                code=finding.code,
                severity=finding.severity.value,
                message=finding.message.en,
                message_vi=finding.message.vi,
            )
            for finding in read.findings
        ),
        unknown=tuple(UnknownOut(path=element.path, text=element.text) for element in read.unknown),
    )
