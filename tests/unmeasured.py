"""What runs without coverage: processes that are themselves measured or killed, and most twins on PostgreSQL."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import coverage

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


def is_counted_already(nodeid: str, on_postgresql: bool) -> bool:
    """Whether the lines that a test runs are counted by its twin."""
    return on_postgresql and not nodeid.startswith(_SPEAKS_TO_POSTGRESQL)


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
