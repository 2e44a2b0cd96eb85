"""The table of actions, and the search over what went wrong in the tables of other rooms (read only)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Index, Select, String, Table, Text, and_, insert, or_, select

from gateway.axis.port import MessageType
from gateway.desk.model import Action, DeskAction, DeskSort
from gateway.documents.model import ArrivalState, DispatchState
from gateway.documents.repository import Cursor, arrival_table, dispatch_table, recipient_table
from gateway.handover.model import DeliveryState
from gateway.handover.repository import delivery_table
from gateway.store import Transaction, UtcDateTime, metadata

DEAD = (DispatchState.REJECTED, DispatchState.GIVEN_UP, DispatchState.UNKNOWN)
APART = (ArrivalState.QUARANTINED, ArrivalState.STRANGER)

desk_action_table = Table(
    "desk_action",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("who", String(200), nullable=False),
    Column("action", String(20), nullable=False),
    Column("target_sort", String(20), nullable=False),
    Column("target", String(36), nullable=False),
    Column("document", String(36)),
    Column("reason", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Index("ix_desk_action_target", "target", "at"),
    Index("ix_desk_action_document", "document", "at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a client may see of arrivals: those to its codes, and those to nobody's on its connections."""

    units: frozenset[str]
    codes: frozenset[str]
    all_codes: frozenset[str]
    connections: frozenset[str]


async def add_action(tx: Transaction, action: DeskAction) -> None:
    """Write an action down."""
    names = desk_action_table.c.keys()
    await tx.execute(insert(desk_action_table).values({name: getattr(action, name) for name in names}))


async def actions_on(tx: Transaction, targets: Collection[str]) -> list[DeskAction]:
    """What was done with an item, or with the document it belongs to; oldest first."""
    column = desk_action_table.c
    wanted = sorted(targets)
    statement = (
        select(desk_action_table)
        .where(or_(column.target.in_(wanted), column.document.in_(wanted)))
        .order_by(column.at, column.id)
    )
    return [DeskAction(**{**row, "action": Action(row["action"])}) for row in (await tx.execute(statement)).mappings()]


async def dead_dispatches(
    tx: Transaction, scope: Scope | None, reason: str | None, before: Cursor | None, limit: int
) -> Sequence[str]:
    """Ids of dispatches that somebody has to look at; none whose recipients all stand in later ones."""
    column = dispatch_table.c
    stands = (
        select(recipient_table.c.id)
        .where(recipient_table.c.dispatch_id == column.id, recipient_table.c.replaced_by.is_(None))
        .exists()
    )
    conditions = [column.state.in_(DEAD), or_(column.message_type == MessageType.STATUS, stands)]
    if scope is not None:
        conditions.append(column.unit_code.in_(sorted(scope.units)))
    return await _ids(tx, select(column.id), conditions, dispatch_table, reason, before, limit)


async def apart_arrivals(
    tx: Transaction, scope: Scope | None, reason: str | None, before: Cursor | None, limit: int
) -> Sequence[str]:
    """Ids of arrivals that were set apart or are addressed to nobody here."""
    column = arrival_table.c
    conditions: list[ColumnElement[bool]] = [column.state.in_(APART)]
    if scope is not None:
        nobodys = and_(
            or_(column.to_code.is_(None), column.to_code.not_in(sorted(scope.all_codes))),
            column.connection_id.in_(sorted(scope.connections)),
        )
        conditions.append(or_(column.to_code.in_(sorted(scope.codes)), nobodys))
    return await _ids(tx, select(column.id), conditions, arrival_table, reason, before, limit)


async def apart_deliveries(
    tx: Transaction, scope: Scope | None, reason: str | None, before: Cursor | None, limit: int
) -> Sequence[str]:
    """Ids of deliveries that the document system rejected too often."""
    column = delivery_table.c
    conditions = [column.state == DeliveryState.SET_APART]
    if scope is not None:
        conditions.append(column.unit_code.in_(sorted(scope.units)))
    if reason is not None:
        conditions.append(column.last_reject == reason)
    if before is not None:
        conditions.append(_earlier(column.available_at, column.id, before))
    statement = select(column.id).where(*conditions).order_by(column.available_at.desc(), column.id.desc()).limit(limit)
    return [row[0] for row in await tx.execute(statement)]


async def sort_of(tx: Transaction, id: str) -> DeskSort | None:
    """What the thing with our id is."""
    tables = (
        (DeskSort.DISPATCH, dispatch_table),
        (DeskSort.ARRIVAL, arrival_table),
        (DeskSort.DELIVERY, delivery_table),
    )
    for sort, table in tables:
        if (await tx.execute(select(table.c.id).where(table.c.id == id))).first() is not None:
            return sort
    return None


async def _ids(
    tx: Transaction,
    statement: Select[tuple[Any]],
    conditions: Sequence[ColumnElement[bool]],
    table: Table,
    reason: str | None,
    before: Cursor | None,
    limit: int,
) -> Sequence[str]:
    column = table.c
    narrowed = [*conditions]
    if reason is not None:
        narrowed.append(column.reason == reason)
    if before is not None:
        narrowed.append(_earlier(column.changed_at, column.id, before))
    ordered = statement.where(*narrowed).order_by(column.changed_at.desc(), column.id.desc()).limit(limit)
    return [row[0] for row in await tx.execute(ordered)]


def _earlier(at: Column[object], id: Column[object], before: Cursor) -> ColumnElement[bool]:
    return or_(at < before.created_at, and_(at == before.created_at, id < before.id))
