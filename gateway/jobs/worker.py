"""Runs jobs: claims them, shows that it lives, and writes down what came of each."""

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial

import structlog

from gateway.jobs.model import Again, Claimed, Dead, Done, JobKind, Lease, LeaseLost, Outcome, Postponed, Retry
from gateway.jobs.queue import Jobs
from gateway.jobs.room import Share, Shares, SharesOf, no_pools, shares_of_lanes
from gateway.jobs.settings import JobsSettings
from gateway.problems import Problem
from gateway.store import DatabaseUnavailable, Store, Transaction
from gateway.times import Clock, aware

_log = structlog.get_logger(__name__)

_GATHERED = 0.02
"""Seconds in which the ends of jobs are gathered into one claim."""


class Worker:
    """One worker of one node. `owner` names it in the leases; starting or stopping it touches no other node's work.

    Leases are kept by each node's own clock: nodes whose clocks differ by more than a lease take each other's jobs
    over too early, which the fencing token makes harmless and slow. While `standing_still` says so it claims nothing.
    `shares_of` is asked before each claim how much room the pools have.
    """

    def __init__(
        self,
        store: Store,
        jobs: Jobs,
        kinds: Iterable[JobKind],
        *,
        owner: str,
        clock: Clock,
        settings: JobsSettings,
        standing_still: Callable[[], Awaitable[bool]] | None = None,
        shares_of: SharesOf = no_pools,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._kinds = {kind.name: kind for kind in kinds}
        self._owner = owner
        self._clock = clock
        self._settings = settings
        self._standing_still = standing_still
        self._shares_of = shares_of
        self._running: dict[asyncio.Task[None], Claimed] = {}
        self._nudge = asyncio.Event()
        self._more_waits = False
        self._shut: list[Share] = []

    async def run(self, stop: asyncio.Event) -> None:
        """Run jobs until `stop` is set; then let running ones finish for `grace` seconds, and give the rest back."""
        unlisten = self._jobs.listen(self._nudge.set)
        beating = asyncio.create_task(self._beat())
        stopping = asyncio.create_task(self._nudge_at(stop))
        try:
            while not stop.is_set():
                self._nudge.clear()
                await self._claim_or_wait_for_the_database()
                await self._pause()
            await self._finish_within(self._settings.grace)
        finally:
            unlisten()
            await self._give_up_running()
            await _cancelled(beating, stopping)

    async def run_once(self) -> int:
        """Claim what is due, as far as there are slots, and run it to its end; how many jobs that were. For tests."""
        claimed = await self._claim()
        tasks = list(self._running)
        try:
            await asyncio.gather(*tasks)
        finally:
            await self._give_up_running()
        return claimed

    async def drain(self, *, until: Callable[[], bool] | None = None, rounds: int = 1000) -> int:
        """Run jobs until none is due, or `until()` is true; how many were run. For tests: no clock moves, no sleep.

        Raises RuntimeError when there is no end to it within so many rounds.
        """
        total = 0
        for _ in range(rounds):
            if until is not None and until():
                return total
            done = await self.run_once()
            total += done
            if done == 0:
                return total
        raise RuntimeError(f"jobs were still due after {rounds} rounds")

    async def _claim_or_wait_for_the_database(self) -> None:
        try:
            await self._claim()
        except DatabaseUnavailable as error:
            _log.warning("jobs.database_unavailable", code=error.code, do=error.action.en)

    async def _claim(self) -> int:
        free = self._settings.slots - len(self._running)
        if free <= 0 or (self._standing_still is not None and await self._standing_still()):
            return 0
        running = list(self._running.values())
        of_lanes = shares_of_lanes(self._settings.slots, [one.lane for one in running])
        of_pools = await self._shares_of([one.pool for one in running if one.pool is not None])
        shares = Shares([*of_lanes, *of_pools])
        async with self._store.begin() as tx:
            claimed = await self._jobs.claim(
                tx,
                owner=self._owner,
                room=self._room(free),
                slots=free,
                seconds=self._settings.lease,
                shares=shares,
            )
        self._more_waits = len(claimed) == free
        self._shut = shares.shut
        for one in claimed:
            task = asyncio.create_task(self._perform(one), name=f"job {one.kind}")
            self._running[task] = one
            task.add_done_callback(self._ended)
        return len(claimed)

    def _room(self, free: int) -> dict[str, int]:
        busy = [one.kind for one in self._running.values()]
        return {
            name: free if kind.concurrency is None else kind.concurrency - busy.count(name)
            for name, kind in self._kinds.items()
        }

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            return  # still in hand, to be given back
        claimed = self._running.pop(task, None)
        if claimed is None or self._is_worth_a_claim(claimed):
            self._nudge.set()
        elif self._more_waits or any(share.covers(claimed.lane, claimed.pool) for share in self._shut):
            asyncio.get_running_loop().call_later(_GATHERED, self._nudge.set)
        error = task.exception()
        if error is not None and claimed is not None:
            _log.error("job.outcome_lost", job=claimed.id, kind=claimed.kind, error_class=type(error).__name__)

    def _is_worth_a_claim(self, ended: Claimed) -> bool:
        """Whether to claim as soon as a job has ended: several at once cost one transaction, and none when none waits.

        Else those that end soon after are gathered: also where a share had nothing left, behind which more may wait
        than was seen. What is put or woken in this process, and each look for what others put, claims whatever is free.
        """
        if self._kinds[ended.kind].concurrency is not None:
            return True
        if self._more_waits and len(self._running) <= self._settings.slots // 2:
            return True
        mine = [share for share in self._shut if share.covers(ended.lane, ended.pool)]
        return any(not any(share.covers(one.lane, one.pool) for one in self._running.values()) for share in mine)

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.idle):
                await self._nudge.wait()

    async def _perform(self, claimed: Claimed) -> None:
        about = {**claimed.payload, "job": claimed.id, "kind": claimed.kind, "attempt": claimed.attempt}
        with structlog.contextvars.bound_contextvars(**about):
            try:
                outcome = await self._handled(claimed)
                if outcome != Done(written=True):
                    await self._settled(claimed, outcome)
            except LeaseLost:
                _log.info("job.lease_lost")

    async def _handled(self, claimed: Claimed) -> Outcome:
        try:
            return await self._kinds[claimed.kind].handler(claimed)
        except LeaseLost:
            raise
        except asyncio.CancelledError:
            if _is_being_cancelled():
                raise
            return Retry("cancelled")
        except Exception as error:  # noqa: BLE001 - the one place: whatever a handler meets, the job must not be lost
            return Retry(_named(error))

    async def _settled(self, claimed: Claimed, outcome: Outcome) -> None:
        """Write the outcome; while the database is away, try until it is back or the lease is lost."""
        write = await self._written_as(claimed, outcome)
        while True:
            try:
                async with self._store.begin() as tx:
                    await write(tx)
                return
            except DatabaseUnavailable as error:
                _log.warning("job.outcome_waits", code=error.code, do=error.action.en)
            await asyncio.sleep(self._settings.idle)

    async def _written_as(self, claimed: Claimed, outcome: Outcome) -> Callable[[Transaction], Awaitable[None]]:
        lease = claimed.lease
        match outcome:
            case Done():
                return partial(self._finished, lease)
            case Again(at):
                return lambda tx: self._jobs.again(tx, lease, at)
            case Dead(reason):
                _log.error("job.dead", reason=reason)
                return lambda tx: self._jobs.bury(tx, lease, reason)
            case Postponed(reason, wait):
                _log.info("job.retry", reason=reason, seconds=round(wait, 3))
                return lambda tx: self._jobs.postpone(tx, lease, wait, reason)
            case Retry(reason, after):
                return await self._retried(claimed, reason, after or 0.0)

    async def _finished(self, lease: Lease, tx: Transaction) -> None:
        await self._jobs.done(tx, lease)

    async def _retried(self, claimed: Claimed, reason: str, soonest: float) -> Callable[[Transaction], Awaitable[None]]:
        lease, kind = claimed.lease, self._kinds[claimed.kind]
        age = (aware(self._clock()) - claimed.first_run_at).total_seconds()
        draw = random.random()  # noqa: S311 - spreads load, guards nothing
        decision = kind.policy.decide(attempt=claimed.attempt, age=max(age, 0.0), draw=draw, soonest=soonest)
        if decision.after is not None:
            after = decision.after
            _log.info("job.retry", reason=reason, seconds=round(after, 3))
            return lambda tx: self._jobs.postpone(tx, lease, after, reason)
        if kind.exhausted is not None:
            try:
                await kind.exhausted(claimed, reason)
            except LeaseLost:
                raise
            except Exception as error:  # noqa: BLE001 - as above: the job is kept, and its end is told again later
                why = _named(error)
                return lambda tx: self._jobs.postpone(tx, lease, self._settings.lease, why)
        _log.error("job.dead", reason=reason, why=decision.why)
        return lambda tx: self._jobs.bury(tx, lease, f"{decision.why}: {reason}")

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._settings.beat)
            await self.beat()

    async def beat(self) -> None:
        """Extend the leases of all jobs in hand; `run` does this every `beat` seconds."""
        try:
            async with self._store.begin() as tx:
                for claimed in tuple(self._running.values()):
                    if not await self._jobs.extend(tx, claimed.lease, self._settings.lease):
                        _log.warning("job.lease_not_extended", job=claimed.id, kind=claimed.kind)
        except DatabaseUnavailable as error:
            _log.warning("jobs.no_beat", code=error.code, do=error.action.en)

    async def _nudge_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._nudge.set()

    async def _finish_within(self, seconds: float) -> None:
        if self._running:
            await asyncio.wait(tuple(self._running), timeout=seconds)

    async def _give_up_running(self) -> None:
        tasks = dict(self._running)
        if not tasks:
            return
        await _cancelled(*tasks)
        unfinished = [claimed for task, claimed in tasks.items() if task in self._running]
        self._running.clear()
        try:
            async with self._store.begin() as tx:
                for claimed in unfinished:
                    await self._jobs.give_back(tx, claimed.lease)
        except DatabaseUnavailable as error:
            _log.warning("jobs.not_given_back", code=error.code, count=len(unfinished))


def _named(error: Exception) -> str:
    """What is kept of an error: its code or class, and where it came from; never its text, which may hold content."""
    name = error.code if isinstance(error, Problem) else type(error).__name__
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f"{last[0].filename.rpartition('/')[2]}:{last[0].lineno}" if last else ""
    do = {"do": error.action.en} if isinstance(error, Problem) else {}
    _log.error("job.failed", error=name, error_class=type(error).__name__, place=place, **do)
    return name


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _cancelled(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
