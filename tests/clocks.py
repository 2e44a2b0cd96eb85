"""A clock that tests turn by hand."""

from datetime import datetime, timedelta

from gateway.times import VIETNAM, Clock


class FakeClock:
    """A `Clock` that stands still until it is moved. Starts on 22/11/2026 at 09:00 in Vietnam."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 9, tzinfo=VIETNAM)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        """Move on; the new present."""
        self.now += timedelta(seconds=seconds)
        return self.now


class TurnedClock:
    """A real clock, turned by so much."""

    def __init__(self, real: Clock) -> None:
        self._real = real
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return self._real() + self.by
