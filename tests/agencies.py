"""One axis and two agencies around it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from world import (
    DEPARTMENT,
    OTHER,
    RECEIVING,
    SENDER,
    SENDING,
    TWO_FORMS,
    Axis,
    Node,
    axis,
    node,
    node_settings,
    prepare,
    until,
)

OURS = [DEPARTMENT, OTHER, TWO_FORMS]
PATIENT = {"GATEWAY_JOBS_LEASE": "20", "GATEWAY_JOBS_BEAT": "5"}
"""Nobody dies here, and on a busy machine a short lease is lost by who lives: what it was sending is then unknown."""

Alone = Callable[..., AbstractAsyncContextManager[tuple[Axis, Node]]]
"""Makes one receiving gateway of its own at an axis of its own; what goes on is said by keyword."""


@dataclass
class World:
    """The axis, the sending agency, the receiving agency (three units; the axis knows a fourth, which it lacks)."""

    axis: Axis
    sender: Node
    receiver: Node


@asynccontextmanager
async def a_world(databases: Callable[[str], str], folder: Path, **sending_more: str) -> AsyncIterator[World]:
    """Everything up, and the sender knows whom it may send to; `sending_more` are variables of the sender."""
    (folder / "sender").mkdir()
    (folder / "receiver").mkdir()
    async with axis(folder / "axis") as simulated:
        sending = node_settings(databases("sender"), folder / "sender", **PATIENT, **sending_more)
        receiving = node_settings(databases("receiver"), folder / "receiver", **PATIENT)
        key = await prepare(sending, simulated.address, folder / "sender", SENDING, [SENDER])
        other_key = await prepare(receiving, simulated.address, folder / "receiver", RECEIVING, OURS)
        async with node(sending, key) as sender, node(receiving, other_key) as receiver:

            async def listed() -> bool:
                return (await sender.get(f"/v1/agencies/{OTHER}")).status_code == 200

            await until(listed)
            yield World(simulated, sender, receiver)
