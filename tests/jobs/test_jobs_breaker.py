"""A breaker: opens after so many failures, lets one through, and is one for all nodes."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from clocks import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.jobs import Breaker, Breakers, BreakerState, Phase
from gateway.jobs.breakers import close_all, names_after
from gateway.jobs.breakers.machine import ITS_OWN_FAULT, with_probe
from gateway.store import Store, Transaction

POLICY = Breaker(failures=3, first=10, ceiling=300, unseen=3600)
NOW = FakeClock().now


def failed(state: BreakerState, at: datetime, *, began: datetime | None = None) -> BreakerState:
    return POLICY.failed(state, began=began or at, now=at, reason="http_502", draw=0.0)


def opened(times: int = 1) -> BreakerState:
    state = BreakerState()
    for _ in range(2 + times):
        state = failed(state, NOW)
    return state


@pytest.mark.parametrize(
    ("state", "seconds", "life", "expected"),
    [
        (BreakerState(), 0, None, Phase.CLOSED),
        (failed(failed(BreakerState(), NOW), NOW), 0, None, Phase.CLOSED),
        (opened(), 0, None, Phase.OPEN),
        (opened(), 9.9, 5, Phase.OPEN),
        (opened(), 10, None, Phase.DUE),
        (opened(), 10, 5, Phase.DUE),
        (opened(), 10, -5, Phase.OPEN),  # the axis has given no sign of life since
        (opened(), 3599, -5, Phase.OPEN),
        (opened(), 3600, -5, Phase.DUE),
        (with_probe(opened(), "a", NOW + timedelta(seconds=70)), 60, 5, Phase.PROBING),
        (with_probe(opened(), "a", NOW + timedelta(seconds=70)), 70, 5, Phase.DUE),
    ],
)
def test_phases(state: BreakerState, seconds: float, life: float | None, expected: Phase) -> None:
    seen = None if life is None else NOW + timedelta(seconds=life)
    assert POLICY.phase(state, NOW + timedelta(seconds=seconds), life=seen) is expected


@pytest.mark.parametrize(
    ("times", "draw", "soonest", "expected"),
    [(1, 0.0, 0, 10), (1, 0.5, 0, 7.5), (2, 0.0, 0, 20), (3, 0.0, 0, 40), (9, 0.0, 0, 300), (1, 0.0, 99, 99)],
)
def test_the_wait_doubles_up_to_its_ceiling_and_a_retry_after_is_honoured(
    times: int, draw: float, soonest: float, expected: float
) -> None:
    before = opened(times - 1) if times > 1 else replace(BreakerState(), failures=2)
    after = POLICY.failed(before, began=NOW, now=NOW, reason="x", draw=draw, soonest=soonest)
    assert after.open_until == NOW + timedelta(seconds=expected)


def test_what_began_before_it_opened_neither_opens_it_for_longer_nor_takes_the_probe_away() -> None:
    probing = with_probe(opened(), "a", NOW + timedelta(seconds=99))
    assert failed(probing, NOW + timedelta(seconds=50), began=NOW - timedelta(seconds=1)) == probing


def test_what_began_before_it_closed_does_not_count_against_it() -> None:
    closed = POLICY.answered(opened(), NOW + timedelta(seconds=60))
    assert closed.is_clean
    assert failed(closed, NOW + timedelta(seconds=61), began=NOW + timedelta(seconds=59)) == closed
    assert failed(closed, NOW + timedelta(seconds=61)).failures == 1


def test_the_failed_probe_opens_it_again() -> None:
    later = NOW + timedelta(seconds=20)
    again = failed(with_probe(opened(), "a", later + timedelta(seconds=60)), later)
    assert (again.probe, again.opened_at, again.open_until) == (None, later, later + timedelta(seconds=20))
    assert again.failing_since == NOW


def test_a_job_that_fails_again_and_again_lets_another_probe_at_once() -> None:
    later = NOW + timedelta(seconds=20)
    probing = with_probe(opened(), "a", later + timedelta(seconds=60))
    after = POLICY.failed(probing, began=later, now=later, reason="cut", draw=0, attempt=ITS_OWN_FAULT)
    assert after == replace(probing, probe=None, probe_until=None)
    assert POLICY.phase(after, later, life=None) is Phase.DUE


def test_a_retry_after_is_said_by_the_axis_however_often_the_job_has_failed() -> None:
    later = NOW + timedelta(seconds=20)
    probing = with_probe(opened(), "a", later + timedelta(seconds=60))
    after = POLICY.failed(probing, began=later, now=later, reason="http_503", draw=0, soonest=90, attempt=ITS_OWN_FAULT)
    assert after.open_until == later + timedelta(seconds=90)


def test_a_job_that_fails_again_and_again_never_opens_it() -> None:
    state = BreakerState()
    for attempt in range(ITS_OWN_FAULT, ITS_OWN_FAULT + 9):
        state = POLICY.failed(state, began=NOW, now=NOW, reason="cut", draw=0, attempt=attempt)
    assert state.is_clean


@pytest.mark.parametrize("values", [(0, 1, 1, 1), (1, 0, 1, 1), (1, 2, 1, 3), (1, 1, 2, 1), (1, 1, float("inf"), 9)])
def test_a_policy_that_makes_no_sense_is_refused(values: tuple[int, float, float, float]) -> None:
    failures, first, ceiling, unseen = values
    with pytest.raises(ValueError, match="breaker"):
        Breaker(failures=failures, first=first, ceiling=ceiling, unseen=unseen)


class AnyCourse(RuleBasedStateMachine):
    """Failures, answers and probes in any order and at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.state, self.in_a_row = NOW, BreakerState(), 0

    @rule(seconds=st.floats(0, 400))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(
        ago=st.floats(0, 500),
        draw=st.floats(0, 1, exclude_max=True),
        soonest=st.sampled_from([0.0, 30.0]),
        attempt=st.integers(1, 2 * ITS_OWN_FAULT),
    )
    def fails(self, ago: float, draw: float, soonest: float, attempt: int) -> None:
        began = self.now - timedelta(seconds=ago)
        before = self.state
        self.state = POLICY.failed(
            before, began=began, now=self.now, reason="x", draw=draw, soonest=soonest, attempt=attempt
        )
        self.in_a_row += attempt < ITS_OWN_FAULT or soonest > 0
        if self.state.open_until != before.open_until and self.state.open_until is not None:
            wait = (self.state.open_until - self.now).total_seconds()
            assert max(POLICY.first / 2, soonest) <= wait + 1e-6
            assert wait <= max(POLICY.ceiling, soonest) + 1e-6

    @rule()
    def answers(self) -> None:
        self.state = POLICY.answered(self.state, self.now)
        self.in_a_row = 0

    @rule(owner=st.sampled_from("ab"))
    def probe_is_taken(self, owner: str) -> None:
        if POLICY.phase(self.state, self.now, life=None) is Phase.DUE:
            self.state = with_probe(self.state, owner, self.now + timedelta(seconds=60))
            assert POLICY.phase(self.state, self.now, life=None) is Phase.PROBING

    @invariant()
    def it_opens_only_after_enough_failures_in_a_row(self) -> None:
        assert self.state.open_until is None or self.in_a_row >= POLICY.failures

    @invariant()
    def it_never_stays_open_for_ever(self) -> None:
        last = self.now + timedelta(seconds=POLICY.unseen + 60)
        assert POLICY.phase(self.state, last, life=None) in (Phase.CLOSED, Phase.DUE)

    @invariant()
    def one_answer_closes_it(self) -> None:
        assert POLICY.answered(self.state, self.now).is_clean


TestAnyCourse = AnyCourse.TestCase


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_however_often_it_opened_the_wait_stays_bounded(times: int, draw: float) -> None:
    state = replace(opened(), opened=times)
    after = POLICY.failed(state, began=NOW, now=NOW, reason="x", draw=draw)
    assert after.open_until is not None
    assert after.open_until <= NOW + timedelta(seconds=POLICY.ceiling)


# shared by nodes


def node(store: Store, clock: FakeClock, owner: str) -> Breakers:
    return Breakers(store, clock, {"out": POLICY}, owner=owner, probe_seconds=60.0)


async def fail(store: Store, of: Breakers, clock: FakeClock, times: int = 1) -> None:
    for _ in range(times):
        async with store.begin() as tx:
            await of.failed(tx, "out:truc", began=clock(), reason="http_502")


async def look(store: Store, *nodes: Breakers) -> None:
    async with store.read() as tx:
        for one in nodes:
            await one.look(tx)


async def test_failures_on_two_nodes_add_up_and_both_see_it_open(store: Store, clock: FakeClock) -> None:
    one, two = node(store, clock, "one"), node(store, clock, "two")
    await fail(store, one, clock)
    await fail(store, two, clock)
    await fail(store, one, clock)
    await look(store, one, two)
    assert [each.phase("out:truc") for each in (one, two)] == [Phase.OPEN, Phase.OPEN]
    assert two.seen("out:truc").reason == "http_502"


async def test_of_nodes_that_ask_at_the_same_time_one_gets_the_probe(store: Store, clock: FakeClock) -> None:
    nodes = [node(store, clock, f"node {number}") for number in range(4)]
    await fail(store, nodes[0], clock, 3)
    clock.advance(10)
    await look(store, *nodes)
    assert sorted(await asyncio.gather(*(one.probes("out:truc") for one in nodes))) == [False, False, False, True]
    await look(store, *nodes)
    again = [await one.probes("out:truc") for one in nodes]
    assert sum(again) == 1


async def test_a_probe_is_kept_by_asking_and_lost_by_silence(store: Store, clock: FakeClock) -> None:
    one, two = node(store, clock, "one"), node(store, clock, "two")
    await fail(store, one, clock, 3)
    clock.advance(10)
    await look(store, one, two)
    assert await one.probes("out:truc")
    for _ in range(3):
        clock.advance(40)
        assert await one.probes("out:truc")
    await look(store, two)
    assert not await two.probes("out:truc")
    clock.advance(61)  # one is dead
    assert await two.probes("out:truc")
    await look(store, one)
    assert not await one.probes("out:truc")


async def test_a_good_answer_closes_it_for_all_and_costs_nothing_where_nothing_was_wrong(
    store: Store, clock: FakeClock
) -> None:
    one, two = node(store, clock, "one"), node(store, clock, "two")
    await fail(store, one, clock, 3)
    await look(store, two)
    async with store.begin() as tx:
        await two.answered(tx, "out:truc")
    await look(store, one, two)
    assert [each.phase("out:truc") for each in (one, two)] == [Phase.CLOSED, Phase.CLOSED]
    async with store.read() as tx:  # a write would be refused here
        await one.answered(tx, "out:truc")


async def test_what_was_rolled_back_is_not_believed(store: Store, clock: FakeClock) -> None:
    one = node(store, clock, "one")

    async def torn(tx: Transaction) -> None:
        for _ in range(3):
            await one.failed(tx, "out:truc", began=clock(), reason="http_502")
        raise LookupError

    with pytest.raises(LookupError):
        async with store.begin() as tx:
            await torn(tx)
    assert one.phase("out:truc") is Phase.CLOSED


async def test_a_person_closes_what_begins_with_a_name(store: Store, clock: FakeClock) -> None:
    one = node(store, clock, "one")
    async with store.begin() as tx:
        assert await one.open(tx, "out:truc:1", "axis_19", began=clock())
        assert not await one.open(tx, "out:truc:1", "axis_19", began=clock())
        assert await one.open(tx, "out:other", "axis_19", began=clock())
    async with store.begin() as tx:
        await close_all(tx, await names_after(tx, "out:truc:"), clock())
    await look(store, one)
    assert [one.phase(name) for name in ("out:truc:1", "out:other")] == [Phase.CLOSED, Phase.OPEN]
