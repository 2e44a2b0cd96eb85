"""`python -m bench.lists`: what a page takes, of documents however narrowed and of events, with few and with many stored.

On SQLite and on PostgreSQL, as the API asks for it. The limit is the same number of rows read by their keys, in the same
run. Exit 0 whatever the figures are, 1 when it fails to run.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from statistics import median

from sqlalchemy import select

from bench.page import machine, put, table
from bench.postgres import PostgresMissing, running
from bench.stage import RECEIVER, SENDER
from bench.stored import fill
from gateway import opening, settings
from gateway.directory import connections, units
from gateway.directory.records import NewConnection, NewUnit
from gateway.documents import repository as documents
from gateway.documents.model import Direction, DocumentState
from gateway.handover import repository as handover
from gateway.store import Store, Transaction, migrate

LIMIT = 50
TIMES = 21
DEFAULT_STORED = (1_000, 1_000_000)
BOTH = frozenset({SENDER, RECEIVER})
"""The sender's documents are many; its sister unit has none."""

Page = Callable[[Transaction], Awaitable[object]]


def main() -> int:
    """Measure, print, and put the table into docs/performance.md where it is that of the defaults."""
    options = _options()
    lines = [f"{LIMIT} in a page, the median of {TIMES}, measured on {machine()}.", ""]
    try:
        for database in ("sqlite", "postgresql"):
            lines += [
                f"**{'SQLite' if database == 'sqlite' else 'PostgreSQL'}**",
                "",
                *_measured(database, options),
                "",
            ]
    except PostgresMissing as failure:
        print(f"did not happen: {failure}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    if tuple(options.stored) == DEFAULT_STORED and not options.no_page:
        put("lists", lines[:-1])
    return 0


def _measured(database: str, options: argparse.Namespace) -> list[str]:
    found: list[dict[str, float]] = []
    for stored in options.stored:
        print(f"{database}, {stored} stored ...", file=sys.stderr, flush=True)
        with ExitStack() as opened:
            folder = opened.enter_context(tempfile.TemporaryDirectory(prefix="bench-lists-", dir=options.folder))
            url = f"sqlite:///{folder}/gateway.db"
            if database == "postgresql":
                server = opened.enter_context(running(durable=True))
                url = server.url(server.create())
            found.append(asyncio.run(_of_one(url, Path(folder), stored)))
    limit = next(reversed(found[0]))
    head = ["a page of", *(f"{stored:,} stored" for stored in options.stored), "last ÷ first", "÷ limit"]
    return table(head, [_row(name, [one[name] for one in found], [one[limit] for one in found]) for name in found[0]])


def _row(name: str, figures: list[float], limits: list[float]) -> list[str]:
    took = [f"{one * 1000:.2f} ms" for one in figures]
    return [name, *took, f"{figures[-1] / figures[0]:.2f}", f"{figures[-1] / limits[-1]:.1f} ×"]


async def _of_one(url: str, folder: Path, stored: int) -> dict[str, float]:
    store = opening.open_store(
        settings.load(environment={"GATEWAY_DATABASE_URL": url, "GATEWAY_BLOB_URL": str(folder)})
    )
    try:
        await migrate.upgrade(store)
        await _set_up(store)
        events = await asyncio.to_thread(fill, SENDER, url, stored)
        async with store.read() as tx:
            first = await documents.search_documents(
                tx, documents.DocumentFilter(unit_codes=BOTH), before=None, limit=LIMIT
            )
        middle = documents.Cursor(first[-1].created_at - timedelta(days=180), "")
        ids = [one.id for one in first]
        return {name: await _median(store, page) for name, page in _pages(events, middle, ids).items()}
    finally:
        await store.close()


async def _set_up(store: Store) -> None:
    now = opening.clock()
    async with store.begin() as tx:
        await connections.add(
            tx,
            NewConnection(
                id="axis", endpoint="https://axis.invalid/a", system_id="00.99.W00", secret_source="env:NOBODY_S"
            ),
            now,
        )
        for code in sorted(BOTH):
            await units.add(tx, NewUnit(code=code, name=f"Đơn vị {code}", connection_id="axis"), now)


def _pages(events: int, middle: documents.Cursor, ids: list[str]) -> dict[str, Page]:
    def listed(before: documents.Cursor | None = None, **narrowed: object) -> Page:
        wanted = documents.DocumentFilter(**{"unit_codes": BOTH, **narrowed})  # type: ignore[arg-type]  # its own fields
        return lambda tx: documents.search_documents(tx, wanted, before=before, limit=LIMIT)

    def told(code: str, after: int) -> Page:
        return lambda tx: handover.events_after(tx, unit_codes=[code], after=after, limit=LIMIT)

    async def by_key(tx: Transaction) -> object:
        statement = select(documents.document_table).where(documents.document_table.c.id.in_(ids))
        return (await tx.execute(statement)).all()

    return {
        "the newest, one unit": listed(unit_codes=frozenset({SENDER})),
        "the newest, two units": listed(),
        "half a year back, two units": listed(middle),
        "the sent ones": listed(direction=Direction.OUT, state=DocumentState.SENT),
        "a state that none is in": listed(state=DocumentState.UNKNOWN),
        "a notation": listed(notation="UBND-CU"),
        "a notation that none has": listed(notation="KHONG"),
        "a number": listed(number="500"),
        "events from the first": told(SENDER, 0),
        "events from the middle": told(SENDER, events // 2),
        "the limit: as many documents by their keys": by_key,
    }


async def _median(store: Store, page: Page) -> float:
    taken = []
    for _ in range(TIMES):
        async with store.read() as tx:
            began = time.perf_counter()
            await page(tx)
            taken.append(time.perf_counter() - began)
    return median(taken)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.lists", description=__doc__)
    parser.add_argument("--stored", type=lambda text: [int(one) for one in text.split(",")], default=DEFAULT_STORED)
    parser.add_argument("--folder", type=Path, help="where SQLite's files are put")
    parser.add_argument("--no-page", action="store_true", help="leave docs/performance.md as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
