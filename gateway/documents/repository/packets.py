"""SQL of packets: where their bytes are."""

from sqlalchemy import RowMapping, bindparam, insert, select

from gateway.axis.port import MessageType
from gateway.documents.model import Direction, Packet
from gateway.documents.repository.tables import (
    arrival_document_table,
    arrival_table,
    blob_of,
    dispatch_table,
    packet_table,
)
from gateway.store import Transaction

# Made once: to make such a statement anew takes longer than the database takes for it.
_ADD = insert(packet_table)
_FIND = select(packet_table).where(packet_table.c.id == bindparam("of_packet"))
_come = (
    select(arrival_table.c.packet_id)
    .join(arrival_document_table, arrival_document_table.c.arrival_id == arrival_table.c.id)
    .where(arrival_document_table.c.document_id == bindparam("of_document"))
)
_sent = select(dispatch_table.c.packet_id).where(
    dispatch_table.c.document_id == bindparam("of_document"), dispatch_table.c.message_type == MessageType.EDOC
)
_NEWEST = (
    select(packet_table)
    .where(packet_table.c.id.in_(_sent.union(_come)))
    .order_by(packet_table.c.created_at.desc(), packet_table.c.id.desc())
    .limit(1)
)


async def add_packet(tx: Transaction, packet: Packet) -> None:
    """Store where a packet's bytes are."""
    await tx.execute(
        _ADD,
        {
            "id": packet.id,
            "message_type": packet.message_type,
            "direction": packet.direction,
            "blob_key": packet.blob.key,
            "sha256": packet.blob.sha256,
            "size": packet.blob.size,
            "created_at": packet.created_at,
        },
    )


async def find_packet(tx: Transaction, id: str) -> Packet | None:
    """The packet with our id."""
    row = (await tx.execute(_FIND, {"of_packet": id})).mappings().first()
    return _packet(row) if row else None


async def packet_of_document(tx: Transaction, document_id: str) -> Packet | None:
    """The newest packet a document left in or came in."""
    row = (await tx.execute(_NEWEST, {"of_document": document_id})).mappings().first()
    return _packet(row) if row else None


def _packet(row: RowMapping) -> Packet:
    return Packet(
        id=row["id"],
        message_type=MessageType(row["message_type"]),
        direction=Direction(row["direction"]),
        blob=blob_of(row),
        created_at=row["created_at"],
    )
