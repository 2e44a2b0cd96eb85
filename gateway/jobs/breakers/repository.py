"""The table `breaker` and all SQL on it."""

from sqlalchemy import Column, Integer, Row, String, Table, bindparam, select, update

from gateway.jobs.breakers.machine import BreakerState
from gateway.store import Transaction, UtcDateTime, metadata
from gateway.store.inserts import unless_there

LONGEST_NAME, LONGEST_OWNER, LONGEST_REASON = 120, 240, 100

breaker_table = Table(
    "breaker",
    metadata,
    Column("name", String(LONGEST_NAME), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("failing_since", UtcDateTime()),
    Column("opened", Integer, nullable=False),
    Column("opened_at", UtcDateTime()),
    Column("open_until", UtcDateTime()),
    Column("probe", String(LONGEST_OWNER)),
    Column("probe_until", UtcDateTime()),
    Column("reason", String(LONGEST_REASON)),
    Column("usable_since", UtcDateTime()),
)
# Made once: to make such a statement anew takes longer than the database takes for it.
_EVERY = select(breaker_table)
_NEW = unless_there(breaker_table, "name")
_HOLD = select(breaker_table).where(breaker_table.c.name == bindparam("of_name")).with_for_update()
_SAVE = update(breaker_table).where(breaker_table.c.name == bindparam("of_name"))


async def every(tx: Transaction) -> dict[str, BreakerState]:
    """All, by name."""
    return {row.name: _state(row) for row in await tx.execute(_EVERY)}


async def hold(tx: Transaction, name: str) -> BreakerState:
    """One, locked until the transaction ends; made where there is none."""
    await tx.execute(_NEW[tx.dialect], {"name": name, "failures": 0, "opened": 0})
    return _state((await tx.execute(_HOLD, {"of_name": name})).one())


async def save(tx: Transaction, name: str, state: BreakerState) -> None:
    """Write one that is held."""
    await tx.execute(
        _SAVE,
        {
            "of_name": name,
            "failures": state.failures,
            "failing_since": state.failing_since,
            "opened": state.opened,
            "opened_at": state.opened_at,
            "open_until": state.open_until,
            "probe": state.probe,
            "probe_until": state.probe_until,
            "reason": state.reason[:LONGEST_REASON] if state.reason else None,
            "usable_since": state.usable_since,
        },
    )


def _state(row: Row[*tuple[object, ...]]) -> BreakerState:
    return BreakerState(**{name: value for name, value in row._mapping.items() if name != "name"})
