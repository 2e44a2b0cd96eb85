"""What a cut-off date would divide."""

from datetime import datetime

import pytest
from clocks import FakeClock

from gateway.axis.port import MessageType
from gateway.directory import connections
from gateway.directory.records import NewConnection
from gateway.documents import repository
from gateway.documents.cut_off import Divided, divided
from gateway.documents.model import Arrival, ArrivalState
from gateway.store import Store
from gateway.times import VIETNAM

CUT_OFF = datetime(2026, 11, 20, tzinfo=VIETNAM)


@pytest.fixture
async def connected(store: Store, clock: FakeClock) -> Store:
    async with store.begin() as tx:
        for name in ("truc-a", "truc-b"):
            new = NewConnection(id=name, endpoint=f"https://{name}/a", system_id="X", secret_source="env:SECRET")
            await connections.add(tx, new, clock())
    return store


def arrival(name: str, created: str | None, now: datetime, *, connection: str = "truc-a") -> Arrival:
    return Arrival(
        id=name,
        connection_id=connection,
        doc_id=name,
        message_type=MessageType.EDOC,
        from_code=None,
        to_code=None,
        created_time=created,
        state=ArrivalState.OBSERVED,
        packet_id=None,
        unreadable_sha256=None,
        fetches=1,
        reason=None,
        findings="[]",
        booked_at=now,
        changed_at=now,
        acknowledged_at=None,
        acknowledged_as=None,
    )


async def test_observed_arrivals_are_counted_on_either_side_of_the_date(connected: Store, clock: FakeClock) -> None:
    times = ("2026/11/19 23:59:59", "2026-11-20T00:00:00", "2026/11/22 08:00:00", "yesterday", None)
    async with connected.begin() as tx:
        for place, created in enumerate(times):
            await repository.add_arrivals(tx, [arrival(f"a{place}", created, clock())])
        await repository.add_arrivals(tx, [arrival("other", times[0], clock(), connection="truc-b")])
    async with connected.read() as tx:
        assert await divided(tx, "truc-a", CUT_OFF) == Divided(before=1, since=2, undated=2)
