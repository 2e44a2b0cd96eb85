"""What an OLE file (Office 97-2003, msi, msg) holds, as far as kinds and macros need it. Bounded in bytes and entries.

olefile reads allocation table and directory; streams are walked sector by sector, never taken into memory whole.
Sources: [MS-CFB], [MS-XLS] 2.4.28 (BoundSheet8), [MS-PPT] 2.4.10 (VbaInfoContainer).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

import olefile  # type: ignore[import-untyped]  # ships no types

from gateway.edxml.limits import KB, MB
from gateway.edxml.sinks import Source
from gateway.inspection.zip_inside import NotLookedInto

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OleInside:
    """`names` are those of all storages and streams in lower case, `clsid` the root's (`000C1084-…`), upper case.

    `vba_flag`: a PowerPoint stream states that it holds VBA. `macro_sheet`: a workbook has an Excel 4 macro sheet.
    """

    names: frozenset[str]
    top: frozenset[str]
    clsid: str
    vba_flag: bool
    macro_sheet: bool


def look_into_ole(source: Source) -> OleInside:
    """Raises NotLookedInto."""
    with source.open() as stream:
        if not _sane(stream.read(_HEADER)):
            raise NotLookedInto("header")
        stream.seek(0)
        metered = _Metered(stream, min(_LEAST_METADATA + source.size // 64, _MOST_METADATA))
        try:
            return _inside(metered)
        except _DAMAGE:
            raise NotLookedInto("damaged") from None


class _Entry(Protocol):
    """olefile's directory entry."""

    name: str
    entry_type: int
    clsid: str
    isectStart: int
    size: int
    is_minifat: bool
    kids: list["_Entry"]


class _Ole(Protocol):
    """olefile's file."""

    fat: list[int]
    sectorsize: int
    root: _Entry
    direntries: list[_Entry | None]

    def getsect(self, sect: int) -> bytes: ...

    def openstream(self, filename: list[str]) -> BinaryIO: ...


_HEADER = 512
_LEAST_METADATA = 512 * KB
_MOST_METADATA = 3 * MB
"""Bytes of allocation tables and directory that are read; honest ones take 1/128 of the file. olefile copies its table
for every sector it adds, so more would cost seconds."""

_STREAM_BYTES = 64 * MB
_MOST_ENTRIES = 5_000
_GLOBALS_BYTES = MB
"""A workbook lists its sheets before its texts."""

_DAMAGE = (OSError, ArithmeticError, LookupError, RecursionError, ValueError, struct.error)
"""What olefile raises for damaged files, depending on where the damage is; a wrong table sends it anywhere."""


class _Metered:
    """A stream of which only so much is read; every request counts, also beyond the end."""

    closed = False

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._left = most

    def allow(self, most: int) -> None:
        """From now on so many bytes."""
        self._left = most

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._left:
            raise OSError("more than is looked into")
        self._left -= max(size, 64)
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


class _BoundedOle(olefile.OleFileIO):  # type: ignore[misc]  # olefile ships no types
    """olefile compares each new entry with all before: only so many are taken."""

    entries = 0

    def _load_direntry(self, sid: int) -> object:
        self.entries += 1
        if self.entries > _MOST_ENTRIES:
            raise OSError("more entries than are looked into")
        return super()._load_direntry(sid)


def _sane(header: bytes) -> bool:
    """Whether the sizes that everything else is computed from are the two of the format."""
    if len(header) < _HEADER or not header.startswith(MAGIC):
        return False
    sector, mini_sector = struct.unpack_from("<HH", header, 30)
    return sector in (9, 12) and mini_sector == 6


def _inside(metered: _Metered) -> OleInside:
    ole = cast(_Ole, _BoundedOle(metered))
    entries = [entry for entry in ole.direntries if entry is not None and entry is not ole.root]
    metered.allow(_STREAM_BYTES)
    streams = [entry for entry in entries if entry.entry_type == olefile.STGTY_STREAM]
    return OleInside(
        names=frozenset(entry.name.lower() for entry in entries),
        top=frozenset(entry.name.lower() for entry in ole.root.kids),
        clsid=ole.root.clsid.upper(),
        vba_flag=any(_states_vba(ole, one) for one in streams if one.name.lower() == "powerpoint document"),
        macro_sheet=any(_has_macro_sheet(ole, one) for one in streams if one.name.lower() in ("workbook", "book")),
    )


def _pieces(ole: _Ole, entry: _Entry) -> Iterator[bytes]:
    """The stream's sectors; a small stream, which lies among others, in one piece."""
    if entry.is_minifat:
        small = cast("_SmallStreams", ole)._open(entry.isectStart, entry.size)
        yield small.read()
        return
    sector, left = entry.isectStart, entry.size
    while left > 0 and sector != olefile.ENDOFCHAIN:
        piece = ole.getsect(sector)[:left]
        left -= len(piece)
        yield piece
        sector = ole.fat[sector]


class _SmallStreams(Protocol):
    """The one thing of olefile that opens an entry, not a path: paths are ambiguous in hostile files."""

    def _open(self, start: int, size: int) -> BinaryIO: ...


def _states_vba(ole: _Ole, entry: _Entry) -> bool:
    """Whether a VbaInfoContainer says fHasMacros, anywhere in a PowerPoint stream."""
    kept = b""
    for piece in _pieces(ole, entry):
        kept += piece
        at = kept.find(_VBA_INFO)
        while at >= 0 and len(kept) >= at + len(_VBA_INFO) + 8:
            if kept[at + len(_VBA_INFO) + 4]:
                return True
            at = kept.find(_VBA_INFO, at + 1)
        kept = kept[-(len(_VBA_INFO) + 8) :]
    return False


_VBA_INFO = bytes.fromhex("ff03 14000000 0200 0004 0c000000")
"""VbaInfoContainer's type and length, then VbaInfoAtom's header; persistIdRef and fHasMacros follow, 4 bytes each."""


def _has_macro_sheet(ole: _Ole, entry: _Entry) -> bool:
    """Whether a BoundSheet record names a macro sheet (dt 1)."""
    head = bytearray()
    for piece in _pieces(ole, entry):
        head += piece
        if len(head) >= _GLOBALS_BYTES:
            break
    at = 0
    while at + 4 <= len(head):
        kind, length = struct.unpack_from("<HH", head, at)
        if kind == _EOF_RECORD:
            return False
        if kind == _BOUND_SHEET and length >= 6 and at + 10 <= len(head) and head[at + 9] == 1:
            return True
        at += 4 + length
    return False


_EOF_RECORD = 0x0A
_BOUND_SHEET = 0x85
