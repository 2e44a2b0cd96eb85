"""The log: written with what it describes, chained shortly after without a gap, closed each day, audited."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from clocks import FakeClock
from evidence_parts import Evidence

from gateway.documents.announcing import Happening, Witnessed
from gateway.evidence import repository
from gateway.evidence.entry import GENESIS, digest, link, linked
from gateway.evidence.heads import Head, read_heads
from gateway.problems import Problem
from gateway.store import Store, StoreSettings, Transaction, append_line

BOUND = 30.0


@pytest_asyncio.fixture
async def evidence(store: Store, clock: FakeClock) -> Evidence:
    """An empty log on each database."""
    return Evidence(store, clock)


async def test_everything_announced_is_written_down_and_only_happenings_are_passed_on(evidence: Evidence) -> None:
    await evidence.happen(kind=Happening.SENT)
    await evidence.happen(kind=Witnessed.SENDING)
    await evidence.chain()
    async with evidence.store.read() as tx:
        entries = await repository.links_after(tx, 0, 10)
    assert [json.loads(one.body)["kind"] for one in entries] == ["document.sent", "packet.sending"]
    assert evidence.told == [(Happening.SENT, "d")]


async def test_an_entry_says_when_what_about_whom_and_which_bytes(evidence: Evidence) -> None:
    await evidence.happen()
    await evidence.chain()
    async with evidence.store.read() as tx:
        (entry,) = await repository.links_after(tx, 0, 10)
    assert json.loads(entry.body) == {
        "at": "2026-11-22T02:00:00.000000Z",
        "kind": "document.sent",
        "unit": "H99",
        "document": "d",
        "subject": "s0",
        "data": {"dispatch": "s0", "packet": f"{0:064x}"},
    }
    assert (entry.seq, entry.previous, entry.hash) == (1, GENESIS, linked(GENESIS, digest(1, entry.body)))


async def test_what_is_rolled_back_was_never_written_down(evidence: Evidence) -> None:
    async def fail() -> None:
        async with evidence.store.begin() as tx:
            await evidence.announce(tx)
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    await evidence.chain()
    assert (await evidence.audit()).entries == 0


async def test_a_chain_of_more_than_one_portion_is_whole(evidence: Evidence) -> None:
    async with evidence.store.begin() as tx:
        for number in range(1203):
            await evidence.announce(tx, number=number)
    await evidence.chain()
    found = await evidence.audit()
    assert (found.entries, found.waiting, found.head.seq, found.flaws) == (1203, 0, 1203, ())


async def test_chaining_twice_changes_nothing(evidence: Evidence) -> None:
    await evidence.happen(3)
    await evidence.chain()
    before = await evidence.audit()
    await evidence.chain()
    assert await evidence.audit() == before


async def test_a_death_in_the_middle_of_chaining_leaves_all_of_it_undone(evidence: Evidence) -> None:
    await evidence.happen(5)

    def die(point: str) -> None:
        if point == "evidence.half_chained":
            raise LookupError

    with pytest.raises(LookupError):
        await evidence.chain(passed=die)
    assert (await evidence.audit()).waiting == 5
    evidence.clock.now += timedelta(seconds=61)
    await evidence.chain()
    found = await evidence.audit()
    assert (found.entries, found.waiting, found.flaws) == (5, 0, ())


VICTIM = """
import asyncio, os, signal, sys
from datetime import datetime
sys.path[:0] = ["tests", "tests/evidence"]
from evidence_parts import Evidence
from gateway.store import Store, StoreSettings

async def main():
    now = datetime.fromisoformat(sys.argv[2])
    evidence = Evidence(Store(StoreSettings(database_url=sys.argv[1])), lambda: now)
    await evidence.happen(20)
    await evidence.chain(passed=lambda point: os.kill(os.getpid(), signal.SIGKILL) if point == sys.argv[3] else None)

asyncio.run(main())
"""


@pytest.mark.process
async def test_a_process_killed_while_it_chains_loses_no_entry(evidence: Evidence, database_url: str) -> None:
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", VICTIM, database_url, evidence.clock().isoformat(), "evidence.half_chained"],
        timeout=60,
        env=os.environ | {"PYTHONPATH": os.getcwd()},
    )
    assert killed.returncode == -signal.SIGKILL
    before = await evidence.audit()
    assert (before.entries, before.waiting, before.flaws) == (0, 20, ())
    evidence.clock.now += timedelta(seconds=61)
    await evidence.chain()
    after = await evidence.audit()
    assert (after.entries, after.waiting, after.flaws) == (20, 0, ())


@pytest.mark.postgres
async def test_a_transaction_that_commits_late_is_chained_late_and_not_passed_over(evidence: Evidence) -> None:
    if evidence.store.dialect == "sqlite":
        return  # one writer at a time: none commits late
    async with evidence.store.begin() as late:
        await evidence.announce(late, document="late")
        await evidence.happen(3, document="early")
        await evidence.chain()
        assert (await evidence.audit()).entries == 3
    await evidence.chain()
    async with evidence.store.read() as tx:
        last = (await repository.links_after(tx, 3, 10))[0]
    assert (json.loads(last.body)["document"], last.seq) == ("late", 4)
    assert await evidence.flaws() == []


async def test_two_nodes_write_and_chain_at_once(evidence: Evidence, database_url: str, clock: FakeClock) -> None:
    other = Evidence(Store(StoreSettings(database_url=database_url)), clock)
    try:
        chained = asyncio.Event()

        async def chain_always(node: Evidence) -> None:
            while not chained.is_set():
                async with node.store.begin() as tx:
                    await repository.held_head(tx)
                    await _chain_without_lease(tx, clock())

        async with asyncio.timeout(BOUND), asyncio.TaskGroup() as tasks:
            chainers = [tasks.create_task(chain_always(node)) for node in (evidence, other)]
            writers = [
                tasks.create_task(node.happen(10, document=f"{name}{part}"))
                for name, node in (("a", evidence), ("b", other))
                for part in range(3)
            ]
            await asyncio.gather(*writers)
            chained.set()
            await asyncio.gather(*chainers)
        await evidence.chain()
        found = await evidence.audit()
        assert (found.entries, found.waiting, found.flaws) == (60, 0, ())
    finally:
        await other.store.close()


async def _chain_without_lease(tx: Transaction, now: datetime) -> None:
    """What a chainer does that has lost its lease without knowing: the held head alone keeps the chain whole."""
    head = await repository.held_head(tx)
    places, seq, previous = [], head.seq, head.hash
    for entry in await repository.unchained(tx, 7):
        place = link(seq + 1, entry.body, previous)
        seq, previous = place.seq, place.hash
        places.append((entry.id, place))
    if places:
        await repository.give_places(tx, places)
        await repository.move_head(tx, places[-1][1], now)


async def test_a_day_is_closed_with_its_last_entry_even_when_nothing_happened(
    evidence: Evidence, tmp_path: Path
) -> None:
    file = tmp_path / "heads"
    await evidence.happen(3)
    await evidence.chain()  # 22 November in Vietnam
    for _ in range(2):
        evidence.clock.now += timedelta(days=1)
        await evidence.chain(append=lambda line: append_line(file, line))
    heads = read_heads(file.read_text().splitlines())
    assert [(one.day, one.seq) for one in heads] == [(date(2026, 11, 22), 3), (date(2026, 11, 23), 3)]
    assert (await evidence.audit(*heads)).flaws == ()


async def test_the_day_is_that_of_vietnam(evidence: Evidence) -> None:
    await evidence.happen()
    await evidence.chain()
    evidence.clock.now = evidence.clock().replace(hour=23, minute=59)
    await evidence.chain()
    async with evidence.store.read() as tx:
        assert await repository.days(tx) == []
    evidence.clock.now += timedelta(minutes=1)
    await evidence.chain()
    async with evidence.store.read() as tx:
        assert [one.day for one in await repository.days(tx)] == [date(2026, 11, 22)]


async def test_a_head_that_cannot_be_written_is_written_later(evidence: Evidence, tmp_path: Path) -> None:
    file = tmp_path / "away" / "heads"
    await evidence.happen()
    await evidence.chain()
    evidence.clock.now += timedelta(days=1)
    await evidence.chain(append=lambda line: append_line(file, line))
    file.parent.mkdir()
    await evidence.chain(append=lambda line: append_line(file, line))
    assert len(read_heads(file.read_text().splitlines())) == 1


def test_a_line_cut_by_a_power_failure_leaves_the_next_one_whole(tmp_path: Path) -> None:
    file = tmp_path / "heads"
    file.write_text("2026-11-21 1 abc")
    append_line(file, "2026-11-22 2 def")
    assert file.read_text().splitlines() == ["2026-11-21 1 abc", "2026-11-22 2 def"]


async def _with_two_days(evidence: Evidence) -> Head:
    """Ten entries, a head over the first six; that head as it is kept elsewhere."""
    await evidence.happen(6)
    await evidence.chain()
    evidence.clock.now += timedelta(days=1)
    await evidence.chain()
    await evidence.happen(4)
    await evidence.chain()
    async with evidence.store.read() as tx:
        (head,) = await repository.days(tx)
    return head


async def test_a_changed_entry_is_named(evidence: Evidence) -> None:
    await _with_two_days(evidence)
    await evidence.sql("UPDATE evidence_log SET body = replace(body, 's2', 's9') WHERE seq = 3")
    assert await evidence.flaws() == [("changed", 3, 3)]


async def test_an_entry_moved_to_another_document_is_named(evidence: Evidence) -> None:
    await _with_two_days(evidence)
    await evidence.sql("UPDATE evidence_log SET document_id = 'other' WHERE seq = 4")
    assert await evidence.flaws() == [("changed", 4, 4)]


async def test_removed_entries_are_named(evidence: Evidence) -> None:
    await _with_two_days(evidence)
    await evidence.sql("DELETE FROM evidence_log WHERE seq IN (1, 4, 5)")
    assert await evidence.flaws() == [("removed", 1, 1), ("removed", 4, 5)]


async def test_a_cut_off_end_is_named(evidence: Evidence) -> None:
    await _with_two_days(evidence)
    await evidence.sql("DELETE FROM evidence_log WHERE seq > 8")
    assert await evidence.flaws() == [("cut_off", 9, 10)]


async def test_an_end_cut_off_with_all_that_speaks_of_it_is_found_by_a_head_kept_elsewhere(evidence: Evidence) -> None:
    head = await _with_two_days(evidence)
    async with evidence.store.read() as tx:
        third = (await repository.links_after(tx, 2, 1))[0]
    await evidence.sql("DELETE FROM evidence_log WHERE seq > 3")
    await evidence.sql("DELETE FROM evidence_day")
    await evidence.sql("UPDATE evidence_head SET seq = 3, hash = :hash", hash=third.hash)
    assert await evidence.flaws() == []
    assert await evidence.flaws(head) == [("cut_off", 4, 6)]


async def test_an_entry_changed_with_its_hash_is_named(evidence: Evidence) -> None:
    await _with_two_days(evidence)
    async with evidence.store.read() as tx:
        third = (await repository.links_after(tx, 2, 1))[0]
    forged = link(3, third.body.replace("s2", "s9"), third.previous)
    await evidence.sql(
        "UPDATE evidence_log SET body = :body, subject = 's9', hash = :hash WHERE seq = 3",
        body=forged.body,
        hash=forged.hash,
    )
    assert await evidence.flaws() == [("unlinked", 3, 4)]


async def test_a_chain_made_anew_is_found_by_the_head_of_the_day(evidence: Evidence) -> None:
    head = await _with_two_days(evidence)
    async with evidence.store.read() as tx:
        entries = await repository.links_after(tx, 2, 100)
    previous = entries[0].previous
    for one in entries:
        forged = link(one.seq, one.body.replace("s2", "s9"), previous)
        previous = forged.hash
        await evidence.sql(
            "UPDATE evidence_log SET body = :body, previous = :previous, hash = :hash, "
            "subject = replace(subject, 's2', 's9') WHERE seq = :seq",
            body=forged.body,
            previous=forged.previous,
            hash=forged.hash,
            seq=forged.seq,
        )
    await evidence.sql("UPDATE evidence_head SET hash = :hash", hash=previous)
    await evidence.sql("DELETE FROM evidence_day")
    assert await evidence.flaws() == []
    assert await evidence.flaws(head) == [("head_differs", 1, 6)]


async def test_entries_that_wait_too_long_are_told(evidence: Evidence) -> None:
    await evidence.happen()
    assert (await evidence.audit()).flaws == ()
    evidence.clock.now += timedelta(minutes=16)
    assert await evidence.flaws() == [("not_chained", 0, 0)]


@pytest.mark.parametrize("line", ["x", "2026-13-01 1 " + "0" * 64, "2026-11-22 1 " + "0" * 63, "a" * 500])
def test_a_file_of_heads_that_is_none_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(Problem, match=r"evidence\.heads.*Line 2"):
        read_heads(["# our heads", line])
