"""Tables and SQL of clients and of Idempotency-Keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import (
    Column,
    Date,
    Index,
    RowMapping,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata
from gateway.store.inserts import unless_there

client_table = Table(
    "client",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", Text, nullable=False),
    Column("key_prefix", String(12), nullable=False, unique=True),
    Column("key_hash", String(64), nullable=False),
    Column("units", JsonColumn, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("revoked_at", UtcDateTime),
    Column("last_used_on", Date),
)

idempotency_table = Table(
    "idempotency",
    metadata,
    Column("client_id", String(36), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("document_id", String(36), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_idempotency_created_at", "created_at"),
)
# Made once: to make such a statement anew takes longer than the database takes for it.
_BY_PREFIX = select(client_table).where(client_table.c.key_prefix == bindparam("of_prefix"))
_RECALL = select(idempotency_table).where(
    idempotency_table.c.client_id == bindparam("of_client"), idempotency_table.c.key == bindparam("of_key")
)
_REMEMBER = {name: new.returning(idempotency_table.c.key) for name, new in unless_there(idempotency_table).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientRow:
    """A document system that may call us. `key_hash` is the hex SHA-256 of its whole key."""

    id: str
    name: str
    key_prefix: str
    key_hash: str
    units: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None
    last_used_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedKey:
    """What a client once said under an Idempotency-Key, and the document that came of it."""

    client_id: str
    key: str
    fingerprint: str
    document_id: str
    created_at: datetime


async def add_client(tx: Transaction, client: ClientRow) -> None:
    """Store a client."""
    await tx.execute(
        insert(client_table).values(
            id=client.id,
            name=client.name,
            key_prefix=client.key_prefix,
            key_hash=client.key_hash,
            units=sorted(client.units),
            created_at=client.created_at,
            revoked_at=client.revoked_at,
            last_used_on=client.last_used_on,
        )
    )


async def client_by_prefix(tx: Transaction, key_prefix: str) -> ClientRow | None:
    """The client whose key begins so, revoked or not."""
    row = (await tx.execute(_BY_PREFIX, {"of_prefix": key_prefix})).mappings().first()
    return _client(row) if row else None


async def clients(tx: Transaction) -> list[ClientRow]:
    """All clients, oldest first."""
    statement = select(client_table).order_by(client_table.c.created_at, client_table.c.id)
    return [_client(row) for row in (await tx.execute(statement)).mappings()]


async def revoke_clients(tx: Transaction, name_or_prefix: str, now: datetime) -> int:
    """Revoke the living clients of this name, key prefix or id; how many."""
    column = client_table.c
    named = or_(column.name == name_or_prefix, column.key_prefix == name_or_prefix, column.id == name_or_prefix)
    statement = update(client_table).where(named, column.revoked_at.is_(None)).values(revoked_at=now)
    return (await tx.execute(statement)).rowcount


async def used_on(tx: Transaction, client_id: str, day: date) -> None:
    """Note the day of a client's last use."""
    await tx.execute(update(client_table).where(client_table.c.id == client_id).values(last_used_on=day))


async def recall_key(tx: Transaction, client_id: str, key: str) -> RememberedKey | None:
    """What is remembered under the key."""
    row = (await tx.execute(_RECALL, {"of_client": client_id, "of_key": key})).mappings().first()
    return RememberedKey(**row) if row else None


async def remember_key(tx: Transaction, entry: RememberedKey) -> bool:
    """Remember; False when another transaction has just remembered something under the same key."""
    values = {
        "client_id": entry.client_id,
        "key": entry.key,
        "fingerprint": entry.fingerprint,
        "document_id": entry.document_id,
        "created_at": entry.created_at,
    }
    return (await tx.execute(_REMEMBER[tx.dialect], values)).first() is not None


async def forget_keys(tx: Transaction, before: datetime) -> int:
    """Forget what was remembered before; how many."""
    return (await tx.execute(delete(idempotency_table).where(idempotency_table.c.created_at < before))).rowcount


async def remembered_count(tx: Transaction) -> int:
    """How many keys are remembered."""
    return int((await tx.execute(select(func.count()).select_from(idempotency_table))).scalar_one())


def _client(row: RowMapping) -> ClientRow:
    units: Sequence[str] = row["units"]
    return ClientRow(
        id=row["id"],
        name=row["name"],
        key_prefix=row["key_prefix"],
        key_hash=row["key_hash"],
        units=frozenset(units),
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
        last_used_on=row["last_used_on"],
    )
