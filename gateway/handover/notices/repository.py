"""Tables and SQL of notices. Events are read from the feed's own table."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from gateway.handover.model import Event
from gateway.handover.notices.model import Notice, NoticeState
from gateway.handover.repository import SPEAKS_TO_UNITS, event_of, event_table, last_event_before
from gateway.store import Transaction, UtcDateTime, metadata
from gateway.store.inserts import unless_there

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
# Made once: to make such a statement anew takes longer than the database takes for it.
_units: BindParameter[str] = bindparam("units", expanding=True)
_limit = bindparam("limit", type_=Integer())
_of_cursor = (cursor_table.c.client_id == bindparam("of_client"), cursor_table.c.sort == bindparam("of_sort"))
_CURSOR = select(cursor_table.c.seq).where(*_of_cursor)
_LOCKED_CURSOR = _CURSOR.with_for_update()
_MOVE_CURSOR = update(cursor_table).where(*_of_cursor)
_NEWS = (
    select(event_table)
    .where(
        event_table.c.seq > bindparam("after"),
        event_table.c.kind.in_(bindparam("kinds", expanding=True)),
        SPEAKS_TO_UNITS,
    )
    .order_by(event_table.c.seq)
    .limit(_limit)
)
_EVENTS = select(event_table).where(event_table.c.seq.in_(bindparam("seqs", expanding=True)))
_ADD = insert(notice_table)
_column = notice_table.c
_OPEN = (
    select(notice_table)
    .where(
        _column.client_id == bindparam("of_client"),
        _column.sort.in_(bindparam("sorts", expanding=True)),
        or_(_column.unit_code.in_(_units), _column.unit_code.is_(None)),
        or_(
            and_(_column.state == NoticeState.WAITING.value, _column.available_at <= bindparam("now")),
            and_(_column.state == NoticeState.CLAIMED.value, _column.lease_until <= bindparam("now")),
        ),
    )
    .order_by(_column.seq)
    .limit(_limit)
)
_LOCKED = _OPEN.with_for_update(skip_locked=True)
_is = (_column.id == bindparam("of_notice"), _column.client_id == bindparam("of_client"))
_FIND = select(notice_table).where(*_is).with_for_update()
_EXISTS = select(_column.id).where(*_is)
_SAVE = update(notice_table).where(_column.id == bindparam("of_notice"))
_FORGET = delete(notice_table).where(
    _column.client_id == bindparam("of_client"),
    _column.state == NoticeState.CONFIRMED.value,
    _column.available_at < bindparam("before"),
)
_FIRST_CURSOR = unless_there(cursor_table)


async def cursor(tx: Transaction, client_id: str, sort: str) -> int | None:
    """The last event that was looked at for this client and sort; None before its first claim."""
    return (await tx.execute(_CURSOR, {"of_client": client_id, "of_sort": sort})).scalar_one_or_none()


async def locked_cursor(tx: Transaction, client_id: str, sort: str, since: datetime) -> int:
    """The cursor, locked until the transaction ends; a new one begins with what happened from `since` on."""
    if await cursor(tx, client_id, sort) is None:
        first = {"client_id": client_id, "sort": sort, "seq": await last_event_before(tx, since)}
        await tx.execute(_FIRST_CURSOR[tx.dialect], first)
    return int((await tx.execute(_LOCKED_CURSOR, {"of_client": client_id, "of_sort": sort})).scalar_one())


async def move_cursor(tx: Transaction, client_id: str, sort: str, seq: int) -> None:
    """Move a locked cursor on."""
    await tx.execute(_MOVE_CURSOR, {"of_client": client_id, "of_sort": sort, "seq": seq})


async def news(tx: Transaction, kinds: Sequence[str], units: Sequence[str], after: int, limit: int) -> list[Event]:
    """Events of these kinds and units, and those that speak to every unit, in order."""
    of = {"kinds": [str(kind) for kind in kinds], "units": units, "after": after, "limit": limit}
    return [event_of(row) for row in (await tx.execute(_NEWS, of)).mappings()]


async def events(tx: Transaction, seqs: Sequence[int]) -> dict[int, Event]:
    """Events by their numbers."""
    return {row["seq"]: event_of(row) for row in (await tx.execute(_EVENTS, {"seqs": seqs})).mappings()}


async def add(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Store new notices."""
    if notices:
        await tx.execute(_ADD, [_values(one) for one in notices])


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
    of = {"of_client": client_id, "sorts": [str(sort) for sort in sorts], "units": units, "now": now, "limit": limit}
    rows = await tx.execute(_LOCKED if lock else _OPEN, of)
    return [_notice(row) for row in rows.mappings()]


async def find(tx: Transaction, client_id: str, id: str) -> Notice | None:
    """A notice of this client, locked for this transaction."""
    row = (await tx.execute(_FIND, {"of_notice": id, "of_client": client_id})).mappings().first()
    return _notice(row) if row else None


async def exists(tx: Transaction, client_id: str, id: str) -> bool:
    """Whether this is a notice of this client."""
    return (await tx.execute(_EXISTS, {"of_notice": id, "of_client": client_id})).first() is not None


async def save(tx: Transaction, notice: Notice) -> None:
    """Write back a notice."""
    await tx.execute(_SAVE, {**_values(notice), "of_notice": notice.id})


async def forget(tx: Transaction, client_id: str, before: datetime) -> None:
    """Forget what this client confirmed before a time."""
    await tx.execute(_FORGET, {"of_client": client_id, "before": before})


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
