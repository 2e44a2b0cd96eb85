"""Attachments are what they claim: what becomes of documents whose files are not, on both ways."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import clamd
import partner
from agencies import World
from world import (
    DEPARTMENT,
    OTHER,
    PDF,
    RECEIVING,
    SENDER,
    SENDING,
    Json,
    Node,
    a_document,
    a_number,
    axis,
    node,
    node_settings,
    prepare,
    until,
)

from gateway.axis.port import Accepted
from gateway.documents import repository
from gateway.documents.model import Arrival, ArrivalState

pytest_plugins = ["scenario_fixtures"]

PROGRAM = b"MZ\x90\0" + bytes(60) + b"PE\0\0" + bytes(200)


@asynccontextmanager
async def a_world(fresh_database: Callable[[str], str], folder: Path, **inspection: str) -> AsyncIterator[World]:
    """An axis, a sender, and a receiver, both gateways with these settings of the inspection."""
    given = {f"GATEWAY_INSPECTION_{name.upper()}": value for name, value in inspection.items()}
    async with axis(folder / "axis") as simulated:
        nodes = []
        for name, system, codes in (("sender", SENDING, [SENDER]), ("receiver", RECEIVING, [DEPARTMENT, OTHER])):
            (folder / name).mkdir()
            wanted = node_settings(fresh_database(name), folder / name, **given)
            nodes.append((wanted, await prepare(wanted, simulated.address, folder / name, system, codes)))
        async with node(*nodes[0]) as sender, node(*nodes[1]) as receiver:

            async def listed() -> bool:
                return (await sender.get(f"/v1/agencies/{OTHER}")).status_code == 200

            await until(listed)
            yield World(simulated, sender, receiver)


async def in_state(of: Node, state: ArrivalState) -> list[Arrival]:
    async with of.gateway.store.read() as tx:
        return await repository.arrivals_in(tx, "axis", state)


async def received(world: World, content: bytes) -> Json:
    """The document that comes of a partner's packet with this file."""
    number = a_number()
    assert isinstance(await world.axis.send(partner.document(number, content=content)), Accepted)
    (claim,) = await world.receiver.claims(of=partner.id_of(number))
    return await world.receiver.document(f"/v1/documents/{claim['document']['id']}")


def warned(document: Json) -> list[str]:
    return [one["code"] for one in document["findings"] if one["code"].startswith("A.")]


async def test_a_program_called_pdf_is_set_apart_told_of_and_acknowledged(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    async with a_world(fresh_database, tmp_path) as world:
        number = a_number()
        assert isinstance(await world.axis.send(partner.document(number, content=PROGRAM)), Accepted)
        (alarm,) = await world.receiver.until_event("alarm.attachment_quarantined")
        assert alarm["data"]["reason"] == "executable"
        assert await world.receiver.listed(partner.id_of(number)) == []
        (arrival,) = await in_state(world.receiver, ArrivalState.QUARANTINED)

        async def told() -> bool:
            return bool(await world.axis.acks(arrival.doc_id))

        await until(told)
        assert set(await world.axis.acks(arrival.doc_id)) == {"done"}
        codes = [one["code"] for one in json.loads(arrival.findings)]
        assert {"A.Executable", "A.Type"} <= set(codes)
        async with world.receiver.gateway.store.read() as tx:
            packet = await repository.find_packet(tx, arrival.packet_id or "")
        assert packet is not None
        assert world.receiver.gateway.blobs.exists(packet.blob.key)


async def test_a_file_that_is_not_what_its_name_says_is_delivered_with_a_warning(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    async with a_world(fresh_database, tmp_path) as world:
        document = await received(world, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20))
        assert warned(document) == ["A.Type"]
        assert document["attachments"][0]["antivirus"] == "not_scanned:off"


async def test_files_are_scanned_on_both_ways(fresh_database: Callable[[str], str], tmp_path: Path) -> None:
    with clamd.running(tmp_path / "clamd") as daemon:
        settings = {"antivirus_address": daemon.unix, "antivirus_outgoing": "true"}
        async with a_world(fresh_database, tmp_path, **settings) as world:
            document = await received(world, b"%PDF-1.4 sach")
            assert warned(document) == []
            assert document["attachments"][0]["antivirus"] == "clean"

            await world.axis.send(partner.document(a_number(), content=b"%PDF-1.4 " + clamd.MALWARE))
            (alarm,) = await world.receiver.until_event("alarm.attachment_quarantined")
            assert alarm["data"]["reason"] == "infected"

            bad = tmp_path / "bad.pdf"
            bad.write_bytes(b"%PDF-1.4 " + clamd.MALWARE)
            refused = await world.sender.hand_over(a_document(), [PDF, bad])
            assert (refused.status_code, refused.json()["code"]) == (422, "attachment.infected")
            assert await world.sender.events("document.accepted") == []

            sent = await world.sender.document(await world.sender.sent(a_document(), [PDF, PDF]))
            assert [one["antivirus"] for one in sent["attachments"]] == ["clean", "clean"]


async def test_a_document_is_held_until_the_antivirus_is_back(
    fresh_database: Callable[[str], str], tmp_path: Path
) -> None:
    with clamd.socket_path() as path:
        settings = {"antivirus_address": f"unix:{path}", "antivirus_not_scanned": "hold"}
        await _is_held_until_it_is_back(fresh_database, tmp_path, path, settings)


async def _is_held_until_it_is_back(
    fresh_database: Callable[[str], str], tmp_path: Path, path: Path, settings: dict[str, str]
) -> None:
    async with a_world(fresh_database, tmp_path, **settings) as world:
        number = a_number()
        await world.axis.send(partner.document(number))

        async def held() -> bool:
            return [one.reason for one in await in_state(world.receiver, ArrivalState.FETCHED)] == ["not_scanned"]

        await until(held)
        assert await world.receiver.listed(partner.id_of(number)) == []
        with clamd.running(tmp_path / "clamd", unix=path):
            (claim,) = await world.receiver.claims(of=partner.id_of(number))
        document = await world.receiver.document(f"/v1/documents/{claim['document']['id']}")
        assert document["attachments"][0]["antivirus"] == "clean"


async def test_a_sender_is_warned_of_its_own_files(fresh_database: Callable[[str], str], tmp_path: Path) -> None:
    program = tmp_path / "program.pdf"
    program.write_bytes(PROGRAM)
    async with a_world(fresh_database, tmp_path) as world:
        document = a_document()
        files = [("files", ("x", path.read_bytes(), "application/octet-stream")) for path in (PDF, program)]
        parts = [("document", ("d.json", json.dumps(document).encode(), "application/json")), *files]
        checked = await world.sender.http.post("/v1/documents:check", files=parts)
        assert checked.status_code == 200, checked.text
        assert {"A.Type", "A.Executable"} <= set(warned(checked.json()))
        taken = await world.sender.document(await world.sender.sent(document, [PDF, program]))
        assert {"A.Type", "A.Executable"} <= set(warned(taken))
