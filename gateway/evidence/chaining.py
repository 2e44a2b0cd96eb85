"""Gives entries of the log their places, shortly after they were written, and closes each day with a head.

Entries are inserted without a place: a chain that each writer had to lengthen would let only one of them commit at a
time. One leased job chains them in portions. It finds them by having no place, never by a number it has come to: a
transaction that commits late is chained late, and none is passed over.
"""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta

import structlog

from gateway.documents.announcing import Passed, unwatched
from gateway.evidence import repository
from gateway.evidence.entry import link
from gateway.jobs import Again, Claimed, Jobs
from gateway.problems import Problem
from gateway.store import Store, Transaction
from gateway.times import VIETNAM, Clock

CHAIN_JOB = "evidence_chain"
"""The kind of the one job that chains."""

_PORTION = 500

_log = structlog.get_logger(__name__)

Append = Callable[[str], None]
"""Appends a line to the file of heads, safely on disk when it returns. Blocks. Raises Problem."""


class Chainer:
    """Handles the one job of kind `evidence_chain`."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        clock: Clock,
        seconds: float,
        append: Append | None = None,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._clock = clock
        self._every = timedelta(seconds=seconds)
        self._append = append
        self._passed = passed

    async def handle(self, job: Claimed) -> Again:
        """Close the day that is over, chain what waits, write heads that are not written."""
        await self._close_day(job)
        while await self._chain_portion(job) == _PORTION:
            pass
        await self._write_heads(job)
        return Again(self._clock() + self._every)

    async def _close_day(self, job: Claimed) -> None:
        """The head of a day is what was chained before it ended, also when nothing happened in it."""
        yesterday = self._clock().astimezone(VIETNAM).date() - timedelta(days=1)
        async with self._store.read() as tx:
            if not await _is_to_close(tx, yesterday):
                return
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            head = await repository.held_head(tx)
            if await _is_to_close(tx, yesterday):
                await repository.add_day(tx, yesterday, head)

    async def _chain_portion(self, job: Claimed) -> int:
        async with self._store.read() as tx:
            if not await repository.unchained(tx, 1):
                return 0
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            head = await repository.held_head(tx)
            entries = await repository.unchained(tx, _PORTION)
            places = []
            seq, previous = head.seq, head.hash
            for entry in entries:
                place = link(seq + 1, entry.body, previous)
                seq, previous = place.seq, place.hash
                places.append((entry.id, place))
            if places:
                await repository.give_places(tx, places)
                self._passed("evidence.half_chained")
                await repository.move_head(tx, places[-1][1], self._clock())
        self._passed("evidence.chained")
        return len(places)

    async def _write_heads(self, job: Claimed) -> None:
        """A head may be appended twice when the process dies here: equal lines harm nobody."""
        if self._append is None:
            return
        async with self._store.read() as tx:
            unwritten = await repository.days(tx, unwritten=True)
        for head in unwritten:
            try:
                await asyncio.to_thread(self._append, head.line())
            except Problem as problem:
                _log.warning("evidence.head_not_written", code=problem.code)
                return
            self._passed("evidence.head_written")
            async with self._store.begin() as tx:
                await self._jobs.hold(tx, job.lease)
                assert head.day is not None
                await repository.set_written(tx, head.day, self._clock())


async def _is_to_close(tx: Transaction, day: date) -> bool:
    """Whether a day has no head yet, and everything in the chain was put there before the day was over."""
    last, moved = await repository.last_day(tx), await repository.moved_at(tx)
    return moved is not None and moved.astimezone(VIETNAM).date() <= day and (last is None or last < day)
