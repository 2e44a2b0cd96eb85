"""Tables and SQL of webhook endpoints and their chains. Events are read from the feed's own table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from gateway.handover.model import Event
from gateway.handover.repository import SPEAKS_TO_UNITS, delivery_table, event_of, event_table
from gateway.handover.webhooks.model import (
    NO_DOCUMENT,
    Backlog,
    Chain,
    ChainState,
    Endpoint,
    EndpointState,
)
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata
from gateway.store.inserts import Insert, inserts

Seq = BigInteger().with_variant(Integer, "sqlite")

endpoint_table = Table(
    "webhook_endpoint",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(60), nullable=False, unique=True),
    Column("url", String(500), nullable=False),
    Column("secret_sources", JsonColumn, nullable=False),
    Column("units", JsonColumn, nullable=False),
    Column("groups", JsonColumn, nullable=False),
    Column("hands_over", Boolean, nullable=False),
    Column("allow_plain_http", Boolean, nullable=False),
    Column("ca_file", String(500)),
    Column("state", String(10), nullable=False),
    Column("paused_reason", String(80)),
    Column("cursor", Seq, nullable=False),
    Column("replayed_to", Seq, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failing_since", UtcDateTime),
    Column("open_until", UtcDateTime),
    Column("opened", Integer, nullable=False),
    Column("probe", String(36)),
    Column("last_error", String(80)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

# No foreign key: its check would lock the endpoint's row out of the order in which rows are locked.
chain_table = Table(
    "webhook_chain",
    metadata,
    Column("endpoint_id", String(36), primary_key=True),
    Column("subject", String(36), primary_key=True),
    Column("after", Seq, nullable=False),
    Column("state", String(10), nullable=False),
    Column("lease", String(64)),
    Column("tried_at", UtcDateTime),
    Index("ix_webhook_chain_state", "endpoint_id", "state", "tried_at"),
)
# Made once: to make such a statement anew takes longer than the database takes for it.
_limit = bindparam("limit", type_=Integer())
_ENDPOINT = select(endpoint_table).where(endpoint_table.c.id == bindparam("of_endpoint"))
_LOCKED_ENDPOINT = _ENDPOINT.with_for_update()
_ENDPOINT_NAMED = select(endpoint_table).where(endpoint_table.c.name == bindparam("of_name"))
_SAVE_ENDPOINT = update(endpoint_table).where(endpoint_table.c.id == bindparam("of_endpoint"))
_MOVE_CURSOR = _SAVE_ENDPOINT.where(endpoint_table.c.cursor == bindparam("seen"))
_BEHIND = select(endpoint_table.c.id).where(
    endpoint_table.c.state == EndpointState.ACTIVE.value,
    endpoint_table.c.open_until.is_(None),
    exists().where(event_table.c.seq > endpoint_table.c.cursor),
)
_of_endpoint = chain_table.c.endpoint_id == bindparam("of_endpoint")
_is = (_of_endpoint, chain_table.c.subject == bindparam("of_subject"))
_CHAIN = select(chain_table).where(*_is).with_for_update()
_SAVE_CHAIN = update(chain_table).where(*_is)
_ADVANCE = _SAVE_CHAIN.where(chain_table.c.after == bindparam("seen"))
_DROP_CHAIN = delete(chain_table).where(*_is)
_CHAINS = (
    select(chain_table.c.subject)
    .where(_of_endpoint, chain_table.c.state == bindparam("state"))
    .order_by(chain_table.c.tried_at.is_not(None), chain_table.c.tried_at, chain_table.c.after)
    .limit(_limit)
)
_OPEN_CHAINS = (
    update(chain_table)
    .where(_of_endpoint, chain_table.c.subject.in_(bindparam("subjects", expanding=True)))
    .values(state=ChainState.OPEN.value)
)
_PRIORITIES = select(delivery_table.c.document_id, delivery_table.c.priority).where(
    delivery_table.c.document_id.in_(bindparam("documents", expanding=True))
)


def _want_told(dialect: str, statement: Insert) -> Insert:
    old, new = chain_table.c.after, statement.excluded.after
    earlier = func.min(old, new) if dialect == "sqlite" else func.least(old, new)
    return statement.on_conflict_do_update(
        index_elements=[chain_table.c.endpoint_id, chain_table.c.subject],
        set_={"after": earlier, "state": statement.excluded.state},
    )


_WANT_TOLD = {dialect: _want_told(dialect, new) for dialect, new in inserts(chain_table).items()}


async def insert_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """A new row. Raises IntegrityError when its name is taken."""
    await tx.execute(insert(endpoint_table).values(_values(endpoint)))


async def endpoints(tx: Transaction) -> list[Endpoint]:
    """All, by name."""
    rows = (await tx.execute(select(endpoint_table).order_by(endpoint_table.c.name))).mappings()
    return [_endpoint(row) for row in rows]


async def endpoint(tx: Transaction, id: str) -> Endpoint | None:
    """The endpoint with our id."""
    return await _one(tx, _ENDPOINT, {"of_endpoint": id})


async def endpoint_named(tx: Transaction, name: str) -> Endpoint | None:
    """The endpoint with this name."""
    return await _one(tx, _ENDPOINT_NAMED, {"of_name": name})


async def locked_endpoint(tx: Transaction, id: str) -> Endpoint | None:
    """The endpoint, locked until the transaction ends.

    Locks are always taken in this order: job, chain, delivery, endpoint, feed.
    """
    return await _one(tx, _LOCKED_ENDPOINT, {"of_endpoint": id})


async def save_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """Write back an endpoint read by `locked_endpoint`."""
    await tx.execute(_SAVE_ENDPOINT, {**_values(endpoint), "of_endpoint": endpoint.id})


async def move_cursor(tx: Transaction, id: str, seen: int, to: int) -> bool:
    """Move the cursor on from where it was `seen`; False when somebody moved it meanwhile (a replay)."""
    return (await tx.execute(_MOVE_CURSOR, {"of_endpoint": id, "seen": seen, "cursor": to})).rowcount == 1


async def delete_endpoint(tx: Transaction, id: str) -> None:
    """The endpoint and its chains."""
    await tx.execute(delete(chain_table).where(chain_table.c.endpoint_id == id))
    await tx.execute(delete(endpoint_table).where(endpoint_table.c.id == id))


async def want_told(tx: Transaction, endpoint_id: str, subject: str, first: int, state: ChainState) -> None:
    """Have a chain tell from the event `first` on, or from where it is, whichever is earlier.

    Writes the row even where nothing changes: that waits for whoever is about to end the chain.
    """
    values = {"endpoint_id": endpoint_id, "subject": subject, "after": first - 1, "state": state.value}
    await tx.execute(_WANT_TOLD[tx.dialect], values)


async def chain(tx: Transaction, endpoint_id: str, subject: str) -> Chain | None:
    """The chain, locked until the transaction ends."""
    row = (await tx.execute(_CHAIN, {"of_endpoint": endpoint_id, "of_subject": subject})).mappings().first()
    return _chain(row) if row else None


async def chains(tx: Transaction, endpoint_id: str, state: ChainState, limit: int) -> list[str]:
    """Subjects of chains in this state, those first that were not tried for longest."""
    of = {"of_endpoint": endpoint_id, "state": state.value, "limit": limit}
    return list((await tx.execute(_CHAINS, of)).scalars())


async def open_chains(tx: Transaction, endpoint_id: str, subjects: Sequence[str]) -> None:
    """These chains go on."""
    await tx.execute(_OPEN_CHAINS, {"of_endpoint": endpoint_id, "subjects": subjects})


async def park_chains(tx: Transaction, endpoint_id: str) -> None:
    """All chains wait to be tried again, also those that were given up."""
    statement = update(chain_table).where(chain_table.c.endpoint_id == endpoint_id)
    await tx.execute(statement.values(state=ChainState.PARKED.value))


async def save_chain(
    tx: Transaction,
    chain: Chain,
    *,
    state: ChainState | None = None,
    lease: str | None = None,
    tried_at: datetime | None = None,
) -> None:
    """Write state and lease of a chain in hand; `tried_at` only when given."""
    values: dict[str, object] = {"state": (state or chain.state).value, "lease": lease}
    if tried_at is not None:
        values["tried_at"] = tried_at
    await tx.execute(_SAVE_CHAIN, {**_of(chain), **values})


async def advance(tx: Transaction, chain: Chain, seq: int) -> None:
    """The event `seq` was told; nothing when a replay has set the chain back meanwhile."""
    await tx.execute(_ADVANCE, {**_of(chain), "seen": chain.after, "after": seq})


async def drop_chain(tx: Transaction, chain: Chain) -> None:
    """There is nothing more to tell."""
    await tx.execute(_DROP_CHAIN, _of(chain))


async def backlog(tx: Transaction, endpoint_id: str) -> Backlog:
    """How many chains there are, by state."""
    column = chain_table.c
    statement = select(column.state, func.count()).where(column.endpoint_id == endpoint_id).group_by(column.state)
    found: Mapping[str, int] = {row[0]: row[1] for row in await tx.execute(statement)}
    return Backlog(open=found.get("open", 0), parked=found.get("parked", 0), failed=found.get("failed", 0))


async def news(tx: Transaction, endpoint: Endpoint, limit: int) -> list[Event]:
    """Events for this endpoint after its cursor, in order."""
    of = {"units": sorted(endpoint.units), "cursor": endpoint.cursor, "limit": limit}
    return [event_of(row) for row in (await tx.execute(_news(endpoint.groups), of)).mappings()]


async def next_event(tx: Transaction, endpoint: Endpoint, chain: Chain) -> Event | None:
    """The next event of a chain, of those that were given out already."""
    of: dict[str, object] = {"units": sorted(endpoint.units), "after": chain.after, "cursor": endpoint.cursor}
    if has_document := chain.subject != NO_DOCUMENT:
        of["of_document"] = chain.subject
    row = (await tx.execute(_next_event(endpoint.groups, has_document), of)).mappings().first()
    return event_of(row) if row else None


async def priorities(tx: Transaction, document_ids: Sequence[str]) -> dict[str, int]:
    """The urgency of documents that came in."""
    return {row[0]: row[1] for row in await tx.execute(_PRIORITIES, {"documents": document_ids})}


async def behind(tx: Transaction) -> list[str]:
    """Ids of active endpoints whose breaker is closed and for which there may be news."""
    return list((await tx.execute(_BEHIND)).scalars())


async def _one(tx: Transaction, statement: Select[*tuple[Any, ...]], of: dict[str, str]) -> Endpoint | None:
    row = (await tx.execute(statement, of)).mappings().first()
    return _endpoint(row) if row else None


def _of(chain: Chain) -> dict[str, object]:
    return {"of_endpoint": chain.endpoint_id, "of_subject": chain.subject}


@cache
def _news(groups: frozenset[str]) -> Select[*tuple[Any, ...]]:
    newer = event_table.c.seq > bindparam("cursor")
    return select(event_table).where(newer, *_for(groups)).order_by(event_table.c.seq).limit(_limit)


@cache
def _next_event(groups: frozenset[str], has_document: bool) -> Select[*tuple[Any, ...]]:
    column = event_table.c
    about = column.document_id == bindparam("of_document") if has_document else column.document_id.is_(None)
    between = (column.seq > bindparam("after"), column.seq <= bindparam("cursor"))
    return select(event_table).where(about, *between, *_for(groups)).order_by(column.seq).limit(1)


def _for(groups: frozenset[str]) -> tuple[ColumnElement[bool], ...]:
    return (SPEAKS_TO_UNITS, or_(*(event_table.c.kind.like(f"{group}.%") for group in sorted(groups))))


def _values(endpoint: Endpoint) -> dict[str, object]:
    return {
        **asdict(endpoint),
        "secret_sources": list(endpoint.secret_sources),
        "units": sorted(endpoint.units),
        "groups": sorted(endpoint.groups),
        "state": endpoint.state.value,
    }


def _endpoint(row: RowMapping) -> Endpoint:
    lists = {
        "secret_sources": tuple(row["secret_sources"]),
        "units": frozenset(row["units"]),
        "groups": frozenset(row["groups"]),
        "state": EndpointState(row["state"]),
    }
    return Endpoint(**{**row, **lists})


def _chain(row: RowMapping) -> Chain:
    return Chain(
        endpoint_id=row["endpoint_id"],
        subject=row["subject"],
        after=row["after"],
        state=ChainState(row["state"]),
        lease=row["lease"],
    )
