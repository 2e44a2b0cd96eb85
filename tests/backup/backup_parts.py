"""Databases of either kind, gateways on them, and backups between them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from postgres import Postgres

from gateway import opening, settings
from gateway.backup.archive import Source, new_target, open_source
from gateway.backup.manifest import Manifest
from gateway.backup.restoring import plan, restore
from gateway.backup.taking import Step, take
from gateway.handover.feed import Bell, Feed
from gateway.store import Store


class Databases:
    """Makes databases: `sqlite`, `postgresql`, each with all tables or empty."""

    def __init__(self, template: Path, server: Postgres | None, whole: str, folder: Path) -> None:
        self._template = template
        self._server = server
        self._whole = whole
        self._folder = folder
        self._made: list[str] = []
        self._count = 0

    def whole(self, kind: str) -> str:
        """With all tables."""
        self._count += 1
        if kind == "sqlite":
            path = self._folder / f"{self._count}.db"
            shutil.copyfile(self._template, path)
            return f"sqlite:///{path}"
        return self._created(self._whole)

    def empty(self, kind: str) -> str:
        """Without a table."""
        self._count += 1
        return f"sqlite:///{self._folder / f'{self._count}.db'}" if kind == "sqlite" else self._created(None)

    def drop(self) -> None:
        """The server's go; the files go with their folder."""
        for one in self._made:
            assert self._server is not None
            self._server.drop(one)

    def _created(self, template: str | None) -> str:
        assert self._server is not None, "this test is not marked as one for PostgreSQL"
        self._made.append(self._server.create(template))
        return self._server.url(self._made[-1])


@contextmanager
def databases_in(request: pytest.FixtureRequest, folder: Path) -> Iterator[Databases]:
    """Databases that go again."""
    template: Path = request.getfixturevalue("sqlite_template")
    server: Postgres | None = None
    whole = ""
    if request.node.get_closest_marker("postgres"):
        server, whole = request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template")
    made = Databases(template, server, whole, folder)
    try:
        yield made
    finally:
        made.drop()


def quiet(_: Step) -> None:
    """Progress that nobody looks at."""


async def backed_up(wanted: settings.Settings, path: Path) -> Manifest:
    """What `gateway backup` does."""
    store = opening.open_store(wanted)
    backup_id = str(uuid4())
    try:
        return await take(
            store,
            opening.open_blobs(wanted),
            new_target(path, backup_id),
            backup_id=backup_id,
            version="test",
            clock=opening.clock,
            progress=quiet,
        )
    finally:
        await store.close()


async def restored(wanted: settings.Settings, path: Path, *, force: bool = False) -> None:
    """What `gateway restore` does."""
    store = opening.open_store(wanted)
    try:
        await restored_from(open_source(path), store, wanted, force=force)
    finally:
        await store.close()


async def restored_from(source: Source, store: Store, wanted: settings.Settings, *, force: bool = False) -> None:
    """The same on an open store."""
    blobs = opening.open_blobs(wanted)
    announce = Feed(store, Bell(), look_seconds=1).announce
    made = await plan(source, store, blobs, opening.clock(), quiet)
    await restore(source, made, store, blobs, now=opening.clock(), announce=announce, progress=quiet, force=force)
