"""How migrations run: on the connection, and inside the transaction, that `gateway.store.migrate` hands over."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection

from gateway.store.columns import JsonColumn, UtcDateTime, metadata


def render_item(kind: str, item: object, autogenerate: AutogenContext) -> str | Literal[False]:
    """Write our own column types by their names into a new migration."""
    if kind == "type" and isinstance(item, UtcDateTime | JsonColumn):
        autogenerate.imports.add("from gateway.store.columns import JsonColumn, UtcDateTime")
        return f"{type(item).__name__}()"
    return False


connection = context.config.attributes["connection"]
assert isinstance(connection, Connection), "migrations are run by gateway.store.migrate, not by alembic's command"
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_item=render_item,
    render_as_batch=True,
    compare_type=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
