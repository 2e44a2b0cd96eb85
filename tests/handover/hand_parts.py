"""Hand-over put together on a given database: feed, inbox, webhooks and a worker, without an axis."""

import itertools
from dataclasses import dataclass
from datetime import timedelta

from clocks import FakeClock

from gateway.addresses import Resolve, resolved
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.documents.announcing import Announcement, Happening, Passed, unwatched
from gateway.documents.model import Direction, Document, DocumentState
from gateway.documents.repository import add_document
from gateway.edxml.model import (
    Bussiness,
    Code,
    DocumentPacket,
    MessageHeader,
    Organ,
    TraceHeader,
    TraceHeaderList,
)
from gateway.handover import repository
from gateway.handover.feed import Bell, Feed
from gateway.handover.inbox import Inbox
from gateway.handover.model import Event
from gateway.handover.settings import HandoverSettings
from gateway.handover.webhooks import endpoints
from gateway.handover.webhooks.calling import Caller, CallSettings
from gateway.handover.webhooks.endpoints import FEED_JOB
from gateway.handover.webhooks.model import Endpoint, NewEndpoint
from gateway.handover.webhooks.patience import Breaker, LongSchedule
from gateway.handover.webhooks.telling import CALL_JOB, Webhooks
from gateway.jobs import Backoff, JobKind, Jobs, JobsSettings, Worker
from gateway.statuses.reporting import Reporter
from gateway.statuses.repository import history
from gateway.store import Store, new_id

OWN, OTHER = "H35.04", "H35.05"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NEW_SECRET = "whsec_" + "QUJD" * 11
SECRETS = {"env:OLD": SECRET, "env:NEW": NEW_SECRET}
STEPS = (5.0, 60.0, 300.0)
_numbers = itertools.count(1)


@dataclass
class House:
    """Hand-over with what tests look at."""

    store: Store
    clock: FakeClock
    jobs: Jobs
    feed: Feed
    inbox: Inbox
    webhooks: Webhooks
    caller: Caller
    worker: Worker

    async def endpoint(self, url: str, *codes: str, name: str = "qlvb", hands_over: bool = False) -> Endpoint:
        """An endpoint for these units, one of ours by default."""
        new = NewEndpoint(
            name=name,
            url=url,
            secret_source="env:OLD",
            units=frozenset(codes or {OWN}),
            hands_over=hands_over,
            allow_plain_http=True,
        )
        async with self.store.begin() as tx:
            return await endpoints.add(tx, self.jobs, new, frozenset({"127.0.0.1"}), self.clock())

    async def standing(self, name: str = "qlvb") -> Endpoint:
        """The endpoint as it is now."""
        async with self.store.read() as tx:
            return await endpoints.get(tx, name)

    async def run(self) -> None:
        """See what is new, and work until nothing is due."""
        while True:
            await self.webhooks.look()
            if await self.worker.drain() == 0:
                return

    async def later(self, seconds: float) -> None:
        """Let time pass, then work."""
        self.clock.advance(seconds)
        await self.run()

    async def arrive(self, unit_code: str = OWN) -> Document:
        """A document that has come in."""
        number = str(next(_numbers))
        now = self.clock()
        came = Document(
            id=new_id(now),
            direction=Direction.IN,
            unit_code=unit_code,
            sender_code="G22",
            document_id=f"G22,2026/11/20,{number}/VPCP-TTĐT",
            business_type="0",
            number=number,
            notation="VPCP-TTĐT",
            promulgation_date=None,
            subject="V/v thử nghiệm",
            priority=0,
            packet=_packet(number, unit_code),
            state=DocumentState.WAITING,
            meaning=f"{number:0>64}",
            twin_of=None,
            muted=False,
            findings="",
            created_at=now,
            changed_at=now,
        )
        async with self.store.begin() as tx:
            await add_document(tx, came, [], live_key=None)
            await self.feed.announce(
                tx, Announcement(kind=Happening.ARRIVED, at=now, unit_code=unit_code, document=came.id)
            )
        return came

    async def happen(self, kind: Happening, document: str | None = None, unit_code: str | None = OWN) -> None:
        """Anything else."""
        async with self.store.begin() as tx:
            said = Announcement(kind=kind, at=self.clock(), unit_code=unit_code, document=document)
            await self.feed.announce(tx, said)

    async def events(self) -> list[Event]:
        """The whole feed."""
        return (await self.feed.after({OWN, OTHER}, 0, limit=1000))[0]

    async def state_of(self, document: Document) -> str:
        """Of its delivery."""
        async with self.store.begin() as tx:
            delivery = await repository.delivery_of(tx, document.id)
        return delivery.state if delivery else "none"

    async def statuses_of(self, document: Document) -> list[str]:
        """Codes that were reported."""
        async with self.store.read() as tx:
            return [one.code for one in await history(tx, document.id)]


def house(
    store: Store,
    clock: FakeClock,
    *,
    seconds: float = 2.0,
    resolve: Resolve = resolved,
    hosts: frozenset[str] = frozenset({"127.0.0.1"}),
    passed: Passed = unwatched,
    steps: tuple[float, ...] = STEPS,
) -> House:
    """All parts; calls wait `seconds` at the longest."""
    bell, jobs, settings = Bell(), Jobs(clock), HandoverSettings(look_seconds=0.05)
    feed = Feed(store, bell, look_seconds=0.05)
    reporter = Reporter(jobs, feed.announce, clock)
    inbox = Inbox(store=store, reporter=reporter, announce=feed.announce, bell=bell, clock=clock, settings=settings)
    caller = Caller(
        CallSettings(hosts=hosts, seconds=seconds), read_secret=SECRETS.__getitem__, clock=clock, resolve=resolve
    )
    webhooks = Webhooks(
        store=store,
        jobs=jobs,
        inbox=inbox,
        announce=feed.announce,
        bell=bell,
        caller=caller,
        breaker=Breaker(steps=steps, pause_after=timedelta(hours=72)),
        href=lambda id: f"/v1/documents/{id}",
        clock=clock,
        call_seconds=seconds,
        look_seconds=0.05,
        passed=passed,
    )
    kinds = [
        JobKind(name=FEED_JOB, handler=webhooks.give_out, policy=Backoff(first=1, ceiling=1, horizon=3600, attempts=1)),
        JobKind(name=CALL_JOB, handler=webhooks.call, policy=LongSchedule(steps), exhausted=webhooks.given_up),
    ]
    worker = Worker(store, jobs, kinds, owner="w1", clock=clock, settings=JobsSettings())
    return House(
        store=store,
        clock=clock,
        jobs=jobs,
        feed=feed,
        inbox=inbox,
        webhooks=webhooks,
        caller=caller,
        worker=worker,
    )


async def populated(store: Store, clock: FakeClock) -> None:
    """One connection and two units."""
    async with store.begin() as tx:
        await connections.add(
            tx,
            NewConnection(id="truc", endpoint="https://axis.example", system_id="S1", secret_source="env:AXIS_SECRET"),
            clock(),
        )
        for code in (OWN, OTHER):
            await units.add(tx, NewUnit(code=code, name=f"Đơn vị {code}", connection_id="truc"), clock())


def _packet(number: str, unit_code: str) -> DocumentPacket:
    return DocumentPacket(
        message_header=MessageHeader(
            from_=Organ(organ_id="G22", organ_name="Văn phòng Chính phủ"),
            to=(Organ(organ_id=unit_code, organ_name="Nơi nhận"),),
            document_id=f"G22,2026/11/20,{number}/VPCP-TTĐT",
            code=Code(code_number=number, code_notation="VPCP-TTĐT"),
            subject="V/v thử nghiệm",
        ),
        trace_header_list=TraceHeaderList(
            trace_headers=(TraceHeader(organ_id="G22", timestamp=FakeClock()()),),
            bussiness=Bussiness(bussiness_doc_type="0", bussiness_doc_reason="Văn bản điện tử mới"),
        ),
    )
