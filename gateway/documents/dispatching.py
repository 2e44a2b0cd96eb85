"""The way out, second half: the job that builds a packet once and sends it (rule 1 of the house).

queued → built → sending → accepted, rejected or unknown. `sending` is committed before the first byte leaves; a
dispatch found in `sending` by a later run is unknown. A retry sends the same bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from gateway.axis.port import (
    Accepted,
    Axis,
    ErrorClass,
    MessageType,
    NotSent,
    Rejected,
    SendResult,
    Unknown,
)
from gateway.directory import connections
from gateway.directory.records import Connection, Mode
from gateway.documents import repository
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.model import Attachment, Direction, Dispatch, DispatchState, Packet
from gateway.documents.reasons import word_of
from gateway.documents.resending import reduced
from gateway.documents.settings import DocumentsSettings
from gateway.documents.standing import move_document
from gateway.edxml.model import StatusPacket
from gateway.edxml.packing import extension_of
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.jobs import Again, Claimed, Dead, Done, Jobs, Lane, Outcome, Retry
from gateway.store import Blob, BlobDamaged, BlobMissing, Blobs, BlobWriter, Store, Transaction, new_id
from gateway.times import Clock

SETTLE_JOB = "settle"
"""The kind of job that looks for evidence of an Unknown; its key is the dispatch's id."""

_LET_PASS = timedelta(seconds=0.2)
_WAIT_FOR_EARLIER = timedelta(seconds=10)

AxisOf = Callable[[Connection], Awaitable[Axis]]
"""The adapter of a connection, with its secret; made and kept by `app`."""

StatusPacketOf = Callable[[Transaction, str], Awaitable[StatusPacket]]
"""The packet that says a status event; registered by `statuses`."""


_NEVER = frozenset({"bad_header_value"})
"""Reasons for not sending that no later attempt cures."""


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
        announce: Announce,
        clock: Clock,
        settings: DocumentsSettings,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._axis_of = axis_of
        self._status_packet_of = status_packet_of
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
            return await self._settle(job, dispatch, Unknown("process_died_while_sending"))
        if dispatch.state not in (DispatchState.QUEUED, DispatchState.BUILT):
            return Done()
        if connection.mode is not Mode.ACTIVE or connection.stopped_reason:
            return Again(self._clock() + timedelta(seconds=self._settings.held_seconds))
        if await self._behind_another(dispatch):
            return Again(self._clock() + _LET_PASS)
        try:
            if dispatch.state is DispatchState.QUEUED:
                packet = await self._build(dispatch)
                self._passed("dispatch.built")
            else:
                packet = await self._built_before(dispatch)
        except (BlobMissing, BlobDamaged) as trouble:
            return await self._lost(job, dispatch, trouble.code)
        return await self._send(job, dispatch, packet, connection)

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

    async def _build(self, dispatch: Dispatch) -> Packet:
        """The packet, safe on disk; its row comes with `sending`, for until then it may as well be built anew."""
        blob = await asyncio.to_thread(await self._writing(dispatch))
        now = self._clock()
        return Packet(
            id=new_id(now), message_type=dispatch.message_type, direction=Direction.OUT, blob=blob, created_at=now
        )

    async def _writing(self, dispatch: Dispatch) -> Callable[[], Blob]:
        """What a thread has to run to have the packet written."""
        async with self._store.read() as tx:
            if dispatch.message_type is MessageType.STATUS:
                status = await self._status_packet_of(tx, dispatch.status_event_id or "")
                return partial(self._written, partial(write_status, status))
            document = await repository.find_document(tx, dispatch.document_id)
            attachments = await repository.attachments_of(tx, dispatch.document_id)
            recipients = await repository.recipients_of_dispatch(tx, dispatch.id) if dispatch.resends else []
        if document is None:
            raise LookupError("the document of a dispatch is missing")
        packet = document.packet
        if dispatch.resends:
            packet = reduced(packet, recipients, dispatch.created_at)
        return partial(self._written, partial(write_document, packet, [self._file(one) for one in attachments]))

    def _written(self, write: Callable[[BlobWriter], None]) -> Blob:
        out = self._blobs.create()
        try:
            write(out)
            return out.commit()
        except BaseException:
            out.discard()
            raise

    def _file(self, one: Attachment) -> FileToSend:
        return FileToSend(
            attachment_name=one.attachment_name,
            source=self._blobs.source(one.blob),
            content_type=one.content_type,
            description=one.description,
            content_id=one.content_id,
            entry_name=f"{one.content_id}.{extension_of(one.attachment_name) or 'bin'}",
        )

    async def _built_before(self, dispatch: Dispatch) -> Packet:
        """The packet that was built for an earlier attempt, seen to be still whole before a word of it leaves."""
        async with self._store.read() as tx:
            packet = await repository.find_packet(tx, dispatch.packet_id or "")
        if packet is None:
            raise LookupError("the packet of a dispatch is missing")
        await asyncio.to_thread(self._blobs.verify, packet.blob)
        return packet

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

    async def _send(self, job: Claimed, dispatch: Dispatch, packet: Packet, connection: Connection) -> Outcome:
        axis = await self._axis_of(connection)
        now = self._clock()
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
            await repository.save_dispatch(tx, sending)
            await move_document(tx, sending)
        self._passed("dispatch.sending")
        result = await axis.send(dispatch.message_type, dispatch.from_code, self._blobs.source(packet.blob))
        self._passed("dispatch.answered")
        return await self._settle(job, sending, result)

    async def _settle(self, job: Claimed, dispatch: Dispatch, result: SendResult) -> Outcome:
        now = self._clock()
        dispatch = replace(dispatch, changed_at=now)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            match result:
                case Accepted(doc_id):
                    await self._end(
                        tx, replace(dispatch, state=DispatchState.ACCEPTED, axis_doc_id=doc_id, reason=None)
                    )
                    return await self._jobs.done(tx, job.lease)
                case Rejected():
                    return await self._rejected(tx, dispatch, result)
                case NotSent(reason) if reason in _NEVER:
                    await self._end(tx, replace(dispatch, state=DispatchState.GIVEN_UP, reason=reason))
                    return Done()
                case NotSent(reason, retry_after):
                    await self._wait(tx, dispatch, reason)
                    return Retry(reason, after=retry_after)
                case Unknown(reason, doc_id):
                    return await self._unknown(tx, replace(dispatch, axis_doc_id=doc_id), reason)

    async def _rejected(self, tx: Transaction, dispatch: Dispatch, result: Rejected) -> Outcome:
        dispatch = replace(dispatch, error_code=result.code[:20], error_text=result.text[:200])
        reason = word_of(f"axis_{result.code}")
        match result.error_class:
            case ErrorClass.TRANSIENT:
                return await self._unknown(tx, dispatch, reason)
            case ErrorClass.AMBIGUOUS if dispatch.attempts < self._settings.ambiguous_repeats:
                await self._wait(tx, dispatch, reason)
                return Retry(reason)
            case ErrorClass.AMBIGUOUS:
                await self._end(tx, replace(dispatch, state=DispatchState.GIVEN_UP, reason=reason))
                return Done()
            case ErrorClass.CONFIGURATION:
                await self._wait(tx, dispatch, reason)
                await connections.stop(tx, dispatch.connection_id, reason, self._clock())
                await self._alarm(tx, dispatch, reason)
                return Again(self._clock() + timedelta(seconds=self._settings.held_seconds))
            case ErrorClass.PERMANENT_PACKET | ErrorClass.PERMANENT_RECIPIENT:
                await self._end(tx, replace(dispatch, state=DispatchState.REJECTED, reason=reason))
                return Done()

    async def _unknown(self, tx: Transaction, dispatch: Dispatch, reason: str) -> Outcome:
        """A status is sent again, bounded; a document never by itself (rules 1 and 2)."""
        if dispatch.message_type is MessageType.STATUS and dispatch.attempts < self._settings.status_repeats:
            await self._wait(tx, dispatch, reason)
            return Retry(reason)
        await self._end(tx, replace(dispatch, state=DispatchState.UNKNOWN, reason=reason[:100]))
        if dispatch.message_type is MessageType.EDOC:
            soon = self._clock() + timedelta(seconds=self._settings.settle_first_seconds)
            await self._jobs.put(tx, kind=SETTLE_JOB, key=dispatch.id, lane=Lane.THIRD, run_at=soon)
        return Done()

    async def _wait(self, tx: Transaction, dispatch: Dispatch, reason: str) -> None:
        """Back to built: it is known that the axis does not have it, or a second copy harms nobody."""
        waiting = replace(dispatch, state=DispatchState.BUILT, reason=reason[:100])
        await repository.save_dispatch(tx, waiting)
        await move_document(tx, waiting)

    async def _end(self, tx: Transaction, dispatch: Dispatch) -> None:
        await repository.save_dispatch(tx, dispatch)
        await move_document(tx, dispatch)
        await announce_end(tx, self._announce, dispatch)

    async def _alarm(self, tx: Transaction, dispatch: Dispatch, reason: str) -> None:
        await self._announce(
            tx,
            Announcement(
                kind=Happening.ALARM_CONNECTION,
                at=self._clock(),
                data={"connection": dispatch.connection_id, "reason": reason},
            ),
        )


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
    await announce(
        tx,
        Announcement(
            kind=kind,
            at=dispatch.changed_at,
            unit_code=dispatch.unit_code,
            document=dispatch.document_id,
            data={name: value for name, value in data.items() if value},
        ),
    )


async def _is_still(tx: Transaction, dispatch: Dispatch) -> bool:
    """Whether it stands as it was read, and will until the transaction ends: a person may have cancelled it."""
    current = await repository.hold_dispatch(tx, dispatch.id)
    return current is not None and current.state is dispatch.state
