"""The table `job` and all SQL on it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Index,
    Integer,
    Row,
    Select,
    SmallInteger,
    String,
    Table,
    UniqueConstraint,
    bindparam,
    case,
    delete,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    union_all,
    update,
)

from gateway.jobs.lanes import Lane
from gateway.jobs.model import Claimed, JobAge, JobCount, JobState, Lease
from gateway.jobs.room import Share
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata
from gateway.store.inserts import inserts, unless_there

LONGEST_KIND, LONGEST_KEY, LONGEST_REASON, LONGEST_POOL = 64, 200, 500, 100

job = Table(
    "job",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(LONGEST_KIND), nullable=False),
    Column("key", String(LONGEST_KEY), nullable=False),
    Column("payload", JsonColumn(), nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("pool", String(LONGEST_POOL)),
    Column("state", String(10), nullable=False),
    Column("run_at", UtcDateTime(), nullable=False),
    Column("first_run_at", UtcDateTime(), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("wanted_again", Boolean, nullable=False),
    Column("lease_owner", String(200)),
    Column("lease_token", BigInteger, nullable=False),
    Column("lease_until", UtcDateTime()),
    Column("last_reason", String(LONGEST_REASON)),
    Column("reasons", JsonColumn(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("finished_at", UtcDateTime()),
    UniqueConstraint("kind", "key"),
)


def _is(state: JobState) -> ColumnElement[bool]:
    """Written out in the statement: with a parameter in its place neither database would know its partial index."""
    return job.c.state == literal_column(f"'{state.value}'")


_is_waiting, _is_running, _is_dead, _is_done = map(
    _is, (JobState.WAITING, JobState.RUNNING, JobState.DEAD, JobState.DONE)
)
Index("ix_job_due", job.c.lane, job.c.run_at, job.c.pool, sqlite_where=_is_waiting, postgresql_where=_is_waiting)
Index("ix_job_leased", job.c.lease_until, sqlite_where=_is_running, postgresql_where=_is_running)
Index("ix_job_dead", job.c.kind, sqlite_where=_is_dead, postgresql_where=_is_dead)
Index("ix_job_done", job.c.finished_at, sqlite_where=_is_done, postgresql_where=_is_done)
# Made once: to make such a statement anew takes longer than the database takes for it.
_INSERT = unless_there(job, "kind", "key")
_HOLD = (
    select(job.c.wanted_again, job.c.reasons)
    .where(job.c.id == bindparam("of_job"), job.c.lease_token == bindparam("token"), _is_running)
    .with_for_update()
)
_now = bindparam("now", type_=UtcDateTime())
_FINISH = (
    update(job)
    .where(job.c.id == bindparam("of_job"), job.c.lease_token == bindparam("token"), _is_running)
    .values(
        state=case((job.c.wanted_again, JobState.WAITING.value), else_=JobState.DONE.value),
        finished_at=case((job.c.wanted_again, null()), else_=_now),
        run_at=case((job.c.wanted_again, _now), else_=job.c.run_at),
        first_run_at=case((job.c.wanted_again, _now), else_=job.c.first_run_at),
        attempt=case((job.c.wanted_again, 0), else_=job.c.attempt),
        last_reason=case((job.c.wanted_again, null()), else_=job.c.last_reason),
        lease_owner=None,
        lease_until=None,
        wanted_again=False,
    )
    .returning(job.c.state)
)
_TAKE = (
    update(job)
    .where(job.c.id == bindparam("of_job"))
    .values(
        state=JobState.RUNNING.value,
        attempt=bindparam("counted"),
        lease_owner=bindparam("holder"),
        lease_token=bindparam("new_token"),
        lease_until=bindparam("until"),
        wanted_again=False,
    )
)
_UNDER_LEASE = update(job).where(job.c.id == bindparam("of_job"), job.c.lease_token == bindparam("token"), _is_running)
_unindexed_kind = job.c.kind.concat(literal_column("''"))
"""The kind, to count or choose by: of the bare column SQLite has an index, and would read all jobs by it, not the few of a
state."""
_kind = _unindexed_kind.label("kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be kept."""

    id: str
    kind: str
    key: str
    payload: Mapping[str, str]
    lane: Lane
    pool: str | None
    run_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the holder of a lease finds in its job's row."""

    wanted_again: bool
    reasons: list[dict[str, str]]


async def insert_unless_there(tx: Transaction, new: NewJob) -> bool:
    """Keep a new job; False when one of this kind and key is there."""
    values = {
        **_armed(new),
        "id": new.id,
        "kind": new.kind,
        "key": new.key,
        "lease_token": 0,
        "reasons": [],
        "created_at": new.now,
    }
    return (await tx.execute(_INSERT[tx.dialect], values)).rowcount == 1


async def unfinished(tx: Transaction, kind: str, keys: Collection[str]) -> set[str]:
    """Those of the keys whose job of this kind waits or runs."""
    statement = select(job.c.key).where(job.c.kind == kind, job.c.key.in_(keys), or_(_is_waiting, _is_running))
    return set((await tx.execute(statement)).scalars())


async def insert_all(tx: Transaction, new: Sequence[NewJob]) -> None:
    """Keep new jobs of one kind; those that are there already and finished come back as if new, the others stay."""
    rows = [
        {
            **_armed(one),
            "id": one.id,
            "kind": one.kind,
            "key": one.key,
            "lease_token": 0,
            "reasons": [],
            "created_at": one.now,
        }
        for one in new
    ]
    statement = inserts(job)[tx.dialect]
    anew = {name: statement.excluded[name] for name in _armed(new[0])}
    finished = or_(job.c.state == JobState.DONE.value, job.c.state == JobState.DEAD.value)
    await tx.execute(
        statement.on_conflict_do_update(index_elements=[job.c.kind, job.c.key], set_=anew, where=finished), rows
    )


async def find(tx: Transaction, kind: str, key: str) -> tuple[str, JobState, Lane]:
    """The id, state and lane of the job of this kind and key, locked."""
    statement = select(job.c.id, job.c.state, job.c.lane).where(job.c.kind == kind, job.c.key == key).with_for_update()
    found = (await tx.execute(statement)).one()
    return found.id, JobState(found.state), Lane(found.lane)


async def raise_to(tx: Transaction, job_id: str, lane: Lane) -> None:
    """Have a job go in this lane from now on; it is locked."""
    await tx.execute(update(job).where(job.c.id == job_id).values(lane=int(lane)))


async def reasons_of(tx: Transaction, kind: str, key: str) -> list[dict[str, str]]:
    """Why attempts of the job of this kind and key failed; none where there is no such job."""
    statement = select(job.c.reasons).where(job.c.kind == kind, job.c.key == key)
    found = (await tx.execute(statement)).scalar()
    return found if isinstance(found, list) else []


async def arm(tx: Transaction, job_id: str, new: NewJob) -> None:
    """Bring a finished job back as if new; its token goes on growing and its reasons stay."""
    await tx.execute(update(job).where(job.c.id == job_id).values(**_armed(new)))


async def want_again(tx: Transaction, kind: str, key: str) -> None:
    """Have a running job run once more when it is done."""
    await tx.execute(update(job).where(job.c.kind == kind, job.c.key == key, _is_running).values(wanted_again=True))


async def bring_forward(tx: Transaction, kind: str, key: str, now: datetime) -> bool:
    """Make a waiting job due; False when there is none that waits."""
    moment = literal(now, UtcDateTime())
    statement = (
        update(job)
        .where(job.c.kind == kind, job.c.key == key, _is_waiting)
        .values(
            run_at=case((job.c.run_at > moment, moment), else_=job.c.run_at),
            first_run_at=case((job.c.first_run_at > moment, moment), else_=job.c.first_run_at),
        )
    )
    return (await tx.execute(statement)).rowcount == 1


async def bring_all_forward(tx: Transaction, now: datetime, lease_until: datetime) -> None:
    """Make every waiting job due, and let no lease last beyond `lease_until`."""
    due_now = {"run_at": now, "first_run_at": now}
    await tx.execute(update(job).where(_is_waiting, job.c.run_at > now).values(due_now))
    await tx.execute(update(job).where(_is_running, job.c.lease_until > lease_until).values(lease_until=lease_until))


async def finish_waiting(tx: Transaction, kind: str, key: str, reason: str, now: datetime) -> bool:
    """Finish a job that waits and that nobody holds; False when there is none."""
    statement = update(job).where(job.c.kind == kind, job.c.key == key, _is_waiting)
    values = {"state": JobState.DONE.value, "finished_at": now, "last_reason": reason}
    return (await tx.execute(statement.values(values))).rowcount == 1


async def due(
    tx: Transaction, kinds: Collection[str], now: datetime, limit: int, shut: Collection[Share] = ()
) -> list[Claimed]:
    """Jobs to be claimed, by lane and time: due ones that wait, and running ones whose lease is over. Locked.

    Rows that another worker is just claiming are passed over, and those of shares that are `shut`. The leases in them
    are still those of before.
    """
    waits, lapsed = _due(frozenset(kinds), frozenset((share.lanes, share.pools) for share in shut))
    about = {"now": now, "most": limit}
    waiting = (await tx.execute(waits, about)).all()
    abandoned = (await tx.execute(lapsed, about)).all()
    rows = sorted([*waiting, *abandoned], key=lambda row: (row.lane, row.run_at, row.id))
    return [_claimed(row) for row in rows[:limit]]


async def take(tx: Transaction, claimed: Sequence[Claimed], until: datetime) -> None:
    """Write the leases of claimed jobs."""
    if not claimed:
        return
    rows = [
        {
            "of_job": one.id,
            "counted": one.attempt,
            "holder": one.lease.owner,
            "new_token": one.lease.token,
            "until": until,
        }
        for one in claimed
    ]
    await tx.execute(_TAKE, rows)


async def hold(tx: Transaction, lease: Lease) -> Held | None:
    """The job of a lease, locked until the transaction ends; None when the lease is no longer good."""
    found = (await tx.execute(_HOLD, {"of_job": lease.job_id, "token": lease.token})).one_or_none()
    return None if found is None else Held(wanted_again=found.wanted_again, reasons=found.reasons)


async def extend(tx: Transaction, lease: Lease, until: datetime) -> bool:
    """Move the end of a lease; False when it is no longer good."""
    return (await tx.execute(_UNDER_LEASE, {**_of(lease), "lease_until": until})).rowcount == 1


async def finish(tx: Transaction, lease: Lease, state: JobState, now: datetime) -> None:
    """Done or dead."""
    await _let_go(tx, lease, {"state": state.value, "finished_at": now})


async def finish_unless_wanted(tx: Transaction, lease: Lease, now: datetime) -> JobState | None:
    """Done, or waiting for another round where one is wanted; None when the lease is no longer good."""
    found = (await tx.execute(_FINISH, {"of_job": lease.job_id, "token": lease.token, "now": now})).scalar()
    return None if found is None else JobState(found)


async def wait_anew(tx: Transaction, lease: Lease, at: datetime) -> None:
    """Wait for another round, with attempts counted from nothing."""
    values = {"state": JobState.WAITING.value, "run_at": at, "first_run_at": at, "attempt": 0, "last_reason": None}
    await _let_go(tx, lease, values)


async def wait_on(tx: Transaction, lease: Lease, at: datetime) -> None:
    """Wait for another attempt."""
    await _let_go(tx, lease, {"state": JobState.WAITING.value, "run_at": at})


async def note(tx: Transaction, lease: Lease, reason: str, reasons: list[dict[str, str]]) -> None:
    """Keep why an attempt failed."""
    await tx.execute(_UNDER_LEASE, {**_of(lease), "last_reason": reason, "reasons": reasons})


async def counts(tx: Transaction) -> list[JobCount]:
    """How many wait, run or are dead, by kind and state; the done ones are many and tell nothing."""
    parts: list[Select[*tuple[str, str, int]]] = [
        select(_kind, literal_column(f"'{state.value}'").label("state"), func.count().label("number"))
        .where(_is(state))
        .group_by(_kind)
        for state in (JobState.WAITING, JobState.RUNNING, JobState.DEAD)
    ]
    rows = (await tx.execute(union_all(*parts))).all()
    found = [JobCount(kind=row.kind, state=JobState(row.state), count=row.number) for row in rows]
    return sorted(found, key=lambda one: (one.kind, one.state))


async def waiting(tx: Transaction, kind: str, limit: int) -> int:
    """How many of a kind wait, counted no further than `limit`."""
    some = select(job.c.id).where(_is_waiting, job.c.kind == kind).limit(limit).subquery()
    return (await tx.execute(select(func.count()).select_from(some))).scalar_one()


async def oldest(tx: Transaction) -> list[JobAge]:
    """Since when unfinished jobs have been due, by kind and state."""
    parts: list[Select[*tuple[str, str, datetime]]] = [
        select(
            _kind,
            literal_column(f"'{state.value}'").label("state"),
            func.min(job.c.first_run_at, type_=UtcDateTime()).label("since"),
        )
        .where(_is(state))
        .group_by(_kind)
        for state in (JobState.WAITING, JobState.RUNNING)
    ]
    rows = (await tx.execute(union_all(*parts))).all()
    found = [JobAge(kind=row.kind, state=JobState(row.state), since=row.since) for row in rows]
    return sorted(found, key=lambda one: (one.kind, one.state))


async def delete_done(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete jobs that were done before a time."""
    old = select(job.c.id).where(_is_done, job.c.finished_at < before).limit(limit)
    return (await tx.execute(delete(job).where(job.c.id.in_(old)))).rowcount


_Shut = tuple[frozenset[Lane] | None, frozenset[str] | None]
"""Lanes and pools of a share that has nothing left."""


@lru_cache(maxsize=256)
def _due(kinds: frozenset[str], shut: frozenset[_Shut]) -> tuple[Select[*tuple[Any, ...]], Select[*tuple[Any, ...]]]:
    """What waits and is due, and what runs under a lease that is over: of these kinds, and not of what is shut."""
    admitted = (_unindexed_kind.in_(sorted(kinds)), *(_outside(lanes, pools) for lanes, pools in shut))
    of_kinds = select(job).where(*admitted).order_by(job.c.lane, job.c.run_at, job.c.id)
    locked = of_kinds.limit(bindparam("most", type_=Integer())).with_for_update(skip_locked=True)
    return locked.where(_is_waiting, job.c.run_at <= _now), locked.where(_is_running, job.c.lease_until <= _now)


def _outside(lanes: frozenset[Lane] | None, pools: frozenset[str] | None) -> ColumnElement[bool]:
    """What a share does not cover."""
    outside: list[ColumnElement[bool]] = []
    if lanes is not None:
        outside.append(job.c.lane.not_in(sorted(int(lane) for lane in lanes)))
    if pools is not None:
        outside.append(or_(job.c.pool.is_(None), job.c.pool.not_in(sorted(pools))))
    return or_(*outside) if outside else false()


def _armed(new: NewJob) -> dict[str, object]:
    return {
        "payload": dict(new.payload),
        "lane": int(new.lane),
        "pool": new.pool,
        "state": JobState.WAITING.value,
        "run_at": new.run_at,
        "first_run_at": new.run_at,
        "attempt": 0,
        "wanted_again": False,
        "lease_owner": None,
        "lease_until": None,
        "last_reason": None,
        "finished_at": None,
    }


def _of(lease: Lease) -> dict[str, object]:
    return {"of_job": lease.job_id, "token": lease.token}


async def _let_go(tx: Transaction, lease: Lease, values: dict[str, object]) -> None:
    released = {"lease_owner": None, "lease_until": None, "wanted_again": False}
    await tx.execute(_UNDER_LEASE, {**_of(lease), **released, **values})


def _claimed(row: Row[*tuple[object, ...]]) -> Claimed:
    found = row._mapping
    return Claimed(
        id=found["id"],
        kind=found["kind"],
        key=found["key"],
        payload=found["payload"],
        lane=Lane(found["lane"]),
        pool=found["pool"],
        attempt=found["attempt"],
        lease=Lease(job_id=found["id"], owner=found["lease_owner"] or "", token=found["lease_token"]),
        created_at=found["created_at"],
        first_run_at=found["first_run_at"],
        taken_over=found["state"] == JobState.RUNNING.value,
    )
