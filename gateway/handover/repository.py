"""Tables and SQL of deliveries and events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from gateway.documents.repository import document_table
from gateway.handover.model import Delivery, DeliveryState, Event
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata

delivery_table = Table(
    "delivery",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("document_id", String(36), ForeignKey("document.id"), nullable=False, unique=True),
    Column("unit_code", String(35), ForeignKey("unit.code"), nullable=False),
    Column("state", String(20), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("lease", String(64)),
    Column("lease_until", UtcDateTime),
    Column("available_at", UtcDateTime, nullable=False),
    Column("rejects", Integer, nullable=False),
    Column("last_reject", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("handed_over_at", UtcDateTime),
    Index("ix_delivery_open", "state", "unit_code", "available_at"),
)
# Written out, and so in each statement that is to use the index: with parameters neither database would know it.
_is_open = delivery_table.c.state.in_(
    [literal_column(f"'{state.value}'") for state in (DeliveryState.WAITING, DeliveryState.CLAIMED)]
)
Index(
    "ix_delivery_queue",
    delivery_table.c.priority.desc(),
    delivery_table.c.created_at,
    delivery_table.c.id,
    sqlite_where=_is_open,
    postgresql_where=_is_open,
)

event_table = Table(
    "event",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(50), nullable=False),
    Column("unit_code", String(35)),
    Column("document_id", String(36)),
    Column("data", JsonColumn, nullable=False),
    Index("ix_event_document", "document_id", "seq"),
    sqlite_autoincrement=True,
)

# Made once: to make such a statement anew takes longer than the database takes for it.
_units: BindParameter[str] = bindparam("units", expanding=True)
SPEAKS_TO_UNITS = or_(event_table.c.unit_code.in_(_units), event_table.c.unit_code.is_(None))
"""An event of one of `units`, or one that speaks to every unit.

No index helps it, and none may: whoever reads goes through the events by `seq`, each once, however few are its own.
Through an index by unit SQLite would read all that is left of its events for every page.
"""
_limit = bindparam("limit", type_=Integer())
_ADD_EVENT = insert(event_table)
_EVENTS_AFTER = (
    select(event_table)
    .where(event_table.c.seq > bindparam("after"), SPEAKS_TO_UNITS)
    .order_by(event_table.c.seq)
    .limit(_limit)
)
_EVENTS_OF = (
    select(event_table).where(event_table.c.document_id == bindparam("of_document")).order_by(event_table.c.seq)
)
_LAST_EVENT = select(func.coalesce(func.max(event_table.c.seq), 0))
_ADD_DELIVERY = insert(delivery_table)
_SAVE_DELIVERY = update(delivery_table).where(delivery_table.c.id == bindparam("of_delivery"))
_DELIVERY = select(delivery_table).where(delivery_table.c.id == bindparam("of_delivery"))
_HELD_DELIVERY = _DELIVERY.with_for_update()
_DELIVERY_OF = select(delivery_table).where(delivery_table.c.document_id == bindparam("of_document")).with_for_update()
_OPEN_DELIVERIES = (
    select(delivery_table)
    .where(
        _is_open,
        delivery_table.c.unit_code.in_(_units),
        or_(
            and_(delivery_table.c.state == DeliveryState.WAITING, delivery_table.c.available_at <= bindparam("now")),
            and_(delivery_table.c.state == DeliveryState.CLAIMED, delivery_table.c.lease_until <= bindparam("now")),
        ),
    )
    .order_by(delivery_table.c.priority.desc(), delivery_table.c.created_at, delivery_table.c.id)
    .limit(_limit)
)
_LOCKED_DELIVERIES = _OPEN_DELIVERIES.with_for_update(skip_locked=True)
_EVENT_LOCK = 0x4C54_4757  # "LTGW": one writer of events at a time, so that seq grows in the order of commits


async def add_event(
    tx: Transaction,
    *,
    at: datetime,
    kind: str,
    unit_code: str | None,
    document_id: str | None,
    data: Mapping[str, str],
) -> None:
    """Append to the feed. A reader that has seen a seq never misses a smaller one."""
    if tx.dialect == "postgresql":
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _EVENT_LOCK})
    values = {"at": at, "kind": kind, "unit_code": unit_code, "document_id": document_id, "data": dict(data)}
    await tx.execute(_ADD_EVENT, values)


async def events_after(tx: Transaction, *, unit_codes: Sequence[str], after: int, limit: int) -> list[Event]:
    """Events of these units, and those that speak to every unit, in order."""
    of = {"units": unit_codes, "after": after, "limit": limit}
    return [event_of(row) for row in (await tx.execute(_EVENTS_AFTER, of)).mappings()]


async def events_of(tx: Transaction, document_id: str) -> list[Event]:
    """All that happened to a document, in order."""
    return [event_of(row) for row in (await tx.execute(_EVENTS_OF, {"of_document": document_id})).mappings()]


async def last_event(tx: Transaction) -> int:
    """The number of the newest event; 0 when there is none."""
    return int((await tx.execute(_LAST_EVENT)).scalar_one())


async def last_event_before(tx: Transaction, moment: datetime) -> int:
    """The number of the newest event older than a time; 0 when there is none."""
    return int((await tx.execute(_LAST_EVENT.where(event_table.c.at < moment))).scalar_one())


async def add_delivery(tx: Transaction, delivery: Delivery, *, priority: int) -> None:
    """Store a delivery that waits."""
    await tx.execute(
        _ADD_DELIVERY,
        {
            "id": delivery.id,
            "document_id": delivery.document_id,
            "unit_code": delivery.unit_code,
            "state": delivery.state,
            "priority": priority,
            "available_at": delivery.available_at,
            "rejects": 0,
            "created_at": delivery.created_at,
        },
    )


async def open_deliveries(
    tx: Transaction, *, unit_codes: Sequence[str], now: datetime, limit: int, lock: bool = True
) -> list[Delivery]:
    """Deliveries that may be claimed, most urgent and oldest first; locked ones are skipped by other claimers."""
    of = {"units": unit_codes, "now": now, "limit": limit}
    rows = await tx.execute(_LOCKED_DELIVERIES if lock else _OPEN_DELIVERIES, of)
    return [_delivery(row) for row in rows.mappings()]


async def find_delivery(tx: Transaction, id: str, *, lock: bool = True) -> Delivery | None:
    """The delivery with our id, locked for this transaction."""
    row = (await tx.execute(_HELD_DELIVERY if lock else _DELIVERY, {"of_delivery": id})).mappings().first()
    return _delivery(row) if row else None


async def delivery_of(tx: Transaction, document_id: str) -> Delivery | None:
    """The delivery of a document, locked for this transaction."""
    row = (await tx.execute(_DELIVERY_OF, {"of_document": document_id})).mappings().first()
    return _delivery(row) if row else None


async def save_delivery(tx: Transaction, delivery: Delivery) -> None:
    """Write back a delivery."""
    await tx.execute(
        _SAVE_DELIVERY,
        {
            "of_delivery": delivery.id,
            "state": delivery.state,
            "lease": delivery.lease,
            "lease_until": delivery.lease_until,
            "available_at": delivery.available_at,
            "rejects": delivery.rejects,
            "last_reject": delivery.last_reject,
            "handed_over_at": delivery.handed_over_at,
        },
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unhanded:
    """How many documents a unit has not taken over yet, and since when the oldest waits."""

    unit_code: str
    count: int
    oldest: datetime


def _is_unhanded(before: datetime) -> tuple[ColumnElement[bool], ...]:
    """Deliveries made until a time and not handed over; those whose statuses are not ours to send are not counted."""
    column = delivery_table.c
    return (
        column.state.in_((DeliveryState.WAITING, DeliveryState.CLAIMED, DeliveryState.SET_APART)),
        column.created_at <= before,
        document_table.c.muted.is_(False),
    )


async def unhanded_by_unit(tx: Transaction, before: datetime) -> list[Unhanded]:
    """Units with documents that came until a time and are not handed over, by code."""
    column = delivery_table.c
    statement = (
        select(
            column.unit_code,
            func.count().label("number"),
            func.min(column.created_at, type_=UtcDateTime()).label("oldest"),
        )
        .join(document_table, document_table.c.id == column.document_id)
        .where(*_is_unhanded(before))
        .group_by(column.unit_code)
        .order_by(column.unit_code)
    )
    return [
        Unhanded(unit_code=row.unit_code, count=row.number, oldest=row.oldest) for row in await tx.execute(statement)
    ]


async def unhanded_before(tx: Transaction, before: datetime, *, after: str, limit: int) -> list[str]:
    """Deliveries that came until a time and are not handed over: ids after `after`, in order."""
    column = delivery_table.c
    statement = (
        select(column.id)
        .join(document_table, document_table.c.id == column.document_id)
        .where(*_is_unhanded(before), column.id > after)
        .order_by(column.id)
        .limit(limit)
    )
    return list((await tx.execute(statement)).scalars())


async def oldest_unhanded(tx: Transaction) -> datetime | None:
    """When the oldest delivery that is not handed over was made."""
    statement = select(func.min(delivery_table.c.created_at)).where(_is_open)
    return cast(datetime | None, (await tx.execute(statement)).scalar())


def event_of(row: RowMapping) -> Event:
    """An event as it is stored."""
    data = row["data"] if isinstance(row["data"], dict) else {}
    return Event(
        seq=row["seq"],
        at=row["at"],
        kind=row["kind"],
        unit_code=row["unit_code"],
        document_id=row["document_id"],
        data={str(name): str(value) for name, value in data.items()},
    )


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        document_id=row["document_id"],
        unit_code=row["unit_code"],
        state=DeliveryState(row["state"]),
        lease=row["lease"],
        lease_until=row["lease_until"],
        available_at=row["available_at"],
        rejects=row["rejects"],
        last_reject=row["last_reject"],
        created_at=row["created_at"],
        handed_over_at=row["handed_over_at"],
    )
