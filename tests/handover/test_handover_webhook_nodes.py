"""Two nodes, an inbox that claims meanwhile, and a receiver that fails now and then: all is told, in order, handed over once."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest_asyncio
from clocks import FakeClock
from hand_parts import OWN, House, house, populated
from webhook_receiver import Call, Receiver, answer, receiving

from gateway.documents.announcing import Happening
from gateway.store import Store

DOCUMENTS = 20


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as made:
        yield made


async def test_nothing_is_lost_or_out_of_order_between_two_nodes(
    store: Store, clock: FakeClock, receiver: Receiver
) -> None:
    await populated(store, clock)
    second = Store(store.settings)
    nodes = [house(one, clock, steps=(5.0, 60.0) + (120.0,) * 15) for one in (store, second)]
    draw = random.Random(7)
    good: list[Call] = []

    def respond(call: Call) -> bytes:
        if draw.random() < 0.3:
            return answer(draw.choice((500, 503, 429)))
        good.append(call)
        return answer(200)

    receiver.respond = respond
    await nodes[0].endpoint(receiver.url, hands_over=True)
    documents = [await nodes[0].arrive() for _ in range(DOCUMENTS)]
    for document in documents:
        await nodes[1].happen(Happening.STATUS_RECEIVED, document.id)
    for _ in range(40):
        await asyncio.gather(*(node.run() for node in nodes), _claims_some(nodes[1]))
        clock.advance(61)
    for document in documents:
        told = [call.json["data"]["seq"] for call in good if call.json["data"]["document"] == document.id]
        assert told == sorted(told)
        assert (await nodes[0].statuses_of(document), await nodes[0].state_of(document)) == (["01"], "handed_over")
    kinds = [call.kind for call in good]
    assert kinds.count("status.received") == kinds.count("document.handed_over") == DOCUMENTS
    assert kinds.count("document.arrived") <= DOCUMENTS
    assert len({call.id for call in good}) == len(good)
    for node in nodes:
        await node.caller.close()
    await second.close()


async def _claims_some(node: House) -> None:
    for claim in await node.inbox.claim({OWN}, limit=2):
        await node.inbox.confirm(claim.delivery.id, claim.delivery.lease or "", {OWN})
