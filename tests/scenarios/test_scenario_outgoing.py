"""The way out: what is refused, what is repeated, what can be taken back, and who goes first."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from agencies import World
from world import (
    DEPARTMENT,
    OLD_FORM,
    OTHER,
    PARTNER,
    PDF,
    SENDER,
    SENDING,
    TWO_FORMS,
    XLSX,
    Json,
    a_document,
    axis,
    id_of,
    node,
    node_settings,
    prepare,
    transport,
    until,
    worker,
)

from gateway import opening
from gateway.api import clients
from gateway.directory import connections

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _nothing_was_taken(world: World, document: Json) -> None:
    assert await world.sender.listed(id_of(document), "out") == []
    assert await world.axis.packets(id_of(document)) == []


async def test_an_unknown_receiver_is_named_and_nothing_is_queued(world: World) -> None:
    document = a_document(to=(DEPARTMENT, "X77.77"))
    answer = await world.sender.hand_over(document)
    assert answer.status_code == 422
    assert "X77.77" in answer.text
    assert "/message_header/to/1/organ_id" in answer.text
    await _nothing_was_taken(world, document)


async def test_a_closed_code_is_refused_with_its_successor(world: World) -> None:
    document = a_document(to=("H33",))
    answer = await world.sender.hand_over(document)
    assert answer.status_code == 422
    assert "H33" in answer.text
    assert "H01" in answer.text
    await _nothing_was_taken(world, document)


async def test_a_sender_that_is_not_the_clients_unit_is_refused(world: World) -> None:
    document = a_document(sender=OTHER)
    answer = await world.sender.hand_over(document)
    assert (answer.status_code, answer.json()["code"]) == (422, "sender.not_own")
    await _nothing_was_taken(world, document)


async def test_the_same_document_again_is_answered_with_the_first_and_sent_once(world: World) -> None:
    document = a_document()
    first = await world.sender.hand_over(document)
    again = await world.sender.hand_over(document)
    await world.sender.until_state(first.headers["location"], "sent")
    after_it_left = await world.sender.hand_over(document)
    assert [one.status_code for one in (first, again, after_it_left)] == [202, 202, 202]
    assert first.json() == again.json() == after_it_left.json()
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_an_idempotency_key_stands_for_one_body(world: World) -> None:
    document, other = a_document(), a_document()
    key = {"Idempotency-Key": f"key-of-{id_of(document)}"}
    first = await world.sender.hand_over(document, headers=key)
    again = await world.sender.hand_over(document, headers=key)
    other_body = await world.sender.hand_over(other, headers=key)
    assert first.json() == again.json()
    assert (other_body.status_code, other_body.json()["code"]) == (409, "idempotency.other_body")
    await _nothing_was_taken(world, other)


async def test_an_own_document_id_used_again_with_other_content_is_a_conflict(world: World) -> None:
    document = a_document()
    await world.sender.sent(document)
    answer = await world.sender.hand_over({**document, "attachments": document["attachments"][:1]}, [PDF])
    assert (answer.status_code, answer.json()["code"]) == (409, "document.id_used")
    assert len(await world.sender.listed(id_of(document), "out")) == 1


async def test_concurrent_repeats_make_one_document(world: World) -> None:
    document = a_document()
    answers = await asyncio.gather(*(world.sender.hand_over(document) for _ in range(6)))
    assert {one.status_code for one in answers} == {202}
    assert len({one.headers["location"] for one in answers}) == 1
    await world.sender.until_state(answers[0].headers["location"], "sent")
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_a_document_that_has_left_cannot_be_cancelled(world: World) -> None:
    address = await world.sender.sent()
    await world.sender.until_state(address, "sent")
    answer = await world.sender.post(f"{address}/cancel")
    assert (answer.status_code, answer.json()["code"]) == (409, "document.has_left")


async def test_what_waits_for_an_observing_connection_can_be_cancelled_and_its_id_used_again(world: World) -> None:
    document = a_document()
    await world.sender.change(connections.observe)
    try:
        address = await world.sender.sent(document)
        answer = await world.sender.post(f"{address}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    finally:
        await world.sender.change(connections.activate, opening.clock())
    again = await world.sender.sent(document)
    assert again != address
    await world.sender.until_state(again, "sent")
    assert (await world.sender.document(address))["state"] == "cancelled"
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_one_body_under_two_codes_is_one_recipient(world: World) -> None:
    document = a_document(to=(TWO_FORMS, OLD_FORM))
    address = await world.sender.sent(document)
    await world.sender.until_state(address, "sent")
    assert transport(await world.sender.document(address)) == {TWO_FORMS: "accepted"}


async def test_a_refusal_by_the_axis_is_shown_with_its_code(world: World) -> None:
    unit = {"code": PARTNER, "locked": True}
    (await world.axis.http.post(f"{world.axis.address}/_sim/units", json=unit)).raise_for_status()
    try:
        address = await world.sender.sent(a_document(to=(PARTNER,)))
        document = await world.sender.until_state(address, "refused")
    finally:
        await world.axis.http.post(f"{world.axis.address}/_sim/units", json={**unit, "locked": False})
    (refused,) = await world.sender.events("document.refused", document=document["id"])
    assert refused["data"]["axis_code"] == "23"
    assert transport(document) == {PARTNER: "rejected"}


async def test_a_secret_document_is_refused_before_its_files_are_read(world: World) -> None:
    document = {**a_document(), "secrecy": "Mật"}
    part = (
        b'--b\r\nContent-Disposition: form-data; name="document"\r\nContent-Type: application/json\r\n\r\n'
        + json.dumps(document).encode()
        + b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="x"\r\n\r\n'
    )
    url = world.sender.http.base_url
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = (
        f"POST /v1/documents HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {world.sender.key}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 2500000\r\n\r\n"
    ).encode()
    # Enough of the file to fill the piece that is parsed at a time; the rest never comes.
    writer.write(head + part + b"0" * 1_200_000)
    await writer.drain()
    try:
        async with asyncio.timeout(30):
            answer = await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
    assert answer.startswith(b"HTTP/1.1 422")
    await _nothing_was_taken(world, document)


async def test_documents_of_other_units_are_not_found(world: World) -> None:
    document = a_document(to=(DEPARTMENT,))
    await world.sender.sent(document)
    (claim,) = await world.receiver.claims(of=id_of(document))
    async with world.receiver.gateway.store.begin() as tx:
        stranger = await clients.add(tx, "other", frozenset({OTHER}), opening.clock())
    auth = {"Authorization": f"Bearer {stranger}"}
    href = claim["document"]["href"]
    http = world.receiver.http
    looks = [await http.get(path, headers=auth) for path in (href, f"{href}/packet", f"{href}/attachments/1")]
    body = {"lease": claim["lease"]}
    acts = [
        await http.post(f"{href}/statuses", json={"code": "03"}, headers=auth),
        await http.post(f"{href}/cancel", headers=auth),
        await http.post(f"/v1/inbox/{claim['id']}/confirm", json=body, headers=auth),
        await http.post(f"/v1/inbox/{claim['id']}/reject", json={**body, "reason": "x"}, headers=auth),
    ]
    assert [one.status_code for one in (*looks, *acts)] == [404] * 7
    feed = (await http.get("/v1/events", params={"limit": "200"}, headers=auth)).json()["items"]
    assert claim["document"]["id"] not in {one["document"] for one in feed}
    await world.receiver.confirm(claim)


async def test_the_urgent_goes_first(databases: Callable[[str], str], tmp_path: Path) -> None:
    async with axis(tmp_path / "axis") as simulated:
        wanted = node_settings(databases("urgent"), tmp_path, GATEWAY_JOBS_SLOTS="1")
        key = await prepare(wanted, simulated.address, tmp_path, SENDING, [SENDER])
        async with node(wanted, key, working=False) as sender:
            async with worker(sender):

                async def listed() -> bool:
                    return (await sender.get(f"/v1/agencies/{OTHER}")).status_code == 200

                await until(listed)
            ordinary = [a_document() for _ in range(4)]
            urgent = [a_document(other_info={"priority": level}) for level in (1, 3, 2)]
            addresses = [await sender.sent(one, (PDF, XLSX)) for one in (*ordinary, *urgent)]
            async with worker(sender):
                for address in addresses:
                    await sender.until_state(address, "sent")
        order = [one["document_id"] for one in (await simulated.ledger())["packets"]]
        assert order[:3] == [id_of(urgent[1]), id_of(urgent[2]), id_of(urgent[0])]
        assert order[3:] == [id_of(one) for one in ordinary]
