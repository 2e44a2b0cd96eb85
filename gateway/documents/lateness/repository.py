"""The table of alarms about what does not leave, and all SQL on it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, String, Table, delete, func, insert, select, update

from gateway.documents.model import DispatchState
from gateway.documents.repository import dispatch_table
from gateway.store import Transaction, UtcDateTime, metadata

lateness_table = Table(
    "lateness",
    metadata,
    Column("connection_id", String(40), ForeignKey("connection.id"), primary_key=True),
    Column("urgent", Boolean, primary_key=True),
    Column("alarmed_at", UtcDateTime, nullable=False),
)

_UNSENT = (DispatchState.QUEUED, DispatchState.BUILT, DispatchState.SENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """How many dispatches have not left since a time, and since when the oldest of them waits."""

    count: int
    since: datetime


async def late(tx: Transaction, connection_id: str, before: datetime, *, last_lane: int) -> Late | None:
    """What was made before a time, goes in one of the first lanes up to `last_lane`, and has not left; None for nothing."""
    column = dispatch_table.c
    statement = select(func.count(), func.min(column.created_at, type_=UtcDateTime())).where(
        column.state.in_(_UNSENT),
        column.connection_id == connection_id,
        column.created_at < before,
        column.lane <= last_lane,
    )
    count, since = (await tx.execute(statement)).one()
    return Late(count=count, since=since) if count else None


async def alarmed_at(tx: Transaction, connection_id: str, *, urgent: bool) -> datetime | None:
    """When people were told; None when it was not so."""
    statement = select(lateness_table.c.alarmed_at).where(
        lateness_table.c.connection_id == connection_id, lateness_table.c.urgent == urgent
    )
    return (await tx.execute(statement)).scalar()


async def set_alarmed(tx: Transaction, connection_id: str, at: datetime | None, *, urgent: bool) -> None:
    """People are told now; or, with None, nothing is late any more."""
    mine = (lateness_table.c.connection_id == connection_id, lateness_table.c.urgent == urgent)
    if at is None:
        await tx.execute(delete(lateness_table).where(*mine))
        return
    if (await tx.execute(update(lateness_table).where(*mine).values(alarmed_at=at))).rowcount == 0:
        await tx.execute(insert(lateness_table).values(connection_id=connection_id, urgent=urgent, alarmed_at=at))
