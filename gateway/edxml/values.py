"""Single values as senders write them: dates, times, whole numbers; read in every habit seen, or not at all."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from gateway.times import VIETNAM


@dataclass(frozen=True, slots=True)
class Day:
    """A date that was read. `usual` says it was written `yyyy/MM/dd`."""

    value: date
    usual: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that was read, aware. `usual` says it was written `yyyy/MM/dd HH:mm:ss`."""

    value: datetime
    usual: bool


def read_day(text: str) -> Day | None:
    """`yyyy/MM/dd`, `yyyy-MM-dd` or `dd/MM/yyyy` (the four digits tell which); a time behind it is left out.

    None for anything else and for days that do not exist (packet format 2.8, 10.4).
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    value = _date(found)
    return None if value is None else Day(value, usual=_USUAL_DAY.fullmatch(text) is not None)


def read_moment(text: str) -> Moment | None:
    """`yyyy/MM/dd HH:mm:ss`, ISO 8601, or `dd/MM/yyyy HH:mm:ss`; without a zone it is Vietnam time (QĐ 28/2018 Đ14.4).

    Seconds may be missing or have a fraction. None for anything else, for times that do not exist, and for years that
    nobody means (.NET writes 0001 for "no time").
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        return None
    day = _date(found)
    if day is None:
        return None
    try:
        local = datetime(
            day.year,
            day.month,
            day.day,
            int(found["hour"] or 0),
            int(found["minute"] or 0),
            int(found["second"] or 0),
            int((found["fraction"] or "")[:6].ljust(6, "0")),
            tzinfo=_zone(found["zone"]),
        )
        moment = local.astimezone(VIETNAM)
    except (ValueError, OverflowError):
        return None
    if moment.year not in _YEARS:
        return None
    return Moment(moment, usual=_USUAL_MOMENT.fullmatch(text) is not None)


def read_integer(text: str) -> int | None:
    """A whole number of at most nine digits, with or without a sign; None for anything else."""
    return int(text) if _INTEGER.fullmatch(text) else None


_YEARS = range(1900, 9000)
_DATE = (
    r"(?:(?P<y1>\d{4})(?P<sep>[/-])(?P<m1>\d{1,2})(?P=sep)(?P<d1>\d{1,2})"
    r"|(?P<d2>\d{1,2})(?P<sep2>[/-])(?P<m2>\d{1,2})(?P=sep2)(?P<y2>\d{4}))"
)
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?"
)
_MOMENT = re.compile(rf"{_DATE}(?:[ T]{_CLOCK})?", re.ASCII)
_USUAL_DAY = re.compile(r"\d{4}/\d{2}/\d{2}", re.ASCII)
_USUAL_MOMENT = re.compile(r"\d{4}/\d{2}/\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,9}", re.ASCII)


def _date(found: re.Match[str]) -> date | None:
    if found["y1"] is not None:
        year, month, day = found["y1"], found["m1"], found["d1"]
    else:
        year, month, day = found["y2"], found["m2"], found["d2"]
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _zone(text: str | None) -> tzinfo:
    if text is None:
        return VIETNAM
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
