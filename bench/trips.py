"""One case of the throughput bench: a stage with so many documents stored, and the trips over it, one by one and all at once."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from bench.bare import Bare, measure
from bench.costs import Costs
from bench.postgres import Postgres
from bench.stage import Stage, stage
from bench.stored import fill
from bench.traffic import (
    Follower,
    Papers,
    claim_all,
    hand_over_all,
    hand_over_urgent,
    timed,
)

SYSTEMS_GIVING, SYSTEMS_TAKING = 8, 4
URGENT_EVERY = 0.5
"""Seconds between two urgent documents while the queue is drained."""
NEEDS: Mapping[str, Mapping[str, int]] = {
    "accepted": {"posts": 1, "files": 1, "commits": 1},
    "sent": {"posts": 1, "files": 1, "commits": 2},
    "received": {"posts": 1, "asks": 1, "files": 2, "commits": 2},
    "answered": {"asks": 5, "files": 2, "commits": 5},
    "end to end": {"posts": 3, "asks": 6, "files": 6, "commits": 10},
}
"""What no gateway with these promises can do without, for one document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """What one trip took: so many documents in so many seconds, and what it cost."""

    name: str
    documents: int
    seconds: float
    costs: Costs

    @property
    def rate(self) -> float:
        """Documents per second."""
        return self.documents / self.seconds

    def cpu(self, process: str) -> float:
        """Milliseconds of a process for each document."""
        return 1000 * self.costs.cpu.get(process, 0.0) / self.documents

    @property
    def cpu_of_all(self) -> float:
        """Milliseconds of all but the callers for each document."""
        return sum(self.cpu(name) for name in self.costs.cpu if name != "caller")


@dataclass(slots=True, kw_only=True)
class Case:
    """What was measured on one database with so many documents stored."""

    database: str
    stored: int
    bare: Bare
    trips: dict[str, Trip] = field(default_factory=dict)
    urgent: list[float] = field(default_factory=list)
    """Seconds from the beginning of its upload until each urgent document was with the axis."""
    scrape: float = 0.0
    """Seconds of one look at the metrics of the sender."""


async def run(
    folder: Path, database: str, postgres: Postgres | None, stored: int, *, queued: int, documents: int
) -> Case:
    """Measure one case: a queue of so many, and so many in each of the other trips. Raises TooSlow when one does not end."""
    async with stage(folder, postgres) as on:
        bare = await measure(folder, postgres)
        if stored:
            with ProcessPoolExecutor(2, get_context("spawn")) as pool:
                both = (on.sender, on.receiver)
                filled = pool.map(fill, *zip(*((one.code, one.database, stored) for one in both), strict=True))
                for one, events in zip(both, filled, strict=True):
                    one.events = events
        case = Case(database=database, stored=stored, bare=bare)
        return await _Run(on, case, queued=queued, documents=documents).all()


class _Run:
    def __init__(self, on: Stage, case: Case, *, queued: int, documents: int) -> None:
        self._on = on
        self._case = case
        self._queued = queued
        self._count = documents
        self._bound = 60.0 + max(queued, documents)
        self._papers = Papers(queued)

    async def all(self) -> Case:
        """Each trip by itself, all at once, and at last a queue filled and drained, which nobody receives any more."""
        await asyncio.to_thread(self._on.sender.start)
        sending = Follower(self._on.sender.line(), self._on.sender.events)
        receiving = await self._received(sending)
        await self._answered(sending, receiving)
        await self._end_to_end(sending)
        self._case.scrape = await timed(lambda: self._on.sender.line().get("/metrics"))
        await asyncio.to_thread(self._on.receiver.stop)
        await asyncio.to_thread(self._on.sender.stop)
        await self._accepted()
        await self._sent(sending.after)
        return self._case

    async def _accepted(self) -> None:
        """Taken over and queued: a sender that sends nothing."""
        await asyncio.to_thread(self._on.sender.start, working=False)
        before = await self._on.look()
        began = time.time()
        await hand_over_all(self._on.sender, self._papers, self._queued, SYSTEMS_GIVING)
        await self._note("accepted", self._queued, time.time() - began, before)
        await asyncio.to_thread(self._on.sender.stop)

    async def _sent(self, after: int) -> None:
        """The queue drained, urgent documents coming all the while."""
        await asyncio.to_thread(self._on.sender.start)
        before, began = await self._on.look(), time.time()
        feed = Follower(self._on.sender.line(), after)
        stop = asyncio.Event()
        urgent = asyncio.create_task(hand_over_urgent(self._on.sender, self._papers, URGENT_EVERY, stop))
        try:
            await feed.until("document.sent", self._queued, self._bound)
        finally:
            stop.set()
        begun = await urgent
        count = self._queued + len(begun)
        ended = await feed.until("document.sent", count, self._bound)
        await self._note("sent", count, ended - began, before)
        self._case.urgent.extend(sorted(feed.sent[id] - at for id, at in begun.items()))

    async def _received(self, sending: Follower) -> Follower:
        """All that lies at the axis fetched, read and delivered."""
        await hand_over_all(self._on.sender, self._papers, self._count, SYSTEMS_GIVING)
        await sending.until("document.sent", self._count, self._bound)
        await asyncio.to_thread(self._on.receiver.start)
        before, began = await self._on.look(), time.time()
        feed = Follower(self._on.receiver.line(), self._on.receiver.events)
        ended = await feed.until("document.arrived", self._count, self._bound)
        await self._note("received", self._count, ended - began, before)
        return feed

    async def _answered(self, sending: Follower, receiving: Follower) -> None:
        """Claimed and confirmed; 01 sent for each and recorded by the sender."""
        before, began = await self._on.look(), time.time()
        await claim_all(self._on.receiver, self._count, SYSTEMS_TAKING, self._bound)
        ended = await sending.until("status.received", self._count, self._bound)
        await receiving.until("status.sent", self._count, self._bound)
        await self._note("answered", self._count, ended - began, before)

    async def _end_to_end(self, sending: Follower) -> None:
        """Everything at the same time: from the first upload to the last 01."""
        there = sending.kinds["status.received"]
        before, began = await self._on.look(), time.time()
        async with asyncio.TaskGroup() as group:
            group.create_task(hand_over_all(self._on.sender, self._papers, self._count, SYSTEMS_GIVING))
            group.create_task(claim_all(self._on.receiver, self._count, SYSTEMS_TAKING, self._bound))
        ended = await sending.until("status.received", there + self._count, self._bound)
        await self._note("end to end", self._count, ended - began, before)

    async def _note(self, name: str, documents: int, seconds: float, before: Costs) -> None:
        costs = (await self._on.look()).since(before)
        self._case.trips[name] = Trip(name=name, documents=documents, seconds=seconds, costs=costs)
