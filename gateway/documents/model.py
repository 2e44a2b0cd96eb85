"""The nouns of the two trips: Document, Attachment, Recipient, Packet, Dispatch, Arrival."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from gateway.axis.port import MessageType
from gateway.edxml.model import DocumentPacket
from gateway.store import Blob


class Direction(StrEnum):
    """Which way a document or a status goes, seen from here."""

    OUT = "out"
    IN = "in"


class DocumentState(StrEnum):
    """Where a document stands as a whole.

    Out: waiting → sending → sent, or unknown, refused, cancelled. In: waiting → handed_over, or set_apart, discarded.
    """

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    HANDED_OVER = "handed_over"
    SET_APART = "set_apart"
    DISCARDED = "discarded"


class DispatchState(StrEnum):
    """Where one packet to a set of recipients stands (rule 1 of the house).

    `SENDING` is committed before the first byte leaves; found after a crash it becomes `UNKNOWN`, never sent by itself.
    """

    QUEUED = "queued"
    BUILT = "built"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    GIVEN_UP = "given_up"


class ArrivalState(StrEnum):
    """Where one item of the axis's list stands: booked → fetched → delivered or quarantined → acknowledged.

    A person may discard what was quarantined or is addressed to nobody here.
    """

    BOOKED = "booked"
    FETCHED = "fetched"
    OBSERVED = "observed"
    DELIVERED = "delivered"
    QUARANTINED = "quarantined"
    STRANGER = "stranger"
    ACKNOWLEDGED = "acknowledged"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What was given to us or came to us, for one own unit. `packet` is the header; files are Attachments.

    `meaning` is the SHA-256 of the normal form with its files: two documents with the same one say the same.
    `twin_of` names an earlier document with the same id and other content. A `muted` one is reported no statuses
    (it lies before its connection's cut-off date).
    """

    id: str
    direction: Direction
    unit_code: str
    sender_code: str
    document_id: str
    business_type: str
    number: str | None
    notation: str | None
    promulgation_date: date | None
    subject: str | None
    priority: int
    packet: DocumentPacket
    state: DocumentState
    meaning: str
    twin_of: str | None
    muted: bool
    findings: str
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One real file of a document (after unzipping). `position` counts from 1.

    `verdict` is the antivirus's: `clean`, `infected:NAME` or `not_scanned:reason`; None where nobody was asked.
    """

    document_id: str
    position: int
    attachment_name: str
    safe_name: str
    content_type: str | None
    content_id: str
    description: str | None
    blob: Blob
    verdict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One addressee of a document we sent: its transport state (that of its dispatch) and its processing state, apart."""

    id: str
    document_id: str
    position: int
    code: str
    name: str | None
    dispatch_id: str
    transport_state: DispatchState
    processing_code: str | None
    processing_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The bytes sent or received, kept as they are."""

    id: str
    message_type: MessageType
    direction: Direction
    blob: Blob
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One packet to a set of recipients through one connection; `sendEdoc` answers once for it.

    `document_id` is our id of the document that is carried, or of which the status speaks. `resends` is the earlier
    dispatch of which a person sent it again to some recipients; its packet names those alone. Of its `attempts` those
    are `doubts` that left it open whether the axis can take it, or has it.
    """

    id: str
    message_type: MessageType
    unit_code: str
    document_id: str
    status_event_id: str | None
    connection_id: str
    from_code: str
    lane: int
    state: DispatchState
    packet_id: str | None
    axis_doc_id: str | None
    attempts: int
    reason: str | None
    error_code: str | None
    error_text: str | None
    created_at: datetime
    sent_at: datetime | None
    changed_at: datetime
    resends: str | None = None
    doubts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One item that the axis lists for us. `doc_id` is the axis's GUID for our copy."""

    id: str
    connection_id: str
    doc_id: str
    message_type: MessageType
    from_code: str | None
    to_code: str | None
    created_time: str | None
    state: ArrivalState
    packet_id: str | None
    unreadable_sha256: str | None
    fetches: int
    reason: str | None
    findings: str
    booked_at: datetime
    changed_at: datetime
    acknowledged_at: datetime | None
    acknowledged_as: str | None
