"""The main job through real HTTP: a document there, its files intact, and every status back."""

import hashlib

from scenarios.conftest import World
from scenarios.world import DEPARTMENT, OTHER, PDF, XLSX, processing, transport


async def test_a_document_goes_out_comes_in_and_every_status_comes_back(world: World) -> None:
    address = await world.sender.sent()
    await world.sender.until_state(address, "sent")
    claims = await world.receiver.claims(2)
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (PDF, XLSX)]
    for claim in claims:
        document = await world.receiver.document(claim["document"]["href"])
        files = [hashlib.sha256((await world.receiver.get(one["href"])).content).hexdigest() for one in document["attachments"]]
        assert files == wanted
        await world.receiver.confirm(claim)
    for recipient in (DEPARTMENT, OTHER):
        await world.sender.until_processing(address, "01", recipient)
    for code in ("03", "04", "05", "06"):
        for claim in claims:
            answer = await world.receiver.post(f"{claim['document']['href']}/statuses", {"code": code})
            assert answer.status_code in (200, 201, 202), answer.text
        for recipient in (DEPARTMENT, OTHER):
            await world.sender.until_processing(address, code, recipient)
    final = await world.sender.document(address)
    assert transport(final) == {DEPARTMENT: "accepted", OTHER: "accepted"}
    assert processing(final) == {DEPARTMENT: "06", OTHER: "06"}
