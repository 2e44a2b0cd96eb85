"""Each living node knows its place among the others, and so its part of a connection's places."""

from datetime import timedelta

from clocks import FakeClock

from gateway.documents.traffic import portion
from gateway.installation import Nodes
from gateway.store import Store


def node(store: Store, clock: FakeClock, owner: str) -> Nodes:
    return Nodes(store, clock, owner=owner, host=owner, version="1", schema="0005", tolerance=timedelta(seconds=60))


async def test_nodes_that_live_share_and_a_dead_ones_part_goes_to_the_others(store: Store, clock: FakeClock) -> None:
    nodes = [node(store, clock, name) for name in ("c", "a", "b")]

    async def portions(of: list[Nodes]) -> list[int]:
        async with store.read() as tx:
            return [portion(4, *await one.place(tx)) for one in of]

    assert await portions(nodes[:1]) == [4]
    for one in nodes:
        await one.beat()
    assert await portions(nodes) == [1, 2, 1]
    clock.advance(61)
    for one in nodes[:2]:
        await one.beat()
    assert await portions(nodes[:2]) == [2, 2]
