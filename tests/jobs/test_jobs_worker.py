"""A worker runs what is due, writes what came of it, and lets go of what it cannot finish."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from clocks import FakeClock
from pydantic import ValidationError
from sqlalchemy import select
from structlog.testing import capture_logs

from gateway.jobs import (
    Again,
    Backoff,
    Claimed,
    Dead,
    Done,
    JobKind,
    Jobs,
    JobsSettings,
    Lane,
    Lease,
    LeaseLost,
    Outcome,
    Postponed,
    Retry,
    Share,
    Worker,
)
from gateway.jobs.repository import job
from gateway.jobs.room import Shares
from gateway.problems import Kind, Problem, Text
from gateway.store import DatabaseUnavailable, Store, Transaction
from gateway.store.faults import Trouble

POLICY = Backoff(first=8, ceiling=8, horizon=100, attempts=3)
IMPATIENT = JobsSettings(grace=0, idle=30)
Handler = Callable[[Claimed], Awaitable[Outcome]]


@dataclass
class Node:
    """A store, a queue and a clock to make workers of."""

    store: Store
    clock: FakeClock
    jobs: Jobs = field(init=False)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.clock)

    def worker(
        self,
        handler: Handler,
        *,
        exhausted: Callable[[Claimed, str], Awaitable[None]] | None = None,
        concurrency: int | None = None,
        settings: JobsSettings = IMPATIENT,
        owner: str = "a",
    ) -> Worker:
        kind = JobKind(name="work", handler=handler, policy=POLICY, exhausted=exhausted, concurrency=concurrency)
        return Worker(self.store, self.jobs, [kind], owner=owner, clock=self.clock, settings=settings)

    async def put(self, key: str = "1") -> None:
        async with self.store.begin() as tx:
            await self.jobs.put(tx, kind="work", key=key)

    async def state(self, key: str = "1") -> tuple[str, str | None]:
        async with self.store.read() as tx:
            found = await tx.execute(select(job.c.state, job.c.last_reason).where(job.c.key == key))
            row = found.one()
            return row.state, row.last_reason


@pytest.fixture
def node(store: Store, clock: FakeClock) -> Node:
    return Node(store, clock)


def always(outcome: Outcome) -> Handler:
    async def handler(_: Claimed) -> Outcome:
        return outcome

    return handler


def raising(error: BaseException) -> Handler:
    async def handler(_: Claimed) -> Outcome:
        raise error

    return handler


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a condition holds; fail after a bound."""
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("outcome", "state"), [(Done(), ("done", None)), (Dead("closed code"), ("dead", "closed code"))]
)
async def test_an_outcome_ends_a_job(node: Node, outcome: Outcome, state: tuple[str, str | None]) -> None:
    await node.put()
    assert await node.worker(always(outcome)).drain() == 1
    assert await node.state() == state


async def test_a_job_that_comes_round_again_counts_its_attempts_anew(node: Node) -> None:
    attempts: list[int] = []

    async def handler(claimed: Claimed) -> Outcome:
        attempts.append(claimed.attempt)
        return Again(node.clock() + timedelta(seconds=60))

    await node.put()
    worker = node.worker(handler)
    for _ in range(3):
        assert await worker.drain() == 1
        node.clock.advance(60)
    assert attempts == [1, 1, 1]


async def test_a_failure_is_tried_again_when_the_policy_says_and_then_given_up(node: Node) -> None:
    told: list[tuple[int, str]] = []

    async def exhausted(claimed: Claimed, reason: str) -> None:
        told.append((claimed.attempt, reason))

    await node.put()
    worker = node.worker(always(Retry("timeout")), exhausted=exhausted)
    for _ in range(3):
        assert await node.state() != ("dead", "failed 3 times: timeout")
        await worker.run_once()
        node.clock.advance(8)
    assert (told, await node.state()) == ([(3, "timeout")], ("dead", "failed 3 times: timeout"))


async def test_a_handler_with_a_policy_of_its_own_says_when_and_its_reasons_are_kept(node: Node) -> None:
    worker = node.worker(always(Postponed("axis_21", 1000)))
    await node.put()
    for _ in range(2):
        assert await worker.run_once() == 1
        node.clock.advance(999)
        assert await worker.run_once() == 0
        node.clock.advance(1)
    async with node.store.read() as tx:
        assert [reason for _, reason in await node.jobs.reasons(tx, "work", "1")] == ["axis_21", "axis_21"]


async def test_a_worker_full_of_slow_ordinary_jobs_still_runs_urgent_ones_and_keeps_house(node: Node) -> None:
    ran: list[str] = []
    go, both = asyncio.Event(), asyncio.Event()

    async def handler(claimed: Claimed) -> Outcome:
        ran.append(claimed.key)
        if claimed.key.startswith("slow"):
            await go.wait()
        if {"urgent", "upkeep"} <= set(ran):
            both.set()
        return Done()

    async with node.store.begin() as tx:
        for number in range(50):
            await node.jobs.put(tx, kind="work", key=f"slow {number}", lane=Lane.NORMAL)
        await node.jobs.put(tx, kind="work", key="upkeep", lane=Lane.BACKGROUND)
    stop = asyncio.Event()
    running = asyncio.create_task(node.worker(handler, settings=JobsSettings(slots=8, idle=0.05)).run(stop))

    async def busy() -> bool:
        return len([key for key in ran if key.startswith("slow")]) == 5

    await eventually(busy)
    async with node.store.begin() as tx:
        await node.jobs.put(tx, kind="work", key="urgent", lane=Lane.FIRST)
    async with asyncio.timeout(20):
        await both.wait()
    assert len([key for key in ran if key.startswith("slow")]) == 5
    go.set()
    stop.set()
    await running


async def test_the_pools_of_what_is_in_hand_are_told_and_what_has_no_room_waits(node: Node) -> None:
    asked: list[list[str]] = []

    async def shares(busy: Sequence[str]) -> Sequence[Share]:
        asked.append(list(busy))
        return [Share(left=1 - len(busy), pools=frozenset({"line"}))]

    kind = JobKind(name="work", handler=always(Done()), policy=POLICY)
    worker = Worker(
        node.store,
        node.jobs,
        [kind],
        owner="a",
        clock=node.clock,
        settings=IMPATIENT,
        shares_of=shares,
    )
    async with node.store.begin() as tx:
        for number in range(3):
            await node.jobs.put(tx, kind="work", key=str(number), pool="line")
    assert [await worker.run_once() for _ in range(4)] == [1, 1, 1, 0]
    assert asked == [[], [], [], []]


async def test_what_waits_behind_a_full_share_is_claimed_as_soon_as_there_is_room(node: Node) -> None:
    ran: list[str] = []
    all_of_them = asyncio.Event()

    async def handler(claimed: Claimed) -> Outcome:
        await asyncio.sleep(0)
        ran.append(claimed.key)
        if len(ran) == 80:
            all_of_them.set()
        return Done()

    async def shares(busy: Sequence[str]) -> Sequence[Share]:
        return [Share(left=2 - busy.count("line"), pools=frozenset({"line"}))]

    async with node.store.begin() as tx:
        for number in range(40):
            await node.jobs.put(tx, kind="work", key=f"of a lane {number}", lane=Lane.NORMAL)
            await node.jobs.put(tx, kind="work", key=f"of a pool {number}", lane=Lane.FIRST, pool="line")
    kind = JobKind(name="work", handler=handler, policy=POLICY)
    patient = JobsSettings(slots=8, idle=60)  # nobody looks of himself meanwhile
    worker = Worker(node.store, node.jobs, [kind], owner="a", clock=node.clock, settings=patient, shares_of=shares)
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    async with asyncio.timeout(20):
        await all_of_them.wait()
    stop.set()
    await running
    assert len(set(ran)) == 80


async def test_the_other_sides_wish_to_wait_is_the_soonest(node: Node) -> None:
    await node.put()
    worker = node.worker(always(Retry("busy", after=50)))
    await worker.drain()
    node.clock.advance(49.9)
    assert await worker.drain() == 0
    node.clock.advance(0.2 + 8)  # all who were told the same do not come at once
    assert await worker.drain() == 1


async def test_a_job_whose_end_could_not_be_told_is_kept(node: Node) -> None:
    calls: list[str] = []

    async def exhausted(_: Claimed, reason: str) -> None:
        calls.append(reason)
        if len(calls) == 1:
            raise KeyError("secret")

    await node.put()
    worker = node.worker(always(Retry("timeout")), exhausted=exhausted)
    for _ in range(3):
        await worker.run_once()
        node.clock.advance(8)
    assert await node.state() == ("waiting", "KeyError")
    node.clock.advance(60)
    await worker.run_once()
    assert (calls, (await node.state())[0]) == (["timeout", "timeout"], "dead")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("bí mật"), "ValueError"),
        (Problem("axis.refused", Kind.INVALID, Text("bí mật", "secret"), Text("", "")), "axis.refused"),
        (asyncio.CancelledError(), "cancelled"),
    ],
)
async def test_an_unexpected_error_is_tried_again_and_logged_without_its_text(
    node: Node, error: BaseException, reason: str
) -> None:
    await node.put()
    with capture_logs() as logs:
        await node.worker(raising(error)).run_once()
    assert await node.state() == ("waiting", reason)
    assert "bí mật" not in str(logs)


async def test_a_lost_lease_is_dropped_without_a_trace_in_the_job(node: Node) -> None:
    await node.put()
    with capture_logs() as logs:
        await node.worker(raising(LeaseLost())).run_once()
    assert (await node.state(), [entry["event"] for entry in logs]) == (("running", None), ["job.lease_lost"])


async def test_who_was_taken_over_while_working_cannot_write_the_outcome(node: Node) -> None:
    async def slow(_: Claimed) -> Outcome:
        node.clock.advance(61)
        assert await node.worker(always(Dead("by b")), owner="b").run_once() == 1
        return Done()

    await node.put()
    await node.worker(slow).run_once()
    assert await node.state() == ("dead", "by b")


async def test_no_more_run_at_a_time_than_slots_and_the_kinds_own_bound(node: Node) -> None:
    running, most = 0, 0

    async def handler(_: Claimed) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return Done()

    for number in range(7):
        await node.put(str(number))
    assert await node.worker(handler, settings=JobsSettings(slots=3)).run_once() == 3
    assert await node.worker(handler, concurrency=2).run_once() == 2
    assert most == 3


async def test_draining_stops_when_told(node: Node) -> None:
    done: list[str] = []

    async def handler(claimed: Claimed) -> Outcome:
        done.append(claimed.key)
        return Done()

    for number in range(3):
        await node.put(str(number))
    await node.worker(handler, concurrency=1).drain(until=lambda: len(done) == 2)
    assert len(done) == 2


async def test_draining_what_never_ends_is_an_error(node: Node) -> None:
    await node.put()
    with pytest.raises(RuntimeError, match="still due"):
        await node.worker(always(Again(node.clock()))).drain(rounds=5)


async def test_a_job_put_in_this_process_is_run_at_once(node: Node) -> None:
    ran = asyncio.Event()

    async def handler(_: Claimed) -> Outcome:
        ran.set()
        return Done()

    stop = asyncio.Event()
    running = asyncio.create_task(node.worker(handler, settings=JobsSettings(idle=60, grace=20)).run(stop))
    await asyncio.sleep(0)
    await node.put()
    async with asyncio.timeout(20):
        await ran.wait()
    stop.set()
    await running
    assert await node.state() == ("done", None)


async def test_a_job_put_by_another_process_is_found_by_looking(node: Node) -> None:
    other = Node(node.store, node.clock)
    worker = node.worker(always(Done()), settings=JobsSettings(idle=0.01))
    await node.put("first")

    async def is_done_after_the_first() -> bool:
        if (await node.state("first"))[0] != "done":
            return False
        await other.put("second")
        return True

    async def is_done() -> bool:
        return (await node.state("second"))[0] == "done"

    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop))
    await eventually(is_done_after_the_first)
    await eventually(is_done)
    stop.set()
    await running


async def test_a_stopping_worker_lets_running_jobs_finish(node: Node) -> None:
    started, stop = asyncio.Event(), asyncio.Event()

    async def handler(_: Claimed) -> Outcome:
        started.set()
        await stop.wait()
        return Done()

    await node.put()
    running = asyncio.create_task(node.worker(handler, settings=JobsSettings(grace=20)).run(stop))
    await started.wait()
    stop.set()
    await running
    assert await node.state() == ("done", None)


async def test_what_a_stopping_worker_cannot_finish_is_taken_over_at_once(node: Node) -> None:
    started, stop, seen = asyncio.Event(), asyncio.Event(), list[bool]()

    async def endless(_: Claimed) -> Outcome:
        started.set()
        await asyncio.Event().wait()
        return Done()

    async def next_one(claimed: Claimed) -> Outcome:
        seen.append(claimed.taken_over)
        return Done()

    await node.put()
    running = asyncio.create_task(node.worker(endless).run(stop))
    await started.wait()
    stop.set()
    await running
    await node.worker(next_one, owner="b").drain()
    assert seen == [True]


async def test_starting_and_stopping_a_node_touches_no_other_nodes_work(node: Node) -> None:
    started = asyncio.Event()

    async def endless(_: Claimed) -> Outcome:
        started.set()
        await asyncio.Event().wait()
        return Done()

    await node.put()
    stop_a, stop_b = asyncio.Event(), asyncio.Event()
    stop_b.set()
    a = asyncio.create_task(node.worker(endless, owner="a").run(stop_a))
    await started.wait()
    for _ in range(3):
        await node.worker(always(Dead("stolen")), owner="b").run(stop_b)
    state = await node.state()
    stop_a.set()
    await a
    assert state == ("running", None)


async def test_a_beating_worker_keeps_its_jobs_beyond_the_lease(node: Node) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    async def slow(_: Claimed) -> Outcome:
        started.set()
        await finish.wait()
        return Done()

    await node.put()
    worker = node.worker(slow)
    working = asyncio.create_task(worker.run_once())
    await started.wait()
    for _ in range(4):
        node.clock.advance(40)
        await worker.beat()
    stolen = await node.worker(always(Dead("stolen")), owner="b").run_once()
    finish.set()
    await working
    assert (stolen, await node.state()) == (0, ("done", None))


async def test_an_outcome_waits_until_the_database_is_back(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([True, True, False])
    finish = node.jobs.done

    async def sometimes(tx: Transaction, lease: Lease) -> None:
        if next(failures):
            raise DatabaseUnavailable(Trouble.UNREACHABLE)
        await finish(tx, lease)

    monkeypatch.setattr(node.jobs, "done", sometimes)
    await node.put()
    await node.worker(always(Done()), settings=JobsSettings(idle=0.001)).run_once()
    assert await node.state() == ("done", None)


async def test_a_worker_outlives_a_database_that_is_away(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = iter([True, True])
    claim = node.jobs.claim

    async def sometimes(
        tx: Transaction,
        *,
        owner: str,
        room: Mapping[str, int],
        slots: int,
        seconds: float,
        shares: Shares,
    ) -> list[Claimed]:
        if next(failures, False):
            raise DatabaseUnavailable(Trouble.UNREACHABLE)
        return await claim(tx, owner=owner, room=room, slots=slots, seconds=seconds, shares=shares)

    monkeypatch.setattr(node.jobs, "claim", sometimes)
    await node.put()

    async def is_done() -> bool:
        return (await node.state())[0] == "done"

    stop = asyncio.Event()
    running = asyncio.create_task(node.worker(always(Done()), settings=JobsSettings(idle=0.01)).run(stop))
    await eventually(is_done)
    stop.set()
    await running


def test_a_lease_outlasts_a_missed_beat() -> None:
    with pytest.raises(ValidationError, match="half of lease"):
        JobsSettings(lease=30, beat=20)
