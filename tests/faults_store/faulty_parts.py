"""One receiving gateway beside the axis, whose store meets faults while it runs."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import partner
from world import DEPARTMENT, RECEIVING, Axis, Node, axis, node, node_settings, prepare, until

from gateway import settings
from gateway.store import Blob, Store

OPS_TOKEN = "for-monitoring-0123456789"


@dataclass
class Faulty:
    """A receiver, its axis, its settings."""

    axis: Axis
    node: Node
    settings: settings.Settings

    @property
    def store(self) -> Store:
        """Its database."""
        return self.node.gateway.store

    @property
    def folder(self) -> Path:
        """Its blob folder."""
        return self.settings.store.blob_folder

    async def laid(self, number: str) -> str:
        """The partner's document, laid before our unit; the axis's id."""
        return await self.axis.lay(partner.document(number))

    async def never_acknowledged(self, doc_id: str, seconds: float = 1.5) -> None:
        """It is not told to the axis while one looks; it is polled at once and each second."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    assert await self.axis.acks(doc_id) == []
                    await asyncio.sleep(0.05)

    async def acknowledged(self, doc_id: str) -> None:
        """Until the axis was told that we have it, once."""

        async def told() -> bool:
            return await self.axis.acks(doc_id) != []

        await until(told)
        assert await self.axis.acks(doc_id) == ["done"]

    async def check(self, name: str) -> dict[str, object]:
        """One readiness check."""
        answer = await self.node.http.get("/health/ready", headers={"Authorization": f"Bearer {OPS_TOKEN}"})
        found: dict[str, object] = next(one for one in answer.json()["checks"] if one["name"] == name)
        return found

    async def until_failing(self, name: str) -> dict[str, object]:
        """Until readiness says that this is wrong."""

        async def failing() -> bool:
            return not (await self.check(name))["ok"]

        await until(failing)
        return await self.check(name)


@asynccontextmanager
async def faulty(url: str, folder: Path, **more: str) -> AsyncIterator[Faulty]:
    """A receiver that works."""
    async with axis(folder / "axis") as simulated:
        (folder / "receiver").mkdir()
        wanted = node_settings(url, folder / "receiver", GATEWAY_API_OPS_TOKEN=OPS_TOKEN, **more)
        key = await prepare(wanted, simulated.address, folder / "receiver", RECEIVING, [DEPARTMENT])
        async with node(wanted, key) as running:
            yield Faulty(simulated, running, wanted)


def place_of(folder: Path, blob: Blob) -> Path:
    """Where a blob lies."""
    return folder / blob.key


def damage(path: Path) -> None:
    """One bit of a file is not what it was."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def lose(path: Path) -> Path:
    """A file is gone; where it went."""
    gone = path.with_suffix(".gone")
    shutil.move(path, gone)
    return gone
