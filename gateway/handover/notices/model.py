"""The nouns of notices."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.documents.announcing import Happening


class Sort(StrEnum):
    """What may be claimed: documents that came; what became of documents sent; statuses that came or were lost; alarms."""

    DOCUMENT = "document"
    SENDING = "sending"
    STATUS = "status"
    ALARM = "alarm"


KINDS = {
    Sort.SENDING: (Happening.SENT, Happening.REFUSED, Happening.UNKNOWN),
    Sort.STATUS: (Happening.STATUS_RECEIVED, Happening.STATUS_LOST),
    Sort.ALARM: (Happening.SET_APART, *(one for one in Happening if one.startswith("alarm."))),
}
"""Events that become notices. Echoes of what the document system did itself do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whose notices: a client, what it is bound to, and since when it is there."""

    id: str
    units: frozenset[str]
    since: datetime


class NoticeState(StrEnum):
    """waiting → claimed → confirmed; as a delivery otherwise."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    CONFIRMED = "confirmed"
    SET_APART = "set_apart"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One event for one client of the inbox. `sort` is the sort of claims that it belongs to."""

    id: str
    client_id: str
    seq: int
    sort: str
    unit_code: str | None
    state: NoticeState
    lease: str | None
    lease_until: datetime | None
    available_at: datetime
    rejects: int
    last_reject: str | None
