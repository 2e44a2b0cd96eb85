"""The way in, second half: the job that fetches an arrival, reads it, commits it, and only then acknowledges it."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.axis.port import NOT_WHOLE, Axis, AxisError, AxisRefused, AxisUnavailable, ErrorClass, Transport
from gateway.directory import connections
from gateway.directory.records import Connection, Mode
from gateway.documents import repository
from gateway.documents.announcing import Announce, Announcement, Happening, Passed, Witnessed, unwatched
from gateway.documents.dispatching import AxisOf
from gateway.documents.model import (
    Arrival,
    ArrivalState,
    Direction,
    Packet,
)
from gateway.documents.outcomes import Failure, Patience, Stop, TryAgain, Witness, failed_call
from gateway.documents.pools import way_in
from gateway.documents.reception import Reception
from gateway.documents.settings import AckUnreadable, DocumentsSettings
from gateway.documents.stops import Stops
from gateway.inspection import SetApart
from gateway.jobs import Again, Breakers, Claimed, Dead, Done, Jobs, Outcome, Postponed, Retry
from gateway.store import Blob, BlobDamaged, BlobMissing, Blobs, Store, Transaction, new_id
from gateway.times import Clock

_log = structlog.get_logger(__name__)


_ASKED_AGAIN = timedelta(hours=1)
"""Between attempts at an item that the axis lists and will not give."""
_STAY_APART = (ArrivalState.QUARANTINED, ArrivalState.DISCARDED)
_ACK = {AckUnreadable.FAIL: Transport.FAIL, AckUnreadable.DONE: Transport.DONE}


class Arriver:
    """Handles the jobs of kind `arrival`; the job's key is the arrival's id."""

    def __init__(
        self,
        *,
        store: Store,
        blobs: Blobs,
        jobs: Jobs,
        axis_of: AxisOf,
        reception: Reception,
        announce: Announce,
        breakers: Breakers,
        stops: Stops,
        patience: Patience,
        clock: Clock,
        settings: DocumentsSettings,
        passed: Passed = unwatched,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._axis_of = axis_of
        self._reception = reception
        self._announce = announce
        self._breakers = breakers
        self._stops = stops
        self._patience = patience
        self._clock = clock
        self._settings = settings
        self._passed = passed

    async def handle(self, job: Claimed) -> Outcome:
        """One run of an arrival's job."""
        async with self._store.read() as tx:
            arrival = await repository.find_arrival(tx, job.key)
            connection = await connections.find(tx, arrival.connection_id) if arrival else None
        if arrival is None or connection is None:
            return Dead("arrival_missing")
        if connection.stopped_reason:
            return self._later()
        began = self._clock()
        try:
            axis = await self._axis_of(connection)
            if arrival.state is ArrivalState.BOOKED:
                arrival = await self._fetch(job, arrival, axis)
                self._passed("arrival.fetched")
            if arrival.state is ArrivalState.FETCHED or _may_be_taken_in_now(arrival, connection):
                arrival = await self._reception.take_in(job.lease, arrival, connection)
                self._passed("arrival.committed")
            if arrival.state is ArrivalState.BOOKED:
                return Retry("unreadable_copy")
            if arrival.state is ArrivalState.FETCHED:
                return Retry(SetApart.NOT_SCANNED)
            return await self._acknowledge(job, arrival, connection, axis)
        except AxisError as error:
            return await self._failed(job, arrival, connection, error, began)
        except (BlobMissing, BlobDamaged) as trouble:
            _log.error("arrival.packet_lost", code=trouble.code, arrival=arrival.id, do=trouble.action.en)
            await self._fetch_again(job, arrival, trouble.code)
            return Retry(trouble.code)

    async def exhausted(self, job: Claimed, reason: str) -> None:
        """The policy gives up: what was read is set apart and blocks nothing; what never came is tried at each poll."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            arrival = await repository.find_arrival(tx, job.key)
            if arrival is None or arrival.state not in (ArrivalState.BOOKED, ArrivalState.FETCHED):
                return
            if arrival.state is ArrivalState.BOOKED and arrival.unreadable_sha256 is None:
                if arrival.reason != reason[:100]:
                    await self._reception.alarm(tx, Happening.ALARM_NOT_FETCHED, replace(arrival, reason=reason[:100]))
                return
            unscanned = reason == SetApart.NOT_SCANNED
            kind = Happening.ALARM_ATTACHMENT if unscanned else Happening.ALARM_QUARANTINE
            await self._reception.set_apart(tx, arrival, reason, (), kind)

    def _later(self) -> Again:
        return Again(self._clock() + timedelta(seconds=self._settings.held_seconds))

    async def _failed(
        self, job: Claimed, arrival: Arrival, connection: Connection, error: AxisError, began: datetime
    ) -> Outcome:
        """What follows when the axis did not answer, or said no."""
        failed = failed_call(error)
        name = way_in(connection.id)
        usable = self._breakers.seen(name).usable_since
        since = max(one for one in (job.first_run_at, connection.changed_at, usable) if one is not None)
        decision = self._patience.decide(
            failed.failure,
            attempt=job.attempt,
            age=(self._clock() - since).total_seconds(),
            draw=random.random(),  # noqa: S311 - spreads load, guards nothing
            doubts=job.attempt,
            soonest=failed.retry_after,
            repeatable=True,
        )
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if failed.witness is Witness.SICK:
                await self._breakers.failed(
                    tx, name, began=began, reason=failed.reason, soonest=failed.retry_after, attempt=job.attempt
                )
            if failed.witness is Witness.WELL:
                await self._breakers.answered(tx, name)
            if isinstance(decision, Stop):
                await self._stops.stop(tx, connection, failed.reason)
        match decision:
            case TryAgain(after):
                return Postponed(failed.reason, after)
            case Stop():
                return Postponed(failed.reason, float(self._settings.held_seconds))
            case _:
                await self.exhausted(job, failed.reason)
        if arrival.state is ArrivalState.BOOKED and failed.failure is not Failure.TRANSIENT:
            async with self._store.begin() as tx:
                await self._jobs.hold(tx, job.lease)
                await self._reception.save(tx, arrival, ArrivalState.BOOKED, reason=failed.reason)
            return Postponed(failed.reason, _ASKED_AGAIN.total_seconds())
        return Dead(failed.reason)

    async def _fetch(self, job: Claimed, arrival: Arrival, axis: Axis) -> Arrival:
        try:
            blob = await self._copy(arrival, axis)
        except AxisUnavailable as error:
            if error.reason not in NOT_WHOLE:
                raise
            blob = await self._copy(arrival, axis)  # by getEdoc, whose envelope tells a broken packet from a cut line
        now = self._clock()
        packet = Packet(
            id=new_id(now), message_type=arrival.message_type, direction=Direction.IN, blob=blob, created_at=now
        )
        fetched = replace(
            arrival,
            state=ArrivalState.FETCHED,
            packet_id=packet.id,
            fetches=arrival.fetches + 1,
            changed_at=now,
        )
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            await repository.add_packet(tx, packet)
            await repository.save_arrival(tx, fetched)
            proof = {"packet": blob.sha256, "size": str(blob.size), "axis_doc_id": arrival.doc_id}
            await self._witness(tx, Witnessed.FETCHED, fetched, proof)
        return fetched

    async def _copy(self, arrival: Arrival, axis: Axis) -> Blob:
        out = self._blobs.create()
        try:
            await axis.fetch(arrival.doc_id, out.write)
            return await asyncio.to_thread(out.commit)
        except BaseException:
            out.discard()
            raise

    async def _fetch_again(self, job: Claimed, arrival: Arrival, reason: str) -> None:
        """Our copy of the packet is gone or damaged; the axis still has its own, for it was told nothing."""
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            await self._reception.save(tx, arrival, ArrivalState.BOOKED, reason=reason)

    async def _acknowledge(self, job: Claimed, arrival: Arrival, connection: Connection, axis: Axis) -> Outcome:
        state = self._what_to_say(arrival)
        if state is None or connection.mode is not Mode.ACTIVE:
            return Done()
        try:
            await axis.acknowledge(arrival.doc_id, state)
        except AxisRefused as refused:
            if not await _told_before(axis, arrival, refused):
                raise
            state = Transport(arrival.acknowledged_as or state)  # it keeps the word that it was given before
        self._passed("arrival.acknowledged")
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            current = await repository.hold_arrival(tx, arrival.id)
            if current is None:
                return Done()
            # A person may have discarded it, or had it read again, while the axis was told.
            stays = current.state is not arrival.state or current.state in _STAY_APART
            await repository.save_arrival(
                tx,
                replace(
                    current,
                    state=current.state if stays else ArrivalState.ACKNOWLEDGED,
                    acknowledged_at=now,
                    acknowledged_as=state.value,
                    changed_at=now,
                ),
            )
            told = replace(current, changed_at=now)
            await self._witness(tx, Witnessed.ACKNOWLEDGED, told, {"axis_doc_id": arrival.doc_id, "told": state.value})
            if not self._breakers.seen(way_in(connection.id)).is_clean:
                await self._breakers.answered(tx, way_in(connection.id))
            return await self._jobs.done(tx, job.lease)

    def _what_to_say(self, arrival: Arrival) -> Transport | None:
        match arrival.state:
            case ArrivalState.DELIVERED:
                return Transport.DONE
            case ArrivalState.ACKNOWLEDGED:
                return Transport(arrival.acknowledged_as) if arrival.acknowledged_as else Transport.DONE
            case ArrivalState.QUARANTINED:
                return _ACK.get(self._settings.ack_of(arrival.reason))
            case ArrivalState.DISCARDED:
                return Transport(arrival.acknowledged_as) if arrival.acknowledged_as else Transport.FAIL
            case _:
                return None

    async def _witness(self, tx: Transaction, kind: Witnessed, arrival: Arrival, proof: Mapping[str, str]) -> None:
        about = {"arrival": arrival.id, "connection": arrival.connection_id}
        await self._announce(tx, Announcement(kind=kind, at=arrival.changed_at, proof={**about, **proof}))


async def _told_before(axis: Axis, arrival: Arrival, refused: AxisRefused) -> bool:
    """Whether a refused acknowledgement is the second of an item: we know of the first, or it is listed no more.

    Who dies between the axis's answer and the commit does not know of the first; the list does.
    """
    if refused.error_class in (ErrorClass.CONFIGURATION, ErrorClass.TRANSIENT):
        return False
    if arrival.acknowledged_at is not None and arrival.acknowledged_as is not None:
        return True
    return all(item.doc_id != arrival.doc_id for item in await axis.received(arrival.message_type))


def _may_be_taken_in_now(arrival: Arrival, connection: Connection) -> bool:
    """Whether it was only looked at so far, or was nobody's, and that may have changed since (rules 6 and 10)."""
    waiting = (ArrivalState.OBSERVED, ArrivalState.STRANGER)
    return arrival.state in waiting and connection.mode is Mode.ACTIVE
