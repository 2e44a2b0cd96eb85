"""One axis and two agencies, on each database."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path


import pytest_asyncio
from scenarios.world import DEPARTMENT, OTHER, SENDER, Axis, Node, axis, node, node_settings, prepare, until


@dataclass
class World:
    """The axis, the sending agency, the receiving agency (two units)."""

    axis: Axis
    sender: Node
    receiver: Node


@pytest_asyncio.fixture
async def world(fresh_database: Callable[[str], str], tmp_path: Path) -> AsyncIterator[World]:
    """Everything up, and the sender knows whom it may send to."""
    (tmp_path / "sender").mkdir()
    (tmp_path / "receiver").mkdir()
    async with axis(tmp_path / "axis") as simulated:
        sending = node_settings(fresh_database("sender"), tmp_path / "sender")
        receiving = node_settings(fresh_database("receiver"), tmp_path / "receiver")
        key = await prepare(sending, simulated.address, tmp_path / "sender", "00.99.W00", [SENDER])
        other_key = await prepare(
            receiving, simulated.address, tmp_path / "receiver", "00.98.W00", [DEPARTMENT, OTHER]
        )
        async with node(sending, key) as sender, node(receiving, other_key) as receiver:

            async def listed() -> bool:
                return (await sender.get(f"/v1/agencies/{OTHER}")).status_code == 200

            await until(listed)
            yield World(simulated, sender, receiver)
