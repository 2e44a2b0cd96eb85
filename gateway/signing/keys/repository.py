"""Tables of keys and of PINs that tokens refused, and all SQL over them."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import CheckConstraint, Column, Row, String, Table, delete, select, update

from gateway.signing.keys.api import Algorithm
from gateway.signing.keys.records import KeyKind, KeyRow, NewKey, PinState, PinTry
from gateway.store import Transaction, UtcDateTime, metadata
from gateway.store.inserts import unless_there

signing_key_table = Table(
    "signing_key",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("kind", String(10), nullable=False),
    Column("unit_code", String(64)),
    Column("source", String(500)),
    Column("certificate_source", String(500)),
    Column("secret_source", String(500)),
    Column("token", String(64)),
    Column("label", String(200)),
    Column("algorithm", String(20)),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("retired_at", UtcDateTime),
    CheckConstraint("kind IN ('pem', 'pkcs12', 'pkcs11')", name="kind"),
)

# By token and not by key: two keys of one token share its PIN, and its counter of wrong ones.
signing_token_table = Table(
    "signing_token",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("salt", String(64), nullable=False),
    Column("mark", String(64), nullable=False),
    Column("state", String(10), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)


async def insert_key(tx: Transaction, new: NewKey, now: datetime) -> bool:
    """A new row; False when its name is taken."""
    values = {**asdict(new), "created_at": now}
    return await _put(tx, signing_key_table, values)


async def keys(tx: Transaction, *, retired: bool = False) -> tuple[KeyRow, ...]:
    """All that are not retired, or truly all; by name."""
    statement = select(signing_key_table).order_by(signing_key_table.c.id)
    if not retired:
        statement = statement.where(signing_key_table.c.retired_at.is_(None))
    return tuple(_key(row) for row in await tx.execute(statement))


async def key(tx: Transaction, id: str) -> KeyRow | None:
    """The one of this name."""
    row = (await tx.execute(select(signing_key_table).where(signing_key_table.c.id == id))).first()
    return None if row is None else _key(row)


async def retire_key(tx: Transaction, id: str, now: datetime) -> bool:
    """Retire it; False when there is none that could be."""
    column = signing_key_table.c
    statement = update(signing_key_table).where(column.id == id, column.retired_at.is_(None)).values(retired_at=now)
    return (await tx.execute(statement)).rowcount == 1


async def pin_try(tx: Transaction, token: str) -> PinTry | None:
    """What is remembered of a token's PIN."""
    row = (await tx.execute(select(signing_token_table).where(signing_token_table.c.token == token))).first()
    return None if row is None else PinTry(**{**row._mapping, "state": PinState(row.state)})


async def begin_pin_try(tx: Transaction, new: PinTry, before: PinTry | None) -> bool:
    """Write a try down in place of what was remembered; False when another process has written meanwhile."""
    values, column = asdict(new), signing_token_table.c
    if before is None:
        return await _put(tx, signing_token_table, values)
    same = (
        column.token == before.token,
        column.mark == before.mark,
        column.state == before.state,
        column.at == before.at,
    )
    return (await tx.execute(update(signing_token_table).where(*same).values(values))).rowcount == 1


async def refuse_pin(tx: Transaction, tried: PinTry) -> None:
    """The token has refused it."""
    column = signing_token_table.c
    same = (column.token == tried.token, column.mark == tried.mark)
    await tx.execute(update(signing_token_table).where(*same).values(state=PinState.REFUSED))


async def forget_pin(tx: Transaction, tried: PinTry) -> None:
    """The token has accepted it, or has not judged it."""
    column = signing_token_table.c
    same = (column.token == tried.token, column.mark == tried.mark)
    await tx.execute(delete(signing_token_table).where(*same))


async def _put(tx: Transaction, table: Table, values: Mapping[str, object]) -> bool:
    """A new row; False when there is one of its key."""
    statement = unless_there(table)[tx.dialect].returning(*table.primary_key)
    return (await tx.execute(statement, values)).first() is not None


def _key(row: Row[tuple[object, ...]]) -> KeyRow:
    values = dict(row._mapping)
    algorithm = values["algorithm"]
    return KeyRow(
        **{**values, "kind": KeyKind(values["kind"]), "algorithm": Algorithm(algorithm) if algorithm else None}
    )
