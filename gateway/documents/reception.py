"""The way in, its heart: what a fetched packet is. Read, its files and its signature looked at, committed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

from gateway.directory import units
from gateway.directory.records import Connection, Mode, Unit
from gateway.documents import repository, secrecy
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.delivering import Arrived, Deliverer
from gateway.documents.findings import findings_json
from gateway.documents.model import Arrival, ArrivalState
from gateway.documents.reasons import SIGNATURE, UNREADABLE
from gateway.documents.signatures.examining import Examined, Examiner
from gateway.documents.signatures.model import SubjectSort
from gateway.edxml.findings import Finding, Severity
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.reader import Limits, ReadPacket, read_packet
from gateway.edxml.sinks import Sink
from gateway.inspection import Action, FileToInspect, Inspection, Inspector
from gateway.jobs import Jobs, Lease
from gateway.problems import Text
from gateway.signing.facts import UNSIGNED
from gateway.signing.partners.model import Treatment
from gateway.signing.verify import Looked, look
from gateway.store import Blob, Blobs, BlobWriter, Store, Transaction
from gateway.times import VIETNAM, Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrivedStatus:
    """A status packet that came in, for the room that knows what statuses mean."""

    packet: StatusPacket
    arrival: Arrival
    at: datetime


StatusReceiver = Callable[[Transaction, ArrivedStatus], Awaitable[str | None]]
"""Registered by `statuses`: records the status in the transaction it is given; a reason when it fits no document."""


class Reception:
    """Reads the packet of an arrival and commits what it is: a status, a document for some of our units, or set apart."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        jobs: Jobs,
        receive_status: StatusReceiver,
        inspector: Inspector,
        examiner: Examiner,
        announce: Announce,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._receive_status = receive_status
        self._inspector = inspector
        self._examiner = examiner
        self._announce = announce
        self._deliverer = Deliverer(announce=announce, examiner=examiner, clock=clock)
        self._clock = clock
        self._limits = limits

    async def take_in(self, lease: Lease, arrival: Arrival, connection: Connection) -> Arrival:
        """The arrival as it stands then: delivered, observed, nobody's, set apart, or to be fetched or scanned again.

        Raises LeaseLost, BlobMissing, BlobDamaged.
        """
        async with self._store.read() as tx:
            packet = await repository.find_packet(tx, arrival.packet_id or "")
        if packet is None:
            raise LookupError("the packet of an arrival is missing")
        read, files, looked = await asyncio.to_thread(self._read, packet.blob)
        inspected = await self._inspect(arrival, connection, read, files)
        examined = await self._examiner.examine(connection, packet.blob, read, looked)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, lease)
            if not read.readable:
                return await self._unreadable(tx, arrival, packet.blob, read)
            if connection.mode is not Mode.ACTIVE:
                return await self.save(tx, arrival, ArrivalState.OBSERVED, findings=read.findings)
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
            return await self.set_apart(tx, arrival, UNREADABLE, read.findings, Happening.ALARM_QUARANTINE)
        again = replace(arrival, unreadable_sha256=blob.sha256)
        return await self.save(tx, again, ArrivalState.BOOKED, reason="unreadable_copy", findings=read.findings)

    async def _take_status(
        self, tx: Transaction, arrival: Arrival, read: ReadPacket, packet: StatusPacket, examined: Examined
    ) -> Arrival:
        if examined.decision.treatment is Treatment.SET_APART:
            return await self._apart_for_signature(tx, arrival, read.findings, examined)
        reason = await self._receive_status(tx, ArrivedStatus(packet=packet, arrival=arrival, at=self._clock()))
        ours = await units.every_code(tx, arrival.connection_id)
        owner = packet.message_header.response_for.organ_id or arrival.to_code or ""
        await self._examiner.keep(
            tx,
            examined,
            sort=SubjectSort.ARRIVAL,
            subject=arrival.id,
            packet_id=arrival.packet_id or "",
            unit_code=ours.get(owner, "")[:35],
        )
        await self._examiner.tell(tx, examined, arrival=arrival.id, document=None, unit_code=ours.get(owner))
        return await self.save(tx, arrival, ArrivalState.DELIVERED, reason=reason, findings=read.findings)

    async def _apart_for_signature(
        self, tx: Transaction, arrival: Arrival, findings: tuple[Finding, ...], examined: Examined
    ) -> Arrival:
        """As it is agreed with its sender; the facts are looked at again when it is read again."""
        await self._examiner.tell(tx, examined, arrival=arrival.id, document=None, unit_code=None)
        return await self.save(tx, arrival, ArrivalState.QUARANTINED, reason=SIGNATURE, findings=findings)

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
            return await self.set_apart(tx, arrival, "secret", read.findings, Happening.ALARM_SECRECY)
        ours = await self._own_units(tx, arrival, connection, packet)
        if not ours and arrival.state is ArrivalState.STRANGER:
            return arrival
        if not ours:
            await self.alarm(tx, Happening.ALARM_STRANGER, arrival)
            return await self.save(tx, arrival, ArrivalState.STRANGER, reason="not_addressed_to_us")
        findings = (*read.findings, *_sender_findings(arrival, packet), *inspected.findings)
        if inspected.action is Action.QUARANTINE and inspected.reason is not None:
            return await self.set_apart(tx, arrival, inspected.reason, findings, Happening.ALARM_ATTACHMENT)
        if inspected.action is Action.HOLD:
            return await self.save(tx, arrival, ArrivalState.FETCHED, reason=inspected.reason, findings=findings)
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
        return await self.save(tx, arrival, ArrivalState.DELIVERED, findings=findings)

    async def _own_units(
        self, tx: Transaction, arrival: Arrival, connection: Connection, packet: DocumentPacket
    ) -> list[Unit]:
        """Our units that the packet addresses on this connection, each once (G-03b), and the one the axis names."""
        to = packet.message_header.to
        named = {code for code in (*(one.organ_id for one in to), arrival.to_code) if code}
        found = await units.own_units(tx, named)
        return [unit for unit in found if unit.connection_id == connection.id]

    async def set_apart(
        self, tx: Transaction, arrival: Arrival, reason: str, findings: tuple[Finding, ...], kind: Happening
    ) -> Arrival:
        """Blocks nothing and waits for a person, who is alarmed."""
        apart = await self.save(tx, arrival, ArrivalState.QUARANTINED, reason=reason, findings=findings)
        await self.alarm(tx, kind, apart)
        return apart

    async def save(
        self,
        tx: Transaction,
        arrival: Arrival,
        state: ArrivalState,
        *,
        reason: str | None = None,
        findings: tuple[Finding, ...] = (),
    ) -> Arrival:
        """Write back where an arrival stands."""
        saved = replace(
            arrival,
            state=state,
            reason=reason[:100] if reason else None,
            findings=findings_json(findings),
            changed_at=self._clock(),
        )
        await repository.save_arrival(tx, saved)
        return saved

    async def alarm(self, tx: Transaction, kind: Happening, arrival: Arrival) -> None:
        """Tell people of an arrival."""
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
