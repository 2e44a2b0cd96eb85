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
    true,
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
    statement = _page(tx.dialect, wanted.direction, wanted.state, frozenset(given))
    of = {"since": _FIRST, **given, "units": sorted(wanted.unit_codes), "most": limit}
    return [document_of(row) for row in (await tx.execute(statement, of)).mappings()]


@cache
def _page(
    dialect: str, direction: Direction | None, state: DocumentState | None, given: frozenset[str]
) -> Select[*tuple[Any, ...]]:
    if given & {"document_id", "number"}:
        return _few(direction, state, given)
    return _newest_of_streams(dialect, direction, state, given)


def _few(direction: Direction | None, state: DocumentState | None, given: frozenset[str]) -> Select[*tuple[Any, ...]]:
    """The few that bear a name, put in order: asked for the bare time, SQLite would read all of a unit in its order."""
    this = document_table
    time = func.coalesce(this.c.created_at, this.c.created_at)
    found = select(this).where(this.c.unit_code.in_(_units), *_named(this, given), *_within(this, time, given))
    found = found.where(this.c.direction == direction) if direction else found
    found = found.where(this.c.state == state) if state else found
    return found.order_by(time.desc(), this.c.id.desc()).limit(_most)


def _newest_of_streams(
    dialect: str, direction: Direction | None, state: DocumentState | None, given: frozenset[str]
) -> Select[*tuple[Any, ...]]:
    """The newest of each stream, of which an index knows the order: of a unit, (a notation,) a direction and a state.

    The page of all streams together is among these. Neither database would find it by itself without sorting all. SQLite
    knows no LATERAL, PostgreSQL would look at the bound of a stream last: so each is asked in its own way.
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
        yield from _within(of, of.c.created_at, given)

    newer = document_table.alias("newer")
    in_order = (newer.c.created_at.desc(), newer.c.id.desc())
    if dialect == "postgresql":
        this: FromClause = select(newer).where(*of_stream(newer)).order_by(*in_order).limit(_most).lateral("newest")
        found = select(this).select_from(unit_table.join(kind, true()).join(this, true()))
    else:
        last = select(newer.c.created_at).where(*of_stream(newer)).order_by(*in_order).offset(_most - 1).limit(1)
        this = document_table
        from_the_last_on = this.c.created_at >= func.coalesce(last.scalar_subquery(), _since)
        found = select(this).where(*of_stream(this), from_the_last_on)
    found = found.where(unit_table.c.code.in_(_units))
    return found.order_by(this.c.created_at.desc(), this.c.id.desc()).limit(_most)


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
