"""What is shown of documents, statuses, events and agencies. Times are ISO 8601 in Vietnam time with offset (G-52)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

from gateway.directory.catalogue import Standing
from gateway.documents.announcing import Happening
from gateway.documents.findings import StoredFinding, findings_json, stored_findings
from gateway.documents.model import Attachment, Direction, Dispatch, Document, Recipient
from gateway.documents.outgoing import Checked
from gateway.edxml.model import DocumentPacket
from gateway.handover.inbox import Claim
from gateway.handover.model import Delivery, Event
from gateway.handover.notices.claiming import NoticeClaim
from gateway.handover.notices.model import Notice
from gateway.signing.facts import SignatureFacts
from gateway.statuses.codes import name_of
from gateway.statuses.model import StatusEvent
from gateway.times import shown

Shown = Annotated[datetime, PlainSerializer(shown, return_type=str)]


class View(BaseModel):
    """Base of what is shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True, populate_by_name=True)


class DocumentLine(View):
    """A document in a list."""

    id: str = Field(description="Ours; addresses the document here.")
    href: str = Field(examples=["/v1/documents/0193…"])
    direction: str = Field(description="out or in")
    unit_code: str
    sender_code: str
    document_id: str = Field(description="The sender's own DocumentId.")
    business_type: str = Field(description="0 new, 1 recall, 2 update, 3 replace")
    code_number: str | None
    code_notation: str | None
    promulgation_date: date | None
    subject: str | None
    priority: int
    state: str
    created_at: Shown
    changed_at: Shown


class DocumentList(View):
    """One page, newest first; `next` is the cursor of the next page, null on the last."""

    items: tuple[DocumentLine, ...]
    next: str | None


class ProcessingView(View):
    """Processing state of one recipient, as its statuses fold to it."""

    code: str
    name: str
    name_vi: str
    at: Shown | None


class RecipientView(View):
    """One addressee, with its transport state and its processing state, apart."""

    code: str
    name: str | None
    transport_state: str
    processing_state: ProcessingView | None


class AttachmentView(View):
    """One file. `size` in bytes, `sha256` of the real file."""

    position: int
    attachment_name: str
    description: str | None
    content_type: str | None
    content_id: str
    size: int
    sha256: str
    antivirus: str | None = Field(
        description="clean, infected:NAME or not_scanned:reason (off, unreachable, over_limit, timeout, error); "
        "null where nobody was asked.",
        examples=["clean", "not_scanned:off"],
    )
    href: str


class Moment(View):
    """One line of a document's timeline; `code` is a status code, where the step is a status."""

    at: Shown
    step: str = Field(examples=["document.sent", "status.in", "status.out"])
    organ_id: str | None = None
    code: str | None = None
    name: str | None = None
    name_vi: str | None = None
    description: str | None = None
    signature: SignatureFacts | None = Field(None, description="Of the status packet, where it bears one.")


class DocumentView(DocumentLine):
    """A document with all that became of it."""

    message_header: dict[str, object] = Field(description="As packet read prints it.")
    trace_header_list: dict[str, object]
    recipients: tuple[RecipientView, ...]
    attachments: tuple[AttachmentView, ...]
    timeline: tuple[Moment, ...]
    findings: tuple[StoredFinding, ...]
    signature: SignatureFacts | None = Field(
        description="Of the packet that came, or of the latest that was built: each fact true, false, or null for "
        "not determined. Null for a packet that bears none and was to bear none."
    )
    twin_of: str | None = Field(description="An earlier document with the same id and other content.")
    packet_href: str


class AcceptedView(View):
    """A document was taken over. The answer to a repeat is the same."""

    id: str
    href: str
    document_id: str
    unit_code: str
    created_at: Shown
    findings: tuple[StoredFinding, ...] = Field(
        description="Warnings only: what is odd, or would not arrive as written."
    )


class CheckedView(View):
    """A document that would be taken over; nothing was kept."""

    document_id: str | None
    unit_code: str
    recipients: tuple[str, ...]
    findings: tuple[StoredFinding, ...]


class StatusView(View):
    """A recorded status. `moved`: whether it moved the state."""

    id: str
    direction: str
    code: str
    name: str
    name_vi: str
    organ_id: str = Field(description="The body at the other end.")
    description: str | None
    source_time: Shown
    recorded_at: Shown
    moved: bool


class StatusList(View):
    """Statuses recorded by one report: one for each addressee."""

    items: tuple[StatusView, ...]


class EventView(View):
    """Something the document system should know."""

    seq: int
    at: Shown
    kind: str
    unit_code: str | None
    document: str | None
    href: str | None
    data: dict[str, str]


class EventList(View):
    """Events in order; ask again with `after` = `next`, also when there is none: it lies beyond those of other units."""

    items: tuple[EventView, ...]
    next: int


class ClaimView(View):
    """Something that waits for its document system, held for it until `lease_until`."""

    id: str = Field(description="Confirm or reject it by this.")
    lease: str
    lease_until: Shown | None
    rejects: int
    kind: str = Field(
        description="document.arrived for a document that came in; else the kind of an event.",
        examples=["document.arrived", "status.received", "alarm.packet_unreadable"],
    )
    at: Shown
    seq: int | None = Field(description="The event's number in the feed; null for a document that came in.")
    unit_code: str | None = Field(description="Null for what concerns every unit.")
    document: DocumentLine | None = Field(description="What came in, or what the event speaks of.")
    data: dict[str, str] = Field(description="As in the feed.")


class ClaimList(View):
    """What was claimed; empty when nothing waits."""

    items: tuple[ClaimView, ...]


class DeliveryView(View):
    """How what was claimed stands after confirm or reject. Documents are `handed_over`, all else is `confirmed`."""

    id: str
    document: str | None
    state: str
    rejects: int
    available_at: Shown
    handed_over_at: Shown | None


class AgencyView(View):
    """What is known of one code today."""

    code: str
    name: str | None
    known_by: str = Field(description="axis, level1 or unit")
    open: str = Field(description="open, closed or unknown")
    successor: str | None
    aliases: tuple[str, ...]
    verified: str | None


def line(document: Document) -> DocumentLine:
    """A document in a list."""
    return DocumentLine(**_line_fields(document))


def whole(
    document: Document,
    *,
    recipients: Sequence[Recipient],
    attachments: Sequence[Attachment],
    dispatches: Sequence[Dispatch],
    statuses: Sequence[StatusEvent],
    events: Sequence[Event],
    signatures: Mapping[str, SignatureFacts],
) -> DocumentView:
    """A document with all that became of it; `signatures` by the id of document, dispatch or arrival."""
    header = _header(document.packet)
    return DocumentView(
        **_line_fields(document),
        message_header=header["message_header"],
        trace_header_list=header["trace_header_list"],
        recipients=tuple(_recipient(one) for one in recipients),
        attachments=tuple(attachment(one) for one in attachments),
        timeline=tuple(_timeline(events, statuses, dispatches, signatures)),
        signature=_signature(document, dispatches, signatures),
        findings=stored_findings(document.findings),
        twin_of=document.twin_of,
        packet_href=f"{href(document.id)}/packet",
    )


def href(document_id: str) -> str:
    """The document's address."""
    return f"/v1/documents/{document_id}"


def accepted(document: Document) -> AcceptedView:
    """The answer to taking a document over; made only of what never changes."""
    return AcceptedView(
        id=document.id,
        href=href(document.id),
        document_id=document.document_id,
        unit_code=document.unit_code,
        created_at=document.created_at,
        findings=stored_findings(document.findings),
    )


def checked(result: Checked) -> CheckedView:
    """The answer to a check."""
    return CheckedView(
        document_id=result.packet.message_header.document_id,
        unit_code=result.unit.code,
        recipients=tuple(one.organ_id or "" for one in result.recipients),
        findings=stored_findings(findings_json(result.warnings)),
    )


def attachment(one: Attachment) -> AttachmentView:
    """One file of a document."""
    return AttachmentView(
        position=one.position,
        attachment_name=one.attachment_name,
        description=one.description,
        content_type=one.content_type,
        content_id=one.content_id,
        size=one.blob.size,
        sha256=one.blob.sha256,
        antivirus=one.verdict,
        href=f"{href(one.document_id)}/attachments/{one.position}",
    )


def status(event: StatusEvent) -> StatusView:
    """A recorded status."""
    name = name_of(event.code)
    return StatusView(
        id=event.id,
        direction=event.direction,
        code=event.code,
        name=name.en,
        name_vi=name.vi,
        organ_id=event.other_code,
        description=event.description,
        source_time=event.source_time,
        recorded_at=event.recorded_at,
        moved=event.moved,
    )


def event(one: Event) -> EventView:
    """One entry of the feed."""
    return EventView(
        seq=one.seq,
        at=one.at,
        kind=one.kind,
        unit_code=one.unit_code,
        document=one.document_id,
        href=href(one.document_id) if one.document_id else None,
        data=dict(one.data),
    )


def claim(one: Claim | NoticeClaim) -> ClaimView:
    """A claimed delivery or notice."""
    if isinstance(one, NoticeClaim):
        return ClaimView(
            id=one.notice.id,
            lease=one.notice.lease or "",
            lease_until=one.notice.lease_until,
            rejects=one.notice.rejects,
            kind=one.event.kind,
            at=one.event.at,
            seq=one.event.seq,
            unit_code=one.event.unit_code,
            document=line(one.document) if one.document else None,
            data=dict(one.event.data),
        )
    return ClaimView(
        id=one.delivery.id,
        lease=one.delivery.lease or "",
        lease_until=one.delivery.lease_until,
        rejects=one.delivery.rejects,
        kind=Happening.ARRIVED,
        at=one.delivery.created_at,
        seq=None,
        unit_code=one.delivery.unit_code,
        document=line(one.document),
        data={},
    )


def delivery(one: Delivery | Notice) -> DeliveryView:
    """How a delivery or notice stands."""
    if isinstance(one, Notice):
        return DeliveryView(
            id=one.id,
            document=None,
            state=one.state,
            rejects=one.rejects,
            available_at=one.available_at,
            handed_over_at=None,
        )
    return DeliveryView(
        id=one.id,
        document=one.document_id,
        state=one.state,
        rejects=one.rejects,
        available_at=one.available_at,
        handed_over_at=one.handed_over_at,
    )


def agency(standing: Standing) -> AgencyView:
    """What is known of one code."""
    return AgencyView(
        code=standing.code,
        name=standing.name,
        known_by=standing.known_by or "",
        open=standing.open,
        successor=standing.successor,
        aliases=tuple(sorted(standing.aliases)),
        verified=standing.verified,
    )


def _line_fields(document: Document) -> dict[str, object]:
    return {
        "id": document.id,
        "href": href(document.id),
        "direction": document.direction.value,
        "unit_code": document.unit_code,
        "sender_code": document.sender_code,
        "document_id": document.document_id,
        "business_type": document.business_type,
        "code_number": document.number,
        "code_notation": document.notation,
        "promulgation_date": document.promulgation_date,
        "subject": document.subject,
        "priority": document.priority,
        "state": document.state.value,
        "created_at": document.created_at,
        "changed_at": document.changed_at,
    }


def _header(packet: DocumentPacket) -> dict[str, dict[str, object]]:
    header: dict[str, dict[str, object]] = packet.model_dump(mode="json", by_alias=True)
    return header


def _recipient(one: Recipient) -> RecipientView:
    processing = None
    if one.processing_code is not None:
        name = name_of(one.processing_code)
        processing = ProcessingView(code=one.processing_code, name=name.en, name_vi=name.vi, at=one.processing_at)
    return RecipientView(code=one.code, name=one.name, transport_state=one.transport_state, processing_state=processing)


def _signature(
    document: Document, dispatches: Sequence[Dispatch], signatures: Mapping[str, SignatureFacts]
) -> SignatureFacts | None:
    if document.direction is Direction.IN:
        return signatures.get(document.id)
    built = [one.id for one in reversed(dispatches) if one.status_event_id is None and one.packet_id is not None]
    return signatures.get(built[0]) if built else None


def _timeline(
    events: Iterable[Event],
    statuses: Iterable[StatusEvent],
    dispatches: Iterable[Dispatch],
    signatures: Mapping[str, SignatureFacts],
) -> list[Moment]:
    """Oldest first. Statuses speak for themselves, so their events are left out."""
    moments = [Moment(at=one.at, step=one.kind) for one in events if not one.kind.startswith("status.")]
    moments += [_status_moment(one, signatures.get(one.arrival_id or one.dispatch_id or "")) for one in statuses]
    moments += [
        Moment(at=one.changed_at, step=f"dispatch.{one.state.value}", description=one.reason or one.error_text)
        for one in dispatches
        if one.document_id is not None and (one.reason or one.error_text)
    ]
    return sorted(moments, key=lambda moment: moment.at)


def _status_moment(one: StatusEvent, signature: SignatureFacts | None) -> Moment:
    name = name_of(one.code)
    return Moment(
        at=one.source_time,
        step=f"status.{one.direction.value}",
        organ_id=one.other_code,
        code=one.code,
        name=name.en,
        name_vi=name.vi,
        description=one.description,
        signature=signature,
    )
