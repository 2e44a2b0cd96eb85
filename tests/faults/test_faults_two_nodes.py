"""Two nodes on one database: one that stops for a while loses its lease, and what it writes later is refused."""

import json
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from processes import Home, Process
from world import PARTNER, PDF, SENDER, SENDING, a_document, axis, id_of, node_settings, prepare, until

pytestmark = pytest.mark.process


async def test_a_node_that_stood_still_while_sending_writes_nothing_and_nothing_is_sent_twice(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    url = fresh_database("node")
    async with axis(tmp_path / "axis") as simulated:
        key = await prepare(node_settings(url, tmp_path), simulated.address, tmp_path, SENDING, [SENDER])
        home = Home(url, tmp_path, key)
        document = {**a_document(to=(PARTNER,)), "attachments": [{"attachment_name": PDF.name}]}
        async with home.running() as first:
            await first.until_known(PARTNER)
            await simulated.fault("slow@sendEdoc=3s,once")
            parts = [
                ("document", ("d.json", json.dumps(document).encode(), "application/json")),
                ("files", ("x", PDF.read_bytes(), "application/octet-stream")),
            ]
            address = (await first.http.post("/v1/documents", files=parts)).headers["location"]

            async def stored() -> bool:
                return bool(await simulated.packets(id_of(document)))

            await until(stored)
            await _stand_still(first, url)
            async with home.running() as second:
                shown = await second.until_state(address, "unknown")
                first.signal(signal.SIGCONT)

                async def refused() -> bool:
                    return b"job.lease_lost" in first.errors.read_bytes()

                await until(refused)
                assert (await first.document(address))["state"] == "unknown"
                assert await second.events(shown["id"]) == ["document.accepted", "document.unknown"]
            assert len(await simulated.packets(id_of(document))) == 1


async def _stand_still(node: Process, url: str) -> None:
    """Stop it between two transactions: in the middle of one it would hold what it has locked, as a hung node does."""

    async def stopped() -> bool:
        node.signal(signal.SIGSTOP)
        if _nothing_is_locked(url):
            return True
        node.signal(signal.SIGCONT)
        return False

    await until(stopped)


def _nothing_is_locked(url: str) -> bool:
    if url.startswith("postgresql"):
        others = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gateway' AND state <> 'idle'"
        with psycopg.connect(url) as server:
            return server.execute(others).fetchone() == (0,)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.2, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True
