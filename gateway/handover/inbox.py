"""The inbox: a document system claims what waits for it, stores it, and confirms. Then 01 goes out by itself."""

import secrets
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.model import Document, DocumentState
from gateway.handover import repository
from gateway.handover.feed import Bell, look_until
from gateway.handover.model import Delivery, DeliveryState
from gateway.handover.settings import HandoverSettings
from gateway.problems import Kind, Problem, Text
from gateway.statuses.reporting import Reporter
from gateway.store import Store, Transaction
from gateway.times import Clock

ARRIVED = "01"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A delivery claimed, with its document."""

    delivery: Delivery
    document: Document


class Inbox:
    """Claims and their ends."""

    def __init__(
        self,
        *,
        store: Store,
        reporter: Reporter,
        announce: Announce,
        bell: Bell,
        clock: Clock,
        settings: HandoverSettings,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._reporter = reporter
        self._announce = announce
        self._bell = bell
        self._clock = clock
        self._settings = settings
        self._passed = passed

    async def claim(self, unit_codes: Collection[str], *, limit: int, wait: float = 0) -> list[Claim]:
        """Up to `limit` deliveries, leased to the caller; waits so many seconds for the first when there is none."""
        return await self.until(lambda: self.claim_now(unit_codes, limit=limit), wait)

    async def until(self, look: Callable[[], Awaitable[list[T]]], wait: float) -> list[T]:
        """What `look` finds, for the first of it waiting so many seconds."""
        return await look_until(look, self._bell, wait, self._settings.look_seconds)

    async def confirm(
        self, delivery_id: str, lease: str, unit_codes: Collection[str], *, correlation_id: str | None = None
    ) -> Delivery:
        """The document system has it: handed over, and 01 goes out. Said twice it is the same.

        Raises Problem `delivery.unknown` (NOT_FOUND), `delivery.lease` (CONFLICT) when another claim holds it.
        """
        async with self._store.begin() as tx:
            delivery = await self._held(tx, delivery_id, lease, unit_codes)
            if delivery.state is not DeliveryState.HANDED_OVER:
                delivery = await self.hand_over(tx, delivery, correlation_id)
        self._passed("delivery.handed_over")
        return delivery

    async def reject(self, delivery_id: str, lease: str, reason: str, unit_codes: Collection[str]) -> Delivery:
        """The document system cannot take it now: offered again later, and set apart after too many rejects."""
        now = self._clock()
        async with self._store.begin() as tx:
            delivery = await self._held(tx, delivery_id, lease, unit_codes)
            if delivery.state is not DeliveryState.CLAIMED:
                raise lease_problem()
            rejects = delivery.rejects + 1
            apart = rejects >= self._settings.rejects_before_set_apart
            pause = timedelta(seconds=self._settings.reject_pause_seconds * 2 ** (rejects - 1))
            delivery = replace(
                delivery,
                state=DeliveryState.SET_APART if apart else DeliveryState.WAITING,
                lease=None,
                lease_until=None,
                available_at=now + pause,
                rejects=rejects,
                last_reject=reason,
            )
            await repository.save_delivery(tx, delivery)
            if apart:
                await documents.set_document_state(tx, delivery.document_id, DocumentState.SET_APART, now)
            await self._tell(tx, delivery, Happening.SET_APART if apart else Happening.HAND_OVER_REFUSED)
        return delivery

    async def settle_by_report(self, tx: Transaction, document: Document, *, correlation_id: str | None = None) -> None:
        """A document system that reports a step of a document has it: what was not confirmed counts as handed over."""
        delivery = await repository.delivery_of(tx, document.id)
        if delivery is not None and delivery.state is not DeliveryState.HANDED_OVER:
            await self.hand_over(tx, delivery, correlation_id)

    async def hand_over(self, tx: Transaction, delivery: Delivery, correlation_id: str | None) -> Delivery:
        """Handed over and 01, in one transaction: one is never there without the other (rule 9, G-21).

        The one place for it: a confirmation, a reported step and a webhook answered 2xx all come here.
        """
        now = self._clock()
        document = await documents.find_document(tx, delivery.document_id)
        if document is None:
            raise LookupError("the document of a delivery is missing")
        handed = replace(delivery, state=DeliveryState.HANDED_OVER, lease_until=None, handed_over_at=now)
        await repository.save_delivery(tx, handed)
        await documents.set_document_state(tx, document.id, DocumentState.HANDED_OVER, now)
        await self._tell(tx, handed, Happening.HANDED_OVER)
        await self._reporter.report(tx, document, code=ARRIVED, source_time=now, correlation_id=correlation_id)
        return handed

    async def claim_now(self, codes: Collection[str], *, limit: int) -> list[Claim]:
        """As `claim`, without waiting."""
        unit_codes = sorted(codes)
        now = self._clock()
        until = now + timedelta(seconds=self._settings.claim_seconds)
        claims = []
        async with self._store.read() as tx:
            if not await repository.open_deliveries(tx, unit_codes=unit_codes, now=now, limit=1, lock=False):
                return []
        async with self._store.begin() as tx:
            for delivery in await repository.open_deliveries(tx, unit_codes=unit_codes, now=now, limit=limit):
                document = await documents.find_document(tx, delivery.document_id)
                if document is None:
                    continue
                claimed = replace(
                    delivery, state=DeliveryState.CLAIMED, lease=secrets.token_urlsafe(24), lease_until=until
                )
                await repository.save_delivery(tx, claimed)
                claims.append(Claim(delivery=claimed, document=document))
        return claims

    async def _held(self, tx: Transaction, delivery_id: str, lease: str, unit_codes: Collection[str]) -> Delivery:
        delivery = await repository.find_delivery(tx, delivery_id)
        if delivery is None or delivery.unit_code not in unit_codes:
            raise Problem(
                "delivery.unknown",
                Kind.NOT_FOUND,
                Text("Không có mục này trong hộp đến của bạn.", "There is no such entry in your inbox."),
                Text("Nhận lại bằng POST /v1/inbox:claim.", "Claim again with POST /v1/inbox:claim."),
            )
        if delivery.lease is None or not secrets.compare_digest(delivery.lease.encode(), lease.encode()):
            raise lease_problem()
        return delivery

    async def _tell(self, tx: Transaction, delivery: Delivery, kind: Happening) -> None:
        await self._announce(
            tx,
            Announcement(
                kind=kind,
                at=self._clock(),
                unit_code=delivery.unit_code,
                document=delivery.document_id,
                data={"delivery": delivery.id},
            ),
        )


def lease_problem() -> Problem:
    """Another claim holds what is to be confirmed or rejected, or it has ended."""
    return Problem(
        "delivery.lease",
        Kind.CONFLICT,
        Text(
            "Mã giữ chỗ không còn hiệu lực: mục này đã được nhận lại hoặc đã kết thúc.",
            "The lease no longer holds: the entry was claimed again, or has come to its end.",
        ),
        Text(
            "Nhận lại bằng POST /v1/inbox:claim rồi xác nhận bằng mã mới.",
            "Claim again, and confirm with the new lease.",
        ),
        field="/lease",
    )
