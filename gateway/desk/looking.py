"""What lies on the desk, as its visitor may see it."""

from collections.abc import Collection

from gateway.desk import advice, repository
from gateway.desk.model import Attempt, DeskItem, DeskSort, Opened, Who
from gateway.desk.repository import Scope
from gateway.directory import units
from gateway.documents import repository as documents
from gateway.documents.model import Arrival, Dispatch
from gateway.documents.repository import Cursor
from gateway.documents.settling import repository as settling
from gateway.handover import repository as handover
from gateway.handover.model import Delivery
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.store import Transaction


async def search(
    tx: Transaction, who: Who, *, sorts: Collection[DeskSort], reason: str | None, before: Cursor | None, limit: int
) -> list[DeskItem]:
    """What somebody has to look at, newest first, at most `limit`."""
    scope = await scope_of(tx, who)
    found: list[DeskItem] = []
    if DeskSort.DISPATCH in sorts:
        found += [
            await item(tx, DeskSort.DISPATCH, id)
            for id in await repository.dead_dispatches(tx, scope, reason, before, limit)
        ]
    if DeskSort.ARRIVAL in sorts:
        found += [
            await item(tx, DeskSort.ARRIVAL, id)
            for id in await repository.apart_arrivals(tx, scope, reason, before, limit)
        ]
    if DeskSort.DELIVERY in sorts:
        found += [
            await item(tx, DeskSort.DELIVERY, id)
            for id in await repository.apart_deliveries(tx, scope, reason, before, limit)
        ]
    return sorted(found, key=lambda one: (one.changed_at, one.id), reverse=True)[:limit]


async def find(tx: Transaction, who: Who, id: str) -> DeskItem:
    """One thing. Raises Problem `desk.unknown`, the same for another unit's."""
    sort = await repository.sort_of(tx, id)
    if sort is None:
        raise _unknown()
    found = await item(tx, sort, id)
    scope = await scope_of(tx, who)
    if scope is not None and not _within(found, scope):
        raise _unknown()
    return found


async def opened(tx: Transaction, jobs: Jobs, who: Who, id: str) -> Opened:
    """One thing with all that is known of it. Raises Problem `desk.unknown`."""
    found = await find(tx, who, id)
    reasons = await jobs.reasons(tx, found.sort.value, id) if found.sort is not DeskSort.DELIVERY else []
    return Opened(
        item=found,
        attempts=tuple(Attempt(at=at, reason=reason) for at, reason in reasons),
        settling=await settling.find(tx, id) if found.sort is DeskSort.DISPATCH else None,
        actions=tuple(await repository.actions_on(tx, [one for one in (id, found.document) if one])),
    )


async def scope_of(tx: Transaction, who: Who) -> Scope | None:
    """What the visitor may see; None is everything."""
    if who.units is None:
        return None
    every = await units.every(tx)
    own = [unit for unit in every if unit.code in who.units]
    return Scope(
        units=who.units,
        codes=frozenset(code for unit in own for code in unit.codes),
        all_codes=frozenset(code for unit in every for code in unit.codes),
        connections=frozenset(unit.connection_id for unit in own),
    )


async def item(tx: Transaction, sort: DeskSort, id: str) -> DeskItem:
    """The thing of this id, which is there."""
    match sort:
        case DeskSort.DISPATCH:
            dispatch = await documents.find_dispatch(tx, id)
            if dispatch is None:
                raise _unknown()
            to = [one.code for one in await documents.recipients_of_dispatch(tx, id)]
            return _of_dispatch(dispatch, tuple(to))
        case DeskSort.ARRIVAL:
            arrival = await documents.find_arrival(tx, id)
            if arrival is None:
                raise _unknown()
            return _of_arrival(arrival)
        case DeskSort.DELIVERY:
            delivery = await handover.find_delivery(tx, id, lock=False)
            if delivery is None:
                raise _unknown()
            return _of_delivery(delivery)


def _within(found: DeskItem, scope: Scope) -> bool:
    if found.sort is not DeskSort.ARRIVAL:
        return found.unit_code in scope.units
    (to,) = found.to_codes or ("",)
    return to in scope.codes or (to not in scope.all_codes and found.connection in scope.connections)


def _of_dispatch(one: Dispatch, to: tuple[str, ...]) -> DeskItem:
    actions, text = advice.of_dispatch(one)
    return DeskItem(
        id=one.id,
        sort=DeskSort.DISPATCH,
        state=one.state,
        reason=one.reason,
        message_type=one.message_type,
        document=one.document_id,
        unit_code=one.unit_code,
        connection=one.connection_id,
        from_code=one.from_code,
        to_codes=to,
        attempts=one.attempts,
        axis_doc_id=one.axis_doc_id,
        axis_code=one.error_code,
        axis_text=one.error_text,
        created_at=one.created_at,
        changed_at=one.changed_at,
        findings="",
        actions=actions,
        advice=text,
    )


def _of_arrival(one: Arrival) -> DeskItem:
    actions, text = advice.of_arrival(one.state)
    return DeskItem(
        id=one.id,
        sort=DeskSort.ARRIVAL,
        state=one.state,
        reason=one.reason,
        message_type=one.message_type,
        document=None,
        unit_code=None,
        connection=one.connection_id,
        from_code=one.from_code,
        to_codes=(one.to_code,) if one.to_code else (),
        attempts=one.fetches,
        axis_doc_id=one.doc_id,
        axis_code=None,
        axis_text=None,
        created_at=one.booked_at,
        changed_at=one.changed_at,
        findings=one.findings,
        actions=actions,
        advice=text,
    )


def _of_delivery(one: Delivery) -> DeskItem:
    actions, text = advice.of_delivery(one.state)
    return DeskItem(
        id=one.id,
        sort=DeskSort.DELIVERY,
        state=one.state,
        reason=one.last_reject,
        message_type="edoc",
        document=one.document_id,
        unit_code=one.unit_code,
        connection=None,
        from_code=None,
        to_codes=(one.unit_code,),
        attempts=one.rejects,
        axis_doc_id=None,
        axis_code=None,
        axis_text=None,
        created_at=one.created_at,
        changed_at=one.available_at,
        findings="",
        actions=actions,
        advice=text,
    )


def _unknown() -> Problem:
    return Problem(
        "desk.unknown",
        Kind.NOT_FOUND,
        Text("Không có mục này trên bàn xử lý của bạn.", "There is no such thing on your desk."),
        Text("Xem danh sách: GET /v1/desk.", "See the list: GET /v1/desk."),
    )
