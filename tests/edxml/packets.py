"""Packets for reading tests: our own samples, and small ones put together from parts."""

import base64
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sinks import TemporarySinks

from gateway.edxml.limits import Limits
from gateway.edxml.reader import PacketReader, Profile, ReadPacket

SAMPLES = Path(__file__).parent.parent / "data" / "packets"
NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
TODAY = date(2026, 11, 22)


def sample(name: str) -> bytes:
    """One of our own sample packets."""
    return (SAMPLES / f"{name}.edxml").read_bytes()


def read(
    packet: bytes | str,
    *,
    limits: Limits | None = None,
    profile: Profile = Profile.LENIENT,
    sinks: TemporarySinks | None = None,
    piece: int = 2**20,
    today: date | None = TODAY,
) -> ReadPacket:
    """Read a packet, fed in pieces of `piece` bytes."""
    data = packet.encode() if isinstance(packet, str) else packet
    reader = PacketReader(sinks or TemporarySinks(), limits or Limits(), profile, today)
    for at in range(0, len(data), piece):
        reader.feed(data[at : at + piece])
    return reader.close()


def codes(result: ReadPacket) -> list[str]:
    """The codes of all findings."""
    return [finding.code for finding in result.findings]


def errors(result: ReadPacket) -> list[str]:
    """The codes of the findings that refuse the packet."""
    return [finding.code for finding in result.findings if finding.is_error]


def content(result: ReadPacket, position: int = 1) -> bytes:
    """The real file of an attachment."""
    sink = result.attachments[position - 1].content
    assert sink is not None
    with sink.reopen() as stream:
        return stream.read()


def replaced(packet: bytes, old: str, new: str, times: int = 1) -> bytes:
    """The packet with a text replaced, which has to be there."""
    assert old.encode() in packet, old
    return packet.replace(old.encode(), new.encode(), times)


@dataclass(frozen=True)
class File:
    """One attachment of a packet put together here. None leaves an element out."""

    name: str | None
    content_type: str | None
    data: bytes | None
    content_id: str | None = "cid:1"
    listed: bool = True
    text: str | None = None
    extra: str = ""


HEADER = """<edXML:MessageHeader>
<edXML:From><edXML:OrganId>H99</edXML:OrganId></edXML:From>
<edXML:To><edXML:OrganId>H99.07</edXML:OrganId></edXML:To>
<edXML:DocumentId>H99,2025/03/05,1520/UBND-KT</edXML:DocumentId>
<edXML:Code><edXML:CodeNumber>1520</edXML:CodeNumber><edXML:CodeNotation>UBND-KT</edXML:CodeNotation></edXML:Code>
<edXML:PromulgationInfo><edXML:PromulgationDate>2025/03/05</edXML:PromulgationDate></edXML:PromulgationInfo>
<edXML:Subject>Trích yếu</edXML:Subject>
<edXML:SteeringType>0</edXML:SteeringType>
</edXML:MessageHeader>"""

TRACE = """<edXML:TraceHeaderList>
<edXML:Bussiness><edXML:BussinessDocType>0</edXML:BussinessDocType>
<edXML:BussinessDocReason>Văn bản điện tử mới</edXML:BussinessDocReason></edXML:Bussiness>
<edXML:TraceHeader><edXML:OrganId>H99</edXML:OrganId><edXML:Timestamp>2025/03/05 14:07:09</edXML:Timestamp></edXML:TraceHeader>
</edXML:TraceHeaderList>"""


def document(
    files: Sequence[File] = (),
    *,
    header: str = HEADER,
    trace: str = TRACE,
    signature: str = "",
    body_first: bool = False,
) -> bytes:
    """A document packet; with `body_first` the attachments stand before the envelope."""
    references = "".join(_reference(file) for file in files if file.listed)
    envelope = (
        f'<edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader>{header}{trace}{signature}</edXML:edXMLHeader>'
        f'<edXML:edXMLBody><edXML:edXMLManifest version="1.0">{references}</edXML:edXMLManifest></edXML:edXMLBody>'
        "</edXML:edXMLEnvelope>"
    )
    enclosed = f"<AttachmentEncoded>{''.join(_attachment(file) for file in files)}</AttachmentEncoded>"
    parts = [enclosed, envelope] if body_first else [envelope, enclosed]
    return f'<?xml version="1.0" encoding="UTF-8"?>\r\n<edXML xmlns="{NS}">{"".join(parts)}</edXML>\r\n'.encode()


PDF = File("van-ban.pdf", "application/pdf", b"%PDF-1.4 noi dung")


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def _reference(file: File) -> str:
    return (
        f"<edXML:Reference>{_leaf('edXML:ContentId', file.content_id)}"
        f"{_leaf('edXML:AttachmentName', file.name)}</edXML:Reference>"
    )


def _attachment(file: File) -> str:
    text = file.text if file.text is not None else base64.b64encode(file.data or b"").decode()
    encoded = None if file.data is None and file.text is None else text
    return (
        f"<Attachment>{_leaf('ContentId', file.content_id)}{_leaf('AttachmentName', file.name)}"
        f"{_leaf('ContentType', file.content_type)}{file.extra}{_leaf('ContentTransferEncoded', encoded)}</Attachment>"
    )


def _leaf(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{text}</{name}>"
