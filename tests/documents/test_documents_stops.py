"""A configuration error stops what it was said of, once; a late answer does not stop what was mended meanwhile."""

import pytest
import pytest_asyncio
from clocks import FakeClock

from gateway.directory import connections
from gateway.directory.records import Changes, Connection, NewConnection
from gateway.documents.announcing import Announcement
from gateway.documents.stops import Stops
from gateway.jobs import Breaker, Breakers, Jobs
from gateway.store import Store, Transaction

NEW = NewConnection(id="truc", endpoint="https://axis.example/a", system_id="S1", secret_source="env:KHOA")
POLICY = Breaker(failures=3, first=1, ceiling=2, unseen=3)


class Room:
    """Stops, what they announced, and whether the secret is another."""

    def __init__(self, store: Store, clock: FakeClock) -> None:
        self.store, self.clock, self.changed = store, clock, False
        self.told: list[Announcement] = []
        breakers = Breakers(store, clock, {"out": POLICY, "from": POLICY}, owner="a", probe_seconds=60.0)
        self.stops = Stops(
            store=store,
            jobs=Jobs(clock),
            breakers=breakers,
            announce=self._announce,
            secret_changed=self._secret_changed,
            clock=clock,
        )

    async def stop(self, connection: Connection) -> Connection:
        self.clock.advance(1)
        async with self.store.begin() as tx:
            await self.stops.stop(tx, connection, "axis_15")
        return await self.now()

    async def now(self) -> Connection:
        async with self.store.read() as tx:
            return await connections.get(tx, "truc")

    async def _announce(self, _: Transaction, what: Announcement) -> None:
        self.told.append(what)

    async def _secret_changed(self, _: Connection) -> bool:
        return self.changed


@pytest_asyncio.fixture
async def room(store: Store, clock: FakeClock) -> Room:
    async with store.begin() as tx:
        await connections.add(tx, NEW, clock())
    return Room(store, clock)


async def test_people_are_told_once_of_one_stop(room: Room) -> None:
    as_used = await room.now()
    for _ in range(3):
        assert (await room.stop(as_used)).stopped_reason == "axis_15"
    assert [one.kind.value for one in room.told] == ["alarm.connection_stopped"]


@pytest.mark.parametrize("mended", ["resumed", "changed"])
async def test_an_answer_to_the_former_configuration_does_not_stop_the_present_one(room: Room, mended: str) -> None:
    as_used = await room.now()
    await room.stop(as_used)
    room.clock.advance(1)
    async with room.store.begin() as tx:
        if mended == "resumed":
            await connections.resume(tx, "truc", room.clock())
        else:
            await connections.change(tx, "truc", Changes(secret_source="env:KHOA_MOI"), room.clock())
    assert (await room.stop(as_used)).stopped_reason is None
    assert (await room.stop(await room.now())).stopped_reason == "axis_15"


@pytest.mark.parametrize(
    ("reason", "changed", "left"),
    [("axis_15", True, None), ("axis_15", False, "axis_15"), ("operator", True, "operator")],
)
async def test_it_goes_on_by_itself_only_after_the_axis_stopped_it_and_the_secret_changed(
    room: Room, reason: str, changed: bool, left: str | None
) -> None:
    async with room.store.begin() as tx:
        stopped = await connections.stop(tx, "truc", reason, room.clock())
    room.changed = changed
    assert await room.stops.resume_if_changed(stopped) is (left is None)
    assert (await room.now()).stopped_reason == left
    assert [one.kind.value for one in room.told] == (["alarm.connection_resumed"] if left is None else [])


async def test_of_nodes_that_see_the_new_secret_one_resumes(room: Room) -> None:
    async with room.store.begin() as tx:
        stopped = await connections.stop(tx, "truc", "axis_15", room.clock())
    room.changed = True
    room.clock.advance(1)
    assert [await room.stops.resume_if_changed(stopped) for _ in range(2)] == [True, False]
