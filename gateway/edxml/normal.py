"""The normal form: what a packet means, whatever way it was written and whatever axis re-wrote it.

Follows the packet signature profile 1: a header part (with the list of files) and a business part, each RFC 8785 JSON
in which every value is text. Two packets with the same normal form mean the same (packet format 10.4).
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.edxml import layout
from gateway.edxml.layout import Node
from gateway.edxml.model import DocumentPacket, StatusPacket

PROFILE = "urn:lienthong:packet-signature:1"

QD20_MARKER = "TLTVBQG_CDMDD_QD20"
"""OrganizationInCharge of a To that the axis adds with a receiver's old code."""

INTEGER_TEXTS = frozenset({"BussinessDocType", "Paper", "DocumentInfo", "DocumentReceiver", "ReceiverType"})
"""Elements that the model keeps as text and the vendor's library as a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDigest:
    """One real file (after unzipping), in the packet's order. `size` in bytes, `sha256` in lower-case hex."""

    name: str
    description: str | None
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NormalForm:
    """Canonical bytes of the header part and, where the packet has a business block, of the business part."""

    header: bytes
    business: bytes | None = None


def normal_document(packet: DocumentPacket, files: Sequence[FileDigest]) -> NormalForm:
    """The normal form of a document packet. Raises ValueError for text that UTF-8 cannot hold."""
    header = _children([layout.document_header(packet)])
    if files:
        header["Attachment"] = [_file(position, file) for position, file in enumerate(files, start=1)]
    business = _children([node for node in layout.trace_header_list(packet).children if node.name == "Bussiness"])
    return NormalForm(_part("header", header), _part("business", business) if business else None)


def normal_status(packet: StatusPacket) -> NormalForm:
    """The normal form of a status packet: its header alone."""
    return NormalForm(_part("header", _children([layout.status_header(packet)])))


def meaning_hash(packet: DocumentPacket | StatusPacket, files: Sequence[FileDigest] = ()) -> str:
    """SHA-256, lower-case hex, by which an arrival is the same as an earlier one.

    Over the normal form and the time of the first TraceHeader, which is the sender's: a packet sent anew is another.
    """
    if isinstance(packet, StatusPacket):
        form, first = normal_status(packet), ""
    else:
        form, first = normal_document(packet, files), _first_time(packet)
    return hashlib.sha256(b"\n".join((form.header, form.business or b"", first.encode()))).hexdigest()


def same_meaning(one: NormalForm, other: NormalForm) -> bool:
    """Whether two packets mean the same, hops apart."""
    return one == other


def normal_text(text: str) -> str:
    """NFC; runs of space, tab, CR and LF as one space; trimmed."""
    text = unicodedata.normalize("NFC", text)
    if "  " in text or not text.isprintable():  # as hardly any is: the expression takes ten times as long
        text = _BLANK_RUN.sub(" ", text)
    return text.strip(" ")


_BLANK_RUN = re.compile("[ \t\r\n]+")
_DEFAULTS = {
    "MessageHeader.DocumentType.Type": "2",
    "MessageHeader.SteeringType": "0",
    "MessageHeader.OtherInfo.Priority": "0",
}
"""What the axis adds where it is missing; so it says nothing where it is there."""

_Tree = dict[str, list["_Tree | str"]]


def _part(part: str, tree: _Tree) -> bytes:
    return _canonical({"part": part, "profile": PROFILE, "v": tree})


def _canonical(value: Mapping[str, object]) -> bytes:
    """RFC 8785 for objects, lists and strings; keys are ASCII, where its order is that of the code points."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _children(nodes: Sequence[Node]) -> _Tree:
    tree: _Tree = {}
    for node in nodes:
        value = _children(node.children) if node.children else _leaf(node)
        if value and not _is_added_receiver(node):
            tree.setdefault(node.name, []).append(value)
    return tree


def _leaf(node: Node) -> str:
    if node.path == "MessageHeader.OtherInfo.Direction":
        return ""
    text = normal_text(node.text)
    if node.name in INTEGER_TEXTS:
        text = normal_integer(text)
    return "" if _DEFAULTS.get(node.path) == text else text


def normal_integer(text: str) -> str:
    """A whole number without sign and leading zeros, nothing for a negative one, other text as it is."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        return text
    digits = match[2].lstrip("0") or "0"
    return "" if match[1] == "-" and digits != "0" else digits


_INTEGER = re.compile("([+-]?)([0-9]+)")


def _is_added_receiver(node: Node) -> bool:
    return node.path == "MessageHeader.To" and any(
        child.name == "OrganizationInCharge" and normal_text(child.text) == QD20_MARKER for child in node.children
    )


def _file(position: int, file: FileDigest) -> _Tree:
    values = {
        "AttachmentName": normal_text(file.name),
        "Description": normal_text(file.description or ""),
        "Position": str(position),
        "Sha256": file.sha256,
        "Size": str(file.size),
    }
    return {name: [text] for name, text in values.items() if text}


def _first_time(packet: DocumentPacket) -> str:
    hops = packet.trace_header_list.trace_headers
    if not hops:
        return ""
    return normal_text(layout.time_text(hops[0].timestamp, hops[0].timestamp_text) or "")
