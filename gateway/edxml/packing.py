"""How an attachment is packed: a few kinds go as they are, every other one as a zip of one entry (packet format 4)."""

import zlib
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from zipfile import ZIP_DEFLATED, ZipFile

import pybase64

from gateway.edxml.sinks import Source

ZIP = "application/zip"

RAW_KINDS = {
    "pdf": "application/pdf",
    "doc": "application/doc",
    "docx": "application/docx",
    "zip": ZIP,
}
"""Extensions sent as they are, with the ContentType the vendor's kit gives them. Its table means xls and xlsx too but
misspells them, so the kit zips those, and so do we."""

SMALL_FILE = 2**18
"""Bytes up to which a file is deflated quickly: a few kB more on the line cost less than the time to save them."""

PIECE = 3 * 2**17
"""Bytes encoded at once: 384 kB. A multiple of 3, so that pieces of base64 join without padding."""


class Writable(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""


@dataclass(frozen=True, slots=True)
class Packing:
    """What becomes of one attachment: its ContentType on the wire and whether its bytes are zipped."""

    content_type: str
    zipped: bool


def packing_of(attachment_name: str) -> Packing:
    """The packing by the extension of the name, in lower case."""
    content_type = RAW_KINDS.get(extension_of(attachment_name))
    if content_type is None:
        return Packing(ZIP, zipped=True)
    return Packing(content_type, zipped=False)


def extension_of(attachment_name: str) -> str:
    """What follows the last dot, in lower case; empty when there is none."""
    _, dot, extension = attachment_name.strip().rpartition(".")
    return extension.lower() if dot else ""


def zip_level(source: Source) -> int:
    """How hard to deflate a file, which has to be seekable: 0 (stored in deflate's own form) to 6.

    Most of what is zipped is packed already (.xlsx, .pptx, images): deflating it takes two hundred times as long as
    copying it, and gains nothing. A few samples tell.
    """
    samples = _samples(source)
    if len(zlib.compress(samples, 1)) > len(samples) * _WORTH_DEFLATING:
        return 0
    return 1 if source.size <= SMALL_FILE else 6


def _samples(source: Source) -> bytes:
    """Bytes from all parts of the file but its end, where archives keep a list that shrinks."""
    with closing(source.open()) as stream:
        if source.size <= _SAMPLES * _SAMPLE:
            return stream.read(_SAMPLES * _SAMPLE)
        samples = b""
        for at in range(0, source.size, -(-source.size // _SAMPLES)):
            stream.seek(at)
            samples += stream.read(_SAMPLE)
        return samples


_SAMPLES = 4
_SAMPLE = 2**11
_WORTH_DEFLATING = 0.95


class Base64Stream:
    """Encodes what is written to it and passes it on in pieces of 512 kB, all on one line. `close` writes the rest."""

    def __init__(self, out: Writable) -> None:
        self._out = out
        self._held = bytearray()
        self._abandoned = False

    def write(self, data: bytes, /) -> int:
        """Encode bytes; what does not fill a piece is held."""
        if self._abandoned:
            return len(data)
        if not self._held and len(data) == PIECE:
            self._pass_on(data)
            return len(data)
        self._held += data
        if len(self._held) >= PIECE:
            whole = len(self._held) - len(self._held) % PIECE
            self._pass_on(self._held[:whole])
            del self._held[:whole]
        return len(data)

    def flush(self) -> None:
        """Nothing: padding may stand only at the end. `zipfile` calls this."""

    def close(self) -> None:
        """Write what is held."""
        self._pass_on(self._held)
        self._held.clear()

    def abandon(self) -> None:
        """Take further bytes and write none of them."""
        self._abandoned = True

    def _pass_on(self, data: bytes | bytearray) -> None:
        # Abandoned unless the write succeeds: after a failure zipfile would try to write its end once more.
        self._abandoned = True
        self._out.write(pybase64.b64encode(data))
        self._abandoned = False


class OneEntryZip:
    """A zip archive of exactly one deflated entry, written to a stream that cannot seek: sizes follow the data.

    The entry carries the zip format's own zero date, as the engine knows no clock. `size` is what will be written, in
    bytes, needed only to choose the 64-bit form for files from about 2 GB. `level` is deflate's, 0 to 9: at 0 the entry
    still has the method of deflate, as some readers take no stored entry whose size follows it.
    """

    def __init__(self, out: Base64Stream, entry_name: str, size: int, level: int) -> None:
        self._out = out
        self._archive = ZipFile(out, "w", ZIP_DEFLATED, compresslevel=level)
        self._entry = self._archive.open(entry_name, "w", force_zip64=size > _PLAIN_ZIP_LIMIT)

    def write(self, data: bytes, /) -> int:
        """Deflate bytes."""
        return self._entry.write(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._out.abandon()
        self._entry.close()
        self._archive.close()


_PLAIN_ZIP_LIMIT = 2_000_000_000
