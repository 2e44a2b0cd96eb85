"""Everything that a soak needs, put together: PostgreSQL, the simulated axis, the line to it, two agencies' gateways."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx2

from bench.postgres import Postgres, running
from bench.soak.cast import ADAPTER, AGENCIES, CONNECTION, HANDED, INBOX, SECRET, TOLD, Cast, Json
from bench.soak.options import Options
from bench.soak.processes import START_SECONDS, Program, Stuck, free_port
from bench.soak.wire import Wire
from gateway import opening, settings
from gateway.api import clients
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.handover.webhooks import endpoints, signing
from gateway.handover.webhooks.model import NewEndpoint
from gateway.jobs import Jobs
from gateway.store import migrate

LEASE_SECONDS = 6.0
"""Of a job: a tenth of the default, so that taking over is seen often."""
STATUS_REPEATS = 6
_QUICK = {
    "GATEWAY_JOBS_LEASE": str(LEASE_SECONDS),
    "GATEWAY_JOBS_BEAT": "2",
    "GATEWAY_JOBS_IDLE": "0.5",
    "GATEWAY_JOBS_GRACE": "3",
    "GATEWAY_DOCUMENTS_HELD_SECONDS": "1",
    "GATEWAY_DOCUMENTS_RETRY_FIRST_SECONDS": "0.5",
    "GATEWAY_DOCUMENTS_BREAKER_FIRST_SECONDS": "1",
    "GATEWAY_DOCUMENTS_STATUS_REPEATS": str(STATUS_REPEATS),
    "GATEWAY_DOCUMENTS_SETTLE_FIRST_SECONDS": "1",
    "GATEWAY_DOCUMENTS_SETTLE_SECONDS": "2",
    "GATEWAY_DOCUMENTS_SETTLE_MINUTES": "0.1",
    "GATEWAY_HANDOVER_LOOK_SECONDS": "0.5",
    "GATEWAY_HANDOVER_CLAIM_SECONDS": "15",
    "GATEWAY_HANDOVER_REJECT_PAUSE_SECONDS": "1",
    "GATEWAY_HANDOVER_WEBHOOK_HOSTS": "127.0.0.1",
    "GATEWAY_HANDOVER_WEBHOOK_SECONDS": "2",
    "GATEWAY_HANDOVER_WEBHOOK_RETRY_SECONDS": ",".join(["0.5", "1", "2", *["4"] * 60]),
    "GATEWAY_DISK_FREE_MB": "100",
}
"""What waits minutes in production waits seconds here; what is said of sizes and rights stays as it is."""
_OPTIONS = {"connect_seconds": 3, "list_seconds": 6, "transfer_seconds": 6}


@dataclass
class Agency:
    """One agency's installation, and where its document system finds it."""

    cast: Cast
    folder: Path
    database_url: str
    environment: Mapping[str, str] = field(repr=False)
    key: str = field(repr=False)
    nodes: list[Program]
    workers: list[Program]
    addresses: list[str]
    hook_secrets: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def programs(self) -> list[Program]:
        """Everything of it that can be killed."""
        return [*self.nodes, *self.workers]


@dataclass
class World:
    """All of it."""

    folder: Path
    postgres: Postgres
    axis: Program
    axis_address: str
    wire: Wire
    agencies: list[Agency]
    http: httpx2.AsyncClient = field(repr=False)

    def agency(self, cast: Cast) -> Agency:
        """The installation of an agency."""
        return next(one for one in self.agencies if one.cast is cast)

    async def packets(self, sha256: str) -> list[Json]:
        """What the axis holds of one packet."""
        answer = await self.http.get(f"{self.axis_address}/_sim/ledger", params={"sha256": sha256})
        found: list[Json] = answer.raise_for_status().json()["packets"]
        return found

    async def axis_ledger(self) -> dict[str, list[Json]]:
        """Everything that the axis saw."""
        answer = await self.http.get(f"{self.axis_address}/_sim/ledger")
        found: dict[str, list[Json]] = answer.raise_for_status().json()
        return found


@asynccontextmanager
async def world(options: Options, folder: Path, hook_of: Callable[[str], str]) -> AsyncIterator[World]:
    """A running world in `folder`; `hook_of` gives the address at which a unit's document system is called."""
    with ExitStack() as kept:
        postgres = kept.enter_context(running())
        axis, address = await _axis(options, folder, kept)
        wire = Wire(int(address.rpartition(":")[2]), options.seed)
        agencies = []
        for cast in AGENCIES:
            agencies.append(await _agency(cast, options, folder, postgres, await wire.listen(cast.name), hook_of))
        programs = [program for agency in agencies for program in agency.programs]
        try:
            for program in programs:
                program.start()
            async with httpx2.AsyncClient(timeout=60.0, trust_env=False) as http:
                made = World(folder, postgres, axis, address, wire, agencies, http)
                await _until_ready(made)
                yield made
        finally:
            for program in programs:
                program.kill()
            await wire.close()


async def _axis(options: Options, folder: Path, kept: ExitStack) -> tuple[Program, str]:
    systems = [f"{cast.system_id}:{SECRET}:{','.join(_with_old(cast))}" for cast in AGENCIES]
    arguments = ["axis-sim", "--port", "0", "--seed", str(options.seed), "--reading", "download=offered"]
    temporary = Path(tempfile.mkdtemp(prefix="axis-", dir=folder))
    axis = Program(
        "axis",
        [*arguments, *(part for system in systems for part in ("--system", system))],
        {"TMPDIR": str(temporary)},
        folder / "axis.log",
        forked=options.forked,
    )
    axis.start()
    kept.callback(shutil.rmtree, temporary, ignore_errors=True)
    kept.callback(axis.kill)
    return axis, await axis.until_said("axis-sim ready on ")


def _with_old(cast: Cast) -> list[str]:
    return [f"{unit.code}/{unit.old_code}" if unit.old_code else unit.code for unit in cast.units]


async def _agency(
    cast: Cast, options: Options, folder: Path, postgres: Postgres, axis_port: int, hook_of: Callable[[str], str]
) -> Agency:
    home = folder / cast.name
    home.mkdir()
    url = postgres.url(postgres.create(name=f"agency_{cast.name}"))
    environment = {"GATEWAY_DATABASE_URL": url, "GATEWAY_BLOB_URL": str(home / "blobs"), **_QUICK}
    (home / "axis-secret").write_text(SECRET)
    secrets = {unit.code: signing.new_secret() for unit in cast.units if unit.told_by != INBOX}
    for code, secret in secrets.items():
        (home / f"hook-{code}").write_text(secret)
    key = await _set_up(cast, home, settings.load(environment=environment), axis_port, hook_of)
    ports = [free_port(), free_port()]

    def program(name: str, *arguments: str) -> Program:
        log = folder / f"{cast.name}-{name}.log"
        return Program(f"{cast.name}-{name}", arguments, environment, log, forked=options.forked)

    nodes = [program(f"node-{at}", "serve", "--port", str(port)) for at, port in enumerate(ports, 1)]
    workers = [program("worker", "worker")]
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    return Agency(cast, home, url, environment, key, nodes, workers, addresses, secrets)


async def _set_up(
    cast: Cast, home: Path, wanted: settings.Settings, axis_port: int, hook_of: Callable[[str], str]
) -> str:
    """What an operator does once, as the commands do it: database, connection, units, key, webhooks. The key."""
    store, now, jobs = opening.open_store(wanted), opening.clock(), Jobs(opening.clock)
    try:
        await migrate.upgrade(store)
        async with store.begin() as tx:
            connection = NewConnection(
                id=CONNECTION,
                endpoint=f"http://127.0.0.1:{axis_port}{ADAPTER}",
                system_id=cast.system_id,
                secret_source=f"file:{home / 'axis-secret'}",
                allow_plain_http=True,
                poll_seconds=1,
                options={**_OPTIONS, "use_download": cast.download},
            )
            await connections.add(tx, connection, now)
            for unit in cast.units:
                aliases = (unit.old_code,) if unit.old_code else ()
                await units.add(
                    tx, NewUnit(code=unit.code, name=unit.name, connection_id=CONNECTION, aliases=aliases), now
                )
            await connections.activate(tx, CONNECTION, now - timedelta(days=1), now)
            for unit in cast.units:
                if unit.told_by in (HANDED, TOLD):
                    endpoint = NewEndpoint(
                        name=unit.code.lower().replace(".", "-"),
                        url=hook_of(unit.code),
                        secret_source=f"file:{home / f'hook-{unit.code}'}",
                        units=frozenset({unit.code}),
                        hands_over=unit.told_by == HANDED,
                        allow_plain_http=True,
                    )
                    await endpoints.add(tx, jobs, endpoint, wanted.handover.allowed_hosts, now)
            return await clients.add(tx, "qlvb", frozenset(cast.codes), now)
    finally:
        await store.close()


async def _until_ready(made: World) -> None:
    """Every node answers, and knows the axis's list of agencies: nothing is sent to a code that nobody knows."""
    everyone = [code for cast in AGENCIES for code in cast.codes]

    async def knows(address: str, key: str) -> bool:
        for code in everyone:
            headers = {"Authorization": f"Bearer {key}"}
            try:
                answer = await made.http.get(f"{address}/v1/agencies/{code}", headers=headers)
            except httpx2.TransportError:
                return False
            if answer.status_code != 200 or answer.json()["known_by"] not in ("axis", "unit"):
                return False
        return True

    async def all_know() -> None:
        for agency in made.agencies:
            for address in agency.addresses:
                while not await knows(address, agency.key):
                    await asyncio.sleep(0.1)

    try:
        await asyncio.wait_for(all_know(), 2 * START_SECONDS)
    except TimeoutError:
        raise Stuck(f"the gateways are not ready: see the logs in {made.folder}") from None
