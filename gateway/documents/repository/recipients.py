"""SQL of recipients: where each addressee of a document stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, insert, select, update

from gateway.documents.model import (
    DispatchState,
    Recipient,
)
from gateway.documents.repository.tables import (
    dispatch_table,
    recipient_table,
)
from gateway.store import Transaction


def _standing(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    return (
        select(recipient_table, dispatch_table.c.state.label("transport_state"))
        .join(dispatch_table, dispatch_table.c.id == recipient_table.c.dispatch_id)
        .where(*conditions)
        .order_by(recipient_table.c.position, recipient_table.c.id)
    )


# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = insert(recipient_table)
_OF_DOCUMENT = _standing(
    recipient_table.c.document_id == bindparam("of_document"), recipient_table.c.replaced_by.is_(None)
)
_OF_DISPATCH = _standing(recipient_table.c.dispatch_id == bindparam("of_dispatch"))
_STANDING_STATES = (
    select(dispatch_table.c.state)
    .join(recipient_table, recipient_table.c.dispatch_id == dispatch_table.c.id)
    .where(recipient_table.c.document_id == bindparam("of_document"), recipient_table.c.replaced_by.is_(None))
    .distinct()
)
_SET_PROCESSING = update(recipient_table).where(recipient_table.c.id == bindparam("of_recipient"))


async def add_recipients(tx: Transaction, recipients: Sequence[Recipient]) -> None:
    """Store the addressees of one dispatch."""
    await tx.execute(
        _ADD,
        [
            {
                "id": one.id,
                "document_id": one.document_id,
                "position": one.position,
                "code": one.code,
                "name": one.name,
                "dispatch_id": one.dispatch_id,
            }
            for one in recipients
        ],
    )


async def recipients_of(tx: Transaction, document_id: str) -> list[Recipient]:
    """Addressees of a document by position, each in its latest dispatch, with the state of that."""
    return await _recipients(tx, _OF_DOCUMENT, {"of_document": document_id})


async def recipients_of_dispatch(tx: Transaction, dispatch_id: str) -> list[Recipient]:
    """Addressees of a dispatch by position, those too that were sent to again since."""
    return await _recipients(tx, _OF_DISPATCH, {"of_dispatch": dispatch_id})


async def _recipients(tx: Transaction, statement: Select[*tuple[Any, ...]], of: dict[str, str]) -> list[Recipient]:
    return [
        Recipient(
            id=row["id"],
            document_id=row["document_id"],
            position=row["position"],
            code=row["code"],
            name=row["name"],
            dispatch_id=row["dispatch_id"],
            transport_state=DispatchState(row["transport_state"]),
            processing_code=row["processing_code"],
            processing_at=row["processing_at"],
        )
        for row in (await tx.execute(statement, of)).mappings()
    ]


async def set_processing(tx: Transaction, recipient_id: str, code: str | None, at: datetime | None) -> None:
    """What the recipient's status events fold to."""
    await tx.execute(_SET_PROCESSING, {"of_recipient": recipient_id, "processing_code": code, "processing_at": at})


async def replace_recipient(tx: Transaction, id: str, by: str) -> None:
    """This addressee stands in a later dispatch from now on."""
    await tx.execute(update(recipient_table).where(recipient_table.c.id == id).values(replaced_by=by))


async def standing_states(tx: Transaction, document_id: str) -> frozenset[DispatchState]:
    """The states of the dispatches in which the document's addressees now stand."""
    found = await tx.execute(_STANDING_STATES, {"of_document": document_id})
    return frozenset(DispatchState(row[0]) for row in found)
