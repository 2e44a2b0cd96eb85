"""SQL of dispatches."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, and_, bindparam, func, insert, or_, select, update

from gateway.axis.port import MessageType
from gateway.documents.model import (
    Dispatch,
    DispatchState,
)
from gateway.documents.repository.tables import (
    changes_of,
    dispatch_table,
    moment,
    values_of,
)
from gateway.store import Transaction

_OPEN = tuple({*DispatchState} - {DispatchState.ACCEPTED, DispatchState.CANCELLED})
"""All states but those in which a year's rest: to count these would mean to read every row at each look."""
# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = insert(dispatch_table)
_SAVE = update(dispatch_table).where(dispatch_table.c.id == bindparam("of_dispatch"))
_FIND = select(dispatch_table).where(dispatch_table.c.id == bindparam("of_dispatch"))
_HOLD = _FIND.with_for_update()
_EARLIER_UNTRIED = (
    select(dispatch_table.c.id)
    .where(
        dispatch_table.c.document_id == bindparam("of_document"),
        dispatch_table.c.message_type == MessageType.STATUS,
        dispatch_table.c.created_at < bindparam("before"),
        or_(
            and_(
                dispatch_table.c.attempts == 0,
                dispatch_table.c.state.in_((DispatchState.QUEUED, DispatchState.BUILT)),
            ),
            and_(dispatch_table.c.attempts == 1, dispatch_table.c.state == DispatchState.SENDING),
        ),
    )
    .limit(1)
)


async def add_dispatch(tx: Transaction, dispatch: Dispatch) -> None:
    """Store a new dispatch."""
    await tx.execute(_ADD, values_of(dispatch, dispatch_table))


async def find_dispatch(tx: Transaction, id: str) -> Dispatch | None:
    """The dispatch with our id."""
    row = (await tx.execute(_FIND, {"of_dispatch": id})).mappings().first()
    return _dispatch(row) if row else None


async def hold_dispatch(tx: Transaction, id: str) -> Dispatch | None:
    """The dispatch with our id, held until the transaction ends: it cannot be cancelled while it begins to leave."""
    row = (await tx.execute(_HOLD, {"of_dispatch": id})).mappings().first()
    return _dispatch(row) if row else None


async def dispatches_of(tx: Transaction, document_id: str) -> list[Dispatch]:
    """Dispatches that carry a document, oldest first; those of its statuses are not among them."""
    statement = (
        select(dispatch_table)
        .where(dispatch_table.c.document_id == document_id, dispatch_table.c.message_type == MessageType.EDOC)
        .order_by(dispatch_table.c.created_at, dispatch_table.c.id)
    )
    return [_dispatch(row) for row in (await tx.execute(statement)).mappings()]


async def earlier_untried(tx: Transaction, dispatch: Dispatch) -> bool:
    """Whether an earlier status of the same document has not come to the end of its first attempt."""
    of = {"of_document": dispatch.document_id, "before": dispatch.created_at}
    return (await tx.execute(_EARLIER_UNTRIED, of)).first() is not None


async def save_dispatch(tx: Transaction, dispatch: Dispatch) -> None:
    """Write back a dispatch that was changed under its job's lease."""
    await tx.execute(_SAVE, {**changes_of(dispatch, dispatch_table), "of_dispatch": dispatch.id})


async def unfinished_dispatches(tx: Transaction) -> list[Dispatch]:
    """Dispatches that have not come to an end, oldest first."""
    waiting = (DispatchState.QUEUED, DispatchState.BUILT, DispatchState.SENDING)
    statement = (
        select(dispatch_table)
        .where(dispatch_table.c.state.in_(waiting))
        .order_by(dispatch_table.c.created_at, dispatch_table.c.id)
    )
    return [_dispatch(row) for row in (await tx.execute(statement)).mappings()]


async def axis_ids_known(tx: Transaction, connection_id: str, axis_doc_ids: Sequence[str]) -> set[str]:
    """Those of the axis's ids under which one of our dispatches is known. Asks in portions that both databases take."""
    found: set[str] = set()
    for start in range(0, len(axis_doc_ids), 500):
        statement = select(dispatch_table.c.axis_doc_id).where(
            dispatch_table.c.connection_id == connection_id,
            dispatch_table.c.axis_doc_id.in_(axis_doc_ids[start : start + 500]),
        )
        found.update(row[0] for row in await tx.execute(statement))
    return found


async def oldest_unsent(tx: Transaction) -> datetime | None:
    """When the oldest dispatch that has not come to an end was made."""
    waiting = (DispatchState.QUEUED, DispatchState.BUILT, DispatchState.SENDING)
    statement = select(func.min(dispatch_table.c.created_at)).where(dispatch_table.c.state.in_(waiting))
    return moment((await tx.execute(statement)).scalar())


async def dispatch_counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(message type, state, count) for metrics, of those that are under way or need somebody."""
    column = dispatch_table.c
    statement = select(column.message_type, column.state, func.count()).where(column.state.in_(_OPEN))
    statement = statement.group_by(column.message_type, column.state)
    return [(row[0], row[1], row[2]) for row in await tx.execute(statement)]


def _dispatch(row: RowMapping) -> Dispatch:
    values = {**row, "message_type": MessageType(row["message_type"]), "state": DispatchState(row["state"])}
    return Dispatch(**values)
