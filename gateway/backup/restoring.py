"""Brings a backup into a database and a blob folder, and holds back whatever would leave (design rule 11)."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from pydantic import JsonValue
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.backup import repository
from gateway.backup.archive import PIECE, Source, damaged
from gateway.backup.manifest import Manifest, TablePart
from gateway.backup.taking import Progress, Step
from gateway.backup.verifying import Verified, verify
from gateway.documents.announcing import Announce
from gateway.installation.nodes import living
from gateway.installation.repository import Restoration
from gateway.installation.restored import hold_all
from gateway.installation.standing import adopt_folder
from gateway.problems import Kind, Problem, Text
from gateway.store import Blob, BlobDamaged, BlobMissing, Blobs, Store, Transaction, migrate, new_id

_PORTION = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a restore would do: the backup, verified, and what is there now and would be replaced."""

    verified: Verified
    found: dict[str, int]
    blobs_found: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing is there that would be lost."""
        return not any(self.found.values()) and not self.blobs_found


async def plan(source: Source, store: Store, blobs: Blobs, now: datetime, progress: Progress) -> Plan:
    """Verify the backup and look at where it is to go. Raises Problem `backup.newer`, `restore.running`, `backup.…`."""
    verified = await asyncio.to_thread(verify, source, progress)
    if not migrate.knows(verified.manifest.schema_revision):
        raise _newer(verified.manifest)
    current = await migrate.current(store)
    async with store.read() as tx:
        if current is not None and current == migrate.head() and await living(tx, now):
            raise _running()
        found = await repository.row_counts(tx)
    return Plan(verified=verified, found=found, blobs_found=not await asyncio.to_thread(blobs.is_empty))


async def restore(
    source: Source,
    made: Plan,
    store: Store,
    blobs: Blobs,
    *,
    now: datetime,
    announce: Announce,
    progress: Progress,
    force: bool = False,
) -> Restoration:
    """Do it: blobs first, then the whole database in one transaction, with the hold in it.

    Raises Problem `restore.not_empty` unless `force`; what is there in the database is then replaced, blobs stay.
    """
    if not made.is_empty and not force:
        raise _not_empty(made)
    manifest = made.verified.manifest
    await asyncio.to_thread(_restore_blobs, source, manifest, blobs, progress)
    restoration = Restoration(
        id=new_id(now), backup_id=manifest.id, taken_at=manifest.taken_at, restored_at=now, released_at=None
    )
    current = await migrate.current(store)
    async with migrate.migrating(store) as connection:
        if any(made.found.values()) or current not in (None, manifest.schema_revision):
            await repository.drop_everything(connection)
        await migrate.raise_to(connection, manifest.schema_revision)
        for part in manifest.tables:
            await _load(connection, source, part)
            progress(Step(part.name, part.rows, part.rows))
        await migrate.raise_to(connection)
        await repository.leap(connection)
        tx = Transaction(connection)
        await adopt_folder(tx, blobs, now)
        await hold_all(tx, restoration, announce)
    return restoration


def _restore_blobs(source: Source, manifest: Manifest, blobs: Blobs, progress: Progress) -> None:
    for number, (key, content) in enumerate(source.blobs(), start=1):
        if not _is_whole(blobs, key, content):
            _copy(blobs, key, content)
        if number % 100 == 0:
            progress(Step("blobs", number, manifest.blob_list.rows))
    progress(Step("blobs", manifest.blob_list.rows, manifest.blob_list.rows))


def _is_whole(blobs: Blobs, key: str, content: BinaryIO) -> bool:
    if not blobs.exists(key):
        return False
    size = content.seek(0, 2)
    content.seek(0)
    try:
        blobs.verify(Blob(key=key, sha256=key.rpartition("/")[2], size=size))
    except (BlobMissing, BlobDamaged):
        return False
    return True


def _copy(blobs: Blobs, key: str, content: BinaryIO) -> None:
    with blobs.create() as writer:
        while piece := content.read(PIECE):
            writer.write(piece)
        if writer.sha256 != key.rpartition("/")[2]:
            raise damaged(f"blobs/{key}")
        writer.commit()


async def _load(connection: AsyncConnection, source: Source, part: TablePart) -> None:
    portion: list[list[JsonValue]] = []
    for row in source.lines(part):
        portion.append(row)
        if len(portion) == _PORTION:
            await repository.put_rows(connection, part.name, part.columns, portion)
            portion = []
    if portion:
        await repository.put_rows(connection, part.name, part.columns, portion)


def _newer(manifest: Manifest) -> Problem:
    return Problem(
        "backup.newer",
        Kind.CONFLICT,
        Text(
            f"Bản sao lưu do phiên bản mới hơn tạo ra ({manifest.gateway_version}).",
            f"A newer version of the program made this backup ({manifest.gateway_version}).",
        ),
        Text("Cài đúng phiên bản đó hoặc mới hơn rồi phục hồi.", "Install that version or a newer one, then restore."),
    )


def _running() -> Problem:
    return Problem(
        "restore.running",
        Kind.CONFLICT,
        Text("Cổng kết nối đang chạy trên cơ sở dữ liệu này.", "The gateway is running on this database."),
        Text(
            "Dừng mọi tiến trình serve và worker. Nếu máy vừa chết đột ngột, chờ một phút.",
            "Stop every serve and worker. After a crash, wait a minute.",
        ),
    )


def _not_empty(made: Plan) -> Problem:
    rows = sum(made.found.values())
    return Problem(
        "restore.not_empty",
        Kind.CONFLICT,
        Text(
            f"Nơi phục hồi không trống: {rows} dòng dữ liệu; kho tệp {'có' if made.blobs_found else 'không có'} tệp.",
            f"There is something already: {rows} rows; the blob folder {'holds' if made.blobs_found else 'has no'} files.",
        ),
        Text(
            "Phục hồi vào cơ sở dữ liệu và thư mục trống, hoặc thêm --force để thay thế dữ liệu hiện có.",
            "Restore into an empty database and folder, or add --force to replace what is there.",
        ),
    )
