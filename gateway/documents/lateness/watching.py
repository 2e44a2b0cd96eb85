"""The job that tells people when documents do not leave, early enough for the legal deadline.

A document is owed on the day it was signed, at the latest in the morning of the next working day, an urgent one at once
(QĐ 28/2018 Đ6.2, G-18). Whatever the calendar says, that morning is more than an hour away from the hour in which a
document was handed over on its day; so it is the age that warns, long before the deadline, on workdays and holidays
alike. Trying goes on beyond the deadline, up to the horizon: late is better than never.
"""

from datetime import datetime, timedelta

from gateway.directory import connections
from gateway.directory.records import Connection, Mode
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.lateness import repository
from gateway.documents.lateness.repository import Late
from gateway.documents.pools import way_out
from gateway.documents.settings import DocumentsSettings
from gateway.jobs import Again, Breakers, Claimed, Done, Jobs, Lane, Outcome, Phase
from gateway.store import Store, Transaction
from gateway.times import Clock, shown

LATENESS_JOB = "lateness"
_EVERY = timedelta(minutes=1)
_TOLD_AGAIN = timedelta(days=1)


class Lateness:
    """Handles the jobs of kind `lateness`; the job's key is the connection's id."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        breakers: Breakers,
        announce: Announce,
        clock: Clock,
        settings: DocumentsSettings,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._breakers = breakers
        self._announce = announce
        self._clock = clock
        self._settings = settings

    async def handle(self, job: Claimed) -> Outcome:
        """One look."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            connection = await connections.find(tx, job.key)
            if connection is None:
                return Done()
            await self._look(tx, connection, urgent=True)
            await self._look(tx, connection, urgent=False)
        soonest = min(self._settings.late_urgent_minutes, self._settings.late_minutes) / 2
        return Again(self._clock() + min(_EVERY, timedelta(minutes=soonest)))

    async def _look(self, tx: Transaction, connection: Connection, *, urgent: bool) -> None:
        """Told once, and again each day while it lasts; forgotten when nothing is late any more."""
        now = self._clock()
        minutes = self._settings.late_urgent_minutes if urgent else self._settings.late_minutes
        last_lane = Lane.SECOND if urgent else Lane.BACKGROUND
        late = await repository.late(tx, connection.id, now - timedelta(minutes=minutes), last_lane=last_lane)
        told_at = await repository.alarmed_at(tx, connection.id, urgent=urgent)
        if late is None:
            if told_at is not None:
                await repository.set_alarmed(tx, connection.id, None, urgent=urgent)
            return
        if told_at is not None and now - told_at < _TOLD_AGAIN:
            return
        await repository.set_alarmed(tx, connection.id, now, urgent=urgent)
        await self._announce(tx, self._alarm(connection, late, now, urgent=urgent))

    def _alarm(self, connection: Connection, late: Late, now: datetime, *, urgent: bool) -> Announcement:
        data = {
            "connection": connection.id,
            "count": str(late.count),
            "since": shown(late.since),
            "urgent": "true" if urgent else "false",
            "reason": self._reason(connection),
        }
        return Announcement(kind=Happening.ALARM_WAITING, at=now, data=data)

    def _reason(self, connection: Connection) -> str:
        """What holds them, as far as it is one thing for all."""
        if connection.stopped_reason:
            return connection.stopped_reason
        if connection.mode is not Mode.ACTIVE:
            return "observing"
        name = way_out(connection.id)
        if self._breakers.phase(name) is not Phase.CLOSED:
            return self._breakers.seen(name).reason or "axis_fails"
        return connection.last_poll_error or "queue"
