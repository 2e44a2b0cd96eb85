"""No statement that is run for each document, or at each look, reads a whole table: seen in the plans of both databases."""

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
from clocks import FakeClock
from sqlalchemy import event, text

from gateway.api import repository as api
from gateway.axis.port import MessageType
from gateway.documents import repository as documents
from gateway.documents.model import Arrival, ArrivalState, Direction, Dispatch, DispatchState, DocumentState
from gateway.documents.settling import repository as settling
from gateway.handover import repository as handover
from gateway.handover.notices import repository as notices
from gateway.installation import repository as installation
from gateway.jobs import Lease
from gateway.jobs import repository as jobs
from gateway.statuses import repository as statuses
from gateway.store import Store, Transaction

NOW = FakeClock()()
LEASE = Lease(job_id="1", owner="me", token=1)
DISPATCH = Dispatch(
    id="1",
    message_type=MessageType.STATUS,
    unit_code="H99",
    document_id="1",
    status_event_id=None,
    connection_id="axis",
    from_code="H99",
    lane=0,
    state=DispatchState.QUEUED,
    packet_id=None,
    axis_doc_id=None,
    attempts=0,
    reason=None,
    error_code=None,
    error_text=None,
    created_at=NOW,
    sent_at=None,
    changed_at=NOW,
)
ARRIVAL = Arrival(
    id="1",
    connection_id="axis",
    doc_id="1",
    message_type=MessageType.EDOC,
    from_code=None,
    to_code=None,
    created_time=None,
    state=ArrivalState.BOOKED,
    packet_id=None,
    unreadable_sha256=None,
    fetches=0,
    reason=None,
    findings="[]",
    booked_at=NOW,
    changed_at=NOW,
    acknowledged_at=None,
    acknowledged_as=None,
)
HOT: dict[str, Callable[[Transaction], Awaitable[object]]] = {
    "jobs.due": lambda tx: jobs.due(tx, [f"kind {one}" for one in range(14)], NOW, 8),
    "jobs.find": lambda tx: jobs.reasons_of(tx, "dispatch", "1"),
    "jobs.hold": lambda tx: jobs.hold(tx, LEASE),
    "jobs.finish": lambda tx: jobs.finish_unless_wanted(tx, LEASE, NOW),
    "jobs.counts": jobs.counts,
    "jobs.waiting": lambda tx: jobs.waiting(tx, "dispatch", 50_000),
    "jobs.oldest": jobs.oldest,
    "jobs.forgetting": lambda tx: jobs.delete_done(tx, NOW, 1000),
    "keys.recalled": lambda tx: api.recall_key(tx, "1", "1"),
    "keys.forgetting": lambda tx: api.forget_keys(tx, NOW),
    "documents.live": lambda tx: documents.find_live(tx, "H99", "0|1"),
    "documents.known": lambda tx: documents.known_documents(
        tx, unit_codes=["H99"], document_id="1", direction=Direction.OUT
    ),
    "documents.newest": lambda tx: documents.search_documents(
        tx, documents.DocumentFilter(unit_codes=frozenset({"H99"})), before=None, limit=50
    ),
    "documents.of_units_in_a_state": lambda tx: documents.search_documents(
        tx,
        documents.DocumentFilter(unit_codes=frozenset({"H99", "H98"}), state=DocumentState.UNKNOWN),
        before=documents.Cursor(NOW, "1"),
        limit=50,
    ),
    "documents.by_notation": lambda tx: documents.search_documents(
        tx, documents.DocumentFilter(unit_codes=frozenset({"H99", "H98"}), notation="UBND"), before=None, limit=50
    ),
    "documents.by_name": lambda tx: documents.search_documents(
        tx,
        documents.DocumentFilter(unit_codes=frozenset({"H99"}), document_id="1", since=NOW),
        before=documents.Cursor(NOW, "1"),
        limit=50,
    ),
    "documents.by_number": lambda tx: documents.search_documents(
        tx, documents.DocumentFilter(unit_codes=frozenset({"H99"}), number="1", notation="UBND"), before=None, limit=50
    ),
    "documents.attachments": lambda tx: documents.attachments_of(tx, "1"),
    "documents.counts": documents.document_counts,
    "recipients": lambda tx: documents.recipients_of(tx, "1"),
    "dispatches.standing": lambda tx: documents.standing_states(tx, "1"),
    "dispatches.earlier": lambda tx: documents.earlier_untried(tx, DISPATCH),
    "dispatches.of_document": lambda tx: documents.dispatches_of(tx, "1"),
    "dispatches.unfinished": documents.unfinished_dispatches,
    "dispatches.oldest": documents.oldest_unsent,
    "dispatches.counts": documents.dispatch_counts,
    "dispatches.never_looked": lambda tx: settling.never_looked(tx, 1000),
    "arrivals.known": lambda tx: documents.known_arrivals(tx, "axis", ["1", "2"]),
    "arrivals.in_state": lambda tx: documents.arrivals_in(tx, "axis", ArrivalState.BOOKED),
    "arrivals.oldest": documents.oldest_unacknowledged,
    "arrivals.counts": documents.arrival_counts,
    "arrivals.has_come_for": lambda tx: documents.has_come_for(tx, "1", "H99"),
    "packets.of_document": lambda tx: documents.packet_of_document(tx, "1"),
    "statuses.history": lambda tx: statuses.history(tx, "1"),
    "deliveries.open": lambda tx: handover.open_deliveries(tx, unit_codes=["H99"], now=NOW, limit=20),
    "deliveries.of_document": lambda tx: handover.delivery_of(tx, "1"),
    "deliveries.oldest": handover.oldest_unhanded,
    "events.after": lambda tx: handover.events_after(tx, unit_codes=["H99"], after=1, limit=100),
    "events.of_document": lambda tx: handover.events_of(tx, "1"),
    "notices.open": lambda tx: notices.open_notices(tx, "1", sorts=["status"], units=["H99"], now=NOW, limit=1),
    "notices.news": lambda tx: notices.news(tx, ["status.received"], ["H99"], 1, 1),
    "blobs.next": lambda tx: installation.blobs_after(tx, "", 1000),
}
PARTIAL = ("ix_job_due", "ix_job_leased", "ix_job_dead", "ix_delivery_queue")
"""Indexes that hold only what is under way: reading one through is what counting that means."""
SMALL = ("connection", "unit", "damaged_blob", "restoration", "settling", "kind", "kind_1")
"""Tables of a few rows, and the kinds of documents that a list goes through."""


@pytest.mark.parametrize("name", HOT)
async def test_it_reads_no_whole_table(store: Store, name: str) -> None:
    async with store.begin() as tx:
        plans = await plans_of(store, tx, HOT[name])
        await tx.connection.rollback()
    assert plans
    assert [line for line in plans if reads_all(store, line)] == []


@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("jobs.due", "ix_job_due"),
        ("jobs.due", "ix_job_leased"),
        ("documents.known", "ix_document_known"),
        ("documents.by_name", "ix_document_known"),
        ("documents.by_number", "ix_document_number"),
        ("documents.newest", "ix_document_listed"),
        ("documents.counts", "ix_document_listed"),
        ("documents.of_units_in_a_state", "ix_document_listed"),
        ("documents.by_notation", "ix_document_notation"),
    ],
)
async def test_of_several_indexes_sqlite_takes_the_one_that_finds_few_rows(store: Store, name: str, index: str) -> None:
    if store.dialect == "postgresql":
        pytest.skip("PostgreSQL chooses by its statistics, of which an empty table has none")
    async with store.begin() as tx:
        plans = await plans_of(store, tx, HOT[name])
        await tx.connection.rollback()
    assert any(index in line for line in plans), plans


@pytest.mark.parametrize("name", ["events.after", "notices.news"])
async def test_events_are_read_in_their_own_order_not_put_in_order_for_each_page(store: Store, name: str) -> None:
    if store.dialect == "postgresql":
        pytest.skip("PostgreSQL chooses by its statistics, of which an empty table has none")
    async with store.begin() as tx:
        plans = await plans_of(store, tx, HOT[name])
        await tx.connection.rollback()
    assert [line for line in plans if "TEMP B-TREE" in line or "Sort" in line] == []


async def test_what_is_saved_sets_no_key_which_sqlite_would_look_for_in_every_table_that_refers_to_it(
    store: Store,
) -> None:
    async with store.begin() as tx:
        with noted(store) as seen:
            await documents.save_dispatch(tx, DISPATCH)
            await documents.save_arrival(tx, ARRIVAL)
    updates = [statement.partition(" WHERE ")[0] for statement, _ in seen]
    assert [one.split()[:2] for one in updates] == [["UPDATE", "dispatch"], ["UPDATE", "arrival"]]
    assert [re.findall(r"\bid *=", one) for one in updates] == [[], []]


@contextmanager
def noted(store: Store) -> Iterator[list[tuple[str, object]]]:
    """Every statement that is run in the block, with its parameters."""
    seen: list[tuple[str, object]] = []

    def note(_: object, __: object, statement: str, parameters: object, *___: object) -> None:
        seen.append((statement, parameters))

    event.listen(store.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store.engine.sync_engine, "before_cursor_execute", note)


async def plans_of(store: Store, tx: Transaction, call: Callable[[Transaction], Awaitable[object]]) -> list[str]:
    """The lines of the plans of every statement that the call runs."""
    with noted(store) as seen:
        await call(tx)
    explain = "EXPLAIN QUERY PLAN "
    if store.dialect == "postgresql":
        explain = "EXPLAIN "
        await tx.execute(
            text("SET LOCAL enable_seqscan = off")
        )  # empty tables are read whole unless it cannot be helped
    lines = []
    for statement, parameters in seen:
        rows = await tx.connection.exec_driver_sql(explain + statement, parameters)  # type: ignore[arg-type]  # as the driver had them
        lines += [str(row[-1]) for row in rows]
    return lines


def reads_all(store: Store, line: str) -> bool:
    """Whether a line of a plan says that a table is read from end to end."""
    words = line.replace("->", "").split()
    if store.dialect == "postgresql":
        return words[:2] == ["Seq", "Scan"] and words[3] not in SMALL
    if not words or words[0] != "SCAN":
        return False
    return (
        words[1] not in SMALL
        and "CONSTANT" not in words
        and not words[1].startswith(("(", "<", "anon_"))
        and not any(one in words for one in PARTIAL)
    )


def test_a_whole_table_would_be_seen() -> None:
    """The judgement itself, on lines as both databases write them."""

    class Said:
        dialect = "sqlite"

    assert reads_all(Said(), "SCAN job")  # type: ignore[arg-type]  # only the dialect is asked for
    assert not reads_all(Said(), "SEARCH job USING INDEX ix_job_due (lane=?)")  # type: ignore[arg-type]  # as above
    Said.dialect = "postgresql"
    assert reads_all(Said(), "  ->  Seq Scan on job  (cost=0.00..1.00 rows=1 width=4)")  # type: ignore[arg-type]  # as above
