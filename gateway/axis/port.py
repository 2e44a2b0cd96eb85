"""What an axis can do, whatever its clothes: one port, one adapter for each protocol (`vxp`, later `lgsp`)."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import BinaryIO, Protocol

from gateway.axis.places import Weight


class MessageType(StrEnum):
    """What a packet is to the axis."""

    EDOC = "edoc"
    STATUS = "status"


class Transport(StrEnum):
    """Transport state of one recipient's copy. `UNKNOWN` is ours: the axis said another word."""

    INITIAL = "initial"
    PROCESSING = "processing"
    DONE = "done"
    FAIL = "fail"
    UNKNOWN = "unknown"


class ErrorClass(StrEnum):
    """What an error code means for what we do next."""

    TRANSIENT = "transient"
    AMBIGUOUS = "ambiguous"
    PERMANENT_PACKET = "permanent_packet"
    PERMANENT_RECIPIENT = "permanent_recipient"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entry of the received list. Times are the axis's text: their zone is not established, never order by them."""

    doc_id: str
    message_type: MessageType
    from_code: str | None
    to_code: str | None
    status: Transport
    created_time: str | None = None
    updated_time: str | None = None
    status_desc: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """One recipient's row of the sent list. Both state words are kept raw: their value sets are not established."""

    sender_doc_id: str | None
    receiver_doc_id: str | None
    from_code: str | None
    to_code: str | None
    title: str | None = None
    notation: str | None = None
    sent_time: str | None = None
    received_time: str | None = None
    send_status: str | None = None
    receive_status: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """One row of the axis's directory, from any of its three lists."""

    code: str
    name: str
    id: str | None = None
    parent_id: str | None = None
    mail: str | None = None
    old_code: str | None = None
    code_2016: str | None = None
    version: int | None = None
    center_code: str | None = None
    deleted: bool = False
    is_agency: bool | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What registerAgency takes; an empty `id` makes a new one."""

    id: str = ""
    parent_code: str
    code: str
    name: str
    mail: str = ""
    mobile: str = ""
    fax: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The axis has it. `doc_id` is the sender's ObjectId, the key of the sent list."""

    doc_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The axis has said no, in a valid answer."""

    code: str
    text: str
    error_class: ErrorClass


@dataclass(frozen=True, slots=True)
class NotSent:
    """The body was not completed, so the axis cannot have it: safe to send again. `retry_after` in seconds."""

    reason: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The body was completed and no valid answer came: it may be there or not. `doc_id` when the answer held one."""

    reason: str
    doc_id: str | None = None


SendResult = Accepted | Rejected | NotSent | Unknown


class AxisError(Exception):
    """The base of what a call other than send may end in."""


class AxisUnavailable(AxisError):
    """No valid answer: unreachable, not JSON, keys missing, cut. Never an empty list. Worth trying again.

    `reason` is a short stable word (`connect`, `timeout`, `http_502`, `not_json`, `keys_missing`, `cut`, …).
    """

    def __init__(self, reason: str, detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.retry_after = retry_after


NOT_WHOLE = frozenset({"not_whole", "not_packet"})
"""Reasons of AxisUnavailable that say: the fetch was answered, with something that is no whole packet."""


class AxisRefused(AxisError):
    """A valid answer that says FAIL."""

    def __init__(self, code: str, text: str, error_class: ErrorClass) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.error_class = error_class


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and answer as the operations log keeps it: no hash, no secret, no packet data."""

    operation: str
    correlation_id: str | None
    http_status: int | None
    error_code: str | None
    error_text: str | None
    seconds: float
    axis_date: datetime | None = None
    answer_excerpt: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class PacketSource(Protocol):
    """The packet to send: bytes that do not change, their count and their true SHA-256 (hex)."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def sha256(self) -> str:
        """Lower-case hex, 64 characters."""

    def open(self) -> BinaryIO:
        """From the beginning; the caller closes it."""


class Axis(Protocol):
    """One connection (systemId) at one axis. Everything but `send` raises AxisUnavailable or AxisRefused.

    Every call but `send` may be repeated by itself a few times inside the adapter; `send` never.
    """

    async def received(
        self, kind: MessageType, since: datetime | None = None, until: datetime | None = None
    ) -> list[Item]:
        """What is addressed to us and not yet acknowledged. Empty only when the answer was complete and valid."""

    async def fetch(self, doc_id: str, write: Callable[[bytes], object]) -> int:
        """The packet's bytes, written piece by piece as they come; their count. Raises when they were not complete."""

    async def acknowledge(self, doc_id: str, state: Transport) -> None:
        """updateStatus on our copy."""

    def place(self, weight: Weight) -> AbstractAsyncContextManager[None]:
        """A place for one `send`, waited for before it is said that the packet leaves; had for the time of the block."""

    async def send(
        self, kind: MessageType, from_code: str, packet: PacketSource, to: tuple[str, ...] | None = None
    ) -> SendResult:
        """Send once, in a `place`. Never raises for what the network or the axis does."""

    async def sent(
        self,
        kind: MessageType,
        doc_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[SentRow]:
        """What became of what we sent."""

    def agencies(self) -> AsyncIterator[Agency]:
        """getAgenciesList as a stream (100 000 rows and more)."""

    def agencies_qd20(self, level: str = "1") -> AsyncIterator[Agency]:
        """getAgenciesListQD20 as a stream."""

    def units(self) -> AsyncIterator[Agency]:
        """getSynchronizeUnit as a stream."""

    async def register(self, registration: Registration) -> None:
        """registerAgency: a new unit, or a change."""

    async def remove(self, agency_code: str) -> None:
        """deleteAgency."""

    async def count(self, kind: MessageType) -> int:
        """countReceiveEdoc or countReceiveStatus: a cheap probe that also proves the signature, where available."""

    async def close(self) -> None:
        """Give back connections."""
