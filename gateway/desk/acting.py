"""What a person does about what went wrong. Each action and its record are one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from gateway.axis.port import MessageType
from gateway.desk import looking, repository
from gateway.desk.model import Action, Decision, DeskAction, DeskItem, DeskSort, Tried, Who
from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening, Witnessed
from gateway.documents.model import ArrivalState, Dispatch, DispatchState, Document, DocumentState
from gateway.documents.pools import put_arrival, put_dispatch
from gateway.documents.resending import Resender
from gateway.documents.settling import repository as settling
from gateway.documents.standing import move_document, prove_arrived
from gateway.handover import repository as handover
from gateway.handover.model import DeliveryState
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.store import Store, Transaction, new_id
from gateway.times import Clock

DOCUMENT = "document"


class Desk:
    """The actions. Methods that take a transaction never commit."""

    def __init__(self, *, store: Store, jobs: Jobs, announce: Announce, clock: Clock) -> None:
        self._store = store
        self._jobs = jobs
        self._announce = announce
        self._clock = clock
        self._resender = Resender(jobs, announce, clock)

    async def send_again(self, who: Who, ids: Sequence[str], reason: str, *, dry_run: bool) -> list[Tried]:
        """Send these again, each by itself: one that cannot be does not hinder the next.

        `dry_run` does it all and undoes it, so that what it says is what would be.
        """
        return [await self._tried(who, id, reason, dry_run=dry_run) for id in dict.fromkeys(ids)]

    async def settle(self, tx: Transaction, who: Who, id: str, decision: Decision, reason: str) -> DeskItem:
        """An Unknown document dispatch: it arrived, or it leaves again with the same bytes.

        Raises Problem `desk.unknown`, `desk.not_possible`.
        """
        item, dispatch = await self._dispatch(tx, who, id, Action.SETTLE)
        if decision is Decision.ARRIVED:
            await prove_arrived(tx, self._announce, dispatch.id, "settled_by_person", self._clock())
        else:
            await settling.forget(tx, dispatch.id)
            await self._resender.again(tx, dispatch, "sent_again_by_person")
        return await self._noted(tx, who, item, Action.SETTLE, f"{decision}: {reason}")

    async def settle_document(
        self, tx: Transaction, who: Who, document: Document, decision: Decision, reason: str
    ) -> None:
        """Every Unknown dispatch of a document. Raises Problem `document.not_unknown`."""
        unknown = [one for one in await documents.dispatches_of(tx, document.id) if one.state is DispatchState.UNKNOWN]
        if not unknown:
            raise Problem(
                "document.not_unknown",
                Kind.CONFLICT,
                Text("Kết quả gửi văn bản này không phải là chưa rõ.", "The outcome of this document is not unknown."),
                Text("Xem trạng thái của văn bản.", "See how the document stands."),
            )
        for one in unknown:
            await self.settle(tx, who, one.id, decision, reason)

    async def resend(
        self, tx: Transaction, who: Who, document: Document, recipients: Sequence[str], reason: str, *, force: bool
    ) -> Dispatch:
        """A new dispatch of a document to some of its recipients. Raises as `Resender.resend`."""
        before = await _standing(tx, document, recipients)
        dispatch = await self._resender.resend(tx, document, recipients, force=force)
        after = await _standing(tx, document, recipients)
        await self._note(tx, who, Action.RESEND, (DOCUMENT, document.id, document.id), reason, before, after)
        return dispatch

    async def change_addressee(
        self, tx: Transaction, who: Who, document: Document, wrong: str, right: str, reason: str, *, force: bool
    ) -> Dispatch:
        """A new dispatch with the right code in place of the wrong one. Raises as `Resender.readdress`."""
        before = await _standing(tx, document, [wrong])
        dispatch = await self._resender.readdress(tx, document, wrong, right, force=force)
        after = await _standing(tx, document, [right])
        await self._note(tx, who, Action.CHANGE_ADDRESSEE, (DOCUMENT, document.id, document.id), reason, before, after)
        return dispatch

    async def read_again(self, tx: Transaction, who: Who, id: str, reason: str) -> DeskItem:
        """What was set apart is read anew, from the packet that was kept. Raises Problem `desk.…`."""
        item = await self._fit(tx, who, id, Action.READ_AGAIN)
        arrival = await documents.hold_arrival(tx, id)
        if arrival is None or arrival.state != item.state:
            raise _not_possible(item, Action.READ_AGAIN)
        state = ArrivalState.FETCHED if arrival.packet_id else ArrivalState.BOOKED
        await documents.save_arrival(tx, replace(arrival, state=state, reason=None, changed_at=self._clock()))
        await put_arrival(tx, self._jobs, id, arrival.connection_id)
        return await self._noted(tx, who, item, Action.READ_AGAIN, reason)

    async def discard(self, tx: Transaction, who: Who, id: str, reason: str) -> DeskItem:
        """Nothing more is done with it; all of it is kept. Raises Problem `desk.unknown`, `desk.not_possible`."""
        item = await self._fit(tx, who, id, Action.DISCARD)
        match item.sort:
            case DeskSort.DISPATCH:
                await self._discard_dispatch(tx, item)
            case DeskSort.ARRIVAL:
                await self._discard_arrival(tx, item)
            case DeskSort.DELIVERY:
                await self._move_delivery(tx, item, Action.DISCARD, DeliveryState.DISCARDED, DocumentState.DISCARDED)
        return await self._noted(tx, who, item, Action.DISCARD, reason)

    async def _tried(self, who: Who, id: str, reason: str, *, dry_run: bool) -> Tried:
        try:
            async with self._store.begin() as tx:
                await self._send_one(tx, who, id, reason)
                if dry_run:
                    raise _Undo
        except Problem as problem:
            return Tried(id=id, refused=problem)
        except _Undo:
            pass
        return Tried(id=id, refused=None)

    async def _send_one(self, tx: Transaction, who: Who, id: str, reason: str) -> None:
        item = await self._fit(tx, who, id, Action.SEND_AGAIN)
        if item.sort is DeskSort.DELIVERY:
            await self._move_delivery(tx, item, Action.SEND_AGAIN, DeliveryState.WAITING, DocumentState.WAITING)
        else:
            _, dispatch = await self._dispatch(tx, who, id, Action.SEND_AGAIN)
            if dispatch.message_type is MessageType.STATUS:
                await self._status_again(tx, dispatch)
            else:
                await self._resender.again(tx, dispatch, "sent_again_by_person")
        await self._noted(tx, who, item, Action.SEND_AGAIN, reason)

    async def _status_again(self, tx: Transaction, dispatch: Dispatch) -> None:
        """With its attempts counted anew: an unknown outcome is repeated by itself again."""
        lost = dispatch.packet_id is None or (dispatch.reason or "").startswith("blob")
        waiting = replace(
            dispatch,
            state=DispatchState.QUEUED if lost else DispatchState.BUILT,
            packet_id=None if lost else dispatch.packet_id,
            attempts=0,
            doubts=0,
            reason="sent_again_by_person",
            changed_at=self._clock(),
        )
        await documents.save_dispatch(tx, waiting)
        await put_dispatch(tx, self._jobs, waiting)

    async def _discard_dispatch(self, tx: Transaction, item: DeskItem) -> None:
        dispatch = await documents.hold_dispatch(tx, item.id)
        if dispatch is None or dispatch.state != item.state:
            raise _not_possible(item, Action.DISCARD)
        cancelled = replace(
            dispatch, state=DispatchState.CANCELLED, reason="discarded_by_person", changed_at=self._clock()
        )
        await documents.save_dispatch(tx, cancelled)
        await move_document(tx, cancelled)
        if dispatch.message_type is not MessageType.EDOC:
            return
        await self._announce(
            tx,
            Announcement(
                kind=Happening.CANCELLED,
                at=cancelled.changed_at,
                unit_code=dispatch.unit_code,
                document=dispatch.document_id,
                data={"dispatch": dispatch.id, "reason": "discarded_by_person"},
            ),
        )

    async def _discard_arrival(self, tx: Transaction, item: DeskItem) -> None:
        """The axis is told `fail` of what it was told nothing of yet."""
        arrival = await documents.hold_arrival(tx, item.id)
        if arrival is None or arrival.state != item.state:
            raise _not_possible(item, Action.DISCARD)
        await documents.save_arrival(tx, replace(arrival, state=ArrivalState.DISCARDED, changed_at=self._clock()))
        if arrival.acknowledged_at is None:
            await put_arrival(tx, self._jobs, arrival.id, arrival.connection_id)

    async def _move_delivery(
        self, tx: Transaction, item: DeskItem, action: Action, state: DeliveryState, document: DocumentState
    ) -> None:
        now = self._clock()
        delivery = await handover.find_delivery(tx, item.id)
        if delivery is None or delivery.state is not DeliveryState.SET_APART:
            raise _not_possible(item, action)
        await handover.save_delivery(tx, replace(delivery, state=state, rejects=0, available_at=now))
        await documents.set_document_state(tx, delivery.document_id, document, now)

    async def _fit(self, tx: Transaction, who: Who, id: str, action: Action) -> DeskItem:
        item = await looking.find(tx, who, id)
        if action not in item.actions:
            raise _not_possible(item, action)
        return item

    async def _dispatch(self, tx: Transaction, who: Who, id: str, action: Action) -> tuple[DeskItem, Dispatch]:
        """The dispatch, held, as it was looked at."""
        item = await self._fit(tx, who, id, action)
        dispatch = await documents.hold_dispatch(tx, id)
        if dispatch is None or dispatch.state != item.state:
            raise _not_possible(item, action)
        return item, dispatch

    async def _noted(self, tx: Transaction, who: Who, before: DeskItem, action: Action, reason: str) -> DeskItem:
        after = await looking.item(tx, before.sort, before.id)
        await self._note(
            tx, who, action, (before.sort, before.id, before.document), reason, _told(before), _told(after)
        )
        return after

    async def _note(
        self,
        tx: Transaction,
        who: Who,
        action: Action,
        target: tuple[str, str, str | None],
        reason: str,
        before: str,
        after: str,
    ) -> None:
        now = self._clock()
        sort, id, document = target
        await repository.add_action(
            tx,
            DeskAction(
                id=new_id(now),
                at=now,
                who=who.name[:200],
                action=action,
                target_sort=sort,
                target=id,
                document=document,
                reason=reason,
                before=before,
                after=after,
            ),
        )
        what = {} if sort == DOCUMENT else {sort: id}
        proof = {**what, "who": who.name[:200], "action": action.value, "reason": sha256(reason.encode()).hexdigest()}
        await self._announce(tx, Announcement(kind=Witnessed.DECIDED, at=now, document=document, proof=proof))


class _Undo(Exception):
    """Ends the transaction of a dry run."""


async def _standing(tx: Transaction, document: Document, codes: Sequence[str]) -> str:
    """How these recipients stand, as it is written down."""
    return ", ".join(
        f"{one.code}: {one.transport_state.value} {one.processing_code or '-'}"
        for one in await documents.recipients_of(tx, document.id)
        if one.code in codes
    )


def _told(item: DeskItem) -> str:
    return f"{item.state} ({item.reason})" if item.reason else item.state


def _not_possible(item: DeskItem, action: Action) -> Problem:
    possible = ", ".join(item.actions) or "-"
    return Problem(
        "desk.not_possible",
        Kind.CONFLICT,
        Text(
            f"Không thể {action} khi trạng thái là {item.state}; có thể: {possible}.",
            f"It cannot be {action} while it stands at {item.state}; possible: {possible}.",
        ),
        item.advice,
    )
