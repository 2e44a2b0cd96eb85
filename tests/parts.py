"""Parts of a test machine that may be missing: what is not tested is said aloud at the end, never passed over."""

import re
from collections.abc import Iterable
from typing import NoReturn, Protocol

import pytest

_REASON = re.compile(r"(?:Skipped: )?\[(?P<part>[^\]]+)\] (?P<reason>.*)", re.DOTALL)


class Skipped(Protocol):
    """What pytest reports of a skipped test."""

    longrepr: object


def missing(part: str, reason: str) -> NoReturn:
    """Skip this test because the machine lacks `part`; the closing summary names it with the reason."""
    pytest.skip(f"[{part}] {reason}")


def not_tested(skipped: Iterable[Skipped]) -> list[str]:
    """One line for each missing part: its name, how many tests wanted it, and why it is missing."""
    found: dict[tuple[str, str], int] = {}
    for report in skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if match := _REASON.match(reason):
            key = (match["part"], match["reason"])
            found[key] = found.get(key, 0) + 1
    return [f"{part}: {count} tests not run: {reason}" for (part, reason), count in sorted(found.items())]
