"""What befalls database, disk, clock and program while a node runs: named in readiness, nothing acknowledged meanwhile."""

import errno
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from datetime import timedelta
from io import FileIO
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from clocks import TurnedClock
from disks import filled, small_disk
from faulty_parts import Faulty, faulty
from postgres import Postgres
from sqlalchemy import text
from structlog.testing import capture_logs
from world import until

from gateway import app, opening
from gateway.installation import nodes
from gateway.installation import repository as installation
from gateway.installation.repository import Node
from gateway.problems import Problem
from gateway.store import blobs as blob_room
from gateway.store import migrate

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRES = pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@asynccontextmanager
async def sqlite_read_only(one: Faulty) -> AsyncIterator[None]:
    """Its writer may write no more."""
    async with one.store.begin() as tx:
        writer = (await tx.connection.get_raw_connection()).driver_connection
        assert isinstance(writer, aiosqlite.Connection)
        await writer.execute("PRAGMA query_only=1")
    try:
        yield
    finally:
        await writer.execute("PRAGMA query_only=0")


Log = list[MutableMapping[str, Any]]


@pytest.fixture
def log() -> Iterator[Log]:
    """What is logged meanwhile."""
    with capture_logs() as lines:
        yield lines


async def _logged(log: Log, name: str) -> None:
    """Until the log names it, with what to do."""

    async def named() -> bool:
        return any(name in (one["event"], one.get("code"), one.get("error")) and one.get("do") for one in log)

    await until(named)


async def _stands_still(one: Faulty) -> None:
    """Until its worker claims nothing."""

    async def still() -> bool:
        return await one.node.gateway.standing.still()

    await until(still)


@SQLITE
async def test_a_read_only_sqlite(database_url: str, tmp_path: Path, log: Log) -> None:
    async with faulty(database_url, tmp_path) as one:
        async with sqlite_read_only(one):
            doc_id = await one.laid("1")
            assert "read-only" in str((await one.until_failing("database"))["reason"])
            await one.never_acknowledged(doc_id)
            await _logged(log, "database.read_only")
        await one.acknowledged(doc_id)


@POSTGRES
async def test_a_postgresql_that_goes_away_and_comes_back(
    database_url: str, tmp_path: Path, log: Log, postgres: Postgres
) -> None:
    async with faulty(database_url, tmp_path) as one:
        postgres.stop()
        try:
            doc_id = await one.laid("1")
            assert "cannot be reached" in str((await one.until_failing("database"))["reason"])
            await one.never_acknowledged(doc_id)
            await _logged(log, "database.unreachable")
        finally:
            postgres.start()
        await one.acknowledged(doc_id)


@POSTGRES
async def test_a_postgresql_that_became_a_standby(
    database_url: str, tmp_path: Path, log: Log, postgres: Postgres
) -> None:
    standby = postgres.folder / "data" / "standby.signal"
    async with faulty(database_url, tmp_path) as one:
        postgres.stop()
        standby.touch()
        postgres.start()
        try:
            doc_id = await one.laid("1")
            assert "read-only" in str((await one.until_failing("database"))["reason"])
            await one.never_acknowledged(doc_id)
            await _logged(log, "database.read_only")
        finally:
            postgres.stop()
            standby.unlink()
            postgres.start()
        await one.acknowledged(doc_id)


@SQLITE
async def test_a_full_disk_of_the_database(database_url: str, tmp_path: Path, log: Log) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        moved = Path(database_url.removeprefix("sqlite:///")).rename(tmp_path / "moved.db")
        shutil.copyfile(moved, disk / "gateway.db")
        async with faulty(f"sqlite:///{disk / 'gateway.db'}", tmp_path) as one:
            with filled(disk):
                doc_id = await one.laid("1")
                assert "disk is full" in str((await one.until_failing("database"))["reason"])
                await one.never_acknowledged(doc_id)
                await _logged(log, "database.full")
            await one.acknowledged(doc_id)


@SQLITE
async def test_a_full_disk(database_url: str, tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    write = blob_room._write_all

    def full(file: FileIO, data: bytes) -> None:
        if os.readlink(f"/proc/self/fd/{file.fileno()}").startswith(str(one.folder)):
            raise OSError(errno.ENOSPC, "no space left")
        write(file, data)

    async with faulty(database_url, tmp_path) as one:
        with monkeypatch.context() as patched:
            patched.setattr(blob_room, "_write_all", full)
            doc_id = await one.laid("1")
            assert "full" in str((await one.until_failing("blobs"))["reason"])
            await one.never_acknowledged(doc_id)
            await _logged(log, "blob.disk_full")
        await one.acknowledged(doc_id)


@SQLITE
async def test_a_blob_folder_that_is_not_mounted(database_url: str, tmp_path: Path, log: Log) -> None:
    async with faulty(database_url, tmp_path) as one:
        mounted = one.folder.with_name("elsewhere")
        one.folder.rename(mounted)
        (one.folder / "unfinished").mkdir(parents=True)
        failing = await one.until_failing("blobs")
        assert "GATEWAY_BLOB_URL" in str(failing["action"])
        await _stands_still(one)
        doc_id = await one.laid("1")
        await one.never_acknowledged(doc_id)
        await _logged(log, "blob.other_folder")
        (one.folder / "unfinished").rmdir()
        one.folder.rmdir()
        mounted.rename(one.folder)
        await one.acknowledged(doc_id)


@SQLITE
async def test_a_gateway_does_not_start_on_a_foreign_blob_folder(database_url: str, tmp_path: Path) -> None:
    async with faulty(database_url, tmp_path) as one:
        wanted = one.settings
    (wanted.store.blob_folder / "folder-id").write_text(secrets.token_hex(16))
    with pytest.raises(Problem, match=r"blob\.other_folder"):
        async with app.gateway(wanted):
            pass


@SQLITE
async def test_a_clock_that_is_set_back(
    database_url: str, tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TurnedClock(opening.clock)
    monkeypatch.setattr(opening, "clock", clock)
    async with faulty(database_url, tmp_path) as one:
        await one.node.gateway.nodes.beat()
        clock.by = -timedelta(hours=1)
        failing = await one.until_failing("clock")
        assert "went back" in str(failing["reason"])
        await _stands_still(one)
        doc_id = await one.laid("1")
        await one.never_acknowledged(doc_id)
        await _logged(log, "clock.set_back")
        async with one.store.begin() as tx:
            host = (await nodes.living(tx, clock()))[0].host
            await nodes.trust_clock(tx, one.node.gateway.jobs, host, clock(), lease_seconds=2)
        await one.acknowledged(doc_id)
        assert (await one.check("clock"))["ok"]


@SQLITE
async def test_a_small_step_of_the_clock_stops_nobody(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = TurnedClock(opening.clock)
    monkeypatch.setattr(opening, "clock", clock)
    async with faulty(database_url, tmp_path) as one:
        await one.node.gateway.nodes.beat()
        clock.by = -timedelta(seconds=30)
        assert (await one.check("clock"))["ok"]


async def test_a_database_that_a_newer_program_has_upgraded(database_url: str, tmp_path: Path, log: Log) -> None:
    async def at(revision: str) -> None:
        async with one.store.begin() as tx:
            await tx.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    async with faulty(database_url, tmp_path) as one:
        await at("9999")
        failing = await one.until_failing("database")
        assert "newer" in str(failing["reason"])
        await _stands_still(one)
        doc_id = await one.laid("1")
        await one.never_acknowledged(doc_id)
        await _logged(log, "database.newer")
        await at(migrate.head() or "")
        await one.acknowledged(doc_id)


async def test_nodes_of_different_versions_are_named_and_go_on(database_url: str, tmp_path: Path, log: Log) -> None:
    async with faulty(database_url, tmp_path) as one:
        await one.node.gateway.nodes.beat()
        assert "of one version" in str((await one.check("nodes"))["reason"])
        now = opening.clock()
        other = Node(owner="other", host="may-2", version="0.0.1", schema="0001", started_at=now, seen_at=now)
        async with one.store.begin() as tx:
            await installation.put_node(tx, other)
        await one.node.gateway.nodes.beat()
        found = await one.check("nodes")
        assert (found["ok"], "may-2: 0.0.1 (0001)" in str(found["reason"])) == (True, True)
        await one.acknowledged(await one.laid("1"))
        await _logged(log, "nodes.mixed_versions")


@SQLITE
async def test_a_node_that_stops_in_order_is_no_longer_listed(database_url: str, tmp_path: Path) -> None:
    async with faulty(database_url, tmp_path) as one:
        await one.node.gateway.nodes.beat()
        wanted = one.settings
    store = opening.open_store(wanted)
    async with store.read() as tx:
        left = await nodes.living(tx, opening.clock())
    await store.close()
    assert left == []
