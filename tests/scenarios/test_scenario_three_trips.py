"""The main job through real HTTP: a document there, its files intact, and every status back."""

import hashlib

import pytest
from agencies import World
from world import DEPARTMENT, OTHER, PDF, XLSX, a_document, id_of, processing, transport

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_document_goes_out_comes_in_and_every_status_comes_back(world: World) -> None:
    document = a_document()
    address = await world.sender.sent(document)
    await world.sender.until_state(address, "sent")
    claims = await world.receiver.claims(2, of=id_of(document))
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (PDF, XLSX)]
    for claim in claims:
        come = await world.receiver.document(claim["document"]["href"])
        files = [
            hashlib.sha256((await world.receiver.get(one["href"])).content).hexdigest() for one in come["attachments"]
        ]
        assert files == wanted
        await world.receiver.confirm(claim)
    for recipient in (DEPARTMENT, OTHER):
        await world.sender.until_processing(address, "01", recipient)
    for code in ("03", "04", "05", "06"):
        for claim in claims:
            answer = await world.receiver.post(f"{claim['document']['href']}/statuses", {"code": code})
            assert answer.status_code == 202, answer.text
        for recipient in (DEPARTMENT, OTHER):
            await world.sender.until_processing(address, code, recipient)
    final = await world.sender.document(address)
    assert transport(final) == {DEPARTMENT: "accepted", OTHER: "accepted"}
    assert processing(final) == {DEPARTMENT: "06", OTHER: "06"}
    for unit in (DEPARTMENT, OTHER):
        assert await world.axis.statuses(id_of(document), unit) == ["01", "03", "04", "05", "06"]


async def test_a_packet_to_two_units_of_one_system_is_told_of_once_for_each(world: World) -> None:
    document = a_document()
    await world.sender.sent(document)
    claims = await world.receiver.claims(2, of=id_of(document))
    assert {claim["document"]["unit_code"] for claim in claims} == {DEPARTMENT, OTHER}
    for claim in claims:
        await world.receiver.confirm(claim)
        kinds = [one["kind"] for one in await world.receiver.events(document=claim["document"]["id"])]
        assert kinds[0] == "document.arrived"
        assert "document.arrived_again" not in kinds
