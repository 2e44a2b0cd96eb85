"""The desk: unknown outcomes settled by evidence or a person, sending again to some, reading again, discarding."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import partner
import pytest
import pytest_asyncio
from agencies import World, a_world
from typer.testing import CliRunner
from world import (
    DEPARTMENT,
    OTHER,
    PARTNER,
    Json,
    Node,
    a_document,
    a_number,
    id_of,
    processing,
    quick,
    transport,
    until,
)

from gateway import opening
from gateway.axis.port import Accepted, MessageType
from gateway.cli.root import app as commands
from gateway.documents import reception, repository
from gateway.documents.model import DispatchState
from gateway.edxml.reader import read_packet

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOON = {
    "GATEWAY_DOCUMENTS_SETTLE_FIRST_SECONDS": "0.2",
    "GATEWAY_DOCUMENTS_SETTLE_SECONDS": "0.3",
    "GATEWAY_DOCUMENTS_SETTLE_MINUTES": "0.03",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_world(
    quiet: None, databases: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """One whose sender looks for evidence at once, and asks soon."""
    async with a_world(databases, tmp_path_factory.mktemp("desk"), **SOON) as world:
        yield world


async def _on_desk(of: Node, **wanted: str) -> list[Json]:
    answer = await of.get("/v1/desk", limit=200, **wanted)
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["items"]
    return found


async def _dispatch_of(of: Node, shown: Json) -> Json:
    (found,) = [one for one in await _on_desk(of, sort="dispatch") if one["document"] == shown["id"]]
    return found


async def _opened(of: Node, id: str) -> Json:
    answer = await of.get(f"/v1/desk/{id}")
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def _unknown(world: World, fault: str = "drop-before-store=once") -> tuple[Json, str, Json]:
    document = a_document(to=(PARTNER,))
    await world.axis.fault(fault)
    address = await world.sender.sent(document)
    return document, address, await world.sender.until_state(address, "unknown")


async def _until_asked(world: World, shown: Json) -> None:
    async def asked() -> bool:
        return bool(await world.sender.events("alarm.outcome_needs_a_person", document=shown["id"]))

    await until(asked)


async def test_a_document_that_had_arrived_is_settled_by_the_sent_list_of_its_time(world: World) -> None:
    document = a_document(to=(PARTNER,))
    await world.axis.fault("drop-after-store=once")
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "sent")
    (event,) = await world.sender.events("document.sent", document=shown["id"])
    assert event["data"]["reason"] == "proved_by_sent_list"
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_a_document_that_had_arrived_is_settled_by_the_axis_id_where_that_is_known(world: World) -> None:
    document = a_document(to=(PARTNER,))
    await world.axis.fault("drop-after-store=once")
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "sent")
    (packet,) = await world.axis.packets(id_of(document))
    store, jobs = world.sender.gateway.store, world.sender.gateway.jobs
    async with store.begin() as tx:
        (dispatch,) = await repository.dispatches_of(tx, shown["id"])
        assert dispatch.axis_doc_id == packet["object_id"]
        unknown = replace(dispatch, state=DispatchState.UNKNOWN, sent_at=None, reason="again")
        await repository.save_dispatch(tx, unknown)
        await jobs.put(tx, kind="settle", key=dispatch.id)

    async def proved() -> bool:
        return len(await world.sender.events("document.sent", document=shown["id"])) == 2

    await until(proved)
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_without_evidence_a_person_is_asked_once_and_sends_again_and_it_arrives_once(world: World) -> None:
    document, address, shown = await _unknown(world)
    await _until_asked(world, shown)
    line = await _dispatch_of(world.sender, shown)
    opened = await _opened(world.sender, line["id"])
    assert (line["state"], line["actions"], opened["settling"]["rows"]) == ("unknown", ["settle"], [])
    assert opened["settling"]["asked_at"]
    answer = await world.sender.post(f"{address}/settle", {"outcome": "send_again", "reason": "Bên nhận chưa thấy"})
    assert answer.status_code == 200, answer.text
    await world.sender.until_state(address, "sent")
    assert len(await world.axis.packets(id_of(document))) == 1
    assert len(await world.sender.events("alarm.outcome_needs_a_person", document=shown["id"])) == 1
    (done,) = (await _opened(world.sender, line["id"]))["history"]
    assert (done["action"], done["reason"]) == ("settle", "send_again: Bên nhận chưa thấy")
    assert "qlvb" in done["who"]
    assert done["before"].startswith("unknown")
    again = await world.sender.post(f"{address}/settle", {"outcome": "arrived", "reason": "x"})
    assert (again.status_code, again.json()["code"]) == (409, "document.not_unknown")


async def test_a_status_of_a_time_before_it_left_proves_nothing(world: World) -> None:
    document, address, shown = await _unknown(world)

    async def says(code: str, minutes: int) -> None:
        packet = partner.status(code, id_of(document), at=opening.clock() + timedelta(minutes=minutes))
        assert isinstance(await world.axis.send(packet, MessageType.STATUS), Accepted)

    async def heard() -> bool:
        return bool(await world.sender.events("status.received", document=shown["id"]))

    await says("03", -5)
    await until(heard)
    assert (await world.sender.document(address))["state"] == "unknown"
    await says("04", 0)
    await world.sender.until_state(address, "sent")
    (event,) = await world.sender.events("document.sent", document=shown["id"])
    assert event["data"]["reason"] == "proved_by_status"


async def test_a_person_says_that_it_arrived_and_nothing_leaves(world: World) -> None:
    document, address, shown = await _unknown(world)
    line = await _dispatch_of(world.sender, shown)
    answer = await world.sender.post(f"/v1/desk/{line['id']}/settle", {"outcome": "arrived", "reason": "Đã gọi điện"})
    assert answer.status_code == 200, answer.text
    assert (await world.sender.document(address))["state"] == "sent"
    assert await world.axis.packets(id_of(document)) == []


async def test_one_recipient_is_sent_to_again_and_starts_anew_and_the_other_is_untouched(world: World) -> None:
    document = a_document(to=(DEPARTMENT, OTHER))
    address = await world.sender.sent(document)
    for claim in await world.receiver.claims(2, of=id_of(document)):
        await world.receiver.confirm(claim)
        if claim["document"]["unit_code"] == DEPARTMENT:
            said = {"code": "02", "description": "Thiếu trang"}
            assert (await world.receiver.post(f"{claim['document']['href']}/statuses", said)).status_code == 202
    await world.sender.until_processing(address, "02", DEPARTMENT)
    await world.sender.until_processing(address, "01", OTHER)
    await _another_second()
    body = {"recipients": [OTHER], "reason": "x"}
    refused = await world.sender.post(f"{address}/resend", body)
    assert (refused.status_code, refused.json()["code"]) == (409, "recipient.has_it")
    answer = await world.sender.post(f"{address}/resend", {"recipients": [DEPARTMENT], "reason": "Đã bổ sung trang"})
    assert answer.status_code == 200, answer.text
    assert processing(answer.json()) == {DEPARTMENT: None, OTHER: "01"}
    (claim,) = await world.receiver.claims(of=id_of(document))
    assert claim["document"]["unit_code"] == DEPARTMENT
    await world.receiver.confirm(claim)
    await world.sender.until_processing(address, "01", DEPARTMENT)
    shown = await world.sender.document(address)
    assert (shown["state"], set(transport(shown).values())) == ("sent", {"accepted"})
    assert await _receivers_of_last(world, document) == [DEPARTMENT]


async def _another_second() -> None:
    """Times on the wire have whole seconds: the same status of the same second is the same status, come again."""
    began = opening.clock().replace(microsecond=0)

    async def later() -> bool:
        return opening.clock() >= began + timedelta(seconds=1)

    await until(later)


async def _receivers_of_last(world: World, document: Json) -> list[str]:
    """Before whom the axis laid the last packet of a document."""
    last = (await world.axis.packets(id_of(document)))[-1]["object_id"]
    return [one["to_code"] for one in (await world.axis.ledger())["items"] if one["object_id"] == last]


async def test_what_was_set_apart_is_read_again_and_delivered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    number = a_number()
    with monkeypatch.context() as older:
        older.setattr(reception, "read_packet", lambda _, *rest, **more: read_packet(BytesIO(b"?"), *rest, **more))
        item = await world.axis.lay(partner.document(number))

        async def apart() -> bool:
            return any(one["axis_doc_id"] == item for one in await _on_desk(world.receiver, sort="arrival"))

        await until(apart)
    (line,) = [one for one in await _on_desk(world.receiver, sort="arrival") if one["axis_doc_id"] == item]
    assert (line["state"], line["reason"]) == ("quarantined", "unreadable")
    answer = await world.receiver.post(f"/v1/desk/{line['id']}/read-again", {"reason": "Đã nâng cấp"})
    assert answer.status_code == 200, answer.text
    (claim,) = await world.receiver.claims(of=partner.id_of(number))
    assert claim["document"]["unit_code"] == DEPARTMENT
    assert [one["action"] for one in (await _opened(world.receiver, line["id"]))["history"]] == ["read_again"]
    assert not await apart()


async def test_what_was_set_apart_is_discarded_with_a_reason(world: World) -> None:
    item = await world.axis.lay(b"no packet at all")

    async def apart() -> list[Json]:
        return [one for one in await _on_desk(world.receiver, sort="arrival") if one["axis_doc_id"] == item]

    async def there() -> bool:
        return bool(await apart())

    await until(there)
    (line,) = await apart()
    answer = await world.receiver.post(f"/v1/desk/{line['id']}/discard", {"reason": "Bên gửi sẽ gửi lại"})
    assert (answer.status_code, answer.json()["state"]) == (200, "discarded")
    assert await apart() == []
    (done,) = (await _opened(world.receiver, line["id"]))["history"]
    assert (done["action"], done["before"], done["after"]) == (
        "discard",
        "quarantined (unreadable)",
        "discarded (unreadable)",
    )
    other = await world.receiver.post(f"/v1/desk/{line['id']}/read-again", {"reason": "x"})
    assert (other.status_code, other.json()["code"]) == (409, "desk.not_possible")


async def test_a_dead_dispatch_is_seen_by_its_own_units_only(world: World) -> None:
    _, _, shown = await _unknown(world)
    line = await _dispatch_of(world.sender, shown)
    assert (await world.receiver.get(f"/v1/desk/{line['id']}")).status_code == 404


async def test_sending_again_tells_first_what_it_would_do(world: World) -> None:
    _, address, shown = await _unknown(world)
    line = await _dispatch_of(world.sender, shown)
    body = {"ids": [line["id"]], "reason": "x", "dry_run": True}
    (tried,) = (await world.sender.post("/v1/desk:send-again", body)).json()["items"]
    assert (tried["done"], tried["code"]) == (False, "desk.not_possible")
    assert (await world.sender.document(address))["state"] == "unknown"


async def test_operators_see_and_settle_it_by_command(world: World, tmp_path: Path) -> None:
    _, address, shown = await _unknown(world)
    line = await _dispatch_of(world.sender, shown)
    url = world.sender.gateway.settings.store.database_url.get_secret_value()
    environment = quick(url, tmp_path)

    async def gateway(*arguments: str) -> str:
        done = await asyncio.to_thread(CliRunner().invoke, commands, ["desk", *arguments], env=environment)
        assert done.exit_code == 0, done.output
        return str(done.stdout)

    listed = json.loads(await gateway("list", "--json"))
    assert line["id"] in [one["id"] for one in listed]
    await gateway("settle", line["id"], "arrived", "--reason", "Đã đối chiếu")
    opened = json.loads(await gateway("show", line["id"]))
    assert (opened["state"], opened["history"][0]["who"].split()[0]) == ("accepted", "os")
    assert (await world.sender.document(address))["state"] == "sent"


async def test_the_wrong_code_of_a_refused_document_is_changed(world: World) -> None:
    await world.axis.http.post(f"{world.axis.address}/_sim/units", json={"code": PARTNER, "locked": True})
    try:
        document = a_document(to=(PARTNER,))
        address = await world.sender.sent(document)
        shown = await world.sender.until_state(address, "refused")
    finally:
        await world.axis.http.post(f"{world.axis.address}/_sim/units", json={"code": PARTNER, "locked": False})
    line = await _dispatch_of(world.sender, shown)
    body = {"wrong": PARTNER, "right": DEPARTMENT, "reason": "Ghi nhầm mã"}
    answer = await world.sender.post(f"{address}/change-addressee", body)
    assert answer.status_code == 200, answer.text
    (claim,) = await world.receiver.claims(of=id_of(document))
    assert claim["document"]["unit_code"] == DEPARTMENT
    assert list(transport(await world.sender.document(address))) == [DEPARTMENT]
    assert line["id"] not in [one["id"] for one in await _on_desk(world.sender)]
    assert [one["action"] for one in (await _opened(world.sender, line["id"]))["history"]] == ["change_addressee"]


async def test_a_refused_document_is_sent_again_when_the_axis_takes_it(world: World) -> None:
    await world.axis.http.post(f"{world.axis.address}/_sim/units", json={"code": PARTNER, "locked": True})
    document = a_document(to=(PARTNER,))
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "refused")
    await world.axis.http.post(f"{world.axis.address}/_sim/units", json={"code": PARTNER, "locked": False})
    line = await _dispatch_of(world.sender, shown)
    body: Json = {"ids": [line["id"]], "reason": "Trục đã mở khóa", "dry_run": True}
    (tried,) = (await world.sender.post("/v1/desk:send-again", body)).json()["items"]
    assert (tried["done"], (await world.sender.document(address))["state"]) == (True, "refused")
    (tried,) = (await world.sender.post("/v1/desk:send-again", {**body, "dry_run": False})).json()["items"]
    assert tried["done"]
    await world.sender.until_state(address, "sent")
    assert len(await world.axis.packets(id_of(document))) == 1
    (done,) = (await _opened(world.sender, line["id"]))["history"]
    assert done["at"].endswith("+07:00")
    assert (done["action"], done["reason"]) == ("send_again", "Trục đã mở khóa")
    assert done["after"] == "built (sent_again_by_person)"


async def test_a_packet_of_which_one_recipient_was_sent_to_since_does_not_leave_whole_again(world: World) -> None:
    await world.axis.http.post(f"{world.axis.address}/_sim/units", json={"code": PARTNER, "locked": True})
    document = a_document(to=(PARTNER, DEPARTMENT))
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "refused")
    await world.axis.http.post(f"{world.axis.address}/_sim/units", json={"code": PARTNER, "locked": False})
    line = await _dispatch_of(world.sender, shown)
    body: Json = {"recipients": [DEPARTMENT], "reason": "Gửi trước cho đơn vị này"}
    assert (await world.sender.post(f"{address}/resend", body)).status_code == 200
    await world.receiver.claims(of=id_of(document))
    for dry_run in (True, False):
        again = {"ids": [line["id"]], "reason": "x", "dry_run": dry_run}
        (tried,) = (await world.sender.post("/v1/desk:send-again", again)).json()["items"]
        assert (tried["done"], tried["code"]) == (False, "recipient.sent_since")
    rest: Json = {"recipients": [PARTNER], "reason": "Trục đã mở khóa"}
    assert (await world.sender.post(f"{address}/resend", rest)).status_code == 200
    await world.sender.until_state(address, "sent")
    receivers = [one["to_codes"] for one in await world.axis.packets(id_of(document))]
    assert receivers == [[DEPARTMENT], [PARTNER]]


async def test_what_the_document_system_rejected_too_often_is_offered_again_or_discarded(world: World) -> None:
    number = a_number()
    await world.axis.lay(partner.document(number))
    for _ in range(2):
        (claim,) = await world.receiver.claims(of=partner.id_of(number))
        body = {"lease": claim["lease"], "reason": "Hết chỗ"}
        assert (await world.receiver.post(f"/v1/inbox/{claim['id']}/reject", body)).status_code == 200
    (line,) = [one for one in await _on_desk(world.receiver, sort="delivery") if one["id"] == claim["id"]]
    assert (line["state"], line["reason"], line["attempts"]) == ("set_apart", "Hết chỗ", 2)
    again = {"ids": [line["id"]], "reason": "Đã dọn đĩa"}
    (tried,) = (await world.receiver.post("/v1/desk:send-again", again)).json()["items"]
    assert tried["done"]
    (claim,) = await world.receiver.claims(of=partner.id_of(number))
    await world.receiver.confirm(claim)
    assert (await world.receiver.document(claim["document"]["href"]))["state"] == "handed_over"
