"""SQL on all tables alike: their rows out as JSON values, and in again on either database."""

import importlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import JsonValue
from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    column,
    func,
    insert,
    inspect,
    select,
    table,
    type_coerce,
)
from sqlalchemy import text as sql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

import gateway
from gateway.store import JsonColumn, Transaction, metadata

_OF_THE_MACHINE = frozenset({"node", "installation", "damaged_blob"})
"""Tables that speak of one machine and its disk, and are true nowhere else."""

_VERSION = "alembic_version"
_LEAP = 1_000_000


def kept_tables() -> list[Table]:
    """The tables that a backup holds, each after those that it points to."""
    house = Path(gateway.__file__).parent
    for path in house.glob("**/repository.py"):
        importlib.import_module(".".join(("gateway", *path.relative_to(house).with_suffix("").parts)))
    return [one for one in metadata.sorted_tables if one.name not in _OF_THE_MACHINE]


async def forgotten_tables(tx: Transaction) -> list[str]:
    """Tables of the database that no room of this program declares; there must be none."""
    kept_tables()
    found = await tx.connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return sorted(set(found) - set(metadata.tables) - {_VERSION})


async def rows(tx: Transaction, of: Table) -> AsyncIterator[list[JsonValue]]:
    """All rows of a table by primary key, as JSON values; they are not held in memory together."""
    statement = select(*[_raw(one) for one in of.c]).order_by(*of.primary_key.columns)
    result = await tx.connection.stream(statement.execution_options(yield_per=500))
    async for row in result:
        yield [_json(value) for value in row]


async def put_rows(
    connection: AsyncConnection, name: str, columns: Sequence[str], values: Sequence[Sequence[JsonValue]]
) -> None:
    """Insert rows as `rows` gave them. The database reads the texts by its own columns' types."""
    target = table(name, *[column(one) for one in columns])
    await connection.execute(insert(target), [dict(zip(columns, row, strict=True)) for row in values])


async def row_counts(tx: Transaction) -> dict[str, int]:
    """How many rows each table of the database has that is not the machine's own, whatever the database's version."""
    found = await tx.connection.run_sync(lambda sync: inspect(sync).get_table_names())
    counts = {}
    for name in sorted(set(found) - _OF_THE_MACHINE - {_VERSION}):
        counts[name] = (await tx.execute(select(func.count()).select_from(table(name)))).scalar_one()
    return counts


async def drop_everything(connection: AsyncConnection) -> None:
    """Remove all tables, the version's too."""
    there = MetaData()
    await connection.run_sync(there.reflect)
    await connection.run_sync(there.drop_all)


async def leap(connection: AsyncConnection) -> None:
    """Have counted rows (events) go on far beyond the backup's.

    Whoever reads them by number has seen numbers after the backup, which must never come again with another meaning.
    """
    for one in kept_tables():
        counted = one.autoincrement_column
        if counted is None or not isinstance(counted.type, BigInteger | Integer) or counted.foreign_keys:
            continue
        highest = (await connection.execute(select(func.coalesce(func.max(counted), 0)))).scalar_one()
        await _go_on_at(connection, one, counted, highest + _LEAP)


async def _go_on_at(connection: AsyncConnection, of: Table, counted: Column[int], number: int) -> None:
    if connection.dialect.name == "postgresql":
        statement = sql("SELECT setval(pg_get_serial_sequence(:of, :counted), :number)")
        await connection.execute(statement, {"of": of.name, "counted": counted.name, "number": number})
        return
    if not of.dialect_options["sqlite"]["autoincrement"]:
        return
    await connection.execute(sql("DELETE FROM sqlite_sequence WHERE name = :of"), {"of": of.name})
    statement = sql("INSERT INTO sqlite_sequence (name, seq) VALUES (:of, :number)")
    await connection.execute(statement, {"of": of.name, "number": number})


def _raw(one: Column[object]) -> ColumnElement[object]:
    return type_coerce(one, Text) if isinstance(one.type, JsonColumn) else one


def _json(value: object) -> JsonValue:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case date():
            return value.isoformat()
        case _:
            raise TypeError(f"a backup cannot hold a {type(value).__name__}")
