"""Hostile packets on the whole way in: each is set apart with its finding and kept, and a good one behind them arrives."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import partner
from agencies import World, a_world
from hostile_corpus import CORPUS
from world import a_number, until

from gateway.axis.port import Accepted
from gateway.documents import repository
from gateway.documents.model import Arrival

SAMPLE = (
    "external entity",
    "billion laughs",
    "nesting 10⁵ deep",
    "NUL and control characters",
    "invalid UTF-8",
    "another root",
    "broken syntax",
    "documents one after another",
    "10 000 attachments",
    "base64 with junk",
    "zip with overlapping entries",
)


async def _arrivals(world: World, items: list[str]) -> dict[str, Arrival]:
    async with world.receiver.gateway.store.read() as tx:
        return await repository.known_arrivals(tx, "axis", items)


async def test_hostile_packets_are_set_apart_and_kept_and_a_good_one_behind_them_arrives(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    cases = [case for case in CORPUS if case.name in SAMPLE]
    packets = {case: b"".join(case.packets()[0]) for case in cases}
    assert len(cases) == len(SAMPLE)
    async with a_world(fresh_database, tmp_path) as world:
        items = {case: await world.axis.lay(packet) for case, packet in packets.items()}
        number = a_number()
        assert isinstance(await world.axis.send(partner.document(number)), Accepted)

        async def all_apart() -> bool:
            found = await _arrivals(world, list(items.values()))
            return len(found) == len(items) and all(one.state == "quarantined" for one in found.values())

        await until(all_apart)
        assert await world.receiver.claims(of=partner.id_of(number))
        found = await _arrivals(world, list(items.values()))
        for case, item in items.items():
            arrival = found[item]
            assert {one["code"] for one in json.loads(arrival.findings)} & set(case.codes), case.name
            assert arrival.packet_id is not None
            async with world.receiver.gateway.store.read() as tx:
                kept = await repository.find_packet(tx, arrival.packet_id)
            assert kept is not None
            assert kept.blob.sha256 == hashlib.sha256(packets[case]).hexdigest(), case.name
