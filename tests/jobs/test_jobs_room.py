"""What is slow never takes the last slot, what is urgent finds one, and keeping house goes on."""

from collections import Counter

import pytest
from clocks import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs import Jobs, Lane, Share
from gateway.jobs.room import Shares, shares_of_lanes
from gateway.store import Store

lanes = st.sampled_from(list(Lane))
pools = st.none() | st.sampled_from(["out:a", "out:b", "in:a"])
shares = st.builds(
    Share,
    left=st.integers(-1, 4),
    lanes=st.none() | st.frozensets(lanes),
    pools=st.none() | st.frozensets(pools.filter(bool)),
)


def filled(slots: int, flood: list[Lane]) -> list[Lane]:
    """The lanes of what a worker has in hand after claiming from a queue in this order, one at a time."""
    running: list[Lane] = []
    for lane in flood:
        if len(running) < slots and Shares(shares_of_lanes(slots, running)).take(lane, None):
            running.append(lane)
    return running


@given(st.integers(4, 64), st.lists(lanes.filter(lambda lane: lane > Lane.SECOND), max_size=200))
def test_whatever_floods_the_later_lanes_an_urgent_job_finds_a_slot(slots: int, flood: list[Lane]) -> None:
    running = filled(slots, flood)
    assert len(running) < slots
    assert Shares(shares_of_lanes(slots, running)).take(Lane.FIRST, None)
    assert Shares(shares_of_lanes(slots, running)).take(Lane.SECOND, None)


@given(st.integers(4, 64), st.lists(lanes.filter(lambda lane: lane is not Lane.BACKGROUND), max_size=200))
def test_whatever_floods_the_other_lanes_background_work_finds_a_slot(slots: int, flood: list[Lane]) -> None:
    running = filled(slots, flood)
    assert len(running) < slots
    assert Shares(shares_of_lanes(slots, running)).take(Lane.BACKGROUND, None)


@given(st.integers(1, 64), lanes)
def test_an_idle_worker_takes_any_job(slots: int, lane: Lane) -> None:
    assert Shares(shares_of_lanes(slots, [])).take(lane, None)


def test_of_eight_slots_five_are_for_ordinary_work() -> None:
    assert Counter(filled(8, [Lane.NORMAL] * 20)) == {Lane.NORMAL: 5}
    everything = [lane for lane in reversed(Lane) for _ in range(20)]
    shared = {Lane.LAST: 2, Lane.BACKGROUND: 2, Lane.NORMAL: 2, Lane.THIRD: 1, Lane.SECOND: 1}
    assert Counter(filled(8, everything)) == shared


@given(st.integers(4, 64), st.lists(st.sampled_from([Lane.BACKGROUND, Lane.LAST]), max_size=200))
def test_whatever_floods_the_last_lanes_ordinary_work_finds_a_slot(slots: int, flood: list[Lane]) -> None:
    assert Shares(shares_of_lanes(slots, filled(slots, flood))).take(Lane.NORMAL, None)


@given(st.lists(shares, max_size=5), st.lists(st.tuples(lanes, pools), max_size=30))
def test_no_share_is_ever_overdrawn(given_shares: list[Share], wanted: list[tuple[Lane, str | None]]) -> None:
    counted = Shares(given_shares)
    taken = [one for one in wanted if counted.take(*one)]
    for share in given_shares:
        assert sum(share.covers(*one) for one in taken) <= max(share.left, 0)


@given(st.lists(shares, max_size=5), st.tuples(lanes, pools))
def test_a_job_is_refused_only_by_a_share_that_covers_it_and_is_shut(
    given_shares: list[Share], wanted: tuple[Lane, str | None]
) -> None:
    counted = Shares(given_shares)
    refused = any(share.covers(*wanted) for share in counted.shut)
    assert counted.take(*wanted) is not refused


@pytest.mark.parametrize(
    ("given_shares", "expected"),
    [
        ([], ["a1", "b1", "n1", "a2", "a3"]),
        ([Share(left=0, pools=frozenset({"out:a"}))], ["b1", "n1"]),
        ([Share(left=1, pools=frozenset({"out:a"}))], ["a1", "b1", "n1"]),
        ([Share(left=2, pools=frozenset({"out:a", "out:b"}))], ["a1", "a2", "n1"]),
        ([Share(left=0, lanes=frozenset({Lane.NORMAL}))], ["a1"]),
        ([Share(left=0, lanes=frozenset({Lane.NORMAL}), pools=frozenset({"out:a"}))], ["a1", "b1", "n1"]),
        ([Share(left=1)], ["a1"]),
        ([Share(left=0)], []),
    ],
)
async def test_claiming_passes_over_what_there_is_no_room_for_and_keeps_the_order(
    store: Store, clock: FakeClock, given_shares: list[Share], expected: list[str]
) -> None:
    jobs = Jobs(clock)
    async with store.begin() as tx:
        for key, lane, pool in (
            ("a2", Lane.NORMAL, "out:a"),
            ("a1", Lane.FIRST, "out:a"),
            ("b1", Lane.NORMAL, "out:b"),
            ("n1", Lane.NORMAL, None),
            ("a3", Lane.NORMAL, "out:a"),
        ):
            clock.advance(1)
            await jobs.put(tx, kind="send", key=key, lane=lane, pool=pool)
    async with store.begin() as tx:
        claimed = await jobs.claim(tx, owner="x", room={"send": 9}, slots=9, seconds=60, shares=Shares(given_shares))
    assert sorted(one.key for one in claimed) == sorted(expected)
    ranks = [(one.lane, one.created_at) for one in claimed]
    assert ranks == sorted(ranks)
