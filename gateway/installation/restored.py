"""After a restore nothing leaves and nothing is acknowledged until an operator releases it (design rule 11)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.axis.port import MessageType
from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.dispatching import announce_end
from gateway.documents.model import Dispatch, DispatchState
from gateway.documents.standing import move_document
from gateway.installation import repository
from gateway.installation.repository import Restoration
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.store import Store, Transaction
from gateway.times import Clock, aware

LET_THROUGH = frozenset({"schedule", "upkeep", "poll", "directory", "blob_check", "evidence_chain"})
"""Kinds of job that tell nobody anything. All others wait, those of rooms yet to come too."""

_LOOK_EVERY = timedelta(seconds=2)
_UNSENT = (DispatchState.QUEUED, DispatchState.BUILT)


class Hold:
    """Whether a job has to wait for the release. Where nothing was restored that is looked at every few seconds only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._free_at: datetime | None = None

    async def holds(self, kind: str, key: str) -> bool:
        """Whether a job of this kind and key has to wait."""
        if kind in LET_THROUGH:
            return False
        now = aware(self._clock())
        if self._free_at is not None and timedelta(0) <= now - self._free_at < _LOOK_EVERY:
            return False
        async with self._store.read() as tx:
            restoration = await repository.unreleased(tx)
            if restoration is None:
                self._free_at = now
                return False
            return kind != "dispatch" or not await repository.is_released(tx, restoration.id, key)


async def hold_all(tx: Transaction, restoration: Restoration, announce: Announce) -> None:
    """Begin the hold, in the transaction that brings the backup's rows.

    A document that was being sent is Unknown; it is not known what came of it. A status that was being sent goes back
    to waiting: twice harms nobody (rule 2). What waited goes on waiting, and is remembered.
    """
    await repository.add_restoration(tx, restoration)
    unfinished = await documents.unfinished_dispatches(tx)
    await repository.add_restored_dispatches(tx, restoration.id, [(one.id, one.state) for one in unfinished])
    for one in unfinished:
        if one.state is not DispatchState.SENDING:
            continue
        if one.message_type is MessageType.STATUS:
            waiting = replace(one, state=DispatchState.BUILT, reason="restored", changed_at=restoration.restored_at)
            await documents.save_dispatch(tx, waiting)
            continue
        await call_unknown(tx, one, "restored_while_sending", announce, restoration.restored_at)
    data = {"backup": restoration.backup_id, "taken_at": restoration.taken_at.isoformat()}
    await announce(tx, Announcement(kind=Happening.ALARM_RESTORED, at=restoration.restored_at, data=data))


async def call_unknown(tx: Transaction, dispatch: Dispatch, reason: str, announce: Announce, now: datetime) -> None:
    """It may have left: it is never sent by itself, evidence or a person settles it."""
    unknown = replace(dispatch, state=DispatchState.UNKNOWN, reason=reason, changed_at=now)
    await documents.save_dispatch(tx, unknown)
    await move_document(tx, unknown)
    await announce_end(tx, announce, unknown)


async def held(tx: Transaction) -> list[Dispatch]:
    """Dispatches that would leave once released and were not let go by name, oldest first."""
    restoration = await current(tx)
    waiting = [one for one in await documents.unfinished_dispatches(tx) if one.state in _UNSENT]
    return [one for one in waiting if not await repository.is_released(tx, restoration.id, one.id)]


async def current(tx: Transaction) -> Restoration:
    """The restoration that holds everything back. Raises Problem `restore.nothing_held`."""
    found = await repository.unreleased(tx)
    if found is None:
        raise Problem(
            "restore.nothing_held",
            Kind.CONFLICT,
            Text("Không có gì đang bị giữ sau phục hồi.", "Nothing is held back after a restore."),
            Text("Không cần làm gì.", "Nothing to do."),
        )
    return found


async def release(tx: Transaction, jobs: Jobs, dispatch_ids: Sequence[str], now: datetime) -> None:
    """Let these leave; all else stays held. Raises Problem `restore.not_held` for one that does not wait."""
    restoration = await current(tx)
    for id in dispatch_ids:
        dispatch = await documents.hold_dispatch(tx, id)
        if dispatch is None or dispatch.state not in _UNSENT:
            raise Problem(
                "restore.not_held",
                Kind.NOT_FOUND,
                Text(f"{id} không phải lần gửi đang bị giữ.", f"{id} is no dispatch that is held."),
                Text("Xem danh sách: 'gateway restore differences'.", "See the list: 'gateway restore differences'."),
            )
        await repository.release_dispatch(tx, restoration.id, id, dispatch.state, now)
        await jobs.wake(tx, "dispatch", id)


async def release_all(
    tx: Transaction, jobs: Jobs, announce: Announce, seen_at_axis: Sequence[str], now: datetime
) -> tuple[int, int]:
    """End the hold: (how many dispatches may leave, how many became Unknown).

    `seen_at_axis`: dispatches that the axis's sent list seems to know; they become Unknown instead of leaving.
    """
    restoration = await current(tx)
    leaving = unknown = 0
    for one in await held(tx):
        if one.id in seen_at_axis:
            await jobs.cancel(tx, "dispatch", one.id)
            left = replace(one, sent_at=one.sent_at or restoration.taken_at)  # the earliest that it can have left
            await call_unknown(tx, left, "sent_list_after_restore", announce, now)
            unknown += 1
            continue
        await jobs.wake(tx, "dispatch", one.id)
        leaving += 1
    await repository.release_all(tx, restoration.id, now)
    return leaving, unknown
