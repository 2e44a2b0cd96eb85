"""The breakers of an installation, by name: kept in the database, so that all nodes see the same one."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.jobs.breakers import repository
from gateway.jobs.breakers.machine import Breaker, BreakerState, Phase, with_probe
from gateway.store import Store, Transaction
from gateway.times import Clock, aware

_SHUT = BreakerState()


async def close_all(tx: Transaction, names: Sequence[str], now: datetime) -> None:
    """A person says that what these breakers guard may be used again."""
    for name in names:
        before = await repository.hold(tx, name)
        if not before.is_clean:
            await repository.save(tx, name, BreakerState(usable_since=aware(now)))


async def names_after(tx: Transaction, beginning: str) -> list[str]:
    """The names of all breakers that begin so."""
    return [name for name in await repository.every(tx) if name.startswith(beginning)]


class Breakers:
    """One for each process. `owner` names the node that takes a probe; each sort of names has its policy (`sort:rest`).

    `probe_seconds`: how long a probe stays with a node that gives no sign of life, as long as a job does.

    A failure is written with what it did; a good answer only where there was something wrong, as far as this process
    has seen: it looks anew at each `look`. So an axis that works costs no write.
    """

    def __init__(
        self, store: Store, clock: Clock, policies: Mapping[str, Breaker], *, owner: str, probe_seconds: float
    ) -> None:
        self._policies = policies
        self._probe_lasts = timedelta(seconds=probe_seconds)
        self._store = store
        self._clock = clock
        self._owner = owner[: repository.LONGEST_OWNER]
        self._seen: dict[str, BreakerState] = {}

    async def look(self, tx: Transaction) -> Mapping[str, BreakerState]:
        """All that are not clean, or were not once."""
        self._seen = await repository.every(tx)
        return self._seen

    def seen(self, name: str) -> BreakerState:
        """How it stood when this process last looked."""
        return self._seen.get(name, _SHUT)

    async def failed(
        self, tx: Transaction, name: str, *, began: datetime, reason: str, soonest: float = 0.0, attempt: int = 1
    ) -> BreakerState:
        """A call that began at `began` failed, in the job's so many-th attempt."""
        draw = random.random()  # noqa: S311 - spreads load, guards nothing
        before = await repository.hold(tx, name)
        after = self._policy(name).failed(
            before,
            began=aware(began),
            now=aware(self._clock()),
            reason=reason,
            draw=draw,
            soonest=soonest,
            attempt=attempt,
        )
        await self._write(tx, name, before, after)
        return after

    async def open(self, tx: Transaction, name: str, reason: str, *, began: datetime) -> bool:
        """Open it now, whatever was before; False when it was open already."""
        before = await repository.hold(tx, name)
        now = aware(self._clock())
        once = replace(self._policy(name), failures=1)
        after = once.failed(before, began=aware(began), now=now, reason=reason, draw=0.0)
        await self._write(tx, name, before, after)
        return before.open_until is None and after.open_until is not None

    async def answered(self, tx: Transaction, name: str) -> None:
        """A call had a good answer."""
        if self.seen(name).is_clean:
            return
        before = await repository.hold(tx, name)
        await self._write(tx, name, before, self._policy(name).answered(before, aware(self._clock())))

    def phase(self, name: str, *, life: datetime | None = None) -> Phase:
        """How it stands, as this process last saw it."""
        return self._policy(name).phase(self.seen(name), aware(self._clock()), life=life)

    async def probes(self, name: str, *, subject: str = "", life: datetime | None = None) -> bool:
        """Whether this node (and, where one is named, this subject) has the probe; takes it when it is due and free.

        Of several nodes one gets it. Asking again keeps it.
        """
        mine = f"{self._owner} {subject}".strip()[: repository.LONGEST_OWNER]
        now = aware(self._clock())
        state = self.seen(name)
        phase = self._policy(name).phase(state, now, life=life)
        is_mine = phase is Phase.PROBING and state.probe == mine
        lasts = state.probe_until is not None and state.probe_until - now > self._probe_lasts / 2
        if is_mine and lasts:
            return True
        if not is_mine and phase is not Phase.DUE:
            return False
        async with self._store.begin() as tx:
            before = await repository.hold(tx, name)
            again = self._policy(name).phase(before, now, life=life)
            if again is not Phase.DUE and not (again is Phase.PROBING and before.probe == mine):
                self._seen[name] = before
                return False
            await self._write(tx, name, before, with_probe(before, mine, now + self._probe_lasts))
        return True

    def _policy(self, name: str) -> Breaker:
        return self._policies[name.partition(":")[0]]

    async def _write(self, tx: Transaction, name: str, before: BreakerState, after: BreakerState) -> None:
        if after != before:
            await repository.save(tx, name, after)

        def seen() -> None:
            self._seen[name] = after

        tx.after_commit(seen)
