"""The nouns of the desk."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.documents.settling.repository import Settling
from gateway.problems import Problem, Text


class DeskSort(StrEnum):
    """What lies on the desk: something that did not leave, something that came, something that was not taken over."""

    DISPATCH = "dispatch"
    ARRIVAL = "arrival"
    DELIVERY = "delivery"


class Action(StrEnum):
    """What a person may have done with it."""

    SEND_AGAIN = "send_again"
    SETTLE = "settle"
    RESEND = "resend"
    CHANGE_ADDRESSEE = "change_addressee"
    READ_AGAIN = "read_again"
    DISCARD = "discard"


class Decision(StrEnum):
    """What a person says of an Unknown outcome."""

    ARRIVED = "arrived"
    SEND_AGAIN = "send_again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who acts: a key's client or an operating system's user. `units` None sees everything (an operator)."""

    name: str
    units: frozenset[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskItem:
    """One thing on the desk. `attempts`: how often it was sent, fetched or rejected."""

    id: str
    sort: DeskSort
    state: str
    reason: str | None
    message_type: str
    document: str | None
    unit_code: str | None
    connection: str | None
    from_code: str | None
    to_codes: tuple[str, ...]
    attempts: int
    axis_doc_id: str | None
    axis_code: str | None
    axis_text: str | None
    created_at: datetime
    changed_at: datetime
    findings: str
    actions: tuple[Action, ...]
    advice: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskAction:
    """One action that was taken, as it was written down. `target` is an item or a document."""

    id: str
    at: datetime
    who: str
    action: Action
    target_sort: str
    target: str
    document: str | None
    reason: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Why one attempt failed, and when."""

    at: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An item with all that is known of it."""

    item: DeskItem
    attempts: tuple[Attempt, ...]
    settling: Settling | None
    actions: tuple[DeskAction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What came of one of several; `refused` where nothing was done with it."""

    id: str
    refused: Problem | None
