"""SQL of arrivals."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, func, insert, select, update

from gateway.axis.port import MessageType
from gateway.documents.model import (
    Arrival,
    ArrivalState,
)
from gateway.documents.repository.tables import (
    arrival_document_table,
    arrival_table,
    changes_of,
    moment,
    values_of,
)
from gateway.store import Transaction

_OPEN = tuple({*ArrivalState} - {ArrivalState.ACKNOWLEDGED, ArrivalState.DISCARDED})
"""All states but those in which a year's rest: to count these would mean to read every row at each look."""
# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = insert(arrival_table)
_SAVE = update(arrival_table).where(arrival_table.c.id == bindparam("of_arrival"))
_FIND = select(arrival_table).where(arrival_table.c.id == bindparam("of_arrival"))
_HOLD = _FIND.with_for_update()
_ATTACH = insert(arrival_document_table)
_ATTACHED = select(arrival_document_table.c.arrival_id).where(
    arrival_document_table.c.arrival_id == bindparam("arrival_id"),
    arrival_document_table.c.document_id == bindparam("document_id"),
)


async def add_arrivals(tx: Transaction, arrivals: Sequence[Arrival]) -> None:
    """Book items."""
    if arrivals:
        await tx.execute(_ADD, [values_of(one, arrival_table) for one in arrivals])


async def find_arrival(tx: Transaction, id: str) -> Arrival | None:
    """The arrival with our id."""
    row = (await tx.execute(_FIND, {"of_arrival": id})).mappings().first()
    return _arrival(row) if row else None


async def hold_arrival(tx: Transaction, id: str) -> Arrival | None:
    """The arrival with our id, held until the transaction ends."""
    row = (await tx.execute(_HOLD, {"of_arrival": id})).mappings().first()
    return _arrival(row) if row else None


async def known_arrivals(tx: Transaction, connection_id: str, doc_ids: Sequence[str]) -> dict[str, Arrival]:
    """Those of the axis's ids that are booked already, by id. Asks in portions that both databases take."""
    found: dict[str, Arrival] = {}
    for start in range(0, len(doc_ids), 500):
        statement = select(arrival_table).where(
            arrival_table.c.connection_id == connection_id,
            arrival_table.c.doc_id.in_(doc_ids[start : start + 500]),
        )
        for row in (await tx.execute(statement)).mappings():
            arrival = _arrival(row)
            found[arrival.doc_id] = arrival
    return found


async def untold(tx: Transaction, connection_id: str, limit: int) -> list[Arrival]:
    """Arrivals that were taken in and of which the axis has not been told, or we do not know it; oldest first."""
    column = arrival_table.c
    statement = (
        select(arrival_table)
        .where(column.connection_id == connection_id, column.state == ArrivalState.DELIVERED)
        .order_by(column.booked_at, column.id)
        .limit(limit)
    )
    return [_arrival(row) for row in (await tx.execute(statement)).mappings()]


async def arrivals_in(tx: Transaction, connection_id: str, state: ArrivalState) -> list[Arrival]:
    """Arrivals of a connection in one state, oldest first."""
    statement = (
        select(arrival_table)
        .where(arrival_table.c.connection_id == connection_id, arrival_table.c.state == state)
        .order_by(arrival_table.c.booked_at, arrival_table.c.id)
    )
    return [_arrival(row) for row in (await tx.execute(statement)).mappings()]


async def save_arrival(tx: Transaction, arrival: Arrival) -> None:
    """Write back an arrival that was changed under its job's lease."""
    await tx.execute(_SAVE, {**changes_of(arrival, arrival_table), "of_arrival": arrival.id})


async def attach_arrival(tx: Transaction, arrival_id: str, document_id: str) -> None:
    """Say that this arrival brought this document (again)."""
    link = {"arrival_id": arrival_id, "document_id": document_id}
    if (await tx.execute(_ATTACHED, link)).first() is None:
        await tx.execute(_ATTACH, link)


async def has_come_for(tx: Transaction, document_id: str, to_code: str | None) -> bool:
    """Whether one of the items that brought a document named this code as its receiver. One is enough: it may be many."""
    statement = (
        select(arrival_table.c.id)
        .join(arrival_document_table, arrival_document_table.c.arrival_id == arrival_table.c.id)
        .where(
            arrival_document_table.c.document_id == document_id,
            arrival_table.c.to_code.is_not_distinct_from(to_code),
        )
        .limit(1)
    )
    return (await tx.execute(statement)).first() is not None


async def oldest_unacknowledged(tx: Transaction) -> datetime | None:
    """When the oldest arrival that the axis has not been told of was booked."""
    column = arrival_table.c
    statement = select(func.min(column.booked_at)).where(
        column.state.in_((ArrivalState.BOOKED, ArrivalState.FETCHED, ArrivalState.DELIVERED, ArrivalState.STRANGER))
    )
    return moment((await tx.execute(statement)).scalar())


async def arrival_counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(message type, state, count) for metrics, of those that are under way or need somebody."""
    column = arrival_table.c
    statement = select(column.message_type, column.state, func.count()).where(column.state.in_(_OPEN))
    statement = statement.group_by(column.message_type, column.state)
    return [(row[0], row[1], row[2]) for row in await tx.execute(statement)]


def _arrival(row: RowMapping) -> Arrival:
    values = {**row, "message_type": MessageType(row["message_type"]), "state": ArrivalState(row["state"])}
    return Arrival(**values)
