"""Pages of documents: the right ones in the right order, however narrowed, and no dearer the more is stored."""

import random
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from clocks import FakeClock
from sqlalchemy import event, insert, select, text

from gateway.directory.repository import connection_table, unit_table
from gateway.documents.model import Direction, DocumentState
from gateway.documents.repository import Cursor, DocumentFilter, document_table, search_documents
from gateway.store import Store, Transaction

NOW = FakeClock()()
UNITS = ("H99", "H99.01", "H99.02")
ODD = "LẠ"
NARROWED: list[dict[str, Any]] = [
    {},
    {"unit_codes": UNITS[:1]},
    {"unit_codes": ()},
    {"direction": Direction.IN},
    {"direction": Direction.OUT, "state": DocumentState.WAITING},
    {"state": DocumentState.UNKNOWN},
    {"notation": "UBND"},
    {"notation": ODD},
    {"notation": "UBND", "direction": Direction.OUT, "state": DocumentState.SENT},
    {"notation": "UBND", "state": DocumentState.UNKNOWN},
    {"number": "7"},
    {"number": "7", "notation": "UBND", "state": DocumentState.SENT},
    {"document_id": "3"},
    {"since": NOW - timedelta(minutes=40), "until": NOW - timedelta(minutes=7)},
    {"since": NOW - timedelta(minutes=40), "state": DocumentState.HANDED_OVER},
    {"until": NOW - timedelta(minutes=20), "notation": "UBND"},
]


@pytest.mark.parametrize("narrowed", NARROWED, ids=str)
async def test_pages_together_are_what_was_asked_for_in_order_and_once(store: Store, narrowed: dict[str, Any]) -> None:
    async with store.begin() as tx:
        await units(tx)
        await tx.execute(insert(document_table), some_rows(300, random.Random(5)))
    wanted = DocumentFilter(**{"unit_codes": frozenset(UNITS), **narrowed})
    async with store.read() as tx:
        every = [dict(row) for row in (await tx.execute(select(document_table))).mappings()]
        expected = sorted((one for one in every if is_wanted(one, wanted)), key=by_time, reverse=True)
        pages = await pages_of(tx, wanted, 7)
    assert [one for page in pages for one in page] == [one["id"] for one in expected]
    assert all(len(page) == 7 for page in pages[:-1])


async def test_there_is_something_to_find_in_all_but_the_empty_one() -> None:
    rows = some_rows(300, random.Random(5))
    filters = [DocumentFilter(**{"unit_codes": frozenset(UNITS), **one}) for one in NARROWED]
    found = [sum(is_wanted(row, one) for row in rows) for one in filters]
    assert [one for one, number in zip(NARROWED, found, strict=True) if not number] == [{"unit_codes": ()}]


async def test_a_page_costs_the_same_with_eight_times_as_many_stored(store: Store) -> None:
    """Counted in steps of SQLite's machine, and in pages of tables and indexes that PostgreSQL looks at."""
    async with store.begin() as tx:
        await units(tx)
    costs: list[dict[str, int]] = []
    for first, last in ((0, 1_500), (1_500, 12_000)):
        async with store.begin() as tx:
            await tx.execute(insert(document_table), some_rows(last - first, random.Random(first), first))
            await tx.execute(text("ANALYZE document" if store.dialect == "postgresql" else "SELECT 1"))
        async with store.read() as tx:
            costs.append(await costs_of(tx))
    few, many = costs
    assert len(few) > 20
    slack = 50 if store.dialect == "postgresql" else 500
    assert {page: (few[page], many[page]) for page in few if many[page] > few[page] * 2 + slack} == {}


async def costs_of(tx: Transaction) -> dict[str, int]:
    """What a first and a later page take of what may grow, by how it is narrowed."""
    measure = pages_read if tx.dialect == "postgresql" else steps
    found = {}
    for narrowed, turned in product(NARROWED, (False, True)):
        if not narrowed.keys() & {"number", "document_id"}:
            wanted = DocumentFilter(**{"unit_codes": frozenset(UNITS), **narrowed})
            before = Cursor(NOW - timedelta(minutes=2), "f") if turned else None
            found[f"{narrowed} {turned}"] = await measure(tx, await statements_of(tx, wanted, before))
    return found


async def units(tx: Transaction) -> None:
    """A connection and its units."""
    connection = {"id": "truc", "protocol": "vxp", "endpoint": "https://x", "system_id": "1", "secret_source": "env:S"}
    more = {"mode": "observe", "allow_plain_http": False, "max_connections": 4, "poll_seconds": 60, "options": {}}
    await tx.execute(insert(connection_table), {**connection, **more, "created_at": NOW, "changed_at": NOW})
    rows = [{"code": code, "name": code, "connection_id": "truc", "created_at": NOW} for code in (*UNITS, "H98")]
    await tx.execute(insert(unit_table), rows)


def some_rows(count: int, chance: random.Random, first: int = 0) -> list[dict[str, Any]]:
    """Documents of four units, most of them sent or handed over; several at one moment."""
    rows = []
    for number in range(first, first + count):
        direction = chance.choice(list(Direction))
        usual = DocumentState.SENT if direction is Direction.OUT else DocumentState.HANDED_OVER
        at = NOW - timedelta(minutes=number // 3)
        rows.append(
            {
                "id": f"{chance.getrandbits(60):015x}",
                "direction": direction,
                "unit_code": chance.choice((*UNITS, "H98")),
                "sender_code": "G22",
                "document_id": str(number // 2),
                "business_type": "0",
                "number": str(number % 10),
                "notation": ODD if 2 < number < 9 else chance.choice(("UBND", "SXD")),
                "priority": 0,
                "header": "{}",
                "state": usual if number % 3 else chance.choice(list(DocumentState)),
                "meaning": "0" * 64,
                "muted": False,
                "findings": "",
                "created_at": at,
                "changed_at": at,
            }
        )
    return rows


def is_wanted(row: dict[str, Any], wanted: DocumentFilter) -> bool:
    """The filter as a sentence."""
    equal = ("direction", "state", "number", "notation", "document_id")
    return (
        row["unit_code"] in wanted.unit_codes
        and all(getattr(wanted, name) in (None, row[name]) for name in equal)
        and (wanted.since is None or row["created_at"] >= wanted.since)
        and (wanted.until is None or row["created_at"] < wanted.until)
    )


def by_time(row: dict[str, Any]) -> tuple[datetime, str]:
    """The order of lists, from its end."""
    return row["created_at"], row["id"]


async def pages_of(tx: Transaction, wanted: DocumentFilter, size: int) -> list[list[str]]:
    """The ids of all pages; the last may be short."""
    pages: list[list[str]] = []
    before: Cursor | None = None
    while True:
        found = await search_documents(tx, wanted, before=before, limit=size)
        pages.append([one.id for one in found])
        if len(found) < size:
            return pages
        before = Cursor(found[-1].created_at, found[-1].id)


async def statements_of(
    tx: Transaction, wanted: DocumentFilter, before: Cursor | None
) -> list[tuple[str, Sequence[Any]]]:
    """The statements for a page of five, with their parameters as the driver is given them."""
    seen: list[tuple[str, Sequence[Any]]] = []

    def note(_: object, __: object, statement: str, parameters: Sequence[Any], *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(tx.connection.engine.sync_engine, "before_cursor_execute", note)
    await search_documents(tx, wanted, before=before, limit=5)
    event.remove(tx.connection.engine.sync_engine, "before_cursor_execute", note)
    return seen


async def steps(tx: Transaction, seen: list[tuple[str, Sequence[Any]]]) -> int:
    """How many steps SQLite's machine takes, in tens."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    with closing(sqlite3.connect(str(tx.connection.engine.url.database))) as connection:
        connection.set_progress_handler(count, 10)
        for statement, parameters in seen:
            connection.execute(statement, parameters).fetchall()
    return taken


async def pages_read(tx: Transaction, seen: list[tuple[str, Sequence[Any]]]) -> int:
    """How many pages of tables and indexes PostgreSQL looks at."""
    looked_at = 0
    for statement, parameters in seen:
        explained = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement
        (plan,) = (await tx.connection.exec_driver_sql(explained, parameters)).scalar_one()
        looked_at += plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"]
    return looked_at
