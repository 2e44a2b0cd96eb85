"""The job that looks for evidence of an Unknown dispatch, and at the end asks a person, once."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.axis.port import AxisError, MessageType, SentRow
from gateway.directory import connections, units
from gateway.directory.records import Connection, Mode
from gateway.documents import repository as documents
from gateway.documents.announcing import Announce, Announcement, Happening
from gateway.documents.dispatching import AxisOf
from gateway.documents.model import Direction, Dispatch, DispatchState, Document
from gateway.documents.reasons import reason_of
from gateway.documents.settings import DocumentsSettings
from gateway.documents.settling import evidence, repository
from gateway.documents.settling.repository import Settling
from gateway.documents.standing import prove_arrived
from gateway.jobs import Again, Claimed, Done, Jobs, Outcome
from gateway.store import Store, Transaction
from gateway.times import Clock

_ROWS_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What one look at the axis's sent list came to. `proof` is the axis's id of our packet."""

    rows: tuple[SentRow, ...] = ()
    trouble: str | None = None
    proof: str | None = None


class Settler:
    """Handles the jobs of kind `settle`; the job's key is the dispatch's id. Receivers' statuses settle by themselves."""

    def __init__(
        self,
        *,
        store: Store,
        jobs: Jobs,
        axis_of: AxisOf,
        announce: Announce,
        clock: Clock,
        settings: DocumentsSettings,
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._axis_of = axis_of
        self._announce = announce
        self._clock = clock
        self._settings = settings

    async def handle(self, job: Claimed) -> Outcome:
        """One look."""
        async with self._store.read() as tx:
            dispatch = await documents.find_dispatch(tx, job.key)
            if dispatch is None or dispatch.state is not DispatchState.UNKNOWN:
                return Done()
            document = await documents.find_document(tx, dispatch.document_id)
            connection = await connections.find(tx, dispatch.connection_id)
            came_back = document is not None and await _came_back(tx, document, dispatch)
        if document is None or connection is None:
            return Done()
        seen = _Seen() if came_back else await self._look(dispatch, document, connection)
        now = self._clock()
        async with self._store.begin() as tx:
            await self._jobs.hold(tx, job.lease)
            if came_back:
                await prove_arrived(tx, self._announce, dispatch.id, "proved_by_arrival", now)
                return Done()
            if seen.proof is not None:
                await prove_arrived(tx, self._announce, dispatch.id, "proved_by_sent_list", now, axis_doc_id=seen.proof)
                return Done()
            return await self._not_yet(tx, dispatch.id, seen, now)

    async def _not_yet(self, tx: Transaction, dispatch_id: str, seen: _Seen, now: datetime) -> Outcome:
        dispatch = await documents.hold_dispatch(tx, dispatch_id)
        if dispatch is None or dispatch.state is not DispatchState.UNKNOWN:
            return Done()
        before = await repository.find(tx, dispatch.id)
        asked_at = before.asked_at if before else None
        over = now - dispatch.changed_at >= timedelta(minutes=self._settings.settle_minutes)
        if over and asked_at is None:
            await self._ask(tx, dispatch, now)
        await repository.save(
            tx,
            Settling(
                dispatch_id=dispatch.id,
                looks=(before.looks if before else 0) + 1,
                looked_at=now,
                trouble=seen.trouble,
                rows=seen.rows[:_ROWS_KEPT],
                asked_at=asked_at or (now if over else None),
            ),
        )
        return Done() if over else Again(now + timedelta(seconds=self._settings.settle_seconds))

    async def _ask(self, tx: Transaction, dispatch: Dispatch, now: datetime) -> None:
        data = {"dispatch": dispatch.id, "reason": dispatch.reason, "axis_code": dispatch.error_code}
        await self._announce(
            tx,
            Announcement(
                kind=Happening.ALARM_OUTCOME,
                at=now,
                unit_code=dispatch.unit_code,
                document=dispatch.document_id,
                data={name: value for name, value in data.items() if value},
            ),
        )

    async def _look(self, dispatch: Dispatch, document: Document, connection: Connection) -> _Seen:
        """The axis's sent list, by its id of the packet where the answer held one, else by dates where that is wanted."""
        if connection.mode is not Mode.ACTIVE or connection.stopped_reason:
            return _Seen(trouble="connection_stopped")
        try:
            if dispatch.axis_doc_id:
                axis = await self._axis_of(connection)
                rows = tuple(await axis.sent(MessageType.EDOC, doc_id=dispatch.axis_doc_id))
                found = evidence.by_id(rows, dispatch.axis_doc_id)
                return _Seen(rows=rows, proof=dispatch.axis_doc_id if found else None)
            if dispatch.sent_at is None or not self._settings.settle_by_dates:
                return _Seen(trouble="axis_id_unknown")
            return await self._look_by_dates(dispatch, document, connection, dispatch.sent_at)
        except AxisError as error:
            return _Seen(trouble=reason_of(error))

    async def _look_by_dates(
        self, dispatch: Dispatch, document: Document, connection: Connection, sent_at: datetime
    ) -> _Seen:
        axis = await self._axis_of(connection)
        since, until = sent_at - evidence.MARGIN, dispatch.changed_at + evidence.MARGIN
        rows = await axis.sent(MessageType.EDOC, since=since, until=until)
        async with self._store.read() as tx:
            recipients = await documents.recipients_of_dispatch(tx, dispatch.id)
            sought = evidence.Sought(
                from_code=dispatch.from_code,
                to_codes=frozenset(one.code for one in recipients),
                number=document.number,
                notation=document.notation,
                title=document.subject,
                since=sent_at,
                until=dispatch.changed_at,
            )
            alike = evidence.alike(rows, sought)
            ids = [row.sender_doc_id for row in alike if row.sender_doc_id]
            known = await documents.axis_ids_known(tx, connection.id, ids)
            rivals = await repository.likenesses(tx, connection.id, document.number, document.notation)
        return _Seen(rows=alike, proof=evidence.single_id(alike, known) if rivals == 1 else None)


async def _came_back(tx: Transaction, document: Document, dispatch: Dispatch) -> bool:
    """Whether the packet came to one of our own units since: then the axis has it."""
    own = [unit.code for unit in await units.every(tx)]
    come = await documents.known_documents(tx, unit_codes=own, document_id=document.document_id, direction=Direction.IN)
    since = dispatch.sent_at or dispatch.created_at
    return any(
        one.sender_code == document.sender_code
        and one.business_type == document.business_type
        and one.created_at >= since
        for one in come
    )
