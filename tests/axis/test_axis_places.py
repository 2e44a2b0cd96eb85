"""The places at one axis: never more than there are, the lightest first, and what is slow never takes the last."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.places import Places, Weight, ceilings

weights = st.sampled_from(list(Weight))


async def had(places: Places, weight: Weight) -> "asyncio.Task[None]":
    """A task that takes a place and keeps it; whether it had to wait shows in `done()`."""
    task = asyncio.create_task(places.take(weight))
    await asyncio.sleep(0)
    return task


async def ended(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@given(st.integers(1, 10))
def test_lighter_exchanges_have_more_places(count: int) -> None:
    found = ceilings(count)
    assert found[Weight.URGENT] == count
    assert found[Weight.URGENT] >= found[Weight.CALL] >= found[Weight.PACKET] >= found[Weight.LARGE] >= 1
    if count >= 3:
        assert found[Weight.URGENT] > found[Weight.CALL] > found[Weight.PACKET]


@given(st.integers(1, 10), st.lists(weights, max_size=40))
async def test_no_ceiling_is_passed_and_everyone_has_a_turn(count: int, wanted: list[Weight]) -> None:
    places, inside, most = Places(count), dict.fromkeys(Weight, 0), ceilings(count)

    async def use(weight: Weight) -> None:
        async with places.taking(weight):
            inside[weight] += 1
            for lightest in Weight:
                assert sum(inside[one] for one in Weight if one >= lightest) <= most[lightest]
            await asyncio.sleep(0)
            inside[weight] -= 1

    async with asyncio.timeout(10):
        await asyncio.gather(*(use(weight) for weight in wanted))
    assert places.taken == 0


@pytest.mark.parametrize("count", [3, 4, 6, 10])
async def test_while_large_and_ordinary_packets_hang_an_urgent_one_and_a_call_go_at_once(count: int) -> None:
    places = Places(count)
    hanging = [await had(places, weight) for weight in (Weight.LARGE, Weight.PACKET) for _ in range(12)]
    call, urgent = await had(places, Weight.CALL), await had(places, Weight.URGENT)
    assert (call.done(), urgent.done()) == (True, True)
    assert places.taken == count
    await ended(*hanging)


async def test_a_free_place_goes_to_the_lightest_who_waits_and_then_to_the_first() -> None:
    places, order = Places(1), []

    async def use(name: str, weight: Weight) -> None:
        async with places.taking(weight):
            order.append(name)

    await places.take(Weight.PACKET)
    asked = [("large", Weight.LARGE), ("first", Weight.PACKET), ("second", Weight.PACKET), ("urgent", Weight.URGENT)]
    tasks = [asyncio.create_task(use(*one)) for one in asked]
    await asyncio.sleep(0)
    places.give_back(Weight.PACKET)
    await asyncio.gather(*tasks)
    assert order == ["urgent", "first", "second", "large"]


async def test_who_goes_away_while_waiting_or_just_served_leaves_its_place_to_others() -> None:
    places = Places(1)
    await places.take(Weight.PACKET)
    gone, served, last = [await had(places, Weight.PACKET) for _ in range(3)]
    gone.cancel()
    places.give_back(Weight.PACKET)
    served.cancel()  # it was given the place, and never learns of it
    await ended(gone, served)
    async with asyncio.timeout(5):
        await last
    assert places.taken == 1


async def test_more_places_serve_those_who_wait_and_fewer_cut_nobody_short() -> None:
    places = Places(1)
    tasks = [await had(places, Weight.URGENT) for _ in range(4)]
    assert [task.done() for task in tasks] == [True, False, False, False]
    places.resize(3)
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [True, True, True, False]
    places.resize(0)
    assert (places.count, places.taken) == (1, 3)
    places.give_back(Weight.URGENT)
    await asyncio.sleep(0)
    assert not tasks[3].done()
    await ended(*tasks)
