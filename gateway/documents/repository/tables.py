"""Tables of documents, packets, dispatches and arrivals."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    column,
    table,
)

from gateway.documents.model import Arrival, Dispatch
from gateway.store import Blob, UtcDateTime, metadata

ID = String(36)
CODE = String(35)

packet_table = Table(
    "packet",
    metadata,
    Column("id", ID, primary_key=True),
    Column("message_type", String(10), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("blob_key", String(80), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_packet_blob", "blob_key"),
)

unit_table = table("unit", column("code", String))
"""The directory's own units, as far as an index that begins with their code asks for them."""

document_table = Table(
    "document",
    metadata,
    Column("id", ID, primary_key=True),
    Column("direction", String(3), nullable=False),
    Column("unit_code", CODE, ForeignKey("unit.code"), nullable=False),
    Column("sender_code", String(100), nullable=False),
    Column("document_id", String(200), nullable=False),
    Column("business_type", String(10), nullable=False),
    Column("number", String(100)),
    Column("notation", String(100)),
    Column("promulgation_date", Date),
    Column("subject", Text),
    Column("priority", Integer, nullable=False),
    Column("header", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("meaning", String(64), nullable=False),
    Column("twin_of", ID),
    Column("muted", Boolean, nullable=False),
    Column("findings", Text, nullable=False),
    Column(
        "live_key", String(250), doc="own DocumentId and business type while it counts as used (G-17); NULL frees it"
    ),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    UniqueConstraint("unit_code", "live_key", name="uq_document_live_key"),
    Index("ix_document_known", "document_id", "unit_code", "direction"),
    Index("ix_document_listed", "unit_code", "direction", "state", "created_at", "id"),
    Index("ix_document_notation", "unit_code", "notation", "direction", "state", "created_at", "id"),
    Index("ix_document_number", "unit_code", "number", "notation"),
)

attachment_table = Table(
    "attachment",
    metadata,
    Column("document_id", ID, ForeignKey("document.id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("attachment_name", Text, nullable=False),
    Column("safe_name", String(255), nullable=False),
    Column("content_type", String(200)),
    Column("content_id", String(200), nullable=False),
    Column("description", Text),
    Column("blob_key", String(80), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("verdict", String(100)),
    Index("ix_attachment_blob", "blob_key"),
)

dispatch_table = Table(
    "dispatch",
    metadata,
    Column("id", ID, primary_key=True),
    Column("message_type", String(10), nullable=False),
    Column("unit_code", CODE, ForeignKey("unit.code"), nullable=False),
    Column("document_id", ID, ForeignKey("document.id"), nullable=False),
    Column("status_event_id", ID),
    Column("connection_id", String(40), ForeignKey("connection.id"), nullable=False),
    Column("from_code", CODE, nullable=False),
    Column("lane", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("packet_id", ID, ForeignKey("packet.id")),
    Column("axis_doc_id", String(64)),
    Column("attempts", Integer, nullable=False),
    Column("reason", String(100)),
    Column("error_code", String(20)),
    Column("error_text", String(200)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("resends", ID),
    Column("doubts", Integer, nullable=False, server_default="0"),
    Index("ix_dispatch_document", "document_id"),
    Index("ix_dispatch_status_event", "status_event_id"),
    Index("ix_dispatch_state", "state", "created_at"),
)

recipient_table = Table(
    "recipient",
    metadata,
    Column("id", ID, primary_key=True),
    Column("document_id", ID, ForeignKey("document.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("code", CODE, nullable=False),
    Column("name", Text),
    Column("dispatch_id", ID, ForeignKey("dispatch.id"), nullable=False),
    Column("processing_code", String(10)),
    Column("processing_at", UtcDateTime),
    Column(
        "replaced_by", ID, doc="the same addressee in a later dispatch, where it starts anew; NULL for the present one"
    ),
    UniqueConstraint("dispatch_id", "code", name="uq_recipient_dispatch_code"),
    Index("ix_recipient_document", "document_id"),
)

arrival_table = Table(
    "arrival",
    metadata,
    Column("id", ID, primary_key=True),
    Column("connection_id", String(40), ForeignKey("connection.id"), nullable=False),
    Column("doc_id", String(64), nullable=False),
    Column("message_type", String(10), nullable=False),
    Column("from_code", String(100)),
    Column("to_code", String(100)),
    Column("created_time", String(40)),
    Column("state", String(20), nullable=False),
    Column("packet_id", ID, ForeignKey("packet.id")),
    Column("unreadable_sha256", String(64)),
    Column("fetches", Integer, nullable=False),
    Column("reason", String(100)),
    Column("findings", Text, nullable=False),
    Column("booked_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("acknowledged_at", UtcDateTime),
    Column("acknowledged_as", String(10)),
    UniqueConstraint("connection_id", "doc_id", name="uq_arrival_doc_id"),
    Index("ix_arrival_state", "state", "booked_at"),
    Index("ix_arrival_packet", "packet_id"),
)

arrival_document_table = Table(
    "arrival_document",
    metadata,
    Column("arrival_id", ID, ForeignKey("arrival.id"), primary_key=True),
    Column("document_id", ID, ForeignKey("document.id"), primary_key=True),
    Index("ix_arrival_document_document", "document_id"),
)


def blob_of(row: RowMapping) -> Blob:
    """The blob that a row of `packet` or `attachment` speaks of."""
    return Blob(key=row["blob_key"], sha256=row["sha256"], size=row["size"])


def values_of(noun: Dispatch | Arrival, table: Table) -> dict[str, object]:
    """A noun as the values of its row: its fields are the columns."""
    return {name: getattr(noun, name) for name in table.c.keys()}  # noqa: SIM118 - a ColumnCollection is no dict


def changes_of(noun: Dispatch | Arrival, table: Table) -> dict[str, object]:
    """The same without its key: SQLite looks through all tables that refer to a key that an UPDATE sets, be it the same."""
    values = values_of(noun, table)
    del values["id"]
    return values


def moment(value: Any) -> datetime | None:
    """What an aggregate of times gave: SQL knows no type for `min` of nothing."""
    return value if isinstance(value, datetime) else None
