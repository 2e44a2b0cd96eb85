"""Configuration errors: what is stopped by one, who is told, and how it goes on by itself when something has changed.

Code 15 (and any configuration error of a call that is not a send) stops the connection: no request of ours is good.
Code 19 of a send says that one code is not registered, so it holds back what is sent in the name of that code alone;
whether that was mended can only be seen at the axis, so now and then one dispatch is tried.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from gateway.directory import connections
from gateway.directory.records import Connection
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.model import Dispatch
from gateway.documents.outcomes import Failed
from gateway.documents.pools import sender_of, way_in, way_out
from gateway.jobs import Breakers, Jobs, Phase
from gateway.jobs.breakers import close_all, names_after
from gateway.store import Store, Transaction
from gateway.times import Clock

SENDER_NOT_REGISTERED = "19"

SecretChanged = Callable[[Connection], Awaitable[bool]]
"""Whether the connection's secret is now another than the one that this process used last."""


class Stops:
    """Stops and resumes. Writes in the caller's transaction unless it says otherwise."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        breakers: Breakers,
        announce: Announce,
        secret_changed: SecretChanged,
        clock: Clock,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._breakers = breakers
        self._announce = announce
        self._secret_changed = secret_changed
        self._clock = clock

    async def stop(self, tx: Transaction, connection: Connection, reason: str) -> None:
        """Stop a connection; people are told once.

        `connection` is what the exchange was made with. When it has been changed or resumed since, a late answer says
        nothing of what it is now: stopping it then would be for ever, for its secret will not change again.
        """
        current = await connections.get(tx, connection.id)
        if current.stopped_reason or current.changed_at != connection.changed_at:
            return
        now = self._clock()
        await connections.stop(tx, connection.id, reason, now)
        data = {"connection": connection.id, "reason": reason}
        await self._announce(tx, Announcement(kind=Happening.ALARM_CONNECTION, at=now, data=data))

    async def refused_send(
        self, tx: Transaction, dispatch: Dispatch, connection: Connection, failed: Failed, began: datetime
    ) -> None:
        """A send through a connection, as it then was, met a configuration error."""
        if failed.code != SENDER_NOT_REGISTERED:
            await self.stop(tx, connection, failed.reason)
            return
        name = sender_of(dispatch.connection_id, dispatch.from_code)
        if not await self._breakers.open(tx, name, failed.reason, began=began):
            return
        data = {"connection": dispatch.connection_id, "from": dispatch.from_code, "reason": failed.reason}
        await self._announce(
            tx,
            Announcement(kind=Happening.ALARM_SENDER, at=self._clock(), unit_code=dispatch.unit_code, data=data),
        )

    async def holds(self, dispatch: Dispatch) -> bool:
        """Whether its sender is held back. Of many dispatches one is let through when it is time to try."""
        name = sender_of(dispatch.connection_id, dispatch.from_code)
        if self._breakers.phase(name) is Phase.CLOSED:
            return False
        return not await self._breakers.probes(name, subject=dispatch.id)

    async def registered(self, tx: Transaction, dispatch: Dispatch) -> None:
        """The axis has not refused its sender."""
        name = sender_of(dispatch.connection_id, dispatch.from_code)
        was_held = not self._breakers.seen(name).is_clean
        await self._breakers.answered(tx, name)
        if was_held:
            data = {"connection": dispatch.connection_id, "from": dispatch.from_code}
            await self._announce(
                tx,
                Announcement(kind=Happening.RESUMED, at=self._clock(), unit_code=dispatch.unit_code, data=data),
            )

    async def resume_if_changed(self, connection: Connection) -> bool:
        """Use a connection again that a configuration error stopped, when its secret has changed. Commits by itself."""
        if not connections.is_configuration(connection.stopped_reason) or not await self._secret_changed(connection):
            return False
        now = self._clock()
        async with self._store.begin() as tx:
            current = await connections.get(tx, connection.id)
            if current.stopped_reason != connection.stopped_reason or current.changed_at != connection.changed_at:
                return False
            await connections.resume(tx, connection.id, now)
            await self._jobs.wake(tx, "poll", connection.id)
            data = {"connection": connection.id, "reason": "secret_changed"}
            await self._announce(tx, Announcement(kind=Happening.RESUMED, at=now, data=data))
        return True


async def give_a_chance(tx: Transaction, connection_id: str, now: datetime) -> None:
    """A person says that something was mended: nothing of a connection is left alone any more."""
    senders = await names_after(tx, sender_of(connection_id, ""))
    await close_all(tx, [way_out(connection_id), way_in(connection_id), *senders], now)
