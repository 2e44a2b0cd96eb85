"""Lists of documents, newest first: a page takes as long with a million stored as with none, however it is narrowed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    bindparam,
    func,
    literal,
    or_,
    select,
    union_all,
)

from gateway.documents.model import Direction, Document, DocumentState
from gateway.documents.repository.documents import document_of
from gateway.documents.repository.tables import document_table, unit_table
from gateway.store import Transaction, UtcDateTime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentFilter:
    """What a list is narrowed by; None does not narrow. Dates are of our receipt, `until` exclusive."""

    unit_codes: frozenset[str]
    direction: Direction | None = None
    state: DocumentState | None = None
    number: str | None = None
    notation: str | None = None
    document_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: its time and id. The next page lies before it."""

    created_at: datetime
    id: str


_NAMES = ("document_id", "number", "notation")
_units: BindParameter[str] = bindparam("units", expanding=True)
_most = bindparam("most", type_=Integer())
_since, _until, _before = (bindparam(name, type_=UtcDateTime()) for name in ("since", "until", "before"))
_FIRST = datetime(1, 1, 1, tzinfo=UTC)


async def search_documents(
    tx: Transaction, wanted: DocumentFilter, *, before: Cursor | None, limit: int
) -> list[Document]:
    """Newest first, at most `limit`."""
    asked: dict[str, object] = {name: getattr(wanted, name) for name in (*_NAMES, "since", "until")}
    if before is not None:
        asked |= {"before": before.created_at, "before_id": before.id}
    given = {name: value for name, value in asked.items() if value is not None}
    statement = _page(wanted.direction, wanted.state, frozenset(given))
    of = {"since": _FIRST, **given, "units": sorted(wanted.unit_codes), "most": limit}
    return [document_of(row) for row in (await tx.execute(statement, of)).mappings()]


@cache
def _page(direction: Direction | None, state: DocumentState | None, given: frozenset[str]) -> Select[*tuple[Any, ...]]:
    this = document_table
    time: ColumnElement[datetime] = this.c.created_at
    if given & {"document_id", "number"}:  # few bear these: SQLite, asked for the bare time, would read all of a unit
        time = func.coalesce(this.c.created_at, this.c.created_at)
        found = select(this).where(this.c.unit_code.in_(_units), *_named(this, given))
        found = found.where(this.c.direction == direction) if direction else found
        found = found.where(this.c.state == state) if state else found
    else:
        found = _newest_of_streams(direction, state, given)
    return found.where(*_within(this, time, given)).order_by(time.desc(), this.c.id.desc()).limit(_most)


def _newest_of_streams(
    direction: Direction | None, state: DocumentState | None, given: frozenset[str]
) -> Select[*tuple[Any, ...]]:
    """The newest of each stream, of which an index knows the order: of a unit, (a notation,) a direction and a state.

    The page of all streams together is among these. Neither database would find it by itself without sorting all.
    """
    kind = union_all(
        *(
            select(literal(one.value, String).label("direction"), literal(other.value, String).label("state"))
            for one, other in product(Direction, DocumentState)
            if direction in (None, one) and state in (None, other)
        )
    ).cte("kind")

    def of_stream(of: FromClause) -> Iterator[ColumnElement[bool]]:
        yield of.c.unit_code == unit_table.c.code
        yield of.c.direction == kind.c.direction
        yield of.c.state == kind.c.state
        yield from _named(of, given)

    newer = document_table.alias("newer")
    last = (
        select(newer.c.created_at)
        .where(*of_stream(newer), *_within(newer, newer.c.created_at, given))
        .order_by(newer.c.created_at.desc(), newer.c.id.desc())
        .offset(_most - 1)
        .limit(1)
        .scalar_subquery()
    )
    return select(document_table).where(
        unit_table.c.code.in_(_units),
        *of_stream(document_table),
        document_table.c.created_at >= func.coalesce(last, _since),
    )


def _named(of: FromClause, given: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    return (of.c[name] == bindparam(name) for name in _NAMES if name in given)


def _within(of: FromClause, time: ColumnElement[datetime], given: frozenset[str]) -> Iterator[ColumnElement[bool]]:
    if "since" in given:
        yield time >= _since
    if "until" in given:
        yield time < _until
    if "before" in given:
        yield time <= _before
        yield or_(time < _before, of.c.id < bindparam("before_id"))
