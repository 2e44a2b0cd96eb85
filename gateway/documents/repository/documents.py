"""SQL of documents and their files."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, bindparam, func, insert, select, update

from gateway.documents.model import (
    Attachment,
    Direction,
    Document,
    DocumentState,
)
from gateway.documents.repository.tables import (
    attachment_table,
    blob_of,
    document_table,
    unit_table,
)
from gateway.edxml.model import DocumentPacket
from gateway.store import Transaction

_OPEN = tuple(
    {*DocumentState} - {DocumentState.SENT, DocumentState.HANDED_OVER, DocumentState.CANCELLED, DocumentState.DISCARDED}
)
"""All states but those in which a year's rest: to count these would mean to read every row at each look."""
# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = insert(document_table)
_ADD_FILES = insert(attachment_table)
_FIND = select(document_table).where(document_table.c.id == bindparam("of_document"))
_LIVE = select(document_table).where(
    document_table.c.unit_code == bindparam("of_unit"), document_table.c.live_key == bindparam("key")
)
_COUNTS = (
    select(document_table.c.direction, document_table.c.state, func.count())
    .where(
        document_table.c.unit_code.in_(select(unit_table.c.code)),
        document_table.c.direction.in_(list(Direction)),
        document_table.c.state.in_(_OPEN),
    )
    .group_by(document_table.c.direction, document_table.c.state)
)
_HOLD = (
    select(document_table.c.id).where(document_table.c.id == bindparam("of_document")).with_for_update(key_share=True)
)
_CHANGE = update(document_table).where(document_table.c.id == bindparam("of_document"))
_FILES = (
    select(attachment_table)
    .where(attachment_table.c.document_id == bindparam("of_document"))
    .order_by(attachment_table.c.position)
)


async def add_document(
    tx: Transaction, document: Document, attachments: Sequence[Attachment], *, live_key: str | None
) -> None:
    """Store a document and its files. Raises sqlalchemy's IntegrityError where `live_key` is in use in its unit."""
    await tx.execute(
        _ADD,
        {
            "id": document.id,
            "direction": document.direction,
            "unit_code": document.unit_code,
            "sender_code": document.sender_code,
            "document_id": document.document_id,
            "business_type": document.business_type,
            "number": document.number,
            "notation": document.notation,
            "promulgation_date": document.promulgation_date,
            "subject": document.subject,
            "priority": document.priority,
            "header": document.packet.model_dump_json(exclude_none=True, exclude_defaults=True),
            "state": document.state,
            "meaning": document.meaning,
            "twin_of": document.twin_of,
            "muted": document.muted,
            "findings": document.findings,
            "live_key": live_key,
            "created_at": document.created_at,
            "changed_at": document.changed_at,
        },
    )
    if attachments:
        await tx.execute(_ADD_FILES, [_attachment_values(one) for one in attachments])


async def find_document(tx: Transaction, id: str) -> Document | None:
    """The document with our id."""
    row = (await tx.execute(_FIND, {"of_document": id})).mappings().first()
    return document_of(row) if row else None


async def find_live(tx: Transaction, unit_code: str, live_key: str) -> Document | None:
    """The outgoing document of the unit that holds this key (G-17)."""
    row = (await tx.execute(_LIVE, {"of_unit": unit_code, "key": live_key})).mappings().first()
    return document_of(row) if row else None


async def hold_document(tx: Transaction, id: str) -> None:
    """Until the transaction ends nobody else holds this document: what was read of it then stays true.

    SQLite has one writer at a time anyway.
    """
    await tx.execute(_HOLD, {"of_document": id})


async def known_documents(
    tx: Transaction, *, unit_codes: Sequence[str], document_id: str, direction: Direction
) -> list[Document]:
    """Documents of these units under the sender's own DocumentId string, oldest first.

    Sorted here: asked to, SQLite reads all documents of a unit in order of time rather than the few of the DocumentId.
    """
    statement = select(document_table).where(
        document_table.c.document_id == document_id,
        document_table.c.unit_code.in_(unit_codes),
        document_table.c.direction == direction,
    )
    found = [document_of(row) for row in (await tx.execute(statement)).mappings()]
    return sorted(found, key=lambda one: (one.created_at, one.id))


async def set_document_state(
    tx: Transaction, id: str, state: DocumentState, now: datetime, *, free_key: bool = False
) -> None:
    """Move a document; `free_key` lets its DocumentId be used again (a document that was cancelled, or refused by the axis)."""
    values: dict[str, object] = {"of_document": id, "state": state, "changed_at": now}
    if free_key:
        values["live_key"] = None
    await tx.execute(_CHANGE, values)


async def attachments_of(tx: Transaction, document_id: str) -> list[Attachment]:
    """Files of a document by position."""
    found = await tx.execute(_FILES, {"of_document": document_id})
    return [_attachment(row) for row in found.mappings()]


async def document_counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(direction, state, count) for metrics, of those that are under way or need somebody."""
    return [(row[0], row[1], row[2]) for row in await tx.execute(_COUNTS)]


async def hold_key(tx: Transaction, id: str, live_key: str) -> None:
    """The document counts as used again (G-17). Raises sqlalchemy's IntegrityError where another holds the key."""
    await tx.execute(update(document_table).where(document_table.c.id == id).values(live_key=live_key))


def document_of(row: RowMapping) -> Document:
    """A document as it is stored."""
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
        blob=blob_of(row),
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
