"""One inbox for everything: documents and notices are claimed, confirmed and rejected alike."""

from collections.abc import Collection

from gateway.handover.inbox import Claim, Inbox
from gateway.handover.model import Delivery
from gateway.handover.notices.claiming import NoticeClaim, Notices
from gateway.handover.notices.model import Notice, Reader, Sort


class Claims:
    """What a document system claims."""

    def __init__(self, inbox: Inbox, notices: Notices) -> None:
        self._inbox = inbox
        self._notices = notices

    async def claim(
        self, reader: Reader, sorts: Collection[Sort], *, units: Collection[str], limit: int, wait: float = 0
    ) -> list[Claim | NoticeClaim]:
        """Up to `limit` of both, leased to the caller; waits so many seconds for the first when there is none.

        Notices have half of the room as long as documents wait, so that neither holds up the other.
        """

        async def look() -> list[Claim | NoticeClaim]:
            notices = await self._notices.claim(reader, sorts, limit=limit // 2, units=units)
            found: list[Claim | NoticeClaim] = [*notices]
            if Sort.DOCUMENT in sorts:
                found = [*await self._inbox.claim_now(units, limit=limit - len(notices)), *notices]
            more = limit - len(found)
            return [*found, *await self._notices.claim(reader, sorts, limit=more, units=units)]

        return await self._inbox.until(look, wait)

    async def confirm(
        self, reader: Reader, id: str, lease: str, *, correlation_id: str | None = None
    ) -> Delivery | Notice:
        """The document system has it. Raises Problem `delivery.unknown`, `delivery.lease`."""
        notice = await self._notices.confirm(reader, id, lease)
        return notice or await self._inbox.confirm(id, lease, reader.units, correlation_id=correlation_id)

    async def reject(self, reader: Reader, id: str, lease: str, reason: str) -> Delivery | Notice:
        """It cannot take it now. Raises Problem `delivery.unknown`, `delivery.lease`."""
        notice = await self._notices.reject(reader, id, lease, reason)
        return notice or await self._inbox.reject(id, lease, reason, reader.units)
