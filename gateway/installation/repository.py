"""Tables and SQL of nodes, notes on the installation, damaged blobs and restorations; and of all tables' blobs."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    CompoundSelect,
    ForeignKey,
    RowMapping,
    Select,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    union,
    update,
)

from gateway.store import Blob, Transaction, UtcDateTime, metadata
from gateway.store.inserts import in_place, inserts, unless_there

LONGEST_OWNER, LONGEST_NAME = 200, 250

node_table = Table(
    "node",
    metadata,
    Column("owner", String(LONGEST_OWNER), primary_key=True),
    Column("host", String(LONGEST_OWNER), nullable=False),
    Column("version", String(50), nullable=False),
    Column("schema", String(32), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

installation_table = Table(
    "installation",
    metadata,
    Column("name", String(LONGEST_NAME), primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

damaged_blob_table = Table(
    "damaged_blob",
    metadata,
    Column("blob_key", String(80), primary_key=True),
    Column("reason", String(40), nullable=False),
    Column("found_at", UtcDateTime, nullable=False),
)

restoration_table = Table(
    "restoration",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("backup_id", String(36), nullable=False),
    Column("taken_at", UtcDateTime, nullable=False),
    Column("restored_at", UtcDateTime, nullable=False),
    Column("released_at", UtcDateTime),
)

restored_dispatch_table = Table(
    "restored_dispatch",
    metadata,
    Column("restoration_id", String(36), ForeignKey("restoration.id"), primary_key=True),
    Column("dispatch_id", String(36), primary_key=True),
    Column("state", String(20), nullable=False, doc="the dispatch's state in the backup"),
    Column("released_at", UtcDateTime),
)
# Made once: to make such a statement anew takes longer than the database takes for it.
_NOTE = select(installation_table.c.value).where(installation_table.c.name == bindparam("of_name"))
_UNRELEASED = select(restoration_table).where(restoration_table.c.released_at.is_(None))
_IS_RELEASED = select(restored_dispatch_table.c.released_at).where(
    restored_dispatch_table.c.restoration_id == bindparam("of_restoration"),
    restored_dispatch_table.c.dispatch_id == bindparam("of_dispatch"),
    restored_dispatch_table.c.released_at.is_not(None),
)

_PUT_NODE, _PUT_NOTE = in_place(node_table, "owner"), in_place(installation_table, "name")
_PUT_DAMAGED = unless_there(damaged_blob_table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process of the gateway, as it last said that it lives."""

    owner: str
    host: str
    version: str
    schema: str
    started_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """One restore from a backup; nothing leaves until it is released."""

    id: str
    backup_id: str
    taken_at: datetime
    restored_at: datetime
    released_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedBlob:
    """A blob that is not what its rows say. `reason` is a problem's code: `blob.missing`, `blob.damaged`."""

    blob_key: str
    reason: str
    found_at: datetime


# nodes


async def put_node(tx: Transaction, node: Node) -> None:
    """Write a node's sign of life."""
    values = {name: getattr(node, name) for name in Node.__slots__}
    await tx.execute(_PUT_NODE[tx.dialect], values)


async def nodes_since(tx: Transaction, moment: datetime) -> list[Node]:
    """Nodes that have given a sign of life since, by owner."""
    statement = select(node_table).where(node_table.c.seen_at >= moment).order_by(node_table.c.owner)
    return [Node(**row) for row in (await tx.execute(statement)).mappings()]


async def forget_node(tx: Transaction, owner: str) -> None:
    """A node that has stopped in order."""
    await tx.execute(delete(node_table).where(node_table.c.owner == owner))


async def forget_nodes_before(tx: Transaction, moment: datetime) -> None:
    """Nodes that gave no sign of life for so long are gone."""
    await tx.execute(delete(node_table).where(node_table.c.seen_at < moment))


# notes


async def note(tx: Transaction, name: str) -> str | None:
    """What was noted under a name."""
    return (await tx.execute(_NOTE, {"of_name": name})).scalar()


async def put_note(tx: Transaction, name: str, value: str, now: datetime) -> None:
    """Note something under a name, in place of what was there."""
    values = {"name": name, "value": value, "changed_at": now}
    await tx.execute(_PUT_NOTE[tx.dialect], values)


# blobs


def blob_tables() -> list[Table]:
    """Every room's tables that name blobs: those with `blob_key`, `sha256` and `size`."""
    wanted = {"blob_key", "sha256", "size"}
    return [table for table in metadata.sorted_tables if wanted <= set(table.c.keys())]


async def blobs_after(tx: Transaction, key: str, limit: int) -> list[Blob]:
    """The next blobs that any row names, by key."""
    rows = await tx.execute(_blobs(key).limit(limit))
    return [_blob(row) for row in rows.mappings()]


async def every_blob(tx: Transaction) -> AsyncIterator[Blob]:
    """All blobs that any row names, each once, by key; they are not held in memory together."""
    result = await tx.connection.stream(_blobs("").execution_options(yield_per=1000))
    async for row in result.mappings():
        yield _blob(row)


async def blobs_named(tx: Transaction, keys: Sequence[str]) -> list[Blob]:
    """The blobs of these keys that some row names."""
    found: dict[str, Blob] = {}
    for table in blob_tables():
        columns = (table.c.blob_key, table.c.sha256, table.c.size)
        rows = await tx.execute(select(*columns).where(table.c.blob_key.in_(keys)))
        found |= {row["blob_key"]: _blob(row) for row in rows.mappings()}
    return [found[key] for key in sorted(found)]


async def put_damaged(tx: Transaction, damaged: DamagedBlob) -> bool:
    """Remember that a blob is damaged; False when that was known."""
    values = {name: getattr(damaged, name) for name in DamagedBlob.__slots__}
    return (await tx.execute(_PUT_DAMAGED[tx.dialect], values)).rowcount == 1


async def damaged_blobs(tx: Transaction, limit: int = 1000) -> list[DamagedBlob]:
    """Blobs that were found damaged, by key."""
    statement = select(damaged_blob_table).order_by(damaged_blob_table.c.blob_key).limit(limit)
    return [DamagedBlob(**row) for row in (await tx.execute(statement)).mappings()]


async def damaged_count(tx: Transaction) -> int:
    """How many blobs were found damaged."""
    return (await tx.execute(select(func.count()).select_from(damaged_blob_table))).scalar_one()


async def forget_damaged(tx: Transaction, keys: Sequence[str]) -> None:
    """These are whole again, or no row names them any more."""
    await tx.execute(delete(damaged_blob_table).where(damaged_blob_table.c.blob_key.in_(keys)))


# restorations


async def add_restoration(tx: Transaction, restoration: Restoration) -> None:
    """Write a restoration; earlier ones that were never released are superseded by it."""
    values = {name: getattr(restoration, name) for name in Restoration.__slots__}
    await tx.execute(
        update(restoration_table)
        .where(restoration_table.c.released_at.is_(None))
        .values(released_at=restoration.restored_at)
    )
    await tx.execute(insert(restoration_table).values(values))


async def unreleased(tx: Transaction) -> Restoration | None:
    """The restoration that still holds everything back."""
    row = (await tx.execute(_UNRELEASED)).mappings().first()
    return Restoration(**row) if row else None


async def release_all(tx: Transaction, restoration_id: str, now: datetime) -> None:
    """Nothing is held back any more."""
    await tx.execute(update(restoration_table).where(restoration_table.c.id == restoration_id).values(released_at=now))


async def add_restored_dispatches(tx: Transaction, restoration_id: str, states: Sequence[tuple[str, str]]) -> None:
    """Remember (id, state) of the dispatches that had not come to an end in the backup."""
    for start in range(0, len(states), 500):
        rows = [
            {"restoration_id": restoration_id, "dispatch_id": id, "state": state}
            for id, state in states[start : start + 500]
        ]
        await tx.execute(insert(restored_dispatch_table), rows)


async def restored_states(tx: Transaction, restoration_id: str) -> dict[str, str]:
    """The states in the backup of the dispatches that had not come to an end in it, by dispatch."""
    column = restored_dispatch_table.c
    rows = await tx.execute(select(column.dispatch_id, column.state).where(column.restoration_id == restoration_id))
    return {row.dispatch_id: row.state for row in rows}


async def release_dispatch(tx: Transaction, restoration_id: str, dispatch_id: str, state: str, now: datetime) -> None:
    """This one may leave although the rest is held back."""
    column = restored_dispatch_table.c
    values = {"restoration_id": restoration_id, "dispatch_id": dispatch_id, "state": state, "released_at": now}
    statement = inserts(restored_dispatch_table)[tx.dialect].values(values)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[column.restoration_id, column.dispatch_id], set_={"released_at": now}
        )
    )


async def is_released(tx: Transaction, restoration_id: str, dispatch_id: str) -> bool:
    """Whether an operator has let this one leave."""
    of = {"of_restoration": restoration_id, "of_dispatch": dispatch_id}
    return (await tx.execute(_IS_RELEASED, of)).first() is not None


def _blobs(after: str) -> CompoundSelect[tuple[str, str, int]]:
    parts: list[Select[tuple[str, str, int]]] = [
        select(table.c.blob_key, table.c.sha256, table.c.size).where(table.c.blob_key > after)
        for table in blob_tables()
    ]
    whole = union(*parts)
    return whole.order_by(whole.selected_columns.blob_key)


def _blob(row: RowMapping) -> Blob:
    return Blob(key=row["blob_key"], sha256=row["sha256"], size=row["size"])
