"""What SQLite takes long for does not hold up the loop, and comes to the same."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import text

from gateway.store import Store, StoreSettings

NUMBERS = 30_000
LONG = text("SELECT count(*) FROM number a, (SELECT i FROM number LIMIT 40) b WHERE a.i % 7 = b.i % 7")


@pytest_asyncio.fixture
async def numbers(tmp_path: Path) -> AsyncIterator[Store]:
    """A database with some numbers in it."""
    store = Store(StoreSettings(database_url=f"sqlite:///{tmp_path}/numbers.db"))
    async with store.begin() as tx:
        await tx.execute(text("CREATE TABLE number (i INTEGER PRIMARY KEY)"))
        await tx.execute(text("INSERT INTO number VALUES (:i)"), [{"i": i} for i in range(NUMBERS)])
    yield store
    await store.close()


async def ticks(until: asyncio.Task[object]) -> int:
    """How often the loop comes round until a task is done."""
    count = 0
    while not until.done():
        await asyncio.sleep(0)
        count += 1
    return count


async def counted(store: Store) -> int:
    async with store.read() as tx:
        return int((await tx.execute(LONG)).scalar_one())


async def test_a_long_question_lets_the_loop_go_on_and_is_answered(numbers: Store) -> None:
    task = asyncio.create_task(counted(numbers))
    assert await ticks(task) > 20
    assert await task == sum(len(range(one % 7, NUMBERS, 7)) for one in range(40))


async def test_all_of_many_rows_come_once_each(numbers: Store) -> None:
    async with numbers.read() as tx:
        found = (await tx.execute(text("SELECT i FROM number ORDER BY i DESC"))).scalars().all()
    assert found == list(range(NUMBERS - 1, -1, -1))


async def test_a_writer_that_asks_at_length_keeps_what_it_wrote_before(numbers: Store) -> None:
    async with numbers.begin() as tx:
        await tx.execute(text("INSERT INTO number VALUES (:i)"), {"i": NUMBERS})
        await tx.execute(LONG)
        await tx.execute(text("INSERT INTO number VALUES (:i)"), {"i": NUMBERS + 1})
    async with numbers.read() as tx:
        assert (await tx.execute(text("SELECT max(i) FROM number"))).scalar_one() == NUMBERS + 1


@pytest.mark.parametrize("turns", [1, 5, 20])
async def test_who_gives_up_a_long_question_leaves_the_connection_fit_for_the_next(numbers: Store, turns: int) -> None:
    task = asyncio.create_task(counted(numbers))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with numbers.read() as tx:
        assert (await tx.execute(text("SELECT count(*) FROM number"))).scalar_one() == NUMBERS
