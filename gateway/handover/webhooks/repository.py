"""Tables and SQL of webhook endpoints and their chains. Events are read from the feed's own table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from gateway.handover.model import Event
from gateway.handover.repository import delivery_table, event_of, event_table
from gateway.handover.webhooks.model import (
    NO_DOCUMENT,
    Backlog,
    Chain,
    ChainState,
    Endpoint,
    EndpointState,
)
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata

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


async def insert_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """A new row. Raises IntegrityError when its name is taken."""
    await tx.execute(insert(endpoint_table).values(_values(endpoint)))


async def endpoints(tx: Transaction) -> list[Endpoint]:
    """All, by name."""
    rows = (await tx.execute(select(endpoint_table).order_by(endpoint_table.c.name))).mappings()
    return [_endpoint(row) for row in rows]


async def endpoint(tx: Transaction, id: str) -> Endpoint | None:
    """The endpoint with our id."""
    return await _one(tx, endpoint_table.c.id == id)


async def endpoint_named(tx: Transaction, name: str) -> Endpoint | None:
    """The endpoint with this name."""
    return await _one(tx, endpoint_table.c.name == name)


async def locked_endpoint(tx: Transaction, id: str) -> Endpoint | None:
    """The endpoint, locked until the transaction ends.

    Locks are always taken in this order: job, chain, delivery, endpoint, feed.
    """
    return await _one(tx, endpoint_table.c.id == id, lock=True)


async def save_endpoint(tx: Transaction, endpoint: Endpoint) -> None:
    """Write back an endpoint read by `locked_endpoint`."""
    await tx.execute(update(endpoint_table).where(endpoint_table.c.id == endpoint.id).values(_values(endpoint)))


async def move_cursor(tx: Transaction, id: str, seen: int, to: int) -> bool:
    """Move the cursor on from where it was `seen`; False when somebody moved it meanwhile (a replay)."""
    column = endpoint_table.c
    statement = update(endpoint_table).where(column.id == id, column.cursor == seen).values(cursor=to)
    return (await tx.execute(statement)).rowcount == 1


async def delete_endpoint(tx: Transaction, id: str) -> None:
    """The endpoint and its chains."""
    await tx.execute(delete(chain_table).where(chain_table.c.endpoint_id == id))
    await tx.execute(delete(endpoint_table).where(endpoint_table.c.id == id))


async def want_told(tx: Transaction, endpoint_id: str, subject: str, first: int, state: ChainState) -> None:
    """Have a chain tell from the event `first` on, or from where it is, whichever is earlier.

    Writes the row even where nothing changes: that waits for whoever is about to end the chain.
    """
    dialect = sqlite if tx.connection.dialect.name == "sqlite" else postgresql
    column = chain_table.c
    statement = dialect.insert(chain_table).values(
        endpoint_id=endpoint_id, subject=subject, after=first - 1, state=state.value
    )
    new = statement.excluded.after
    earlier = func.min(column.after, new) if tx.connection.dialect.name == "sqlite" else func.least(column.after, new)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[column.endpoint_id, column.subject], set_={"after": earlier, "state": state.value}
        )
    )


async def chain(tx: Transaction, endpoint_id: str, subject: str) -> Chain | None:
    """The chain, locked until the transaction ends."""
    statement = select(chain_table).where(*_is(endpoint_id, subject)).with_for_update()
    row = (await tx.execute(statement)).mappings().first()
    return _chain(row) if row else None


async def chains(tx: Transaction, endpoint_id: str, state: ChainState, limit: int) -> list[str]:
    """Subjects of chains in this state, those first that were not tried for longest."""
    column = chain_table.c
    statement = (
        select(column.subject)
        .where(column.endpoint_id == endpoint_id, column.state == state.value)
        .order_by(column.tried_at.is_not(None), column.tried_at, column.after)
        .limit(limit)
    )
    return list((await tx.execute(statement)).scalars())


async def open_chains(tx: Transaction, endpoint_id: str, subjects: Sequence[str]) -> None:
    """These chains go on."""
    column = chain_table.c
    which = (column.endpoint_id == endpoint_id, column.subject.in_(subjects))
    await tx.execute(update(chain_table).where(*which).values(state=ChainState.OPEN.value))


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
    await tx.execute(update(chain_table).where(*_is(chain.endpoint_id, chain.subject)).values(values))


async def advance(tx: Transaction, chain: Chain, seq: int) -> None:
    """The event `seq` was told; nothing when a replay has set the chain back meanwhile."""
    where = (*_is(chain.endpoint_id, chain.subject), chain_table.c.after == chain.after)
    await tx.execute(update(chain_table).where(*where).values(after=seq))


async def drop_chain(tx: Transaction, chain: Chain) -> None:
    """There is nothing more to tell."""
    await tx.execute(delete(chain_table).where(*_is(chain.endpoint_id, chain.subject)))


async def backlog(tx: Transaction, endpoint_id: str) -> Backlog:
    """How many chains there are, by state."""
    column = chain_table.c
    statement = select(column.state, func.count()).where(column.endpoint_id == endpoint_id).group_by(column.state)
    found: Mapping[str, int] = {row[0]: row[1] for row in await tx.execute(statement)}
    return Backlog(open=found.get("open", 0), parked=found.get("parked", 0), failed=found.get("failed", 0))


async def news(tx: Transaction, endpoint: Endpoint, limit: int) -> list[Event]:
    """Events for this endpoint after its cursor, in order."""
    statement = select(event_table).where(event_table.c.seq > endpoint.cursor, *_for(endpoint))
    rows = (await tx.execute(statement.order_by(event_table.c.seq).limit(limit))).mappings()
    return [event_of(row) for row in rows]


async def next_event(tx: Transaction, endpoint: Endpoint, chain: Chain) -> Event | None:
    """The next event of a chain, of those that were given out already."""
    column = event_table.c
    about = column.document_id.is_(None) if chain.subject == NO_DOCUMENT else column.document_id == chain.subject
    statement = select(event_table).where(
        about, column.seq > chain.after, column.seq <= endpoint.cursor, *_for(endpoint)
    )
    row = (await tx.execute(statement.order_by(column.seq).limit(1))).mappings().first()
    return event_of(row) if row else None


async def priorities(tx: Transaction, document_ids: Sequence[str]) -> dict[str, int]:
    """The urgency of documents that came in."""
    column = delivery_table.c
    statement = select(column.document_id, column.priority).where(column.document_id.in_(document_ids))
    return {row[0]: row[1] for row in await tx.execute(statement)}


async def behind(tx: Transaction) -> list[str]:
    """Ids of active endpoints whose breaker is closed and for which there may be news."""
    column = endpoint_table.c
    newer = exists().where(event_table.c.seq > column.cursor)
    statement = select(column.id).where(column.state == EndpointState.ACTIVE.value, column.open_until.is_(None), newer)
    return list((await tx.execute(statement)).scalars())


async def _one(tx: Transaction, which: ColumnElement[bool], *, lock: bool = False) -> Endpoint | None:
    statement = select(endpoint_table).where(which)
    row = (await tx.execute(statement.with_for_update() if lock else statement)).mappings().first()
    return _endpoint(row) if row else None


def _is(endpoint_id: str, subject: str) -> tuple[ColumnElement[bool], ...]:
    return (chain_table.c.endpoint_id == endpoint_id, chain_table.c.subject == subject)


def _for(endpoint: Endpoint) -> tuple[ColumnElement[bool], ...]:
    column = event_table.c
    units = or_(column.unit_code.in_(sorted(endpoint.units)), column.unit_code.is_(None))
    return (units, or_(*(column.kind.like(f"{group}.%") for group in sorted(endpoint.groups))))


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
