"""Notices: what document systems claim from the inbox beside documents: statuses, what became of theirs, alarms.

An event is made a notice of a client when the client asks, never when it happens: whoever reads the feed or is called
by webhooks alone costs nothing here. A client begins with what happened since it was made.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.documents import repository as documents
from gateway.documents.model import Document
from gateway.handover.inbox import lease_problem
from gateway.handover.model import Event
from gateway.handover.notices import repository
from gateway.handover.notices.model import KINDS, Notice, NoticeState, Reader, Sort
from gateway.handover.repository import last_event
from gateway.handover.settings import HandoverSettings
from gateway.store import Store, Transaction, new_id
from gateway.times import Clock

_FAR_BEHIND = 500
_KEPT = timedelta(days=7)
"""How long a confirmed notice is remembered, so that confirming it again is harmless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeClaim:
    """A notice claimed, with its event and the document that it speaks of."""

    notice: Notice
    event: Event
    document: Document | None


class Notices:
    """Claims and their ends. Rules and times are those of documents."""

    def __init__(self, *, store: Store, clock: Clock, settings: HandoverSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def claim(
        self, reader: Reader, sorts: Collection[Sort], *, limit: int, units: Collection[str]
    ) -> list[NoticeClaim]:
        """Up to `limit` notices of these sorts and units, oldest first, leased to the caller."""
        wanted = sorted(one for one in sorts if one in KINDS)
        if not wanted or limit <= 0 or not await self._any(reader, wanted):
            return []
        now = self._clock()
        until = now + timedelta(seconds=self._settings.claim_seconds)
        claims = []
        async with self._store.begin() as tx:
            for sort in wanted:
                await self._pull(tx, reader, sort, limit, now)
            found = await repository.open_notices(
                tx, reader.id, sorts=wanted, units=sorted(units), now=now, limit=limit
            )
            events = await repository.events(tx, [one.seq for one in found])
            for notice in found:
                claimed = replace(notice, state=NoticeState.CLAIMED, lease=secrets.token_urlsafe(24), lease_until=until)
                await repository.save(tx, claimed)
                event = events[notice.seq]
                document = await documents.find_document(tx, event.document_id) if event.document_id else None
                claims.append(NoticeClaim(notice=claimed, event=event, document=document))
        return claims

    async def confirm(self, reader: Reader, id: str, lease: str) -> Notice | None:
        """The client has it; said twice it is the same. None when it is no notice of this client.

        Raises Problem `delivery.lease`.
        """
        if not await self._known(reader, id):
            return None
        async with self._store.begin() as tx:
            notice = await self._held(tx, reader, id, lease)
            if notice is None or notice.state is NoticeState.CONFIRMED:
                return notice
            notice = replace(notice, state=NoticeState.CONFIRMED, lease_until=None, available_at=self._clock())
            await repository.save(tx, notice)
            return notice

    async def reject(self, reader: Reader, id: str, lease: str, reason: str) -> Notice | None:
        """Not now: it comes back later, and is set apart after too many rejects. As `confirm`."""
        if not await self._known(reader, id):
            return None
        async with self._store.begin() as tx:
            notice = await self._held(tx, reader, id, lease)
            if notice is None:
                return None
            if notice.state is not NoticeState.CLAIMED:
                raise lease_problem()
            rejects = notice.rejects + 1
            apart = rejects >= self._settings.rejects_before_set_apart
            pause = timedelta(seconds=self._settings.reject_pause_seconds * 2 ** (rejects - 1))
            notice = replace(
                notice,
                state=NoticeState.SET_APART if apart else NoticeState.WAITING,
                lease=None,
                lease_until=None,
                available_at=self._clock() + pause,
                rejects=rejects,
                last_reject=reason,
            )
            await repository.save(tx, notice)
            return notice

    async def _known(self, reader: Reader, id: str) -> bool:
        async with self._store.read() as tx:
            return await repository.exists(tx, reader.id, id)

    async def _any(self, reader: Reader, sorts: Sequence[Sort]) -> bool:
        """Whether a claim may find something; reads only."""
        async with self._store.read() as tx:
            if await repository.open_notices(
                tx, reader.id, sorts=sorts, units=sorted(reader.units), now=self._clock(), limit=1, lock=False
            ):
                return True
            top = await last_event(tx)
            for sort in sorts:
                after = await repository.cursor(tx, reader.id, sort)
                if after is None or top - after > _FAR_BEHIND:
                    return True  # the claim itself moves the cursor, so that this look stays short
                if await repository.news(tx, KINDS[sort], sorted(reader.units), after, 1):
                    return True
        return False

    async def _pull(self, tx: Transaction, reader: Reader, sort: Sort, limit: int, now: datetime) -> None:
        """Make notices of the next events."""
        await repository.forget(tx, reader.id, now - _KEPT)
        top = await last_event(tx)
        after = await repository.locked_cursor(tx, reader.id, sort, reader.since)
        events = await repository.news(tx, KINDS[sort], sorted(reader.units), after, limit)
        notices = [
            Notice(
                id=new_id(now),
                client_id=reader.id,
                seq=event.seq,
                sort=sort,
                unit_code=event.unit_code,
                state=NoticeState.WAITING,
                lease=None,
                lease_until=None,
                available_at=now,
                rejects=0,
                last_reject=None,
            )
            for event in events
        ]
        await repository.add(tx, notices)
        seen = notices[-1].seq if len(notices) == limit else max([top, *(one.seq for one in notices)])
        if seen > after:
            await repository.move_cursor(tx, reader.id, sort, seen)

    async def _held(self, tx: Transaction, reader: Reader, id: str, lease: str) -> Notice | None:
        notice = await repository.find(tx, reader.id, id)
        if notice is None:
            return None
        if notice.lease is None or not secrets.compare_digest(notice.lease.encode(), lease.encode()):
            raise lease_problem()
        return notice
