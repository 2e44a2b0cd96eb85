"""Reasons for which a node must not go on: it then claims no work, and so sends and acknowledges nothing."""

import asyncio
import secrets
from datetime import datetime, timedelta

import structlog

from gateway.installation import repository
from gateway.installation.nodes import Nodes
from gateway.problems import Kind, Problem, Text
from gateway.store import Blobs, DatabaseUnavailable, Store, Transaction, migrate
from gateway.times import Clock, aware, shown

_LOOK_EVERY = timedelta(seconds=2)
_FOLDER_NOTE = "blob_folder"

_log = structlog.get_logger(__name__)


class Standing:
    """Whether this node may go on: its program fits the database, its blob folder is the right one, its clock goes on."""

    def __init__(self, *, store: Store, blobs: Blobs, nodes: Nodes, clock: Clock) -> None:
        self._store = store
        self._blobs = blobs
        self._nodes = nodes
        self._clock = clock
        self._looked_at: datetime | None = None
        self._reason: Problem | None = None

    async def still(self) -> bool:
        """Whether to stand still now; looked at every few seconds. Raises DatabaseUnavailable."""
        now = aware(self._clock())
        if self._looked_at is None or not timedelta(0) <= now - self._looked_at < _LOOK_EVERY:
            self._tell(await self.reason())
            self._looked_at = now
        return self._reason is not None

    async def reason(self) -> Problem | None:
        """Why to stand still; None to go on. Raises DatabaseUnavailable."""
        for look in (self.program, self.folder, self.time):
            try:
                await look()
            except DatabaseUnavailable:
                raise
            except Problem as problem:
                return problem
        return None

    async def program(self) -> None:
        """Raises Problem `database.older` or `database.newer` when the database is of another program version."""
        await migrate.check(self._store)

    async def folder(self) -> None:
        """Raises Problem `blob.other_folder` when the blob folder is not the one that belongs to the database."""
        async with self._store.read() as tx:
            wanted = await repository.note(tx, _FOLDER_NOTE)
        if wanted is not None and await asyncio.to_thread(self._blobs.folder_id) != wanted:
            raise _other_folder()

    async def time(self) -> None:
        """Raises Problem `clock.set_back`."""
        async with self._store.read() as tx:
            behind = await self._nodes.set_back(tx)
        if behind is not None:
            raise _set_back(behind.by, behind.latest)

    def _tell(self, reason: Problem | None) -> None:
        before, self._reason = self._reason, reason
        if reason is not None and (before is None or before.code != reason.code):
            _log.error("node.stands_still", code=reason.code, do=reason.action.en)
        if reason is None and before is not None:
            _log.info("node.goes_on", code=before.code)


async def marry_folder(store: Store, blobs: Blobs, now: datetime) -> None:
    """Make sure that database and blob folder know each other; the first time they are told of each other.

    Raises Problem `blob.other_folder` when they belong to others, as when the folder is not mounted.
    """
    async with store.read() as tx:
        wanted = await repository.note(tx, _FOLDER_NOTE)
    found = await asyncio.to_thread(blobs.folder_id)
    if wanted is not None and found != wanted:
        raise _other_folder()
    if wanted is None:
        async with store.begin() as tx:
            await adopt_folder(tx, blobs, now)


async def adopt_folder(tx: Transaction, blobs: Blobs, now: datetime) -> None:
    """This folder belongs to this database from now on, whatever it holds."""
    found = await asyncio.to_thread(blobs.folder_id)
    if found is None:
        await asyncio.to_thread(blobs.name_folder, secrets.token_hex(16))
        found = await asyncio.to_thread(blobs.folder_id)  # another process may have named it meanwhile
    if found is None:
        raise _other_folder()
    await repository.put_note(tx, _FOLDER_NOTE, found, now)


def _other_folder() -> Problem:
    return Problem(
        "blob.other_folder",
        Kind.UNAVAILABLE,
        Text(
            "Thư mục lưu trữ tệp không phải là thư mục đi cùng cơ sở dữ liệu này (có thể đĩa chưa được gắn).",
            "The blob folder is not the one that belongs to this database; perhaps its disk is not mounted.",
        ),
        Text(
            "Gắn đúng đĩa hoặc sửa GATEWAY_BLOB_URL. Nếu cố ý dùng thư mục này: 'gateway nodes adopt-folder'.",
            "Mount the disk, or correct GATEWAY_BLOB_URL. If this folder is meant: 'gateway nodes adopt-folder'.",
        ),
        retry_after=60,
    )


def _set_back(by: timedelta, latest: datetime) -> Problem:
    seconds = round(by.total_seconds())
    return Problem(
        "clock.set_back",
        Kind.UNAVAILABLE,
        Text(
            f"Đồng hồ máy chủ bị lùi {seconds} giây so với {shown(latest)} đã ghi nhận.",
            f"This server's clock went back by {seconds} s; it was {shown(latest)} already.",
        ),
        Text(
            "Đồng bộ giờ (NTP). Nếu giờ hiện tại đúng và giờ trước đó sai: 'gateway nodes trust-clock'.",
            "Synchronise the clock (NTP). If it is right now and was wrong before: 'gateway nodes trust-clock'.",
        ),
        retry_after=60,
    )
