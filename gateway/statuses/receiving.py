"""Feedback in: a status that comes is matched on the sender's own DocumentId string and moves one recipient."""

from dataclasses import replace

from gateway.directory import catalogue, units
from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.model import Direction, DispatchState, Document, Recipient
from gateway.documents.reception import ArrivedStatus
from gateway.documents.standing import prove_arrived
from gateway.edxml.model import StaffInfo
from gateway.statuses import repository
from gateway.statuses.codes import STATUS_CODES, normal_code
from gateway.statuses.machine import Step, fold
from gateway.statuses.model import Staff, StatusEvent
from gateway.store import Transaction, new_id

UNMATCHED = "status_without_document"
_KNOWN = frozenset({DispatchState.ACCEPTED, DispatchState.REJECTED, DispatchState.GIVEN_UP, DispatchState.CANCELLED})


class Receiver:
    """Records statuses that come in. Writes in the caller's transaction and never commits."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce

    async def receive(self, tx: Transaction, arrived: ArrivedStatus) -> str | None:
        """Record it; a reason when no document of ours is spoken of (then it is kept with its arrival and alarmed)."""
        header = arrived.packet.message_header
        sender = await catalogue.aliases(tx, header.from_.organ_id or "")
        document, recipient = await _spoken_of(tx, arrived, sender)
        if document is None:
            await self._alarm(tx, arrived)
            return UNMATCHED
        recipient = await _held(tx, document, recipient)
        event = _event(arrived, document, recipient)
        if await _known(tx, event):
            return None
        await repository.add(tx, event)
        if recipient is not None:
            event = await self._move(tx, recipient, event)
        await self._tell(tx, Happening.STATUS_RECEIVED, event, recipient)
        if event.code not in STATUS_CODES:
            await self._tell(tx, Happening.ALARM_STATUS_CODE, event, recipient)
        return None

    async def _move(self, tx: Transaction, recipient: Recipient, event: StatusEvent) -> StatusEvent:
        steps = [
            Step(one.source_time, one.code)
            for one in await repository.of_recipient(tx, recipient.id)
            if one.direction is Direction.IN
        ]
        state = fold(steps)
        await self._settle_unknown(tx, recipient, event)
        if (state.code, state.at) == (recipient.processing_code, recipient.processing_at):
            return event
        await documents.set_processing(tx, recipient.id, state.code, state.at)
        await repository.set_moved(tx, event.id)
        return replace(event, moved=True)

    async def _settle_unknown(self, tx: Transaction, recipient: Recipient, event: StatusEvent) -> None:
        """A receiver's status is evidence that the axis took the packet (rule 2), unless it speaks of an earlier one.

        A recall, an update or a second dispatch has the DocumentId of the first, whose statuses may be repeated late.
        """
        if recipient.transport_state is not DispatchState.UNKNOWN:
            return
        dispatch = await documents.find_dispatch(tx, recipient.dispatch_id)
        if dispatch is None or dispatch.sent_at is None or event.source_time < dispatch.sent_at.replace(microsecond=0):
            return
        await prove_arrived(tx, self._announce, recipient.dispatch_id, "proved_by_status", event.recorded_at)

    async def _tell(self, tx: Transaction, kind: Happening, event: StatusEvent, recipient: Recipient | None) -> None:
        data = {"code": event.code, "from": event.other_code, "moved": "true" if event.moved else "false"}
        await self._announce(
            tx,
            Announcement(
                kind=kind,
                at=event.recorded_at,
                unit_code=event.unit_code,
                document=event.document_id,
                data={**data, "recipient": recipient.code} if recipient else data,
                proof={"status": event.id, **({"arrival": event.arrival_id} if event.arrival_id else {})},
            ),
        )

    async def _alarm(self, tx: Transaction, arrived: ArrivedStatus) -> None:
        arrival = arrived.arrival
        data = {
            "arrival": arrival.id,
            "connection": arrival.connection_id,
            "from": arrived.packet.message_header.from_.organ_id,
            "code": normal_code(arrived.packet.message_header.status_code or ""),
        }
        await self._announce(
            tx,
            Announcement(
                kind=Happening.ALARM_UNMATCHED,
                at=arrived.at,
                data={name: value[:100] for name, value in data.items() if value},
            ),
        )


async def _spoken_of(
    tx: Transaction, arrived: ArrivedStatus, sender: frozenset[str]
) -> tuple[Document | None, Recipient | None]:
    """The document the status speaks of, and the recipient who speaks (none: a body the document was not sent to)."""
    about = arrived.packet.message_header.response_for
    owner = await units.own_unit(tx, about.organ_id) if about.organ_id else None
    ours = (owner,) if owner else await units.every(tx, arrived.arrival.connection_id)
    unit_codes = [unit.code for unit in ours]
    if not unit_codes or not about.document_id:
        return None, None
    sent = await documents.known_documents(
        tx, unit_codes=unit_codes, document_id=about.document_id, direction=Direction.OUT
    )
    for document in reversed(sent):
        for recipient in await documents.recipients_of(tx, document.id):
            if recipient.code in sender:
                return document, recipient
    come = await documents.known_documents(
        tx, unit_codes=unit_codes, document_id=about.document_id, direction=Direction.IN
    )
    for document in reversed(come):
        if document.sender_code in sender or document.packet.message_header.from_.organ_id in sender:
            return document, None
    return (sent[-1], None) if sent else (None, None)


async def _held(tx: Transaction, document: Document, recipient: Recipient | None) -> Recipient | None:
    """The recipient as it is once nobody else moves this document: two statuses may come at the same time.

    Everybody locks a dispatch before its document. The dispatch is moved only where its outcome is open.
    """
    if recipient is not None and recipient.transport_state not in _KNOWN:
        await documents.hold_dispatch(tx, recipient.dispatch_id)
    await documents.hold_document(tx, document.id)
    if recipient is None:
        return None
    return next(one for one in await documents.recipients_of(tx, document.id) if one.id == recipient.id)


async def _known(tx: Transaction, event: StatusEvent) -> bool:
    """Whether the very same status was recorded before: it came twice, and one is enough."""
    return any(
        (one.direction, one.other_code, one.code, one.source_time, one.description)
        == (event.direction, event.other_code, event.code, event.source_time, event.description)
        for one in await repository.history(tx, event.document_id)
    )


def _event(arrived: ArrivedStatus, document: Document, recipient: Recipient | None) -> StatusEvent:
    header = arrived.packet.message_header
    raw = header.status_code or ""
    return StatusEvent(
        id=new_id(arrived.at),
        document_id=document.id,
        recipient_id=recipient.id if recipient else None,
        direction=Direction.IN,
        unit_code=document.unit_code,
        other_code=(header.from_.organ_id or "")[:100],
        code=normal_code(raw)[:10],
        raw_code=raw[:50],
        description=header.description,
        staff=_staff(header.staff_info),
        source_time=header.timestamp or arrived.at,
        recorded_at=arrived.at,
        moved=False,
        dispatch_id=None,
        arrival_id=arrived.arrival.id,
    )


def _staff(info: StaffInfo | None) -> Staff:
    if info is None:
        return Staff()
    return Staff(department=info.department, staff=info.staff, email=info.email, mobile=info.mobile)
