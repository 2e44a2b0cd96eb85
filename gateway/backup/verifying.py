"""Reads all of a backup and compares it with what its manifest says."""

import hashlib
from dataclasses import dataclass

from gateway.backup.archive import PIECE, Source, damaged
from gateway.backup.manifest import Manifest
from gateway.backup.taking import Progress, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A backup all of whose parts and blobs are what the manifest says."""

    manifest: Manifest
    rows: int
    blobs: int


def verify(source: Source, progress: Progress) -> Verified:
    """Every part's hash, every row's shape, every blob's content. Raises Problem `backup.damaged` or `backup.unreadable`."""
    manifest = source.manifest()
    rows = 0
    for part in manifest.tables:
        for row in source.lines(part):
            if len(row) != len(part.columns):
                raise damaged(part.part)
            rows += 1
        progress(Step(part.name, part.rows, part.rows))
    return Verified(manifest=manifest, rows=rows, blobs=_verify_blobs(source, manifest, progress))


def _verify_blobs(source: Source, manifest: Manifest, progress: Progress) -> int:
    lost = {one.blob for one in manifest.lost_blobs}
    count = left_out = 0
    stored = source.blobs()
    for key, size in source.lines(manifest.blob_list):
        if key in lost:
            left_out += 1
            continue
        found, content = next(stored, ("", None))
        if content is None or found != key:
            raise damaged(f"blobs/{key}")
        digest, seen = hashlib.sha256(), 0
        while piece := content.read(PIECE):
            digest.update(piece)
            seen += len(piece)
        if seen != size or digest.hexdigest() != str(key).rpartition("/")[2]:
            raise damaged(f"blobs/{key}")
        count += 1
        if count % 100 == 0:
            progress(Step("blobs", count, manifest.blob_list.rows))
    progress(Step("blobs", count + left_out, manifest.blob_list.rows))
    return count
