"""The way in, last step: a document that was read is laid before one of our own units, once (rule 5)."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from sqlalchemy.exc import IntegrityError

from gateway.directory import catalogue
from gateway.directory.records import Connection, Unit
from gateway.documents import repository
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.findings import findings_json
from gateway.documents.model import Arrival, Attachment, Direction, Document, DocumentState
from gateway.documents.signatures.examining import Examined, Examiner
from gateway.documents.signatures.model import SubjectSort
from gateway.edxml.findings import Finding
from gateway.edxml.model import DocumentPacket
from gateway.edxml.normal import FileDigest, meaning_hash
from gateway.edxml.reader import ReadPacket
from gateway.inspection import Inspection
from gateway.store import Blob, Transaction, new_id
from gateway.times import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One document packet as it was read: what it says, its files made durable, and what was found in it."""

    arrival: Arrival
    connection: Connection
    packet: DocumentPacket
    read: ReadPacket
    files: tuple[Blob, ...]
    findings: tuple[Finding, ...]
    inspected: Inspection
    examined: Examined


class Deliverer:
    """Makes documents of what arrived, in the transaction of the arrival's job."""

    def __init__(self, *, announce: Announce, examiner: Examiner, clock: Clock) -> None:
        self._announce = announce
        self._examiner = examiner
        self._clock = clock

    async def deliver(self, tx: Transaction, arrived: Arrived, unit: Unit) -> None:
        """Lay it before the unit; what the unit has already is attached to, not imported again."""
        arrival, packet = arrived.arrival, arrived.packet
        now = self._clock()
        header = packet.message_header
        sender = _canonical(await catalogue.aliases(tx, header.from_.organ_id or ""))
        meaning = meaning_hash(packet, _digests(arrived.read, arrived.files))
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
            muted=_before(arrived.connection.cut_off, packet, arrival),
            findings=findings_json(arrived.findings),
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
            for one, blob, verdict in zip(
                arrived.read.attachments, arrived.files, arrived.inspected.verdicts, strict=True
            )
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
            tx,
            Announcement(
                kind=Happening.ARRIVED,
                at=now,
                unit_code=unit.code,
                document=document.id,
                proof={
                    "arrival": arrival.id,
                    "packet": arrived.read.sha256,
                    "meaning": meaning,
                    "document_id": document.document_id,
                    "from": sender,
                },
            ),
        )
        await self._examiner.keep(
            tx,
            arrived.examined,
            sort=SubjectSort.DOCUMENT,
            subject=document.id,
            packet_id=arrival.packet_id or "",
            unit_code=unit.code,
        )
        await self._examiner.tell(tx, arrived.examined, arrival=arrival.id, document=document.id, unit_code=unit.code)
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
        is_repeat = await repository.has_come_for(tx, earlier.id, arrival.to_code)
        await repository.attach_arrival(tx, arrival.id, earlier.id)
        if not is_repeat:
            return
        await self._announce(
            tx,
            Announcement(
                kind=Happening.ARRIVED_AGAIN,
                at=self._clock(),
                unit_code=earlier.unit_code,
                document=earlier.id,
                proof={"arrival": arrival.id},
            ),
        )


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


def _digests(read: ReadPacket, files: tuple[Blob, ...]) -> list[FileDigest]:
    return [
        FileDigest(name=one.attachment_name, description=one.description, size=blob.size, sha256=blob.sha256)
        for one, blob in zip(read.attachments, files, strict=True)
    ]


def _cut(value: str | None) -> str | None:
    return value[:100] if value else None
