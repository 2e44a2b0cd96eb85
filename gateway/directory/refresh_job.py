"""The job that fetches the axis's list of agencies for one connection and stores it."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from gateway.axis.port import Axis, AxisError
from gateway.directory import connections
from gateway.directory.records import Connection
from gateway.directory.refresh import refresh
from gateway.jobs import Again, Claimed, Done, Outcome
from gateway.store import Store, Transaction
from gateway.times import Clock

_AFTER_FAILURE = timedelta(minutes=5)

Shrank = Callable[[Transaction, str, datetime], Awaitable[None]]
"""Told, in a transaction, that a connection's list lost so much that it was not taken over."""


class Refresher:
    """Handles the jobs of kind `directory`; the job's key is the connection's id."""

    def __init__(
        self,
        *,
        store: Store,
        axis_of: Callable[[Connection], Awaitable[Axis]],
        shrank: Shrank,
        clock: Clock,
        hours: int,
    ) -> None:
        self._store = store
        self._axis_of = axis_of
        self._shrank = shrank
        self._clock = clock
        self._every = timedelta(hours=hours)

    async def handle(self, job: Claimed) -> Outcome:
        """Fetch once; comes again each day, and sooner after a failure."""
        async with self._store.read() as tx:
            connection = await connections.find(tx, job.key)
        if connection is None:
            return Done()
        if connection.stopped_reason:
            return Again(self._clock() + _AFTER_FAILURE)
        try:
            axis = await self._axis_of(connection)
            result = await refresh(self._store, connection.id, axis.agencies(), self._clock())
        except AxisError:
            return Again(self._clock() + _AFTER_FAILURE)
        if not result.applied:
            async with self._store.begin() as tx:
                await self._shrank(tx, connection.id, self._clock())
        return Again(self._clock() + self._every)
