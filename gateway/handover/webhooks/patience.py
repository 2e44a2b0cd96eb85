"""When a failed call is made again, and when an endpoint is left alone: decisions as values. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.handover.webhooks.model import Called, Endpoint
from gateway.jobs import RetryDecision

FAILURES_TO_OPEN = 5
"""Calls that fail one after the other before all of an endpoint's chains wait; one refused event is not yet a fault."""
_LONGEST_OPEN = 300.0
"""Seconds between probes at the most: a receiver that is back should not wait longer."""
_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class LongSchedule:
    """A RetryPolicy that waits these seconds after each failed attempt, and up to a fifth longer; then gives up."""

    steps: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.steps or any(not 0 < step <= 7 * 86_400 for step in self.steps):
            raise ValueError("a schedule is one or more waits, each over 0 and at most 7 days")

    def decide(
        self,
        *,
        attempt: int,
        age: float,  # noqa: ARG002 - the protocol's
        draw: float,
        soonest: float = 0.0,
    ) -> RetryDecision:
        """See RetryPolicy."""
        if attempt > len(self.steps):
            return RetryDecision(None, f"failed {attempt} times")
        return RetryDecision(max(self.steps[attempt - 1] * (1 + _JITTER * draw), soonest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """What a failed or answered call does to its endpoint. `steps` in seconds; `pause_after`: failing for so long."""

    steps: tuple[float, ...]
    pause_after: timedelta

    def failed(self, endpoint: Endpoint, called: Called, subject: str, now: datetime) -> tuple[Endpoint, str | None]:
        """The endpoint after a failure, and the reason to pause it, if it is to be paused now."""
        since = endpoint.failing_since or now
        after = replace(
            endpoint, failures=endpoint.failures + 1, failing_since=since, last_error=called.failure, probe=None
        )
        if endpoint.open_until is not None and endpoint.probe != subject:
            after = replace(after, probe=endpoint.probe)  # it left before the breaker opened; the probe decides
        elif endpoint.open_until is not None or after.failures >= FAILURES_TO_OPEN:
            wait = max(self._wait(endpoint.opened), called.retry_after or 0.0)
            after = replace(after, open_until=now + timedelta(seconds=wait), opened=endpoint.opened + 1)
        if called.gone:
            return after, "gone"
        return after, "failing" if now - since >= self.pause_after else None

    def answered(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint after an answer 2xx: whatever was wrong is over."""
        return replace(endpoint, failures=0, failing_since=None, open_until=None, opened=0, probe=None, last_error=None)

    def _wait(self, opened: int) -> float:
        return min(self.steps[min(opened + 1, len(self.steps) - 1)], _LONGEST_OPEN)


def may_call(endpoint: Endpoint, subject: str) -> bool:
    """Whether this chain may call now, as far as the breaker is concerned."""
    return endpoint.open_until is None or endpoint.probe == subject
