"""The processes of this installation: each says every few seconds that it lives, what version it is, and what time it has."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.installation import repository
from gateway.installation.repository import Node
from gateway.jobs import Jobs
from gateway.store import DatabaseUnavailable, Store, Transaction
from gateway.times import Clock, aware

BEAT_SECONDS = 10.0
_ALIVE = timedelta(seconds=3 * BEAT_SECONDS)
"""After so long without a sign a node counts as gone, and its places at the axis are shared out among the others."""
_FORGOTTEN_AFTER = timedelta(days=1)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SetBack:
    """This machine's clock is behind what it was before: by how much, and what it was at the latest."""

    by: timedelta
    latest: datetime


class Nodes:
    """This node among the others.

    `beat` is how often it gives a sign of life, in seconds; after three that did not come it counts as gone.
    `tolerance` is how far the clock may step back unremarked. A step is measured against the latest time that this
    machine has written, which it keeps across restarts.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        owner: str,
        host: str,
        version: str,
        schema: str,
        tolerance: timedelta,
        beat: float = BEAT_SECONDS,
    ) -> None:
        self._store = store
        self._clock = clock
        self._owner = owner[: repository.LONGEST_OWNER]
        self._host = host[: repository.LONGEST_OWNER]
        self._version = version[:50]
        self._schema = schema[:32]
        self._tolerance = tolerance
        self._beat_seconds = beat
        self._started_at = clock()
        self._said: frozenset[tuple[str, str]] = frozenset()

    async def run(self, stop: asyncio.Event) -> None:
        """Give signs of life until `stop` is set; then say that this node has gone."""
        while not stop.is_set():
            try:
                await self.beat()
            except DatabaseUnavailable as error:
                _log.warning("node.no_beat", code=error.code, do=error.action.en)
            try:
                async with asyncio.timeout(self._beat_seconds):
                    await stop.wait()
            except TimeoutError:
                continue
        try:
            async with self._store.begin() as tx:
                await repository.forget_node(tx, self._owner)
        except DatabaseUnavailable as error:
            _log.warning("node.not_signed_off", code=error.code)

    async def beat(self) -> None:
        """One sign of life. A clock that was set back writes no time."""
        async with self._store.begin() as tx:
            now = aware(self._clock())
            if behind := await self.set_back(tx):
                _log.error("clock.set_back", seconds=behind.by.total_seconds(), latest=behind.latest.isoformat())
                return
            await repository.put_note(tx, clock_note(self._host), now.isoformat(), now)
            await repository.put_node(
                tx,
                Node(
                    owner=self._owner,
                    host=self._host,
                    version=self._version,
                    schema=self._schema,
                    started_at=self._started_at,
                    seen_at=now,
                ),
            )
            await repository.forget_nodes_before(tx, now - _FORGOTTEN_AFTER)
            found = await self.alive(tx)
        self._tell_of_versions(found)

    async def probe(self) -> None:
        """Write something small, for readiness. Raises DatabaseUnavailable: read-only, full, or not there."""
        async with self._store.begin() as tx:
            now = aware(self._clock())
            await repository.put_note(tx, f"probe:{self._host}"[: repository.LONGEST_NAME], now.isoformat(), now)

    async def alive(self, tx: Transaction) -> list[Node]:
        """The nodes that live, this one among them."""
        return await repository.nodes_since(tx, aware(self._clock()) - timedelta(seconds=3 * self._beat_seconds))

    async def place(self, tx: Transaction) -> tuple[int, int]:
        """This node's place among those that live, from 0, and how many they are; alone before its first beat."""
        owners = sorted(one.owner for one in await self.alive(tx))
        return (owners.index(self._owner), len(owners)) if self._owner in owners else (0, len(owners) + 1)

    async def set_back(self, tx: Transaction) -> SetBack | None:
        """Whether this machine's clock has been set back."""
        noted = await repository.note(tx, clock_note(self._host))
        if noted is None:
            return None
        latest = datetime.fromisoformat(noted)
        by = latest - aware(self._clock())
        return SetBack(by, latest) if by > self._tolerance else None

    def _tell_of_versions(self, found: list[Node]) -> None:
        versions = frozenset((one.version, one.schema) for one in found)
        if len(versions) > 1 and versions != self._said:
            listed = sorted(f"{version} ({schema})" for version, schema in versions)
            _log.warning("nodes.mixed_versions", versions=listed, do="Finish the upgrade on the others.")
        self._said = versions


async def trust_clock(tx: Transaction, jobs: Jobs, host: str, now: datetime, *, lease_seconds: float) -> None:
    """An operator says that this machine's clock is right now, and that the later time noted before was wrong.

    What was put off to times by the wrong clock is due at once.
    """
    await repository.put_note(tx, clock_note(host), aware(now).isoformat(), now)
    await jobs.clock_was_wrong(tx, lease_seconds)


async def living(tx: Transaction, now: datetime) -> list[Node]:
    """The nodes that live, seen from outside of them."""
    return await repository.nodes_since(tx, aware(now) - _ALIVE)


def clock_note(host: str) -> str:
    """Under what the latest time of a machine is noted."""
    return f"clock:{host}"[: repository.LONGEST_NAME]
