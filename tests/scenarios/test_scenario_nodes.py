"""Several nodes on one database, and lists of ten thousand: who asks the axis, and what a poll costs."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import partner
import pytest
from agencies import Alone
from sqlalchemy import Engine, event
from starlette.types import ASGIApp, Receive, Scope, Send
from world import (
    DEPARTMENT,
    RECEIVING,
    SECRET,
    Node,
    node,
    node_settings,
    prepare,
    until,
)

from gateway import opening
from gateway.axis.port import Accepted
from gateway.documents import repository
from gateway.documents.model import ArrivalState
from gateway.jobs import JobState, Lane
from gateway.simulator.run import simulator
from gateway.simulator.serving import serving
from gateway.simulator.settings import SystemSpec

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 10_001


class Listened:
    """Counts how many lists are asked for, and how many at a time."""

    def __init__(self, axis: ASGIApp) -> None:
        self._axis = axis
        self.lists = 0
        self.at_once = 0
        self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if not scope.get("path", "").endswith("/getReceivedEdocList"):
            await self._axis(scope, receive, send)
            return
        self.lists += 1
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await self._axis(scope, receive, send)
        finally:
            self.at_once -= 1


async def test_of_all_nodes_one_at_a_time_asks_the_axis(databases: Callable[[str], str], tmp_path: Path) -> None:
    systems = [SystemSpec.parse(f"{RECEIVING}:{SECRET}:{DEPARTMENT}")]
    simulated = simulator(systems, ["slow@getReceivedEdocList=50ms"], tmp_path / "axis", opening.clock, seed=1)
    listened = Listened(simulated.app)
    with serving(listened) as address:
        wanted = node_settings(databases(tmp_path.name), tmp_path)
        key = await prepare(wanted, address, tmp_path, RECEIVING, [DEPARTMENT])
        async with node(wanted, key), node(wanted, key), node(wanted, key):  # each has its worker ask all the time

            async def often() -> bool:
                return listened.lists >= 20

            await until(often)
    assert listened.most == 1


@asynccontextmanager
async def _with_many(alone: Alone) -> AsyncIterator[Node]:
    """A receiver that does one job at a time when told, and a list of ten thousand and one items before it."""
    async with alone(working=False, readings=["list-cap=none"], GATEWAY_JOBS_SLOTS="1") as (simulated, receiver):
        await simulated.fault(f"duplicate-delivery={MANY - 1}copies,once")
        assert isinstance(await simulated.send(partner.document("many")), Accepted)
        yield receiver


@contextmanager
def _statements() -> Iterator[Counter[str]]:
    """Statements that go to the database, by their first word; a statement for many rows is one."""
    found: Counter[str] = Counter()

    def count(*said: object) -> None:
        found[str(said[2]).split(maxsplit=1)[0]] += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", count)


async def _poll(of: Node) -> Counter[str]:
    """One poll and nothing else; the statements that it took."""
    built = of.gateway
    async with built.store.begin() as tx:
        await built.jobs.put(tx, kind="poll", key="axis", lane=Lane.FIRST)
        await built.jobs.wake(tx, "poll", "axis")
    with _statements() as found:
        assert await built.worker.run_once() == 1
    assert (await of.connection()).last_poll_error is None
    return found


async def test_a_list_of_ten_thousand_is_booked_and_listed_again_in_few_statements(alone: Alone) -> None:
    async with _with_many(alone) as receiver:
        first = await _poll(receiver)
        async with receiver.gateway.store.read() as tx:
            booked = await repository.arrivals_in(tx, "axis", ArrivalState.BOOKED)
            waiting = {(one.kind, one.state): one.count for one in await receiver.gateway.jobs.counts(tx)}
        again = await _poll(receiver)
        assert (len(booked), waiting["arrival", JobState.WAITING]) == (MANY, MANY)
        portions = MANY // 500 + 1
        assert sum(first.values()) < 10 * portions
        assert sum(again.values()) < 8 * portions
        assert again["INSERT"] == 0
