"""Which rows of the axis's sent list name our packet beyond doubt. Pure.

Times of the sent list have no established form (axis API 13): a row whose time cannot be read proves nothing.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gateway.axis.port import SentRow
from gateway.times import VIETNAM

MARGIN = timedelta(minutes=15)
"""How far the axis's clock may be from ours."""

_FORMS = ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S")
_MILLISECONDS = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """The packet of an Unknown dispatch, as a sent list would name it. It left between two times."""

    from_code: str
    to_codes: frozenset[str]
    number: str | None
    notation: str | None
    title: str | None
    since: datetime
    until: datetime


def by_id(rows: Sequence[SentRow], axis_doc_id: str) -> bool:
    """Whether the list that was asked for by the axis's id holds it."""
    return any(row.sender_doc_id == axis_doc_id for row in rows)


def alike(rows: Sequence[SentRow], sought: Sought) -> tuple[SentRow, ...]:
    """Rows that may be the packet: same sender, number with notation, title, one of its receivers, its time."""
    return tuple(row for row in rows if _may_be(row, sought))


def single_id(rows: Sequence[SentRow], known: Collection[str]) -> str | None:
    """The one id of the axis that all these rows have, unless it is that of another dispatch of ours."""
    ids = {row.sender_doc_id for row in rows}
    if len(ids) != 1:
        return None
    (only,) = ids
    return None if only is None or only in known else only


def moment_of(text: str | None) -> datetime | None:
    """A time of the sent list, read as Vietnam time where it names no zone; None where its form is not known."""
    written = (text or "").strip()
    if written.isascii() and written.isdigit() and len(written) == _MILLISECONDS:
        return datetime.fromtimestamp(int(written) / 1000, UTC)
    for form in _FORMS:
        try:
            return datetime.strptime(written.partition(".")[0], form).replace(tzinfo=VIETNAM)
        except ValueError:
            continue
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=VIETNAM)


def _may_be(row: SentRow, sought: Sought) -> bool:
    at = moment_of(row.sent_time)
    if at is None or not sought.since - MARGIN <= at <= sought.until + MARGIN:
        return False
    joined = "/".join(part for part in (sought.number, sought.notation) if part)
    return (
        row.from_code == sought.from_code
        and row.to_code in sought.to_codes
        and bool(joined)
        and _plain(row.notation) == _plain(joined)
        and bool(_plain(sought.title))
        and _plain(row.title) == _plain(sought.title)
    )


def _plain(text: str | None) -> str:
    return "".join((text or "").split()).casefold()
