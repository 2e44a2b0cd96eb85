"""The way in, first half: the leased poller of one connection lists both message types and books arrivals."""

from collections.abc import Callable, Container, Sequence
from datetime import datetime, timedelta

from gateway.axis.port import AxisError, Item, MessageType
from gateway.directory import connections, units
from gateway.directory.records import Connection, Mode
from gateway.documents import repository
from gateway.documents.dispatching import AxisOf
from gateway.documents.model import Arrival, ArrivalState
from gateway.documents.outcomes import Failure, failed_call
from gateway.documents.pools import put_arrivals
from gateway.documents.settings import AckUnreadable, DocumentsSettings
from gateway.documents.stops import Stops
from gateway.jobs import Again, Claimed, Done, Jobs, Lane, Lease, Outcome
from gateway.store import Store, new_id
from gateway.times import Clock

SkewOf = Callable[[str], float | None]
"""Our clock minus the axis's, in seconds, by a connection's last answer; None before the first."""

_PORTION = 500
_TOLD = (ArrivalState.ACKNOWLEDGED, ArrivalState.QUARANTINED, ArrivalState.DISCARDED)


class Poller:
    """Handles the jobs of kind `poll`; the job's key is the connection's id, and its lease makes it the only poller."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        axis_of: AxisOf,
        stops: Stops,
        skew_of: SkewOf,
        clock: Clock,
        settings: DocumentsSettings,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._axis_of = axis_of
        self._stops = stops
        self._skew_of = skew_of
        self._clock = clock
        self._settings = settings

    async def handle(self, job: Claimed) -> Outcome:
        """One poll. Comes again by the connection's interval, whatever it met."""
        async with self._store.read() as tx:
            connection = await connections.find(tx, job.key)
        if connection is None:
            return Done()
        if connection.stopped_reason:
            return self._later(self._settings.held_seconds)
        try:
            axis = await self._axis_of(connection)
            for kind in MessageType:
                asked = self._clock()
                await self._book(job.lease, connection, await axis.received(kind), asked)
            await self._take_up_untold(job.lease, connection)
        except AxisError as error:
            await self._failed(job.lease, connection, error)
        else:
            await self._succeeded(job.lease, connection)
        return self._later(connection.poll_seconds)

    def _later(self, seconds: int) -> Again:
        return Again(self._clock() + timedelta(seconds=seconds))

    async def _book(self, lease: Lease, connection: Connection, items: Sequence[Item], asked: datetime) -> None:
        """Book what is new and have worked on what needs it: a few statements for each portion, whatever is known."""
        for start in range(0, len(items), _PORTION):
            portion = {item.doc_id: item for item in items[start : start + _PORTION]}
            async with self._store.begin() as tx:
                await self._jobs.hold(tx, lease)
                known = await repository.known_arrivals(tx, connection.id, list(portion))
                ours = await units.every_code(tx, connection.id)
                new = {doc_id: self._new(connection, item) for doc_id, item in portion.items() if doc_id not in known}
                await repository.add_arrivals(tx, list(new.values()))
                work = [one for one in (known | new).values() if self._has_work(one, connection, ours, asked)]
                await put_arrivals(tx, self._jobs, connection.id, {one.id: _lane(one) for one in work})

    async def _take_up_untold(self, lease: Lease, connection: Connection) -> None:
        """What was taken in, and is not listed any more before we know that the axis was told: its job settles it."""
        if connection.mode is not Mode.ACTIVE:
            return
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, lease)
            left = await repository.untold(tx, connection.id, _PORTION)
            await put_arrivals(tx, self._jobs, connection.id, {one.id: _lane(one) for one in left})

    def _has_work(self, arrival: Arrival, connection: Connection, ours: Container[str], asked: datetime) -> bool:
        """Whether an item of a list that was asked for at `asked` is to be worked on.

        What the axis lists it has not been told of, or has forgotten; unless it was told while it made the list.
        """
        match arrival.state:
            case ArrivalState.OBSERVED:
                return connection.mode is Mode.ACTIVE
            case ArrivalState.QUARANTINED:
                policy = self._settings.ack_of(arrival.reason)
                return connection.mode is Mode.ACTIVE and policy is not AckUnreadable.NOTHING
            case ArrivalState.STRANGER:
                return connection.mode is Mode.ACTIVE and arrival.to_code in ours
            case ArrivalState.ACKNOWLEDGED:
                return arrival.acknowledged_at is None or arrival.acknowledged_at < asked
            case _:
                return True

    def _new(self, connection: Connection, item: Item) -> Arrival:
        now = self._clock()
        return Arrival(
            id=new_id(now),
            connection_id=connection.id,
            doc_id=item.doc_id,
            message_type=item.message_type,
            from_code=_bounded(item.from_code),
            to_code=_bounded(item.to_code),
            created_time=item.created_time[:40] if item.created_time else None,
            state=ArrivalState.BOOKED,
            packet_id=None,
            unreadable_sha256=None,
            fetches=0,
            reason=None,
            findings="",
            booked_at=now,
            changed_at=now,
            acknowledged_at=None,
            acknowledged_as=None,
        )

    async def _succeeded(self, lease: Lease, connection: Connection) -> None:
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, lease)
            await connections.record_poll(
                tx, connection.id, at=self._clock(), clock_skew_seconds=self._skew_of(connection.id)
            )

    async def _failed(self, lease: Lease, connection: Connection, error: AxisError) -> None:
        failed = failed_call(error)
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, lease)
            await connections.record_poll(tx, connection.id, at=self._clock(), error=failed.reason)
            if failed.failure is Failure.CONFIGURATION:
                await self._stops.stop(tx, connection, failed.reason)


def _bounded(code: str | None) -> str | None:
    return code[:100] if code else None


def _lane(arrival: Arrival) -> Lane:
    """No list says how urgent a document is, so each may be hỏa tốc until it was fetched: documents go before statuses.

    What the axis was told before and has forgotten, often all of it at once, goes after everything that is new.
    """
    if arrival.acknowledged_at is not None and arrival.state in _TOLD:
        return Lane.LAST
    return Lane.NORMAL if arrival.message_type is MessageType.STATUS else Lane.THIRD
