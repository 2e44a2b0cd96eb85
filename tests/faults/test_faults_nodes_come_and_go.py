"""Nodes that start, stop in order and die beside one that sends: its work is its own, however long it takes."""

import asyncio
import json
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from gate import gate
from processes import Home, Process
from world import (
    PARTNER,
    SENDER,
    SENDING,
    Axis,
    Json,
    a_document,
    axis,
    id_of,
    node_settings,
    prepare,
    transport,
    until,
)

pytestmark = pytest.mark.process

LARGE = 200 * 1000 * 1000
LEASE_SECONDS = 4
LEASE = {"GATEWAY_JOBS_LEASE": str(LEASE_SECONDS), "GATEWAY_JOBS_BEAT": "0.5"}


async def _hand_over(to: Process, document: Json, content: bytes) -> str:
    parts = [
        ("document", ("d.json", json.dumps(document).encode(), "application/json")),
        ("files", ("x", content, "application/octet-stream")),
    ]
    answer = await to.http.post("/v1/documents", files=parts)
    assert answer.status_code == 202, answer.text
    address: str = answer.headers["location"]
    return address


async def _stored(simulated: Axis, document: Json) -> bool:
    return bool(await simulated.packets(id_of(document)))


async def test_a_send_that_outlasts_its_lease_is_left_alone_by_nodes_that_come_and_go(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    url = fresh_database("node")
    async with axis(tmp_path / "axis") as simulated, gate(simulated.address) as (before_axis, address_of_gate):
        key = await prepare(node_settings(url, tmp_path), address_of_gate, tmp_path, SENDING, [SENDER])
        home = Home(url, tmp_path, key)
        document = {**a_document(to=(PARTNER,)), "attachments": [{"attachment_name": "lon.bin"}]}
        async with AsyncExitStack() as nodes:
            sender = await nodes.enter_async_context(home.running(**LEASE))
            await sender.until_known(PARTNER)
            address = await _hand_over(sender, document, await asyncio.to_thread(secrets.token_bytes, LARGE))
            await until(lambda: _stored(simulated, document))
            sent_at = time.monotonic()
            leaving, dying = await asyncio.gather(*(nodes.enter_async_context(home.running(**LEASE)) for _ in range(2)))
            leaving.signal(signal.SIGTERM)
            dying.signal(signal.SIGKILL)
            await asyncio.gather(leaving.until_ended(), dying.until_killed())
            await until(lambda: _is_past(sent_at + 2 * LEASE_SECONDS))
            assert (await sender.document(address))["state"] == "sending"
            before_axis.let_through()
            shown = await sender.until_state(address, "sent")
            assert transport(shown) == {PARTNER: "accepted"}
            assert await sender.events(shown["id"]) == ["document.accepted", "document.sent"]
            assert b"job.lease_lost" not in sender.errors.read_bytes()
        assert len(await simulated.packets(id_of(document))) == 1


async def _is_past(moment: float) -> bool:
    return time.monotonic() > moment
