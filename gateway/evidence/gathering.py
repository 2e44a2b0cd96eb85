"""Collects what there is about a document or a status: packets, answers, statuses, signatures, entries of the log."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.documents import repository as documents
from gateway.documents.model import Dispatch, Document, Packet
from gateway.documents.signatures import repository as signatures
from gateway.evidence import repository
from gateway.evidence.contents import (
    ArrivalPart,
    Contents,
    DispatchPart,
    FilePart,
    Log,
    LogEntry,
    LogHead,
    LogRun,
    PacketPart,
    RecipientPart,
    StatusPart,
    Subject,
)
from gateway.evidence.entry import Link, digest
from gateway.evidence.heads import Head
from gateway.problems import Kind, Problem, Text
from gateway.signing.facts import SignatureFacts
from gateway.statuses import repository as statuses
from gateway.statuses.model import StatusEvent
from gateway.store import Blob, Transaction

_MOST_DIGESTS = 200_000
"""Digests of other entries in one bundle, 14 MB; some forty days of a busy agency."""

_PORTION = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureEvidence:
    """What was kept of a packet's signature: the facts, when they were judged, and what they rest on (DER)."""

    facts: SignatureFacts
    judged_at: datetime
    certificates: tuple[bytes, ...] = ()
    revocation: tuple[bytes, ...] = ()


EvidenceOf = Callable[[Transaction, str], Awaitable[SignatureEvidence | None]]
"""What is kept of the signature of a packet (our id); None when nothing is."""


async def kept(tx: Transaction, packet_id: str) -> SignatureEvidence | None:
    """The EvidenceOf of this gateway."""
    found = await signatures.of_packet(tx, packet_id)
    if found is None:
        return None
    own = (found.certificate,) if found.certificate is not None and found.certificate not in found.chain else ()
    return SignatureEvidence(
        facts=found.facts,
        judged_at=found.received_at,
        certificates=(*own, *found.chain),
        revocation=found.revocation,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredPacket:
    """A packet of the bundle, with its bytes' place."""

    part: PacketPart
    blob: Blob
    signature: SignatureEvidence | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """All that goes into a bundle. The packets of `contents` get their files when the bundle is written."""

    contents: Contents
    packets: tuple[GatheredPacket, ...]
    log: Log


async def gather(tx: Transaction, id: str, evidence_of: EvidenceOf = kept) -> Gathered:
    """What there is about the document or status with our id. Raises Problem `evidence.unknown`."""
    status = None
    document = await documents.find_document(tx, id)
    if document is None and (status := await statuses.find(tx, id)) is not None:
        document = await documents.find_document(tx, status.document_id)
    if document is None:
        raise Problem(
            "evidence.unknown",
            Kind.NOT_FOUND,
            Text(f"Không có văn bản hay trạng thái {id[:40]}.", f"There is no document or status {id[:40]}."),
            Text("Dùng mã của văn bản hoặc trạng thái trong gateway.", "Use the gateway's own id of the document or status."),
        )  # fmt: skip
    events = [status] if status else await statuses.history(tx, document.id)
    carried = [] if status else await documents.dispatches_of(tx, document.id)
    dispatches = [*carried, *await _of_statuses(tx, events)]
    come = {one.arrival_id for one in events if one.arrival_id}
    if status is None:
        come |= set(await repository.arrivals_of(tx, document.id))
    arrivals = [one for id in sorted(come) if (one := await documents.find_arrival(tx, id)) is not None]
    ids = [*(one.packet_id for one in dispatches), *(one.packet_id for one in arrivals)]
    packets = await _packets(tx, ids, evidence_of)
    subjects = {*(one.id for one in dispatches), *(one.id for one in arrivals), *(one.id for one in events)}
    return Gathered(
        contents=Contents(
            subject=_subject(document, status),
            files=() if status else await _files(tx, document.id),
            recipients=() if status else await _recipients(tx, document.id),
            dispatches=tuple(map(_dispatch, dispatches)),
            arrivals=tuple(
                ArrivalPart(
                    id=one.id,
                    message_type=one.message_type,
                    connection=one.connection_id,
                    axis_doc_id=one.doc_id,
                    from_code=one.from_code,
                    to_code=one.to_code,
                    state=one.state,
                    packet=one.packet_id,
                    fetches=one.fetches,
                    reason=one.reason,
                    booked_at=one.booked_at,
                    acknowledged_at=one.acknowledged_at,
                    acknowledged_as=one.acknowledged_as,
                )
                for one in arrivals
            ),
            statuses=tuple(map(_status, events)),
            packets=tuple(one.part for one in packets),
        ),
        packets=tuple(packets),
        log=await _log(tx, None if status else document.id, subjects),
    )


async def _of_statuses(tx: Transaction, events: Sequence[StatusEvent]) -> list[Dispatch]:
    found = [await documents.find_dispatch(tx, one.dispatch_id) for one in events if one.dispatch_id]
    return [one for one in found if one is not None]


async def _packets(tx: Transaction, ids: Sequence[str | None], evidence_of: EvidenceOf) -> list[GatheredPacket]:
    found = []
    for id in sorted({one for one in ids if one}):
        packet = await documents.find_packet(tx, id)
        if packet is not None:
            found.append(
                GatheredPacket(part=_packet(packet), blob=packet.blob, signature=await evidence_of(tx, packet.id))
            )
    return found


async def _log(tx: Transaction, document_id: str | None, subjects: set[str]) -> Log:
    entries = await repository.links_of(tx, document_id, subjects)
    present = await repository.head(tx)
    runs: list[LogRun] = []
    room = _MOST_DIGESTS
    for one in entries:
        if runs and one.seq <= runs[-1].head.seq:
            continue
        head = await repository.day_reaching(tx, one.seq) or present
        if not one.seq <= head.seq < one.seq + room:
            continue
        run = await _run(tx, one, head)
        if run is not None:
            runs.append(run)
            room -= len(run.digests)
    return Log(
        entries=tuple(LogEntry(seq=one.seq, body=one.body, previous=one.previous, hash=one.hash) for one in entries),
        runs=tuple(runs),
        waiting=tuple(await repository.waiting_of(tx, document_id, subjects)),
    )


async def _run(tx: Transaction, first: Link, head: Head) -> LogRun | None:
    """The digests from an entry to a head; None where entries between them are missing (the audit says which)."""
    digests = [digest(first.seq, first.body)]
    after = first.seq
    while after < head.seq:
        portion = await repository.links_after(tx, after, min(_PORTION, head.seq - after))
        for one in portion:
            if one.seq != after + 1:
                return None
            digests.append(digest(one.seq, one.body))
            after = one.seq
        if not portion:
            return None
    return LogRun(
        first=first.seq,
        previous=first.previous,
        digests=tuple(digests),
        head=LogHead(day=head.day, seq=head.seq, hash=head.hash),
    )


async def _files(tx: Transaction, document_id: str) -> tuple[FilePart, ...]:
    return tuple(
        FilePart(
            position=one.position,
            attachment_name=one.attachment_name,
            size=one.blob.size,
            sha256=one.blob.sha256,
            verdict=one.verdict,
        )
        for one in await documents.attachments_of(tx, document_id)
    )


async def _recipients(tx: Transaction, document_id: str) -> tuple[RecipientPart, ...]:
    return tuple(
        RecipientPart(
            code=one.code,
            dispatch=one.dispatch_id,
            transport_state=one.transport_state,
            processing_code=one.processing_code,
            processing_at=one.processing_at,
        )
        for one in await documents.recipients_of(tx, document_id)
    )


def _subject(document: Document, status: StatusEvent | None) -> Subject:
    return Subject(
        kind="status" if status else "document",
        id=status.id if status else document.id,
        document=document.id,
        direction=document.direction,
        unit=document.unit_code,
        sender=document.sender_code,
        document_id=document.document_id,
        business_type=document.business_type,
        state=document.state,
        meaning=document.meaning,
        twin_of=document.twin_of,
        created_at=document.created_at,
        changed_at=document.changed_at,
    )


def _dispatch(one: Dispatch) -> DispatchPart:
    return DispatchPart(
        id=one.id,
        message_type=one.message_type,
        connection=one.connection_id,
        from_code=one.from_code,
        state=one.state,
        packet=one.packet_id,
        status=one.status_event_id,
        axis_doc_id=one.axis_doc_id,
        attempts=one.attempts,
        reason=one.reason,
        error_code=one.error_code,
        error_text=one.error_text,
        created_at=one.created_at,
        sent_at=one.sent_at,
        changed_at=one.changed_at,
        resends=one.resends,
    )


def _status(one: StatusEvent) -> StatusPart:
    return StatusPart(
        id=one.id,
        direction=one.direction,
        other_code=one.other_code,
        code=one.code,
        raw_code=one.raw_code,
        source_time=one.source_time,
        recorded_at=one.recorded_at,
        dispatch=one.dispatch_id,
        arrival=one.arrival_id,
    )


def _packet(one: Packet) -> PacketPart:
    return PacketPart(
        id=one.id,
        message_type=one.message_type,
        direction=one.direction,
        size=one.blob.size,
        sha256=one.blob.sha256,
        created_at=one.created_at,
        file=f"packets/{one.id}.edxml",
    )
