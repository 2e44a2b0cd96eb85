"""Gateways as real processes: started, killed, stopped for a while, started again on the same database."""

import asyncio
import multiprocessing
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

import httpx2
from node import Fate, main
from unmeasured import starting_unmeasured
from world import BOUND, Json, quick, until

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["node"])
"""Each process is forked from one that has imported the gateway and done nothing else: a start takes no seconds."""

_READY = re.compile(rb"gateway ready on (http://[0-9.:]+)")


@dataclass
class Process:
    """One gateway process and the key of its document system."""

    process: BaseProcess
    errors: Path
    http: httpx2.AsyncClient = field(repr=False)

    async def until_ended(self) -> None:
        """Until it is no more, however it ended."""

        async def gone() -> bool:
            return self.process.exitcode is not None

        await until(gone)

    async def until_killed(self) -> None:
        """Until it has died by SIGKILL."""
        await self.until_ended()
        assert self.process.exitcode == -signal.SIGKILL, self.errors.read_text()[-2000:]

    def signal(self, number: signal.Signals) -> None:
        """From outside."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    async def document(self, address: str) -> Json:
        """The document as it is shown."""
        found: Json = (await self.http.get(address)).raise_for_status().json()
        return found

    async def until_state(self, address: str, state: str) -> Json:
        """Until the document stands so."""

        async def there() -> bool:
            return bool((await self.document(address))["state"] == state)

        await until(there)
        return await self.document(address)

    async def events(self, document: str) -> list[str]:
        """What happened to a document, by our id."""
        items = (await self.http.get("/v1/events", params={"limit": "200"})).raise_for_status().json()["items"]
        return [one["kind"] for one in items if one["document"] == document]

    async def claim(self) -> Json:
        """The one delivery that waits."""
        found: list[Json] = []

        async def there() -> bool:
            answer = await self.http.post("/v1/inbox:claim", json={"wait": 1, "kinds": ["document"]})
            found.extend(answer.raise_for_status().json()["items"])
            return bool(found)

        await until(there)
        (claim,) = found
        return claim

    async def confirm(self, claim: Json) -> httpx2.Response:
        """Say that the document system has it."""
        return await self.http.post(f"/v1/inbox/{claim['id']}/confirm", json={"lease": claim["lease"]})

    async def until_known(self, code: str) -> None:
        """Until the axis's list has been fetched and holds a code."""

        async def listed() -> bool:
            return (await self.http.get(f"/v1/agencies/{code}")).status_code == 200

        await until(listed)


@dataclass(frozen=True)
class Home:
    """What outlives a process: its database, its folder, its key."""

    database_url: str
    folder: Path
    key: str

    @asynccontextmanager
    async def running(self, kill_at: str = "", **more: str) -> AsyncIterator[Process]:
        """A process on it, ready to answer; `more` are variables of it."""
        environment = quick(self.database_url, self.folder, GATEWAY_PORT="0", **more)
        errors = self.folder / f"errors-{len(list(self.folder.glob('errors-*')))}"
        errors.touch()
        fate = Fate(kill_at, self.folder / "killed")
        process = _FORKS.Process(target=main, args=(environment, errors, fate), daemon=True)
        with starting_unmeasured():
            process.start()
        try:
            address = await _address(process, errors)
            headers = {"Authorization": f"Bearer {self.key}"}
            async with httpx2.AsyncClient(base_url=address, headers=headers, timeout=BOUND, trust_env=False) as http:
                yield Process(process, errors, http)
        finally:
            process.kill()
            await asyncio.to_thread(process.join)
            process.close()


async def _address(process: BaseProcess, errors: Path) -> str:
    found: list[str] = []

    async def ready() -> bool:
        assert process.exitcode is None, errors.read_text()[-2000:]
        if match := _READY.search(errors.read_bytes()):
            found.append(match[1].decode())
        return bool(found)

    await until(ready)
    return found[0]
