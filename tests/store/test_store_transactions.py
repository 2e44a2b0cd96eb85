"""The unit of work keeps its promises on both databases."""

import asyncio
import multiprocessing
import sqlite3
from collections.abc import AsyncIterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from gateway.store import DatabaseUnavailable, Store, StoreSettings

things = MetaData()
shelf = Table("shelf", things, Column("name", String(20), primary_key=True))
thing = Table(
    "thing",
    things,
    Column("number", Integer, primary_key=True),
    Column("shelf", ForeignKey("shelf.name"), nullable=False),
)


@pytest_asyncio.fixture
async def shelves(empty_store: Store) -> AsyncIterator[Store]:
    async with empty_store.begin() as tx:
        await tx.connection.run_sync(things.create_all)
        await tx.execute(insert(shelf), [{"name": "trên"}, {"name": "dưới"}])
    yield empty_store


async def numbers(store: Store) -> list[int]:
    async with store.read() as tx:
        return list((await tx.execute(select(thing.c.number).order_by(thing.c.number))).scalars())


async def test_what_a_block_wrote_is_committed_at_its_end(shelves: Store) -> None:
    async with shelves.begin() as tx:
        await tx.execute(insert(thing).values(number=1, shelf="trên"))
    assert await numbers(shelves) == [1]


async def test_a_block_that_raises_leaves_nothing(shelves: Store) -> None:
    async def fail() -> None:
        async with shelves.begin() as tx:
            await tx.execute(insert(thing).values(number=1, shelf="trên"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await numbers(shelves) == []


async def test_a_cancelled_block_leaves_nothing_and_the_next_writer_is_served(shelves: Store) -> None:
    wrote = asyncio.Event()

    async def write_and_wait() -> None:
        async with shelves.begin() as tx:
            await tx.execute(insert(thing).values(number=1, shelf="trên"))
            wrote.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_and_wait())
    await wrote.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with shelves.begin() as tx:
        await tx.execute(insert(thing).values(number=2, shelf="trên"))
    assert await numbers(shelves) == [2]


async def test_a_writer_cancelled_while_it_waits_for_its_turn_holds_up_nobody(shelves: Store) -> None:
    async def write(number: int) -> None:
        async with shelves.begin() as tx:
            await tx.execute(insert(thing).values(number=number, shelf="trên"))

    async with shelves.begin() as tx:
        await tx.execute(insert(thing).values(number=1, shelf="trên"))
        waiting = asyncio.create_task(write(2))
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await write(3)
    assert await numbers(shelves) in ([1, 3], [1, 2, 3])


async def test_a_writer_inside_a_writer_is_an_error_instead_of_waiting_for_itself(shelves: Store) -> None:
    if shelves.dialect != "sqlite":
        pytest.skip("PostgreSQL's writers do not queue")

    async def nest() -> None:
        async with shelves.begin(), shelves.begin():
            pass

    with pytest.raises(RuntimeError, match="inside another"):
        await nest()
    async with shelves.begin() as tx:
        await tx.execute(insert(thing).values(number=1, shelf="trên"))
    assert await numbers(shelves) == [1]


async def test_calls_for_after_the_commit_run_when_others_can_see_it(shelves: Store) -> None:
    seen: list[str] = []
    async with shelves.begin() as tx:
        tx.after_commit(lambda: seen.append("first"))
        tx.after_commit(lambda: seen.append("second"))
        assert seen == []
    assert seen == ["first", "second"]


async def test_calls_for_after_the_commit_do_not_run_after_a_rollback(shelves: Store) -> None:
    seen: list[str] = []

    async def fail() -> None:
        async with shelves.begin() as tx:
            tx.after_commit(lambda: seen.append("never"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert seen == []


async def test_a_reader_cannot_write(shelves: Store) -> None:
    with pytest.raises(DatabaseUnavailable, match="read_only"):
        async with shelves.read() as tx:
            await tx.execute(insert(thing).values(number=1, shelf="trên"))
    assert await numbers(shelves) == []


async def test_a_reader_is_not_held_up_by_an_open_writer_and_does_not_see_its_work(shelves: Store) -> None:
    async with shelves.begin() as tx:
        await tx.execute(insert(thing).values(number=1, shelf="trên"))
        assert await numbers(shelves) == []


async def test_a_reference_to_nothing_is_refused(shelves: Store) -> None:
    with pytest.raises(IntegrityError):
        async with shelves.begin() as tx:
            await tx.execute(insert(thing).values(number=1, shelf="nowhere"))


async def test_a_savepoint_undoes_only_its_own_part(shelves: Store) -> None:
    async with shelves.begin() as tx:
        await tx.execute(insert(thing).values(number=1, shelf="trên"))
        with pytest.raises(IntegrityError):
            async with tx.connection.begin_nested():
                await tx.execute(insert(thing).values(number=1, shelf="trên"))
        await tx.execute(insert(thing).values(number=2, shelf="trên"))
    assert await numbers(shelves) == [1, 2]


async def test_tables_made_in_a_block_that_raises_are_gone(empty_store: Store) -> None:
    async def fail() -> None:
        async with empty_store.begin() as tx:
            await tx.connection.run_sync(things.create_all)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    with pytest.raises(Exception, match="thing"):
        await numbers(empty_store)


async def test_a_wrong_statement_is_not_mistaken_for_a_database_out_of_order(shelves: Store) -> None:
    with pytest.raises(DBAPIError, match="nowhere"):
        async with shelves.begin() as tx:
            await tx.execute(text("SELECT nothing FROM nowhere"))


async def test_an_error_does_not_show_the_values_of_its_statement(shelves: Store) -> None:
    with pytest.raises(IntegrityError) as caught:
        async with shelves.begin() as tx:
            await tx.execute(insert(shelf), [{"name": "bí mật"}, {"name": "bí mật"}])
    assert "bí mật" not in str(caught.value).partition("DETAIL")[0]


async def test_many_writers_at_once_are_all_served(shelves: Store) -> None:
    async def write(number: int) -> None:
        async with shelves.begin() as tx:
            await tx.execute(insert(thing).values(number=number, shelf="trên"))

    await asyncio.gather(*(write(number) for number in range(40)))
    assert await numbers(shelves) == list(range(40))


async def test_a_transaction_in_another_process_is_waited_for(tmp_path: Path) -> None:
    store = Store(StoreSettings(database_url=f"sqlite:///{tmp_path}/shared.db"))
    async with store.begin() as tx:
        await tx.connection.run_sync(things.create_all)
        await tx.execute(insert(shelf).values(name="trên"))
    context = multiprocessing.get_context("spawn")
    holding, release = context.Event(), context.Event()
    other = context.Process(target=hold_the_file, args=(f"{tmp_path}/shared.db", holding, release))
    other.start()
    assert await asyncio.to_thread(holding.wait, 20)

    async def write() -> None:
        async with store.begin() as tx:
            await tx.execute(insert(thing).values(number=2, shelf="trên"))

    ours = asyncio.create_task(write())
    done, _ = await asyncio.wait([ours], timeout=0.2)
    assert not done
    release.set()
    await ours
    await asyncio.to_thread(other.join, 20)
    assert await numbers(store) == [1, 2]
    await store.close()


def hold_the_file(path: str, holding: Event, release: Event) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO thing VALUES (1, 'trên')")
    holding.set()
    release.wait(20)
    connection.execute("COMMIT")
    connection.close()


async def test_a_writer_that_waits_too_long_for_another_process_is_told_that_the_database_is_busy(
    tmp_path: Path,
) -> None:
    store = Store(StoreSettings(database_url=f"sqlite:///{tmp_path}/shared.db", busy_timeout=0.1))
    async with store.begin() as tx:
        await tx.connection.run_sync(things.create_all)
    other = sqlite3.connect(tmp_path / "shared.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match=r"database\.busy"):
        async with store.begin():
            pass
    other.close()
    await store.close()


async def test_sqlite_is_set_to_survive_a_power_cut(tmp_path: Path) -> None:
    store = Store(StoreSettings(database_url=f"sqlite:///{tmp_path}/new/folder/file.db"))
    async with store.begin() as tx:
        found = [
            (await tx.execute(text(f"PRAGMA {name}"))).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    await store.close()
    assert found == ["wal", 2, 1, 15000]


async def test_a_file_that_is_no_database_is_named_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "file.db").write_bytes(b"not a database, only text" * 100)
    store = Store(StoreSettings(database_url=f"sqlite:///{tmp_path}/file.db"))
    with pytest.raises(DatabaseUnavailable, match=r"database\.damaged"):
        async with store.read():
            pass
    await store.close()


async def test_a_database_that_nobody_answers_for_is_named_as_unreachable(tmp_path: Path) -> None:
    store = Store(StoreSettings(database_url=f"postgresql://nobody@/none?host={tmp_path}"))
    with pytest.raises(DatabaseUnavailable, match=r"database\.unreachable") as caught:
        async with store.begin():
            pass
    await store.close()
    assert caught.value.action.vi


async def test_a_path_that_is_a_folder_is_named_as_unreachable(tmp_path: Path) -> None:
    store = Store(StoreSettings(database_url=f"sqlite:///{tmp_path}"))
    with pytest.raises(DatabaseUnavailable, match=r"database\.unreachable"):
        async with store.read():
            pass
    await store.close()


async def test_a_full_database_is_named_as_full(shelves: Store) -> None:
    if shelves.dialect != "sqlite":
        pytest.skip("SQLite's own limit stands for the full disk")

    async def fill() -> None:
        async with shelves.begin() as tx:
            await tx.execute(text("PRAGMA max_page_count=1"))
            await tx.execute(insert(thing), [{"number": number, "shelf": "trên"} for number in range(5000)])

    with pytest.raises(DatabaseUnavailable, match=r"database\.full"):
        await fill()
    assert await numbers(shelves) == []


async def test_a_snapshot_sees_one_moment_however_long_it_lasts(shelves: Store) -> None:
    async with shelves.snapshot() as tx:
        before = (await tx.execute(select(thing.c.number))).scalars().all()
        async with shelves.begin() as writing:
            await writing.execute(insert(thing).values(number=7, shelf="trên"))
        assert (await tx.execute(select(thing.c.number))).scalars().all() == before == []
    assert await numbers(shelves) == [7]
