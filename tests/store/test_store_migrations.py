"""The migrations make exactly the tables that the program uses, and refuse what they do not know."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from rooms import import_repositories
from sqlalchemy import Connection, inspect, text

from gateway.problems import Problem
from gateway.store import Store, StoreSettings, metadata, migrate


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_an_upgraded_database_has_exactly_the_tables_that_the_rooms_declare(empty_store: Store) -> None:
    import_repositories()
    await migrate.upgrade(empty_store)
    async with empty_store.read() as tx:
        assert await tx.connection.run_sync(differences) == []


async def test_an_upgraded_database_is_of_this_program(empty_store: Store) -> None:
    await migrate.upgrade(empty_store)
    await migrate.check(empty_store)
    assert await migrate.current(empty_store) == migrate.head()


async def test_upgrading_twice_changes_nothing(empty_store: Store) -> None:
    await migrate.upgrade(empty_store)
    await migrate.upgrade(empty_store)
    assert await migrate.current(empty_store) == migrate.head()


async def test_two_nodes_may_upgrade_at_once(empty_store: Store, empty_database_url: str) -> None:
    other = Store(StoreSettings(database_url=empty_database_url))
    try:
        await asyncio.gather(migrate.upgrade(empty_store), migrate.upgrade(other))
    finally:
        await other.close()
    assert await migrate.current(empty_store) == migrate.head()


async def test_an_empty_database_asks_to_be_upgraded(empty_store: Store) -> None:
    with pytest.raises(Problem, match=r"database\.older") as caught:
        await migrate.check(empty_store)
    assert "gateway migrate" in caught.value.action.vi


async def test_a_database_of_a_newer_program_is_left_alone(empty_store: Store) -> None:
    async with empty_store.begin() as tx:
        await tx.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        await tx.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    with pytest.raises(Problem, match=r"database\.newer"):
        await migrate.check(empty_store)
    with pytest.raises(Problem, match=r"database\.newer"):
        await migrate.upgrade(empty_store)


async def test_a_migration_that_fails_leaves_no_trace(empty_store: Store) -> None:
    async def fail() -> None:
        async with migrate.migrating(empty_store) as connection:
            await connection.execute(text("CREATE TABLE half (done INTEGER)"))
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    async with empty_store.read() as tx:
        assert await tx.connection.run_sync(lambda connection: inspect(connection).get_table_names()) == []


async def test_foreign_keys_are_enforced_again_after_a_migration(empty_store: Store) -> None:
    if empty_store.dialect != "sqlite":
        pytest.skip("PostgreSQL needs no such switch")
    async with migrate.migrating(empty_store) as connection:
        assert (await connection.execute(text("PRAGMA foreign_keys"))).scalar_one() == 0
    async with empty_store.begin() as tx:
        assert (await tx.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1


def test_there_is_one_line_of_migrations() -> None:
    assert len(ScriptDirectory.from_config(migrate.config()).get_heads()) <= 1
