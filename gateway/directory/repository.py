"""Tables of the directory and all SQL over them. Writes take a Transaction and never commit."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, TypeVar

from pydantic import JsonValue
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Integer,
    Row,
    Select,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from gateway.directory.records import AgencyRow, Connection, Mode, NewConnection, NewUnit, Unit
from gateway.store import JsonColumn, Transaction, UtcDateTime, metadata

CODE_LENGTH = 64
"""Room for a code in a table: the 35 of the rules and some of what breaks them."""

T = TypeVar("T")

_BATCH = 1000

connection_table = Table(
    "connection",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("protocol", String(20), nullable=False),
    Column("endpoint", String(500), nullable=False),
    Column("system_id", String(100), nullable=False),
    Column("secret_source", String(500), nullable=False),
    Column("mode", String(10), nullable=False),
    Column("cut_off", UtcDateTime),
    Column("allow_plain_http", Boolean, nullable=False),
    Column("ca_file", String(500)),
    Column("max_connections", Integer, nullable=False),
    Column("poll_seconds", Integer, nullable=False),
    Column("options", JsonColumn, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("last_poll_at", UtcDateTime),
    Column("last_good_poll_at", UtcDateTime),
    Column("last_poll_error", String(80)),
    Column("clock_skew_seconds", Float),
    Column("agencies_at", UtcDateTime),
    Column("stopped_reason", String(80)),
    UniqueConstraint("endpoint", "system_id"),
    CheckConstraint("mode IN ('observe', 'active')", name="mode"),
    CheckConstraint("mode = 'observe' OR cut_off IS NOT NULL", name="active_names_cut_off"),
)

unit_table = Table(
    "unit",
    metadata,
    Column("code", String(CODE_LENGTH), primary_key=True),
    Column("name", String(500), nullable=False),
    Column("connection_id", String(40), ForeignKey(connection_table.c.id), nullable=False, index=True),
    Column("organization_in_charge", String(200)),
    Column("organ_add", String(500)),
    Column("email", String(100)),
    Column("telephone", String(20)),
    Column("fax", String(20)),
    Column("website", String(100)),
    Column("created_at", UtcDateTime, nullable=False),
)

# A table of its own and not a list in `unit`: a look-up by alias needs an index, and one alias has one unit.
unit_alias_table = Table(
    "unit_alias",
    metadata,
    Column("alias", String(CODE_LENGTH), primary_key=True),
    Column("unit_code", String(CODE_LENGTH), ForeignKey(unit_table.c.code), nullable=False, index=True),
    Column("place", Integer, nullable=False),
)

agency_table = Table(
    "agency",
    metadata,
    Column("connection_id", String(40), ForeignKey(connection_table.c.id), primary_key=True),
    Column("code", String(CODE_LENGTH), primary_key=True, index=True),
    Column("name", Text, nullable=False),
    Column("old_code", String(CODE_LENGTH), index=True),
    Column("code_2016", String(CODE_LENGTH), index=True),
    Column("mail", Text),
    Column("parent", Text),
    Column("deleted", Boolean, nullable=False),
    Column("axis_id", Text),
    Column("version", BigInteger),
    Column("seen_at", UtcDateTime, nullable=False),
)


_AGENCY_COLUMNS = tuple(agency_table.c.keys())
# Made once: to make such a statement anew takes longer than the database takes for it.
_some: BindParameter[str] = bindparam("codes", expanding=True)
_CONNECTIONS = select(connection_table).order_by(connection_table.c.id)
_CONNECTION = select(connection_table).where(connection_table.c.id == bindparam("of_connection"))
_CONNECTION_OF_SYSTEM = select(connection_table).where(
    connection_table.c.endpoint == bindparam("of_endpoint"), connection_table.c.system_id == bindparam("of_system")
)
_UPDATE_CONNECTION = update(connection_table).where(connection_table.c.id == bindparam("of_connection"))
_UPDATE_UNLESS_POLLED = _UPDATE_CONNECTION.where(
    or_(connection_table.c.last_poll_at.is_(None), connection_table.c.last_poll_at <= bindparam("not_polled_after"))
)
_LOCK_CONNECTION = (
    select(connection_table.c.id).where(connection_table.c.id == bindparam("of_connection")).with_for_update()
)
_UNITS = select(unit_table).order_by(unit_table.c.code)
_UNITS_OF_CONNECTION = _UNITS.where(unit_table.c.connection_id == bindparam("of_connection"))
_UNITS_BY_ANY_CODE = select(unit_table).where(
    or_(
        unit_table.c.code.in_(_some),
        unit_table.c.code.in_(select(unit_alias_table.c.unit_code).where(unit_alias_table.c.alias.in_(_some))),
    )
)
_ALIASES = select(unit_alias_table).where(unit_alias_table.c.unit_code.in_(_some)).order_by(unit_alias_table.c.place)


@dataclass(frozen=True, slots=True)
class _Agencies:
    """Two statements for rows that match: of all connections, and of one."""

    of_all: Select[*tuple[Any, ...]]
    of_one: Select[*tuple[Any, ...]]


def _agencies_that(match: ColumnElement[bool]) -> _Agencies:
    of_all = select(agency_table).where(match)
    return _Agencies(of_all, of_all.where(agency_table.c.connection_id == bindparam("of_connection")))


_AGENCIES_BY_CODE = _agencies_that(agency_table.c.code.in_(_some))
_AGENCIES_BY_FORMER_CODE = _agencies_that(or_(agency_table.c.old_code.in_(_some), agency_table.c.code_2016.in_(_some)))


async def insert_connection(tx: Transaction, new: NewConnection, now: datetime) -> None:
    """A new row, in `observe`. Raises IntegrityError when its id, or its systemId at this endpoint, is taken."""
    values = asdict(new) | {"options": dict(new.options)}
    await tx.execute(insert(connection_table).values(**values, mode=Mode.OBSERVE.value, created_at=now, changed_at=now))


async def connections(tx: Transaction) -> tuple[Connection, ...]:
    """All, by id."""
    return tuple(_connection(row) for row in await tx.execute(_CONNECTIONS))


async def connection(tx: Transaction, connection_id: str) -> Connection | None:
    """The one with this id."""
    row = (await tx.execute(_CONNECTION, {"of_connection": connection_id})).first()
    return None if row is None else _connection(row)


async def connection_of_system(tx: Transaction, endpoint: str, system_id: str) -> Connection | None:
    """The one that speaks as this systemId at this endpoint."""
    row = (await tx.execute(_CONNECTION_OF_SYSTEM, {"of_endpoint": endpoint, "of_system": system_id})).first()
    return None if row is None else _connection(row)


async def update_connection(
    tx: Transaction,
    connection_id: str,
    values: Mapping[str, JsonValue | datetime],
    *,
    not_polled_after: datetime | None = None,
) -> bool:
    """Set columns by name; False when there is no such row, or it has been polled after `not_polled_after`."""
    of = {**values, "of_connection": connection_id}
    if not_polled_after is None:
        return (await tx.execute(_UPDATE_CONNECTION, of)).rowcount == 1
    return (await tx.execute(_UPDATE_UNLESS_POLLED, {**of, "not_polled_after": not_polled_after})).rowcount == 1


async def lock_connection(tx: Transaction, connection_id: str) -> bool:
    """Have other writers of this connection's list wait for this transaction; False when there is no such row."""
    return (await tx.execute(_LOCK_CONNECTION, {"of_connection": connection_id})).first() is not None


async def insert_unit(tx: Transaction, new: NewUnit, now: datetime) -> None:
    """A new row with its aliases. Raises IntegrityError when one of its codes is taken."""
    values = asdict(new)
    del values["aliases"]
    await tx.execute(insert(unit_table).values(**values, created_at=now))
    await insert_aliases(tx, new.code, new.aliases, first_place=0)


async def insert_aliases(tx: Transaction, unit_code: str, aliases: Sequence[str], *, first_place: int) -> None:
    """More codes of one unit. Raises IntegrityError when one is taken."""
    rows = [
        {"alias": alias, "unit_code": unit_code, "place": place}
        for place, alias in enumerate(aliases, start=first_place)
    ]
    if rows:
        await tx.execute(insert(unit_alias_table), rows)


async def units(tx: Transaction, connection_id: str | None = None) -> tuple[Unit, ...]:
    """All, or those routed to one connection, by code."""
    if connection_id is None:
        return await _units(tx, _UNITS, {})
    return await _units(tx, _UNITS_OF_CONNECTION, {"of_connection": connection_id})


async def units_by_any_code(tx: Transaction, codes: Iterable[str]) -> tuple[Unit, ...]:
    """Those that bear one of these codes, as their own or as an alias; by code."""
    found: dict[str, Unit] = {}
    for some in _chunks(_codes(codes)):
        found |= {unit.code: unit for unit in await _units(tx, _UNITS_BY_ANY_CODE, {"codes": some})}
    return tuple(found[code] for code in sorted(found))


async def agencies_by_code(
    tx: Transaction, codes: Iterable[str], connection_id: str | None = None
) -> tuple[AgencyRow, ...]:
    """Rows with one of these codes, of one connection or of all; by code and connection."""
    return await _agencies(tx, codes, _AGENCIES_BY_CODE, connection_id)


async def agencies_by_former_code(
    tx: Transaction, codes: Iterable[str], connection_id: str | None = None
) -> tuple[AgencyRow, ...]:
    """Rows that name one of these codes as their old code or as their code of 2016."""
    return await _agencies(tx, codes, _AGENCIES_BY_FORMER_CODE, connection_id)


async def count_agencies(tx: Transaction, connection_id: str) -> int:
    """Rows of one connection, the deleted ones too."""
    statement = select(func.count()).where(agency_table.c.connection_id == connection_id)
    return (await tx.execute(statement)).scalar_one()


async def agencies_in_pieces(tx: Transaction, connection_id: str) -> AsyncIterator[list[AgencyRow]]:
    """All rows of one connection, some at a time."""
    statement = select(agency_table).where(agency_table.c.connection_id == connection_id)
    async with tx.connection.stream(statement.execution_options(yield_per=_BATCH)) as rows:
        async for some in rows.partitions():
            yield [_agency(row) for row in some]


async def insert_agencies(tx: Transaction, rows: Sequence[AgencyRow]) -> None:
    """New rows, in batches. Raises IntegrityError when one is there."""
    for some in _chunks(rows):
        await tx.execute(insert(agency_table), [asdict(row) for row in some])


async def update_agencies(tx: Transaction, rows: Sequence[AgencyRow]) -> None:
    """Rows that are there, given new content, in batches."""
    keys = {"connection_id": "the_connection", "code": "the_code"}
    statement = update(agency_table).where(
        agency_table.c.connection_id == bindparam("the_connection"), agency_table.c.code == bindparam("the_code")
    )
    for some in _chunks(rows):
        await tx.execute(
            statement, [{keys.get(name, name): value for name, value in asdict(row).items()} for row in some]
        )


async def delete_agencies(tx: Transaction, connection_id: str, codes: Sequence[str]) -> None:
    """Forget rows of one connection, in batches."""
    for some in _chunks(codes):
        await tx.execute(
            delete(agency_table).where(agency_table.c.connection_id == connection_id, agency_table.c.code.in_(some))
        )


async def _units(
    tx: Transaction, statement: Select[*tuple[Any, ...]], of: Mapping[str, str | list[str]]
) -> tuple[Unit, ...]:
    rows = (await tx.execute(statement, of)).all()
    aliases: dict[str, list[str]] = {row.code: [] for row in rows}
    for some in _chunks(aliases):
        for alias in await tx.execute(_ALIASES, {"codes": some}):
            aliases[alias.unit_code].append(alias.alias)
    return tuple(Unit(**row._mapping, aliases=tuple(aliases[row.code])) for row in rows)


async def _agencies(
    tx: Transaction,
    codes: Iterable[str],
    wanted: _Agencies,
    connection_id: str | None,
) -> tuple[AgencyRow, ...]:
    found: dict[tuple[str, str], AgencyRow] = {}
    for some in _chunks(_codes(codes)):
        if connection_id is None:
            rows = await tx.execute(wanted.of_all, {"codes": some})
        else:
            rows = await tx.execute(wanted.of_one, {"codes": some, "of_connection": connection_id})
        for row in rows:
            found[row.code, row.connection_id] = _agency(row)
    return tuple(found[key] for key in sorted(found))


def _connection(row: Row[*tuple[object, ...]]) -> Connection:
    return Connection(**{**row._mapping, "mode": Mode(row.mode)})


def _agency(row: Row[*tuple[Any, ...]]) -> AgencyRow:
    return AgencyRow(**dict(zip(_AGENCY_COLUMNS, row, strict=True)))  # `_mapping` is slow for a whole list


def _codes(codes: Iterable[str]) -> set[str]:
    """Those a table can hold at all: they may come from outside, and PostgreSQL refuses a NUL even in a question."""
    return {code for code in codes if 0 < len(code) <= CODE_LENGTH and code.isprintable()}


def _chunks(things: Iterable[T]) -> Iterator[list[T]]:
    rest = list(things)
    for start in range(0, len(rest), _BATCH):
        yield rest[start : start + _BATCH]
