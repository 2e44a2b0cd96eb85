"""Databases, blobs and clocks for every room's tests. Nothing here reads the real clock or a real configuration."""

import asyncio
import logging
import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_asyncio
import structlog
import uvloop
from clocks import FakeClock
from parts import missing, not_tested
from postgres import Postgres, PostgresMissing, running
from rooms import import_repositories
from unmeasured import follow_greenlets_in_the_main_thread_alone, is_counted, uncounted

from gateway.store import FolderBlobs, Store, StoreSettings, metadata, migrate

# `make test` looks at few examples of each property; HYPOTHESIS_PROFILE=thorough or exhaustive at many, by hand.
hypothesis.settings.register_profile("quick", max_examples=25, deadline=None)
hypothesis.settings.register_profile("thorough", max_examples=1000, deadline=None)
hypothesis.settings.register_profile("exhaustive", max_examples=2_000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

follow_greenlets_in_the_main_thread_alone()
# Rich, which is here for other reasons, would draw each logged traceback with all its variables: seconds for one.
structlog.get_config()["processors"][-1].exception_formatter = structlog.dev.plain_traceback

DATABASES = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture(autouse=True)
def same_logging() -> Iterator[None]:
    """What a test sets of logging ends with it: at DEBUG every request would write pages."""
    root = logging.getLogger()
    level = root.level
    logging.getLogger("httpcore2").setLevel(logging.WARNING)
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    yield
    root.setLevel(level)


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until `advance(seconds)`: 2026-11-22T09:00+07:00."""
    return FakeClock()


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    """An empty blob folder."""
    return FolderBlobs(tmp_path / "blobs")


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with all tables: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        shutil.copyfile(template, tmp_path / "gateway.db")
        yield f"sqlite:///{tmp_path / 'gateway.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


FreshDatabase = Callable[[str], str]
"""Gives the address of a fresh database with all tables, for each name another."""


@pytest.fixture(params=DATABASES)
def fresh_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FreshDatabase]:
    """Makes several databases for one test: all on SQLite, or all on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")

        def copied(name: str) -> str:
            shutil.copyfile(template, tmp_path / f"{name}.db")
            return f"sqlite:///{tmp_path / name}.db"

        yield copied
        return
    server: Postgres = request.getfixturevalue("postgres")
    whole: str = request.getfixturevalue("postgres_template")
    made: list[str] = []

    def created(_: str) -> str:
        made.append(server.create(whole))
        return server.url(made[-1])

    yield created
    for one in made:
        server.drop(one)


@pytest.fixture(params=DATABASES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without a table: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """An open Store on a fresh database with all tables: once on SQLite, once on PostgreSQL."""
    opened = Store(StoreSettings(database_url=database_url))
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def empty_store(empty_database_url: str) -> AsyncIterator[Store]:
    """An open Store on a database without a table: once on SQLite, once on PostgreSQL."""
    opened = Store(StoreSettings(database_url=empty_database_url))
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for this process's tests; skips, loudly, where none can be had."""
    starting = running()
    try:
        server = starting.__enter__()
    except PostgresMissing as error:
        missing("PostgreSQL", str(error))
    try:
        yield server
    finally:
        starting.__exit__(None, None, None)


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres) -> str:
    """A database with all tables, to be copied."""
    name = postgres.create(name="gateway_template")
    asyncio.run(_make_tables(postgres.url(name)))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "gateway.db"
    asyncio.run(_make_tables(f"sqlite:///{path}"))
    return path


async def _make_tables(url: str) -> None:
    """By the migrations; by `metadata` alone only as long as there is none."""
    import_repositories()
    made = Store(StoreSettings(database_url=url))
    try:
        if migrate.head() is not None:
            await migrate.upgrade(made)
            return
        async with made.begin() as transaction:
            await transaction.connection.run_sync(metadata.create_all)
    finally:
        await made.close()


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the gateway runs on."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first, so that no worker is alone with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("process") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Branches are counted once: not for each example of a property, nor again on the other database."""
    if is_counted(item):
        return (yield)
    with uncounted():
        return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what could not be tested on this machine, by the part that is missing."""
    lines = not_tested(terminalreporter.stats.get("skipped", []))
    if not lines:
        return
    terminalreporter.section("NOT TESTED on this machine", red=True)
    for line in lines:
        terminalreporter.line(line)
