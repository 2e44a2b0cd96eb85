"""Where a document stands as a whole: the fold of the dispatches in which its addressees now stand (rule 8)."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from gateway.axis.port import MessageType
from gateway.documents import repository
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.model import Dispatch, DispatchState, DocumentState
from gateway.store import Transaction

_BY_WEIGHT = (
    (DispatchState.SENDING, DocumentState.SENDING),
    (DispatchState.BUILT, DocumentState.WAITING),
    (DispatchState.QUEUED, DocumentState.WAITING),
    (DispatchState.UNKNOWN, DocumentState.UNKNOWN),
    (DispatchState.REJECTED, DocumentState.REFUSED),
    (DispatchState.GIVEN_UP, DocumentState.REFUSED),
    (DispatchState.CANCELLED, DocumentState.CANCELLED),
    (DispatchState.ACCEPTED, DocumentState.SENT),
)
_NEVER_LEFT = frozenset({DispatchState.REJECTED, DispatchState.GIVEN_UP, DispatchState.CANCELLED})


def stand_of(states: Collection[DispatchState]) -> DocumentState:
    """What several dispatches make of a document: what is under way first, then what needs somebody, then the rest."""
    return next((document for state, document in _BY_WEIGHT if state in states), DocumentState.WAITING)


async def move_document(tx: Transaction, dispatch: Dispatch) -> None:
    """A document follows its dispatches, once this one is saved; a status moves no document.

    Its DocumentId may be used again when the axis has no packet of it.
    """
    if dispatch.message_type is not MessageType.EDOC:
        return
    state = stand_of(await repository.standing_states(tx, dispatch.document_id))
    free = state in (DocumentState.REFUSED, DocumentState.CANCELLED) and all(
        one.state in _NEVER_LEFT for one in await repository.dispatches_of(tx, dispatch.document_id)
    )
    await repository.set_document_state(tx, dispatch.document_id, state, dispatch.changed_at, free_key=free)


async def prove_arrived(
    tx: Transaction, announce: Announce, dispatch_id: str, reason: str, now: datetime, *, axis_doc_id: str | None = None
) -> bool:
    """An Unknown that the axis turns out to have: accepted. False when it is not Unknown any more."""
    dispatch = await repository.hold_dispatch(tx, dispatch_id)
    if dispatch is None or dispatch.state is not DispatchState.UNKNOWN:
        return False
    proved = replace(
        dispatch,
        state=DispatchState.ACCEPTED,
        reason=reason,
        axis_doc_id=axis_doc_id or dispatch.axis_doc_id,
        changed_at=now,
    )
    await repository.save_dispatch(tx, proved)
    await move_document(tx, proved)
    data = {"dispatch": proved.id, "reason": reason}
    await announce(
        tx,
        Announcement(
            kind=Happening.SENT,
            at=now,
            unit_code=proved.unit_code,
            document=proved.document_id,
            data=data,
            proof={"axis_doc_id": proved.axis_doc_id} if proved.axis_doc_id else {},
        ),
    )
    return True
