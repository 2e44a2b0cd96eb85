"""The unit of work: one transaction on SQLite or PostgreSQL."""

import asyncio
import select
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVarTuple, overload

import psycopg
from sqlalchemy import CursorResult, Executable, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.selectable import TypedReturnsRows

from gateway.store import sqlite_driver
from gateway.store.faults import DatabaseUnavailable, Trouble, database_faults
from gateway.store.settings import StoreSettings

Columns = TypeVarTuple("Columns")
Parameters = Mapping[str, object] | Sequence[Mapping[str, object]]


class Transaction:
    """One transaction. Made by `Store.begin()` and `Store.read()`, and of no use after their block."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._after_commit: list[Callable[[], None]] = []

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.connection.dialect.name

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> CursorResult[*Columns]: ...

    @overload
    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> CursorResult[Any]:
        """Run one statement; a list of parameters runs it for each.

        A violated constraint raises SQLAlchemy's IntegrityError; a database out of order leaves the block as
        DatabaseUnavailable.
        """
        return await self.connection.execute(statement, parameters)

    def after_commit(self, call: Callable[[], None]) -> None:
        """Have `call` run once the transaction is safely committed, in the order given; never after a rollback."""
        self._after_commit.append(call)

    def committed(self) -> None:
        """Run what waits for the commit. Only the store calls it."""
        for call in self._after_commit:
            call()


class Store:
    """The database. One for each process and event loop; `close()` gives its connections back.

    SQLite: write-ahead log, synchronous=FULL, foreign keys, `BEGIN IMMEDIATE` for writers. Writers of one process
    queue in the order they came; those of several processes wait for each other up to `busy_timeout`.
    PostgreSQL: READ COMMITTED, and for reading sessions that can only read, in which no transaction is begun: each
    statement would see what is committed by then in any case. `commits` counts write transactions that were committed.
    """

    def __init__(self, settings: StoreSettings) -> None:
        self.settings = settings
        self.commits = 0
        self._writing: asyncio.Task[object] | None = None
        url = settings.engine_url
        self.dialect: Literal["sqlite", "postgresql"] = "sqlite" if url.get_backend_name() == "sqlite" else "postgresql"
        if self.dialect == "sqlite":
            _make_folder(url.database)
            self.engine = _sqlite_engine(settings, begin="BEGIN IMMEDIATE", query_only=False)
            self._reading = _sqlite_engine(settings, begin="BEGIN", query_only=True)
            self._turn: asyncio.Lock | None = asyncio.Lock()
        else:
            self.engine = _postgresql_engine(settings)
            self._reading = _postgresql_engine(settings, reading=True)
            self._turn = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Transaction]:
        """A write transaction: commits at the end of the block, rolls back when it raises.

        Calls given to `after_commit` run after the commit. Raises DatabaseUnavailable. When the task is cancelled
        during the commit itself the outcome is open, as after a crash.
        """
        async with self._own_turn():
            with database_faults():
                async with self.engine.begin() as connection:
                    transaction = Transaction(connection)
                    yield transaction
        self.commits += 1
        transaction.committed()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Transaction]:
        """Can only read; each statement sees what was committed, and holds up no writer.

        What is read piece by piece (`connection.stream`) needs `snapshot` or `begin`.
        """
        with database_faults():
            async with self._reading.begin() as connection:
                yield Transaction(connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Transaction]:
        """As `read`, but all of it sees the database as it was at the first statement, however long it takes.

        It holds up no writer; SQLite's write-ahead log grows as long as it lasts.
        """
        frozen = self._reading
        if self.dialect == "postgresql":
            frozen = frozen.execution_options(isolation_level="REPEATABLE READ")
        with database_faults():
            async with frozen.begin() as connection:
                yield Transaction(connection)

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
        await self._reading.dispose()

    @asynccontextmanager
    async def _own_turn(self) -> AsyncIterator[None]:
        if self._turn is None:
            yield
            return
        task = asyncio.current_task()
        if self._writing is not None and self._writing is task:
            raise RuntimeError("a write transaction was begun inside another one, and would wait for itself for ever")
        async with self._turn:
            self._writing = task
            try:
                yield
            finally:
                self._writing = None


def _sqlite_engine(settings: StoreSettings, *, begin: str, query_only: bool) -> AsyncEngine:
    engine = create_async_engine(
        settings.engine_url,
        pool_size=settings.pool_size if query_only else 1,
        max_overflow=settings.pool_size if query_only else 2,
        pool_timeout=settings.busy_timeout,
        pool_reset_on_return=None,  # every block commits or rolls back
        hide_parameters=True,
        connect_args={"timeout": settings.busy_timeout, "async_creator_fn": sqlite_driver.connect},
    )

    pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"query_only={int(query_only)}"]

    # A file that cannot be opened is found out without aiosqlite, which would leave a thread behind.
    @event.listens_for(engine.sync_engine, "do_connect")
    def try_file(_dialect: object, _record: object, arguments: list[str], _options: object) -> None:
        sqlite3.connect(arguments[0]).close()

    # The driver's own transaction control begins late and not for DDL; SQLAlchemy's documented cure is to switch it
    # off and send BEGIN ourselves ("Enabling Non-Legacy SQLite Transactional Modes").
    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _record: object) -> None:
        try:
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in pragmas:
                cursor.execute(f"PRAGMA {pragma}")
            cursor.close()
        except Exception:
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: _Driver) -> None:
        connection.exec_driver_sql(begin)

    return engine


class _Driver(Protocol):
    def exec_driver_sql(self, statement: str) -> object: ...


def _postgresql_engine(settings: StoreSettings, *, reading: bool = False) -> AsyncEngine:
    options = settings.engine_url.query.get("options", "")
    only_reads = {"options": f"{options} -c default_transaction_read_only=on".strip()} if reading else {}
    engine = create_async_engine(
        settings.engine_url,
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.busy_timeout,
        hide_parameters=True,
        isolation_level="AUTOCOMMIT" if reading else "READ COMMITTED",
        connect_args={"connect_timeout": round(settings.connect_timeout), "application_name": "gateway", **only_reads},
    )

    # A server that was restarted is noticed before a statement is lost on it. Asking it each time (pool_pre_ping) takes
    # as long as a statement; so it is asked only when the socket has something to say, as it has once it is closed.
    @event.listens_for(engine.sync_engine, "checkout")
    def look(connection: DBAPIConnection, _record: object, _proxy: object) -> None:
        if _is_quiet(connection):
            return
        try:
            engine.dialect.do_ping(connection)
        except (psycopg.Error, OSError) as error:
            raise DisconnectionError from error

    return engine


def _is_quiet(connection: DBAPIConnection) -> bool:
    driver = getattr(connection, "driver_connection", None)
    if not isinstance(driver, psycopg.AsyncConnection) or driver.closed:
        return False
    poll = select.poll()
    poll.register(driver.fileno(), select.POLLIN)
    return not poll.poll(0)


def _make_folder(database: str | None) -> None:
    assert database is not None
    try:
        Path(database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise DatabaseUnavailable(Trouble.UNREACHABLE) from error
