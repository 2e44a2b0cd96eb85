"""Tables and SQL of documents, packets, dispatches and arrivals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    ForeignKey,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from gateway.axis.port import MessageType
from gateway.documents.model import (
    Arrival,
    ArrivalState,
    Attachment,
    Direction,
    Dispatch,
    DispatchState,
    Document,
    DocumentState,
    Packet,
    Recipient,
)
from gateway.edxml.model import DocumentPacket
from gateway.store import Blob, Transaction, UtcDateTime, metadata

ID = String(36)
CODE = String(35)

# All states but those in which a year's documents rest: to count these would mean to read every row at each look.
_OPEN_DOCUMENTS = tuple(
    {*DocumentState} - {DocumentState.SENT, DocumentState.HANDED_OVER, DocumentState.CANCELLED, DocumentState.DISCARDED}
)
_OPEN_DISPATCHES = tuple({*DispatchState} - {DispatchState.ACCEPTED, DispatchState.CANCELLED})
_OPEN_ARRIVALS = tuple({*ArrivalState} - {ArrivalState.ACKNOWLEDGED, ArrivalState.DISCARDED})

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
    Index("ix_document_listed", "unit_code", "created_at", "id"),
    Index("ix_document_state", "state", "created_at"),
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


# documents


async def add_document(
    tx: Transaction, document: Document, attachments: Sequence[Attachment], *, live_key: str | None
) -> None:
    """Store a document and its files. Raises sqlalchemy's IntegrityError where `live_key` is in use in its unit."""
    await tx.execute(
        insert(document_table).values(
            id=document.id,
            direction=document.direction,
            unit_code=document.unit_code,
            sender_code=document.sender_code,
            document_id=document.document_id,
            business_type=document.business_type,
            number=document.number,
            notation=document.notation,
            promulgation_date=document.promulgation_date,
            subject=document.subject,
            priority=document.priority,
            header=document.packet.model_dump_json(exclude_none=True, exclude_defaults=True),
            state=document.state,
            meaning=document.meaning,
            twin_of=document.twin_of,
            muted=document.muted,
            findings=document.findings,
            live_key=live_key,
            created_at=document.created_at,
            changed_at=document.changed_at,
        )
    )
    if attachments:
        await tx.execute(insert(attachment_table), [_attachment_values(one) for one in attachments])


async def find_document(tx: Transaction, id: str) -> Document | None:
    """The document with our id."""
    row = (await tx.execute(select(document_table).where(document_table.c.id == id))).mappings().first()
    return _document(row) if row else None


async def find_live(tx: Transaction, unit_code: str, live_key: str) -> Document | None:
    """The outgoing document of the unit that holds this key (G-17)."""
    statement = select(document_table).where(
        document_table.c.unit_code == unit_code, document_table.c.live_key == live_key
    )
    row = (await tx.execute(statement)).mappings().first()
    return _document(row) if row else None


async def hold_document(tx: Transaction, id: str) -> None:
    """Until the transaction ends nobody else holds this document: what was read of it then stays true.

    SQLite has one writer at a time anyway.
    """
    await tx.execute(select(document_table.c.id).where(document_table.c.id == id).with_for_update(key_share=True))


async def known_documents(
    tx: Transaction, *, unit_codes: Sequence[str], document_id: str, direction: Direction
) -> list[Document]:
    """Documents of these units under the sender's own DocumentId string, oldest first."""
    statement = (
        select(document_table)
        .where(
            document_table.c.document_id == document_id,
            document_table.c.unit_code.in_(unit_codes),
            document_table.c.direction == direction,
        )
        .order_by(document_table.c.created_at, document_table.c.id)
    )
    return [_document(row) for row in (await tx.execute(statement)).mappings()]


async def set_document_state(
    tx: Transaction, id: str, state: DocumentState, now: datetime, *, free_key: bool = False
) -> None:
    """Move a document; `free_key` lets its DocumentId be used again (a document that was cancelled, or refused by the axis)."""
    values: dict[str, object] = {"state": state, "changed_at": now}
    if free_key:
        values["live_key"] = None
    await tx.execute(update(document_table).where(document_table.c.id == id).values(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """What a list is narrowed by; None does not narrow. Dates are of our receipt, `until` exclusive."""

    unit_codes: frozenset[str]
    direction: Direction | None = None
    state: DocumentState | None = None
    number: str | None = None
    notation: str | None = None
    document_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: its time and id. The next page lies before it."""

    created_at: datetime
    id: str


async def search_documents(
    tx: Transaction, wanted: DocumentFilter, *, before: Cursor | None, limit: int
) -> list[Document]:
    """Newest first, at most `limit`."""
    column = document_table.c
    conditions: list[ColumnElement[bool]] = [column.unit_code.in_(sorted(wanted.unit_codes))]
    if wanted.direction is not None:
        conditions.append(column.direction == wanted.direction)
    if wanted.state is not None:
        conditions.append(column.state == wanted.state)
    if wanted.number is not None:
        conditions.append(column.number == wanted.number)
    if wanted.notation is not None:
        conditions.append(column.notation == wanted.notation)
    if wanted.document_id is not None:
        conditions.append(column.document_id == wanted.document_id)
    if wanted.since is not None:
        conditions.append(column.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(column.created_at < wanted.until)
    if before is not None:
        earlier = and_(column.created_at == before.created_at, column.id < before.id)
        conditions.append(or_(column.created_at < before.created_at, earlier))
    statement = (
        select(document_table).where(*conditions).order_by(column.created_at.desc(), column.id.desc()).limit(limit)
    )
    return [_document(row) for row in (await tx.execute(statement)).mappings()]


async def attachments_of(tx: Transaction, document_id: str) -> list[Attachment]:
    """Files of a document by position."""
    statement = (
        select(attachment_table)
        .where(attachment_table.c.document_id == document_id)
        .order_by(attachment_table.c.position)
    )
    return [_attachment(row) for row in (await tx.execute(statement)).mappings()]


async def document_counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(direction, state, count) for metrics, of those that are under way or need somebody."""
    column = document_table.c
    statement = select(column.direction, column.state, func.count()).where(column.state.in_(_OPEN_DOCUMENTS))
    statement = statement.group_by(column.direction, column.state)
    return [(row[0], row[1], row[2]) for row in await tx.execute(statement)]


async def hold_key(tx: Transaction, id: str, live_key: str) -> None:
    """The document counts as used again (G-17). Raises sqlalchemy's IntegrityError where another holds the key."""
    await tx.execute(update(document_table).where(document_table.c.id == id).values(live_key=live_key))


# recipients


async def add_recipients(tx: Transaction, recipients: Sequence[Recipient]) -> None:
    """Store the addressees of one dispatch."""
    await tx.execute(
        insert(recipient_table),
        [
            {
                "id": one.id,
                "document_id": one.document_id,
                "position": one.position,
                "code": one.code,
                "name": one.name,
                "dispatch_id": one.dispatch_id,
            }
            for one in recipients
        ],
    )


async def recipients_of(tx: Transaction, document_id: str) -> list[Recipient]:
    """Addressees of a document by position, each in its latest dispatch, with the state of that."""
    return await _recipients(tx, recipient_table.c.document_id == document_id, recipient_table.c.replaced_by.is_(None))


async def recipients_of_dispatch(tx: Transaction, dispatch_id: str) -> list[Recipient]:
    """Addressees of a dispatch by position, those too that were sent to again since."""
    return await _recipients(tx, recipient_table.c.dispatch_id == dispatch_id)


async def _recipients(tx: Transaction, *conditions: ColumnElement[bool]) -> list[Recipient]:
    statement = (
        select(recipient_table, dispatch_table.c.state.label("transport_state"))
        .join(dispatch_table, dispatch_table.c.id == recipient_table.c.dispatch_id)
        .where(*conditions)
        .order_by(recipient_table.c.position, recipient_table.c.id)
    )
    return [
        Recipient(
            id=row["id"],
            document_id=row["document_id"],
            position=row["position"],
            code=row["code"],
            name=row["name"],
            dispatch_id=row["dispatch_id"],
            transport_state=DispatchState(row["transport_state"]),
            processing_code=row["processing_code"],
            processing_at=row["processing_at"],
        )
        for row in (await tx.execute(statement)).mappings()
    ]


async def set_processing(tx: Transaction, recipient_id: str, code: str | None, at: datetime | None) -> None:
    """What the recipient's status events fold to."""
    await tx.execute(
        update(recipient_table)
        .where(recipient_table.c.id == recipient_id)
        .values(processing_code=code, processing_at=at)
    )


async def replace_recipient(tx: Transaction, id: str, by: str) -> None:
    """This addressee stands in a later dispatch from now on."""
    await tx.execute(update(recipient_table).where(recipient_table.c.id == id).values(replaced_by=by))


async def standing_states(tx: Transaction, document_id: str) -> frozenset[DispatchState]:
    """The states of the dispatches in which the document's addressees now stand."""
    statement = (
        select(dispatch_table.c.state)
        .join(recipient_table, recipient_table.c.dispatch_id == dispatch_table.c.id)
        .where(recipient_table.c.document_id == document_id, recipient_table.c.replaced_by.is_(None))
        .distinct()
    )
    return frozenset(DispatchState(row[0]) for row in await tx.execute(statement))


# packets


async def add_packet(tx: Transaction, packet: Packet) -> None:
    """Store where a packet's bytes are."""
    await tx.execute(
        insert(packet_table).values(
            id=packet.id,
            message_type=packet.message_type,
            direction=packet.direction,
            blob_key=packet.blob.key,
            sha256=packet.blob.sha256,
            size=packet.blob.size,
            created_at=packet.created_at,
        )
    )


async def find_packet(tx: Transaction, id: str) -> Packet | None:
    """The packet with our id."""
    row = (await tx.execute(select(packet_table).where(packet_table.c.id == id))).mappings().first()
    return _packet(row) if row else None


async def packet_of_document(tx: Transaction, document_id: str) -> Packet | None:
    """The newest packet a document left in or came in."""
    sent = select(dispatch_table.c.packet_id).where(
        dispatch_table.c.document_id == document_id, dispatch_table.c.message_type == MessageType.EDOC
    )
    come = (
        select(arrival_table.c.packet_id)
        .join(arrival_document_table, arrival_document_table.c.arrival_id == arrival_table.c.id)
        .where(arrival_document_table.c.document_id == document_id)
    )
    statement = (
        select(packet_table)
        .where(packet_table.c.id.in_(sent.union(come)))
        .order_by(packet_table.c.created_at.desc(), packet_table.c.id.desc())
        .limit(1)
    )
    row = (await tx.execute(statement)).mappings().first()
    return _packet(row) if row else None


# dispatches


async def add_dispatch(tx: Transaction, dispatch: Dispatch) -> None:
    """Store a new dispatch."""
    await tx.execute(insert(dispatch_table).values(_columns(dispatch, dispatch_table)))


async def find_dispatch(tx: Transaction, id: str) -> Dispatch | None:
    """The dispatch with our id."""
    row = (await tx.execute(select(dispatch_table).where(dispatch_table.c.id == id))).mappings().first()
    return _dispatch(row) if row else None


async def hold_dispatch(tx: Transaction, id: str) -> Dispatch | None:
    """The dispatch with our id, held until the transaction ends: it cannot be cancelled while it begins to leave."""
    statement = select(dispatch_table).where(dispatch_table.c.id == id).with_for_update()
    row = (await tx.execute(statement)).mappings().first()
    return _dispatch(row) if row else None


async def dispatches_of(tx: Transaction, document_id: str) -> list[Dispatch]:
    """Dispatches that carry a document, oldest first; those of its statuses are not among them."""
    statement = (
        select(dispatch_table)
        .where(dispatch_table.c.document_id == document_id, dispatch_table.c.message_type == MessageType.EDOC)
        .order_by(dispatch_table.c.created_at, dispatch_table.c.id)
    )
    return [_dispatch(row) for row in (await tx.execute(statement)).mappings()]


async def earlier_untried(tx: Transaction, dispatch: Dispatch) -> bool:
    """Whether an earlier status of the same document has not come to the end of its first attempt."""
    column = dispatch_table.c
    statement = (
        select(column.id)
        .where(
            column.document_id == dispatch.document_id,
            column.message_type == MessageType.STATUS,
            column.created_at < dispatch.created_at,
            or_(
                and_(column.attempts == 0, column.state.in_((DispatchState.QUEUED, DispatchState.BUILT))),
                and_(column.attempts == 1, column.state == DispatchState.SENDING),
            ),
        )
        .limit(1)
    )
    return (await tx.execute(statement)).first() is not None


async def save_dispatch(tx: Transaction, dispatch: Dispatch) -> None:
    """Write back a dispatch that was changed under its job's lease."""
    values = _columns(dispatch, dispatch_table)
    await tx.execute(update(dispatch_table).where(dispatch_table.c.id == dispatch.id).values(values))


async def unfinished_dispatches(tx: Transaction) -> list[Dispatch]:
    """Dispatches that have not come to an end, oldest first."""
    waiting = (DispatchState.QUEUED, DispatchState.BUILT, DispatchState.SENDING)
    statement = (
        select(dispatch_table)
        .where(dispatch_table.c.state.in_(waiting))
        .order_by(dispatch_table.c.created_at, dispatch_table.c.id)
    )
    return [_dispatch(row) for row in (await tx.execute(statement)).mappings()]


async def axis_ids_known(tx: Transaction, connection_id: str, axis_doc_ids: Sequence[str]) -> set[str]:
    """Those of the axis's ids under which one of our dispatches is known. Asks in portions that both databases take."""
    found: set[str] = set()
    for start in range(0, len(axis_doc_ids), 500):
        statement = select(dispatch_table.c.axis_doc_id).where(
            dispatch_table.c.connection_id == connection_id,
            dispatch_table.c.axis_doc_id.in_(axis_doc_ids[start : start + 500]),
        )
        found.update(row[0] for row in await tx.execute(statement))
    return found


async def oldest_unsent(tx: Transaction) -> datetime | None:
    """When the oldest dispatch that has not come to an end was made."""
    waiting = (DispatchState.QUEUED, DispatchState.BUILT, DispatchState.SENDING)
    statement = select(func.min(dispatch_table.c.created_at)).where(dispatch_table.c.state.in_(waiting))
    return _moment((await tx.execute(statement)).scalar())


async def dispatch_counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(message type, state, count) for metrics, of those that are under way or failed."""
    column = dispatch_table.c
    statement = select(column.message_type, column.state, func.count()).where(column.state.in_(_OPEN_DISPATCHES))
    statement = statement.group_by(column.message_type, column.state)
    return [(row[0], row[1], row[2]) for row in await tx.execute(statement)]


# arrivals


async def add_arrival(tx: Transaction, arrival: Arrival) -> None:
    """Book an item."""
    await tx.execute(insert(arrival_table).values(_columns(arrival, arrival_table)))


async def find_arrival(tx: Transaction, id: str) -> Arrival | None:
    """The arrival with our id."""
    row = (await tx.execute(select(arrival_table).where(arrival_table.c.id == id))).mappings().first()
    return _arrival(row) if row else None


async def hold_arrival(tx: Transaction, id: str) -> Arrival | None:
    """The arrival with our id, held until the transaction ends."""
    statement = select(arrival_table).where(arrival_table.c.id == id).with_for_update()
    row = (await tx.execute(statement)).mappings().first()
    return _arrival(row) if row else None


async def known_arrivals(tx: Transaction, connection_id: str, doc_ids: Sequence[str]) -> dict[str, Arrival]:
    """Those of the axis's ids that are booked already, by id. Asks in portions that both databases take."""
    found: dict[str, Arrival] = {}
    for start in range(0, len(doc_ids), 500):
        statement = select(arrival_table).where(
            arrival_table.c.connection_id == connection_id,
            arrival_table.c.doc_id.in_(doc_ids[start : start + 500]),
        )
        for row in (await tx.execute(statement)).mappings():
            arrival = _arrival(row)
            found[arrival.doc_id] = arrival
    return found


async def arrivals_in(tx: Transaction, connection_id: str, state: ArrivalState) -> list[Arrival]:
    """Arrivals of a connection in one state, oldest first."""
    statement = (
        select(arrival_table)
        .where(arrival_table.c.connection_id == connection_id, arrival_table.c.state == state)
        .order_by(arrival_table.c.booked_at, arrival_table.c.id)
    )
    return [_arrival(row) for row in (await tx.execute(statement)).mappings()]


async def save_arrival(tx: Transaction, arrival: Arrival) -> None:
    """Write back an arrival that was changed under its job's lease."""
    values = _columns(arrival, arrival_table)
    await tx.execute(update(arrival_table).where(arrival_table.c.id == arrival.id).values(values))


async def attach_arrival(tx: Transaction, arrival_id: str, document_id: str) -> None:
    """Say that this arrival brought this document (again)."""
    link = and_(arrival_document_table.c.arrival_id == arrival_id, arrival_document_table.c.document_id == document_id)
    if (await tx.execute(select(text("1")).select_from(arrival_document_table).where(link))).first() is None:
        await tx.execute(insert(arrival_document_table).values(arrival_id=arrival_id, document_id=document_id))


async def codes_of_arrivals(tx: Transaction, document_id: str) -> frozenset[str | None]:
    """The codes that the axis named as receivers of the items that brought a document."""
    statement = (
        select(arrival_table.c.to_code)
        .join(arrival_document_table, arrival_document_table.c.arrival_id == arrival_table.c.id)
        .where(arrival_document_table.c.document_id == document_id)
    )
    return frozenset(row[0] for row in await tx.execute(statement))


async def oldest_unacknowledged(tx: Transaction) -> datetime | None:
    """When the oldest arrival that the axis has not been told of was booked."""
    column = arrival_table.c
    statement = select(func.min(column.booked_at)).where(
        column.state.in_((ArrivalState.BOOKED, ArrivalState.FETCHED, ArrivalState.DELIVERED, ArrivalState.STRANGER))
    )
    return _moment((await tx.execute(statement)).scalar())


async def arrival_counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(message type, state, count) for metrics, of those that are under way or need somebody."""
    column = arrival_table.c
    statement = select(column.message_type, column.state, func.count()).where(column.state.in_(_OPEN_ARRIVALS))
    statement = statement.group_by(column.message_type, column.state)
    return [(row[0], row[1], row[2]) for row in await tx.execute(statement)]


# rows to nouns


def _document(row: RowMapping) -> Document:
    return Document(
        id=row["id"],
        direction=Direction(row["direction"]),
        unit_code=row["unit_code"],
        sender_code=row["sender_code"],
        document_id=row["document_id"],
        business_type=row["business_type"],
        number=row["number"],
        notation=row["notation"],
        promulgation_date=row["promulgation_date"],
        subject=row["subject"],
        priority=row["priority"],
        packet=DocumentPacket.model_validate_json(row["header"]),
        state=DocumentState(row["state"]),
        meaning=row["meaning"],
        twin_of=row["twin_of"],
        muted=row["muted"],
        findings=row["findings"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


def _attachment(row: RowMapping) -> Attachment:
    return Attachment(
        document_id=row["document_id"],
        position=row["position"],
        attachment_name=row["attachment_name"],
        safe_name=row["safe_name"],
        content_type=row["content_type"],
        content_id=row["content_id"],
        description=row["description"],
        blob=_blob(row),
        verdict=row["verdict"],
    )


def _attachment_values(one: Attachment) -> dict[str, object]:
    return {
        "document_id": one.document_id,
        "position": one.position,
        "attachment_name": one.attachment_name,
        "safe_name": one.safe_name,
        "content_type": one.content_type,
        "content_id": one.content_id,
        "description": one.description,
        "blob_key": one.blob.key,
        "sha256": one.blob.sha256,
        "size": one.blob.size,
        "verdict": one.verdict,
    }


def _packet(row: RowMapping) -> Packet:
    return Packet(
        id=row["id"],
        message_type=MessageType(row["message_type"]),
        direction=Direction(row["direction"]),
        blob=_blob(row),
        created_at=row["created_at"],
    )


def _blob(row: RowMapping) -> Blob:
    return Blob(key=row["blob_key"], sha256=row["sha256"], size=row["size"])


def _dispatch(row: RowMapping) -> Dispatch:
    values = {**row, "message_type": MessageType(row["message_type"]), "state": DispatchState(row["state"])}
    return Dispatch(**values)


def _arrival(row: RowMapping) -> Arrival:
    values = {**row, "message_type": MessageType(row["message_type"]), "state": ArrivalState(row["state"])}
    return Arrival(**values)


def _columns(noun: Dispatch | Arrival, table: Table) -> dict[str, object]:
    return {name: getattr(noun, name) for name in table.c.keys()}  # noqa: SIM118 - a ColumnCollection is no dict


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) else None
