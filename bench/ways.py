"""Three ways of building and reading a packet: the limit, the engine, and an ordinary XML tree.

Each call does the whole work on files, without fsync, and gives back what tidies up after it, which is not timed.
"""

import base64
import binascii
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from lxml import etree

from bench.samples import DAY, Sample, header
from gateway.edxml.model import NAMESPACE
from gateway.edxml.packing import zip_level
from gateway.edxml.reader import read_packet
from gateway.edxml.writer import FileToSend, write_document
from gateway.store import FolderBlobs

Tidy = Callable[[], object]


class Way(Protocol):
    """One way of doing it."""

    def build(self, sample: Sample) -> Tidy:
        """The file into a packet, with the packet's SHA-256."""

    def read(self, sample: Sample, packet: Path) -> Tidy:
        """A packet into its file, with the file's SHA-256."""


class Limit:
    """What nobody can leave out: read, base64 of the standard library, one SHA-256, write; zlib where it is zipped.

    The hash is the one over fewer bytes, that of the file. `level` is deflate's. No XML, no header, no checks.
    """

    def __init__(self, level: int) -> None:
        self._level = level

    def build(self, sample: Sample) -> Tidy:
        """Read, deflate, encode, hash, write."""
        packer = zlib.compressobj(self._level, zlib.DEFLATED, -15) if sample.kind.zipped else None
        digest, held, path = hashlib.sha256(), b"", sample.folder / "limit"
        with sample.file.open("rb", buffering=0) as source, path.open("wb", buffering=0) as out:
            while piece := source.read(_PIECE):
                digest.update(piece)
                data = held + (packer.compress(piece) if packer else piece)
                whole = len(data) - len(data) % 3
                held = data[whole:]
                out.write(binascii.b2a_base64(data[:whole], newline=False))
            out.write(binascii.b2a_base64(held + (packer.flush() if packer else b""), newline=False))
        digest.hexdigest()
        return path.unlink

    def read(self, sample: Sample, packet: Path) -> Tidy:  # noqa: ARG002 # the base64 alone stands beside the packet
        """Read, decode, inflate, hash, write."""
        digest, path = hashlib.sha256(), sample.folder / "limit"
        archive = zlib.decompressobj(-15) if sample.kind.zipped else None
        skipped = 0 if archive else None
        with sample.encoded.open("rb", buffering=0) as source, path.open("wb", buffering=0) as out:
            while piece := source.read(_PIECE):
                data = binascii.a2b_base64(piece)
                if archive is not None:
                    if skipped == 0:
                        skipped = 30 + data[26] + 256 * data[27] + data[28] + 256 * data[29]
                        data = data[skipped:]
                    data = archive.decompress(data)
                digest.update(data)
                out.write(data)
        digest.hexdigest()
        return path.unlink


class Engine:
    """The gateway's own packet engine, into its own blob folder."""

    def __init__(self, folder: Path) -> None:
        self.blobs = FolderBlobs(folder / "blobs")

    def build(self, sample: Sample) -> Tidy:
        """As `documents` builds a packet."""
        out = self.blobs.create()
        write_document(HEADER, [file_to_send(sample)], out)
        assert out.sha256
        return out.discard

    def read(self, sample: Sample, packet: Path) -> Tidy:
        """As `documents` reads an arrival."""
        with packet.open("rb", buffering=0) as stream:
            read = read_packet(stream, self.blobs, today=DAY)
        assert read.attachments[0].size == sample.size
        return read.discard

    def check(self, sample: Sample) -> None:
        """Raises where the file does not come out of its packets byte for byte."""
        with sample.file.open("rb") as file:
            wanted = hashlib.file_digest(file, "sha256").hexdigest()
        for packet in (sample.one_line, sample.wrapped):
            with packet.open("rb") as stream:
                read = read_packet(stream, self.blobs, today=DAY)
            read.discard()
            if read.attachments[0].sha256 != wanted or not read.readable:
                raise AssertionError(f"{packet.name} does not give the file back: {read.findings}")


class PlainTree:
    """The ordinary way: an lxml tree that holds the whole packet, base64 of the standard library, zipfile."""

    def build(self, sample: Sample) -> Tidy:
        """Grow a tree with the file's base64 as text; serialise it; hash the file."""
        path = sample.folder / "tree.edxml"
        data = sample.file.read_bytes()
        if sample.kind.zipped:
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(f"entry.{sample.kind.value}", data)
            data = packed.getvalue()
        root = etree.parse(sample.one_line.with_suffix(".empty")).getroot()
        content = root.find(f".//{{{NAMESPACE}}}ContentTransferEncoded")
        assert content is not None
        content.text = base64.b64encode(data).decode("ascii")
        written = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
        hashlib.sha256(written).hexdigest()
        path.write_bytes(written)
        return path.unlink

    def read(self, sample: Sample, packet: Path) -> Tidy:
        """Parse the whole into a tree, decode the text, write and hash the file."""
        path = sample.folder / "tree.file"
        root = etree.parse(packet, etree.XMLParser(huge_tree=True, resolve_entities=False)).getroot()
        text = root.findtext(f".//{{{NAMESPACE}}}ContentTransferEncoded")
        data = base64.b64decode(text or "")
        if sample.kind.zipped:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                data = archive.read(archive.namelist()[0])
        hashlib.sha256(data).hexdigest()
        path.write_bytes(data)
        return path.unlink


HEADER = header()
_PIECE = 3 * 2**18
"""A multiple of 3 and of 4, so that pieces of base64 join."""


def level_of(sample: Sample) -> int:
    """The level at which the engine deflates a file."""
    return zip_level(_File(sample.file, sample.size))


def prepare(sample: Sample, engine_folder: Path) -> None:
    """Make the sample's file and packets, and show once that the engine gives the file back."""
    sample.write_file()
    with sample.one_line.open("wb") as out:
        write_document(header(), [file_to_send(sample)], out)
    sample.write_derived()
    empty = sample.one_line.with_suffix(".empty")
    with empty.open("wb") as out:
        write_document(header(), [file_to_send(Sample(kind=sample.kind, size=0, folder=_emptied(sample)))], out)
    Engine(engine_folder).check(sample)


def _emptied(sample: Sample) -> Path:
    (sample.folder / f"0.{sample.kind.value}").touch()
    return sample.folder


@dataclass(frozen=True, slots=True)
class _File:
    """A file on disk as the engine takes it."""

    path: Path
    size: int

    def open(self) -> BinaryIO:
        return self.path.open("rb")


def file_to_send(sample: Sample) -> FileToSend:
    return FileToSend(
        attachment_name=f"phu-luc-1.{sample.kind.value}",
        source=_File(sample.file, sample.size),
        content_id="3f0e7c1e-5a3c-4d0a-9f43-6f0f4f1f8a01",
        entry_name=f"3f0e7c1e-5a3c-4d0a-9f43-6f0f4f1f8a01.{sample.kind.value}",
    )
