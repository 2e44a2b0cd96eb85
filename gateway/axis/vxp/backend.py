"""What stands behind the protocol's server half: the questions it is asked and what it may answer.

The simulator is one such backend, the facade another. None of them knows HTTP.
"""

from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from gateway.axis.port import Agency, Item, MessageType, Registration, SentRow, Transport
from gateway.edxml.sinks import Sink, Source

T = TypeVar("T")
Rows = Iterable[T] | AsyncIterable[T]


class ErrorCode(StrEnum):
    """The error codes of an axis (axis API 4)."""

    OK = "0"
    FILE_INVALID = "10"
    BAD_CREDENTIALS = "15"
    UNKNOWN_RECEIVER = "18"
    SENDER_NOT_REGISTERED = "19"
    SYSTEM_ERROR = "20"
    FILE_PROCESSING = "21"
    BAD_FORMAT = "22"
    RECEIVER_LOCKED = "23"
    INVALID_ARGUMENT = "-1"


class ServerFail(Exception):
    """A refusal that becomes a FAIL answer. `text` may hold accents; they are taken off on the way out.

    `doc_id` is what the answer of `sendEdoc` carries as DocId: the SDK loses the cause when the field is missing, so it
    is there even when empty. None leaves it out, as some servers do.
    """

    def __init__(self, code: ErrorCode | str, text: str, *, doc_id: str | None = "") -> None:
        super().__init__(f"{code}: {text}")
        self.code = str(code)
        self.text = text
        self.doc_id = doc_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedQuery:
    """getReceivedEdocList: what waits for one system. Dates are bounds on `created_time`, in Vietnam time."""

    system_id: str
    kind: MessageType
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentQuery:
    """getSentEdocList: `doc_id` is the sender's; without it, what was sent between two dates."""

    system_id: str
    kind: MessageType
    doc_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """sendEdoc without its body. `to` restricts the recipients to some of the packet's own; None means all."""

    system_id: str
    kind: MessageType
    from_code: str
    to: tuple[str, ...] | None = None
    content_length: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """updateStatus: `state` is never INITIAL or UNKNOWN."""

    system_id: str
    doc_id: str
    state: Transport
    description: str | None = None


class AxisBackend(Protocol):
    """What answers the operations. Each method may raise ServerFail, or Problem, which becomes code 20; `system_id` has proved who it is."""

    async def received(self, query: ReceivedQuery) -> Rows[Item]:
        """What is addressed to the system and not acknowledged."""

    async def fetch(self, system_id: str, doc_id: str) -> Source:
        """The packet behind one received item."""

    async def acknowledge(self, acknowledgement: Acknowledgement) -> None:
        """Set the transport state of one received item."""

    async def new_body(self, submission: Submission) -> Sink:
        """Where the packet is put while it comes in; the place to refuse before a byte of it is read."""

    async def send(self, submission: Submission, body: Sink) -> str:
        """Take the packet, whole and with its hash checked; gives the sender's DocId.

        The body is the backend's from here on, also when it refuses.
        """

    async def sent(self, query: SentQuery) -> Rows[SentRow]:
        """One row for each recipient."""

    async def count(self, system_id: str, kind: MessageType) -> int:
        """How many items `received` would give."""

    async def agencies(self, system_id: str) -> Rows[Agency]:
        """The directory."""

    async def agencies_qd20(self, system_id: str, level: str) -> Rows[Agency]:
        """The directory in the codes of Decision 20/2020."""

    async def units(self, system_id: str) -> Rows[Agency]:
        """The directory with versions and deletions."""

    async def register(self, system_id: str, registration: Registration) -> None:
        """Add a unit, or change one."""

    async def remove(self, system_id: str, agency_code: str) -> None:
        """Take a unit out."""
