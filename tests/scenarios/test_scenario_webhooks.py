"""Two agencies, one of which is called instead of asking."""

from collections.abc import AsyncIterator
from pathlib import Path

import partner
import pytest
import pytest_asyncio
from agencies import World
from webhook_receiver import Receiver, answer, receiving
from world import DEPARTMENT, SENDER, Node, a_document, a_number, id_of, until

from gateway import opening
from gateway.handover.webhooks import endpoints
from gateway.handover.webhooks.model import NewEndpoint
from gateway.handover.webhooks.signing import new_secret

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def called() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def told(node: Node, called: Receiver, unit: str, folder: Path, name: str, *, hands_over: bool = True) -> str:
    """Have the node call the receiver; the secret."""
    secret = new_secret()
    (folder / "hook").write_text(secret)
    new = NewEndpoint(
        name=name,
        url=called.url,
        secret_source=f"file:{folder / 'hook'}",
        units=frozenset({unit}),
        hands_over=hands_over,
        allow_plain_http=True,
    )
    async with node.gateway.store.begin() as tx:
        await endpoints.add(tx, node.gateway.jobs, new, frozenset({"127.0.0.1"}), opening.clock())
    return secret


async def removed(node: Node, name: str) -> None:
    async with node.gateway.store.begin() as tx:
        await endpoints.remove(tx, name)


async def test_a_document_is_handed_over_by_a_call_and_its_status_comes_back_to_who_sent_it(
    world: World, called: Receiver, tmp_path: Path
) -> None:
    secret = await told(world.receiver, called, DEPARTMENT, tmp_path, "in")
    failures = iter([answer(503), answer(500)])
    called.respond = lambda _: next(failures, answer(204))
    document = a_document(to=(DEPARTMENT,))
    address = await world.sender.sent(document)
    await world.sender.until_processing(address, "01", DEPARTMENT)
    arrived = [call for call in called.calls if call.kind == "document.arrived"]
    assert all(call.verified(secret) for call in called.calls)
    assert (len(arrived), len({call.id for call in arrived})) == (3, 1)
    found = await world.receiver.document(arrived[0].json["data"]["href"])
    assert (found["document_id"], found["state"]) == (id_of(document), "handed_over")
    assert await world.receiver.events("document.hand_over_refused", document=found["id"]) == []
    await removed(world.receiver, "in")


async def test_a_sender_is_called_with_what_became_of_its_document_in_order(
    world: World, called: Receiver, tmp_path: Path
) -> None:
    await told(world.sender, called, SENDER, tmp_path, "out")
    document = a_document(to=(DEPARTMENT,))
    await world.sender.sent(document)
    (claim,) = await world.receiver.claims(of=id_of(document))
    await world.receiver.confirm(claim)

    async def status_came() -> bool:
        return "status.received" in called.kinds

    await until(status_came)
    assert called.kinds == ["document.accepted", "document.sent", "status.received"]
    await removed(world.sender, "out")


async def test_a_recall_comes_by_feed_inbox_and_webhook_alike(world: World, called: Receiver, tmp_path: Path) -> None:
    await told(world.receiver, called, DEPARTMENT, tmp_path, "all", hands_over=False)
    number = a_number()
    for business in ("0", "1"):
        await world.axis.lay(partner.document(number, business=business))
    claims = await world.receiver.claims(2, of=partner.id_of(number))
    shown = {one["document"]["id"]: one["document"]["business_type"] for one in claims}

    async def all_called() -> bool:
        return {call.json["data"]["document"] for call in called.calls} >= set(shown)

    await until(all_called)
    arrived = [call.json["data"] for call in called.calls if call.kind == "document.arrived"]
    fed = [event for id in shown for event in await world.receiver.events("document.arrived", document=id)]
    by_call, by_feed = [{one["document"]: one["data"]["business_type"] for one in told} for told in (arrived, fed)]
    assert (sorted(shown.values()), by_call, by_feed) == (["0", "1"], shown, shown)
    await removed(world.receiver, "all")
