"""The noun of the third trip."""

from dataclasses import dataclass
from datetime import datetime

from gateway.documents.model import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """Who did it, as StaffInfo says it."""

    department: str | None = None
    staff: str | None = None
    email: str | None = None
    mobile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusEvent:
    """A status that went out or came in, with source time and arrival time. `code` two digits, `raw_code` as it came.

    `recipient_id` is the addressee it speaks of (documents we sent); `other_code` is the body at the other end.
    """

    id: str
    document_id: str
    recipient_id: str | None
    direction: Direction
    unit_code: str
    other_code: str
    code: str
    raw_code: str
    description: str | None
    staff: Staff
    source_time: datetime
    recorded_at: datetime
    moved: bool
    dispatch_id: str | None
    arrival_id: str | None
