"""The job that sees to it that every connection has its poller and its directory refresh, on whichever node."""

from datetime import timedelta

from gateway.directory import connections
from gateway.jobs import Again, Claimed, Jobs, Lane
from gateway.store import Store
from gateway.times import Clock

_EVERY = timedelta(seconds=5)


class Schedule:
    """Handles the one job of kind `schedule`; a connection added while we run is seen within seconds."""

    def __init__(self, *, store: Store, jobs: Jobs, clock: Clock) -> None:
        self._store = store
        self._jobs = jobs
        self._clock = clock

    async def handle(self, job: Claimed) -> Again:
        """Put what is missing; a job that is there is left as it is."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            for connection in await connections.every(tx):
                await self._jobs.put(tx, kind="poll", key=connection.id, lane=Lane.SECOND)
                await self._jobs.put(tx, kind="directory", key=connection.id, lane=Lane.BACKGROUND)
        return Again(self._clock() + _EVERY)
