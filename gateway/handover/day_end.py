"""The end of the day: the sender is to be told of receipt on the day of it (NĐ 30/2020 Đ21.2.c; design rule 9).

01 says "handed over". Before the day's cut-off operators are warned of what nobody has taken over yet; at the cut-off
they are told what is late, and where the agency has set it so, 01 goes out with a Description that says how it stands.
"""

from collections.abc import Callable
from datetime import datetime, time, timedelta

import structlog

from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.handover import repository
from gateway.handover.inbox import ARRIVED
from gateway.handover.model import DeliveryState
from gateway.handover.repository import Unhanded
from gateway.handover.settings import DayEnd
from gateway.jobs import Again, Claimed, Jobs
from gateway.problems import Problem
from gateway.statuses.reporting import Reporter
from gateway.store import Store, Transaction
from gateway.times import VIETNAM, Clock, shown

DAY_END_JOB = "day_end"
NOT_HANDED_OVER = (
    "Văn bản đã đến hệ thống liên thông của đơn vị nhận nhưng chưa chuyển được sang hệ thống quản lý văn bản."
)
"""What the Description of a 01 says that went out at the cut-off."""

_LOOK_EVERY = timedelta(minutes=5)
_PORTION = 100
_OPEN = (DeliveryState.WAITING, DeliveryState.CLAIMED, DeliveryState.SET_APART)

_log = structlog.get_logger(__name__)


class DayEnds:
    """Handles the one job of kind `day_end`.

    What is to be done is read off the job itself: the times of day since it was due. A node that comes back late does
    what was missed, each once; a crash in the middle repeats at most the alarm.
    """

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        reporter: Reporter,
        announce: Announce,
        clock: Clock,
        day: DayEnd,
        late: Callable[[int], None],
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._reporter = reporter
        self._announce = announce
        self._clock = clock
        self._day = day
        self._late = late

    async def handle(self, job: Claimed) -> Again:
        """Look whether a time of day has come since the job was due."""
        now = self._clock()
        over = reached(self._day.cut_off, job.first_run_at, now)
        warned = reached(self._day.warn_at, job.first_run_at, now)
        if over is not None:
            await self._end(job, over)
        if warned is not None:
            await self._tell(job, warned, Happening.ALARM_DAY_DUE)
        times = (following(self._day.warn_at, now), following(self._day.cut_off, now))
        return Again(min([now + _LOOK_EVERY, *(one for one in times if one is not None)]))

    async def _end(self, job: Claimed, moment: datetime) -> None:
        self._late(await self._tell(job, moment, Happening.ALARM_DAY_OVER))
        after = ""
        while self._day.reports:
            async with self._store.read() as tx:
                ids = await repository.unhanded_before(tx, moment, after=after, limit=_PORTION)
            for delivery_id in ids:
                await self._report(job, delivery_id)
            if len(ids) < _PORTION:
                return
            after = ids[-1]

    async def _tell(self, job: Claimed, moment: datetime, kind: Happening) -> int:
        """One alarm for each unit that has not taken over all of its documents; how many those are in all."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            found = await repository.unhanded_by_unit(tx, moment)
            for one in found:
                _log.warning("day_end.not_handed_over", alarm=kind.value, unit=one.unit_code, documents=one.count)
                await self._announce(tx, self._alarm(kind, one))
        return sum(one.count for one in found)

    def _alarm(self, kind: Happening, one: Unhanded) -> Announcement:
        data = {"count": str(one.count), "oldest": shown(one.oldest)}
        if self._day.cut_off is not None:
            data["cut_off"] = self._day.cut_off.isoformat("minutes")
            data["reports_01"] = "true" if self._day.reports else "false"
        return Announcement(kind=kind, at=self._clock(), unit_code=one.unit_code, data=data)

    async def _report(self, job: Claimed, delivery_id: str) -> None:
        """01 with how it stands; once, for a later hand-over finds it said (G-21). A document that cannot be is left."""
        try:
            async with self._store.begin() as tx:
                await self._jobs.hold(tx, job.lease)
                await self._report_in(tx, delivery_id)
        except Problem as problem:
            _log.warning("day_end.not_reported", delivery=delivery_id, code=problem.code)

    async def _report_in(self, tx: Transaction, delivery_id: str) -> None:
        delivery = await repository.find_delivery(tx, delivery_id)
        if delivery is None or delivery.state not in _OPEN:
            return
        document = await documents.find_document(tx, delivery.document_id)
        if document is None:
            raise LookupError("the document of a delivery is missing")
        await self._reporter.report(
            tx, document, code=ARRIVED, description=NOT_HANDED_OVER, source_time=delivery.created_at
        )


def reached(at: time | None, since: datetime, now: datetime) -> datetime | None:
    """The last time that it was this time of day in Vietnam, if that lies in [since, now]."""
    if at is None:
        return None
    local = now.astimezone(VIETNAM)
    today = datetime.combine(local.date(), at, VIETNAM)
    last = today if today <= local else today - timedelta(days=1)
    return last if last >= since else None


def following(at: time | None, now: datetime) -> datetime | None:
    """The next time that it will be this time of day in Vietnam, after `now`."""
    if at is None:
        return None
    local = now.astimezone(VIETNAM)
    today = datetime.combine(local.date(), at, VIETNAM)
    return today if today > local else today + timedelta(days=1)
