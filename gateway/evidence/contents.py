"""What a bundle holds, as the models by which it is written and by which it is read again.

Format `urn:lienthong:evidence:1`; a change makes a new number. Times are UTC; hashes lower-case hex.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = "urn:lienthong:evidence:1"

MANIFEST, CONTENTS, LOG = "manifest.json", "contents.json", "log.json"

Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Name = Annotated[str, Field(pattern=r"^[a-z]+(/[0-9a-z-]{1,80})?\.(json|edxml|der)$")]
"""A file of the bundle; never a path that leads elsewhere."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Subject(_Part):
    """What the bundle is about: a document, or one status of it. `document` is our id of the document."""

    kind: Literal["document", "status"]
    id: str
    document: str
    direction: str
    unit: str
    sender: str
    document_id: str
    business_type: str
    state: str
    meaning: str
    twin_of: str | None
    created_at: datetime
    changed_at: datetime


class FilePart(_Part):
    """A real file of the document; its bytes are in the packets."""

    position: int
    attachment_name: str
    size: int
    sha256: Hex
    verdict: str | None


class RecipientPart(_Part):
    """An addressee as it stands now."""

    code: str
    dispatch: str
    transport_state: str
    processing_code: str | None
    processing_at: datetime | None


class DispatchPart(_Part):
    """One sending and what the axis answered. `packet` is our id of the packet."""

    id: str
    message_type: str
    connection: str
    from_code: str
    state: str
    packet: str | None
    status: str | None
    axis_doc_id: str | None
    attempts: int
    reason: str | None
    error_code: str | None
    error_text: str | None
    created_at: datetime
    sent_at: datetime | None
    changed_at: datetime
    resends: str | None


class ArrivalPart(_Part):
    """One item of the axis's list that brought it."""

    id: str
    message_type: str
    connection: str
    axis_doc_id: str
    from_code: str | None
    to_code: str | None
    state: str
    packet: str | None
    fetches: int
    reason: str | None
    booked_at: datetime
    acknowledged_at: datetime | None
    acknowledged_as: str | None


class StatusPart(_Part):
    """One status, out or in."""

    id: str
    direction: str
    other_code: str
    code: str
    raw_code: str
    source_time: datetime
    recorded_at: datetime
    dispatch: str | None
    arrival: str | None


class PacketPart(_Part):
    """The bytes of a packet, and what was known of its signature. `file` None: the bytes are lost or damaged here.

    `signature` is a SignatureFacts as it was stored; `judged_at` the time by which the certificate was judged.
    """

    id: str
    message_type: str
    direction: str
    size: int
    sha256: Hex
    created_at: datetime
    file: Name | None
    signature: Name | None = None
    judged_at: datetime | None = None
    certificates: tuple[Name, ...] = ()
    revocation: tuple[Name, ...] = ()


class Contents(_Part):
    """`contents.json`."""

    subject: Subject
    files: tuple[FilePart, ...]
    recipients: tuple[RecipientPart, ...]
    dispatches: tuple[DispatchPart, ...]
    arrivals: tuple[ArrivalPart, ...]
    statuses: tuple[StatusPart, ...]
    packets: tuple[PacketPart, ...]


class LogEntry(_Part):
    """An entry of the log about the subject. `body` is its text; how hashes are made is said in `entry.py`."""

    seq: Annotated[int, Field(ge=1)]
    body: str
    previous: Hex
    hash: Hex


class LogHead(_Part):
    """A daily head, or (without a day) the head when the bundle was made."""

    day: date | None
    seq: Annotated[int, Field(ge=1)]
    hash: Hex


class LogRun(_Part):
    """The way from an entry to a head: the digests of all entries from `first` to the head's, ours among them."""

    first: Annotated[int, Field(ge=1)]
    previous: Hex
    digests: tuple[Hex, ...]
    head: LogHead


class Log(_Part):
    """`log.json`. `waiting` are entries without a place yet; an entry in no run was too far from its head."""

    entries: tuple[LogEntry, ...]
    runs: tuple[LogRun, ...]
    waiting: tuple[str, ...]


class ManifestFile(_Part):
    """One file of the bundle."""

    name: Name
    size: Annotated[int, Field(ge=0)]
    sha256: Hex


class Manifest(_Part):
    """`manifest.json`: every other file, by name."""

    format: Literal["urn:lienthong:evidence:1"]
    kind: Literal["document", "status"]
    id: str
    files: tuple[ManifestFile, ...]
