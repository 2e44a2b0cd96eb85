"""What is measured, on a stage of its own: a simulated axis, two gateways on one kind of database, all as processes."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from bench.costs import Costs, look
from bench.line import Line
from bench.postgres import Postgres
from demo.processes import Processes
from gateway import opening, settings
from gateway.api import clients
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.directory.refresh import refresh
from gateway.store import migrate

SECRET = "AbenchSecretBenchSecretBenchSecretBenchSec0="
SENDER, RECEIVER = "H99", "H99.07"
SYSTEMS = {SENDER: "00.99.W00", RECEIVER: "00.98.W00"}
POLL_SECONDS = 1


class Agency:
    """One gateway with its database and its folder; `start` and `stop` are of its process.

    `events` are those that it has seen already.
    """

    def __init__(self, name: str, code: str, database: str, folder: Path) -> None:
        self.name = name
        self.code = code
        self.database = database
        self.key = ""
        self.events = 0
        self.lines: list[Line] = []
        self._folder = folder
        self._processes: Processes | None = None
        self._address = ""
        folder.mkdir()

    @property
    def environment(self) -> Mapping[str, str]:
        """What its gateway is configured by; all else by default, but for the look at stored files: those stored by SQL have none."""
        return {
            "GATEWAY_DATABASE_URL": self.database,
            "GATEWAY_BLOB_URL": str(self._folder / "blobs"),
            "GATEWAY_BLOB_CHECK_MB": "0",
        }

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._processes is not None
        return self._processes.pid(self.name)

    @property
    def running(self) -> bool:
        """Whether its process runs."""
        return self._processes is not None

    async def migrate(self) -> None:
        """Make the tables."""
        store = opening.open_store(self._settings)
        try:
            await migrate.upgrade(store)
        finally:
            await store.close()

    async def set_up(self, axis_address: str) -> None:
        """What an operator does once: connection, unit, key, the axis's list of agencies."""
        secret = self._folder / "axis-secret"
        secret.write_text(SECRET)
        secret.chmod(0o600)
        now = opening.clock()
        new = NewConnection(
            id="axis",
            endpoint=f"{axis_address}/XrdAdapter/adapter",
            system_id=SYSTEMS[self.code],
            secret_source=f"file:{secret}",
            allow_plain_http=True,
            poll_seconds=POLL_SECONDS,
        )
        store = opening.open_store(self._settings)
        try:
            async with store.begin() as tx:
                await connections.add(tx, new, now)
                await units.add(tx, NewUnit(code=self.code, name=f"Đơn vị {self.code}", connection_id="axis"), now)
                connection = await connections.activate(tx, "axis", now - timedelta(days=1), now)
                self.key = await clients.add(tx, "qlvb", frozenset({self.code}), now)
            axis = opening.axis_for(connection, SECRET)
            await refresh(store, "axis", axis.agencies(), now)
            await axis.close()
        finally:
            await store.close()

    def start(self, *, working: bool = True) -> None:
        """Start its gateway; one that is not `working` takes documents over and sends none."""
        self._processes = Processes(self._folder)
        more = {} if working else {"GATEWAY_JOBS_SLOTS": "0"}
        self._address = self._processes.start(self.name, ["serve", "--port", "0"], {**self.environment, **more})

    def line(self) -> Line:
        """A new connection of its document system."""
        self.lines.append(Line(self._address, self.key))
        return self.lines[-1]

    def stop(self) -> None:
        """End its gateway."""
        for line in self.lines:
            line.close()
        self.lines.clear()
        if self._processes is not None:
            self._processes.stop()
            self._processes = None

    @property
    def _settings(self) -> settings.Settings:
        return settings.load(environment=self.environment)


class Stage:
    """Everything that runs."""

    def __init__(self, axis: Processes, sender: Agency, receiver: Agency, postgres: Postgres | None) -> None:
        self.sender = sender
        self.receiver = receiver
        self._axis = axis
        self._postgres = postgres
        self._looking: dict[str, Line] = {}

    async def look(self) -> Costs:
        """What everything has cost so far; only gateways that run are asked."""
        running = [one for one in (self.sender, self.receiver) if one.running]
        pids = {"axis": self._axis.pid("axis"), **{one.name: one.pid for one in running}}
        lines = {one.name: one.line() for one in running}
        try:
            return await look(pids, lines, self._postgres.pid if self._postgres else None)
        finally:
            for line in lines.values():
                line.close()


@asynccontextmanager
async def stage(folder: Path, postgres: Postgres | None) -> AsyncIterator[Stage]:
    """Migrated databases, the axis running, the gateways not yet set up. All is gone at the end."""
    await asyncio.to_thread(folder.mkdir)
    axis = Processes(folder)
    agencies = [_agency(name, code, folder, postgres) for name, code in (("sender", SENDER), ("receiver", RECEIVER))]
    try:
        for agency in agencies:
            await agency.migrate()
        systems = [part for code, system in SYSTEMS.items() for part in ("--system", f"{system}:{SECRET}:{code}")]
        address = await asyncio.to_thread(axis.start, "axis", ["axis-sim", "--port", "0", *systems], {})
        for agency in agencies:
            await agency.set_up(address)
        yield Stage(axis, agencies[0], agencies[1], postgres)
    finally:
        for agency in agencies:
            agency.stop()
        axis.stop()
        if postgres is not None:
            for agency in agencies:
                postgres.drop(agency.database.partition("@/")[2].partition("?")[0])
        shutil.rmtree(folder, ignore_errors=True)


def _agency(name: str, code: str, folder: Path, postgres: Postgres | None) -> Agency:
    if postgres is None:
        return Agency(name, code, f"sqlite:///{folder / name / 'gateway.db'}", folder / name)
    return Agency(name, code, postgres.url(postgres.create(name=f"bench_{name}")), folder / name)
