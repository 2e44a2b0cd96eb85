"""The harm from outside: processes killed, PostgreSQL restarted, the axis bewitched; how long each took to recover."""

import asyncio
import random
import signal
import time
from collections.abc import Coroutine
from dataclasses import dataclass

import httpx2
import psycopg

from bench.soak.faults import AxisFaults
from bench.soak.hooks import Hooks
from bench.soak.ledger import Ledger
from bench.soak.options import Options
from bench.soak.processes import Program
from bench.soak.world import Agency, World

_RECOVERY_SECONDS = 90.0
_DEAD_SECONDS = (0.0, 1.5)
"""How long what was killed stays away."""
_WEIGHTS = {"node": 45, "worker": 30, "postgres fast": 12, "postgres immediate": 13}


@dataclass(slots=True, kw_only=True)
class Death:
    """One kill and what it took to get over it (seconds; None: not within the bound).

    `answering`: until the same address answers again (a worker: until it says that it is there). `taken_over`: until
    every job that the dead process held is in other hands, or done.
    """

    what: str
    at: float
    held: int
    answering: float | None
    taken_over: float | None


class Storm:
    """Goes on until it is cancelled; then `abate` puts everything right."""

    def __init__(self, world: World, faults: AxisFaults, hooks: Hooks, ledger: Ledger, options: Options) -> None:
        self.deaths: list[Death] = []
        self._world = world
        self._faults = faults
        self._hooks = hooks
        self._ledger = ledger
        self._options = options
        self._chance = random.Random(f"{options.seed} kills")
        self._watching: set[asyncio.Task[None]] = set()

    async def rage(self) -> None:
        """Until cancelled."""
        self._world.wire.cutting = self._options.cuts
        self._hooks.failing = self._options.faults
        async with asyncio.TaskGroup() as tasks:
            if self._options.faults:
                tasks.create_task(self._bewitch())
            if self._options.kills:
                tasks.create_task(self._kill())
            tasks.create_task(_for_ever())  # it ends when it is told to

    async def abate(self) -> None:
        """No more harm, and everybody gets over the last deaths; nobody may have ended of himself."""
        self._world.wire.cutting = False
        self._hooks.failing = False
        await self._faults.off()
        while self._watching:
            await asyncio.gather(*self._watching)
            self._watching = {task for task in self._watching if not task.done()}
        for agency in self._world.agencies:
            for program in agency.programs:
                if program.died():
                    self._ledger.fault(f"{program.name} ended by itself; see {program.log}")
                    program.start()

    async def _bewitch(self) -> None:
        while True:
            seconds = await self._faults.era()
            await asyncio.sleep(seconds)

    async def _kill(self) -> None:
        while True:
            mean = self._options.kill_every
            await asyncio.sleep(self._chance.uniform(0.5 * mean, 1.5 * mean))
            what = self._chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
            agency = self._chance.choice(self._world.agencies)
            if what == "node":
                killing = self._kill_program(agency, self._chance.choice(agency.nodes))
            elif what == "worker":
                killing = self._kill_program(agency, self._chance.choice(agency.workers))
            else:
                killing = self._restart_postgres(what)
            await asyncio.shield(self._watched(killing))  # what was begun is brought to its end

    def _watched(self, work: Coroutine[None, None, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._watching.add(task)
        return task

    async def _kill_program(self, agency: Agency, program: Program) -> None:
        began, at, pid = time.monotonic(), time.time(), program.pid
        said = len(program.log.read_text(errors="replace"))
        program.kill()
        self._ledger.note("killed", None, name=program.name, pid=pid)
        held = await asyncio.to_thread(_held_by, agency.database_url, pid)
        away = self._chance.uniform(*_DEAD_SECONDS)
        death = Death(what=program.name, at=at, held=len(held), answering=None, taken_over=None)
        self._watched(self._watch(death, agency, pid, held, began))
        await asyncio.sleep(away)
        program.start()
        if program in agency.nodes:
            await program.until_said("gateway ready on ", said)
        death.answering = time.monotonic() - began

    async def _watch(self, death: Death, agency: Agency, pid: int, held: dict[str, int], began: float) -> None:
        self.deaths.append(death)
        while time.monotonic() - began < _RECOVERY_SECONDS:
            try:
                if not await asyncio.to_thread(_still_held, agency.database_url, pid, held):
                    death.taken_over = time.monotonic() - began
                    return
            except psycopg.OperationalError:
                pass  # PostgreSQL is being restarted: it is asked again
            await asyncio.sleep(0.1)

    async def _restart_postgres(self, how: str) -> None:
        began, at = time.monotonic(), time.time()
        self._ledger.note("killed", None, name=how)
        death = Death(what=how, at=at, held=0, answering=None, taken_over=None)
        self.deaths.append(death)
        number = signal.SIGINT if how == "postgres fast" else signal.SIGQUIT
        await asyncio.to_thread(self._world.postgres.stop, number)
        await asyncio.sleep(self._chance.uniform(*_DEAD_SECONDS))
        self._world.postgres.start()
        while time.monotonic() - began < _RECOVERY_SECONDS:
            if await self._all_answer():
                death.answering = death.taken_over = time.monotonic() - began
                return
            await asyncio.sleep(0.05)

    async def _all_answer(self) -> bool:
        for agency in self._world.agencies:
            for address in agency.addresses:
                headers = {"Authorization": f"Bearer {agency.key}"}
                try:
                    answer = await self._world.http.get(f"{address}/v1/documents?limit=1", headers=headers)
                except httpx2.TransportError:
                    return False
                if answer.status_code != 200:
                    return False
        return True


async def _for_ever() -> None:
    await asyncio.Event().wait()


def _held_by(url: str, pid: int) -> dict[str, int]:
    """Jobs that a process holds: id and lease token."""
    with psycopg.connect(url, connect_timeout=5) as db:
        rows = db.execute(
            "SELECT id, lease_token FROM job WHERE state = 'running' AND lease_owner LIKE %s", (f"%:{pid}:%",)
        )
        return {row[0]: row[1] for row in rows}


def _still_held(url: str, pid: int, held: dict[str, int]) -> bool:
    now = _held_by(url, pid)
    return any(now.get(job) == token for job, token in held.items())
