"""Opens an archive of one entry, bounded in every direction: entries, sizes, ratio; believes nothing it states.

`zipfile` reads the list of entries; the data is inflated here, piece by piece, and compared with what the list states.
Nested archives are not opened, and no name inside an archive is ever used as a file name.
"""

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gateway.edxml.limits import Limits
from gateway.edxml.sinks import Sink, Sinks
from gateway.problems import Text


class ZipRefused(Exception):
    """The archive is damaged or hostile. `code` begins with `Z.`, `text` is the end of a sentence about the archive.

    `unzipped` counts the bytes that came out of it before.
    """

    def __init__(self, code: str, vi: str, en: str) -> None:
        super().__init__(code)
        self.code = code
        self.text = Text(vi, en)
        self.unzipped = 0


def over_ratio() -> ZipRefused:
    """It is, or would be, a zip bomb."""
    return ZipRefused("Z.Ratio", "có tỷ lệ nén bất thường (bom nén)", "unpacks to far more than its size (a zip bomb)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZipListing:
    """What an archive states. `files` are its entries but folders; `surplus` tells of bytes outside them all."""

    files: tuple[zipfile.ZipInfo, ...]
    surplus: bool


def list_zip(stream: BinaryIO, size: int, limits: Limits) -> ZipListing:
    """The entries of an archive of `size` bytes; raises ZipRefused for a damaged, over-full or overlapping one."""
    try:
        with zipfile.ZipFile(_Bounded(stream, limits.zip_directory_bytes)) as archive:
            entries = archive.infolist()
            start = archive.start_dir
            tail = _END_SIZE + len(archive.comment)
    except _TooMuch:
        raise ZipRefused("Z.Entries", "có quá nhiều tệp bên trong", "holds too many entries") from None
    except _DAMAGE:
        raise _damaged() from None
    if len(entries) > limits.zip_entries:
        raise ZipRefused("Z.Entries", "có quá nhiều tệp bên trong", "holds too many entries")
    has_gaps = _has_gaps(entries, start)
    surplus = has_gaps or not _ends_with_directory(stream, size, tail)
    return ZipListing(files=tuple(entry for entry in entries if not entry.filename.endswith("/")), surplus=surplus)


def unzip_one(stream: BinaryIO, entry: zipfile.ZipInfo, sinks: Sinks, limits: Limits, *, most: int) -> Sink:
    """The real file of an archive's one entry, in a sink of its own; raises ZipRefused and leaves nothing behind.

    `most` is the number of bytes that the file may have.
    """
    _check(entry)
    sink = sinks.create()
    try:
        _inflate(stream, entry, sink, limits, most)
    except ZipRefused as refused:
        refused.unzipped = sink.size
        sink.discard()
        raise
    except BaseException:
        sink.discard()
        raise
    return sink


class _TooMuch(Exception):
    """The list of entries is larger than it may be."""


class _Bounded:
    """The part of a file that `zipfile` reads of an archive; refuses to read much at once."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self._stream = stream
        self._most = most

    def read(self, size: int = -1) -> bytes:
        if size > self._most:
            raise _TooMuch
        return self._stream.read(min(size, self._most) if size >= 0 else self._most)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        """The stream is its owner's to close."""


_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    NotImplementedError,
    OverflowError,
    UnicodeDecodeError,
    ValueError,
)
"""What `zipfile` raises for damaged archives, depending on where the damage is."""

_END_SIZE = 22
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_DESCRIPTOR = 24
"""Bytes of the largest data descriptor, which may follow an entry's data."""

_PIECE = 2**16
_ENCRYPTED = 0x1 | 0x40


def _damaged() -> ZipRefused:
    return ZipRefused("Z.Damaged", "bị hỏng, không mở được", "is damaged and cannot be opened")


def _ends_with_directory(stream: BinaryIO, size: int, tail: int) -> bool:
    stream.seek(max(size - tail, 0))
    return stream.read(4) == b"PK\x05\x06"


def _has_gaps(entries: list[zipfile.ZipInfo], start: int) -> bool:
    """Whether bytes lie outside all entries; raises ZipRefused when entries lie over one another (a kind of bomb)."""
    at = 0
    gaps = False
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < 0:
            raise _damaged()
        if entry.header_offset < at:
            raise ZipRefused("Z.Overlap", "có các tệp chồng lên nhau", "has entries that lie over one another")
        gaps = gaps or entry.header_offset - at > _SLACK
        at = entry.header_offset + _LOCAL.size + _name_length(entry) + entry.compress_size
    if at > start + _SLACK:
        raise _damaged()
    return gaps or start - at > _SLACK


def _name_length(entry: zipfile.ZipInfo) -> int:
    """Bytes of the entry's name: without the UTF-8 flag `zipfile` decodes one character from each byte."""
    return len(entry.orig_filename.encode() if entry.flag_bits & _UTF8_NAME else entry.orig_filename)


_UTF8_NAME = 0x800
_SLACK = 2**10
"""Bytes that descriptors and extra fields may take between entries."""


def _check(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & _ENCRYPTED:
        raise ZipRefused("Z.Encrypted", "được đặt mật khẩu", "is encrypted")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise ZipRefused("Z.Symlink", "chứa một liên kết thay vì tệp", "holds a link instead of a file")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ZipRefused("Z.Method", "dùng cách nén không được hỗ trợ", "is packed by a method that is not supported")


def _inflate(stream: BinaryIO, entry: zipfile.ZipInfo, sink: Sink, limits: Limits, most: int) -> None:
    _seek_data(stream, entry)
    checksum = 0
    for piece in _pieces(stream, entry):
        checksum = zlib.crc32(piece, checksum)
        sink.write(piece)
        if sink.size > most:
            raise ZipRefused("Z.Size", "giải nén ra quá dung lượng cho phép", "unpacks to more bytes than allowed")
        if sink.size > limits.unzip_free_bytes and sink.size > entry.compress_size * limits.unzip_ratio:
            raise over_ratio()
        if sink.size > entry.file_size:
            raise _lies()
    if sink.size != entry.file_size or checksum != entry.CRC:
        raise _lies()


def _lies() -> ZipRefused:
    return ZipRefused(
        "Z.Checksum",
        "không khớp dung lượng hoặc mã kiểm tra ghi bên trong",
        "does not agree with the size or checksum it states",
    )


def _seek_data(stream: BinaryIO, entry: zipfile.ZipInfo) -> None:
    """Stand at the first byte of the entry's data, by its own header, which has to agree with the list."""
    stream.seek(entry.header_offset)
    header = stream.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        raise _damaged()
    signature, _, flags, method, *_, name_length, extra_length = _LOCAL.unpack(header)
    if signature != b"PK\x03\x04" or method != entry.compress_type:
        raise _damaged()
    if flags & _ENCRYPTED:
        raise ZipRefused("Z.Encrypted", "được đặt mật khẩu", "is encrypted")
    stream.seek(name_length + extra_length, 1)


def _pieces(stream: BinaryIO, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    left = entry.compress_size
    if entry.compress_type == zipfile.ZIP_STORED:
        while left:
            piece = stream.read(min(_PIECE, left))
            if not piece:
                raise _damaged()
            left -= len(piece)
            yield piece
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while not inflater.eof:
            packed = inflater.unconsumed_tail or stream.read(min(_PIECE, left))
            if not inflater.unconsumed_tail:
                left -= len(packed)
            piece = inflater.decompress(packed, _PIECE)
            if piece:
                yield piece
            elif not packed:
                raise _damaged()
    except zlib.error:
        raise _damaged() from None
    if left or inflater.unused_data:
        raise _damaged()
