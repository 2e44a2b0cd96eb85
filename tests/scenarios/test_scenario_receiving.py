"""Receiving without loss: long lists, old backlogs, what always fails, what the axis was told, what is no duplicate."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import BinaryIO

import partner
import pytest
from agencies import Alone, World
from clocks import TurnedClock
from sqlalchemy import select, text
from world import (
    DEPARTMENT,
    OTHER,
    RECEIVING,
    SENDER,
    SENDING,
    Axis,
    Json,
    Node,
    a_document,
    a_number,
    id_of,
    until,
)

from gateway import opening
from gateway.axis.port import Accepted, MessageType
from gateway.directory import connections
from gateway.documents import cut_off, reception, repository
from gateway.documents.model import Arrival, ArrivalState, DocumentState
from gateway.edxml.model import DocumentPacket
from gateway.edxml.reader import Limits, ReadPacket, read_packet
from gateway.handover.day_end import NOT_HANDED_OVER
from gateway.jobs.repository import job
from gateway.store import Blobs
from gateway.times import VIETNAM

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _arrival(of: Node, doc_id: str) -> Arrival:
    async with of.gateway.store.read() as tx:
        return (await repository.known_arrivals(tx, "axis", [doc_id]))[doc_id]


async def _until_arrival(of: Node, doc_id: str, state: ArrivalState) -> Arrival:
    async def there() -> bool:
        async with of.gateway.store.read() as tx:
            found = await repository.known_arrivals(tx, "axis", [doc_id])
        return doc_id in found and found[doc_id].state is state

    await until(there)
    return await _arrival(of, doc_id)


async def _until_all_done(simulated: Axis, system_id: str, kind: str) -> list[Json]:
    """Until the axis has been told `done` of every item of a system; those items."""

    async def items() -> list[Json]:
        found = (await simulated.ledger())["items"]
        return [one for one in found if (one["system_id"], one["kind"]) == (system_id, kind)]

    async def done() -> bool:
        found = await items()
        return bool(found) and all(one["state"] == "done" for one in found)

    await until(done)
    return await items()


async def test_an_acknowledgement_of_which_we_did_not_learn_is_settled_by_the_list(alone: Alone) -> None:
    async with alone() as (simulated, receiver):
        await simulated.fault("drop-after-store@updateStatus=once")
        item = await simulated.lay(partner.document(a_number()))
        arrival = await _until_arrival(receiver, item, ArrivalState.ACKNOWLEDGED)
        assert arrival.acknowledged_as == "done"
        assert await simulated.acks(item) == ["done"]


async def test_what_was_taken_in_and_is_listed_no_more_does_not_stay_open_for_ever(world: World) -> None:
    item = await world.axis.lay(partner.document(a_number()))
    arrival = await _until_arrival(world.receiver, item, ArrivalState.ACKNOWLEDGED)
    async with world.receiver.gateway.store.begin() as tx:
        forgotten = replace(arrival, state=ArrivalState.DELIVERED, acknowledged_at=None, acknowledged_as=None)
        await repository.save_arrival(tx, forgotten)
    settled = await _until_arrival(world.receiver, item, ArrivalState.ACKNOWLEDGED)
    assert settled.acknowledged_as == "done"
    assert await world.axis.acks(item) == ["done"]


async def test_a_refusal_of_our_settings_does_not_mean_that_the_axis_was_told(alone: Alone) -> None:
    async with alone() as (simulated, receiver):
        await simulated.fault("http-401-json@updateStatus=once")
        item = await simulated.lay(partner.document(a_number()))

        async def stopped() -> bool:
            return (await receiver.connection()).stopped_reason is not None

        await until(stopped)
        assert await simulated.acks(item) == []
        assert (await _arrival(receiver, item)).state is ArrivalState.DELIVERED
        await receiver.change(connections.resume)
        await _until_arrival(receiver, item, ArrivalState.ACKNOWLEDGED)


@pytest.mark.parametrize(("business", "what"), [("1", "recall"), ("2", "update")])
async def test_a_second_recall_or_update_of_a_document_is_no_duplicate(world: World, business: str, what: str) -> None:
    number, now = a_number(), opening.clock()
    for ago in (3, 2, 1):
        sent = partner.document(number, business=business if ago < 3 else "0", at=now - timedelta(minutes=ago))
        assert isinstance(await world.axis.send(sent), Accepted)
    claims = await world.receiver.claims(3, of=partner.id_of(number))
    shown = [await world.receiver.document(one["document"]["href"]) for one in claims]
    assert sorted(one["business_type"] for one in shown) == sorted(["0", business, business])
    assert len({one["id"] for one in shown}) == 3
    for one in shown:
        assert await world.receiver.events("document.arrived_again", document=one["id"]) == [], what


async def test_a_good_copy_after_one_that_could_not_be_read_is_taken_in(world: World) -> None:
    number = a_number()
    whole = partner.document(number)
    broken = await world.axis.lay(whole[: len(whole) // 2])
    await _until_arrival(world.receiver, broken, ArrivalState.QUARANTINED)
    assert isinstance(await world.axis.send(whole), Accepted)
    (claim,) = await world.receiver.claims(of=partner.id_of(number))
    await world.receiver.confirm(claim)
    assert len(await world.receiver.listed(partner.id_of(number))) == 1


async def test_a_document_that_the_axis_refused_may_be_handed_over_again(world: World) -> None:
    document = a_document(to=(DEPARTMENT,))
    lock = f"{world.axis.address}/_sim/units"
    await world.axis.http.post(lock, json={"code": DEPARTMENT, "locked": True})
    first = await world.sender.sent(document)
    await world.sender.until_state(first, "refused")
    await world.axis.http.post(lock, json={"code": DEPARTMENT, "locked": False})
    second = await world.sender.sent(document)
    await world.sender.until_state(second, "sent")
    assert second != first
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_status_packets_are_acknowledged_too(world: World) -> None:
    document = a_document(to=("H97",))
    address = await world.sender.sent(document)
    await world.sender.until_state(address, "sent")
    sent = await world.axis.send(partner.status("03", id_of(document)), MessageType.STATUS)
    assert isinstance(sent, Accepted)
    items = await _until_all_done(world.axis, SENDING, "status")
    assert {one["object_id"] for one in items} >= {sent.doc_id}
    await world.sender.until_processing(address, "03", "H97")


async def test_a_status_and_the_outcome_of_its_dispatch_wait_for_each_other_in_one_order(world: World) -> None:
    store = world.sender.gateway.store
    if store.dialect != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    document = a_document(to=("H97",))
    await world.axis.fault("drop-after-store@sendEdoc=once")
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "unknown")

    async def somebody_waits() -> bool:
        async with store.read() as tx:
            found = await tx.execute(
                text(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                    " AND wait_event_type = 'Lock' AND query LIKE '%FROM dispatch%FOR UPDATE%'"
                )
            )
        return int(found.scalar_one()) > 0

    async with store.begin() as tx:  # as the dispatch's own job would: the dispatch, then the document
        (dispatch,) = await repository.dispatches_of(tx, shown["id"])
        await repository.hold_dispatch(tx, dispatch.id)
        sent = await world.axis.send(partner.status("03", id_of(document)), MessageType.STATUS)
        await until(somebody_waits)
        await repository.set_document_state(tx, shown["id"], DocumentState.UNKNOWN, opening.clock())
    await world.sender.until_processing(address, "03", "H97")
    assert (await world.sender.document(address))["state"] == "sent"
    assert isinstance(sent, Accepted)
    (item,) = [one["doc_id"] for one in (await world.axis.ledger())["items"] if one["object_id"] == sent.doc_id]
    async with store.read() as tx:
        (arrival,) = (await repository.known_arrivals(tx, "axis", [item])).values()
        assert await world.sender.gateway.jobs.reasons(tx, "arrival", arrival.id) == []  # no deadlock was broken


async def test_a_list_that_shows_only_some_of_what_waits_is_drained(alone: Alone) -> None:
    async with alone(readings=["list-cap=7"]) as (simulated, receiver):
        await receiver.change(connections.stop, "operator")
        numbers = [a_number() for _ in range(30)]
        for number in numbers:
            await simulated.lay(partner.document(number))
        await receiver.change(connections.resume)
        claims = await receiver.claims(30)
        assert {one["document"]["document_id"] for one in claims} == {partner.id_of(number) for number in numbers}
        assert len(await _until_all_done(simulated, RECEIVING, "edoc")) == 30


async def test_a_backlog_of_90_days_is_only_looked_at_and_then_divided_by_the_cut_off(alone: Alone) -> None:
    now = opening.clock()
    ages = {a_number(): timedelta(days=days, hours=1) for days in range(0, 91, 10)}
    async with alone(active=False) as (simulated, receiver):
        for number, age in ages.items():
            await simulated.lay(partner.document(number, at=now - age))
        await simulated.lay(b"no packet")

        async def looked_at() -> bool:
            async with receiver.gateway.store.read() as tx:
                observed = await repository.arrivals_in(tx, "axis", ArrivalState.OBSERVED)
                apart = await repository.arrivals_in(tx, "axis", ArrivalState.QUARANTINED)
            return (len(observed), len(apart)) == (len(ages), 1)

        await until(looked_at)
        await receiver.poll()
        ledger = await simulated.ledger()
        assert (ledger["acks"], [one for one in ledger["packets"] if one["system_id"] == RECEIVING]) == ([], [])
        assert await receiver.listed("", "in") == []
        since = now - timedelta(days=30)
        async with receiver.gateway.store.read() as tx:
            preview = await cut_off.divided(tx, "axis", since)
        assert preview.before + preview.since + preview.undated == len(ages)
        await receiver.change(connections.activate, since)
        for claim in await receiver.claims(len(ages)):
            await receiver.confirm(claim)
        await _until_acknowledged(simulated, len(ages))
        expected = {partner.id_of(number) for number, age in ages.items() if now - age >= since}
        assert len(expected) == 3

        async def told() -> bool:
            return {one["document_id"] for one in await _said(simulated)} >= expected

        await until(told)
        assert {one["document_id"] for one in await _said(simulated)} == expected
        assert {one["status_code"] for one in await _said(simulated)} == {"01"}


async def _until_acknowledged(simulated: Axis, count: int) -> None:
    async def told() -> bool:
        return [one["state"] for one in (await simulated.ledger())["items"]].count("done") >= count

    await until(told)


async def _said(simulated: Axis) -> Sequence[Json]:
    """Statuses that our system sent."""
    packets = (await simulated.ledger())["packets"]
    return [one for one in packets if (one["system_id"], one["kind"]) == (RECEIVING, "status")]


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> TurnedClock:
    """The clock of all that is started after it."""
    clock = TurnedClock(opening.clock)
    monkeypatch.setattr(opening, "clock", clock)
    return clock


async def test_an_item_that_can_never_be_worked_on_is_set_apart_and_blocks_nothing(
    alone_on_sqlite: Alone, turned: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = partner.document("poison")

    def breaks(stream: BinaryIO, sinks: Blobs, limits: Limits, *, today: date) -> ReadPacket:
        """A fault of the program's own: this packet makes it break off."""
        found = read_packet(stream, sinks, limits, today=today)
        if isinstance(found.packet, DocumentPacket) and found.packet.message_header.code.code_number == "poison":
            raise ZeroDivisionError
        return found

    monkeypatch.setattr(reception, "read_packet", breaks)
    async with alone_on_sqlite() as (simulated, receiver):
        item = await simulated.lay(poison)
        await _others_come(simulated, receiver)
        turned.by = timedelta(hours=73)
        (alarm,) = await receiver.until_event("alarm.packet_unreadable")
        assert (alarm["data"]["axis_doc_id"], alarm["data"]["reason"]) == (item, "ZeroDivisionError")
        assert (await _arrival(receiver, item)).state is ArrivalState.QUARANTINED
        await _others_come(simulated, receiver)
        assert await simulated.acks(item) == []


async def _days_pass(turned: TurnedClock) -> None:
    """Three days, and three more where a breaker was open when they passed: an outage does not count."""
    while True:
        turned.by += timedelta(hours=73)
        await asyncio.sleep(10)


async def test_an_item_that_can_never_be_fetched_blocks_nothing_and_is_told_of(
    alone_on_sqlite: Alone, turned: TurnedClock, tmp_path: Path
) -> None:
    async with alone_on_sqlite() as (simulated, receiver):
        await receiver.change(connections.stop, "operator")
        item = await simulated.lay(partner.document("lost"))
        for path in (tmp_path / "axis").glob("*/*/*"):
            path.unlink()  # the axis has lost it, and answers with an error
        await receiver.change(connections.resume)
        await _others_come(simulated, receiver)
        passing = asyncio.create_task(_days_pass(turned))
        try:
            (alarm, *_) = await receiver.until_event("alarm.packet_not_fetched")
        finally:
            passing.cancel()
        assert alarm["data"]["axis_doc_id"] == item
        await _others_come(simulated, receiver)
        assert (await simulated.acks(item), (await _arrival(receiver, item)).state) == ([], ArrivalState.BOOKED)


async def _others_come(simulated: Axis, receiver: Node) -> None:
    number = a_number()
    await simulated.lay(partner.document(number))
    (claim,) = await receiver.claims(of=partner.id_of(number))
    await receiver.confirm(claim)


async def test_a_status_of_unknown_outcome_is_repeated_so_often_and_no_more(alone_on_sqlite: Alone) -> None:
    async with alone_on_sqlite(GATEWAY_DOCUMENTS_STATUS_REPEATS="3") as (simulated, receiver):
        await simulated.fault("html-502@sendEdoc")
        number = a_number()
        await simulated.lay(partner.document(number))
        (claim,) = await receiver.claims(of=partner.id_of(number))
        await receiver.confirm(claim)
        await receiver.until_event("status.not_delivered")
        await receiver.poll()
        faults = (await simulated.http.get(f"{simulated.address}/_sim/faults")).json()["faults"]
        assert [one["struck"] for one in faults] == [3]
        await simulated.healthy()
        answer = await receiver.post(f"{claim['document']['href']}/statuses", {"code": "03"})
        assert answer.status_code == 202

        async def told() -> bool:
            return bool(await simulated.statuses(partner.id_of(number)))

        await until(told)
        assert await simulated.statuses(partner.id_of(number)) == ["03"]


async def test_an_unknown_document_is_settled_by_its_own_arrival_at_another_unit(alone_on_sqlite: Alone) -> None:
    quick = {"GATEWAY_DOCUMENTS_SETTLE_FIRST_SECONDS": "0.2", "GATEWAY_DOCUMENTS_SETTLE_SECONDS": "0.2"}
    async with alone_on_sqlite(GATEWAY_DOCUMENTS_SETTLE_BY_DATES="false", **quick) as (simulated, node):
        document = a_document(sender=DEPARTMENT, to=(OTHER,))
        await simulated.fault("drop-after-store@sendEdoc=once")

        async def taken() -> bool:  # once the axis's list of agencies is there
            return (await node.hand_over(document)).status_code == 202

        await until(taken)
        address = await node.sent(document)
        shown = await node.until_state(address, "sent")
        (sent,) = await node.events("document.sent", document=shown["id"])
        assert sent["data"]["reason"] == "proved_by_arrival"
        assert await node.events("document.unknown", document=shown["id"])
        assert len(await simulated.packets(id_of(document).replace(SENDER, DEPARTMENT, 1))) == 1


async def test_at_the_end_of_the_day_01_says_on_the_axis_how_it_stands_and_is_not_said_again(
    alone_on_sqlite: Alone, turned: TurnedClock
) -> None:
    noon = datetime.combine(opening.clock().astimezone(VIETNAM).date(), time(12), VIETNAM)
    turned.by = noon - opening.clock()
    async with alone_on_sqlite(GATEWAY_HANDOVER_DAY_REPORT="true") as (simulated, receiver):
        number = a_number()
        await simulated.lay(partner.document(number))
        (claim,) = await receiver.claims(of=partner.id_of(number))
        turned.by += timedelta(hours=6)
        (warning,) = await receiver.until_event("alarm.hand_over_due")
        assert (warning["unit_code"], warning["data"]["count"]) == (DEPARTMENT, "1")
        assert await simulated.statuses(partner.id_of(number)) == []
        turned.by += timedelta(hours=6)
        await receiver.until_event("alarm.not_handed_over_today")

        async def told() -> bool:
            return bool(await simulated.statuses(partner.id_of(number)))

        await until(told)
        (again,) = await receiver.claims(of=partner.id_of(number))  # the first claim's lease is long over
        assert again["id"] == claim["id"]
        await receiver.confirm(again)
        shown = await receiver.document(claim["document"]["href"])
        said = [(one["code"], one["description"]) for one in shown["timeline"] if one["step"] == "status.out"]
        assert (shown["state"], said) == ("handed_over", [("01", NOT_HANDED_OVER)])
        assert await simulated.statuses(partner.id_of(number)) == ["01"]


async def test_a_document_that_may_be_urgent_is_fetched_before_statuses(alone: Alone) -> None:
    async with alone() as (simulated, receiver):
        number = a_number()
        await simulated.lay(partner.document(number))
        await simulated.lay(partner.status("03", "H99,2020/01/01,1/KHONG-CO", to=DEPARTMENT), kind="status")
        assert await receiver.claims(of=partner.id_of(number))
        await receiver.until_event("alarm.status_without_document")
        lanes: dict[MessageType, int] = {}
        async with receiver.gateway.store.read() as tx:
            for row in await tx.execute(select(job.c.key, job.c.lane).where(job.c.kind == "arrival")):
                arrival = await repository.find_arrival(tx, row.key)
                assert arrival
                lanes[arrival.message_type] = row.lane
        assert lanes[MessageType.EDOC] < lanes[MessageType.STATUS]
