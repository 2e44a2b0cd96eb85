"""Writes a packet piece by piece: memory does not grow with the attachments (packet format 3, 4, 10.3)."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from gateway.edxml import layout
from gateway.edxml.layout import Node
from gateway.edxml.model import NAMESPACE, Bussiness, DocumentPacket, StatusPacket
from gateway.edxml.packing import PIECE, ZIP, Base64Stream, OneEntryZip, Packing, Writable, packing_of, zip_level
from gateway.edxml.signature_parts import SignatureParts
from gateway.edxml.sinks import Source

NEW_REASON = "Văn bản điện tử mới"
"""BussinessDocReason of a new document, in the kit's words."""

ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that XML 1.0 cannot hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileToSend:
    """One attachment to write.

    `content_id` without its `cid:` and `entry_name` (the entry's name if it is zipped, `<uuid>.xlsx`) are chosen by the
    caller, as pure code makes no ids. `content_type` replaces the table's one for a kind that is sent as it is; what is
    zipped is always `application/zip`, because receivers decide by that word whether to unzip. `packing` and `prefixed`
    (whether ContentId has its `cid:`) are for writing as others do; what we send leaves them alone.
    """

    attachment_name: str
    source: Source
    content_id: str
    entry_name: str
    content_type: str | None = None
    description: str | None = None
    packing: Packing | None = None
    prefixed: bool = True


def write_document(
    packet: DocumentPacket,
    files: Sequence[FileToSend],
    out: Writable,
    *,
    complete: bool = True,
    signature: SignatureParts | None = None,
) -> None:
    """Write a document packet to `out`, with the signature given, if any, as the last of its header.

    `complete` adds what every packet of ours has (see `completed`); without it the model is written as it is, which is
    what a simulated axis does with a packet of another. Raises ValueError, before anything is written, for a character
    that XML cannot hold, and while writing for a source that gives another number of bytes than its `size`.
    """
    if complete:
        packet = completed(packet)
    parts = [_Part.of(file) for file in files]
    trace = layout.trace_header_list(packet)
    head = [layout.document_header(packet), trace] if trace.children else [layout.document_header(packet)]
    _check_characters(head, parts, signature)
    out.write(_lines(_opening(head, signature)))
    out.write(_lines(_body(parts)))
    for part in parts:
        out.write(_lines(_attachment_opening(part)).removesuffix(_END))
        _write_content(part, out)
        out.write(_ATTACHMENT_CLOSING)
    out.write(_DOCUMENT_CLOSING if parts else _EMPTY_CLOSING)


def write_status(packet: StatusPacket, out: Writable, *, signature: SignatureParts | None = None) -> None:
    """Write a status packet to `out`: header only. Raises ValueError for a character that XML cannot hold."""
    head = [layout.status_header(packet)]
    _check_characters(head, [], signature)
    out.write(_lines([*_opening(head, signature), "  </edXML:edXMLEnvelope>", "</edXML>"]))


def completed(packet: DocumentPacket) -> DocumentPacket:
    """The packet with what we always write: Direction, SteeringType, and a business block with its reason."""
    header = packet.message_header
    other = header.other_info.model_copy(update={"direction": header.other_info.direction or "false"})
    header = header.model_copy(update={"other_info": other, "steering_type": max(header.steering_type or 0, 0)})
    trace = packet.trace_header_list
    bussiness = trace.bussiness or Bussiness()
    added: dict[str, str] = {}
    if not bussiness.bussiness_doc_type:
        added["bussiness_doc_type"] = "0"
    if packet.business_type == "0" and not bussiness.bussiness_doc_reason:
        added["bussiness_doc_reason"] = NEW_REASON
    trace = trace.model_copy(update={"bussiness": bussiness.model_copy(update=added)})
    return packet.model_copy(update={"message_header": header, "trace_header_list": trace})


@dataclass(frozen=True, slots=True)
class _Part:
    """One attachment as it will stand on the wire."""

    name: str
    content_id: str
    content_type: str
    description: str
    zipped: bool
    file: FileToSend

    @staticmethod
    def of(file: FileToSend) -> "_Part":
        packing = file.packing or packing_of(file.attachment_name)
        content_type = packing.content_type
        if not packing.zipped and file.content_type and file.content_type != ZIP:
            content_type = file.content_type
        return _Part(
            unicodedata.normalize("NFC", file.attachment_name).strip(layout.BLANKS),
            f"cid:{file.content_id}" if file.prefixed else file.content_id,
            content_type,
            (file.description or "").strip(layout.BLANKS),
            packing.zipped,
            file,
        )


_END = b"\r\n"
_PREFIX = "edXML:"
_CONTENT = "ContentTransferEncoded"
_ATTACHMENT_CLOSING = f"</{_PREFIX}{_CONTENT}>\r\n    </Attachment>\r\n".encode()
_DOCUMENT_CLOSING = b"  </AttachmentEncoded>\r\n</edXML>\r\n"
_EMPTY_CLOSING = b"</edXML>\r\n"


def _check_characters(head: Sequence[Node], parts: Sequence[_Part], signature: SignatureParts | None) -> None:
    for leaf in (leaf for node in head for leaf in layout.leaves(node)):
        if ILLEGAL.search(leaf.text):
            raise ValueError(f"{leaf.path} holds a character that XML cannot hold")
    for part in parts:
        if any(ILLEGAL.search(text) for text in (part.name, part.content_id, part.content_type, part.description)):
            raise ValueError("an attachment's name or description holds a character that XML cannot hold")
    if signature is not None and any(ILLEGAL.search(text) for text in signature.texts()):
        raise ValueError("the signature holds a character that XML cannot hold")


def _opening(head: Sequence[Node], signature: SignatureParts | None) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<edXML xmlns="{NAMESPACE}">'
    yield f'  <edXML:edXMLEnvelope xmlns:edXML="{NAMESPACE}">'
    yield "    <edXML:edXMLHeader>"
    for node in head:
        yield from _element(node, "      ")
    if signature is not None:
        yield from signature.lines("      ")
    yield "    </edXML:edXMLHeader>"


def _body(parts: Sequence[_Part]) -> Iterator[str]:
    yield "    <edXML:edXMLBody>"
    if parts:
        yield '      <edXML:edXMLManifest version="1.0">'
        for part in parts:
            yield "        <edXML:Reference>"
            yield _leaf("ContentId", part.content_id, "          ")
            yield _leaf("ContentType", part.content_type, "          ")
            if part.description:
                yield _leaf("Description", part.description, "          ")
            yield _leaf("AttachmentName", part.name, "          ")
            yield "        </edXML:Reference>"
        yield "      </edXML:edXMLManifest>"
    else:
        yield '      <edXML:edXMLManifest version="1.0" />'
    yield "    </edXML:edXMLBody>"
    yield "  </edXML:edXMLEnvelope>"
    yield "  <AttachmentEncoded>" if parts else "  <AttachmentEncoded />"


def _attachment_opening(part: _Part) -> Iterator[str]:
    yield "    <Attachment>"
    yield _leaf("ContentId", part.content_id, "      ", prefix="")
    yield _leaf("AttachmentName", part.name, "      ", prefix="")
    if part.description:
        yield _leaf("Description", part.description, "      ", prefix="")
    yield _leaf("ContentType", part.content_type, "      ", prefix="")
    yield f'      <{_PREFIX}{_CONTENT} xmlns:edXML="{NAMESPACE}">'


def _write_content(part: _Part, out: Writable) -> None:
    encoded = Base64Stream(out)
    source = part.file.source
    if part.zipped:
        with OneEntryZip(encoded, part.file.entry_name, source.size, zip_level(source)) as archive:
            _copy(part.file, archive)
    else:
        _copy(part.file, encoded)
    encoded.close()


def _copy(file: FileToSend, out: Writable) -> None:
    copied = 0
    with closing(file.source.open()) as stream:
        while piece := stream.read(PIECE):
            out.write(piece)
            copied += len(piece)
    if copied != file.source.size:
        raise ValueError(f"an attachment gave {copied} bytes where its size is {file.source.size}")


def _element(node: Node, indent: str) -> Iterator[str]:
    if not node.children:
        yield _leaf(node.name, node.text, indent)
        return
    yield f"{indent}<{_PREFIX}{node.name}>"
    for child in node.children:
        yield from _element(child, indent + "  ")
    yield f"{indent}</{_PREFIX}{node.name}>"


def _leaf(name: str, text: str, indent: str, prefix: str = _PREFIX) -> str:
    return f"{indent}<{prefix}{name}>{_escaped(text)}</{prefix}{name}>"


def _escaped(text: str) -> str:
    """Text as element content. A carriage return is written as a reference: a parser would turn it into a line feed."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _lines(lines: Iterator[str] | Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
