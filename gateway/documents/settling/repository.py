"""The table of what was found out about Unknown dispatches, and all SQL on it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import Column, ForeignKey, Integer, String, Table, delete, func, insert, select, update

from gateway.axis.port import MessageType, SentRow
from gateway.documents.model import DispatchState
from gateway.documents.repository import ID, dispatch_table, document_table
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata

settling_table = Table(
    "settling",
    metadata,
    Column("dispatch_id", ID, ForeignKey("dispatch.id"), primary_key=True),
    Column("looks", Integer, nullable=False),
    Column("looked_at", UtcDateTime, nullable=False),
    Column("trouble", String(100)),
    Column("found", JsonColumn, nullable=False),
    Column("asked_at", UtcDateTime),
)

_ROWS = TypeAdapter(tuple[SentRow, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What looking for evidence came to so far. `trouble`: why the axis's list was not had; `asked_at`: a person was."""

    dispatch_id: str
    looks: int
    looked_at: datetime
    trouble: str | None
    rows: tuple[SentRow, ...]
    asked_at: datetime | None


async def find(tx: Transaction, dispatch_id: str) -> Settling | None:
    """What is known of one dispatch."""
    statement = select(settling_table).where(settling_table.c.dispatch_id == dispatch_id)
    row = (await tx.execute(statement)).mappings().first()
    if row is None:
        return None
    return Settling(
        dispatch_id=row["dispatch_id"],
        looks=row["looks"],
        looked_at=row["looked_at"],
        trouble=row["trouble"],
        rows=_ROWS.validate_python(row["found"]),
        asked_at=row["asked_at"],
    )


async def save(tx: Transaction, settling: Settling) -> None:
    """Keep it, in place of what was known before."""
    values = {
        "looks": settling.looks,
        "looked_at": settling.looked_at,
        "trouble": settling.trouble,
        "found": [asdict(one) for one in settling.rows],
        "asked_at": settling.asked_at,
    }
    mine = settling_table.c.dispatch_id == settling.dispatch_id
    if (await tx.execute(update(settling_table).where(mine).values(values))).rowcount == 0:
        await tx.execute(insert(settling_table).values(dispatch_id=settling.dispatch_id, **values))


async def forget(tx: Transaction, dispatch_id: str) -> None:
    """It leaves again: what was found of the former attempt counts no more."""
    await tx.execute(delete(settling_table).where(settling_table.c.dispatch_id == dispatch_id))


async def likenesses(tx: Transaction, connection_id: str, number: str | None, notation: str | None) -> int:
    """How many Unknown document dispatches of a connection carry this number and notation."""
    statement = (
        select(func.count())
        .select_from(dispatch_table.join(document_table, document_table.c.id == dispatch_table.c.document_id))
        .where(
            dispatch_table.c.state == DispatchState.UNKNOWN,
            dispatch_table.c.message_type == MessageType.EDOC,
            dispatch_table.c.connection_id == connection_id,
            document_table.c.number == number,
            document_table.c.notation == notation,
        )
    )
    return int((await tx.execute(statement)).scalar_one())


async def never_looked(tx: Transaction, limit: int) -> Sequence[str]:
    """Unknown document dispatches for which no evidence was looked for yet."""
    statement = (
        select(dispatch_table.c.id)
        .outerjoin(settling_table, settling_table.c.dispatch_id == dispatch_table.c.id)
        .where(
            dispatch_table.c.state == DispatchState.UNKNOWN,
            dispatch_table.c.message_type == MessageType.EDOC,
            settling_table.c.dispatch_id.is_(None),
        )
        .limit(limit)
    )
    return [row[0] for row in await tx.execute(statement)]
