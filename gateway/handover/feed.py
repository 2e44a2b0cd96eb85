"""The event feed: everything announced becomes an event, in the transaction in which it happened."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from gateway.documents.announcing import Announcement, Happening
from gateway.documents.model import Document
from gateway.documents.repository import find_document
from gateway.handover import repository
from gateway.handover.model import Delivery, DeliveryState, Event
from gateway.store import Store, Transaction, new_id

T = TypeVar("T")


class Bell:
    """Wakes who waits in this process when something was committed; other nodes are seen by looking again."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits now."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until it rings, at the longest so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return


class Feed:
    """Listens to announcements and reads them back."""

    def __init__(self, store: Store, bell: Bell, *, look_seconds: float) -> None:
        self._store = store
        self._bell = bell
        self._look_seconds = look_seconds

    async def announce(self, tx: Transaction, announcement: Announcement) -> None:
        """Turn an announcement into an event, and an arrived document into a delivery.

        What arrived says its business type, so that a recall is seen as one without fetching it.
        """
        data = announcement.data
        if announcement.kind is Happening.ARRIVED:
            document = await _await_hand_over(tx, announcement)
            data = {**data, "business_type": document.business_type}
        await repository.add_event(
            tx,
            at=announcement.at,
            kind=announcement.kind,
            unit_code=announcement.unit_code,
            document_id=announcement.document,
            data=data,
        )
        tx.after_commit(self._bell.ring)

    async def after(
        self, unit_codes: Collection[str], seq: int, *, limit: int, wait: float = 0
    ) -> tuple[list[Event], int]:
        """Events after `seq`, and the seq to ask after next; waits so many seconds for the first when there is none.

        With the last of them the next seq lies beyond those of other units, so that these are gone through once.
        """
        seen = seq

        async def look() -> list[Event]:
            nonlocal seen
            async with self._store.read() as tx:
                newest = await repository.last_event(tx)  # first: what commits after it is found the next time
                if newest <= seen:
                    return []
                found = await repository.events_after(tx, unit_codes=sorted(unit_codes), after=seen, limit=limit)
            last = found[-1].seq if found else seen
            seen = last if len(found) == limit else max(last, newest)
            return found

        return await look_until(look, self._bell, wait, self._look_seconds), seen


async def look_until(look: Callable[[], Awaitable[list[T]]], bell: Bell, wait: float, look_seconds: float) -> list[T]:
    """What `look` finds, looking again at each ring of the bell until there is something or the wait is over."""
    deadline = asyncio.get_running_loop().time() + wait
    while True:
        found = await look()
        left = deadline - asyncio.get_running_loop().time()
        if found or left <= 0:
            return found
        await bell.wait(min(left, look_seconds))


async def _await_hand_over(tx: Transaction, announcement: Announcement) -> Document:
    document = await find_document(tx, announcement.document or "")
    if document is None:
        raise LookupError("an arrived document is missing")
    delivery = Delivery(
        id=new_id(announcement.at),
        document_id=document.id,
        unit_code=document.unit_code,
        state=DeliveryState.WAITING,
        lease=None,
        lease_until=None,
        available_at=announcement.at,
        rejects=0,
        last_reject=None,
        created_at=announcement.at,
        handed_over_at=None,
    )
    await repository.add_delivery(tx, delivery, priority=document.priority)
    return document
