"""The way in, second half: the job that fetches an arrival, reads it, commits it, and only then acknowledges it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import structlog

from gateway.axis.port import NOT_WHOLE, Axis, AxisError, AxisRefused, AxisUnavailable, ErrorClass, Transport
from gateway.directory import connections, units
from gateway.directory.records import Connection, Mode, Unit
from gateway.documents import repository, secrecy
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, Witnessed, unwatched
from gateway.documents.delivering import Arrived, Deliverer
from gateway.documents.dispatching import AxisOf
from gateway.documents.findings import findings_json
from gateway.documents.model import (
    Arrival,
    ArrivalState,
    Direction,
    Packet,
)
from gateway.documents.outcomes import Failure, Patience, Stop, TryAgain, Witness, failed_call
from gateway.documents.pools import way_in
from gateway.documents.reasons import SIGNATURE, UNREADABLE
from gateway.documents.settings import AckUnreadable, DocumentsSettings
from gateway.documents.signatures.examining import Examined, Examiner
from gateway.documents.signatures.model import SubjectSort
from gateway.documents.stops import Stops
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.reader import Limits, ReadPacket, read_packet
from gateway.edxml.sinks import Sink
from gateway.inspection import Action, FileToInspect, Inspection, Inspector, SetApart
from gateway.jobs import Again, Breakers, Claimed, Dead, Done, Jobs, Outcome, Postponed, Retry
from gateway.problems import Text
from gateway.signing.facts import UNSIGNED
from gateway.signing.partners.model import Treatment
from gateway.signing.verify import Looked, look
from gateway.store import Blob, BlobDamaged, BlobMissing, Blobs, BlobWriter, Store, Transaction, new_id
from gateway.times import VIETNAM, Clock

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedStatus:
    """A status packet that came in, for the room that knows what statuses mean."""

    packet: StatusPacket
    arrival: Arrival
    at: datetime


StatusReceiver = Callable[[Transaction, ArrivedStatus], Awaitable[str | None]]
"""Registered by `statuses`: records the status in the transaction it is given; a reason when it fits no document."""

_ASKED_AGAIN = timedelta(hours=1)
"""Between attempts at an item that the axis lists and will not give."""
_STAY_APART = (ArrivalState.QUARANTINED, ArrivalState.DISCARDED)
_ACK = {AckUnreadable.FAIL: Transport.FAIL, AckUnreadable.DONE: Transport.DONE}


class Arriver:
    """Handles the jobs of kind `arrival`; the job's key is the arrival's id."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        jobs: Jobs,
        axis_of: AxisOf,
        receive_status: StatusReceiver,
        inspector: Inspector,
        examiner: Examiner,
        announce: Announce,
        breakers: Breakers,
        stops: Stops,
        patience: Patience,
        clock: Clock,
        settings: DocumentsSettings,
        limits: Limits,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._axis_of = axis_of
        self._receive_status = receive_status
        self._inspector = inspector
        self._examiner = examiner
        self._announce = announce
        self._deliverer = Deliverer(announce=announce, examiner=examiner, clock=clock)
        self._breakers = breakers
        self._stops = stops
        self._patience = patience
        self._clock = clock
        self._settings = settings
        self._limits = limits
        self._passed = passed

    async def handle(self, job: Claimed) -> Outcome:
        """One run of an arrival's job."""
        async with self._store.read() as tx:
            arrival = await repository.find_arrival(tx, job.key)
            connection = await connections.find(tx, arrival.connection_id) if arrival else None
        if arrival is None or connection is None:
            return Dead("arrival_missing")
        if connection.stopped_reason:
            return self._later()
        began = self._clock()
        try:
            axis = await self._axis_of(connection)
            if arrival.state is ArrivalState.BOOKED:
                arrival = await self._fetch(job, arrival, axis)
                self._passed("arrival.fetched")
            if arrival.state is ArrivalState.FETCHED or _may_be_taken_in_now(arrival, connection):
                arrival = await self._take_in(job, arrival, connection)
                self._passed("arrival.committed")
            if arrival.state is ArrivalState.BOOKED:
                return Retry("unreadable_copy")
            if arrival.state is ArrivalState.FETCHED:
                return Retry(SetApart.NOT_SCANNED)
            return await self._acknowledge(job, arrival, connection, axis)
        except AxisError as error:
            return await self._failed(job, arrival, connection, error, began)
        except (BlobMissing, BlobDamaged) as trouble:
            _log.error("arrival.packet_lost", code=trouble.code, arrival=arrival.id, do=trouble.action.en)
            await self._fetch_again(job, arrival, trouble.code)
            return Retry(trouble.code)

    async def exhausted(self, job: Claimed, reason: str) -> None:
        """The policy gives up: what was read is set apart and blocks nothing; what never came is tried at each poll."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            arrival = await repository.find_arrival(tx, job.key)
            if arrival is None or arrival.state not in (ArrivalState.BOOKED, ArrivalState.FETCHED):
                return
            if arrival.state is ArrivalState.BOOKED and arrival.unreadable_sha256 is None:
                if arrival.reason != reason[:100]:
                    await self._alarm(tx, Happening.ALARM_NOT_FETCHED, replace(arrival, reason=reason[:100]))
                return
            unscanned = reason == SetApart.NOT_SCANNED
            kind = Happening.ALARM_ATTACHMENT if unscanned else Happening.ALARM_QUARANTINE
            await self._set_apart(tx, arrival, reason, (), kind)

    def _later(self) -> Again:
        return Again(self._clock() + timedelta(seconds=self._settings.held_seconds))

    async def _failed(
        self, job: Claimed, arrival: Arrival, connection: Connection, error: AxisError, began: datetime
    ) -> Outcome:
        """What follows when the axis did not answer, or said no."""
        failed = failed_call(error)
        name = way_in(connection.id)
        usable = self._breakers.seen(name).usable_since
        since = max(one for one in (job.first_run_at, connection.changed_at, usable) if one is not None)
        decision = self._patience.decide(
            failed.failure,
            attempt=job.attempt,
            age=(self._clock() - since).total_seconds(),
            draw=random.random(),  # noqa: S311 - spreads load, guards nothing
            doubts=job.attempt,
            soonest=failed.retry_after,
            repeatable=True,
        )
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if failed.witness is Witness.SICK:
                await self._breakers.failed(
                    tx, name, began=began, reason=failed.reason, soonest=failed.retry_after, attempt=job.attempt
                )
            if failed.witness is Witness.WELL:
                await self._breakers.answered(tx, name)
            if isinstance(decision, Stop):
                await self._stops.stop(tx, connection, failed.reason)
        match decision:
            case TryAgain(after):
                return Postponed(failed.reason, after)
            case Stop():
                return Postponed(failed.reason, float(self._settings.held_seconds))
            case _:
                await self.exhausted(job, failed.reason)
        if arrival.state is ArrivalState.BOOKED and failed.failure is not Failure.TRANSIENT:
            async with self._store.begin() as tx:
                await self._jobs.hold(tx, job.lease)
                await self._save(tx, arrival, ArrivalState.BOOKED, reason=failed.reason)
            return Postponed(failed.reason, _ASKED_AGAIN.total_seconds())
        return Dead(failed.reason)

    async def _fetch(self, job: Claimed, arrival: Arrival, axis: Axis) -> Arrival:
        try:
            blob = await self._copy(arrival, axis)
        except AxisUnavailable as error:
            if error.reason not in NOT_WHOLE:
                raise
            blob = await self._copy(arrival, axis)  # by getEdoc, whose envelope tells a broken packet from a cut line
        now = self._clock()
        packet = Packet(
            id=new_id(now), message_type=arrival.message_type, direction=Direction.IN, blob=blob, created_at=now
        )
        fetched = replace(
            arrival,
            state=ArrivalState.FETCHED,
            packet_id=packet.id,
            fetches=arrival.fetches + 1,
            changed_at=now,
        )
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            await repository.add_packet(tx, packet)
            await repository.save_arrival(tx, fetched)
            proof = {"packet": blob.sha256, "size": str(blob.size), "axis_doc_id": arrival.doc_id}
            await self._witness(tx, Witnessed.FETCHED, fetched, proof)
        return fetched

    async def _copy(self, arrival: Arrival, axis: Axis) -> Blob:
        out = self._blobs.create()
        try:
            await axis.fetch(arrival.doc_id, out.write)
            return await asyncio.to_thread(out.commit)
        except BaseException:
            out.discard()
            raise

    async def _fetch_again(self, job: Claimed, arrival: Arrival, reason: str) -> None:
        """Our copy of the packet is gone or damaged; the axis still has its own, for it was told nothing."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            await self._save(tx, arrival, ArrivalState.BOOKED, reason=reason)

    async def _take_in(self, job: Claimed, arrival: Arrival, connection: Connection) -> Arrival:
        async with self._store.read() as tx:
            packet = await repository.find_packet(tx, arrival.packet_id or "")
        if packet is None:
            raise LookupError("the packet of an arrival is missing")
        read, files, looked = await asyncio.to_thread(self._read, packet.blob)
        inspected = await self._inspect(arrival, connection, read, files)
        examined = await self._examiner.examine(connection, packet.blob, read, looked)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if not read.readable:
                return await self._unreadable(tx, arrival, packet.blob, read)
            if connection.mode is not Mode.ACTIVE:
                return await self._save(tx, arrival, ArrivalState.OBSERVED, findings=read.findings)
            if isinstance(read.packet, StatusPacket):
                return await self._take_status(tx, arrival, read, read.packet, examined)
            if isinstance(read.packet, DocumentPacket):
                return await self._take_document(tx, arrival, connection, read, read.packet, files, inspected, examined)
        raise TypeError("a readable packet is a document or a status")

    def _read(self, blob: Blob) -> tuple[ReadPacket, tuple[Blob, ...], Looked]:
        """Read the packet and look at its signature; its real files are made durable before any row speaks of them."""
        with self._blobs.open_checked(blob) as stream:
            read = read_packet(stream, self._blobs, self._limits, today=self._clock().astimezone(VIETNAM).date())
        if not read.readable:
            read.discard()
            return read, (), Looked(facts=UNSIGNED)
        try:
            looked = look(read, received=self._clock())
            return read, tuple(_committed(one.content) for one in read.attachments), looked
        except BaseException:
            read.discard()
            raise

    async def _inspect(
        self, arrival: Arrival, connection: Connection, read: ReadPacket, files: tuple[Blob, ...]
    ) -> Inspection:
        """What its files are, by the policies of the units it is for; outside of any transaction, for it takes time."""
        packet = read.packet
        is_taken = read.readable and connection.mode is Mode.ACTIVE and isinstance(packet, DocumentPacket)
        if not is_taken or not isinstance(packet, DocumentPacket) or secrecy.marked_fields(packet.message_header):
            return Inspection()
        async with self._store.read() as tx:
            ours = await self._own_units(tx, arrival, connection, packet)
        if not ours:
            return Inspection()
        given = [
            FileToInspect(
                position=one.position,
                attachment_name=one.attachment_name,
                content_type=one.content_type,
                source=self._blobs.source(blob),
            )
            for one, blob in zip(read.attachments, files, strict=True)
        ]
        return await self._inspector.inspect(given, [unit.code for unit in ours])

    async def _unreadable(self, tx: Transaction, arrival: Arrival, blob: Blob, read: ReadPacket) -> Arrival:
        """Fetched again until two copies agree, then set apart (rule 6)."""
        if arrival.unreadable_sha256 == blob.sha256:
            return await self._set_apart(tx, arrival, UNREADABLE, read.findings, Happening.ALARM_QUARANTINE)
        again = replace(arrival, unreadable_sha256=blob.sha256)
        return await self._save(tx, again, ArrivalState.BOOKED, reason="unreadable_copy", findings=read.findings)

    async def _take_status(
        self, tx: Transaction, arrival: Arrival, read: ReadPacket, packet: StatusPacket, examined: Examined
    ) -> Arrival:
        if examined.decision.treatment is Treatment.SET_APART:
            return await self._apart_for_signature(tx, arrival, read.findings, examined)
        reason = await self._receive_status(tx, ArrivedStatus(packet=packet, arrival=arrival, at=self._clock()))
        units = await self._own_codes(tx, arrival.connection_id)
        owner = packet.message_header.response_for.organ_id or arrival.to_code or ""
        await self._examiner.keep(
            tx,
            examined,
            sort=SubjectSort.ARRIVAL,
            subject=arrival.id,
            packet_id=arrival.packet_id or "",
            unit_code=units.get(owner, "")[:35],
        )
        await self._examiner.tell(tx, examined, arrival=arrival.id, document=None, unit_code=units.get(owner))
        return await self._save(tx, arrival, ArrivalState.DELIVERED, reason=reason, findings=read.findings)

    async def _own_codes(self, tx: Transaction, connection_id: str) -> dict[str, str]:
        """Our units by each of their codes."""
        own = await units.every(tx, connection_id)
        return {code: unit.code for unit in own for code in (unit.code, *unit.aliases)}

    async def _apart_for_signature(
        self, tx: Transaction, arrival: Arrival, findings: tuple[Finding, ...], examined: Examined
    ) -> Arrival:
        """As it is agreed with its sender; the facts are looked at again when it is read again."""
        await self._examiner.tell(tx, examined, arrival=arrival.id, document=None, unit_code=None)
        return await self._save(tx, arrival, ArrivalState.QUARANTINED, reason=SIGNATURE, findings=findings)

    async def _take_document(
        self,
        tx: Transaction,
        arrival: Arrival,
        connection: Connection,
        read: ReadPacket,
        packet: DocumentPacket,
        files: tuple[Blob, ...],
        inspected: Inspection,
        examined: Examined,
    ) -> Arrival:
        if secrecy.marked_fields(packet.message_header):
            return await self._set_apart(tx, arrival, "secret", read.findings, Happening.ALARM_SECRECY)
        ours = await self._own_units(tx, arrival, connection, packet)
        if not ours and arrival.state is ArrivalState.STRANGER:
            return arrival
        if not ours:
            await self._alarm(tx, Happening.ALARM_STRANGER, arrival)
            return await self._save(tx, arrival, ArrivalState.STRANGER, reason="not_addressed_to_us")
        findings = (*read.findings, *_sender_findings(arrival, packet), *inspected.findings)
        if inspected.action is Action.QUARANTINE and inspected.reason is not None:
            return await self._set_apart(tx, arrival, inspected.reason, findings, Happening.ALARM_ATTACHMENT)
        if inspected.action is Action.HOLD:
            return await self._save(tx, arrival, ArrivalState.FETCHED, reason=inspected.reason, findings=findings)
        if examined.decision.treatment is Treatment.SET_APART:
            return await self._apart_for_signature(tx, arrival, findings, examined)
        arrived = Arrived(
            arrival=arrival,
            connection=connection,
            packet=packet,
            read=read,
            files=files,
            findings=findings,
            inspected=inspected,
            examined=examined,
        )
        for unit in ours:
            await self._deliverer.deliver(tx, arrived, unit)
        return await self._save(tx, arrival, ArrivalState.DELIVERED, findings=findings)

    async def _own_units(
        self, tx: Transaction, arrival: Arrival, connection: Connection, packet: DocumentPacket
    ) -> list[Unit]:
        """Our units that the packet addresses on this connection, each once (G-03b), and the one the axis names."""
        to = packet.message_header.to
        named = {code for code in (*(one.organ_id for one in to), arrival.to_code) if code}
        found = await units.own_units(tx, named)
        return [unit for unit in found if unit.connection_id == connection.id]

    async def _acknowledge(self, job: Claimed, arrival: Arrival, connection: Connection, axis: Axis) -> Outcome:
        state = self._what_to_say(arrival)
        if state is None or connection.mode is not Mode.ACTIVE:
            return Done()
        try:
            await axis.acknowledge(arrival.doc_id, state)
        except AxisRefused as refused:
            if not await _told_before(axis, arrival, refused):
                raise
            state = Transport(arrival.acknowledged_as or state)  # it keeps the word that it was given before
        self._passed("arrival.acknowledged")
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            current = await repository.hold_arrival(tx, arrival.id)
            if current is None:
                return Done()
            # A person may have discarded it, or had it read again, while the axis was told.
            stays = current.state is not arrival.state or current.state in _STAY_APART
            await repository.save_arrival(
                tx,
                replace(
                    current,
                    state=current.state if stays else ArrivalState.ACKNOWLEDGED,
                    acknowledged_at=now,
                    acknowledged_as=state.value,
                    changed_at=now,
                ),
            )
            told = replace(current, changed_at=now)
            await self._witness(tx, Witnessed.ACKNOWLEDGED, told, {"axis_doc_id": arrival.doc_id, "told": state.value})
            if not self._breakers.seen(way_in(connection.id)).is_clean:
                await self._breakers.answered(tx, way_in(connection.id))
            return await self._jobs.done(tx, job.lease)

    def _what_to_say(self, arrival: Arrival) -> Transport | None:
        match arrival.state:
            case ArrivalState.DELIVERED:
                return Transport.DONE
            case ArrivalState.ACKNOWLEDGED:
                return Transport(arrival.acknowledged_as) if arrival.acknowledged_as else Transport.DONE
            case ArrivalState.QUARANTINED:
                return _ACK.get(self._settings.ack_of(arrival.reason))
            case ArrivalState.DISCARDED:
                return Transport(arrival.acknowledged_as) if arrival.acknowledged_as else Transport.FAIL
            case _:
                return None

    async def _set_apart(
        self, tx: Transaction, arrival: Arrival, reason: str, findings: tuple[Finding, ...], kind: Happening
    ) -> Arrival:
        apart = await self._save(tx, arrival, ArrivalState.QUARANTINED, reason=reason, findings=findings)
        await self._alarm(tx, kind, apart)
        return apart

    async def _save(
        self,
        tx: Transaction,
        arrival: Arrival,
        state: ArrivalState,
        *,
        reason: str | None = None,
        findings: tuple[Finding, ...] = (),
    ) -> Arrival:
        saved = replace(
            arrival,
            state=state,
            reason=reason[:100] if reason else None,
            findings=findings_json(findings),
            changed_at=self._clock(),
        )
        await repository.save_arrival(tx, saved)
        return saved

    async def _witness(self, tx: Transaction, kind: Witnessed, arrival: Arrival, proof: Mapping[str, str]) -> None:
        about = {"arrival": arrival.id, "connection": arrival.connection_id}
        await self._announce(tx, Announcement(kind=kind, at=arrival.changed_at, proof={**about, **proof}))

    async def _alarm(self, tx: Transaction, kind: Happening, arrival: Arrival) -> None:
        data = {
            "arrival": arrival.id,
            "axis_doc_id": arrival.doc_id,
            "connection": arrival.connection_id,
            "from": arrival.from_code,
            "to": arrival.to_code,
            "reason": arrival.reason,
        }
        await self._announce(
            tx,
            Announcement(kind=kind, at=self._clock(), data={name: value for name, value in data.items() if value}),
        )


async def _told_before(axis: Axis, arrival: Arrival, refused: AxisRefused) -> bool:
    """Whether a refused acknowledgement is the second of an item: we know of the first, or it is listed no more.

    Who dies between the axis's answer and the commit does not know of the first; the list does.
    """
    if refused.error_class in (ErrorClass.CONFIGURATION, ErrorClass.TRANSIENT):
        return False
    if arrival.acknowledged_at is not None and arrival.acknowledged_as is not None:
        return True
    return all(item.doc_id != arrival.doc_id for item in await axis.received(arrival.message_type))


def _may_be_taken_in_now(arrival: Arrival, connection: Connection) -> bool:
    """Whether it was only looked at so far, or was nobody's, and that may have changed since (rules 6 and 10)."""
    waiting = (ArrivalState.OBSERVED, ArrivalState.STRANGER)
    return arrival.state in waiting and connection.mode is Mode.ACTIVE


def _sender_findings(arrival: Arrival, packet: DocumentPacket) -> tuple[Finding, ...]:
    """Whether the transport's sender and the packet's are the same (G-23); a difference is shown, never a refusal."""
    inside = packet.message_header.from_.organ_id
    if arrival.from_code is None or arrival.from_code == inside:
        return ()
    return (
        Finding(
            code="M.MessageHeader.From.OrganId",
            severity=Severity.WARNING,
            message=Text(
                f"Trục báo bên gửi là {arrival.from_code}, trong gói tin ghi {inside}.",
                f"The axis names {arrival.from_code} as sender, the packet says {inside}.",
            ),
        ),
    )


def _committed(content: Sink | None) -> Blob:
    if content is None:
        raise LookupError("a readable packet has all its files")
    return cast(BlobWriter, content).commit()  # the reader made its sinks with our Blobs
