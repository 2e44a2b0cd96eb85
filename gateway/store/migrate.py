"""Brings a database to the shape that this program expects. The migrations are shipped with it.

A new migration is made with `tools/revision "what changes"`, which compares the rooms' tables with the migrations so
far and writes the difference into `versions/`; it is then read, corrected and committed by a person.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import aiosqlite
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.problems import Kind, Problem, Text
from gateway.store.database import Store
from gateway.store.faults import database_faults

VERSIONS = Path(__file__).parent / "migrations" / "versions"

# Any number serves that no other program on the same PostgreSQL uses: "gateway" in ASCII
_LOCK = 0x67617465776179


def head() -> str | None:
    """The newest revision that this program knows; None while no migration has been written."""
    return _shipped()[0]


async def current(store: Store) -> str | None:
    """The revision that the database is at; None when it is empty. Raises DatabaseUnavailable."""
    async with store.read() as transaction:
        return await transaction.connection.run_sync(_current)


async def upgrade(store: Store) -> None:
    """Bring the database to `head()`, all of it or nothing. Two at once: the second waits, then finds nothing to do.

    Raises Problem `database.newer` when a newer program wrote the database, and DatabaseUnavailable.
    """
    async with migrating(store) as connection:
        await raise_to(connection)


async def raise_to(connection: AsyncConnection, revision: str = "head") -> None:
    """Bring the database of a `migrating` transaction up to a revision; one that is there already stays.

    Raises Problem `database.newer` when a newer program wrote the database.
    """
    await connection.run_sync(_refuse_newer)
    await connection.run_sync(_upgrade, revision)


def knows(revision: str) -> bool:
    """Whether this program has the migration of this name."""
    return _known(revision)


async def check(store: Store) -> None:
    """Raise Problem `database.older` or `database.newer` unless the database has this program's shape."""
    found = await current(store)
    if found is not None and not _known(found):
        raise _newer()
    if found != head():
        raise Problem(
            "database.older",
            Kind.UNAVAILABLE,
            Text(
                "Cơ sở dữ liệu chưa được nâng cấp cho phiên bản chương trình này.",
                "The database has not been upgraded for this version of the program.",
            ),
            Text("Sao lưu rồi chạy lệnh `gateway migrate`.", "Make a backup, then run `gateway migrate`."),
        )


@asynccontextmanager
async def migrating(store: Store) -> AsyncIterator[AsyncConnection]:
    """A transaction that alone may change tables; on SQLite with foreign keys checked at its end instead of within."""
    if store.dialect == "postgresql":
        async with store.begin() as transaction:
            await transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            yield transaction.connection
        return
    # SQLite rebuilds a table to change it, and dropping the old one would cascade; the switch works only outside a
    # transaction, so it is thrown on the bare connection.
    with database_faults():
        async with store.engine.connect() as connection:
            await _foreign_keys(connection, "OFF")
            try:
                async with connection.begin():
                    yield connection
                    broken = (await connection.execute(text("PRAGMA foreign_key_check"))).first()
                    if broken is not None:
                        raise RuntimeError("a migration left rows that point to nothing")
            finally:
                await _foreign_keys(connection, "ON")


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; migrations run on `connection`, inside its transaction."""
    made = Config()
    made.set_main_option("script_location", str(VERSIONS.parent).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


async def _foreign_keys(connection: AsyncConnection, switch: str) -> None:
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, aiosqlite.Connection)
    await driver.execute(f"PRAGMA foreign_keys={switch}")


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(config(connection), revision)


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _refuse_newer(connection: Connection) -> None:
    found = _current(connection)
    if found is not None and not _known(found):
        raise _newer()


def _known(revision: str) -> bool:
    return revision in _shipped()[1]


@cache
def _shipped() -> tuple[str | None, frozenset[str]]:
    """The newest revision and all: read once, for they do not change under a program, and reading compiles each file."""
    script = ScriptDirectory.from_config(config())
    return script.get_current_head(), frozenset(known.revision for known in script.walk_revisions())


def _newer() -> Problem:
    return Problem(
        "database.newer",
        Kind.UNAVAILABLE,
        Text(
            "Cơ sở dữ liệu đã được một phiên bản chương trình mới hơn nâng cấp.",
            "A newer version of the program has upgraded this database.",
        ),
        Text(
            "Cài phiên bản mới hơn, hoặc phục hồi bản sao lưu trước khi nâng cấp.",
            "Install the newer version, or restore the backup made before the upgrade.",
        ),
    )
