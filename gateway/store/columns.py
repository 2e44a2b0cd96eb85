"""Column types that mean the same on both databases, and the one `metadata` that every room's tables belong to."""

import json
from datetime import UTC, datetime

from pydantic import JsonValue
from sqlalchemy import DateTime, Dialect, MetaData, String, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from gateway.times import aware

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""All tables. A room's `repository.py` adds its own; migrations are made from it."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: refuses times without a zone, gives back aware UTC, to the microsecond.

    PostgreSQL keeps `timestamptz`; SQLite keeps text of fixed width (`2026-11-22T02:00:00.000000Z`), which sorts and
    compares as time does.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[str]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        if value is None:
            return None
        moment = aware(value)
        if dialect.name != "sqlite":
            return moment
        return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - theirs
        if isinstance(value, str):
            return datetime.fromisoformat(value.removesuffix("Z")).replace(tzinfo=UTC)
        return None if value is None else aware(value)


class JsonColumn(TypeDecorator[JsonValue]):
    """A JSON value as text, the same bytes on both databases. NULL is Python's None; NaN is refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: JsonValue, dialect: Dialect) -> str | None:  # noqa: ARG002 - theirs
        return None if value is None else _text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> JsonValue:  # noqa: ARG002 - theirs
        if value is None:
            return None
        read: JsonValue = json.loads(value)
        return read


def _text(value: JsonValue) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which no database takes as it is
        return json.dumps(value, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text
