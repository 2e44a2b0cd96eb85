"""What may be under way on each line to an axis: its places shared over the nodes, its breakers, whether it is stopped."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from gateway.directory import connections
from gateway.directory.records import Connection
from gateway.documents.pools import pools_out, way_in, way_out
from gateway.documents.stops import Stops
from gateway.jobs import Breakers, Phase, Share
from gateway.store import Store, Transaction
from gateway.times import Clock

_LOOK_EVERY = timedelta(seconds=1)

PlaceAmongNodes = Callable[[Transaction], Awaitable[tuple[int, int]]]
"""This node's place among those that live, from 0, and how many they are."""

Resize = Callable[[str, int], None]
"""Gives a connection so many places in this process."""


def portion(places: int, place: int, nodes: int) -> int:
    """How many of a connection's places one node has; each has one at least, even where there are more nodes than places."""
    nodes = max(nodes, 1)
    return max(places // nodes + (place < places % nodes), 1)


class Traffic:
    """Answers a worker's question how much room the pools have. It looks at the database once a second.

    `secrets_every`: how often it looks whether the secret of a connection has changed that a wrong one has stopped.
    """

    def __init__(
        self,
        *,
        store: Store,
        breakers: Breakers,
        stops: Stops,
        place_among_nodes: PlaceAmongNodes,
        resize: Resize,
        clock: Clock,
        secrets_every: timedelta,
    ) -> None:
        self._store = store
        self._breakers = breakers
        self._stops = stops
        self._place_among_nodes = place_among_nodes
        self._resize = resize
        self._clock = clock
        self._secrets_every = secrets_every
        self._looked_at: datetime | None = None
        self._secrets_at: datetime | None = None
        self._known: tuple[Connection, ...] = ()
        self._place, self._nodes = 0, 1

    async def shares(self, busy: Sequence[str]) -> Sequence[Share]:
        """The shares of all pools; `busy` are those of the jobs in hand. Raises DatabaseUnavailable."""
        await self._look()
        found: list[Share] = []
        for connection in self._known:
            places = portion(connection.max_connections, self._place, self._nodes)
            self._resize(connection.id, places)
            out, into = pools_out(connection.id), (way_in(connection.id),)
            found += await self._line(connection, way_out(connection.id), out, connection.is_active, places, busy)
            is_read = connection.stopped_reason is None
            found += await self._line(connection, way_in(connection.id), into, is_read, places, busy)
        return found

    async def _line(
        self, connection: Connection, name: str, pools: Sequence[str], usable: bool, places: int, busy: Sequence[str]
    ) -> list[Share]:
        together = frozenset(pools)
        life = connection.last_good_poll_at or connection.created_at
        if not usable:
            return [Share(left=0, pools=together)]
        if self._breakers.phase(name, life=life) is not Phase.CLOSED:
            probe = await self._breakers.probes(name, life=life)
            return [Share(left=int(probe) - sum(one in together for one in busy), pools=together)]
        return [
            Share(left=_most(pool, places) - sum(one == pool for one in busy), pools=frozenset({pool}))
            for pool in pools
        ]

    async def _look(self) -> None:
        now = self._clock()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _LOOK_EVERY:
            return
        async with self._store.read() as tx:
            self._known = await connections.every(tx)
            await self._breakers.look(tx)
            self._place, self._nodes = await self._place_among_nodes(tx)
        self._looked_at = now
        if self._secrets_at is not None and timedelta(0) <= now - self._secrets_at < self._secrets_every:
            return
        self._secrets_at = now
        for connection in self._known:
            if await self._stops.resume_if_changed(connection):
                self._looked_at = None


def _most(pool: str, places: int) -> int:
    """Large packets may not keep all others waiting for a place, so few of them are begun."""
    return max(places // 2, 1) if pool.endswith(":large") else places
