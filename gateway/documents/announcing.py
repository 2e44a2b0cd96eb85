"""What happens to documents is announced inside the transaction in which it happens; rooms above listen.

`handover` turns announcements into events and deliveries. An announcement holds no document content.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.store import Transaction


class Happening(StrEnum):
    """Kinds of announcement; the event feed shows these words."""

    ACCEPTED = "document.accepted"
    SENT = "document.sent"
    REFUSED = "document.refused"
    UNKNOWN = "document.unknown"
    CANCELLED = "document.cancelled"
    RESENT = "document.resent"
    ARRIVED = "document.arrived"
    ARRIVED_AGAIN = "document.arrived_again"
    HANDED_OVER = "document.handed_over"
    HAND_OVER_REFUSED = "document.hand_over_refused"
    SET_APART = "document.set_apart"
    STATUS_RECEIVED = "status.received"
    STATUS_REPORTED = "status.reported"
    STATUS_SENT = "status.sent"
    STATUS_LOST = "status.not_delivered"
    ALARM_QUARANTINE = "alarm.packet_unreadable"
    ALARM_ATTACHMENT = "alarm.attachment_quarantined"
    ALARM_NOT_FETCHED = "alarm.packet_not_fetched"
    ALARM_STRANGER = "alarm.not_addressed_to_us"
    ALARM_SECRECY = "alarm.secret_document_arrived"
    ALARM_UNMATCHED = "alarm.status_without_document"
    ALARM_STATUS_CODE = "alarm.status_code_unknown"
    ALARM_UNSAYABLE = "alarm.status_cannot_be_sent"
    ALARM_TWIN = "alarm.same_id_other_content"
    ALARM_SIGNATURE = "alarm.packet_signature"
    ALARM_CONNECTION = "alarm.connection_stopped"
    ALARM_SENDER = "alarm.sender_not_registered"
    ALARM_WAITING = "alarm.documents_do_not_leave"
    RESUMED = "alarm.connection_resumed"
    ALARM_DIRECTORY = "alarm.directory_shrank"
    ALARM_OUTCOME = "alarm.outcome_needs_a_person"
    ALARM_BLOB = "alarm.blob_damaged"
    ALARM_RESTORED = "alarm.restored_from_backup"
    ALARM_DAY_DUE = "alarm.hand_over_due"
    ALARM_DAY_OVER = "alarm.not_handed_over_today"
    ALARM_WEBHOOK_PAUSED = "alarm.webhook_paused"
    ALARM_WEBHOOK_CALL = "alarm.webhook_call_given_up"


class Witnessed(StrEnum):
    """Kinds of announcement that are for the evidence log alone; the document system is not told of them."""

    BUILT = "packet.built"
    SENDING = "packet.sending"
    FETCHED = "packet.fetched"
    ACKNOWLEDGED = "packet.acknowledged"
    DECIDED = "desk.decided"
    KEY_CHANGED = "signing.key_changed"
    POLICY_DECIDED = "signing.policy_decided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One thing that happened. `unit_code` None speaks to every unit (an alarm of a connection).

    `proof` is kept by the evidence log alone: ids, codes and hashes, never content.
    """

    kind: Happening | Witnessed
    at: datetime
    unit_code: str | None = None
    document: str | None = None
    data: Mapping[str, str] = field(default_factory=dict)
    proof: Mapping[str, str] = field(default_factory=dict)


Announce = Callable[[Transaction, Announcement], Awaitable[None]]
"""Called with the transaction that is about to commit what it speaks of."""

Passed = Callable[[str], None]
"""Told that a named point was passed; the fault tests end the process there."""


def unwatched(_: str) -> None:
    """The usual Passed."""
