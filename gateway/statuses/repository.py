"""Tables and SQL of status events."""

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Index,
    RowMapping,
    String,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    update,
)

from gateway.documents.model import Direction
from gateway.statuses.model import Staff, StatusEvent
from gateway.store import Transaction, UtcDateTime, metadata

status_event_table = Table(
    "status_event",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("document_id", String(36), ForeignKey("document.id"), nullable=False),
    Column("recipient_id", String(36), ForeignKey("recipient.id")),
    Column("direction", String(3), nullable=False),
    Column("unit_code", String(35), ForeignKey("unit.code"), nullable=False),
    Column("other_code", String(100), nullable=False),
    Column("code", String(10), nullable=False),
    Column("raw_code", String(50), nullable=False),
    Column("description", Text),
    Column("department", Text),
    Column("staff", Text),
    Column("email", Text),
    Column("mobile", Text),
    Column("source_time", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("moved", Boolean, nullable=False),
    Column("dispatch_id", String(36), ForeignKey("dispatch.id")),
    Column("arrival_id", String(36), ForeignKey("arrival.id")),
    Index("ix_status_event_document", "document_id", "recorded_at"),
    Index("ix_status_event_recipient", "recipient_id"),
)
# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = insert(status_event_table)
_SET_MOVED = update(status_event_table).where(status_event_table.c.id == bindparam("of_event")).values(moved=True)
_FIND = select(status_event_table).where(status_event_table.c.id == bindparam("of_event"))
_HISTORY = (
    select(status_event_table)
    .where(status_event_table.c.document_id == bindparam("of_document"))
    .order_by(status_event_table.c.recorded_at, status_event_table.c.id)
)
_OF_RECIPIENT = select(status_event_table).where(status_event_table.c.recipient_id == bindparam("of_recipient"))


async def add(tx: Transaction, event: StatusEvent) -> None:
    """Record a status."""
    await tx.execute(
        _ADD,
        {
            "id": event.id,
            "document_id": event.document_id,
            "recipient_id": event.recipient_id,
            "direction": event.direction,
            "unit_code": event.unit_code,
            "other_code": event.other_code,
            "code": event.code,
            "raw_code": event.raw_code,
            "description": event.description,
            "department": event.staff.department,
            "staff": event.staff.staff,
            "email": event.staff.email,
            "mobile": event.staff.mobile,
            "source_time": event.source_time,
            "recorded_at": event.recorded_at,
            "moved": event.moved,
            "dispatch_id": event.dispatch_id,
            "arrival_id": event.arrival_id,
        },
    )


async def set_moved(tx: Transaction, id: str) -> None:
    """Say that this event moved its recipient's state."""
    await tx.execute(_SET_MOVED, {"of_event": id})


async def find(tx: Transaction, id: str) -> StatusEvent | None:
    """The status event with our id."""
    row = (await tx.execute(_FIND, {"of_event": id})).mappings().first()
    return _event(row) if row else None


async def history(tx: Transaction, document_id: str) -> list[StatusEvent]:
    """Statuses of a document in both directions, as they were recorded."""
    return [_event(row) for row in (await tx.execute(_HISTORY, {"of_document": document_id})).mappings()]


async def of_recipient(tx: Transaction, recipient_id: str) -> list[StatusEvent]:
    """Statuses that came from one recipient."""
    return [_event(row) for row in (await tx.execute(_OF_RECIPIENT, {"of_recipient": recipient_id})).mappings()]


async def counts(tx: Transaction) -> list[tuple[str, str, int]]:
    """(direction, code, count) for metrics."""
    column = status_event_table.c
    statement = select(column.direction, column.code, func.count()).group_by(column.direction, column.code)
    return [(row[0], row[1], row[2]) for row in await tx.execute(statement)]


def _event(row: RowMapping) -> StatusEvent:
    return StatusEvent(
        id=row["id"],
        document_id=row["document_id"],
        recipient_id=row["recipient_id"],
        direction=Direction(row["direction"]),
        unit_code=row["unit_code"],
        other_code=row["other_code"],
        code=row["code"],
        raw_code=row["raw_code"],
        description=row["description"],
        staff=Staff(department=row["department"], staff=row["staff"], email=row["email"], mobile=row["mobile"]),
        source_time=row["source_time"],
        recorded_at=row["recorded_at"],
        moved=row["moved"],
        dispatch_id=row["dispatch_id"],
        arrival_id=row["arrival_id"],
    )
