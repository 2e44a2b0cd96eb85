"""Office files made by the tests: OOXML, OpenDocument and OLE, with and without macros; and files in memory."""

import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
WORD_MACROS = "application/vnd.ms-word.document.macroEnabled.main+xml"
SHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
SHEET_BINARY = "application/vnd.ms-excel.sheet.binary.macroEnabled.main"
SLIDES = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
VBA = "application/vnd.ms-office.vbaProject"
MACRO_SHEET = "application/vnd.ms-excel.macrosheet+xml"
MSI = bytes.fromhex("84100c0000000000c000000000000046")


@dataclass
class Held:
    """A file in memory that counts how many bytes are asked of it."""

    data: bytes
    asked: int = field(default=0)

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def open(self) -> BinaryIO:
        """From the beginning."""
        return _Counted(self)


class _Counted(BytesIO):
    def __init__(self, held: Held) -> None:
        super().__init__(held.data)
        self._held = held

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self._held.asked += len(found)
        return found


def zipped(entries: Mapping[str, bytes | str]) -> bytes:
    """A zip archive of these entries."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()


def types(*content_types: str, before: str = "") -> str:
    """[Content_Types].xml with these parts."""
    parts = "".join(f'<Override PartName="/part{n}" ContentType="{one}"/>' for n, one in enumerate(content_types))
    namespace = "http://schemas.openxmlformats.org/package/2006/content-types"
    return f'<?xml version="1.0" encoding="UTF-8"?>{before}<Types xmlns="{namespace}">{parts}</Types>'


def ooxml(*content_types: str, **entries: bytes) -> bytes:
    """An OOXML file that states these content types; an entry's name is written with `__` for `/` and `_` for `.`."""
    named = {name.replace("__", "/").replace("_", "."): content for name, content in entries.items()}
    return zipped({"[Content_Types].xml": types(*content_types), "_rels/.rels": "<Relationships/>", **named})


def docx() -> bytes:
    """A Word file."""
    return ooxml(WORD, word__document_xml=b"<w:document/>")


def docm() -> bytes:
    """A Word file with macros."""
    return ooxml(WORD_MACROS, VBA, word__document_xml=b"<w:document/>", word__vbaProject_bin=ole({"VBA": {}}))


def odf(kind: str, **entries: bytes) -> bytes:
    """An OpenDocument file."""
    named = {name.replace("__", "/").replace("_", "."): content for name, content in entries.items()}
    return zipped(
        {"mimetype": f"application/vnd.oasis.opendocument.{kind}", "content.xml": "<office:document/>", **named}
    )


Tree = Mapping[str, "bytes | Tree"]

_FREE, _END, _FAT, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF


def ole(tree: Tree, clsid: bytes = bytes(16)) -> bytes:
    """An OLE file (version 3): bytes are streams, padded to 4096 so that none is a small one; mappings are storages."""
    entries: list[bytes] = []
    sectors: list[bytes] = []
    fat: list[int] = []

    def stored(content: bytes) -> int:
        first = len(sectors)
        pieces = [content[at : at + 512].ljust(512, b"\0") for at in range(0, len(content), 512)]
        sectors.extend(pieces)
        fat.extend([*range(first + 1, first + len(pieces)), _END])
        return first

    def entry(name: str, kind: int, right: int, child: int, start: int, size: int, clsid: bytes) -> bytes:
        text = name.encode("utf-16-le") + b"\0\0"
        head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, _NONE, right, child)
        return head + clsid + bytes(20) + struct.pack("<III", start, size, 0)

    def added(children: Tree) -> int:
        first = _NONE
        for name, content in reversed(list(children.items())):
            if isinstance(content, bytes):
                padded = content.ljust(4096, b"\0")
                made = entry(name, 2, first, _NONE, stored(padded), len(padded), bytes(16))
            else:
                made = entry(name, 1, first, added(content), 0, 0, bytes(16))
            entries.append(made)
            first = len(entries)
        return first

    child = added(tree)
    directory = entry("Root Entry", 5, _NONE, child, _END, 0, clsid) + b"".join(entries)
    empty = entry("", 0, _NONE, _NONE, 0, 0, bytes(16))
    directory += empty * (-(len(directory) // 128) % 4)
    first_directory = stored(directory)
    tables = 1
    while len(fat) + tables > tables * 128:
        tables += 1
    positions = range(len(fat), len(fat) + tables)
    fat.extend([_FAT] * tables)
    fat.extend([_FREE] * (tables * 128 - len(fat)))
    sectors.append(struct.pack(f"<{len(fat)}I", *fat))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHHHLL", 0x3E, 3, 0xFFFE, 9, 6, 0, 0, 0)
    header += struct.pack("<LLLLLLLL", tables, first_directory, 0, 4096, _END, 0, _END, 0)
    header += struct.pack("<109I", *positions, *[_FREE] * (109 - tables))
    return header + b"".join(sectors)


def record(kind: int, content: bytes) -> bytes:
    """A BIFF record."""
    return struct.pack("<HH", kind, len(content)) + content


def workbook(*sheet_kinds: int) -> bytes:
    """The Workbook stream of a .xls whose sheets are of these kinds (0 worksheet, 1 macro sheet)."""
    sheets = b"".join(record(0x85, struct.pack("<IBBBB", 0, 0, kind, 1, 0) + b"A") for kind in sheet_kinds)
    return record(0x809, bytes(16)) + sheets + record(0x0A, b"")


def slides(*, vba: bool) -> bytes:
    """The PowerPoint Document stream of a .ppt; the record lies across a sector's end."""
    info = bytes.fromhex("1f00ff0314000000 02000004 0c000000") + struct.pack("<III", 7, int(vba), 2)
    return bytes(500) + info + bytes(4000)
