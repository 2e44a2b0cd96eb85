"""Tables and SQL of the evidence log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from gateway.documents.repository import arrival_document_table
from gateway.evidence.entry import GENESIS, Link
from gateway.evidence.heads import Head
from gateway.store import Transaction, UtcDateTime, metadata
from gateway.store.inserts import unless_there

_Number = BigInteger().with_variant(Integer, "sqlite")
_NOT_CHAINED = text("seq IS NULL")

evidence_log_table = Table(
    "evidence_log",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("document_id", String(36)),
    Column("subject", String(36)),
    Column("body", Text, nullable=False),
    Column("seq", BigInteger, unique=True, doc="its place in the chain; NULL until it has one"),
    Column("previous", String(64)),
    Column("hash", String(64)),
    Index("ix_evidence_log_document", "document_id"),
    Index("ix_evidence_log_subject", "subject"),
    Index("ix_evidence_log_not_chained", "id", postgresql_where=_NOT_CHAINED, sqlite_where=_NOT_CHAINED),
    sqlite_autoincrement=True,
)

evidence_head_table = Table(
    "evidence_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("moved_at", UtcDateTime, doc="when the last entry was chained; NULL before the first"),
)

evidence_day_table = Table(
    "evidence_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("written_at", UtcDateTime, doc="when it was appended to the file of heads"),
)

_THE_ONE = 1

# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = evidence_log_table.insert().inline()  # without RETURNING: every announcement runs it
_UNCHAINED = (
    select(evidence_log_table.c.id, evidence_log_table.c.body)
    .where(evidence_log_table.c.seq.is_(None))
    .order_by(evidence_log_table.c.id)
    .limit(bindparam("limit", type_=Integer()))
)
_GIVE_PLACE = (
    update(evidence_log_table)
    .where(evidence_log_table.c.id == bindparam("row"), evidence_log_table.c.seq.is_(None))
    .values(seq=bindparam("place"), previous=bindparam("before"), hash=bindparam("made"))
)
_FIRST_HEAD = unless_there(evidence_head_table)
_HEAD = select(evidence_head_table)
_HELD_HEAD = _HEAD.with_for_update()
_MOVE_HEAD = update(evidence_head_table).where(evidence_head_table.c.id == _THE_ONE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchained:
    """An entry that has no place yet."""

    id: int
    body: str


async def add(tx: Transaction, *, at: datetime, document_id: str | None, subject: str | None, body: str) -> None:
    """Write an entry down, in the transaction in which it happened."""
    await tx.execute(_ADD, {"at": at, "document_id": document_id, "subject": subject, "body": body})


async def unchained(tx: Transaction, limit: int) -> list[Unchained]:
    """Entries without a place, oldest numbers first. Found by having none: what commits late is never passed over."""
    return [Unchained(id=row[0], body=row[1]) for row in await tx.execute(_UNCHAINED, {"limit": limit})]


async def give_places(tx: Transaction, places: Sequence[tuple[int, Link]]) -> None:
    """Give entries (by row id) their places."""
    values = [{"row": id, "place": one.seq, "before": one.previous, "made": one.hash} for id, one in places]
    await tx.execute(_GIVE_PLACE, values)


async def waiting(tx: Transaction) -> tuple[int, datetime | None]:
    """How many entries have no place yet, and the time of the oldest."""
    column = evidence_log_table.c
    row = (await tx.execute(select(func.count(), func.min(column.at)).where(column.seq.is_(None)))).one()
    return row[0], row[1]


async def held_head(tx: Transaction) -> Head:
    """The present head, held until the transaction ends: one chainer at a time, whatever becomes of leases."""
    await tx.execute(_FIRST_HEAD[tx.dialect], {"id": _THE_ONE, "seq": 0, "hash": GENESIS})
    row = (await tx.execute(_HELD_HEAD)).mappings().one()
    return Head(day=None, seq=row["seq"], hash=row["hash"])


async def head(tx: Transaction) -> Head:
    """The present head; of an empty log, number 0."""
    row = (await tx.execute(_HEAD)).mappings().first()
    return Head(day=None, seq=row["seq"], hash=row["hash"]) if row else Head(day=None, seq=0, hash=GENESIS)


async def move_head(tx: Transaction, to: Link, at: datetime) -> None:
    """The chain has grown."""
    await tx.execute(_MOVE_HEAD, {"seq": to.seq, "hash": to.hash, "moved_at": at})


async def moved_at(tx: Transaction) -> datetime | None:
    """When the last entry was chained; None before the first."""
    return (await tx.execute(select(evidence_head_table.c.moved_at))).scalar()


async def links_after(tx: Transaction, seq: int, limit: int) -> list[Link]:
    """Entries of the chain behind a place, in order."""
    column = evidence_log_table.c
    statement = select(evidence_log_table).where(column.seq > seq).order_by(column.seq).limit(limit)
    return [_link(row) for row in (await tx.execute(statement)).mappings()]


async def links_of(tx: Transaction, document_id: str | None, subjects: Collection[str]) -> list[Link]:
    """Chained entries about a document, and those about certain dispatches, arrivals or statuses; in order."""
    column = evidence_log_table.c
    about = or_(column.document_id == document_id, column.subject.in_(sorted(subjects)))
    statement = select(evidence_log_table).where(about, column.seq.is_not(None)).order_by(column.seq)
    return [_link(row) for row in (await tx.execute(statement)).mappings()]


async def waiting_of(tx: Transaction, document_id: str | None, subjects: Collection[str]) -> list[str]:
    """The bodies of entries about the same that have no place yet."""
    column = evidence_log_table.c
    about = or_(column.document_id == document_id, column.subject.in_(sorted(subjects)))
    statement = select(column.body).where(about, column.seq.is_(None)).order_by(column.id)
    return [row[0] for row in await tx.execute(statement)]


async def arrivals_of(tx: Transaction, document_id: str) -> list[str]:
    """The arrivals that brought a document (read only)."""
    column = arrival_document_table.c
    statement = select(column.arrival_id).where(column.document_id == document_id).order_by(column.arrival_id)
    return [row[0] for row in await tx.execute(statement)]


async def last_day(tx: Transaction) -> date | None:
    """The newest day that has a head."""
    column = evidence_day_table.c.day
    return (await tx.execute(select(column).order_by(column.desc()).limit(1))).scalar()


async def add_day(tx: Transaction, day: date, at: Head) -> None:
    """A day is over, and this was its last entry."""
    await tx.execute(insert(evidence_day_table).values(day=day, seq=at.seq, hash=at.hash))


async def days(tx: Transaction, *, unwritten: bool = False) -> list[Head]:
    """The heads of all days in order, or of those not yet appended to the file."""
    statement = select(evidence_day_table).order_by(evidence_day_table.c.day)
    if unwritten:
        statement = statement.where(evidence_day_table.c.written_at.is_(None))
    return [Head(day=row["day"], seq=row["seq"], hash=row["hash"]) for row in (await tx.execute(statement)).mappings()]


async def day_reaching(tx: Transaction, seq: int) -> Head | None:
    """The first daily head that stands at or behind a place."""
    column = evidence_day_table.c
    statement = select(evidence_day_table).where(column.seq >= seq).order_by(column.day).limit(1)
    row = (await tx.execute(statement)).mappings().first()
    return Head(day=row["day"], seq=row["seq"], hash=row["hash"]) if row else None


async def set_written(tx: Transaction, day: date, at: datetime) -> None:
    """A day's head stands in the file."""
    await tx.execute(update(evidence_day_table).where(evidence_day_table.c.day == day).values(written_at=at))


def _link(row: RowMapping) -> Link:
    return Link(
        seq=row["seq"],
        body=row["body"],
        previous=row["previous"] or "",
        hash=row["hash"] or "",
        document_id=row["document_id"],
        subject=row["subject"],
    )
