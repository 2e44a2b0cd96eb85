"""Writes a bundle: a zip whose bytes depend on nothing but what is in it, into anything that takes bytes.

Nothing is compressed: files of a packet are compressed already, and what is stored can hide no bomb.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Protocol, cast
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from pydantic import BaseModel

from gateway.evidence.contents import CONTENTS, FORMAT, LOG, MANIFEST, Manifest, ManifestFile, PacketPart
from gateway.evidence.gathering import Gathered, GatheredPacket
from gateway.store import BlobDamaged, BlobMissing, Blobs

_PIECE = 256 * 1024
_ALWAYS = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


class Out(Protocol):
    """Where a bundle goes; a BlobWriter is one."""

    def write(self, data: bytes, /) -> int:
        """Append bytes."""


def write_bundle(gathered: Gathered, blobs: Blobs, out: Out) -> None:
    """Write it. Blocks. A packet whose bytes are lost or damaged is named without them. Raises Problem of the disk."""
    with ZipFile(cast(BinaryIO, _Unseekable(out)), "w", ZIP_STORED) as archive:
        bundle = _Bundle(archive)
        parts = tuple(_packet(bundle, one, blobs) for one in gathered.packets)
        bundle.add(CONTENTS, [_json(gathered.contents.model_copy(update={"packets": parts}))])
        bundle.add(LOG, [_json(gathered.log)])
        subject = gathered.contents.subject
        manifest = Manifest(
            format=FORMAT,
            kind=subject.kind,
            id=subject.id,
            files=tuple(bundle.files[name] for name in sorted(bundle.files)),
        )
        bundle.add(MANIFEST, [_json(manifest)])


class _Bundle:
    """The files written so far."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self.files: dict[str, ManifestFile] = {}

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        if name in self.files:
            return
        info = ZipInfo(name, _ALWAYS)
        info.create_system, info.external_attr = 3, _REGULAR_FILE
        hash_, size = hashlib.sha256(), 0
        with self._archive.open(info, "w", force_zip64=True) as file:
            for piece in pieces:
                file.write(piece)
                hash_.update(piece)
                size += len(piece)
        self.files[name] = ManifestFile(name=name, size=size, sha256=hash_.hexdigest())

    def add_der(self, folder: str, ders: Iterable[bytes]) -> tuple[str, ...]:
        names = []
        for der in ders:
            names.append(f"{folder}/{hashlib.sha256(der).hexdigest()}.der")
            self.add(names[-1], [der])
        return tuple(names)


def _packet(bundle: _Bundle, one: GatheredPacket, blobs: Blobs) -> PacketPart:
    part = one.part
    try:
        blobs.verify(one.blob)
    except (BlobMissing, BlobDamaged):
        part = part.model_copy(update={"file": None})  # told, not hidden
    else:
        bundle.add(f"packets/{part.id}.edxml", _pieces(blobs, one))
    if one.signature is None:
        return part
    name = f"signatures/{part.id}.json"
    bundle.add(name, [_json(one.signature.facts)])
    return part.model_copy(
        update={
            "signature": name,
            "judged_at": one.signature.judged_at,
            "certificates": bundle.add_der("certificates", one.signature.certificates),
            "revocation": bundle.add_der("revocation", one.signature.revocation),
        }
    )


def _pieces(blobs: Blobs, one: GatheredPacket) -> Iterator[bytes]:
    with blobs.open(one.blob.key) as stream:
        while piece := stream.read(_PIECE):
            yield piece


def _json(value: BaseModel) -> bytes:
    return json.dumps(value.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True).encode(
        "utf-8", "replace"
    )


class _Unseekable:
    """What zipfile needs of a file that can only grow."""

    def __init__(self, out: Out) -> None:
        self._out = out

    def write(self, data: bytes) -> int:
        self._out.write(data)
        return len(data)

    def flush(self) -> None: ...
