"""The way out, second half: the job that builds a packet once and sends it (rule 1 of the house).

queued → built → sending → accepted, rejected or unknown. `sending` is committed before the first byte leaves; a
dispatch found in `sending` by a later run is unknown. A retry sends the same bytes.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.axis.port import Accepted, Axis, MessageType, SendResult, Unknown
from gateway.directory import catalogue, connections
from gateway.directory.records import Connection, Mode
from gateway.documents import repository
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, Witnessed, unwatched
from gateway.documents.model import Attachment, Direction, Dispatch, DispatchState, Packet
from gateway.documents.outcomes import (
    Failed,
    Failure,
    GiveUp,
    LeaveUnknown,
    Patience,
    Refuse,
    Stop,
    TryAgain,
    Witness,
    failed_send,
)
from gateway.documents.pools import way_out, weight_of
from gateway.documents.reasons import UNSIGNABLE, word_of
from gateway.documents.resending import reduced
from gateway.documents.settings import DocumentsSettings
from gateway.documents.signatures import repository as signatures
from gateway.documents.signatures.model import KeptSignature
from gateway.documents.signatures.writing import PacketWriter, ToWrite
from gateway.documents.standing import move_document
from gateway.documents.stops import Stops
from gateway.edxml.model import StatusPacket
from gateway.edxml.normal import FileDigest
from gateway.edxml.packing import extension_of
from gateway.edxml.signable import Unsignable
from gateway.edxml.writer import FileToSend
from gateway.jobs import Again, Breakers, Claimed, Dead, Done, Jobs, Lane, Outcome, Phase, Postponed
from gateway.signing.keys.api import KeyUnusable
from gateway.signing.partners import agreements
from gateway.signing.partners.policy import in_force
from gateway.store import BlobDamaged, BlobMissing, Blobs, Store, Transaction, new_id
from gateway.times import VIETNAM, Clock

_log = structlog.get_logger(__name__)

SETTLE_JOB = "settle"
"""The kind of job that looks for evidence of an Unknown; its key is the dispatch's id."""

_HELD_LONGER = 4
"""How many times as long as others those wait whose sender the axis does not know: each of them looks by itself."""
_LET_PASS = timedelta(seconds=0.2)
_WAIT_FOR_EARLIER = timedelta(seconds=10)

AxisOf = Callable[[Connection], Awaitable[Axis]]
"""The adapter of a connection, with its secret; made and kept by `app`."""

StatusPacketOf = Callable[[Transaction, str], Awaitable[StatusPacket]]
"""The packet that says a status event; registered by `statuses`."""


@dataclass(frozen=True, slots=True)
class _Built:
    """A packet that is safe on disk; `kept`: what there is to say of its signature, for a new one."""

    packet: Packet
    kept: KeptSignature | None = None


class Dispatcher:
    """Handles the jobs of kind `dispatch`; the job's key is the dispatch's id."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        jobs: Jobs,
        axis_of: AxisOf,
        status_packet_of: StatusPacketOf,
        writer: PacketWriter,
        announce: Announce,
        breakers: Breakers,
        stops: Stops,
        patience: Patience,
        clock: Clock,
        settings: DocumentsSettings,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._breakers = breakers
        self._stops = stops
        self._patience = patience
        self._jobs = jobs
        self._axis_of = axis_of
        self._status_packet_of = status_packet_of
        self._writer = writer
        self._announce = announce
        self._clock = clock
        self._settings = settings
        self._passed = passed

    async def handle(self, job: Claimed) -> Outcome:
        """One run of a dispatch's job."""
        async with self._store.read() as tx:
            dispatch = await repository.find_dispatch(tx, job.key)
            connection = await connections.find(tx, dispatch.connection_id) if dispatch else None
        if dispatch is None or connection is None:
            return Dead("dispatch_missing")
        if dispatch.state is DispatchState.SENDING:
            return await self._settle(job, dispatch, connection, Unknown("process_died_while_sending"))
        if dispatch.state not in (DispatchState.QUEUED, DispatchState.BUILT):
            return Done()
        if connection.mode is not Mode.ACTIVE or connection.stopped_reason:
            return Again(self._clock() + timedelta(seconds=self._settings.held_seconds))
        if await self._stops.holds(dispatch):
            return Again(self._clock() + timedelta(seconds=_HELD_LONGER * self._settings.held_seconds))
        if await self._behind_another(dispatch):
            return Again(self._clock() + _LET_PASS)
        try:
            if dispatch.state is DispatchState.QUEUED:
                built = await self._build(dispatch)
                self._passed("dispatch.built")
            else:
                built = await self._built_before(dispatch)
        except (BlobMissing, BlobDamaged) as trouble:
            _log.error("dispatch.blob_lost", code=trouble.code, dispatch=dispatch.id, do=trouble.action.en)
            return await self._lost(job, dispatch, trouble.code)
        except KeyUnusable as error:
            return await self._without_key(job, dispatch, error.reason)
        except Unsignable as error:
            _log.error("dispatch.unsignable", dispatch=dispatch.id, findings=[one.code for one in error.findings])
            return await self._unsignable(job, dispatch)
        axis = await self._axis_of(connection)
        async with axis.place(weight_of(dispatch, built.packet.blob.size)):
            if job.pool is not None and self._breakers.phase(way_out(connection.id)) is Phase.OPEN:
                return Again(job.first_run_at)  # it opened meanwhile; nothing of its pool is claimed until it closes
            return await self._send(job, dispatch, built, connection, axis)

    async def exhausted(self, job: Claimed, reason: str) -> None:
        """The policy gives up: a person is told."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            dispatch = await repository.find_dispatch(tx, job.key)
            if dispatch is None or dispatch.state not in (DispatchState.QUEUED, DispatchState.BUILT):
                return
            await self._end(tx, replace(dispatch, state=DispatchState.GIVEN_UP, reason=reason))

    async def _behind_another(self, dispatch: Dispatch) -> bool:
        """Statuses of a document leave in their order (G-31), but none waits long for one that cannot leave (rule 2)."""
        if dispatch.message_type is not MessageType.STATUS or dispatch.attempts:
            return False
        if self._clock() - dispatch.created_at > _WAIT_FOR_EARLIER:
            return False
        async with self._store.read() as tx:
            return await repository.earlier_untried(tx, dispatch)

    async def _build(self, dispatch: Dispatch) -> _Built:
        """The packet, safe on disk; its row comes with `sending`, for until then it may as well be built anew."""
        written = await self._writer.write(dispatch.unit_code, await self._to_write(dispatch))
        now = self._clock()
        packet = Packet(
            id=new_id(now),
            message_type=dispatch.message_type,
            direction=Direction.OUT,
            blob=written.blob,
            created_at=now,
        )
        kept = written.kept(
            dispatch_id=dispatch.id,
            packet_id=packet.id,
            unit_code=dispatch.unit_code,
            sender_code=dispatch.from_code,
            at=now,
        )
        return _Built(packet, kept)

    async def _to_write(self, dispatch: Dispatch) -> ToWrite:
        async with self._store.read() as tx:
            if dispatch.message_type is MessageType.STATUS:
                status = await self._status_packet_of(tx, dispatch.status_event_id or "")
                asked = await _ask_for_enveloped(tx, [status.message_header.response_for.organ_id or ""], self._clock())
                return ToWrite(packet=status, enveloped=asked)
            document = await repository.find_document(tx, dispatch.document_id)
            attachments = await repository.attachments_of(tx, dispatch.document_id)
            recipients = await repository.recipients_of_dispatch(tx, dispatch.id)
            asked = await _ask_for_enveloped(tx, [one.code for one in recipients], self._clock())
        if document is None:
            raise LookupError("the document of a dispatch is missing")
        packet = document.packet
        if dispatch.resends:
            packet = reduced(packet, recipients, dispatch.created_at)
        return ToWrite(
            packet=packet,
            files=[self._file(one) for one in attachments],
            digests=[_digest(one) for one in attachments],
            enveloped=asked,
        )

    def _file(self, one: Attachment) -> FileToSend:
        return FileToSend(
            attachment_name=one.attachment_name,
            source=self._blobs.source(one.blob),
            content_type=one.content_type,
            description=one.description,
            content_id=one.content_id,
            entry_name=f"{one.content_id}.{extension_of(one.attachment_name) or 'bin'}",
        )

    async def _built_before(self, dispatch: Dispatch) -> _Built:
        """The packet that was built for an earlier attempt, seen to be still whole before a word of it leaves."""
        async with self._store.read() as tx:
            packet = await repository.find_packet(tx, dispatch.packet_id or "")
        if packet is None:
            raise LookupError("the packet of a dispatch is missing")
        await asyncio.to_thread(self._blobs.verify, packet.blob)
        return _Built(packet)

    async def _without_key(self, job: Claimed, dispatch: Dispatch, reason: str) -> Outcome:
        """The unit's key cannot sign now, and nothing leaves unsigned: readiness names the key and what to do."""
        why = word_of(f"key_{reason}")
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if not await _is_still(tx, dispatch):
                return Done()
            await repository.save_dispatch(tx, replace(dispatch, reason=why, changed_at=self._clock()))
        return Postponed(why, float(self._settings.held_seconds))

    async def _unsignable(self, job: Claimed, dispatch: Dispatch) -> Outcome:
        """A key came after the document was taken over, and the axis would change what it signs: a person corrects it."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if not await _is_still(tx, dispatch):
                return Done()
            given_up = replace(dispatch, state=DispatchState.GIVEN_UP, reason=UNSIGNABLE, changed_at=self._clock())
            await self._end(tx, given_up)
        return Done()

    async def _lost(self, job: Claimed, dispatch: Dispatch, reason: str) -> Outcome:
        """A file or the packet is gone or damaged, so it can never leave: it ends, and people are told why."""
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if not await _is_still(tx, dispatch):
                return Done()
            await self._end(tx, replace(dispatch, state=DispatchState.GIVEN_UP, reason=reason, changed_at=now))
            data = {"dispatch": dispatch.id, "reason": reason}
            alarm = Announcement(
                kind=Happening.ALARM_BLOB,
                at=now,
                unit_code=dispatch.unit_code,
                document=dispatch.document_id,
                data=data,
            )
            await self._announce(tx, alarm)
        return Done()

    async def _send(
        self, job: Claimed, dispatch: Dispatch, built: _Built, connection: Connection, axis: Axis
    ) -> Outcome:
        now, packet = self._clock(), built.packet
        sending = replace(
            dispatch,
            state=DispatchState.SENDING,
            packet_id=packet.id,
            attempts=dispatch.attempts + 1,
            sent_at=now,
            changed_at=now,
        )
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if not await _is_still(tx, dispatch):
                return Done()
            if dispatch.packet_id is None:
                await repository.add_packet(tx, packet)
                if built.kept is not None:
                    await signatures.keep(tx, built.kept)
                await self._prove(tx, Witnessed.BUILT, sending, packet)
            await repository.save_dispatch(tx, sending)
            await move_document(tx, sending)
            await self._prove(tx, Witnessed.SENDING, sending, packet)
        self._passed("dispatch.sending")
        result = await axis.send(dispatch.message_type, dispatch.from_code, self._blobs.source(packet.blob))
        self._passed("dispatch.answered")
        return await self._settle(job, sending, connection, result)

    async def _settle(self, job: Claimed, dispatch: Dispatch, connection: Connection, result: SendResult) -> Outcome:
        """Write what a send came to, and what follows, in one transaction."""
        dispatch = replace(dispatch, changed_at=self._clock())
        failed = failed_send(result)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if isinstance(result, Accepted):
                await self._end(
                    tx, replace(dispatch, state=DispatchState.ACCEPTED, axis_doc_id=result.doc_id, reason=None)
                )
            elif isinstance(result, Unknown):
                dispatch = replace(dispatch, axis_doc_id=result.doc_id)
            await self._witness(tx, job, dispatch, failed)
            if failed:
                return await self._follow(tx, job, dispatch, connection, failed)
            return await self._jobs.done(tx, job.lease)

    async def _follow(
        self, tx: Transaction, job: Claimed, dispatch: Dispatch, connection: Connection, failed: Failed
    ) -> Outcome:
        doubtful = failed.failure in (Failure.UNKNOWN, Failure.AMBIGUOUS)
        dispatch = replace(
            dispatch,
            reason=failed.reason[:100],
            error_code=failed.code[:20] if failed.code else dispatch.error_code,
            error_text=failed.text[:200] if failed.text else dispatch.error_text,
            doubts=dispatch.doubts + doubtful,
        )
        decision = self._patience.decide(
            failed.failure,
            attempt=job.attempt,
            age=(self._clock() - self._could_leave_since(job, connection)).total_seconds(),
            draw=random.random(),  # noqa: S311 - spreads load, guards nothing
            doubts=dispatch.doubts,
            soonest=failed.retry_after,
            repeatable=dispatch.message_type is MessageType.STATUS,
        )
        match decision:
            case TryAgain(after):
                await self._wait(tx, dispatch)
                return Postponed(failed.reason, after)
            case Stop():
                await self._wait(tx, dispatch)
                began = dispatch.sent_at or dispatch.changed_at
                await self._stops.refused_send(tx, dispatch, connection, failed, began)
                return Postponed(failed.reason, float(self._settings.held_seconds))
            case _:
                await self._jobs.note(tx, job.lease, failed.reason)
        match decision:
            case Refuse():
                refused = DispatchState.REJECTED if failed.code else DispatchState.GIVEN_UP
                await self._end(tx, replace(dispatch, state=refused))
            case GiveUp():
                await self._end(tx, replace(dispatch, state=DispatchState.GIVEN_UP))
            case LeaveUnknown():
                await self._end(tx, replace(dispatch, state=DispatchState.UNKNOWN))
                if dispatch.message_type is MessageType.EDOC:
                    soon = self._clock() + timedelta(seconds=self._settings.settle_first_seconds)
                    await self._jobs.put(tx, kind=SETTLE_JOB, key=dispatch.id, lane=Lane.THIRD, run_at=soon)
        return Done()

    def _could_leave_since(self, job: Claimed, connection: Connection) -> datetime:
        """Since when it could have left: time in which nothing of the connection could is not held against it."""
        usable = self._breakers.seen(way_out(connection.id)).usable_since
        return max(one for one in (job.first_run_at, connection.changed_at, usable) if one is not None)

    async def _witness(self, tx: Transaction, job: Claimed, dispatch: Dispatch, failed: Failed | None) -> None:
        """What the send says of the axis, for those that wait behind it."""
        name = way_out(dispatch.connection_id)
        witness = failed.witness if failed else Witness.WELL
        if failed is not None and witness is Witness.SICK:
            began = dispatch.sent_at or dispatch.changed_at
            await self._breakers.failed(
                tx, name, began=began, reason=failed.reason, soonest=failed.retry_after, attempt=job.attempt
            )
        if witness is Witness.WELL:
            await self._breakers.answered(tx, name)
        if witness is Witness.WELL and (failed is None or failed.failure is not Failure.CONFIGURATION):
            await self._stops.registered(tx, dispatch)

    async def _wait(self, tx: Transaction, dispatch: Dispatch) -> None:
        """Back to built: it is known that the axis does not have it, or a second copy harms nobody."""
        waiting = replace(dispatch, state=DispatchState.BUILT)
        await repository.save_dispatch(tx, waiting)
        await move_document(tx, waiting)

    async def _end(self, tx: Transaction, dispatch: Dispatch) -> None:
        await repository.save_dispatch(tx, dispatch)
        await move_document(tx, dispatch)
        await announce_end(tx, self._announce, dispatch)

    async def _prove(self, tx: Transaction, kind: Witnessed, dispatch: Dispatch, packet: Packet) -> None:
        proof = {
            "dispatch": dispatch.id,
            "packet": packet.blob.sha256,
            "size": str(packet.blob.size),
            "connection": dispatch.connection_id,
            "attempt": str(dispatch.attempts),
            "status": dispatch.status_event_id or "",
        }
        await self._announce(
            tx,
            Announcement(
                kind=kind,
                at=dispatch.changed_at,
                unit_code=dispatch.unit_code,
                document=dispatch.document_id,
                proof={name: value for name, value in proof.items() if value},
            ),
        )


def _digest(one: Attachment) -> FileDigest:
    return FileDigest(name=one.attachment_name, description=one.description, size=one.blob.size, sha256=one.blob.sha256)


async def _ask_for_enveloped(tx: Transaction, codes: Sequence[str], now: datetime) -> bool:
    """Whether all receivers of one packet ask for an ordinary enveloped signature: a packet bears only one."""
    agreed = await agreements.every(tx)
    if not codes or not any(one.enveloped for one in agreed):
        return False
    day = now.astimezone(VIETNAM).date()
    return all([in_force(agreed, await catalogue.aliases(tx, code), day).enveloped for code in codes])


_DOCUMENT_END = {
    DispatchState.ACCEPTED: Happening.SENT,
    DispatchState.REJECTED: Happening.REFUSED,
    DispatchState.GIVEN_UP: Happening.REFUSED,
    DispatchState.UNKNOWN: Happening.UNKNOWN,
}


async def announce_end(tx: Transaction, announce: Announce, dispatch: Dispatch) -> None:
    """Tell what a dispatch came to, with the document it carries or speaks of."""
    kind = _DOCUMENT_END[dispatch.state]
    if dispatch.message_type is MessageType.STATUS:
        kind = Happening.STATUS_SENT if dispatch.state is DispatchState.ACCEPTED else Happening.STATUS_LOST
    data = {"dispatch": dispatch.id, "reason": dispatch.reason, "axis_code": dispatch.error_code}
    proof = {"axis_doc_id": dispatch.axis_doc_id, "status": dispatch.status_event_id}
    await announce(
        tx,
        Announcement(
            kind=kind,
            at=dispatch.changed_at,
            unit_code=dispatch.unit_code,
            document=dispatch.document_id,
            data={name: value for name, value in data.items() if value},
            proof={name: value for name, value in proof.items() if value},
        ),
    )


async def _is_still(tx: Transaction, dispatch: Dispatch) -> bool:
    """Whether it stands as it was read, and will until the transaction ends: a person may have cancelled it."""
    current = await repository.hold_dispatch(tx, dispatch.id)
    return current is not None and current.state is dispatch.state
