"""What kind of packet the elements make, and what its header says."""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

from gateway.edxml.checks import check_document, check_status
from gateway.edxml.finding_list import Profile
from gateway.edxml.findings import Severity
from gateway.edxml.mapping import Mapper
from gateway.edxml.model import DocumentPacket, StatusHeader, StatusPacket, TraceHeaderList
from gateway.edxml.oddities import document_oddities, status_oddities
from gateway.edxml.parsing import Node, PacketTarget
from gateway.edxml.shapes import MESSAGE_HEADER, STATUS_HEADER, TRACE_HEADER_LIST
from gateway.edxml.signature_seen import SignatureSeen
from gateway.edxml.wording import missing, odd, repeated, warning


@dataclass(frozen=True, slots=True)
class Reference:
    """One entry of the manifest, as written."""

    content_id: str | None = None
    attachment_name: str | None = None
    content_type: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Understood:
    """What the elements say; empty when there is no header."""

    kind: Literal["document", "status"] | None = None
    packet: DocumentPacket | StatusPacket | None = None
    references: tuple[Reference, ...] = ()
    signature: SignatureSeen = field(default_factory=SignatureSeen)


def understand(
    target: PacketTarget, mapper: Mapper, *, whole: bool, today: date | None, profile: Profile
) -> Understood:
    """Read what the parser collected. When the XML is not `whole`, nothing is called missing."""
    root = target.root
    assert root is not None
    envelope = _single(root, "edXMLEnvelope", "edXML", mapper, {"edXMLEnvelope", "AttachmentEncoded"})
    header = _single(envelope, "edXMLHeader", "edXMLEnvelope", mapper, {"edXMLHeader", "edXMLBody"})
    body = _single(envelope, "edXMLBody", "edXMLEnvelope", mapper, None)
    known = {"MessageHeader", "TraceHeaderList"}
    message = _single(header, "MessageHeader", "edXMLHeader", mapper, known)
    trace = _single(header, "TraceHeaderList", "edXMLHeader", mapper, None)
    references = _references(body, mapper)
    signature = _signature(target, mapper)
    if message is None:
        if whole:
            mapper.findings.add(missing("MessageHeader", Severity.ERROR))
        return Understood(references=references, signature=signature)
    if _is_status(message, has_document_parts=body is not None or trace is not None or bool(target.enclosures)):
        status = _status(message, trace, mapper, whole=whole, profile=profile)
        return Understood("status", status, references, signature)
    document = _document(message, trace, mapper, whole=whole, today=today, profile=profile)
    if whole and not references and not target.enclosures and document.business_type in _WITH_FILES:
        mapper.findings.add(missing("AttachmentEncoded"))
    return Understood("document", document, references, signature)


_WITH_FILES = frozenset({"0", "3"})
"""Business types that bring a document of their own."""


def _single(parent: Node | None, name: str, path: str, mapper: Mapper, known: set[str] | None) -> Node | None:
    """The first child of a name. With `known`, every other child is kept as unknown."""
    if parent is None:
        return None
    for child in parent.children:
        if known is not None and child.name not in known:
            mapper.keep_unknown(child, f"{path}.{child.name}")
    found = parent.all(name)
    if len(found) > 1:
        mapper.keep_repeated(name, len(found))
    return found[0] if found else None


def _is_status(message: Node, *, has_document_parts: bool) -> bool:
    """A status has a StatusCode and no To (packet format 2.1); one that lost its code has nothing of a document."""
    if any(child.name == "To" and (child.children or child.text) for child in message.children):
        return False
    if message.child("StatusCode") is not None:
        return True
    return message.child("ResponseFor") is not None and message.child("Subject") is None and not has_document_parts


def _document(
    message: Node, trace: Node | None, mapper: Mapper, *, whole: bool, today: date | None, profile: Profile
) -> DocumentPacket:
    header = mapper.read(message, MESSAGE_HEADER, "MessageHeader", "/message_header")
    hops = (
        TraceHeaderList()
        if trace is None
        else mapper.read(trace, TRACE_HEADER_LIST, "TraceHeaderList", "/trace_header_list")
    )
    packet = DocumentPacket(message_header=header, trace_header_list=hops)
    if not whole:
        return packet
    for finding in document_oddities(packet, today):
        mapper.findings.add(finding)
    if profile is Profile.STRICT:
        for finding in check_document(packet, (), today or date.max):
            if finding.is_error:
                mapper.findings.add(finding)
    return packet


def _status(message: Node, trace: Node | None, mapper: Mapper, *, whole: bool, profile: Profile) -> StatusPacket:
    if trace is not None:
        mapper.keep_unknown(trace, "TraceHeaderList")
    header = mapper.read(message, STATUS_HEADER, "MessageHeader", "/message_header")
    packet = StatusPacket(message_header=_two_digits(header, mapper))
    if not whole:
        return packet
    for finding in status_oddities(packet):
        mapper.findings.add(finding)
    if profile is Profile.STRICT:
        for finding in check_status(packet):
            mapper.findings.add(finding)
    return packet


def _two_digits(header: StatusHeader, mapper: Mapper) -> StatusHeader:
    """`1` is read as `01` (packet format 2.7)."""
    code = header.status_code
    if code is None or len(code) != 1 or not code.isdecimal() or not code.isascii():
        return header
    vi, en = f"được hiểu là “0{code}”", f"was read as “0{code}”"
    pointer = "/message_header/status_code"
    mapper.findings.add(odd("M", "MessageHeader.StatusCode", vi, en, value=code, pointer=pointer))
    return header.model_copy(update={"status_code": f"0{code}"})


def _references(body: Node | None, mapper: Mapper) -> tuple[Reference, ...]:
    manifest = _single(body, "edXMLManifest", "edXMLBody", mapper, {"edXMLManifest"})
    if manifest is None:
        return ()
    references = []
    for child in manifest.children:
        if child.name != "Reference":
            mapper.keep_unknown(child, f"edXMLManifest.{child.name}")
            continue
        for leaf in child.children:
            if leaf.name not in _REFERENCE:
                mapper.keep_unknown(leaf, f"Reference.{leaf.name}")
        reference = Reference(*(child.value(name) for name in _REFERENCE))
        if reference != Reference():
            references.append(reference)
    return tuple(references)


_REFERENCE = ("ContentId", "AttachmentName", "ContentType", "Description")


def _signature(target: PacketTarget, mapper: Mapper) -> SignatureSeen:
    seen = replace(target.signature, count=target.signature_count)
    if seen.placeholder:
        mapper.findings.add(
            warning(
                "M.Signature",
                "Chữ ký gói tin chỉ là dữ liệu mẫu, không phải chữ ký thật.",
                "The packet signature is a placeholder, not a real signature.",
            )
        )
    if seen.too_large:
        mapper.findings.add(
            warning(
                "R.Signature",
                "Chữ ký gói tin quá lớn nên không được giữ lại và không kiểm tra được.",
                "The packet signature is too large; it was not kept and cannot be verified.",
            )
        )
    if seen.present and seen.count > 1:
        mapper.findings.add(repeated("Signature", seen.count))
    return seen
