"""Daily heads: the last hash of a day, as a line that may be kept anywhere else."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.problems import Kind, Problem, Text

_LINE = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{1,18}) ([0-9a-f]{64})")
_LONGEST_LINE = 200
_MOST_LINES = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The last entry chained before the end of a day in Vietnam: its number and hash. `day` None: the present head."""

    day: date | None
    seq: int
    hash: str

    def line(self) -> str:
        """`2026-11-22 1204 <hash>`."""
        return f"{self.day.isoformat() if self.day else '-'} {self.seq} {self.hash}"


def read_heads(lines: Iterable[str]) -> tuple[Head, ...]:
    """Heads of a file, one a line; empty lines and those that begin with # are passed over. Raises Problem."""
    found: list[Head] = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text) if len(text) <= _LONGEST_LINE else None
        if match is None or number > _MOST_LINES:
            raise _unreadable(number)
        try:
            found.append(Head(day=date.fromisoformat(match[1]), seq=int(match[2]), hash=match[3]))
        except ValueError:
            raise _unreadable(number) from None
    return tuple(found)


def _unreadable(number: int) -> Problem:
    return Problem(
        "evidence.heads",
        Kind.INVALID,
        Text(f"Dòng {number} của tệp heads không đọc được.", f"Line {number} of the file of heads cannot be read."),
        Text("Mỗi dòng: NGÀY SỐ HASH, như gateway evidence head in ra.", "Each line: DAY NUMBER HASH, as gateway evidence head prints it."),
    )  # fmt: skip
