"""The level-1 codes as the decisions list them, open and closed: data shipped with the program (`level1-codes.csv`).

A floor only: the live catalogue of the axis wins (QĐ 20/2020/QĐ-TTg Đ9). A look-up takes a date (G-05). `verified` is
`yes` for what was read in a decision and `derived` for what follows from the merger rule (QĐ 09/2025 Đ2.2.a) or is
assumed; the successor of a closed code is a reading of the mergers and only ever proposed.
"""

import csv
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from importlib.resources import files

_DATA = "level1-codes.csv"
_COLUMNS = [
    *("code", "kind", "name_2020", "name_current", "form_2016", "form_2016_status", "form_2020"),
    *("valid_from", "valid_to", "status", "successor_code", "verified", "source"),
]
_CODE = re.compile(r"[A-Z][0-9]{2}")


class Kind(StrEnum):
    """Whether a row is a body or says something of many numbers at once."""

    SINGLE = "single"
    RANGE = "range"
    RESERVED = "reserved"
    UNASSIGNED = "unassigned"
    SCHEME = "scheme"


class Openness(StrEnum):
    """Whether a code may be sent to on a date."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"


class Verified(StrEnum):
    """How sure a row is."""

    YES = "yes"
    DERIVED = "derived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Level1:
    """What the list says of one level-1 code on one date.

    Only SINGLE names a body: a number inside a RANGE belongs to a group (`A05`: the Party's bodies) without being
    listed itself, so its openness is UNKNOWN. `successor` is set only where the code is closed on the date.
    """

    code: str
    kind: Kind
    name: str | None
    openness: Openness
    successor: str | None
    form_2016: str | None
    valid_from: date | None
    valid_to: date | None
    verified: Verified
    source: str


def level1(code: str, on: date) -> Level1 | None:
    """The row for exactly this level-1 code, in either form; None for every other code, also one below such a body."""
    single = _singles().get(code)
    if single is not None:
        return _as_of(single, asked=code, on=on)
    if not _CODE.fullmatch(code):
        return None
    for row in _ranges():
        if any(first <= code <= last for first, last in row.spans):
            return _as_of(row, asked=code, on=on)
    return None


def pairs() -> tuple[tuple[str, str], ...]:
    """Both forms of each body whose form of 2016 has been seen in use; the assumed ones are only the reversal rule."""
    return tuple(
        (row.spans[0][0], row.form_2016) for row in _rows() if row.form_2016 is not None and not row.form_2016_assumed
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    spans: tuple[tuple[str, str], ...]
    kind: Kind
    name: str | None
    form_2016: str | None
    form_2016_assumed: bool
    valid_from: date | None
    valid_to: date | None
    successor: str | None
    verified: Verified
    source: str


def _as_of(row: _Row, *, asked: str, on: date) -> Level1:
    openness = _openness(row, on)
    assumed = row.form_2016_assumed and asked == row.form_2016
    single = row.kind is Kind.SINGLE
    return Level1(
        code=row.spans[0][0] if single else asked,
        kind=row.kind,
        name=row.name,
        openness=openness,
        successor=row.successor if openness is Openness.CLOSED else None,
        form_2016=row.form_2016,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        verified=Verified.DERIVED if assumed else row.verified,
        source=row.source,
    )


def _openness(row: _Row, on: date) -> Openness:
    """`valid_to` is the last open day; before `valid_from`, and for what is no single body, nothing is known."""
    if row.kind is not Kind.SINGLE:
        return Openness.UNKNOWN
    if row.valid_to is not None and on > row.valid_to:
        return Openness.CLOSED
    if row.valid_from is None or on < row.valid_from:
        return Openness.UNKNOWN
    return Openness.OPEN


@cache
def _singles() -> dict[str, _Row]:
    singles: dict[str, _Row] = {}
    for row in _rows():
        if row.kind is not Kind.SINGLE:
            continue
        for code in (row.spans[0][0], row.form_2016):
            if code in singles:
                raise ValueError(f"{_DATA}: {code} is listed twice")
            if code is not None:
                singles[code] = row
    return singles


@cache
def _ranges() -> tuple[_Row, ...]:
    return tuple(row for row in _rows() if row.kind is not Kind.SINGLE)


@cache
def _rows() -> tuple[_Row, ...]:
    text = files(__package__).joinpath(_DATA).read_text(encoding="utf-8")
    return read_rows(text)


def read_rows(text: str) -> tuple[_Row, ...]:
    """The rows of the list's CSV; raises ValueError naming the line that is not as it must be."""
    reader = csv.DictReader(text.splitlines(), strict=True)
    if reader.fieldnames is None or list(reader.fieldnames) != _COLUMNS:
        raise ValueError(f"{_DATA}: columns are not {','.join(_COLUMNS)}")
    rows = []
    for fields in reader:
        try:
            rows.append(_read_row(fields))
        except (ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"{_DATA} line {reader.line_num}: {error}") from error
    return tuple(rows)


def _read_row(fields: dict[str, str]) -> _Row:
    row = _Row(
        spans=tuple(_span(part) for part in fields["code"].split(";")),
        kind=Kind(fields["kind"]),
        name=fields["name_current"] or fields["name_2020"] or None,
        form_2016=fields["form_2016"] or None,
        form_2016_assumed=fields["form_2016_status"] == "assumed",
        valid_from=_date(fields["valid_from"]),
        valid_to=_date(fields["valid_to"]),
        successor=fields["successor_code"] or None,
        verified=Verified(fields["verified"]),
        source=fields["source"],
    )
    if row.kind is Kind.SINGLE and (len(row.spans) != 1 or row.spans[0][0] != row.spans[0][1]):
        raise ValueError("a single row names one code")
    if (fields["status"] == "closed") != (row.valid_to is not None):
        raise ValueError("a closed row, and only it, has a last day")
    if row.successor is not None and not _CODE.fullmatch(row.successor):
        raise ValueError("the successor is no level-1 code")
    return row


def _span(text: str) -> tuple[str, str]:
    first, _, last = text.partition("-")
    last = last or first
    if not (_CODE.fullmatch(first) and _CODE.fullmatch(last)) or first > last:
        raise ValueError(f"{text!r} is no code and no range")
    return first, last


def _date(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
