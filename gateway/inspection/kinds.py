"""What a file really is, by its bytes, and whether that is what it claims to be. The name never bends the result."""

import re
from dataclasses import dataclass
from enum import StrEnum

from gateway.edxml.names import safe_name
from gateway.edxml.packing import extension_of
from gateway.edxml.sinks import Source
from gateway.inspection.families import CONTENT_TYPES, EXTENSIONS, MIME_GROUPS, MIMES, WEAK, Family
from gateway.inspection.ole_inside import MAGIC, OleInside, look_into_ole
from gateway.inspection.sniffing import Sniffer
from gateway.inspection.zip_inside import NotLookedInto, ZipInside, look_into_zip

HEAD = 64 * 1024
"""Bytes that libmagic is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RealKind:
    """What bytes are: media type and family."""

    mime: str
    family: Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was seen of one file. `kind` is None when it could not be determined.

    `container_closed`: it is a zip or an OLE file that could not be looked into (damaged, hostile, too large).
    """

    head: bytes
    kind: RealKind | None
    zip: ZipInside | None = None
    ole: OleInside | None = None
    container_closed: bool = False


class Agreement(StrEnum):
    """How what a file claims and what it is stand to each other."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNDETERMINED = "undetermined"
    NOTHING_CLAIMED = "nothing_claimed"


def look_at(source: Source, sniffer: Sniffer) -> Seen:
    """Look at a file's first bytes, and into it where it is a container. Raises only what the source raises."""
    with source.open() as stream:
        head = stream.read(HEAD)
    if not head:
        return Seen(head=head, kind=RealKind(mime="inode/x-empty", family=Family.EMPTY))
    if head.startswith(_ZIP_STARTS):
        return _zip(source, head)
    if head.startswith(MAGIC):
        return _ole(source, head)
    return Seen(head=head, kind=_plain(head, sniffer))


def claimed(attachment_name: str, content_type: str | None) -> str:
    """The extension that is claimed: the name's, else what the ContentType stands for; empty when nothing is."""
    extension = extension_of(safe_name(attachment_name))
    if extension in EXTENSIONS:
        return extension
    if re.fullmatch(r"[a-z0-9]{1,8}", extension):
        return ""
    return CONTENT_TYPES.get((content_type or "").partition(";")[0].strip().lower(), "")


def agreement(claim: str, kind: RealKind | None) -> Agreement:
    """Whether a file of this kind may stand under this extension."""
    if not claim:
        return Agreement.NOTHING_CLAIMED if kind is not None else Agreement.UNDETERMINED
    if kind is None:
        return Agreement.UNDETERMINED
    wanted = EXTENSIONS[claim]
    if kind.family in wanted:
        return Agreement.AGREES
    if kind.family is Family.UNKNOWN and wanted & WEAK:
        return Agreement.UNDETERMINED
    return Agreement.DIFFERS


_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


def _zip(source: Source, head: bytes) -> Seen:
    try:
        inside = look_into_zip(source)
    except NotLookedInto:
        return Seen(head=head, kind=_ZIP, container_closed=True)
    return Seen(head=head, kind=_zip_kind(inside), zip=inside)


_ZIP = RealKind(mime="application/zip", family=Family.ZIP)

_OFFICE_MAIN = (
    ("application/vnd.ms-word.", "macroenabled.main+xml", Family.DOCM),
    ("application/vnd.ms-word.", "macroenabledtemplate.main+xml", Family.DOCM),
    ("application/vnd.ms-excel.sheet.binary.macroenabled.", "main", Family.XLSB),
    ("application/vnd.ms-excel.", "macroenabled.main+xml", Family.XLSM),
    ("application/vnd.ms-powerpoint.", "macroenabled.main+xml", Family.PPTM),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.", ".main+xml", Family.DOCX),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.", ".main+xml", Family.XLSX),
    ("application/vnd.openxmlformats-officedocument.presentationml.", ".main+xml", Family.PPTX),
)
"""Beginning and end of the main part's content type, the ones with macros first."""

_ODF = {
    "application/vnd.oasis.opendocument.text": Family.ODT,
    "application/vnd.oasis.opendocument.spreadsheet": Family.ODS,
    "application/vnd.oasis.opendocument.presentation": Family.ODP,
}


def _zip_kind(inside: ZipInside) -> RealKind:
    for start, end, family in _OFFICE_MAIN:
        for content_type in sorted(inside.content_types):
            if content_type.startswith(start) and content_type.endswith(end):
                return RealKind(mime=re.sub(r"\.main(\+xml)?$", "", content_type), family=family)
    if inside.content_types:
        return RealKind(mime="application/vnd.openxmlformats-package", family=Family.OFFICE)
    if inside.mimetype:
        family = next((one for start, one in _ODF.items() if inside.mimetype.startswith(start)), Family.OPEN_DOCUMENT)
        return RealKind(mime=inside.mimetype if _MIME.fullmatch(inside.mimetype) else _ZIP.mime, family=family)
    if "androidmanifest.xml" in inside.names:
        return RealKind(mime="application/vnd.android.package-archive", family=Family.JAVA)
    if "meta-inf/manifest.mf" in inside.names:
        return RealKind(mime="application/java-archive", family=Family.JAVA)
    return _ZIP


def _ole(source: Source, head: bytes) -> Seen:
    try:
        inside = look_into_ole(source)
    except NotLookedInto:
        return Seen(head=head, kind=_OLE, container_closed=True)
    return Seen(head=head, kind=_ole_kind(inside), ole=inside)


_OLE = RealKind(mime="application/x-ole-storage", family=Family.OLE)
_OLE_KINDS = (
    ("encryptedpackage", RealKind(mime="application/encrypted", family=Family.PROTECTED)),
    ("worddocument", RealKind(mime="application/msword", family=Family.DOC)),
    ("workbook", RealKind(mime="application/vnd.ms-excel", family=Family.XLS)),
    ("book", RealKind(mime="application/vnd.ms-excel", family=Family.XLS)),
    ("powerpoint document", RealKind(mime="application/vnd.ms-powerpoint", family=Family.PPT)),
)
_INSTALLER_CLSIDS = frozenset(
    f"000C108{digit}-0000-0000-C000-000000000046" for digit in "246"
)  # transform, package, patch


def _ole_kind(inside: OleInside) -> RealKind:
    if inside.clsid in _INSTALLER_CLSIDS:
        return RealKind(mime="application/x-msi", family=Family.INSTALLER)
    return next((kind for stream, kind in _OLE_KINDS if stream in inside.top), _OLE)


_MIME = re.compile(r"[a-z0-9.+-]{1,40}/[a-z0-9.+-]{1,90}")


def _plain(head: bytes, sniffer: Sniffer) -> RealKind | None:
    mime = sniffer.mime_of(head)
    if mime is None or not _MIME.fullmatch(mime):
        return None
    family = MIMES.get(mime) or MIME_GROUPS.get(mime.partition("/")[0], Family.OTHER)
    if family is Family.UNKNOWN:
        return next((kind for is_it, kind in _UNSEEN if is_it(head)), RealKind(mime=mime, family=family))
    return RealKind(mime=mime, family=family)


def _is_pdf(head: bytes) -> bool:
    return b"%PDF-" in head[:1024]


def _is_cms(head: bytes) -> bool:
    """DER: a sequence that begins with signedData's object identifier."""
    return head[:1] == b"\x30" and b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" in head[:16]


def _is_audio(head: bytes) -> bool:
    return head.startswith(b"ID3")


_UNSEEN = (
    (_is_pdf, RealKind(mime="application/pdf", family=Family.PDF)),
    (_is_cms, RealKind(mime="application/pkcs7-signature", family=Family.SIGNED)),
    (_is_audio, RealKind(mime="audio/mpeg", family=Family.AUDIO)),
)
"""Kinds that libmagic passes over in some versions."""
