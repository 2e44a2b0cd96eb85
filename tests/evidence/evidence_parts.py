"""A log of evidence to write into, chain and spoil."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from clocks import FakeClock
from sqlalchemy import text

from gateway.documents.announcing import Announcement, Happening, Passed, Witnessed, unwatched
from gateway.evidence.auditing import Audit, Flaw, audit
from gateway.evidence.chaining import CHAIN_JOB, Chainer
from gateway.evidence.heads import Head
from gateway.evidence.recording import Recorder
from gateway.jobs import Again, Jobs
from gateway.store import Store, Transaction

Told = tuple[Happening | Witnessed, str | None]


@dataclass
class Evidence:
    """One node's evidence: `told` is what was passed on to whoever else listens."""

    store: Store
    clock: FakeClock
    told: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.clock)
        self.recorder = Recorder(self._hear)

    async def _hear(self, _: Transaction, announcement: Announcement) -> None:
        self.told.append((announcement.kind, announcement.document))

    async def happen(
        self, count: int = 1, *, document: str = "d", kind: Happening | Witnessed = Happening.SENT
    ) -> None:
        """So many things happen, each in a transaction of its own."""
        for number in range(count):
            async with self.store.begin() as tx:
                await self.announce(tx, document=document, kind=kind, number=number)

    async def announce(
        self, tx: Transaction, *, document: str = "d", kind: Happening | Witnessed = Happening.SENT, number: int = 0
    ) -> None:
        """One thing happens in this transaction."""
        await self.recorder.announce(
            tx,
            Announcement(
                kind=kind,
                at=self.clock(),
                unit_code="H99",
                document=document,
                data={"dispatch": f"s{number}"},
                proof={"packet": f"{number:064x}"},
            ),
        )

    async def chain(self, append: Callable[[str], None] | None = None, passed: Passed = unwatched) -> Again:
        """The job runs once."""
        chainer = Chainer(
            store=self.store, jobs=self.jobs, clock=self.clock, seconds=10, append=append, passed=passed
        )  # fmt: skip
        async with self.store.begin() as tx:
            await self.jobs.put(tx, kind=CHAIN_JOB, key="all")
        async with self.store.begin() as tx:
            await self.jobs.wake(tx, CHAIN_JOB, "all")
            (claimed,) = await self.jobs.claim(tx, owner="a", room={CHAIN_JOB: 1}, slots=1, seconds=60)
        again = await chainer.handle(claimed)
        async with self.store.begin() as tx:
            await self.jobs.again(tx, claimed.lease, again.at)
        return again

    async def audit(self, *outside: Head, at: datetime | None = None) -> Audit:
        """Read it through."""
        return await audit(self.store, outside, at or self.clock())

    async def flaws(self, *outside: Head) -> list[tuple[str, int, int]]:
        """What an audit finds wrong."""
        return [_told(one) for one in (await self.audit(*outside)).flaws]

    async def sql(self, statement: str, **values: object) -> None:
        """What somebody with the database's password does."""
        async with self.store.begin() as tx:
            await tx.execute(text(statement), values)


def _told(flaw: Flaw) -> tuple[str, int, int]:
    return (flaw.wrong.value, flaw.first, flaw.last)
