"""Tables and SQL of notices. Events are read from the feed's own table."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.handover.model import Event
from gateway.handover.notices.model import Notice, NoticeState
from gateway.handover.repository import event_of, event_table, last_event_before
from gateway.store import Transaction, UtcDateTime, metadata

Seq = BigInteger().with_variant(Integer, "sqlite")

notice_table = Table(
    "notice",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("client_id", String(36), nullable=False),
    Column("seq", Seq, nullable=False),
    Column("sort", String(10), nullable=False),
    Column("unit_code", String(35)),
    Column("state", String(20), nullable=False),
    Column("lease", String(64)),
    Column("lease_until", UtcDateTime),
    Column("available_at", UtcDateTime, nullable=False),
    Column("rejects", Integer, nullable=False),
    Column("last_reject", Text),
    UniqueConstraint("client_id", "seq"),
    Index("ix_notice_open", "client_id", "state", "seq"),
)

cursor_table = Table(
    "notice_cursor",
    metadata,
    Column("client_id", String(36), primary_key=True),
    Column("sort", String(10), primary_key=True),
    Column("seq", Seq, nullable=False),
)


async def cursor(tx: Transaction, client_id: str, sort: str) -> int | None:
    """The last event that was looked at for this client and sort; None before its first claim."""
    statement = select(cursor_table.c.seq).where(cursor_table.c.client_id == client_id, cursor_table.c.sort == sort)
    return (await tx.execute(statement)).scalar_one_or_none()


async def locked_cursor(tx: Transaction, client_id: str, sort: str, since: datetime) -> int:
    """The cursor, locked until the transaction ends; a new one begins with what happened from `since` on."""
    column = cursor_table.c
    if await cursor(tx, client_id, sort) is None:
        dialect = sqlite if tx.connection.dialect.name == "sqlite" else postgresql
        first = await last_event_before(tx, since)
        await tx.execute(
            dialect.insert(cursor_table).values(client_id=client_id, sort=sort, seq=first).on_conflict_do_nothing()
        )
    statement = select(column.seq).where(column.client_id == client_id, column.sort == sort).with_for_update()
    return int((await tx.execute(statement)).scalar_one())


async def move_cursor(tx: Transaction, client_id: str, sort: str, seq: int) -> None:
    """Move a locked cursor on."""
    column = cursor_table.c
    await tx.execute(update(cursor_table).where(column.client_id == client_id, column.sort == sort).values(seq=seq))


async def news(tx: Transaction, kinds: Sequence[str], units: Sequence[str], after: int, limit: int) -> list[Event]:
    """Events of these kinds and units, and those that speak to every unit, in order."""
    column = event_table.c
    statement = (
        select(event_table)
        .where(
            column.seq > after,
            column.kind.in_([str(kind) for kind in kinds]),
            or_(column.unit_code.in_(units), column.unit_code.is_(None)),
        )
        .order_by(column.seq)
        .limit(limit)
    )
    return [event_of(row) for row in (await tx.execute(statement)).mappings()]


async def events(tx: Transaction, seqs: Sequence[int]) -> dict[int, Event]:
    """Events by their numbers."""
    rows = (await tx.execute(select(event_table).where(event_table.c.seq.in_(seqs)))).mappings()
    return {row["seq"]: event_of(row) for row in rows}


async def add(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Store new notices."""
    if notices:
        await tx.execute(insert(notice_table), [_values(one) for one in notices])


async def open_notices(
    tx: Transaction,
    client_id: str,
    *,
    sorts: Sequence[str],
    units: Sequence[str],
    now: datetime,
    limit: int,
    lock: bool = True,
) -> list[Notice]:
    """Notices that may be claimed, oldest first; locked ones are skipped by other claimers."""
    column = notice_table.c
    statement = (
        select(notice_table)
        .where(
            column.client_id == client_id,
            column.sort.in_([str(sort) for sort in sorts]),
            or_(column.unit_code.in_(units), column.unit_code.is_(None)),
            or_(
                and_(column.state == NoticeState.WAITING.value, column.available_at <= now),
                and_(column.state == NoticeState.CLAIMED.value, column.lease_until <= now),
            ),
        )
        .order_by(column.seq)
        .limit(limit)
    )
    if lock:
        statement = statement.with_for_update(skip_locked=True)
    return [_notice(row) for row in (await tx.execute(statement)).mappings()]


async def find(tx: Transaction, client_id: str, id: str) -> Notice | None:
    """A notice of this client, locked for this transaction."""
    column = notice_table.c
    statement = select(notice_table).where(column.id == id, column.client_id == client_id).with_for_update()
    row = (await tx.execute(statement)).mappings().first()
    return _notice(row) if row else None


async def exists(tx: Transaction, client_id: str, id: str) -> bool:
    """Whether this is a notice of this client."""
    column = notice_table.c
    statement = select(column.id).where(column.id == id, column.client_id == client_id)
    return (await tx.execute(statement)).first() is not None


async def save(tx: Transaction, notice: Notice) -> None:
    """Write back a notice."""
    await tx.execute(update(notice_table).where(notice_table.c.id == notice.id).values(_values(notice)))


async def forget(tx: Transaction, client_id: str, before: datetime) -> None:
    """Forget what this client confirmed before a time."""
    column = notice_table.c
    await tx.execute(
        delete(notice_table).where(
            column.client_id == client_id,
            column.state == NoticeState.CONFIRMED.value,
            column.available_at < before,
        )
    )


def _values(notice: Notice) -> dict[str, object]:
    return {
        "id": notice.id,
        "client_id": notice.client_id,
        "seq": notice.seq,
        "sort": notice.sort,
        "unit_code": notice.unit_code,
        "state": notice.state.value,
        "lease": notice.lease,
        "lease_until": notice.lease_until,
        "available_at": notice.available_at,
        "rejects": notice.rejects,
        "last_reject": notice.last_reject,
    }


def _notice(row: RowMapping) -> Notice:
    return Notice(**{**row, "state": NoticeState(row["state"])})
