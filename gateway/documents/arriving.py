"""The way in, second half: the job that fetches an arrival, reads it, commits it, and only then acknowledges it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import cast

from sqlalchemy.exc import IntegrityError

from gateway.axis.port import Axis, AxisError, AxisRefused, ErrorClass, Transport
from gateway.directory import catalogue, connections, units
from gateway.directory.records import Connection, Mode, Unit
from gateway.documents import repository, secrecy
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.dispatching import AxisOf
from gateway.documents.findings import findings_json
from gateway.documents.model import (
    Arrival,
    ArrivalState,
    Attachment,
    Direction,
    Document,
    DocumentState,
    Packet,
)
from gateway.documents.reasons import UNREADABLE, reason_of
from gateway.documents.settings import AckUnreadable, DocumentsSettings
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import FileDigest, meaning_hash
from gateway.edxml.reader import Limits, ReadPacket, read_packet
from gateway.edxml.sinks import Sink
from gateway.inspection import Action, FileToInspect, Inspection, Inspector, SetApart
from gateway.jobs import Again, Claimed, Dead, Done, Jobs, Outcome, Retry
from gateway.problems import Text
from gateway.store import Blob, BlobDamaged, BlobMissing, Blobs, BlobWriter, Store, Transaction, new_id
from gateway.times import VIETNAM, Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedStatus:
    """A status packet that came in, for the room that knows what statuses mean."""

    packet: StatusPacket
    arrival: Arrival
    at: datetime


StatusReceiver = Callable[[Transaction, ArrivedStatus], Awaitable[str | None]]
"""Registered by `statuses`: records the status in the transaction it is given; a reason when it fits no document."""

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
        announce: Announce,
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
        self._announce = announce
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
            if isinstance(error, AxisRefused) and error.error_class is ErrorClass.CONFIGURATION:
                await self._stop(job, connection, reason_of(error))
                return self._later()
            return Retry(reason_of(error))
        except (BlobMissing, BlobDamaged) as trouble:
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
                await self._alarm(tx, Happening.ALARM_NOT_FETCHED, replace(arrival, reason=reason[:100]))
                return
            unscanned = reason == SetApart.NOT_SCANNED
            kind = Happening.ALARM_ATTACHMENT if unscanned else Happening.ALARM_QUARANTINE
            await self._set_apart(tx, arrival, reason, (), kind)

    def _later(self) -> Again:
        return Again(self._clock() + timedelta(seconds=self._settings.held_seconds))

    async def _stop(self, job: Claimed, connection: Connection, reason: str) -> None:
        """A wrong secret is nobody's packet's fault: all wait until the configuration is mended."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            now = self._clock()
            await connections.stop(tx, connection.id, reason, now)
            data = {"connection": connection.id, "reason": reason}
            await self._announce(tx, Announcement(kind=Happening.ALARM_CONNECTION, at=now, data=data))

    async def _fetch(self, job: Claimed, arrival: Arrival, axis: Axis) -> Arrival:
        out = self._blobs.create()
        try:
            await axis.fetch(arrival.doc_id, out.write)
            blob = await asyncio.to_thread(out.commit)
        except BaseException:
            out.discard()
            raise
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
        return fetched

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
        read, files = await asyncio.to_thread(self._read, packet.blob)
        inspected = await self._inspect(arrival, connection, read, files)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if not read.readable:
                return await self._unreadable(tx, arrival, packet.blob, read)
            if connection.mode is not Mode.ACTIVE:
                return await self._save(tx, arrival, ArrivalState.OBSERVED, findings=read.findings)
            if isinstance(read.packet, StatusPacket):
                status = ArrivedStatus(packet=read.packet, arrival=arrival, at=self._clock())
                reason = await self._receive_status(tx, status)
                return await self._save(tx, arrival, ArrivalState.DELIVERED, reason=reason, findings=read.findings)
            if isinstance(read.packet, DocumentPacket):
                return await self._take_document(tx, arrival, connection, read, read.packet, files, inspected)
        raise TypeError("a readable packet is a document or a status")

    def _read(self, blob: Blob) -> tuple[ReadPacket, tuple[Blob, ...]]:
        """Read the packet; its real files are made durable before any row speaks of them."""
        with self._blobs.open_checked(blob) as stream:
            read = read_packet(stream, self._blobs, self._limits, today=self._clock().astimezone(VIETNAM).date())
        if not read.readable:
            read.discard()
            return read, ()
        try:
            return read, tuple(_committed(one.content) for one in read.attachments)
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

    async def _take_document(
        self,
        tx: Transaction,
        arrival: Arrival,
        connection: Connection,
        read: ReadPacket,
        packet: DocumentPacket,
        files: tuple[Blob, ...],
        inspected: Inspection,
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
        for unit in ours:
            await self._deliver(tx, arrival, connection, unit, packet, read, files, findings, inspected)
        return await self._save(tx, arrival, ArrivalState.DELIVERED, findings=findings)

    async def _own_units(
        self, tx: Transaction, arrival: Arrival, connection: Connection, packet: DocumentPacket
    ) -> list[Unit]:
        """Our units that the packet addresses on this connection, each once (G-03b), and the one the axis names."""
        to = packet.message_header.to
        named = {code for code in (*(one.organ_id for one in to), arrival.to_code) if code}
        found = await units.own_units(tx, named)
        return [unit for unit in found if unit.connection_id == connection.id]

    async def _deliver(
        self,
        tx: Transaction,
        arrival: Arrival,
        connection: Connection,
        unit: Unit,
        packet: DocumentPacket,
        read: ReadPacket,
        files: tuple[Blob, ...],
        findings: tuple[Finding, ...],
        inspected: Inspection,
    ) -> None:
        now = self._clock()
        header = packet.message_header
        sender = _canonical(await catalogue.aliases(tx, header.from_.organ_id or ""))
        meaning = meaning_hash(packet, _digests(read, files))
        live_key = _arrival_key(sender, packet, meaning)
        if earlier := await repository.find_live(tx, unit.code, live_key):
            await self._again(tx, arrival, earlier)
            return
        twin = await _twin(tx, unit, sender, packet)
        document = Document(
            id=new_id(now),
            direction=Direction.IN,
            unit_code=unit.code,
            sender_code=sender,
            document_id=(header.document_id or "")[:200],
            business_type=packet.business_type[:10],
            number=_cut(header.code.code_number),
            notation=_cut(header.code.code_notation),
            promulgation_date=header.promulgation_info.promulgation_date,
            subject=header.subject,
            priority=header.other_info.priority or 0,
            packet=packet,
            state=DocumentState.WAITING,
            meaning=meaning,
            twin_of=twin.id if twin else None,
            muted=_before(connection.cut_off, packet, arrival),
            findings=findings_json(findings),
            created_at=now,
            changed_at=now,
        )
        attachments = [
            Attachment(
                document_id=document.id,
                position=one.position,
                attachment_name=one.attachment_name,
                safe_name=one.safe_name,
                content_type=one.content_type,
                content_id=(one.content_id or str(one.position))[:200],
                description=one.description,
                blob=blob,
                verdict=str(verdict),
            )
            for one, blob, verdict in zip(read.attachments, files, inspected.verdicts, strict=True)
        ]
        try:
            async with tx.connection.begin_nested():
                await repository.add_document(tx, document, attachments, live_key=live_key)
        except IntegrityError:
            earlier = await repository.find_live(tx, unit.code, live_key)
            if earlier is None:
                raise
            await self._again(tx, arrival, earlier)
            return
        await repository.attach_arrival(tx, arrival.id, document.id)
        await self._announce(
            tx, Announcement(kind=Happening.ARRIVED, at=now, unit_code=unit.code, document=document.id)
        )
        if twin is not None:
            data = {"earlier": twin.id}
            alarm = Announcement(
                kind=Happening.ALARM_TWIN, at=now, unit_code=unit.code, document=document.id, data=data
            )
            await self._announce(tx, alarm)

    async def _again(self, tx: Transaction, arrival: Arrival, earlier: Document) -> None:
        """The same document once more: attached to what is there, never imported twice (rule 5).

        The axis lays one item before each of our units that a packet addresses; the second is no repeat to tell of.
        """
        seen = await repository.codes_of_arrivals(tx, earlier.id)
        await repository.attach_arrival(tx, arrival.id, earlier.id)
        if arrival.to_code not in seen:
            return
        kind = Happening.ARRIVED_AGAIN
        await self._announce(
            tx, Announcement(kind=kind, at=self._clock(), unit_code=earlier.unit_code, document=earlier.id)
        )

    async def _acknowledge(self, job: Claimed, arrival: Arrival, connection: Connection, axis: Axis) -> Outcome:
        state = self._what_to_say(arrival)
        if state is None or connection.mode is not Mode.ACTIVE:
            return Done()
        try:
            await axis.acknowledge(arrival.doc_id, state)
        except AxisRefused:
            if arrival.acknowledged_at is None or arrival.acknowledged_as is None:
                raise
            state = Transport(arrival.acknowledged_as)  # it keeps the word that it was given before
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


def _may_be_taken_in_now(arrival: Arrival, connection: Connection) -> bool:
    """Whether it was only looked at so far, or was nobody's, and that may have changed since (rules 6 and 10)."""
    waiting = (ArrivalState.OBSERVED, ArrivalState.STRANGER)
    return arrival.state in waiting and connection.mode is Mode.ACTIVE


async def _twin(tx: Transaction, unit: Unit, sender: str, packet: DocumentPacket) -> Document | None:
    """An earlier document of the same sender, id and business type whose content differs."""
    document_id = packet.message_header.document_id
    if not document_id or packet.business_type != "0":
        return None
    known = await repository.known_documents(
        tx, unit_codes=[unit.code], document_id=document_id, direction=Direction.IN
    )
    same = [one for one in known if one.sender_code == sender and one.business_type == packet.business_type]
    return same[0] if same else None


def _canonical(aliases: frozenset[str]) -> str:
    """One code for a body that is known by several: the shortest, which is its 2020 form where it has one."""
    return min(aliases, key=lambda code: (len(code), code))[:100]


def _arrival_key(sender: str, packet: DocumentPacket, meaning: str) -> str:
    """What makes two arrivals of one unit the same (rule 5), as a fixed-length key."""
    parts = (sender, packet.message_header.document_id or "", packet.business_type, meaning)
    return "in|" + sha256("\x00".join(parts).encode()).hexdigest()


def _before(cut_off: datetime | None, packet: DocumentPacket, arrival: Arrival) -> bool:
    """Whether it lies before the day from which statuses are ours to send (rule 10): its last hop decides."""
    if cut_off is None:
        return False
    hops = [hop.timestamp for hop in packet.trace_header_list.trace_headers if hop.timestamp]
    return max(hops, default=arrival.booked_at) < cut_off


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


def _digests(read: ReadPacket, files: tuple[Blob, ...]) -> list[FileDigest]:
    return [
        FileDigest(name=one.attachment_name, description=one.description, size=blob.size, sha256=blob.sha256)
        for one, blob in zip(read.attachments, files, strict=True)
    ]


def _committed(content: Sink | None) -> Blob:
    if content is None:
        raise LookupError("a readable packet has all its files")
    return cast(BlobWriter, content).commit()  # the reader made its sinks with our Blobs


def _cut(value: str | None) -> str | None:
    return value[:100] if value else None
