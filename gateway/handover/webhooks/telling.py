"""The jobs of webhooks: one for each endpoint gives events out to chains, one for each chain makes its calls in order.

Whoever announces an event writes nothing for webhooks: `watch` sees new events in the feed and wakes the endpoints'
jobs. A chain is one document's (or that of events without a document): its calls are made one after the other, those
of different chains side by side.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from gateway.documents.announcing import Announce, Announcement, Happening, Passed, unwatched
from gateway.documents.lanes import lane_of
from gateway.handover import repository as handover
from gateway.handover.feed import Bell
from gateway.handover.inbox import Inbox
from gateway.handover.model import Delivery, DeliveryState, Event
from gateway.handover.webhooks import repository, signing
from gateway.handover.webhooks.calling import Caller
from gateway.handover.webhooks.endpoints import FEED_JOB
from gateway.handover.webhooks.model import (
    NO_DOCUMENT,
    Called,
    Chain,
    ChainState,
    Endpoint,
    EndpointState,
)
from gateway.handover.webhooks.patience import Breaker, may_call
from gateway.jobs import Again, Claimed, Done, Jobs, Lane, Outcome, Retry
from gateway.store import DatabaseUnavailable, Store, Transaction
from gateway.times import Clock

CALL_JOB = "webhook_call"
"""One for each chain; its key is `endpoint:subject`."""

PORTION = 200
"""Events given out in one transaction."""
MOST_CHAINS = 2000
"""Chains of one endpoint at a time: what is beyond waits in the feed, where it is already."""
CALLS_IN_A_ROW = 20
_IDLE = timedelta(seconds=60)
_PAUSED = timedelta(hours=1)
_MARGIN = timedelta(seconds=30)
_LEAST_BETWEEN_LOOKS = 0.2

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """The next call of a chain; `delivery` is what it hands over, claimed for it."""

    endpoint: Endpoint
    chain: Chain
    event: Event
    delivery: Delivery | None


class Webhooks:
    """Handles both jobs, and watches the feed."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        inbox: Inbox,
        announce: Announce,
        bell: Bell,
        caller: Caller,
        breaker: Breaker,
        href: Callable[[str], str],
        clock: Clock,
        call_seconds: float,
        look_seconds: float,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._inbox = inbox
        self._announce = announce
        self._bell = bell
        self._caller = caller
        self._breaker = breaker
        self._href = href
        self._clock = clock
        self._held_for = timedelta(seconds=call_seconds) + _MARGIN
        self._look_seconds = look_seconds
        self._passed = passed

    async def watch(self) -> None:
        """Until cancelled: wake the jobs of endpoints for which there is something new, from whichever node it came."""
        while True:
            await self._bell.wait(self._look_seconds)
            try:
                await self.look()
            except DatabaseUnavailable as error:
                log.warning("webhooks.not_looked", code=error.code)
            await asyncio.sleep(min(_LEAST_BETWEEN_LOOKS, self._look_seconds))

    async def look(self) -> None:
        """Look once."""
        async with self._store.read() as tx:
            behind = await repository.behind(tx)
        if not behind:
            return
        async with self._store.begin() as tx:
            for endpoint_id in behind:
                await self._jobs.wake(tx, FEED_JOB, endpoint_id)

    async def give_out(self, job: Claimed) -> Outcome:
        """Handles FEED_JOB: events become work of chains, and what was parked goes on once the endpoint answers."""
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            endpoint = await repository.endpoint(tx, job.key)
            if endpoint is None:
                return Done()
            if endpoint.state is EndpointState.PAUSED:
                return Again(now + _PAUSED)
            if endpoint.open_until is not None and endpoint.open_until <= now:
                return Again(await self._probe(tx, endpoint, now))
            more = await self._give_out_portion(tx, endpoint)
            if endpoint.open_until is None:
                more |= await self._revive(tx, endpoint)
            return Again(now if more else endpoint.open_until or now + _IDLE)

    async def call(self, job: Claimed) -> Outcome:
        """Handles CALL_JOB: calls until the chain is at its end, a call fails, or it is others' turn."""
        endpoint_id, _, subject = job.key.partition(":")
        for number in range(CALLS_IN_A_ROW):
            turn = await self._next(job, endpoint_id, subject)
            if not isinstance(turn, _Turn):
                return turn
            called = await self._caller.call(
                turn.endpoint, signing.id_of(endpoint_id, turn.event), signing.body_of(turn.event, self._href)
            )
            self._passed("webhook.called")
            log.info(
                "webhook.call",
                webhook=turn.endpoint.name,
                seq=turn.event.seq,
                failure=called.failure,
                http_status=called.http_status,
                seconds=round(called.seconds, 3),
            )
            if called.failure is not None:
                return await self._failed(job, turn, called, first=number == 0)
            await self._told(job, turn)
        return Again(self._clock())

    async def given_up(self, job: Claimed, reason: str) -> None:
        """The schedule is at its end: the chain is left for a person, and the others go on."""
        endpoint_id, _, subject = job.key.partition(":")
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            chain = await repository.chain(tx, endpoint_id, subject)
            endpoint = await repository.endpoint(tx, endpoint_id)
            if endpoint is None or chain is None:
                return
            event = await repository.next_event(tx, endpoint, chain)
            await repository.save_chain(tx, chain, state=ChainState.FAILED)
            for unit_code in [event.unit_code] if event and event.unit_code else sorted(endpoint.units):
                await self._announce(
                    tx,
                    Announcement(
                        kind=Happening.ALARM_WEBHOOK_CALL,
                        at=self._clock(),
                        unit_code=unit_code,
                        data={"webhook": endpoint.name, "reason": reason, "event": str(event.seq if event else 0)}
                        | ({} if subject == NO_DOCUMENT else {"document": subject}),
                    ),
                )

    async def _give_out_portion(self, tx: Transaction, endpoint: Endpoint) -> bool:
        """True when there is more at once."""
        backlog = await repository.backlog(tx, endpoint.id)
        if backlog.open + backlog.parked >= MOST_CHAINS:
            return False
        top = await handover.last_event(tx)
        if top <= endpoint.cursor:
            return False
        events = await repository.news(tx, endpoint, PORTION)
        firsts: dict[str, int] = {}
        for event in events:
            firsts.setdefault(event.document_id or NO_DOCUMENT, event.seq)
        state = ChainState.OPEN if endpoint.open_until is None else ChainState.PARKED
        if state is ChainState.OPEN:
            await self._put(tx, endpoint, sorted(firsts))
        for subject, first in sorted(firsts.items()):
            await repository.want_told(tx, endpoint.id, subject, first, state)
        whole = len(events) < PORTION
        moved = await repository.move_cursor(tx, endpoint.id, endpoint.cursor, top if whole else events[-1].seq)
        return not whole or not moved

    async def _revive(self, tx: Transaction, endpoint: Endpoint) -> bool:
        """Have parked chains go on; True when there are more of them."""
        subjects = await repository.chains(tx, endpoint.id, ChainState.PARKED, PORTION)
        await self._put(tx, endpoint, sorted(subjects), now=True)
        await repository.open_chains(tx, endpoint.id, subjects)
        return len(subjects) == PORTION

    async def _probe(self, tx: Transaction, endpoint: Endpoint, now: datetime) -> datetime:
        """Let one chain try whether the endpoint answers again; when to see what came of it."""
        see = now + self._held_for
        subjects = await repository.chains(tx, endpoint.id, ChainState.PARKED, 1)
        if not subjects:
            subjects = await repository.chains(tx, endpoint.id, ChainState.OPEN, 1)
        await self._put(tx, endpoint, subjects, now=True)
        await repository.open_chains(tx, endpoint.id, subjects)
        locked = await repository.locked_endpoint(tx, endpoint.id)
        if locked is not None and locked.open_until == endpoint.open_until:
            probing = replace(locked, open_until=see, probe=subjects[0]) if subjects else self._breaker.answered(locked)
            await repository.save_endpoint(tx, probing)
        return see if subjects else now

    async def _put(self, tx: Transaction, endpoint: Endpoint, subjects: list[str], *, now: bool = False) -> None:
        urgent = await repository.priorities(tx, subjects) if subjects else {}
        for subject in subjects:
            key = f"{endpoint.id}:{subject}"
            lane = lane_of(urgent.get(subject, 0)) if subject != NO_DOCUMENT else Lane.SECOND
            await self._jobs.put(tx, kind=CALL_JOB, key=key, lane=lane)
            if now:
                await self._jobs.wake(tx, CALL_JOB, key)

    async def _next(self, job: Claimed, endpoint_id: str, subject: str) -> _Turn | Outcome:
        """The call to make, or what becomes of the job instead."""
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            chain = await repository.chain(tx, endpoint_id, subject)
            endpoint = await repository.endpoint(tx, endpoint_id)  # after the lock: its cursor must not be older
            if endpoint is None or chain is None:
                return Done()
            if endpoint.state is EndpointState.PAUSED or not may_call(endpoint, subject):
                await repository.save_chain(tx, chain, state=ChainState.PARKED, lease=chain.lease)
                return Done()
            while event := await repository.next_event(tx, endpoint, chain):
                held = await self._held(tx, endpoint, chain, event, now)
                if isinstance(held, Again):
                    return held
                if held is not _SKIP:
                    delivery = held if isinstance(held, Delivery) else None
                    lease = delivery.lease if delivery else None
                    await repository.save_chain(tx, chain, state=ChainState.OPEN, lease=lease, tried_at=now)
                    return _Turn(endpoint=endpoint, chain=chain, event=event, delivery=delivery)
                await repository.advance(tx, chain, event.seq)
                chain = replace(chain, after=event.seq)
            await repository.drop_chain(tx, chain)
            return Done()

    async def _held(
        self, tx: Transaction, endpoint: Endpoint, chain: Chain, event: Event, now: datetime
    ) -> "Delivery | Again | _Skip | None":
        """The delivery that telling the event hands over, claimed; None when it hands nothing over."""
        if event.kind != Happening.ARRIVED or not endpoint.hands_over or event.document_id is None:
            return None
        delivery = await handover.delivery_of(tx, event.document_id)
        if delivery is None:
            return None
        if delivery.state in (DeliveryState.HANDED_OVER, DeliveryState.SET_APART, DeliveryState.DISCARDED):
            return None if event.seq <= endpoint.replayed_to else _SKIP
        ours = delivery.lease is not None and delivery.lease == chain.lease
        if delivery.state is DeliveryState.CLAIMED and not ours and delivery.lease_until and delivery.lease_until > now:
            return Again(delivery.lease_until)
        if delivery.state is DeliveryState.WAITING and delivery.available_at > now:
            return Again(delivery.available_at)
        lease = secrets.token_urlsafe(24)
        claimed = replace(delivery, state=DeliveryState.CLAIMED, lease=lease, lease_until=now + self._held_for)
        await handover.save_delivery(tx, claimed)
        return claimed

    async def _told(self, job: Claimed, turn: _Turn) -> None:
        """Answered 2xx: the chain moves on, and what the call handed over is handed over, in one transaction."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            chain = await repository.chain(tx, turn.endpoint.id, turn.chain.subject)
            if chain is None:
                return
            await repository.advance(tx, turn.chain, turn.event.seq)
            await repository.save_chain(tx, chain, lease=None)
            delivery = await handover.find_delivery(tx, turn.delivery.id) if turn.delivery else None
            closed = await self._close_breaker(tx, turn.endpoint)
            if delivery is not None and delivery.state is not DeliveryState.HANDED_OVER:
                await self._inbox.hand_over(tx, delivery, None)
        self._passed("webhook.told")
        if closed:
            async with self._store.begin() as tx:
                await self._jobs.wake(tx, FEED_JOB, turn.endpoint.id)

    async def _close_breaker(self, tx: Transaction, seen: Endpoint) -> bool:
        """Note that the endpoint answers, if that is news; True when the breaker was open."""
        if seen.failures == 0:
            fresh = await repository.endpoint(tx, seen.id)
            if fresh is None or fresh.failures == 0:
                return False
        endpoint = await repository.locked_endpoint(tx, seen.id)
        if endpoint is None:
            return False
        await repository.save_endpoint(tx, self._breaker.answered(endpoint))
        return endpoint.open_until is not None

    async def _failed(self, job: Claimed, turn: _Turn, called: Called, *, first: bool) -> Outcome:
        """Give the delivery back, count the failure, and pause the endpoint when it has failed for too long."""
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            chain = await repository.chain(tx, turn.endpoint.id, turn.chain.subject)
            if chain is None:
                return Done()
            await repository.save_chain(tx, chain, lease=None)
            delivery = await handover.find_delivery(tx, turn.delivery.id) if turn.delivery else None
            if delivery is not None and turn.delivery is not None and delivery.lease == turn.delivery.lease:
                free = replace(delivery, state=DeliveryState.WAITING, lease=None, lease_until=None, available_at=now)
                await handover.save_delivery(tx, free if delivery.state is DeliveryState.CLAIMED else delivery)
            endpoint = await repository.locked_endpoint(tx, turn.endpoint.id)
            if endpoint is None:
                return Done()
            endpoint, why = self._breaker.failed(endpoint, called, turn.chain.subject, now)
            if why is not None and endpoint.state is EndpointState.ACTIVE:
                endpoint = replace(endpoint, state=EndpointState.PAUSED, paused_reason=why)
                await repository.save_endpoint(tx, endpoint)
                await self._alarm(tx, endpoint, now)
            else:
                await repository.save_endpoint(tx, endpoint)
        if not first:
            return Again(now + timedelta(seconds=max(called.retry_after or 0.0, self._breaker.steps[0])))
        return Retry(called.failure or "", called.retry_after)

    async def _alarm(self, tx: Transaction, endpoint: Endpoint, now: datetime) -> None:
        log.error("webhook.paused", webhook=endpoint.name, reason=endpoint.paused_reason)
        data = {
            "webhook": endpoint.name,
            "reason": endpoint.paused_reason or "",
            "last_error": endpoint.last_error or "",
        }
        for unit_code in sorted(endpoint.units):
            await self._announce(
                tx, Announcement(kind=Happening.ALARM_WEBHOOK_PAUSED, at=now, unit_code=unit_code, data=data)
            )


class _Skip:
    """The event is not to be told: its document was handed over another way."""


_SKIP = _Skip()
