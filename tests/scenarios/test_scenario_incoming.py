"""The way in: what the axis may lay before us, and what becomes of it until its document system has it."""

from dataclasses import replace
from datetime import timedelta

import partner
import pytest
from agencies import World
from sqlalchemy import select
from world import (
    DEPARTMENT,
    OLD_FORM,
    OTHER,
    TWO_FORMS,
    Json,
    Node,
    a_document,
    a_number,
    id_of,
    until,
)

from gateway import opening
from gateway.axis.port import Accepted
from gateway.documents import repository
from gateway.documents.model import Arrival
from gateway.edxml.model import Organ
from gateway.edxml.normal import QD20_MARKER
from gateway.handover import repository as handover
from gateway.handover.model import Delivery
from gateway.jobs import Lane
from gateway.jobs.repository import job

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _arrival(of: Node, doc_id: str) -> Arrival | None:
    async with of.gateway.store.read() as tx:
        return (await repository.known_arrivals(tx, "axis", [doc_id])).get(doc_id)


async def _until_acknowledged(world: World, doc_id: str, state: str) -> None:
    """Once at least: an item that was listed while it was acknowledged is acknowledged again, which changes nothing."""

    async def told() -> bool:
        return bool(await world.axis.acks(doc_id))

    await until(told)
    assert set(await world.axis.acks(doc_id)) == {state}


async def _claim(world: World, document_id: str) -> Json:
    return (await world.receiver.claims(of=document_id))[0]


async def test_a_body_addressed_under_both_its_codes_gets_one_delivery_and_says_01_once(world: World) -> None:
    number = a_number()
    to = (Organ(organ_id=TWO_FORMS), Organ(organ_id=OLD_FORM, organization_in_charge=QD20_MARKER))
    assert isinstance(await world.axis.send(partner.document(number, to=to)), Accepted)
    (claim,) = await world.receiver.claims(of=partner.id_of(number))
    await world.receiver.confirm(claim)

    async def told() -> bool:
        return bool(await world.axis.statuses(partner.id_of(number)))

    await until(told)
    await world.receiver.poll()
    assert len(await world.receiver.listed(partner.id_of(number))) == 1
    assert await world.axis.statuses(partner.id_of(number)) == ["01"]


async def test_a_relisted_item_is_acknowledged_again_and_not_imported_again(world: World) -> None:
    document = a_document(to=(DEPARTMENT,))
    await world.sender.sent(document)
    await _claim(world, id_of(document))
    (item,) = await world.axis.items_of(id_of(document))
    await _until_acknowledged(world, item, "done")
    await world.receiver.poll()
    before = len(await world.axis.acks(item))
    await world.axis.fault("relist-acked")

    async def told_again() -> bool:
        return len(await world.axis.acks(item)) > before

    await until(told_again)
    assert set(await world.axis.acks(item)) == {"done"}
    assert len(await world.receiver.listed(id_of(document))) == 1
    async with world.receiver.gateway.store.read() as tx:
        arrival = (await repository.known_arrivals(tx, "axis", [item]))[item]
        lane = (await tx.execute(select(job.c.lane).where(job.c.kind == "arrival", job.c.key == arrival.id))).scalar()
    assert lane == Lane.LAST  # an axis that forgets all of it at once does not hold up what is new


async def test_a_duplicate_delivery_is_attached_to_the_first(world: World) -> None:
    await world.axis.fault("duplicate-delivery=2copies")
    document = a_document(to=(DEPARTMENT,))
    await world.sender.sent(document)
    claim = await _claim(world, id_of(document))
    items = await world.axis.items_of(id_of(document))
    assert len(items) == 3
    for item in items:
        await _until_acknowledged(world, item, "done")
    assert len(await world.receiver.listed(id_of(document))) == 1
    again = await world.receiver.events("document.arrived_again", document=claim["document"]["id"])
    assert len(again) == 2


async def test_the_same_id_with_other_content_is_kept_beside_the_first_and_the_clerk_is_warned(world: World) -> None:
    number = a_number()
    await world.axis.send(partner.document(number, subject="Bản đầu"))
    first = await _claim(world, partner.id_of(number))
    await world.axis.send(partner.document(number, subject="Bản khác", content=b"%PDF-1.4 khac"))
    second = await _claim(world, partner.id_of(number))
    shown = await world.receiver.document(second["document"]["href"])
    assert shown["twin_of"] == first["document"]["id"]
    (alarm,) = await world.receiver.events("alarm.same_id_other_content", document=second["document"]["id"])
    assert alarm["data"]["earlier"] == first["document"]["id"]


async def test_an_unreadable_packet_is_fetched_twice_set_apart_and_acknowledged_as_failed(world: World) -> None:
    before = await world.receiver.seen()
    item = await world.axis.lay(b"<?xml version='1.0'?><edXML><broken>")
    (alarm,) = await world.receiver.until_event("alarm.packet_unreadable", after=before)
    await _until_acknowledged(world, item, "fail")
    arrival = await _arrival(world.receiver, item)
    assert arrival is not None
    assert (arrival.state, arrival.reason, arrival.fetches) == ("quarantined", "unreadable", 2)
    assert alarm["data"]["axis_doc_id"] == item
    assert arrival.findings


async def test_a_packet_for_a_unit_that_is_not_ours_raises_an_alarm_and_is_not_acknowledged(world: World) -> None:
    number, before = a_number(), await world.receiver.seen()
    await world.axis.send(partner.document(number, to=("H98.02",)))
    (alarm,) = await world.receiver.until_event("alarm.not_addressed_to_us", after=before)
    await world.receiver.poll()
    await world.receiver.poll()
    assert alarm["data"]["to"] == "H98.02"
    assert await world.axis.acks(alarm["data"]["axis_doc_id"]) == []
    assert await world.receiver.listed(partner.id_of(number)) == []
    assert len(await world.receiver.events("alarm.not_addressed_to_us", after=before)) == 1


async def test_a_document_that_arrives_marked_secret_is_set_apart_and_not_distributed(world: World) -> None:
    number, before = a_number(), await world.receiver.seen()
    await world.axis.send(partner.document(number, typer_notation="MẬT"))
    (alarm,) = await world.receiver.until_event("alarm.secret_document_arrived", after=before)
    await world.receiver.poll()
    assert await world.axis.acks(alarm["data"]["axis_doc_id"]) == []
    assert await world.receiver.listed(partner.id_of(number)) == []
    claimed = (await world.receiver.post("/v1/inbox:claim", {"limit": 50, "kinds": ["document"]})).json()["items"]
    assert partner.id_of(number) not in {one["document"]["document_id"] for one in claimed}


async def test_a_subject_that_speaks_of_secrets_is_no_secret(world: World) -> None:
    number = a_number()
    await world.axis.send(partner.document(number, subject="V/v bảo vệ bí mật nhà nước"))
    await world.receiver.confirm(await _claim(world, partner.id_of(number)))


async def test_a_rejected_delivery_comes_back_and_is_set_apart_after_too_many(world: World) -> None:
    number, before = a_number(), await world.receiver.seen()
    await world.axis.send(partner.document(number))
    states = []
    for _ in range(2):
        claim = await _claim(world, partner.id_of(number))
        body = {"lease": claim["lease"], "reason": "Sổ văn bản đang khóa"}
        states.append((await world.receiver.post(f"/v1/inbox/{claim['id']}/reject", body)).json()["state"])
    assert states == ["waiting", "set_apart"]
    (apart,) = await world.receiver.until_event("document.set_apart", after=before)
    assert (await world.receiver.document(apart["href"]))["state"] == "set_apart"
    claimed = (await world.receiver.post("/v1/inbox:claim", {"limit": 50, "kinds": ["document"]})).json()["items"]
    assert partner.id_of(number) not in {one["document"]["document_id"] for one in claimed}
    assert await world.axis.statuses(partner.id_of(number)) == []


async def test_a_claim_that_ends_unconfirmed_is_offered_again_and_its_lease_is_refused(world: World) -> None:
    number = a_number()
    await world.axis.send(partner.document(number))
    first = await _claim(world, partner.id_of(number))
    async with world.receiver.gateway.store.begin() as tx:
        delivery = await handover.find_delivery(tx, first["id"])
        assert delivery is not None
        await handover.save_delivery(tx, _ended(delivery))
    second = await _claim(world, partner.id_of(number))
    late = await world.receiver.post(f"/v1/inbox/{first['id']}/confirm", {"lease": first["lease"]})
    assert (late.status_code, late.json()["code"]) == (409, "delivery.lease")
    assert await world.axis.statuses(partner.id_of(number)) == []
    await world.receiver.confirm(second)
    await world.receiver.confirm(second)  # said twice it is the same

    async def told() -> bool:
        return bool(await world.axis.statuses(partner.id_of(number)))

    await until(told)
    assert await world.axis.statuses(partner.id_of(number)) == ["01"]


def _ended(delivery: Delivery) -> Delivery:
    return replace(delivery, lease_until=opening.clock())


async def test_a_step_reported_without_confirmation_counts_as_hand_over_and_01_goes_first(world: World) -> None:
    number = a_number()
    await world.axis.send(partner.document(number))
    claim = await _claim(world, partner.id_of(number))
    answer = await world.receiver.post(f"{claim['document']['href']}/statuses", {"code": "03"})
    assert answer.status_code == 202, answer.text

    async def both() -> bool:
        return len(await world.axis.statuses(partner.id_of(number))) >= 2

    await until(both)
    assert await world.axis.statuses(partner.id_of(number)) == ["01", "03"]
    assert (await world.receiver.document(claim["document"]["href"]))["state"] == "handed_over"


async def test_the_sender_in_the_list_and_in_the_packet_may_differ_and_that_is_shown(world: World) -> None:
    number = a_number()
    await world.axis.lay(partner.document(number), from_="H11")
    claim = await _claim(world, partner.id_of(number))
    shown = await world.receiver.document(claim["document"]["href"])
    assert "M.MessageHeader.From.OrganId" in {one["code"] for one in shown["findings"]}


async def test_a_long_gone_hop_before_the_cut_off_is_imported_without_statuses(world: World) -> None:
    number = a_number()
    await world.axis.lay(partner.document(number, at=opening.clock() - timedelta(days=30)))
    claim = await _claim(world, partner.id_of(number))
    await world.receiver.confirm(claim)
    await world.receiver.post(f"{claim['document']['href']}/statuses", {"code": "03"})
    await world.receiver.poll()
    assert await world.axis.statuses(partner.id_of(number)) == []
    steps = [
        one["code"] for one in (await world.receiver.document(claim["document"]["href"]))["timeline"] if one["code"]
    ]
    assert steps == ["01", "03"]


async def test_a_status_to_two_units_keeps_them_apart(world: World) -> None:
    number = a_number()
    await world.axis.send(partner.document(number, to=(DEPARTMENT, OTHER)))
    claims = await world.receiver.claims(2, of=partner.id_of(number))
    for claim in claims:
        await world.receiver.confirm(claim)

    async def both() -> bool:
        return len(await world.axis.statuses(partner.id_of(number))) == 2

    await until(both)
    said = [one["from_code"] for one in await world.axis.packets(partner.id_of(number), "status")]
    assert sorted(said) == sorted([DEPARTMENT, OTHER])


@pytest.mark.parametrize(
    ("lost", "told"), [(b"Code", True), (b"DocumentId", False)], ids=["without a number", "without a DocumentId"]
)
async def test_a_document_that_lacks_what_a_status_names_is_handed_over_all_the_same(
    world: World, lost: bytes, told: bool
) -> None:
    number = f"lacking-{lost.decode()}"
    whole = partner.document(number)
    start, end = whole.index(b"<edXML:%s>" % lost), whole.index(b"</edXML:%s>" % lost) + len(b"</edXML:%s>" % lost)
    await world.axis.lay(whole[:start] + whole[end:])
    of = partner.id_of(number) if told else ""
    (claim,) = await world.receiver.claims(1, of=of)
    await world.receiver.confirm(claim)
    alarms = await world.receiver.events("alarm.status_cannot_be_sent")
    assert [one for one in alarms if one["document"] == claim["document"]["id"]] == [] if told else alarms
