"""Tables of the directory and all SQL over them. Writes take a Transaction and never commit."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypeVar

from pydantic import JsonValue
from sqlalchemy import (
    BigInteger,
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


async def insert_connection(tx: Transaction, new: NewConnection, now: datetime) -> None:
    """A new row, in `observe`. Raises IntegrityError when its id, or its systemId at this endpoint, is taken."""
    values = asdict(new) | {"options": dict(new.options)}
    await tx.execute(insert(connection_table).values(**values, mode=Mode.OBSERVE.value, created_at=now, changed_at=now))


async def connections(tx: Transaction) -> tuple[Connection, ...]:
    """All, by id."""
    rows = await tx.execute(select(connection_table).order_by(connection_table.c.id))
    return tuple(_connection(row) for row in rows)


async def connection(tx: Transaction, connection_id: str) -> Connection | None:
    """The one with this id."""
    row = (await tx.execute(select(connection_table).where(connection_table.c.id == connection_id))).first()
    return None if row is None else _connection(row)


async def connection_of_system(tx: Transaction, endpoint: str, system_id: str) -> Connection | None:
    """The one that speaks as this systemId at this endpoint."""
    row = (
        await tx.execute(
            select(connection_table).where(
                connection_table.c.endpoint == endpoint, connection_table.c.system_id == system_id
            )
        )
    ).first()
    return None if row is None else _connection(row)


async def update_connection(
    tx: Transaction,
    connection_id: str,
    values: Mapping[str, JsonValue | datetime],
    *,
    not_polled_after: datetime | None = None,
) -> bool:
    """Set columns by name; False when there is no such row, or it has been polled after `not_polled_after`."""
    statement = update(connection_table).where(connection_table.c.id == connection_id)
    if not_polled_after is not None:
        polled = connection_table.c.last_poll_at
        statement = statement.where(or_(polled.is_(None), polled <= not_polled_after))
    return (await tx.execute(statement.values(**values))).rowcount == 1


async def lock_connection(tx: Transaction, connection_id: str) -> bool:
    """Have other writers of this connection's list wait for this transaction; False when there is no such row."""
    row = select(connection_table.c.id).where(connection_table.c.id == connection_id).with_for_update()
    return (await tx.execute(row)).first() is not None


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
    statement = select(unit_table).order_by(unit_table.c.code)
    if connection_id is not None:
        statement = statement.where(unit_table.c.connection_id == connection_id)
    return await _units(tx, statement)


async def units_by_any_code(tx: Transaction, codes: Iterable[str]) -> tuple[Unit, ...]:
    """Those that bear one of these codes, as their own or as an alias; by code."""
    found: dict[str, Unit] = {}
    for some in _chunks(_codes(codes)):
        aliased = select(unit_alias_table.c.unit_code).where(unit_alias_table.c.alias.in_(some))
        statement = select(unit_table).where(or_(unit_table.c.code.in_(some), unit_table.c.code.in_(aliased)))
        found |= {unit.code: unit for unit in await _units(tx, statement)}
    return tuple(found[code] for code in sorted(found))


async def agencies_by_code(
    tx: Transaction, codes: Iterable[str], connection_id: str | None = None
) -> tuple[AgencyRow, ...]:
    """Rows with one of these codes, of one connection or of all; by code and connection."""
    return await _agencies(tx, codes, lambda some: agency_table.c.code.in_(some), connection_id)


async def agencies_by_former_code(
    tx: Transaction, codes: Iterable[str], connection_id: str | None = None
) -> tuple[AgencyRow, ...]:
    """Rows that name one of these codes as their old code or as their code of 2016."""
    old, of_2016 = agency_table.c.old_code, agency_table.c.code_2016
    return await _agencies(tx, codes, lambda some: or_(old.in_(some), of_2016.in_(some)), connection_id)


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


async def _units(tx: Transaction, statement: Select[*tuple[object, ...]]) -> tuple[Unit, ...]:
    rows = (await tx.execute(statement)).all()
    aliases: dict[str, list[str]] = {row.code: [] for row in rows}
    for some in _chunks(aliases):
        named = await tx.execute(
            select(unit_alias_table).where(unit_alias_table.c.unit_code.in_(some)).order_by(unit_alias_table.c.place)
        )
        for alias in named:
            aliases[alias.unit_code].append(alias.alias)
    return tuple(Unit(**row._mapping, aliases=tuple(aliases[row.code])) for row in rows)


async def _agencies(
    tx: Transaction,
    codes: Iterable[str],
    match: Callable[[Sequence[str]], ColumnElement[bool]],
    connection_id: str | None,
) -> tuple[AgencyRow, ...]:
    found: dict[tuple[str, str], AgencyRow] = {}
    for some in _chunks(_codes(codes)):
        statement = select(agency_table).where(match(some))
        if connection_id is not None:
            statement = statement.where(agency_table.c.connection_id == connection_id)
        for row in await tx.execute(statement):
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
