"""Processes that run without coverage: what they take is itself measured, or they are killed and would write none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


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
