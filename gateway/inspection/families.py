"""Kinds of file as data: which real kinds an extension or a ContentType may stand for, and what people call them."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from gateway.problems import Text


class Family(StrEnum):
    """What a file really is, as far as it matters here."""

    EMPTY = "empty"
    UNKNOWN = "unknown"
    OTHER = "other"
    PDF = "pdf"
    DOC = "doc"
    DOCX = "docx"
    DOCM = "docm"
    XLS = "xls"
    XLSX = "xlsx"
    XLSM = "xlsm"
    XLSB = "xlsb"
    PPT = "ppt"
    PPTX = "pptx"
    PPTM = "pptm"
    PROTECTED = "protected"
    OFFICE = "office"
    OLE = "ole"
    ODT = "odt"
    ODS = "ods"
    ODP = "odp"
    OPEN_DOCUMENT = "open_document"
    RTF = "rtf"
    TEXT = "text"
    HTML = "html"
    XML = "xml"
    PNG = "png"
    JPEG = "jpeg"
    TIFF = "tiff"
    GIF = "gif"
    BMP = "bmp"
    WEBP = "webp"
    IMAGE = "image"
    ZIP = "zip"
    RAR = "rar"
    SEVEN_ZIP = "7z"
    GZIP = "gzip"
    SIGNED = "signed"
    AUDIO = "audio"
    VIDEO = "video"
    PROGRAM = "program"
    INSTALLER = "installer"
    JAVA = "java"


LABELS: Mapping[Family, Text] = MappingProxyType(
    {
        Family.EMPTY: Text("tệp rỗng", "an empty file"),
        Family.UNKNOWN: Text("dữ liệu không nhận ra được", "bytes of no known kind"),
        Family.OTHER: Text("loại khác", "another kind"),
        Family.PDF: Text("PDF", "PDF"),
        Family.DOC: Text("Word 97-2003", "Word 97-2003"),
        Family.DOCX: Text("Word", "Word"),
        Family.DOCM: Text("Word có macro", "Word with macros"),
        Family.XLS: Text("Excel 97-2003", "Excel 97-2003"),
        Family.XLSX: Text("Excel", "Excel"),
        Family.XLSM: Text("Excel có macro", "Excel with macros"),
        Family.XLSB: Text("Excel nhị phân", "binary Excel"),
        Family.PPT: Text("PowerPoint 97-2003", "PowerPoint 97-2003"),
        Family.PPTX: Text("PowerPoint", "PowerPoint"),
        Family.PPTM: Text("PowerPoint có macro", "PowerPoint with macros"),
        Family.PROTECTED: Text("tệp Office đặt mật khẩu", "an Office file under a password"),
        Family.OFFICE: Text("tệp Office khác", "another Office file"),
        Family.OLE: Text("tệp kiểu Office cũ (OLE)", "an OLE file"),
        Family.ODT: Text("OpenDocument văn bản", "OpenDocument text"),
        Family.ODS: Text("OpenDocument bảng tính", "OpenDocument spreadsheet"),
        Family.ODP: Text("OpenDocument trình chiếu", "OpenDocument presentation"),
        Family.OPEN_DOCUMENT: Text("OpenDocument khác", "another OpenDocument file"),
        Family.RTF: Text("RTF", "RTF"),
        Family.TEXT: Text("văn bản thuần", "plain text"),
        Family.HTML: Text("trang HTML", "HTML"),
        Family.XML: Text("XML", "XML"),
        Family.PNG: Text("ảnh PNG", "a PNG image"),
        Family.JPEG: Text("ảnh JPEG", "a JPEG image"),
        Family.TIFF: Text("ảnh TIFF", "a TIFF image"),
        Family.GIF: Text("ảnh GIF", "a GIF image"),
        Family.BMP: Text("ảnh BMP", "a BMP image"),
        Family.WEBP: Text("ảnh WebP", "a WebP image"),
        Family.IMAGE: Text("ảnh loại khác", "another kind of image"),
        Family.ZIP: Text("tệp nén zip", "a zip archive"),
        Family.RAR: Text("tệp nén RAR", "a RAR archive"),
        Family.SEVEN_ZIP: Text("tệp nén 7z", "a 7z archive"),
        Family.GZIP: Text("tệp nén gzip", "a gzip file"),
        Family.SIGNED: Text("dữ liệu ký số (CMS)", "signed data (CMS)"),
        Family.AUDIO: Text("âm thanh", "audio"),
        Family.VIDEO: Text("phim", "video"),
        Family.PROGRAM: Text("chương trình chạy được", "a program"),
        Family.INSTALLER: Text("bộ cài đặt", "an installer"),
        Family.JAVA: Text("chương trình Java hoặc Android", "a Java or Android program"),
    }
)

_TEXTUAL = frozenset({Family.TEXT, Family.XML, Family.HTML, Family.EMPTY})
"""Sniffers guess among kinds of text; a text that looks like another text is no lie."""
_WORD = frozenset({Family.DOCX, Family.PROTECTED})
_SHEET = frozenset({Family.XLSX, Family.PROTECTED})
_SLIDES = frozenset({Family.PPTX, Family.PROTECTED})
_ZIPPED = frozenset(
    {
        *(Family.ZIP, Family.DOCX, Family.DOCM, Family.XLSX, Family.XLSM, Family.XLSB, Family.PPTX, Family.PPTM),
        *(Family.OFFICE, Family.ODT, Family.ODS, Family.ODP, Family.OPEN_DOCUMENT),
    }
)

EXTENSIONS: Mapping[str, frozenset[Family]] = MappingProxyType(
    {
        "pdf": frozenset({Family.PDF}),
        "doc": frozenset({Family.DOC}),
        "dot": frozenset({Family.DOC}),
        "docx": _WORD,
        "dotx": _WORD,
        "docm": _WORD | {Family.DOCM},
        "dotm": _WORD | {Family.DOCM},
        "xls": frozenset({Family.XLS}),
        "xlt": frozenset({Family.XLS}),
        "xlsx": _SHEET,
        "xltx": _SHEET,
        "xlsm": _SHEET | {Family.XLSM},
        "xltm": _SHEET | {Family.XLSM},
        "xlam": _SHEET | {Family.XLSM},
        "xlsb": _SHEET | {Family.XLSB},
        "ppt": frozenset({Family.PPT}),
        "pps": frozenset({Family.PPT}),
        "pptx": _SLIDES,
        "ppsx": _SLIDES,
        "potx": _SLIDES,
        "pptm": _SLIDES | {Family.PPTM},
        "ppsm": _SLIDES | {Family.PPTM},
        "vsdx": frozenset({Family.OFFICE, Family.PROTECTED}),
        "vsd": frozenset({Family.OLE}),
        "msg": frozenset({Family.OLE}),
        "odt": frozenset({Family.ODT}),
        "ods": frozenset({Family.ODS}),
        "odp": frozenset({Family.ODP}),
        "odg": frozenset({Family.OPEN_DOCUMENT}),
        "epub": frozenset({Family.OPEN_DOCUMENT, Family.ZIP}),
        "rtf": frozenset({Family.RTF}),
        "txt": _TEXTUAL,
        "md": _TEXTUAL,
        "log": _TEXTUAL,
        "csv": _TEXTUAL,
        "tsv": _TEXTUAL,
        "json": _TEXTUAL,
        "eml": _TEXTUAL,
        "xml": _TEXTUAL,
        "xsl": _TEXTUAL,
        "xsd": _TEXTUAL,
        "edxml": _TEXTUAL,
        "html": _TEXTUAL,
        "htm": _TEXTUAL,
        "svg": _TEXTUAL,
        "png": frozenset({Family.PNG}),
        "jpg": frozenset({Family.JPEG}),
        "jpeg": frozenset({Family.JPEG}),
        "tif": frozenset({Family.TIFF}),
        "tiff": frozenset({Family.TIFF}),
        "gif": frozenset({Family.GIF}),
        "bmp": frozenset({Family.BMP}),
        "webp": frozenset({Family.WEBP}),
        "zip": _ZIPPED,
        "rar": frozenset({Family.RAR}),
        "7z": frozenset({Family.SEVEN_ZIP}),
        "gz": frozenset({Family.GZIP}),
        "p7s": frozenset({Family.SIGNED, Family.TEXT}),
        "p7m": frozenset({Family.SIGNED, Family.TEXT}),
        "p7b": frozenset({Family.SIGNED, Family.TEXT}),
        "mp3": frozenset({Family.AUDIO}),
        "wav": frozenset({Family.AUDIO}),
        "mp4": frozenset({Family.VIDEO}),
        "avi": frozenset({Family.VIDEO}),
        "exe": frozenset({Family.PROGRAM}),
        "dll": frozenset({Family.PROGRAM}),
        "msi": frozenset({Family.INSTALLER}),
        "jar": frozenset({Family.JAVA, Family.ZIP}),
        "apk": frozenset({Family.JAVA}),
    }
)
"""Extension in lower case: the real kinds that may stand under it. An extension that is not here claims nothing."""

CONTENT_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "application/pdf": "pdf",
        "application/doc": "doc",
        "application/msword": "doc",
        "application/docx": "docx",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "application/vnd.ms-powerpoint": "ppt",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
        "application/vnd.oasis.opendocument.text": "odt",
        "application/vnd.oasis.opendocument.spreadsheet": "ods",
        "application/vnd.oasis.opendocument.presentation": "odp",
        "application/rtf": "rtf",
        "text/rtf": "rtf",
        "text/plain": "txt",
        "text/csv": "csv",
        "text/xml": "xml",
        "application/xml": "xml",
        "text/html": "html",
        "image/png": "png",
        "image/jpeg": "jpg",
        "image/tiff": "tif",
        "image/gif": "gif",
    }
)
"""ContentType: the extension it stands for. `application/zip` is missing on purpose: on the wire it says how a file
was sent, not what it is (packet format 4)."""

WEAK: frozenset[Family] = frozenset({Family.TEXT, Family.SIGNED, Family.AUDIO, Family.VIDEO})
"""Kinds that sniffers often do not recognise: bytes of no known kind are no contradiction to them, only unproved."""

MIMES: Mapping[str, Family] = MappingProxyType(
    {
        "application/pdf": Family.PDF,
        "application/rtf": Family.RTF,
        "text/rtf": Family.RTF,
        "text/html": Family.HTML,
        "application/xhtml+xml": Family.HTML,
        "text/xml": Family.XML,
        "application/xml": Family.XML,
        "image/svg+xml": Family.XML,
        "application/json": Family.TEXT,
        "application/x-ndjson": Family.TEXT,
        "application/javascript": Family.TEXT,
        "application/x-wine-extension-ini": Family.TEXT,
        "application/csv": Family.TEXT,
        "message/rfc822": Family.TEXT,
        "image/png": Family.PNG,
        "image/jpeg": Family.JPEG,
        "image/tiff": Family.TIFF,
        "image/gif": Family.GIF,
        "image/bmp": Family.BMP,
        "image/x-ms-bmp": Family.BMP,
        "image/webp": Family.WEBP,
        "application/zip": Family.ZIP,
        "application/x-rar": Family.RAR,
        "application/vnd.rar": Family.RAR,
        "application/x-7z-compressed": Family.SEVEN_ZIP,
        "application/gzip": Family.GZIP,
        "application/x-gzip": Family.GZIP,
        "application/pkcs7-signature": Family.SIGNED,
        "application/pkcs7-mime": Family.SIGNED,
        "application/x-dosexec": Family.PROGRAM,
        "application/vnd.microsoft.portable-executable": Family.PROGRAM,
        "application/x-executable": Family.PROGRAM,
        "application/x-pie-executable": Family.PROGRAM,
        "application/x-sharedlib": Family.PROGRAM,
        "application/x-object": Family.PROGRAM,
        "application/x-mach-binary": Family.PROGRAM,
        "application/x-java-applet": Family.JAVA,
        "application/java-archive": Family.JAVA,
        "application/vnd.android.package-archive": Family.JAVA,
        "application/octet-stream": Family.UNKNOWN,
        "inode/x-empty": Family.EMPTY,
    }
)
"""What libmagic answers, where it is more than the first half of the type."""

MIME_GROUPS: Mapping[str, Family] = MappingProxyType(
    {"text": Family.TEXT, "image": Family.IMAGE, "audio": Family.AUDIO, "video": Family.VIDEO}
)
