"""One axis and two agencies, on each database; shared by the tests of a module, which tell their documents apart."""

import logging
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import structlog
from agencies import OURS, Alone, World, a_world
from postgres import Postgres
from world import RECEIVING, Axis, Node, axis, node, node_settings, prepare

DATABASES = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres),
]


@pytest.fixture(scope="module")
def quiet() -> Iterator[None]:
    """Nothing is written to a terminal for the thousands of requests; a test of the logs says otherwise."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module", params=DATABASES)
def databases(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Makes databases with all tables for a module: once on SQLite, once on PostgreSQL."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        folder = tmp_path_factory.mktemp("databases")

        def copied(name: str) -> str:
            shutil.copyfile(template, folder / f"{name}.db")
            return f"sqlite:///{folder / name}.db"

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


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(
    quiet: None, databases: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One for all tests of a module."""
    async with a_world(databases, tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest_asyncio.fixture(loop_scope="module")
async def world(shared_world: World) -> AsyncIterator[World]:
    """The module's, with no fault left on, and nothing of other tests on its way that the next fault would strike."""
    await shared_world.sender.until_quiet()
    await shared_world.receiver.until_quiet()
    yield shared_world
    await shared_world.axis.healthy()


def _alone(databases: Callable[[str], str], folder: Path) -> Alone:
    @asynccontextmanager
    async def made(
        *, active: bool = True, working: bool = True, readings: Sequence[str] = (), **more: str
    ) -> AsyncIterator[tuple[Axis, Node]]:
        async with axis(folder / "axis", readings=readings) as simulated:
            wanted = node_settings(databases(folder.name), folder, **more)
            key = await prepare(wanted, simulated.address, folder, RECEIVING, OURS, active=active)
            async with node(wanted, key, working=working) as receiver:
                yield simulated, receiver

    return made


@pytest.fixture
def alone(databases: Callable[[str], str], tmp_path: Path) -> Alone:
    """One receiving gateway of its own at an axis of its own."""
    return _alone(databases, tmp_path)


@pytest.fixture
def alone_on_sqlite(sqlite_template: Path, tmp_path: Path) -> Alone:
    """The same, for what has nothing to do with the database."""

    def copied(name: str) -> str:
        shutil.copyfile(sqlite_template, tmp_path / f"{name}.db")
        return f"sqlite:///{tmp_path / name}.db"

    return _alone(copied, tmp_path)
