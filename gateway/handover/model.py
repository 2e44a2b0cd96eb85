"""The nouns of hand-over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DeliveryState(StrEnum):
    """waiting → claimed → handed_over; a claim that ends without confirmation waits again; rejected too often: set apart."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    HANDED_OVER = "handed_over"
    SET_APART = "set_apart"
    DISCARDED = "discarded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One document for one own unit. `lease` is the token of the present claim; it must be shown to confirm."""

    id: str
    document_id: str
    unit_code: str
    state: DeliveryState
    lease: str | None
    lease_until: datetime | None
    available_at: datetime
    rejects: int
    last_reject: str | None
    created_at: datetime
    handed_over_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something the document system should know. `seq` only grows, in the order of commits."""

    seq: int
    at: datetime
    kind: str
    unit_code: str | None
    document_id: str | None
    data: Mapping[str, str]
