"""The queue's contract, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import pytest
from clocks import FakeClock
from sqlalchemy import select

from gateway.jobs import Claimed, Jobs, JobState, Lane, Lease, LeaseLost
from gateway.jobs.repository import job
from gateway.store import Store, StoreSettings, Transaction

KINDS: Mapping[str, int] = {"send": 100, "poll": 100}


@pytest.fixture
def jobs(clock: FakeClock) -> Jobs:
    return Jobs(clock)


async def put(
    store: Store, jobs: Jobs, key: str, *, kind: str = "send", lane: Lane = Lane.NORMAL, run_at: datetime | None = None
) -> str:
    async with store.begin() as tx:
        return await jobs.put(tx, kind=kind, key=key, payload={"number": key}, lane=lane, run_at=run_at)


async def claim(
    store: Store, jobs: Jobs, *, owner: str = "a", slots: int = 100, room: Mapping[str, int] = KINDS
) -> list[Claimed]:
    async with store.begin() as tx:
        return await jobs.claim(tx, owner=owner, room=room, slots=slots, seconds=60)


async def done(store: Store, jobs: Jobs, lease: Lease) -> None:
    async with store.begin() as tx:
        await jobs.done(tx, lease)


async def states(store: Store) -> dict[str, str]:
    async with store.read() as tx:
        return {row.key: row.state for row in await tx.execute(select(job.c.key, job.c.state))}


async def test_a_job_comes_back_as_it_was_put(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    made = await put(store, jobs, "1", lane=Lane.SECOND)
    (claimed,) = await claim(store, jobs)
    assert claimed == Claimed(
        id=made,
        kind="send",
        key="1",
        payload={"number": "1"},
        pool=None,
        lane=Lane.SECOND,
        attempt=1,
        lease=Lease(job_id=made, owner="a", token=1),
        created_at=clock(),
        first_run_at=clock(),
        taken_over=False,
    )


async def test_a_job_of_a_transaction_that_was_rolled_back_never_was(store: Store, jobs: Jobs) -> None:
    async def fail() -> None:
        async with store.begin() as tx:
            await jobs.put(tx, kind="send", key="1")
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await claim(store, jobs) == []


async def test_a_job_is_claimed_once(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "1")
    assert (len(await claim(store, jobs)), await claim(store, jobs, owner="b")) == (1, [])


async def test_claims_at_the_same_time_never_meet(store: Store, jobs: Jobs, database_url: str) -> None:
    for number in range(30):
        await put(store, jobs, str(number))
    others = [Store(StoreSettings(database_url=database_url)) for _ in range(3)]

    async def empty(one: Store, owner: str) -> list[str]:
        found: list[str] = []
        for _ in range(8):
            found += [claimed.key for claimed in await claim(one, jobs, owner=owner, slots=3)]
        return found

    lists = await asyncio.gather(*(empty(one, str(n)) for n, one in enumerate([store, *others])))
    for one in others:
        await one.close()
    keys = [key for found in lists for key in found]
    assert sorted(keys, key=int) == [str(number) for number in range(30)]


async def test_lanes_go_before_times_and_times_before_the_rest(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "normal, first", run_at=clock() - timedelta(hours=2))
    await put(store, jobs, "background", lane=Lane.BACKGROUND, run_at=clock() - timedelta(hours=3))
    await put(store, jobs, "first lane", lane=Lane.FIRST)
    await put(store, jobs, "normal, later", run_at=clock() - timedelta(hours=1))
    order = [(await claim(store, jobs, slots=1))[0].key for _ in range(4)]
    assert order == ["first lane", "normal, first", "normal, later", "background"]


async def test_a_job_is_not_claimed_before_its_time(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1", run_at=clock() + timedelta(seconds=10))
    clock.advance(9.999)
    assert await claim(store, jobs) == []
    clock.advance(0.001)
    assert len(await claim(store, jobs)) == 1


async def test_a_full_kind_does_not_hold_up_the_others(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    for number in range(5):
        await put(store, jobs, str(number), lane=Lane.FIRST)
        clock.advance(1)
    await put(store, jobs, "poll", kind="poll", lane=Lane.BACKGROUND)
    found = await claim(store, jobs, slots=3, room={"send": 2, "poll": 1})
    assert [one.key for one in found] == ["0", "1", "poll"]


async def test_kinds_without_a_handler_here_are_left_to_others(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "1", kind="elsewhere")
    assert await claim(store, jobs) == []


async def test_putting_a_waiting_job_again_changes_nothing(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    first = await put(store, jobs, "1", run_at=clock() + timedelta(hours=1))
    assert await put(store, jobs, "1", lane=Lane.FIRST) == first
    assert await claim(store, jobs) == []


async def test_a_waiting_job_goes_in_the_highest_lane_that_it_was_put_in(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "raised", lane=Lane.BACKGROUND)
    await put(store, jobs, "ordinary")
    await put(store, jobs, "raised", lane=Lane.THIRD)
    await put(store, jobs, "raised", lane=Lane.BACKGROUND)
    raised, ordinary = await claim(store, jobs, slots=2)
    assert [raised.key, ordinary.key] == ["raised", "ordinary"]
    await put(store, jobs, "ordinary", lane=Lane.SECOND)  # while it runs: once more, and sooner
    await done(store, jobs, ordinary.lease)
    assert [one.lane for one in await claim(store, jobs)] == [Lane.SECOND]


async def test_two_who_put_the_same_job_at_once_get_one(store: Store, jobs: Jobs, database_url: str) -> None:
    other = Store(StoreSettings(database_url=database_url))
    found = await asyncio.gather(*(put(one, jobs, "1") for one in (store, other) * 4))
    await other.close()
    assert (len(set(found)), len(await claim(store, jobs))) == (1, 1)


async def test_a_finished_job_is_armed_anew_and_its_token_goes_on(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    first = await put(store, jobs, "1")
    await done(store, jobs, (await claim(store, jobs))[0].lease)
    clock.advance(100)
    assert await put(store, jobs, "1") == first
    (claimed,) = await claim(store, jobs)
    assert (claimed.attempt, claimed.lease.token, claimed.first_run_at) == (1, 2, clock())


async def test_a_job_put_while_it_runs_runs_once_more(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "1")
    (claimed,) = await claim(store, jobs)
    await put(store, jobs, "1")
    assert await claim(store, jobs) == []
    await done(store, jobs, claimed.lease)
    (again,) = await claim(store, jobs)
    await done(store, jobs, again.lease)
    assert await states(store) == {"1": "done"}


async def test_waking_makes_a_waiting_job_due(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1", run_at=clock() + timedelta(hours=1))
    async with store.begin() as tx:
        await jobs.wake(tx, "send", "1")
    (claimed,) = await claim(store, jobs)
    assert claimed.first_run_at == clock()


async def test_waking_a_running_job_brings_it_round_at_once(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1")
    (claimed,) = await claim(store, jobs)
    async with store.begin() as tx:
        await jobs.wake(tx, "send", "1")
    async with store.begin() as tx:
        await jobs.again(tx, claimed.lease, clock() + timedelta(hours=1))
    assert len(await claim(store, jobs)) == 1


async def test_waking_a_finished_job_does_not_bring_it_back(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "1")
    await done(store, jobs, (await claim(store, jobs))[0].lease)
    async with store.begin() as tx:
        await jobs.wake(tx, "send", "1")
    assert await claim(store, jobs) == []


async def test_a_cancelled_job_never_runs(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "1")
    async with store.begin() as tx:
        assert await jobs.cancel(tx, "send", "1")
    assert await claim(store, jobs) == []


async def test_a_job_in_somebodys_hands_cannot_be_cancelled_even_after_its_lease(
    store: Store, jobs: Jobs, clock: FakeClock
) -> None:
    await put(store, jobs, "1")
    await claim(store, jobs)
    clock.advance(3600)
    async with store.begin() as tx:
        assert not await jobs.cancel(tx, "send", "1")


async def test_cancel_and_claim_at_once_agree_on_who_was_first(store: Store, jobs: Jobs, database_url: str) -> None:
    other = Store(StoreSettings(database_url=database_url))

    async def cancel(key: str) -> bool:
        async with other.begin() as tx:
            return await jobs.cancel(tx, "send", key)

    for number in range(10):
        await put(store, jobs, str(number))
        cancelled, claimed = await asyncio.gather(cancel(str(number)), claim(store, jobs))
        # a claim passes over a row that is just being cancelled, and a cancellation waits for a claim
        assert cancelled != bool(claimed)
    await other.close()


async def test_a_lease_that_ran_out_is_taken_over_with_the_next_token(
    store: Store, jobs: Jobs, clock: FakeClock
) -> None:
    await put(store, jobs, "1")
    (before,) = await claim(store, jobs, owner="a")
    clock.advance(59.999)
    assert await claim(store, jobs, owner="b") == []
    clock.advance(0.001)
    (after,) = await claim(store, jobs, owner="b")
    assert (after.taken_over, after.attempt, after.lease) == (
        True,
        2,
        Lease(job_id=before.id, owner="b", token=before.lease.token + 1),
    )


async def test_who_lost_a_lease_can_write_nothing(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1")
    (before,) = await claim(store, jobs, owner="a")
    clock.advance(60)
    (after,) = await claim(store, jobs, owner="b")

    writes: list[Callable[[Transaction], Awaitable[object]]] = [
        lambda tx: jobs.hold(tx, before.lease),
        lambda tx: jobs.done(tx, before.lease),
        lambda tx: jobs.again(tx, before.lease, clock()),
        lambda tx: jobs.postpone(tx, before.lease, 1, "late"),
        lambda tx: jobs.bury(tx, before.lease, "late"),
    ]
    for write in writes:
        with pytest.raises(LeaseLost):
            async with store.begin() as tx:
                await write(tx)
    async with store.begin() as tx:
        assert not await jobs.extend(tx, before.lease, 60)
        await jobs.hold(tx, after.lease)


async def test_a_lease_held_in_a_transaction_cannot_be_taken_over_before_its_end(
    store: Store, jobs: Jobs, clock: FakeClock, database_url: str
) -> None:
    other = Store(StoreSettings(database_url=database_url))
    await put(store, jobs, "1")
    (claimed,) = await claim(store, jobs)
    clock.advance(60)
    async with store.begin() as tx:
        await jobs.hold(tx, claimed.lease)
        stealing = asyncio.create_task(claim(other, jobs, owner="b"))
        finished, _ = await asyncio.wait([stealing], timeout=0.2)
        stolen_within = [one for task in finished for one in task.result()]
        await jobs.done(tx, claimed.lease)
    assert (stolen_within, await stealing) == ([], [])
    await other.close()


async def test_a_sign_of_life_keeps_a_lease(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1")
    (claimed,) = await claim(store, jobs)
    clock.advance(50)
    async with store.begin() as tx:
        assert await jobs.extend(tx, claimed.lease, 60)
    clock.advance(50)
    assert await claim(store, jobs, owner="b") == []


async def test_what_was_given_back_is_taken_over_at_once(store: Store, jobs: Jobs) -> None:
    await put(store, jobs, "1")
    (claimed,) = await claim(store, jobs)
    async with store.begin() as tx:
        assert await jobs.give_back(tx, claimed.lease)
    (after,) = await claim(store, jobs, owner="b")
    assert after.taken_over


async def test_reasons_are_kept_with_their_times_up_to_twenty(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1")
    for number in range(25):
        (claimed,) = await claim(store, jobs)
        async with store.begin() as tx:
            await jobs.postpone(tx, claimed.lease, 1, f"reason {number} " + "x" * 1000)
        clock.advance(1)
    async with store.read() as tx:
        kept = (await tx.execute(select(job.c.last_reason, job.c.reasons, job.c.attempt))).one()
    assert (len(kept.last_reason), kept.attempt, len(kept.reasons)) == (500, 25, 20)
    assert (kept.reasons[0]["reason"][:9], kept.reasons[0]["at"]) == ("reason 5 ", "2026-11-22T02:00:05+00:00")


async def test_counts_and_ages_tell_how_the_queue_stands(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1")
    (running,) = await claim(store, jobs)
    since = clock()
    clock.advance(10)
    await put(store, jobs, "2")
    await put(store, jobs, "3")
    async with store.read() as tx:
        counts = {(one.kind, one.state): one.count for one in await jobs.counts(tx)}
        ages = {one.state: one.since for one in await jobs.oldest(tx)}
    assert counts == {("send", JobState.WAITING): 2, ("send", JobState.RUNNING): 1}
    assert ages == {JobState.RUNNING: since, JobState.WAITING: clock()}
    await done(store, jobs, running.lease)


async def test_only_old_done_jobs_are_forgotten(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    for key in ("old", "dead", "waiting"):
        await put(store, jobs, key)
        clock.advance(1)
    leases = {one.key: one.lease for one in await claim(store, jobs, slots=2)}
    await done(store, jobs, leases["old"])
    async with store.begin() as tx:
        await jobs.bury(tx, leases["dead"], "never")
    clock.advance(100)
    async with store.begin() as tx:
        assert await jobs.purge(tx, clock()) == 1
    assert await states(store) == {"dead": "dead", "waiting": "waiting"}


@pytest.mark.parametrize(("kind", "key"), [("", "1"), ("send", ""), ("k" * 65, "1"), ("send", "1" * 201)])
async def test_names_that_do_not_fit_are_refused(store: Store, jobs: Jobs, kind: str, key: str) -> None:
    with pytest.raises(ValueError):
        await put(store, jobs, key, kind=kind)


async def test_putting_a_due_job_is_told_after_the_commit(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    told: list[str] = []
    unlisten = jobs.listen(lambda: told.append("told"))
    async with store.begin() as tx:
        await jobs.put(tx, kind="send", key="1")
        assert told == []
    await put(store, jobs, "2", run_at=clock() + timedelta(hours=1))
    unlisten()
    await put(store, jobs, "3")
    assert told == ["told"]


async def test_what_a_wrong_clock_put_off_is_due_once_the_clock_is_right(
    store: Store, jobs: Jobs, clock: FakeClock
) -> None:
    await put(store, jobs, "late", run_at=clock() + timedelta(minutes=2))
    await put(store, jobs, "left")
    assert [one.key for one in await claim(store, jobs)] == ["left"]
    clock.advance(-3600)
    assert await claim(store, jobs) == []
    async with store.begin() as tx:
        await jobs.clock_was_wrong(tx, 60)
    assert [one.key for one in await claim(store, jobs)] == ["late"]
    clock.advance(61)
    assert {one.key: one.taken_over for one in await claim(store, jobs)} == {"late": True, "left": True}


async def test_who_lives_keeps_its_lease_when_the_clock_was_wrong(store: Store, jobs: Jobs, clock: FakeClock) -> None:
    await put(store, jobs, "1")
    (claimed,) = await claim(store, jobs)
    clock.advance(-3600)
    async with store.begin() as tx:
        await jobs.clock_was_wrong(tx, 60)
        assert await jobs.extend(tx, claimed.lease, 90)
    clock.advance(61)
    assert await claim(store, jobs) == []


async def test_many_are_put_at_once_and_what_waits_or_runs_is_left_alone(
    store: Store, jobs: Jobs, clock: FakeClock
) -> None:
    for key in ("running", "done"):
        await put(store, jobs, key)
    held = {one.key: one.lease for one in await claim(store, jobs)}
    await done(store, jobs, held["done"])
    await put(store, jobs, "waiting", run_at=clock() + timedelta(hours=1))
    keys = ("new", "running", "done", "waiting")
    async with store.begin() as tx:
        await jobs.put_all(tx, "send", dict.fromkeys(keys, Lane.SECOND))
        await jobs.put_all(tx, "send", {})
    await done(store, jobs, held["running"])
    assert await states(store) == dict(zip(keys, ("waiting", "done", "waiting", "waiting"), strict=True))
    taken = {one.key: one for one in await claim(store, jobs)}
    assert {key: (one.lane, one.lease.token) for key, one in taken.items()} == {
        "new": (Lane.SECOND, 1),
        "done": (Lane.SECOND, 2),
    }


async def test_two_who_put_the_same_many_at_once_get_each_once(store: Store, jobs: Jobs, database_url: str) -> None:
    lanes = dict.fromkeys((str(number) for number in range(50)), Lane.NORMAL)

    async def one() -> None:
        other = Store(StoreSettings(database_url=database_url))
        async with other.begin() as tx:
            await jobs.put_all(tx, "send", lanes)
        await other.close()

    await asyncio.gather(one(), one())
    assert sorted(await states(store)) == sorted(lanes)
