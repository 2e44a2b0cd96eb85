"""What runs without coverage: processes that are themselves measured or killed, properties, most twins on PostgreSQL."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import coverage
import pytest

_SPEAKS_TO_POSTGRESQL = ("tests/store/", "tests/jobs/")
"""Whose lines differ by database. Elsewhere a test on PostgreSQL runs the lines of its twin on SQLite, twice as slowly
when they are counted."""


def unmeasured() -> dict[str, str]:
    """The environment without what would start coverage in a process."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}


@contextmanager
def starting_unmeasured() -> Iterator[None]:
    """What is started in this block, by whatever means, has that environment."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    for name in measured:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(measured)


def is_counted(item: pytest.Item) -> bool:
    """Whether the lines that a test runs are counted.

    Of a property they are not: it runs the same lines for each of its examples, and which ones is chance.
    """
    if item.get_closest_marker("hypothesis"):
        return False
    return not item.get_closest_marker("postgres") or item.nodeid.startswith(_SPEAKS_TO_POSTGRESQL)


@contextmanager
def uncounted() -> Iterator[None]:
    """No line that runs in this block, here or in processes that it starts, is counted."""
    measuring = coverage.Coverage.current()
    if measuring is None:
        yield
        return
    measuring.stop()
    try:
        with starting_unmeasured():
            yield
    finally:
        measuring.start()


def follow_greenlets_in_the_main_thread_alone() -> None:
    """Keep coverage from making a greenlet of every thread; SQLAlchemy has its own in the main thread only.

    The end of a thread with a greenlet calls Python in the main thread between two instructions. While lines are counted,
    CPython 3.11 does not come back from that call if another thread ends within it: its RESUME looks for pending calls
    until there are none, and those may not be made within one.
    """
    measuring = coverage.Coverage.current()
    collector = measuring and measuring._collector  # coverage has no setting for it
    if not collector or collector.concur_id_func is None:
        return
    start, current_greenlet = collector._start_tracer, collector.concur_id_func
    main, one_at_a_time = threading.main_thread().ident, threading.Lock()

    def start_tracer() -> object:
        with one_at_a_time:
            collector.concur_id_func = current_greenlet if threading.get_ident() == main else None
            return start()

    vars(collector)["_start_tracer"] = start_tracer
