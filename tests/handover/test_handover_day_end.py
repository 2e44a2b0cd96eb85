"""The end of the day: a warning before it, an alarm at it, and 01 with a Description where the agency wants it so."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest
import pytest_asyncio
from clocks import FakeClock
from hand_parts import OTHER, OWN, House, house, populated
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents import repository as documents
from gateway.documents.announcing import Happening
from gateway.documents.model import Document
from gateway.handover.day_end import DAY_END_JOB, NOT_HANDED_OVER, DayEnds, following, reached
from gateway.handover.model import Event
from gateway.handover.settings import DayEnd, HandoverSettings
from gateway.jobs import Backoff, JobKind, JobsSettings, Lane, Worker
from gateway.statuses.repository import history
from gateway.store import Store
from gateway.times import VIETNAM

DAY = DayEnd(warn_at=time(16), cut_off=time(23, 50), reports=False)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds of what is drawn
TIMES = st.builds(time, st.integers(0, 23), st.integers(0, 59))


class Evening:
    """Hand-over whose day ends."""

    def __init__(self, of: House, day: DayEnd) -> None:
        self.of = of
        self.late: list[int] = []
        ends = DayEnds(
            store=of.store,
            jobs=of.jobs,
            reporter=of.inbox._reporter,
            announce=of.feed.announce,
            clock=of.clock,
            day=day,
            late=self.late.append,
        )
        policy = Backoff(first=1, ceiling=1, horizon=3600)
        kind = JobKind(name=DAY_END_JOB, handler=ends.handle, policy=policy)
        self._worker = Worker(of.store, of.jobs, [kind], owner="w", clock=of.clock, settings=JobsSettings())

    async def at(self, hour: int, minute: int = 0, *, day: int = 22) -> None:
        """It is this time; the job runs if it is due."""
        self.of.clock.now = datetime(2026, 11, day, hour, minute, tzinfo=VIETNAM)
        async with self.of.store.begin() as tx:
            await self.of.jobs.put(tx, kind=DAY_END_JOB, key="all", lane=Lane.THIRD, once_more=False)
        await self._worker.drain()

    async def alarms(self, kind: Happening) -> list[Event]:
        """Of this kind."""
        return [one for one in await self.of.events() if one.kind == kind]

    async def said(self, document: Document) -> list[tuple[str, str | None, datetime, bool]]:
        """(code, Description, its time, whether it goes out) of the statuses of a document."""
        async with self.of.store.read() as tx:
            return [
                (one.code, one.description, one.source_time, one.dispatch_id is not None)
                for one in await history(tx, document.id)
            ]

    async def confirm(self, document: Document) -> None:
        """Its document system has it."""
        (claim,) = [one for one in await self.of.inbox.claim({OWN, OTHER}, limit=10) if one.document.id == document.id]
        await self.of.inbox.confirm(claim.delivery.id, claim.delivery.lease or "", {OWN, OTHER})


@pytest_asyncio.fixture
async def of(store: Store, clock: FakeClock) -> House:
    await populated(store, clock)
    return house(store, clock)


async def test_operators_are_warned_of_what_is_not_handed_over_unit_by_unit(of: House) -> None:
    evening = Evening(of, DAY)
    await evening.at(9)
    taken = await of.arrive()
    first = await of.arrive()
    await evening.at(10)
    await of.arrive()
    await of.arrive(OTHER)
    await evening.confirm(taken)
    await evening.at(15, 59)
    assert await evening.alarms(Happening.ALARM_DAY_DUE) == []
    await evening.at(16)
    await evening.at(16, 30)
    warned = {one.unit_code: dict(one.data) for one in await evening.alarms(Happening.ALARM_DAY_DUE)}
    assert warned[OWN] == {
        "count": "2",
        "oldest": first.created_at.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "cut_off": "23:50",
        "reports_01": "false",
    }
    assert warned[OTHER]["count"] == "1"
    assert len(await evening.alarms(Happening.ALARM_DAY_DUE)) == 2
    assert (await evening.said(first), evening.late) == ([], [])


async def test_at_the_cut_off_lateness_is_told_and_counted_and_01_waits_for_the_hand_over(of: House) -> None:
    evening = Evening(of, DAY)
    await evening.at(9)
    document = await of.arrive()
    await evening.at(23, 50)
    (alarm,) = await evening.alarms(Happening.ALARM_DAY_OVER)
    assert (alarm.unit_code, alarm.data["count"], evening.late) == (OWN, "1", [1])
    assert await evening.said(document) == []
    await evening.at(9, day=23)
    await evening.confirm(document)
    assert [(code, description) for code, description, _, _ in await evening.said(document)] == [("01", None)]


async def test_where_the_agency_wants_it_01_goes_out_at_the_cut_off_and_says_how_it_stands(of: House) -> None:
    evening = Evening(of, replace(DAY, reports=True))
    await evening.at(9)
    document = await of.arrive()
    await evening.at(23, 49)
    assert await evening.said(document) == []
    await evening.at(23, 50)
    late = await of.arrive()
    expected = [("01", NOT_HANDED_OVER, document.created_at, True)]
    assert await evening.said(document) == expected
    assert await of.state_of(document) == "waiting"
    await evening.at(8, day=23)
    await evening.confirm(document)
    assert await evening.said(document) == expected
    assert await evening.said(late) == []


async def test_a_node_that_was_down_at_the_cut_off_makes_up_for_it_once(of: House) -> None:
    evening = Evening(of, replace(DAY, reports=True))
    await evening.at(9)
    document = await of.arrive()
    await evening.at(10, day=24)
    await evening.at(10, 30, day=24)
    assert len(await evening.said(document)) == 1
    assert len(await evening.alarms(Happening.ALARM_DAY_OVER)) == 1
    assert len(await evening.alarms(Happening.ALARM_DAY_DUE)) == 1


async def test_a_document_from_before_the_connection_s_own_cut_off_is_nobodys_delay(of: House) -> None:
    evening = Evening(of, replace(DAY, reports=True))
    await evening.at(9)
    document = await of.arrive()
    async with of.store.begin() as tx:
        muted = documents.document_table.update().values(muted=True)
        await tx.execute(muted.where(documents.document_table.c.id == document.id))
    await evening.at(23, 55)
    assert await evening.said(document) == []
    assert evening.late == [0]


async def test_without_times_nothing_is_told(of: House) -> None:
    evening = Evening(of, HandoverSettings(day_warn_at="", day_cut_off="").day_end)
    await evening.at(9)
    await of.arrive()
    await evening.at(9, day=23)
    assert [one.kind for one in await of.events()] == ["document.arrived"]


@pytest.mark.parametrize("wrong", ["24:00", "9:00", "noon", "23:60"])
def test_what_is_no_time_of_day_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="day_cut_off"):
        HandoverSettings(day_cut_off=wrong)


@given(TIMES, MOMENTS)
def test_the_next_time_of_day_comes_within_a_day(at: time, now: datetime) -> None:
    then = following(at, now)
    assert then is not None
    assert now < then <= now + timedelta(days=1)
    assert then.astimezone(VIETNAM).time() == at
    assert reached(at, now + timedelta(microseconds=1), then) == then


@given(TIMES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_a_time_of_day_is_reached_only_between_the_two_moments(at: time, now: datetime, back: timedelta) -> None:
    last = reached(at, now - back, now)
    if last is None:
        assert back < timedelta(days=1)
        upcoming = following(at, now - back)
        assert upcoming is not None
        assert upcoming > now
    else:
        assert now - back <= last <= now
        assert now - last < timedelta(days=1)
