"""What the real file of an attachment is: the bytes as sent, or the one entry of the zip they are (packet format 4)."""

import zipfile
from dataclasses import dataclass, replace

from gateway.edxml.findings import Finding
from gateway.edxml.limits import Limits
from gateway.edxml.packing import extension_of
from gateway.edxml.sinks import Sink, Sinks
from gateway.edxml.unzip import ZipListing, ZipRefused, list_zip, over_ratio, unzip_one
from gateway.edxml.wording import error, shown, warning


@dataclass(frozen=True, slots=True, kw_only=True)
class RealFile:
    """An attachment's real file. `sink` is None when it could not be had; then a finding says why.

    `sent` is what came, before unzipping; None when nothing that is whole did. `unzipped` tells what unzipping took,
    also when it was refused.
    """

    sink: Sink | None
    packed: bool
    sent: "SentBytes | None"
    unzipped: "Unzipped"
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """An attachment as sent: decoded bytes, the first of them, its name, its own content type, its place from 1."""

    sink: Sink
    head: bytes
    attachment_name: str
    content_type: str | None
    position: int


@dataclass(frozen=True, slots=True)
class SentBytes:
    """An attachment's bytes as they came: how many, and their SHA-256 in lower-case hex."""

    size: int
    sha256: str

    @staticmethod
    def of(sink: Sink) -> "SentBytes":
        """Of what was written to a sink."""
        return SentBytes(sink.size, sink.sha256)


@dataclass(frozen=True, slots=True)
class Unzipped:
    """What attachments have been unzipped to: bytes, how many of them beyond the ratio, and what ended it for good."""

    size: int = 0
    surplus: int = 0
    over: ZipRefused | None = None

    def __add__(self, other: "Unzipped") -> "Unzipped":
        return Unzipped(self.size + other.size, self.surplus + other.surplus, self.over or other.over)


def real_file(sent: Sent, sinks: Sinks, limits: Limits, before: Unzipped) -> RealFile:
    """Unzip what the vendor's kit or a gateway has zipped; leave everything else as it is.

    `before` tells of the attachments of the same packet that came before it. The sent sink is discarded once its
    content has been unzipped, and when it is refused.
    """
    if extension_of(sent.attachment_name) == "zip":
        return _kept(sent, *_own_zip(sent, limits))
    said_zip = is_zip_type(sent.content_type)
    if not sent.head.startswith(_ZIP_STARTS):
        return _kept(sent, *([_not_a_zip(sent)] if said_zip else []))
    if not said_zip and extension_of(sent.attachment_name) in ZIP_BASED:
        return _kept(sent)
    with sent.sink.reopen() as stream:
        try:
            listing = list_zip(stream, sent.sink.size, limits)
        except ZipRefused as refused:
            return _refused(sent, refused) if said_zip else _kept(sent, _other_bytes(sent))
        oddities = _oddities(sent, listing, said_zip=said_zip)
        if not _is_wrapping(listing):
            return _unwrapped(sent, listing, oddities, said_zip=said_zip)
        most = min(limits.unzipped_bytes, limits.unzipped_total_bytes - before.size)
        free = min(limits.unzip_free_bytes, limits.unzip_free_total_bytes - before.surplus)
        if before.over is not None:
            return _refused(sent, before.over)
        try:
            sink = unzip_one(stream, listing.files[0], sinks, replace(limits, unzip_free_bytes=free), most=most)
        except ZipRefused as refused:
            return _refused(sent, refused, _unzipped(sent, refused.unzipped, limits))
    if extension_of(sent.attachment_name) not in ZIP_BASED and _begins_as_zip(sink):
        oddities.append(_nested(sent))
    unzipped = _unzipped(sent, sink.size, limits)
    came = SentBytes.of(sent.sink)
    sent.sink.discard()
    return RealFile(sink=sink, packed=True, sent=came, unzipped=unzipped, findings=tuple(oddities))


def is_zip_type(content_type: str | None) -> bool:
    """Whether a ContentType means a zip archive."""
    return (content_type or "").partition(";")[0].strip().lower() in _ZIP_TYPES


_OFFICE = {"docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "xlsb", "pptx", "pptm", "ppsx", "vsdx"}
_OPEN_DOCUMENT = {"odt", "ods", "odp", "odg", "epub"}
ZIP_BASED = frozenset({"zip", "jar", "war", "apk", "kmz"} | _OFFICE | _OPEN_DOCUMENT)
"""Extensions of formats that are zip archives themselves."""

_ZIP_TYPES = frozenset(
    {"application/zip", "application/x-zip", "application/x-zip-compressed", "application/zip-compressed"}
)
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_OFFICE_ENTRIES = frozenset({"[Content_Types].xml", "mimetype"})
"""Entries that only a raw Office file has: the archive is the file."""


def _begins_as_zip(sink: Sink) -> bool:
    with sink.reopen() as stream:
        return stream.read(4) in _ZIP_STARTS


def _own_zip(sent: Sent, limits: Limits) -> list[Finding]:
    """What is told of an archive that is a file of its own: it is passed on unopened, so whoever opens it is warned."""
    if not sent.head.startswith(_ZIP_STARTS):
        return []
    with sent.sink.reopen() as stream:
        try:
            listing = list_zip(stream, sent.sink.size, limits)
        except ZipRefused as refused:
            return [_warned(sent, refused)]
    found = []
    stated = sum(entry.file_size for entry in listing.files)
    if stated > max(limits.unzip_free_bytes, sent.sink.size * limits.unzip_ratio):
        found.append(_warned(sent, over_ratio()))
    if any(extension_of(entry.filename) == "zip" for entry in listing.files):
        found.append(_nested(sent))
    return found


def _is_wrapping(listing: ZipListing) -> bool:
    return len(listing.files) == 1 and listing.files[0].filename not in _OFFICE_ENTRIES


def _unwrapped(sent: Sent, listing: ZipListing, oddities: list[Finding], *, said_zip: bool) -> RealFile:
    if not listing.files and said_zip:
        return _refused(sent, ZipRefused("Z.Empty", "không chứa tệp nào", "holds no file"))
    is_office = any(entry.filename in _OFFICE_ENTRIES for entry in listing.files)
    if said_zip and not is_office and extension_of(sent.attachment_name) not in ZIP_BASED:
        oddities = [*oddities, _several(sent, len(listing.files))]
    return _kept(sent, *oddities)


def _oddities(sent: Sent, listing: ZipListing, *, said_zip: bool) -> list[Finding]:
    found = [] if said_zip else [_other_bytes(sent)]
    if listing.surplus:
        found.append(_surplus(sent))
    if _is_wrapping(listing) and _has_path(listing.files[0]):
        found.append(_path_inside(sent))
    return found


def _has_path(entry: zipfile.ZipInfo) -> bool:
    return any(sign in entry.orig_filename for sign in ("/", "\\", ":", "\0"))


def _kept(sent: Sent, *findings: Finding) -> RealFile:
    came = SentBytes.of(sent.sink)
    return RealFile(sink=sent.sink, packed=False, sent=came, unzipped=Unzipped(), findings=findings)


def _unzipped(sent: Sent, size: int, limits: Limits) -> Unzipped:
    return Unzipped(size, max(size - sent.sink.size * limits.unzip_ratio, 0))


def _refused(sent: Sent, refused: ZipRefused, unzipped: Unzipped = Unzipped()) -> RealFile:
    """A zip that cannot be opened is passed on as it came, with a warning; one that would flood us is not (packet format 4)."""
    came = SentBytes.of(sent.sink)
    if refused.code in _UNOPENED:
        return RealFile(sink=sent.sink, packed=False, sent=came, unzipped=unzipped, findings=(_warned(sent, refused),))
    if refused.code in _OVER:
        unzipped = replace(unzipped, over=refused)
    sent.sink.discard()
    vi, en = _who(sent)
    finding = error(refused.code, f"Tệp nén của {vi} {refused.text.vi}.", f"The zip of {en} {refused.text.en}.")
    return RealFile(sink=None, packed=True, sent=came, unzipped=unzipped, findings=(finding,))


_UNOPENED = frozenset({"Z.Damaged", "Z.Checksum", "Z.Encrypted", "Z.Method"})
"""What concerns that attachment only: its bytes are kept, and whoever opens the file sees the same."""

_OVER = frozenset({"Z.Ratio", "Z.Size"})
"""What refuses all further unzipping of the packet: its next file would only cost more of the same."""


def _warned(sent: Sent, refused: ZipRefused) -> Finding:
    vi, en = _who(sent)
    return warning(
        refused.code,
        f"Tệp nén của {vi} {refused.text.vi}; đã giữ nguyên, không mở.",
        f"The zip of {en} {refused.text.en}; it is kept as it is, unopened.",
    )


def _nested(sent: Sent) -> Finding:
    vi, en = _who(sent)
    return warning(
        "Z.Nested",
        f"Tệp nén của {vi} chứa tệp nén khác; tệp bên trong không được mở.",
        f"The zip of {en} holds another zip, which is not opened.",
    )


def _who(sent: Sent) -> tuple[str, str]:
    return f"tệp đính kèm thứ {sent.position}", f"attachment {sent.position}"


def _not_a_zip(sent: Sent) -> Finding:
    vi, en = _who(sent)
    return warning(
        "M.Attachment-Type",
        f"{vi.capitalize()} ghi kiểu {shown(sent.content_type or '')} nhưng không phải tệp nén; đã giữ nguyên tệp.",
        f"{en.capitalize()} says {shown(sent.content_type or '')} but is no zip; it is kept as it is.",
    )


def _other_bytes(sent: Sent) -> Finding:
    vi, en = _who(sent)
    return warning(
        "M.Attachment-Type",
        f"{vi.capitalize()} ghi kiểu “{shown(sent.content_type or '')}” nhưng dữ liệu là tệp nén zip.",
        f"{en.capitalize()} says “{shown(sent.content_type or '')}” but its bytes are a zip.",
    )


def _several(sent: Sent, count: int) -> Finding:
    vi, en = _who(sent)
    return warning(
        "Z.Entries",
        f"Tệp nén của {vi} chứa {count} tệp thay vì một; đã giữ nguyên tệp nén.",
        f"The zip of {en} holds {count} files instead of one; it is kept as it is.",
    )


def _surplus(sent: Sent) -> Finding:
    vi, en = _who(sent)
    return warning(
        "Z.Surplus",
        f"Tệp nén của {vi} có dữ liệu thừa nằm ngoài các tệp bên trong.",
        f"The zip of {en} has bytes that belong to no entry.",
    )


def _path_inside(sent: Sent) -> Finding:
    vi, en = _who(sent)
    return warning(
        "Z.Path",
        f"Tên bên trong tệp nén của {vi} có đường dẫn; tên này không được dùng.",
        f"The name inside the zip of {en} holds a path; it is not used.",
    )
