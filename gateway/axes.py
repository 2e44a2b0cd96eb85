"""The adapters of the connections that a process uses."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

from gateway.api.meters import Meters
from gateway.axis.places import Places
from gateway.axis.port import Axis, Exchange
from gateway.directory.records import Connection
from gateway.opening import axis_for, read_secret
from gateway.problems import Problem
from gateway.times import Clock

_LONGEST_USE = timedelta(hours=1)
"""No exchange with an axis lasts longer."""


class Axes:
    """The adapters in use, one for each connection as it is now configured."""

    def __init__(self, meters: Meters, clock: Clock) -> None:
        self._meters = meters
        self._clock = clock
        self._since = clock()
        self._places: dict[str, Places] = {}
        self._secrets: dict[str, str] = {}
        self._made: dict[str, tuple[datetime, Axis]] = {}
        self._retired: list[tuple[datetime, Axis]] = []
        self._skews: dict[str, float] = {}
        self._making = asyncio.Lock()

    async def of(self, connection: Connection) -> Axis:
        """The adapter; a changed connection gets a new one, which reads its secret anew."""
        async with self._making:
            made = self._made.get(connection.id)
            if made is not None and made[0] == connection.changed_at:
                return made[1]
            secret = await asyncio.to_thread(read_secret, connection.secret_source)
            places = self._places.setdefault(connection.id, Places(connection.max_connections))
            note = partial(self._note, connection.id)
            axis = axis_for(connection, secret, clock=self._clock, on_exchange=note, places=places)
            self._secrets[connection.id] = secret
            self._made[connection.id] = (connection.changed_at, axis)
            if made is not None:
                await self._retire(made[1])
            return axis

    async def secret_changed(self, connection: Connection) -> bool:
        """Whether its secret is another than this process used last.

        One that this process never used counts as changed when the connection stood as it stands before we started:
        to change a secret and start anew is what an operator does.
        """
        try:
            secret = await asyncio.to_thread(read_secret, connection.secret_source)
        except Problem:
            return False
        used = self._secrets.get(connection.id)
        self._secrets[connection.id] = secret
        if used is not None:
            return used != secret
        return connection.changed_at <= self._since

    def resize(self, connection_id: str, places: int) -> None:
        """Give a connection so many places in this process."""
        known = self._places.get(connection_id)
        if known is None:
            self._places[connection_id] = Places(places)
        elif known.count != places:
            known.resize(places)

    def skew_of(self, connection_id: str) -> float | None:
        """Our clock minus the axis's by its last answer (seconds)."""
        return self._skews.get(connection_id)

    async def close(self) -> None:
        """Close all."""
        for _, axis in [*self._made.values(), *self._retired]:
            await axis.close()

    def _note(self, connection_id: str, exchange: Exchange) -> None:
        self._meters.exchange(exchange)
        if exchange.axis_date is not None:
            self._skews[connection_id] = (self._clock() - exchange.axis_date).total_seconds()

    async def _retire(self, axis: Axis) -> None:
        """An adapter may be in the middle of a send, which closing it would make unknown: it is closed later."""
        now = self._clock()
        over = [one for since, one in self._retired if now - since > _LONGEST_USE]
        self._retired = [(since, one) for since, one in self._retired if now - since <= _LONGEST_USE]
        self._retired.append((now, axis))
        for one in over:
            await one.close()
