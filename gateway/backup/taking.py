"""Takes a backup while everything runs: the database as it is at one moment, then every blob that its rows name."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.backup import repository
from gateway.backup.archive import PartWriter, Target
from gateway.backup.manifest import BLOB_LIST, MOST_LOST, LostBlob, Manifest, TablePart
from gateway.installation import repository as installation
from gateway.problems import Problem
from gateway.store import Blob, BlobDamaged, BlobMissing, Blobs, Store, migrate
from gateway.times import Clock


@dataclass(frozen=True, slots=True)
class Step:
    """How far a long piece of work has come: what it is at, how much of it is done, and how much there is, if known."""

    what: str
    done: int
    of: int | None = None


Progress = Callable[[Step], None]


async def take(
    store: Store, blobs: Blobs, target: Target, *, backup_id: str, version: str, clock: Clock, progress: Progress
) -> Manifest:
    """Write a whole backup; constant memory. Raises Problem, and then leaves nothing behind.

    The database comes first: a blob is safe on disk before a row names it and never changes or goes afterwards, so
    all blobs of the rows are there later on. A blob that is lost or damaged is left out and named in the manifest.
    """
    try:
        await migrate.check(store)
        taken_at = clock()
        async with store.snapshot() as tx:
            if forgotten := await repository.forgotten_tables(tx):
                raise RuntimeError(f"tables that no backup would hold: {', '.join(forgotten)}")
            tables = []
            for one in repository.kept_tables():
                part = target.part(f"{one.name}.jsonl.gz")
                count = 0
                async for row in repository.rows(tx, one):
                    part.write(row)
                    count += 1
                    if count % 1000 == 0:
                        progress(Step(one.name, count))
                written = part.close()
                tables.append(TablePart(**written.model_dump(), name=one.name, columns=tuple(one.c.keys())))
                progress(Step(one.name, count, count))
            listed = target.part(BLOB_LIST)
            total = 0
            async for blob in installation.every_blob(tx):
                listed.write([blob.key, blob.size])
                total += blob.size
            blob_list = listed.close()
        lost = await asyncio.to_thread(_keep_blobs, blobs, target, listed, blob_list.rows, progress)
        manifest = Manifest(
            id=backup_id,
            taken_at=taken_at,
            finished_at=clock(),
            gateway_version=version,
            schema_revision=migrate.head() or "",
            database=store.dialect,
            tables=tuple(tables),
            blob_list=blob_list,
            blob_bytes=total,
            lost=len(lost),
            lost_blobs=tuple(lost[:MOST_LOST]),
        )
        await asyncio.to_thread(target.finish, manifest)
        return manifest
    except BaseException:
        target.abandon()
        raise


def _keep_blobs(blobs: Blobs, target: Target, listed: PartWriter, of: int, progress: Progress) -> list[LostBlob]:
    lost = []
    for number, (key, size) in enumerate(listed.rows(), start=1):
        assert isinstance(key, str)
        assert isinstance(size, int)
        try:
            target.add_blob(blobs, Blob(key=key, sha256=key.rpartition("/")[2], size=size))
        except (BlobMissing, BlobDamaged) as problem:
            lost.append(_lost(key, problem))
        if number % 100 == 0 or number == of:
            progress(Step("blobs", number, of))
    return lost


def _lost(key: str, problem: Problem) -> LostBlob:
    return LostBlob(blob=key, reason=problem.code)
