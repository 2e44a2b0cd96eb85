"""The jobs that keep house on whichever node: every connection has its poller; what is no longer needed is forgotten."""

import asyncio
from datetime import timedelta

from gateway.api.repository import forget_keys
from gateway.directory import connections
from gateway.documents.dispatching import SETTLE_JOB
from gateway.documents.lateness.watching import LATENESS_JOB
from gateway.documents.settling import repository as settling
from gateway.evidence.chaining import CHAIN_JOB
from gateway.handover.day_end import DAY_END_JOB
from gateway.jobs import Again, Claimed, Jobs, Lane
from gateway.store import Blobs, Store
from gateway.times import Clock

_EVERY = timedelta(seconds=5)
_TIDY_EVERY = timedelta(hours=1)
_KEEP_DONE_JOBS = timedelta(days=7)
_KEEP_UNFINISHED_FILES = timedelta(days=1)
_PORTION = 1000


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
            await self._jobs.put(tx, kind="upkeep", key="all", lane=Lane.BACKGROUND)
            await self._jobs.put(tx, kind="blob_check", key="all", lane=Lane.BACKGROUND)
            await self._jobs.put(tx, kind=DAY_END_JOB, key="all", lane=Lane.THIRD, once_more=False)
            await self._jobs.put(tx, kind=CHAIN_JOB, key="all", lane=Lane.BACKGROUND, once_more=False)
            for dispatch_id in await settling.never_looked(tx, _PORTION):
                await self._jobs.put(tx, kind=SETTLE_JOB, key=dispatch_id, lane=Lane.THIRD, once_more=False)
            for connection in await connections.every(tx):
                await self._jobs.put(tx, kind=LATENESS_JOB, key=connection.id, lane=Lane.SECOND, once_more=False)
                await self._jobs.put(tx, kind="poll", key=connection.id, lane=Lane.SECOND, once_more=False)
                await self._jobs.put(tx, kind="directory", key=connection.id, lane=Lane.BACKGROUND, once_more=False)
        return Again(self._clock() + _EVERY)


class Upkeep:
    """Handles the one job of kind `upkeep`: done jobs, old Idempotency-Keys and abandoned temporary files go."""

    def __init__(self, *, store: Store, blobs: Blobs, jobs: Jobs, clock: Clock, idempotency_days: int) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._clock = clock
        self._keep_keys = timedelta(days=idempotency_days)

    async def handle(self, job: Claimed) -> Again:
        """In portions, so that no transaction is long."""
        now = self._clock()
        await asyncio.to_thread(self._blobs.sweep, now - _KEEP_UNFINISHED_FILES)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            await forget_keys(tx, now - self._keep_keys)
        while await self._purge_portion(job):
            pass
        return Again(now + _TIDY_EVERY)

    async def _purge_portion(self, job: Claimed) -> bool:
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            return await self._jobs.purge(tx, self._clock() - _KEEP_DONE_JOBS, _PORTION) == _PORTION
