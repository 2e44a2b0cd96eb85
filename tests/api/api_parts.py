"""A whole API put together for tests: real services on a given database, with knobs to turn."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
from clocks import FakeClock
from fastapi import FastAPI

from gateway.api import ApiParts, clients, create_api
from gateway.api.clients import Clients
from gateway.api.meters import Figures, Meters
from gateway.api.ops import Check, Reading
from gateway.api.settings import ApiSettings
from gateway.desk.acting import Desk
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.documents.outgoing import Outgoing
from gateway.documents.settings import DocumentsSettings
from gateway.edxml.limits import Limits
from gateway.handover.claims import Claims
from gateway.handover.feed import Bell, Feed
from gateway.handover.inbox import Inbox
from gateway.handover.notices.claiming import Notices
from gateway.handover.settings import HandoverSettings
from gateway.handover.webhooks.calling import Caller, CallSettings
from gateway.inspection import InspectionSettings, Inspector
from gateway.jobs import Jobs
from gateway.problems import Text
from gateway.statuses.reporting import Reporter
from gateway.store import DatabaseUnavailable, FolderBlobs, Store

OWN, OTHER = "H35.04", "H35.05"
OPS_TOKEN = "ops-token-of-the-tests"


@dataclass
class Knobs:
    """What a test may turn while the API runs."""

    busy: int | None = None
    database_trouble: DatabaseUnavailable | None = None
    figures: Figures = field(default_factory=Figures)
    checks: list[Check] = field(default_factory=list)


@dataclass(frozen=True)
class Api:
    """The API with what tests look at."""

    app: FastAPI
    store: Store
    blobs: FolderBlobs
    clock: FakeClock
    knobs: Knobs
    feed: Feed
    inbox: Inbox
    key: str
    other_key: str

    def client(self, key: str | None = None, *, raises: bool = False) -> httpx2.AsyncClient:
        """An HTTP client with the first unit's key, or another."""
        return httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=self.app, raise_app_exceptions=raises),
            base_url="http://gateway",
            headers={"Authorization": f"Bearer {key or self.key}"},
        )

    def files(self) -> list[str]:
        """Names of all files in the blob folder, unfinished ones too."""
        return sorted(path.name for path in self.blobs.root.rglob("*") if path.is_file())


async def fine() -> Reading:
    return Reading(ok=True, reason=Text("Tốt.", "Fine."))


def assembled(
    store: Store, blobs: FolderBlobs, clock: FakeClock, settings: ApiSettings, knobs: Knobs
) -> tuple[FastAPI, Feed, Inbox]:
    """The application, put together as gateway.app does, with a clock and knobs of the test's."""

    async def busy(coming: int) -> int | None:
        return knobs.busy

    async def figures() -> Figures:
        return knobs.figures

    async def checks() -> list[Check]:
        if knobs.database_trouble:
            raise knobs.database_trouble
        return knobs.checks

    bell, jobs, handover = Bell(), Jobs(clock), HandoverSettings(look_seconds=0.05)
    feed = Feed(store, bell, look_seconds=0.05)
    reporter = Reporter(jobs, feed.announce, clock)
    inbox = Inbox(store=store, reporter=reporter, announce=feed.announce, bell=bell, clock=clock, settings=handover)
    parts = ApiParts(
        store=store,
        blobs=blobs,
        clock=clock,
        settings=settings,
        clients=Clients(store, clock, settings),
        outgoing=Outgoing(jobs, feed.announce, clock, DocumentsSettings()),
        inspector=Inspector(InspectionSettings()),
        reporter=reporter,
        inbox=inbox,
        claims=Claims(inbox, Notices(store=store, clock=clock, settings=handover)),
        feed=feed,
        jobs=jobs,
        desk=Desk(store=store, jobs=jobs, announce=feed.announce, clock=clock),
        caller=Caller(CallSettings(hosts=frozenset(), seconds=1), read_secret=lambda _: "", clock=clock),
        busy=busy,
        checks=checks,
        figures=figures,
        meters=Meters(),
        limits=Limits(),
    )
    return create_api(parts), feed, inbox


async def populated(store: Store, clock: FakeClock) -> tuple[str, str]:
    """One connection, two units, a client of each; the clients' keys."""
    async with store.begin() as tx:
        await connections.add(
            tx,
            NewConnection(id="truc", endpoint="https://axis.example", system_id="S1", secret_source="env:AXIS_SECRET"),
            clock(),
        )
        for code in (OWN, OTHER):
            await units.add(tx, NewUnit(code=code, name=f"Đơn vị {code}", connection_id="truc"), clock())
        key = await clients.add(tx, "QLVB", frozenset({OWN}), clock())
        other = await clients.add(tx, "QLVB khác", frozenset({OTHER}), clock())
    return key, other


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until it holds; fails when it does not within the time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
