"""The job that reads all blobs again, a slice each hour, and tells of those that are lost or damaged."""

import asyncio
from datetime import timedelta

import structlog

from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.installation import repository
from gateway.installation.repository import DamagedBlob
from gateway.jobs import Again, Claimed, Jobs
from gateway.problems import Problem
from gateway.store import Blob, Blobs, Store
from gateway.times import Clock

_EVERY = timedelta(hours=1)
_PORTION = 100
_NOTE = "blob_check"
_DO = "Check the disk; copy this file back from a backup."

_log = structlog.get_logger(__name__)


class BlobCheck:
    """Handles the one job of kind `blob_check`. `slice_bytes` bounds what one run reads; 0 checks nothing."""

    def __init__(
        self, *, store: Store, blobs: Blobs, jobs: Jobs, announce: Announce, clock: Clock, slice_bytes: int
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._announce = announce
        self._clock = clock
        self._slice_bytes = slice_bytes

    async def handle(self, job: Claimed) -> Again:
        """Those known to be damaged first: they may have been restored. Then the next slice, by key."""
        if self._slice_bytes:
            await self._look_again(job)
            await self._look_on(job)
        return Again(self._clock() + _EVERY)

    async def _look_again(self, job: Claimed) -> None:
        async with self._store.read() as tx:
            known = [one.blob_key for one in await repository.damaged_blobs(tx)]
            named = await repository.blobs_named(tx, known)
        still = {blob.key for blob in named if await self._trouble(blob)}
        if whole := [key for key in known if key not in still]:
            async with self._store.begin() as tx:
                await self._jobs.hold(tx, job.lease)
                await repository.forget_damaged(tx, whole)
            _log.info("blob.whole_again", count=len(whole))

    async def _look_on(self, job: Claimed) -> None:
        left = self._slice_bytes
        async with self._store.read() as tx:
            after = await repository.note(tx, _NOTE) or ""
        while left > 0:
            async with self._store.read() as tx:
                portion = await repository.blobs_after(tx, after, _PORTION)
            found: list[DamagedBlob] = []
            for blob in portion:
                after = blob.key
                left -= blob.size
                if reason := await self._trouble(blob):
                    found.append(DamagedBlob(blob_key=blob.key, reason=reason, found_at=self._clock()))
                if left <= 0:
                    break
            at_end = left > 0 and len(portion) < _PORTION
            after = "" if at_end else after
            await self._write_down(job, found, after)
            if at_end:
                return

    async def _trouble(self, blob: Blob) -> str | None:
        try:
            await asyncio.to_thread(self._blobs.verify, blob)
        except Problem as problem:
            return problem.code
        return None

    async def _write_down(self, job: Claimed, found: list[DamagedBlob], after: str) -> None:
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            await repository.put_note(tx, _NOTE, after, self._clock())
            for one in found:
                if not await repository.put_damaged(tx, one):
                    continue
                _log.error("blob.damage_found", blob=one.blob_key, reason=one.reason, do=_DO)
                data = {"blob": one.blob_key, "reason": one.reason}
                await self._announce(tx, Announcement(kind=Happening.ALARM_BLOB, at=one.found_at, data=data))
