"""Inserts that may meet a row that is there, which SQL says differently on each database; to be made once and kept."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def inserts(table: Table) -> dict[str, Insert]:
    """A bare insert for each database, by the name of its dialect."""
    return {"sqlite": sqlite.insert(table), "postgresql": postgresql.insert(table)}


def unless_there(table: Table, *key: str) -> dict[str, Insert]:
    """The same, doing nothing where there is a row of this key (of any unique key, where none is named)."""
    return {name: new.on_conflict_do_nothing(index_elements=key or None) for name, new in inserts(table).items()}


def in_place(table: Table, key: str) -> dict[str, Insert]:
    """The same, in place of the row of the same key."""
    return {
        name: new.on_conflict_do_update(
            index_elements=[key],
            set_={column: new.excluded[column] for column in table.c.keys()},  # noqa: SIM118 - a ColumnCollection is no dict
        )
        for name, new in inserts(table).items()
    }
