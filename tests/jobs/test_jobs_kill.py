"""A worker that is killed loses nothing: its job is taken over after its lease, and says so."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from clocks import FakeClock
from unmeasured import unmeasured

from gateway.jobs import Backoff, Claimed, Done, JobKind, Jobs, JobsSettings, Outcome, Worker
from gateway.store import Store

VICTIM = """
import asyncio, os, signal, sys
from datetime import datetime
from gateway.jobs import Backoff, JobKind, Jobs, JobsSettings, Worker
from gateway.store import Store, StoreSettings

url, now = sys.argv[1], datetime.fromisoformat(sys.argv[2])

async def handler(claimed):
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
    jobs = Jobs(lambda: now)
    kind = JobKind(name="work", handler=handler, policy=Backoff(first=1, ceiling=1, horizon=9))
    store = Store(StoreSettings(database_url=url))
    await Worker(store, jobs, [kind], owner="victim", clock=lambda: now, settings=JobsSettings()).run_once()

asyncio.run(main())
"""


@pytest.mark.process
async def test_the_job_of_a_killed_worker_is_taken_over_after_its_lease(
    store: Store, database_url: str, clock: FakeClock
) -> None:
    jobs = Jobs(clock)
    seen: list[Claimed] = []

    async def handler(claimed: Claimed) -> Outcome:
        seen.append(claimed)
        return Done()

    async with store.begin() as tx:
        await jobs.put(tx, kind="work", key="1", payload={"number": "05/TTr"})
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", VICTIM, database_url, clock().isoformat()],
        timeout=60,
        env=unmeasured() | {"PYTHONPATH": os.getcwd()},
    )
    kind = JobKind(name="work", handler=handler, policy=Backoff(first=1, ceiling=1, horizon=9))
    heir = Worker(store, jobs, [kind], owner="heir", clock=clock, settings=JobsSettings())
    within_the_lease = await heir.drain()
    clock.now += timedelta(seconds=60)
    after_the_lease = await heir.drain()
    assert (killed.returncode, within_the_lease, after_the_lease) == (-signal.SIGKILL, 0, 1)
    (claimed,) = seen
    assert (claimed.taken_over, claimed.attempt, claimed.lease.token, dict(claimed.payload)) == (
        True,
        2,
        2,
        {"number": "05/TTr"},
    )
