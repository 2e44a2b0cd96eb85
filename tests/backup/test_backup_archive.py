"""Backups of a database with everything in it, from either database to either; what is damaged or in the way is refused."""

import json
import os
import shutil
import tarfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import partner
import pytest
import pytest_asyncio
from backup_parts import Databases, backed_up, databases_in, quiet, restored, restored_from
from pydantic import JsonValue
from sqlalchemy import Table, select, text
from world import DEPARTMENT, RECEIVING, SENDER, SENDING, a_document, axis, node, node_settings, prepare, until

from gateway import app, opening, settings
from gateway.backup import repository as rows_of
from gateway.backup.archive import new_target, open_source
from gateway.backup.manifest import Manifest
from gateway.backup.verifying import verify
from gateway.directory import connections
from gateway.documents.model import DispatchState, DocumentState
from gateway.documents.repository import dispatch_table, document_table
from gateway.handover.repository import event_table
from gateway.installation import repository as installation
from gateway.problems import Problem
from gateway.store import BlobMissing, FolderBlobs, Store, Transaction, metadata, migrate

EITHER = pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres, id="postgresql")]
)
FORMS = pytest.mark.parametrize("name", ["backup", "backup.tar"])


@pytest.fixture
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Databases]:
    with databases_in(request, tmp_path) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def received(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a gateway that has received a document, on SQLite; not running."""
    folder = tmp_path_factory.mktemp("received")
    shutil.copyfile(sqlite_template, folder / "gateway.db")
    wanted = node_settings(f"sqlite:///{folder}/gateway.db", folder)
    async with axis(tmp_path_factory.mktemp("axis")) as simulated:
        key = await prepare(wanted, simulated.address, folder, RECEIVING, [DEPARTMENT])
        doc_id = await simulated.lay(partner.document("9"))
        async with node(wanted, key):

            async def told() -> bool:
                return await simulated.acks(doc_id) != []

            await until(told)
    return folder


@pytest.fixture
def small(received: Path, tmp_path: Path) -> settings.Settings:
    """Such a gateway."""
    shutil.copytree(received, tmp_path / "small")
    return node_settings(f"sqlite:///{tmp_path}/small/gateway.db", tmp_path / "small")


@pytest.fixture
def elsewhere(databases: Databases, tmp_path: Path) -> settings.Settings:
    """An empty machine."""
    return node_settings(databases.empty("sqlite"), tmp_path / "elsewhere")


async def everything(wanted: settings.Settings) -> dict[str, list[list[Any]]]:
    """All rows of all kept tables, as the backup's format has them."""
    store = opening.open_store(wanted)
    try:
        async with store.snapshot() as tx:
            return {one.name: [row async for row in rows_of.rows(tx, one)] for one in rows_of.kept_tables()}
    finally:
        await store.close()


@FORMS
@EITHER
async def test_all_rows_and_blobs_come_back_the_same(
    small: settings.Settings, databases: Databases, tmp_path: Path, kind: str, name: str
) -> None:
    await backed_up(small, tmp_path / name)
    wanted = node_settings(databases.empty(kind), tmp_path / "elsewhere")
    await restored(wanted, tmp_path / name)
    before, after = await everything(small), await everything(wanted)
    assert [len(after.pop(one)) for one in ("restoration", "event")] == [1, len(before.pop("event")) + 1]
    assert before.pop("restoration") == []
    assert after == before
    blobs = FolderBlobs(wanted.store.blob_folder)
    store = opening.open_store(wanted)
    async with store.snapshot() as tx:
        kept = [blob async for blob in installation.every_blob(tx)]
    await store.close()
    for blob in kept:
        blobs.verify(blob)
    assert len(kept) == 2


@EITHER
async def test_new_events_are_numbered_far_beyond_those_of_the_backup(
    small: settings.Settings, databases: Databases, tmp_path: Path, kind: str
) -> None:
    await backed_up(small, tmp_path / "backup")
    wanted = node_settings(databases.empty(kind), tmp_path / "elsewhere")
    await restored(wanted, tmp_path / "backup")
    store = opening.open_store(wanted)
    async with store.read() as tx:
        numbers = [row[0] for row in await tx.execute(select(event_table.c.seq).order_by(event_table.c.seq))]
    await store.close()
    assert numbers[-1] > numbers[-2] + 900_000


@EITHER
async def test_what_is_committed_during_a_backup_is_not_half_in_it(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    wanted = node_settings(databases.whole(kind), tmp_path / "running")
    (tmp_path / "running").mkdir()
    rows = rows_of.rows

    async def while_written(tx: Transaction, of: Table) -> AsyncIterator[list[JsonValue]]:
        if of.name == "unit":  # its connection's table has been read by now
            await prepare(wanted, "http://127.0.0.1:9", tmp_path / "running", SENDING, [SENDER])
        async for row in rows(tx, of):
            yield row

    monkeypatch.setattr(rows_of, "rows", while_written)
    manifest = await backed_up(wanted, tmp_path / "backup")
    assert {one.name: one.rows for one in manifest.tables if one.rows} == {}


async def test_every_table_is_kept_or_speaks_of_the_machine(small: settings.Settings) -> None:
    kept = {one.name for one in rows_of.kept_tables()}
    assert set(metadata.tables) - kept == {"node", "installation", "damaged_blob"}
    store = opening.open_store(small)
    async with store.read() as tx:
        assert await rows_of.forgotten_tables(tx) == []
    await store.close()


async def test_a_table_that_no_room_declares_stops_the_backup(small: settings.Settings, tmp_path: Path) -> None:
    store = opening.open_store(small)
    async with store.begin() as tx:
        await tx.execute(text("CREATE TABLE stranger (id INTEGER PRIMARY KEY)"))
    await store.close()
    with pytest.raises(RuntimeError, match="stranger"):
        await backed_up(small, tmp_path / "backup.tar")
    assert [one.name for one in tmp_path.iterdir() if "backup" in one.name] == []


async def test_a_second_backup_into_a_folder_keeps_its_blobs_and_replaces_the_rest(
    small: settings.Settings, tmp_path: Path
) -> None:
    first = await backed_up(small, tmp_path / "backup")
    blobs = {path: path.stat().st_ino for path in (tmp_path / "backup" / "blobs").glob("*/*/*")}
    second = await backed_up(small, tmp_path / "backup")
    assert open_source(tmp_path / "backup").manifest() == second
    assert {path: path.stat().st_ino for path in (tmp_path / "backup" / "blobs").glob("*/*/*")} == blobs
    assert [one.name for one in (tmp_path / "backup").glob("taken-*")] == [f"taken-{second.id}"]
    assert first.id != second.id
    verify(open_source(tmp_path / "backup"), quiet)


async def test_a_backup_that_breaks_off_leaves_the_earlier_one_whole(
    small: settings.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await backed_up(small, tmp_path / "backup")

    def full() -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patched:
        patched.setattr(os, "sync", full)
        with pytest.raises(OSError, match="no space"):
            await backed_up(small, tmp_path / "backup")
    assert verify(open_source(tmp_path / "backup"), quiet).manifest == first


@pytest.mark.parametrize("made", ["a file", "a folder with something else"])
def test_nothing_is_written_over(tmp_path: Path, made: str) -> None:
    path = tmp_path / ("there.tar" if made == "a file" else "there")
    if made == "a file":
        path.write_bytes(b"mine")
    else:
        path.mkdir()
        (path / "mine").touch()
    with pytest.raises(Problem, match=r"backup\.exists"):
        new_target(path, "00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize("what", ["a part", "a blob", "a lost blob", "the end"])
@FORMS
async def test_a_damaged_backup_is_found_out_before_anything_is_restored(
    small: settings.Settings, elsewhere: settings.Settings, tmp_path: Path, name: str, what: str
) -> None:
    manifest = await backed_up(small, tmp_path / "backup")
    _spoil(tmp_path / "backup", manifest, what)
    if name == "backup.tar":
        _as_tar(tmp_path / "backup", tmp_path / name)
    with pytest.raises(Problem, match=r"backup\.(damaged|unreadable)"):
        await restored(elsewhere, tmp_path / name)
    assert not any(elsewhere.store.blob_folder.glob("??"))


def _spoil(folder: Path, manifest: Manifest, what: str) -> None:
    blob = next((folder / "blobs").glob("*/*/*"))
    part = folder / f"taken-{manifest.id}" / "document.jsonl.gz"
    match what:
        case "a part":
            data = bytearray(part.read_bytes())
            data[len(data) // 2] ^= 1
            part.write_bytes(data)
        case "a blob":
            blob.write_bytes(blob.read_bytes()[:-1] + b"?")
        case "a lost blob":
            blob.unlink()
        case _:
            (folder / "manifest.json").unlink()


def _as_tar(folder: Path, path: Path) -> None:
    """The same backup in the other form."""
    with tarfile.open(path, "w") as tar:
        for part in [*sorted(folder.glob("taken-*/*")), *sorted((folder / "blobs").glob("*/*/*"))]:
            named = part.relative_to(folder)
            tar.add(part, arcname=str(named) if named.parts[0] == "blobs" else named.name)
        if (folder / "manifest.json").exists():
            tar.add(folder / "manifest.json", arcname="manifest.json")


@pytest.mark.parametrize("content", [b"", b"not a backup", b"\0" * 2048])
def test_what_is_no_backup_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file.tar").write_bytes(content)
    with pytest.raises(Problem, match=r"backup\.unreadable"):
        open_source(tmp_path / "file.tar").manifest()


async def test_a_blob_that_was_lost_already_is_left_out_and_named(
    small: settings.Settings, elsewhere: settings.Settings, tmp_path: Path
) -> None:
    lost = next(small.store.blob_folder.glob("??/??/*"))
    lost.unlink()
    for name in ("backup", "backup.tar"):
        manifest = await backed_up(small, tmp_path / name)
        assert [(one.blob.rpartition("/")[2], one.reason) for one in manifest.lost_blobs] == [
            (lost.name, "blob.missing")
        ]
    await restored(elsewhere, tmp_path / "backup.tar")
    with pytest.raises(BlobMissing):
        FolderBlobs(elsewhere.store.blob_folder).open(f"{lost.name[:2]}/{lost.name[2:4]}/{lost.name}")


async def test_what_is_there_is_replaced_only_by_force(
    small: settings.Settings, databases: Databases, tmp_path: Path
) -> None:
    await backed_up(small, tmp_path / "backup")
    (tmp_path / "other").mkdir()
    other = node_settings(databases.whole("sqlite"), tmp_path / "other")
    await prepare(other, "http://127.0.0.1:9", tmp_path / "other", SENDING, [SENDER])
    with pytest.raises(Problem, match=r"restore\.not_empty"):
        await restored(other, tmp_path / "backup")
    assert [row[0] for row in (await everything(other))["unit"]] == [SENDER]
    await restored(other, tmp_path / "backup", force=True)
    assert [row[0] for row in (await everything(other))["unit"]] == [DEPARTMENT]


async def test_a_restore_that_fails_half_way_leaves_the_database_as_it_was(
    small: settings.Settings, databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await backed_up(small, tmp_path / "backup")
    (tmp_path / "other").mkdir()
    other = node_settings(databases.whole("sqlite"), tmp_path / "other")
    await prepare(other, "http://127.0.0.1:9", tmp_path / "other", SENDING, [SENDER])
    before = await everything(other)

    async def broken(*_: object) -> None:
        raise RuntimeError("the power goes")

    monkeypatch.setattr(rows_of, "leap", broken)
    with pytest.raises(RuntimeError):
        await restored(other, tmp_path / "backup", force=True)
    assert await everything(other) == before


async def test_nothing_is_restored_under_a_running_gateway(small: settings.Settings, tmp_path: Path) -> None:
    await backed_up(small, tmp_path / "backup")
    async with app.gateway(small) as running:
        await running.nodes.beat()
        with pytest.raises(Problem, match=r"restore\.running"):
            await restored(small, tmp_path / "backup", force=True)


async def test_the_backup_of_a_newer_program_is_refused(
    small: settings.Settings, elsewhere: settings.Settings, tmp_path: Path
) -> None:
    await backed_up(small, tmp_path / "backup")
    _edit(tmp_path / "backup", schema_revision="9999")
    with pytest.raises(Problem, match=r"backup\.newer"):
        await restored(elsewhere, tmp_path / "backup")


@EITHER
async def test_the_backup_of_an_older_program_is_upgraded(
    small: settings.Settings, databases: Databases, tmp_path: Path, kind: str
) -> None:
    manifest = await backed_up(small, tmp_path / "backup")
    old = {"connection", "unit", "unit_alias", "client", "packet", "event", "agency"}
    tables = [one.model_dump() for one in manifest.tables if one.name in old]
    _edit(tmp_path / "backup", schema_revision="0001", tables=tables)
    wanted = node_settings(databases.empty(kind), tmp_path / "elsewhere")
    await restored(wanted, tmp_path / "backup")
    store = opening.open_store(wanted)
    assert await migrate.current(store) == migrate.head()
    async with store.read() as tx:
        assert await installation.unreleased(tx) is not None
    await store.close()
    assert [row[0] for row in (await everything(wanted))["unit"]] == [DEPARTMENT]


def _edit(folder: Path, **changed: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changed}))


async def test_a_document_that_was_being_sent_is_unknown_and_a_status_waits(
    databases: Databases, tmp_path: Path, elsewhere: settings.Settings
) -> None:
    (tmp_path / "old").mkdir()
    old = node_settings(databases.whole("sqlite"), tmp_path / "old")
    async with axis(tmp_path / "axis") as simulated:
        key = await prepare(old, simulated.address, tmp_path / "old", SENDING, [SENDER])
        async with node(old, key) as sender:

            async def listed() -> bool:
                return (await sender.get(f"/v1/agencies/{DEPARTMENT}")).status_code == 200

            await until(listed)
            await sender.change(connections.stop, "operator")
            await sender.sent(a_document(to=[DEPARTMENT]))
    store = opening.open_store(old)
    async with store.begin() as tx:
        await tx.execute(dispatch_table.update().values(state=DispatchState.SENDING))
        await tx.execute(document_table.update().values(state=DocumentState.SENDING))
        (sending,) = (await tx.execute(select(dispatch_table))).mappings().all()
        status = {**sending, "id": "status", "message_type": "status", "status_event_id": "event"}
        await tx.execute(dispatch_table.insert().values(status))
    await store.close()
    await backed_up(old, tmp_path / "backup")
    await restored(elsewhere, tmp_path / "backup")
    store = opening.open_store(elsewhere)
    async with store.read() as tx:
        dispatches = await tx.execute(select(dispatch_table.c.message_type, dispatch_table.c.state))
        assert {row[0]: row[1] for row in dispatches} == {"edoc": "unknown", "status": "built"}
        assert (await tx.execute(select(document_table.c.state))).scalars().all() == ["unknown"]
    await store.close()


async def test_a_backup_can_be_restored_over_itself(small: settings.Settings, tmp_path: Path) -> None:
    manifest = await backed_up(small, tmp_path / "backup")
    shutil.rmtree(small.store.blob_folder)
    store: Store = opening.open_store(small)
    await restored_from(open_source(tmp_path / "backup"), store, small, force=True)
    async with store.read() as tx:
        found = await installation.unreleased(tx)
    await store.close()
    assert found is not None
    assert found.backup_id == manifest.id
    async with app.gateway(small):
        pass
