"""When to try again: decisions as values, policies as classes that return one. Pure."""

import math
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Try again `after` seconds from now; or, when that is None, give up, and `why`."""

    after: float | None
    why: str = ""


class RetryPolicy(Protocol):
    """Decides what follows a failed attempt."""

    def decide(self, *, attempt: int, age: float, draw: float, soonest: float = 0.0) -> RetryDecision:
        """`attempt` that failed, from 1; `age` in seconds since the job was first due; `draw` random in [0, 1).

        `soonest` (seconds) is what the other side asked for (Retry-After): no wait is shorter.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential back-off with full jitter: a random time up to `first * factor ** (attempt - 1)`, at most `ceiling`.

    Times in seconds. Gives up once the job has been due for `horizon`, with a last attempt at the horizon itself, or
    after `attempts` attempts. Full jitter spreads callers best when many fail together (AWS Architecture Blog,
    "Exponential Backoff And Jitter"). The jitter comes on top of a Retry-After, which many were given at once.
    """

    first: float
    factor: float = 2.0
    ceiling: float
    horizon: float
    attempts: int | None = None

    def __post_init__(self) -> None:
        finite = all(math.isfinite(number) for number in (self.first, self.factor, self.ceiling, self.horizon))
        if not finite or not 0 < self.first <= self.ceiling or self.factor < 1 or self.horizon <= 0:
            raise ValueError("a back-off needs 0 < first <= ceiling, factor >= 1 and horizon > 0")
        if self.attempts is not None and self.attempts < 1:
            raise ValueError("a back-off needs one attempt at least")

    def decide(self, *, attempt: int, age: float, draw: float, soonest: float = 0.0) -> RetryDecision:
        """See RetryPolicy."""
        if self.attempts is not None and attempt >= self.attempts:
            return RetryDecision(None, f"failed {attempt} times")
        if age >= self.horizon:
            return RetryDecision(None, f"failed for {self.horizon:g} seconds")
        wait = min(soonest + draw * self.longest(attempt), self.horizon - age)
        return RetryDecision(max(wait, soonest))

    def longest(self, attempt: int) -> float:
        """The most that is waited after this attempt, in seconds."""
        if self.factor == 1:
            return self.first
        steps = math.log(self.ceiling / self.first) / math.log(self.factor)
        if attempt - 1 >= steps:
            return self.ceiling
        return min(self.first * self.factor ** (attempt - 1), self.ceiling)
