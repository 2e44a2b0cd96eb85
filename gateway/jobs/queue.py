"""The durable queue: jobs are put in the transaction that makes them necessary, and written under a lease."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.jobs import repository
from gateway.jobs.lanes import Lane
from gateway.jobs.model import Claimed, Done, JobAge, JobCount, JobState, Lease, LeaseLost
from gateway.jobs.room import Shares
from gateway.store import Transaction, new_id
from gateway.times import Clock, aware

_REASONS_KEPT = 20


class Jobs:
    """The queue. One for each process, shared by those who put jobs and the worker that runs them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._listeners: list[Callable[[], None]] = []

    async def put(
        self,
        tx: Transaction,
        *,
        kind: str,
        key: str,
        payload: Mapping[str, str] | None = None,
        lane: Lane = Lane.NORMAL,
        pool: str | None = None,
        run_at: datetime | None = None,
        once_more: bool = True,
    ) -> str:
        """Have a job run once `tx` has committed, at `run_at` (an aware time) or at once; its id.

        There is one job for each kind and key. One that waits is left as it is. One that is running is left as it is,
        and runs once more when it is done, because what was put may have come too late for it (unless `once_more` is
        off). Either goes in no lower lane than the one that is wanted now. One that is finished is armed anew. `kind` has at
        most 64 characters, `key` 200, `pool` 100. `payload` stands in every log line of the job, such as a correlation
        id: no secret, no content.
        """
        if not 0 < len(kind) <= repository.LONGEST_KIND or not 0 < len(key) <= repository.LONGEST_KEY:
            raise ValueError("a job's kind or key is empty or too long")
        if pool is not None and not 0 < len(pool) <= repository.LONGEST_POOL:
            raise ValueError("a job's pool is empty or too long")
        now = aware(self._clock())
        new = repository.NewJob(
            id=new_id(now),
            kind=kind,
            key=key,
            payload=payload or {},
            lane=lane,
            pool=pool,
            run_at=aware(run_at or now),
            now=now,
        )
        if new.run_at <= now:
            tx.after_commit(self._tell)
        if await repository.insert_unless_there(tx, new):
            return new.id
        job_id, state, waits_in = await repository.find(tx, kind, key)
        if lane < waits_in and (state is JobState.WAITING or (state is JobState.RUNNING and once_more)):
            await repository.raise_to(tx, job_id, lane)
        if state is JobState.RUNNING and once_more:
            await repository.want_again(tx, kind, key)
        if state in (JobState.DONE, JobState.DEAD):
            await repository.arm(tx, job_id, new)
        return job_id

    async def put_all(self, tx: Transaction, kind: str, lanes: Mapping[str, Lane], *, pool: str | None = None) -> None:
        """As `put` for many keys at once, each with its lane, due now: what waits or runs is left, and left in its lane.

        A few statements for some hundred keys, however many of them are there already.
        """
        there = await repository.unfinished(tx, kind, list(lanes)) if lanes else set()
        wanted = [key for key in lanes if key not in there]
        if not wanted:
            return
        now = aware(self._clock())
        tx.after_commit(self._tell)
        new = [
            repository.NewJob(
                id=new_id(now), kind=kind, key=key, payload={}, lane=lanes[key], pool=pool, run_at=now, now=now
            )
            for key in wanted
        ]
        await repository.insert_all(tx, new)

    async def hold(self, tx: Transaction, lease: Lease) -> None:
        """Raise LeaseLost unless the lease is still good; it then stays so until `tx` ends.

        The first call in every write transaction of a handler (fencing).
        """
        if await repository.hold(tx, lease) is None:
            raise LeaseLost

    async def wake(self, tx: Transaction, kind: str, key: str) -> None:
        """Run a waiting job now, and a running one once more when it is done; nothing for a finished one."""
        tx.after_commit(self._tell)
        if not await repository.bring_forward(tx, kind, key, aware(self._clock())):
            await repository.want_again(tx, kind, key)

    async def clock_was_wrong(self, tx: Transaction, seconds: float) -> None:
        """The present lies before times written earlier: nothing waits for those any more.

        What waits is due; leases end within `seconds`, one lease, which leaves those who live time to extend them.
        """
        now = aware(self._clock())
        tx.after_commit(self._tell)
        await repository.bring_all_forward(tx, now, now + timedelta(seconds=seconds))

    async def cancel(self, tx: Transaction, kind: str, key: str) -> bool:
        """True when the job was waiting: it will never run, unless put again. False when it runs or is finished."""
        return await repository.finish_waiting(tx, kind, key, "cancelled", aware(self._clock()))

    async def counts(self, tx: Transaction) -> list[JobCount]:
        """How many jobs wait, run or are dead, by kind and state."""
        return await repository.counts(tx)

    async def waiting(self, tx: Transaction, kind: str, limit: int) -> int:
        """How many jobs of a kind wait, counted no further than `limit`."""
        return await repository.waiting(tx, kind, limit)

    async def reasons(self, tx: Transaction, kind: str, key: str) -> list[tuple[str, str]]:
        """(ISO time, reason) of the latest attempts of a job that failed, oldest first."""
        return [(one["at"], one["reason"]) for one in await repository.reasons_of(tx, kind, key)]

    async def oldest(self, tx: Transaction) -> list[JobAge]:
        """Since when the oldest unfinished jobs have been due, by kind and state."""
        return await repository.oldest(tx)

    async def purge(self, tx: Transaction, before: datetime, limit: int = 1000) -> int:
        """Forget up to `limit` jobs that were done before a time; dead ones stay. How many."""
        return await repository.delete_done(tx, aware(before), limit)

    async def claim(
        self,
        tx: Transaction,
        *,
        owner: str,
        room: Mapping[str, int],
        slots: int,
        seconds: float,
        shares: Shares | None = None,
    ) -> list[Claimed]:
        """Lease up to `slots` due jobs for `seconds`: no more of a kind than `room` says, by lane, then time.

        No more of what a share covers than it has left, which `shares` are counted down by; a job that several cover
        needs room in each. Jobs whose lease is over are taken over. Only workers call it.
        """
        now = aware(self._clock())
        left = {kind: number for kind, number in room.items() if number > 0}
        shared = shares or Shares(())
        taken: dict[str, Claimed] = {}
        while left and len(taken) < slots:
            found = await repository.due(tx, left, now, slots + len(taken), shared.shut)
            fresh = [one for one in found if one.id not in taken]
            passed_over = False
            for one in fresh[: slots - len(taken)]:
                if left.get(one.kind, 0) == 0 or not shared.take(one.lane, one.pool):
                    passed_over = True
                    continue
                left[one.kind] -= 1
                lease = Lease(job_id=one.id, owner=owner, token=one.lease.token + 1)
                taken[one.id] = replace(one, lease=lease, attempt=one.attempt + 1)
            if not passed_over:
                break
            left = {kind: number for kind, number in left.items() if number > 0}
        await repository.take(tx, list(taken.values()), now + timedelta(seconds=seconds))
        return list(taken.values())

    async def extend(self, tx: Transaction, lease: Lease, seconds: float) -> bool:
        """A sign of life: the lease is good for `seconds` from now. False when it was lost."""
        return await repository.extend(tx, lease, aware(self._clock()) + timedelta(seconds=seconds))

    async def done(self, tx: Transaction, lease: Lease) -> Done:
        """The job is finished, unless it was put or woken meanwhile. Raises LeaseLost, as all that follow.

        A handler may say so in its own last transaction, and give back what it gets here.
        """
        state = await repository.finish_unless_wanted(tx, lease, aware(self._clock()))
        if state is None:
            raise LeaseLost
        if state is JobState.WAITING:
            tx.after_commit(self._tell)
        return Done(written=True)

    async def again(self, tx: Transaction, lease: Lease, at: datetime) -> None:
        """The job comes round at `at`, or at once when it was woken meanwhile."""
        held = await self._held(tx, lease)
        now = aware(self._clock())
        if held.wanted_again or at <= now:
            tx.after_commit(self._tell)
        await repository.wait_anew(tx, lease, min(now, at) if held.wanted_again else at)

    async def postpone(self, tx: Transaction, lease: Lease, after: float, reason: str) -> None:
        """The attempt failed; the next one comes `after` seconds from now."""
        await self.note(tx, lease, reason)
        await repository.wait_on(tx, lease, aware(self._clock()) + timedelta(seconds=after))

    async def bury(self, tx: Transaction, lease: Lease, reason: str) -> None:
        """The job is dead."""
        await self.note(tx, lease, reason)
        await repository.finish(tx, lease, JobState.DEAD, aware(self._clock()))

    async def give_back(self, tx: Transaction, lease: Lease) -> bool:
        """End the lease now, without saying how far the job came: whoever claims it next takes it over."""
        return await repository.extend(tx, lease, aware(self._clock()))

    def listen(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` run when a job was put or woken in this process and committed; what is returned ends that."""
        self._listeners.append(call)
        return lambda: self._listeners.remove(call)

    async def note(self, tx: Transaction, lease: Lease, reason: str) -> None:
        """Keep why this attempt failed, whatever comes of it; `postpone` and `bury` do so themselves."""
        held = await self._held(tx, lease)
        short = reason[: repository.LONGEST_REASON]
        entry = {"at": aware(self._clock()).isoformat(timespec="seconds"), "reason": short}
        await repository.note(tx, lease, short, [*held.reasons, entry][-_REASONS_KEPT:])

    async def _held(self, tx: Transaction, lease: Lease) -> repository.Held:
        held = await repository.hold(tx, lease)
        if held is None:
            raise LeaseLost
        return held

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
