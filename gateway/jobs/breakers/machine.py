"""A breaker: what fails again and again is left alone, and tried by one job at a time until it works. Pure.

closed → (so many failures one after the other) → open → (the wait is over, and there was a sign of life) → one probe →
closed, or open again for longer. What began before the breaker opened says nothing about it.
"""

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

ITS_OWN_FAULT = 4
"""From this attempt on a job that fails says nothing about the others: it may be the job."""


class Phase(StrEnum):
    """How a breaker stands. `DUE`: somebody may take the probe; `PROBING`: somebody has it."""

    CLOSED = "closed"
    OPEN = "open"
    DUE = "due"
    PROBING = "probing"


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerState:
    """What is known of one breaker. `failures` one after the other while closed; `opened` how often in a row.

    `usable_since`: when it closed the last time. `reason` of the last failure: a short stable word.
    """

    failures: int = 0
    failing_since: datetime | None = None
    opened: int = 0
    opened_at: datetime | None = None
    open_until: datetime | None = None
    probe: str | None = None
    probe_until: datetime | None = None
    reason: str | None = None
    usable_since: datetime | None = None

    @property
    def is_clean(self) -> bool:
        """Whether a good answer would change nothing."""
        return self.failures == 0 and self.open_until is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """The policy. Times in seconds: the wait doubles from `first` to `ceiling`, up to half of it by chance less.

    Where a sign of life is asked for and does not come, the probe is due after `unseen` all the same.
    """

    failures: int
    first: float
    ceiling: float
    unseen: float

    def __post_init__(self) -> None:
        finite = all(math.isfinite(number) for number in (self.first, self.ceiling, self.unseen))
        if not finite or self.failures < 1 or not 0 < self.first <= self.ceiling <= self.unseen:
            raise ValueError("a breaker needs one failure at least, and 0 < first <= ceiling <= unseen")

    def failed(
        self,
        state: BreakerState,
        *,
        began: datetime,
        now: datetime,
        reason: str,
        draw: float,
        soonest: float = 0.0,
        attempt: int = 1,
    ) -> BreakerState:
        """After a call that began at `began` failed; `draw` random in [0, 1), `soonest` a Retry-After in seconds.

        `attempt` of the job whose call it was: one that fails by itself, again and again, must not be every probe and
        hold up all others. From `ITS_OWN_FAULT` on another job may probe at once; this one waits as its own policy says.
        With a Retry-After it is the axis that speaks, and of all.
        """
        if state.open_until is not None and began < (state.opened_at or now):
            return state
        if attempt >= ITS_OWN_FAULT and not soonest:
            return replace(state, probe=None, probe_until=None)
        if state.open_until is not None:
            return self._opened(state, now=now, reason=reason, draw=draw, soonest=soonest)
        if state.usable_since is not None and began < state.usable_since:
            return state
        since = state.failing_since or now
        after = replace(state, failures=state.failures + 1, failing_since=since, reason=reason)
        if after.failures < self.failures:
            return after
        return self._opened(after, now=now, reason=reason, draw=draw, soonest=soonest)

    def answered(self, state: BreakerState, now: datetime) -> BreakerState:
        """After a good answer, whenever it was asked for: whatever was wrong is over."""
        if state.is_clean:
            return state
        return BreakerState(usable_since=now if state.open_until is not None else state.usable_since)

    def phase(self, state: BreakerState, now: datetime, *, life: datetime | None) -> Phase:
        """How it stands; `life` is when there was the last sign of life by other means, None where none is needed."""
        if state.open_until is None or state.opened_at is None:
            return Phase.CLOSED
        if state.probe is not None and state.probe_until is not None and now < state.probe_until:
            return Phase.PROBING
        if now < state.open_until:
            return Phase.OPEN
        if life is None or life > state.opened_at or now >= state.opened_at + timedelta(seconds=self.unseen):
            return Phase.DUE
        return Phase.OPEN

    def _opened(self, state: BreakerState, *, now: datetime, reason: str, draw: float, soonest: float) -> BreakerState:
        longest = min(self.first * 2.0 ** min(state.opened, 60), self.ceiling)
        wait = max(longest * (1 - draw / 2), soonest)
        return replace(
            state,
            failing_since=state.failing_since or now,
            opened=state.opened + 1,
            opened_at=now,
            open_until=now + timedelta(seconds=wait),
            probe=None,
            probe_until=None,
            reason=reason,
        )


def with_probe(state: BreakerState, owner: str, until: datetime) -> BreakerState:
    """The probe is `owner`'s until then; who dies with it loses it."""
    return replace(state, probe=owner, probe_until=until)
