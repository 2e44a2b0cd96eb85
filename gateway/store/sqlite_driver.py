"""SQLite without a change of thread for what takes microseconds.

aiosqlite hands each call to a thread and waits for it: four changes for one statement, some 0.25 ms of processor time
where SQLite itself needs 0.01. Here a call runs where it is made when it can neither wait nor last: single statements
on rows by their keys, fetching, beginning while nobody else writes. What may last goes to the thread as before: a
commit (it waits for the disk), waiting for another process's turn to write, statements on many rows, and every SELECT
that turns out to need more than some two milliseconds, which is broken off and begun anew there.
"""

import sqlite3
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import aiosqlite

P = ParamSpec("P")
T = TypeVar("T")

_STEPS = 20_000
"""Steps of SQLite's virtual machine that a SELECT may take on the spot: 1 to 3 ms."""

_SHORT = ("INSERT", "UPDATE", "SAVEPOINT", "RELEASE", "ROLLBACK", "PRAGMA", "BEGIN")
_BUSY_TIMEOUT = "PRAGMA busy_timeout={}"


async def connect(path: str, *, timeout: float, **more: Any) -> "Connection":
    """A connection as aiosqlite's own `connect` gives it. `timeout` in seconds; `more` is sqlite3's."""

    def connector() -> sqlite3.Connection:
        opened: sqlite3.Connection = sqlite3.connect(path, timeout=timeout, **{**more, "check_same_thread": False})
        return opened

    made = Connection(connector, iter_chunk_size=64)
    made.milliseconds = round(timeout * 1000)
    made._thread.daemon = True  # as SQLAlchemy does for those it makes: a process may end without closing
    await made
    return made


class Connection(aiosqlite.Connection):
    """One connection. Its thread is used by one call at a time, and nothing runs beside it."""

    milliseconds = 0
    _given, _ended = 0, 0
    _changes = 0
    _breaks_off = False
    _is_watched = False
    _last: tuple[Callable[..., object], tuple[object, ...]] | None = None

    async def _execute(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """aiosqlite's one way to do anything."""
        if self._connection is None or self._given != self._ended:
            return await self._in_thread(fn, *args, **kwargs)
        match fn.__name__:
            case "execute":
                return await self._statement(fn, *args, **kwargs)
            case "fetchall":
                return await self._fetched(fn, *args, **kwargs)
            case "cursor" | "rollback" | "create_function":
                return fn(*args, **kwargs)
            case "close" if isinstance(getattr(fn, "__self__", None), sqlite3.Cursor):
                return fn(*args, **kwargs)
            case "commit" if self._connection.total_changes == self._changes:
                return fn(*args, **kwargs)
        return await self._in_thread(fn, *args, **kwargs)

    async def _statement(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        sql = str(args[0]).lstrip()
        word = sql[:9].split(None, 1)[0].upper()
        self._last = (fn, args)
        if word == "BEGIN":
            self._changes = self._conn.total_changes
        if word == "SELECT":
            try:
                return self._at_once(fn, *args, **kwargs)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
        elif sql == "BEGIN IMMEDIATE":
            return await self._begun(fn, *args, **kwargs)
        elif word in _SHORT:
            return fn(*args, **kwargs)
        return await self._in_thread(fn, *args, **kwargs)

    async def _fetched(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return self._at_once(fn, *args, **kwargs)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT or self._last is None:
                raise
        execute, given = self._last
        await self._in_thread(execute, *given)
        return await self._in_thread(fn, *args, **kwargs)

    async def _begun(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Without waiting when it is our turn; with waiting in the thread when another process writes."""
        self._conn.execute(_BUSY_TIMEOUT.format(0))
        try:
            return fn(*args, **kwargs)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        finally:
            self._conn.execute(_BUSY_TIMEOUT.format(self.milliseconds))
        return await self._in_thread(fn, *args, **kwargs)

    def _at_once(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Here and now, broken off when it lasts."""
        if not self._is_watched:
            self._conn.set_progress_handler(lambda: self._breaks_off, _STEPS)
            self._is_watched = True
        self._breaks_off = True
        try:
            return fn(*args, **kwargs)
        finally:
            self._breaks_off = False

    async def _in_thread(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def run() -> T:
            try:
                return fn(*args, **kwargs)
            finally:
                self._ended += 1

        self._given += 1
        result: T = await super()._execute(run)  # type: ignore[no-untyped-call]  # aiosqlite's own, without types
        return result
