"""The third trip: statuses in any order, repeated, unknown, about nothing we know; and asking a document back."""

from datetime import timedelta

import partner
import pytest
from agencies import World
from world import DEPARTMENT, PARTNER, Json, a_document, id_of, processing, until

from gateway import opening
from gateway.axis.port import Accepted, MessageType

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _sent_to_partner(world: World) -> tuple[str, str]:
    """A document of ours that the partner has: its address and DocumentId."""
    document = a_document(to=(PARTNER,))
    address = await world.sender.sent(document)
    await world.sender.until_state(address, "sent")
    return address, id_of(document)


async def _says(world: World, code: str, document_id: str, minutes: int = 0, description: str | None = None) -> None:
    packet = partner.status(code, document_id, at=opening.clock() + timedelta(minutes=minutes), description=description)
    assert isinstance(await world.axis.send(packet, MessageType.STATUS), Accepted)


async def _heard(world: World, address: str, count: int) -> list[Json]:
    """The timeline's statuses, once there are so many."""
    found: list[Json] = []

    async def enough() -> bool:
        timeline = (await world.sender.document(address))["timeline"]
        found[:] = [one for one in timeline if one["step"] == "status.in"]
        return len(found) >= count

    await until(enough)
    return found


async def test_a_later_step_that_comes_first_is_not_moved_back_by_an_earlier_one(world: World) -> None:
    address, document_id = await _sent_to_partner(world)
    await _says(world, "06", document_id, minutes=0)
    await world.sender.until_processing(address, "06", PARTNER)
    await _says(world, "03", document_id, minutes=-10)
    heard = await _heard(world, address, 2)
    assert [one["code"] for one in heard] == ["03", "06"]
    assert processing(await world.sender.document(address)) == {PARTNER: "06"}


async def test_many_steps_at_once_come_to_the_last(world: World) -> None:
    address, document_id = await _sent_to_partner(world)
    for minutes, code in enumerate(("05", "01", "04", "03"), -10):
        await _says(world, code, document_id, minutes=minutes)
    await _heard(world, address, 4)
    assert processing(await world.sender.document(address)) == {PARTNER: "05"}


async def test_a_status_that_comes_twice_is_recorded_once(world: World) -> None:
    address, document_id = await _sent_to_partner(world)
    await world.axis.fault("duplicate-delivery=2copies,once")
    await _says(world, "01", document_id)
    await _says(world, "03", document_id, minutes=1)
    await world.sender.until_processing(address, "03", PARTNER)
    await world.sender.poll()
    assert [one["code"] for one in await _heard(world, address, 2)] == ["01", "03"]


async def test_a_code_of_one_digit_is_read_as_two(world: World) -> None:
    address, document_id = await _sent_to_partner(world)
    await _says(world, "1", document_id)
    await world.sender.until_processing(address, "01", PARTNER)


@pytest.mark.parametrize("code", ["07", "99"])
async def test_an_unknown_code_is_kept_shown_told_of_and_moves_nothing(world: World, code: str) -> None:
    address, document_id = await _sent_to_partner(world)
    before = await world.sender.seen()
    await _says(world, "03", document_id, minutes=-1)
    await world.sender.until_processing(address, "03", PARTNER)
    await _says(world, code, document_id, description="Theo quy định riêng")
    heard = await _heard(world, address, 2)
    assert (heard[1]["code"], heard[1]["description"]) == (code, "Theo quy định riêng")
    assert code in heard[1]["name_vi"]
    assert processing(await world.sender.document(address)) == {PARTNER: "03"}
    (alarm,) = await world.sender.until_event("alarm.status_code_unknown", after=before)
    assert alarm["data"]["code"] == code


async def test_a_refusal_ends_and_its_reason_is_shown(world: World) -> None:
    address, document_id = await _sent_to_partner(world)
    await _says(world, "01", document_id, minutes=-5)
    await _says(world, "02", document_id, description="Không thuộc thẩm quyền")
    await world.sender.until_processing(address, "02", PARTNER)
    await _says(world, "03", document_id, minutes=5)
    heard = await _heard(world, address, 3)
    assert heard[1]["description"] == "Không thuộc thẩm quyền"
    assert processing(await world.sender.document(address)) == {PARTNER: "02"}


async def test_a_status_for_a_document_we_do_not_know_raises_an_alarm_and_is_acknowledged(world: World) -> None:
    before = await world.sender.seen()
    await _says(world, "03", "H99,2020/01/01,1/KHONG-CO")
    (alarm,) = await world.sender.until_event("alarm.status_without_document", after=before)
    assert (alarm["data"]["from"], alarm["data"]["code"]) == (PARTNER, "03")

    async def acknowledged() -> bool:
        items = (await world.axis.ledger())["items"]
        return all(one["state"] == "done" for one in items if one["kind"] == "status")

    await until(acknowledged)


async def test_asking_back_reaches_the_receiver_and_its_answer_comes_back(world: World) -> None:
    document = a_document(to=(DEPARTMENT,))
    address = await world.sender.sent(document)
    (claim,) = await world.receiver.claims(of=id_of(document))
    await world.receiver.confirm(claim)
    await world.sender.until_processing(address, "01", DEPARTMENT)
    href = claim["document"]["href"]
    asked = await world.sender.post(f"{address}/statuses", {"code": "13", "description": "Gửi nhầm bản"})
    assert asked.status_code == 202, asked.text
    told = await _until_step(world, href, "13")
    assert (told["step"], told["description"], told["organ_id"]) == ("status.in", "Gửi nhầm bản", "H99")
    for code, reason in (("16", "Đã phát hành tiếp"), ("15", None)):
        answer = await world.receiver.post(f"{href}/statuses", {"code": code, "description": reason})
        assert answer.status_code == 202, answer.text
    heard = await _heard(world, address, 3)
    assert {one["code"]: one["description"] for one in heard} == {"01": None, "16": "Đã phát hành tiếp", "15": None}
    assert processing(await world.sender.document(address)) == {DEPARTMENT: "01"}


async def _until_step(world: World, href: str, code: str) -> Json:
    found: list[Json] = []

    async def there() -> bool:
        timeline = (await world.receiver.document(href))["timeline"]
        found[:] = [one for one in timeline if one["code"] == code]
        return bool(found)

    await until(there)
    return found[0]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"code": "13", "description": "x"}, "status.not_yours"),
        ({"code": "02"}, "status.reason_missing"),
        ({"code": "07"}, "status.unknown_code"),
    ],
)
async def test_a_step_that_is_not_the_receivers_to_say_changes_nothing(world: World, said: Json, code: str) -> None:
    document = a_document(to=(DEPARTMENT,))
    await world.sender.sent(document)
    (claim,) = await world.receiver.claims(of=id_of(document))
    answer = await world.receiver.post(f"{claim['document']['href']}/statuses", said)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert (await world.receiver.document(claim["document"]["href"]))["state"] == "waiting"
    assert await world.axis.statuses(id_of(document)) == []


async def test_a_status_of_unknown_outcome_is_sent_again(world: World) -> None:
    document = a_document(to=(DEPARTMENT,))
    address = await world.sender.sent(document)
    (claim,) = await world.receiver.claims(of=id_of(document))
    await world.axis.fault("drop-after-store=once")
    await world.receiver.confirm(claim)
    await world.sender.until_processing(address, "01", DEPARTMENT)

    async def again() -> bool:
        return await world.axis.statuses(id_of(document)) == ["01", "01"]

    await until(again)
    assert [one["code"] for one in await _heard(world, address, 1)] == ["01"]
