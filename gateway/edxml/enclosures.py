"""The attachments of a packet: elements with their content, matched with the manifest, each brought to its real file."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.edxml.attachments import RealFile, Sent, SentBytes, Unzipped, real_file
from gateway.edxml.fields import ATTACHMENT_NAME
from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.mapping import Mapper
from gateway.edxml.names import safe_name
from gateway.edxml.parsing import Enclosure
from gateway.edxml.sinks import Sink, Sinks
from gateway.edxml.understanding import Reference
from gateway.edxml.wording import error, missing, odd, shown, too_long


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file as found. `position` counts from 1 in the order of the packet.

    `attachment_name` is as written, `safe_name` fit for a disk. `size` (bytes) and `sha256` are those of the real file,
    after unzipping; 0 and that of nothing when there is none. `packed` says that it came as the one entry of a zip.
    `sent` is what came, before unzipping, None when nothing that is whole did. `content` is the sink that holds the real file, not committed, or None when it could not be read.
    """

    position: int
    attachment_name: str
    safe_name: str
    content_type: str | None
    content_id: str | None
    description: str | None
    size: int
    sha256: str
    packed: bool
    sent: SentBytes | None
    content: Sink | None


def read_enclosures(
    enclosures: Sequence[Enclosure],
    references: Sequence[Reference],
    sinks: Sinks,
    mapper: Mapper,
    limits: Limits,
    *,
    whole: bool,
) -> tuple[Attachment, ...]:
    """All attachments. When the XML is not `whole`, what the manifest names beyond them is not called missing."""
    matched = _match(enclosures, references)
    attachments = []
    unzipped = Unzipped()
    for position, (enclosure, reference) in enumerate(zip(enclosures, matched, strict=True), 1):
        reading = _Reading(enclosure, reference, position, mapper, whole=whole)
        attachment, unzipped = reading.attachment(sinks, limits, unzipped, listed=bool(references))
        attachments.append(attachment)
    taken = {id(reference) for reference in matched}
    if whole:
        for position, reference in enumerate(references, 1):
            if id(reference) not in taken:
                mapper.findings.add(_without_content(reference, f"mục thứ {position}", f"entry {position}"))
    return tuple(attachments)


def bare_content_id(content_id: str | None) -> str:
    """A ContentId without its `cid:`, of which every pass through the vendor's library adds one."""
    bare = (content_id or "").strip()
    while bare[:4].lower() == "cid:":
        bare = bare[4:].strip()
    return bare


_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA-256 of no bytes."""

_LEAVES = frozenset({"ContentId", "AttachmentName", "Description", "FieldName", "MimeType", "Format", "ContentType"})


def _match(enclosures: Sequence[Enclosure], references: Sequence[Reference]) -> list[Reference | None]:
    """For each attachment the manifest entry with its ContentId, else with its name. No entry is used twice."""
    by_id: dict[str, list[Reference]] = {}
    by_name: dict[str, list[Reference]] = {}
    for reference in references:
        if bare := bare_content_id(reference.content_id):
            by_id.setdefault(bare, []).append(reference)
        if reference.attachment_name:
            by_name.setdefault(reference.attachment_name, []).append(reference)
    used: set[int] = set()
    matched: list[Reference | None] = [
        _take(by_id.get(bare_content_id(enclosure.node.value("ContentId")), []), used) for enclosure in enclosures
    ]
    for at, enclosure in enumerate(enclosures):
        name = enclosure.node.value("AttachmentName")
        if matched[at] is None and name is not None:
            matched[at] = _take(by_name.get(name, []), used)
    return matched


def _take(candidates: list[Reference], used: set[int]) -> Reference | None:
    while candidates:
        candidate = candidates.pop(0)
        if id(candidate) not in used:
            used.add(id(candidate))
            return candidate
    return None


class _Reading:
    """One attachment on its way from its element to its file."""

    def __init__(
        self, enclosure: Enclosure, reference: Reference | None, position: int, mapper: Mapper, *, whole: bool
    ) -> None:
        self._enclosure = enclosure
        self._node = enclosure.node
        self._reference = reference
        self._position = position
        self._mapper = mapper
        self._whole = whole

    def attachment(
        self, sinks: Sinks, limits: Limits, before: Unzipped, *, listed: bool
    ) -> tuple[Attachment, Unzipped]:
        """The attachment, and what has been unzipped with it; its oddities become findings."""
        node, reference = self._node, self._reference or Reference()
        name = node.value("AttachmentName") or reference.attachment_name or ""
        content_type = node.value("ContentType") or node.value("MimeType") or reference.content_type
        self._look_at_leaves(name, listed=listed)
        real = self._real_file(name, content_type, sinks, limits, before)
        for finding in real.findings:
            self._mapper.findings.add(finding)
        attachment = Attachment(
            position=self._position,
            attachment_name=name,
            safe_name=safe_name(name),
            content_type=content_type,
            content_id=node.value("ContentId") or reference.content_id,
            description=node.value("Description") or reference.description,
            size=0 if real.sink is None else real.sink.size,
            sha256=_NOTHING if real.sink is None else real.sink.sha256,
            packed=real.packed,
            sent=real.sent,
            content=real.sink,
        )
        return attachment, before + real.unzipped

    def _look_at_leaves(self, name: str, *, listed: bool) -> None:
        findings, at = self._mapper.findings, f" {self._position}"
        for child in self._node.children:
            if child.name not in _LEAVES:
                self._mapper.keep_unknown(child, f"Attachment.{child.name}")
        if self._enclosure.contents > 1:
            self._mapper.keep_repeated("Attachment.ContentTransferEncoded", self._enclosure.contents, at=at)
        for leaf, path in _SAID_ONCE:
            if (times := sum(bool(child.text) for child in self._node.all(leaf))) > 1:
                self._mapper.keep_repeated(path, times, at=at)
        for leaf, path in _WANTED:
            if self._node.value(leaf) is None:
                findings.add(missing(path, at=at))
        if len(name) > ATTACHMENT_NAME.length:
            findings.add(too_long("AttachmentName", len(name), ATTACHMENT_NAME.length, at=at))
        if name and safe_name(name) != unicodedata.normalize("NFC", name):
            vi, en = f"không an toàn, đã đổi thành “{shown(safe_name(name))}”", "is not safe on a disk and was changed"
            findings.add(odd("M", "AttachmentName", vi, en, at=at))
        if self._reference is None and listed:
            findings.add(missing("Reference", at=at))

    def _real_file(
        self, name: str, content_type: str | None, sinks: Sinks, limits: Limits, before: Unzipped
    ) -> RealFile:
        content = self._enclosure.content
        if content is None:
            return self._empty()
        if content.broken:
            return replace(_NONE, findings=(_broken_base64(self._position),))
        if not content.complete:
            content.spoil()
            return _NONE
        if content.sink.size == 0:
            content.spoil()
            return self._empty()
        sent = Sent(
            sink=content.sink,
            head=content.head,
            attachment_name=name,
            content_type=content_type,
            position=self._position,
        )
        return real_file(sent, sinks, limits, before)

    def _empty(self) -> RealFile:
        """An error when the manifest promises the file, a warning otherwise."""
        if not self._whole:
            return _NONE
        if self._reference is not None:
            finding = _without_content(self._reference, f"tệp thứ {self._position}", f"attachment {self._position}")
        else:
            finding = missing("Attachment.ContentTransferEncoded", at=f" {self._position}")
        return replace(_NONE, findings=(finding,))


_NONE = RealFile(sink=None, packed=False, sent=None, unzipped=Unzipped())
_SAID_ONCE = (("AttachmentName", "AttachmentName"), ("Description", "Attachment.Description"))
_WANTED = (
    ("ContentId", "Attachment.ContentId"),
    ("AttachmentName", "AttachmentName"),
    ("ContentType", "Attachment.ContentType"),
)


def _broken_base64(position: int) -> Finding:
    return error(
        "M.Attachment-Encoding",
        f"Nội dung của tệp đính kèm thứ {position} không phải base64 đúng; không lấy được tệp.",
        f"The content of attachment {position} is not proper base64; the file cannot be had.",
    )


def _without_content(reference: Reference, vi: str, en: str) -> Finding:
    content_id = shown(reference.content_id or "")
    return error(
        "N.Attachment",
        f"Bảng kê có {vi} (ContentId “{content_id}”) nhưng gói tin không có nội dung tệp.",
        f"The manifest lists {en} (ContentId “{content_id}”) but the packet holds no content for it.",
    )
