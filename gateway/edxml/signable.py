"""Whether a packet may be signed: only when its normal form is the same after the axis has re-written it.

A signature over anything else would be found broken by an honest receiver (packet signature page, "Before signing").
"""

import unicodedata
from collections.abc import Iterator, Sequence

from gateway.edxml.checks import FileFacts
from gateway.edxml.fields import ATTACHMENT_NAME, FIELDS
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.layout import Node
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import (
    INTEGER_TEXTS,
    FileDigest,
    NormalForm,
    normal_document,
    normal_status,
    normal_text,
)
from gateway.edxml.rules import capital, finding
from gateway.edxml.survival import leaves_of, rewritten, survive, unsure
from gateway.problems import Text


class Unsignable(ValueError):
    """The packet may not be signed; `findings`, errors `L.<path>`, name each field that stands in the way."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{finding.code} {finding.pointer or ''}" for finding in findings))
        self.findings = tuple(Finding(each.code, Severity.ERROR, each.message, each.pointer) for each in findings)


def signable_form(packet: DocumentPacket | StatusPacket, files: Sequence[FileDigest] = ()) -> NormalForm:
    """The normal form that may be signed. Give a document as it will be written (`writer.completed`).

    Raises Unsignable for a field that would not arrive as it is, or that two sides may not take for the same.
    """
    leaves = list(leaves_of(packet))
    found = list(_unread(leaves, files))
    if found and any(_has_surrogate(node.text) for node in leaves):
        raise Unsignable(found)
    found += unsure(packet, [FileFacts(attachment_name=file.name, size=file.size) for file in files], leaves)
    form = normal_form(packet, files)
    if normal_form(survive(packet), files) != form:
        found += _changed(packet) or [_CHANGED_SOMEWHERE]
    if found:
        raise Unsignable(found)
    return form


def normal_form(packet: DocumentPacket | StatusPacket, files: Sequence[FileDigest] = ()) -> NormalForm:
    """The normal form of a packet of either kind."""
    return normal_status(packet) if isinstance(packet, StatusPacket) else normal_document(packet, files)


_HOPS = "/trace_header_list/trace_headers/"
"""No part of the normal form."""

_CONTROL = Text(
    "có ký tự điều khiển, có thể bị bỏ mất trên đường đi",
    "holds a control character, which may be lost on the way",
)
_CHANGED_SOMEWHERE = Finding(
    "L.Packet",
    Severity.ERROR,
    Text("Gói tin sẽ bị trục viết lại thành nội dung khác.", "The axis would turn the packet into another content."),
)


def _changed(packet: DocumentPacket | StatusPacket) -> list[Finding]:
    """Of what the axis writes otherwise, what changes the normal form."""
    after = {node.pointer: normal_text(node.text) for node in leaves_of(survive(packet))}
    before = {node.pointer: normal_text(node.text) for node in leaves_of(packet)}
    return [
        each
        for each in rewritten(packet)
        if not (each.pointer or "").startswith(_HOPS)
        and before.get(each.pointer or "") != after.get(each.pointer or "")
    ]


def _unread(leaves: Sequence[Node], files: Sequence[FileDigest]) -> Iterator[Finding]:
    """What a receiver would not read as it is written."""
    for node in leaves:
        if node.pointer.startswith(_HOPS):
            continue
        if (why := _reason(node)) is not None:
            field = FIELDS[node.path]
            yield _finding(node.path, node.pointer, field.vi, field.en, why)
    for at, file in enumerate(files):
        if _has_control(file.name):
            pointer = f"/attachments/{at}/attachment_name"
            yield _finding("AttachmentName", pointer, ATTACHMENT_NAME.vi, ATTACHMENT_NAME.en)
        if _has_control(file.description or ""):
            pointer = f"/attachments/{at}/description"
            yield _finding("Attachment.Description", pointer, "mô tả của tệp", "description of the attachment")


def _reason(node: Node) -> Text | None:
    """Why a receiver would not read the value as it is; None for nearly all."""
    if _has_control(node.text):
        return _CONTROL
    if node.name in _NUMBERS and len(node.text) > _DIGITS:
        return _TOO_LARGE
    return _NULL if node.name in _CODED and node.text.lower() == "null" else None


_NUMBERS = frozenset({"Type", "TypeDetail", "Priority", "PromulgationAmount", "PageAmount", "SteeringType"})
_DIGITS = 9
_CODED = frozenset({"OrganId", "StatusCode", *INTEGER_TEXTS})
_TOO_LARGE = Text("là số quá lớn", "is too large a number")
_NULL = Text("là chữ “null”, bên nhận coi như không có", "is the word “null”, which receivers take for nothing")


def _finding(path: str, pointer: str, vi: str, en: str, why: Text = _CONTROL) -> Finding:
    text = Text(f"{capital(vi)} {why.vi}.", f"The {en} {why.en}.")
    return finding("L", path, pointer, text)


def _has_control(text: str) -> bool:
    return not text.isprintable() and any(
        unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r" for character in text
    )


def _has_surrogate(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)
