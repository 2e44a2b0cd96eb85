"""Documents that came and went long ago, written straight into the tables: so many that queries would feel them."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg
from psycopg import sql

from bench.samples import header
from bench.stage import RECEIVER, SENDER

Cell = str | int | None
Row = tuple[Cell, ...]

_DAYS = 365
_JOBS_OF = 10
"""Done jobs are forgotten after a week; that they are there for one document of so many is on the harsh side."""
_PORTION = 20_000
_HEADER = header().model_dump_json(exclude_none=True, exclude_defaults=True)


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    rows: Callable[["_Document"], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class _Document:
    """One of them, by its number."""

    number: int
    at: str

    def id(self, kind: int) -> str:
        """An id that sorts by the number; `kind` tells apart what belongs to one document."""
        return f"{self.number:08x}-0000-7000-8000-{kind:012x}"

    def hash(self, of: str) -> str:
        """A SHA-256, different for each."""
        return hashlib.sha256(f"{self.number}{of}".encode()).hexdigest()

    def blob(self, of: str) -> tuple[str, str, int]:
        """Key, hash and size of a blob; no file lies there."""
        digest = self.hash(of)
        return f"{digest[:2]}/{digest[2:4]}/{digest}", digest, 100_000

    @property
    def document_id(self) -> str:
        """Its own."""
        return f"{self.number}/UBND-CU,2024/03/05,{SENDER}"


def fill(code: str, database: str, count: int) -> int:
    """Write so many documents, sent ones for the sender and handed-over ones for the receiver, over a year's time.

    How many events that makes.
    """
    tables = _OUT if code == SENDER else _IN
    if database.startswith("sqlite"):
        _fill_sqlite(database.removeprefix("sqlite:///"), tables, count)
    else:
        _fill_postgresql(database, tables, count)
    return count * len(_EVENTS_OUT if code == SENDER else _EVENTS_IN)


def _documents(count: int) -> Iterator[_Document]:
    last = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
    step = timedelta(days=_DAYS) / count
    for number in range(1, count + 1):
        at = last - step * (count - number)
        yield _Document(number, f"{at:%Y-%m-%dT%H:%M:%S}.{number % 1_000_000:06d}Z")


def _fill_sqlite(path: str, tables: tuple[_Table, ...], count: int) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-500000")
    documents = _documents(count)
    while portion := list(islice(documents, _PORTION)):
        for table in tables:
            marks = ",".join("?" * len(table.columns))
            statement = f"INSERT INTO {table.name} ({','.join(table.columns)}) VALUES ({marks})"
            connection.executemany(statement, (row for one in portion for row in table.rows(one)))
        connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _fill_postgresql(url: str, tables: tuple[_Table, ...], count: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SET session_replication_role = replica"
        )  # rows that fit by their making; SQLite looks neither
        connection.execute("SET maintenance_work_mem = '512MB'")
        indexes = _drop_indexes(connection, [table.name for table in tables])
        documents = _documents(count)
        while portion := list(islice(documents, _PORTION)):
            for table in tables:
                columns = sql.SQL(",").join(sql.Identifier(one) for one in table.columns)
                statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table.name), columns)
                with connection.cursor().copy(statement) as copy:
                    for one in portion:
                        for row in table.rows(one):
                            copy.write_row(row)
        for index in indexes:
            connection.execute(index)
        connection.execute("VACUUM ANALYZE")  # as the server's own upkeep has done in a year
        connection.execute("CHECKPOINT")  # so that what was written here is not charged to what is measured


def _drop_indexes(connection: psycopg.Connection, tables: list[str]) -> list[bytes]:
    """Drop what is quicker made anew than kept up: all indexes but those of constraints. What makes them."""
    found = connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
        " AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)",
        [tables],
    ).fetchall()
    for name, _ in found:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    return [str(definition).encode() for _, definition in found]


def _document(direction: str, unit: str, sender: str, state: str, key: Callable[[_Document], str]) -> _Table:
    def rows(one: _Document) -> Iterator[Row]:
        number = str(one.number)
        yield (
            *(one.id(1), direction, unit, sender, one.document_id, "0", number, "UBND-CU", "2024-03-05"),
            *(f"V/v lưu trữ số {number}", 0, _HEADER, state, one.hash("m"), 0, "", key(one), one.at, one.at),
        )

    columns = "id direction unit_code sender_code document_id business_type number notation promulgation_date"
    more = "subject priority header state meaning muted findings live_key created_at changed_at"
    return _Table("document", (*columns.split(), *more.split()), rows)


def _attachment(one: _Document) -> Iterator[Row]:
    yield one.id(1), 1, "vb.pdf", "vb.pdf", "application/pdf", one.id(2), *one.blob("file"), "not_scanned:off"


def _packet(one: _Document) -> Iterator[Row]:
    yield one.id(3), "edoc", "out", *one.blob("document"), one.at
    yield one.id(4), "status", "in", *one.blob("status"), one.at


def _dispatch(message_type: str, unit: str, packet: int) -> _Table:
    def rows(one: _Document) -> Iterator[Row]:
        event = one.id(8) if message_type == "status" else None
        yield (
            *(one.id(5), message_type, unit, one.id(1), event, "axis", unit, 3, "accepted", one.id(packet)),
            *(one.id(6), 1, one.at, one.at, one.at),
        )

    columns = "id message_type unit_code document_id status_event_id connection_id from_code lane state packet_id"
    return _Table(
        "dispatch", (*columns.split(), *["axis_doc_id", "attempts", "created_at", "sent_at", "changed_at"]), rows
    )


def _recipient(one: _Document) -> Iterator[Row]:
    yield one.id(9), one.id(1), 1, RECEIVER, "Sở Kiểm thử", one.id(5), "01", one.at


def _arrival(message_type: str, packet: int) -> _Table:
    def rows(one: _Document) -> Iterator[Row]:
        yield (
            *(one.id(7), "axis", one.id(10), message_type, SENDER, RECEIVER, "acknowledged", one.id(packet), 1, ""),
            *(one.at, one.at, one.at, "done"),
        )

    columns = "id connection_id doc_id message_type from_code to_code state packet_id fetches findings"
    return _Table(
        "arrival", (*columns.split(), *["booked_at", "changed_at", "acknowledged_at", "acknowledged_as"]), rows
    )


def _link(one: _Document) -> Iterator[Row]:
    yield one.id(7), one.id(1)


def _status_event(direction: str, unit: str, other: str) -> _Table:
    def rows(one: _Document) -> Iterator[Row]:
        recipient, arrival = (one.id(9), one.id(7)) if direction == "in" else (None, None)
        dispatch = one.id(5) if direction == "out" else None
        yield (
            *(one.id(8), one.id(1), recipient, direction, unit, other, "01", "01", one.at, one.at, 1),
            *(dispatch, arrival),
        )

    columns = "id document_id recipient_id direction unit_code other_code code raw_code source_time recorded_at moved"
    return _Table("status_event", (*columns.split(), "dispatch_id", "arrival_id"), rows)


def _delivery(one: _Document) -> Iterator[Row]:
    yield one.id(11), one.id(1), RECEIVER, "handed_over", 0, one.id(12), one.at, 0, one.at, one.at


def _event(unit: str, *kinds: str) -> _Table:
    def rows(one: _Document) -> Iterator[Row]:
        for kind in kinds:
            yield one.at, kind, unit, one.id(1), "{}"

    return _Table("event", ("at", "kind", "unit_code", "document_id", "data"), rows)


def _job(one: _Document) -> Iterator[Row]:
    if one.number % _JOBS_OF:
        return
    for kind, key in (("dispatch", 5), ("arrival", 7)):
        yield (
            *(one.id(100 + key), kind, one.id(key), "{}", 3, "done", one.at, one.at, 1, 0, 1, "[]"),
            *(one.at, one.at),
        )


def _idempotency(one: _Document) -> Iterator[Row]:
    if one.number % _JOBS_OF == 0:
        yield "bench", str(one.number), one.hash("key"), one.id(1), one.at


def _of(name: str, columns: str, rows: Callable[[_Document], Iterator[Row]]) -> _Table:
    return _Table(name, tuple(columns.split()), rows)


_FILES = _of(
    "attachment",
    "document_id position attachment_name safe_name content_type content_id blob_key sha256 size verdict",
    _attachment,
)
_PACKETS = _of("packet", "id message_type direction blob_key sha256 size created_at", _packet)
_JOBS = _of(
    "job",
    "id kind key payload lane state run_at first_run_at attempt wanted_again lease_token reasons created_at finished_at",
    _job,
)
_EVENTS_OUT = ("document.accepted", "document.sent", "status.received")
_EVENTS_IN = ("document.arrived", "document.handed_over", "status.reported", "status.sent")
_OUT = (
    _document("out", SENDER, SENDER, "sent", lambda one: f"0|{one.document_id}"),
    _FILES,
    _PACKETS,
    _dispatch("edoc", SENDER, 3),
    _of("recipient", "id document_id position code name dispatch_id processing_code processing_at", _recipient),
    _arrival("status", 4),
    _status_event("in", SENDER, RECEIVER),
    _event(SENDER, *_EVENTS_OUT),
    _JOBS,
    _of("idempotency", "client_id key fingerprint document_id created_at", _idempotency),
)
_IN = (
    _document("in", RECEIVER, SENDER, "handed_over", lambda one: f"in|{one.hash('live')}"),
    _FILES,
    _PACKETS,
    _dispatch("status", RECEIVER, 4),
    _arrival("edoc", 3),
    _of("arrival_document", "arrival_id document_id", _link),
    _of(
        "delivery",
        "id document_id unit_code state priority lease available_at rejects created_at handed_over_at",
        _delivery,
    ),
    _status_event("out", RECEIVER, SENDER),
    _event(RECEIVER, *_EVENTS_IN),
    _JOBS,
)
