"""Connections in trouble, looking on, and becoming active; and sends whose outcome nobody knows."""

import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import partner
import pytest
from agencies import Alone, World
from world import (
    DEPARTMENT,
    OTHER,
    PARTNER,
    RECEIVING,
    SECRET,
    SENDER,
    SENDING,
    Json,
    Node,
    a_document,
    a_number,
    axis,
    id_of,
    node,
    node_settings,
    prepare,
    processing,
    transport,
    until,
)

from gateway import opening
from gateway.directory import connections
from gateway.directory import repository as directory
from gateway.directory.records import Connection
from gateway.documents import repository
from gateway.documents.model import Arrival, ArrivalState
from gateway.jobs import repository as repository_of_jobs
from gateway.jobs.breakers import repository as repository_of_breakers
from gateway.store import Transaction

pytest_plugins = ["scenario_fixtures"]

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _ready(of: Node, name: str) -> tuple[int, Json]:
    answer = await of.get("/health/ready")
    return answer.status_code, next(one for one in answer.json()["checks"] if one["name"] == name)


async def test_an_observing_connection_takes_nothing_and_activation_imports_by_the_cut_off(alone: Alone) -> None:
    async with alone(active=False) as (simulated, receiver):
        old, new = a_number(), a_number()
        await simulated.lay(partner.document(old, at=opening.clock() - timedelta(days=30)))
        await simulated.lay(partner.document(new))
        await simulated.lay(partner.status("03", "H99,2020/01/01,1/KHONG-CO", to=DEPARTMENT), kind="status")

        async def observed() -> bool:
            async with receiver.gateway.store.read() as tx:
                return len(await repository.arrivals_in(tx, "axis", ArrivalState.OBSERVED)) == 3

        await until(observed)
        await receiver.poll()
        ledger = await simulated.ledger()
        assert (ledger["acks"], ledger["packets"][3:]) == ([], [])
        assert (await receiver.post("/v1/inbox:claim", {"limit": 50, "kinds": ["document"]})).json()["items"] == []
        await receiver.change(connections.activate, opening.clock() - timedelta(days=7))
        claims = await receiver.claims(2)
        for claim in claims:
            await receiver.confirm(claim)

        async def told() -> bool:
            return bool(await simulated.statuses(partner.id_of(new)))

        await until(told)
        await receiver.poll()
        assert await simulated.statuses(partner.id_of(new)) == ["01"]
        assert await simulated.statuses(partner.id_of(old)) == []
        assert await receiver.events("alarm.status_without_document")

        async def all_acknowledged() -> bool:
            items = (await simulated.ledger())["items"]
            return all(one["state"] == "done" for one in items if one["system_id"] == RECEIVING)

        await until(all_acknowledged)


@pytest.mark.parametrize(("policy", "said"), [("done", {"done"}), ("nothing", set())])
async def test_what_the_axis_is_told_of_an_unreadable_packet_is_a_policy(
    alone: Alone, policy: str, said: set[str]
) -> None:
    async with alone(GATEWAY_DOCUMENTS_ACK_UNREADABLE=policy) as (simulated, receiver):
        item = await simulated.lay(b"no packet at all")
        await receiver.until_event("alarm.packet_unreadable")
        await receiver.poll()
        await receiver.poll()
        assert set(await simulated.acks(item)) == said
        assert len(await receiver.events("alarm.packet_unreadable")) == 1


async def test_broken_packets_are_found_out_in_one_attempt_and_hold_up_nothing_where_the_axis_offers_downloads(
    alone: Alone,
) -> None:
    async with alone(readings=("download=offered",)) as (simulated, receiver):
        await receiver.change(_by_download)
        broken = [await simulated.lay(b"<edXML>" + bytes([48 + one]) * 500) for one in range(4)]
        number = a_number()
        await simulated.lay(partner.document(number))
        assert await receiver.claims(of=partner.id_of(number))
        await receiver.until_event("alarm.packet_unreadable", len(broken))
        async with receiver.gateway.store.read() as tx:
            assert await repository_of_breakers.every(tx) == {}
            tries = [await repository_of_jobs.reasons_of(tx, "arrival", one.id) for one in await _apart(tx)]
        assert [[one["reason"] for one in each] for each in tries] == [["unreadable_copy"]] * len(broken)


async def _by_download(tx: Transaction, connection_id: str, now: datetime) -> Connection:
    await directory.update_connection(tx, connection_id, {"options": {"use_download": True}, "changed_at": now})
    return await connections.get(tx, connection_id)


async def _apart(tx: Transaction) -> list[Arrival]:
    return await repository.arrivals_in(tx, "axis", ArrivalState.QUARANTINED)


async def test_an_error_page_is_no_empty_inbox(alone: Alone) -> None:
    async with alone(GATEWAY_POLL_LATE_SECONDS="1") as (simulated, receiver):
        await receiver.poll()
        await simulated.fault("html-502@getReceivedEdocList")
        last_good = (await receiver.connection()).last_good_poll_at

        async def late() -> bool:
            status, check = await _ready(receiver, "poll:axis")
            return status == 503 and not check["ok"]

        await until(late)
        connection = await receiver.connection()
        assert (connection.last_good_poll_at, connection.last_poll_error) == (last_good, "http_502")
        assert "http_502" in (await _ready(receiver, "poll:axis"))[1]["reason"]
        await simulated.healthy()

        async def well() -> bool:
            return (await _ready(receiver, "poll:axis"))[0] == 200

        await until(well)


async def test_a_wrong_secret_stops_the_connection_until_it_is_resumed(alone: Alone, tmp_path: Path) -> None:
    async with alone() as (simulated, receiver):
        await receiver.poll()
        (tmp_path / "secret").write_text("c2FpLWtob2E=")
        await receiver.change(connections.resume)  # the secret is read anew

        async def stopped() -> bool:
            return (await receiver.connection()).stopped_reason == "axis_15"

        await until(stopped)
        (alarm, *_) = await receiver.until_event("alarm.connection_stopped")
        assert alarm["data"] == {"connection": "axis", "reason": "axis_15"}
        status, check = await _ready(receiver, "poll:axis")
        assert (status, check["ok"]) == (503, False)
        assert "axis_15" in check["reason"]
        assert "connections resume axis" in check["action"]
        (tmp_path / "secret").write_text(SECRET)
        await receiver.change(connections.resume)
        number = a_number()
        await simulated.lay(partner.document(number))
        assert await receiver.claims(of=partner.id_of(number))


async def test_a_wrong_secret_loses_no_document_that_waits(world: World, tmp_path: Path) -> None:
    connection = await world.sender.connection()
    secret = Path(connection.secret_source.removeprefix("file:"))
    secret.write_text("c2FpLWtob2E=")
    try:
        await world.sender.change(connections.resume)
        document = a_document()
        address = await world.sender.sent(document)

        async def stopped() -> bool:
            return (await world.sender.connection()).stopped_reason is not None

        await until(stopped)
        assert (await world.sender.document(address))["state"] in ("waiting", "sending")
    finally:
        secret.write_text(SECRET)
        await world.sender.change(connections.resume)
    await world.sender.until_state(address, "sent")
    assert len(await world.axis.packets(id_of(document))) == 1


async def test_a_connection_that_breaks_after_the_axis_stored_leaves_the_document_unknown_until_it_is_proved(
    world: World,
) -> None:
    document = a_document(to=(DEPARTMENT, OTHER))
    await world.axis.fault("drop-after-store=once")
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "unknown")
    assert set(transport(shown).values()) == {"unknown"}
    assert await world.sender.events("document.unknown", document=shown["id"])
    again = await world.sender.hand_over(document)
    assert again.headers["location"] == address
    (claim, *_) = await world.receiver.claims(2, of=id_of(document))
    assert (await world.sender.document(address))["state"] == "unknown"
    await world.receiver.confirm(claim)
    await world.sender.until_state(address, "sent")
    assert len(await world.axis.packets(id_of(document))) == 1
    assert processing(await world.sender.document(address))[claim["document"]["unit_code"]] == "01"


@pytest.mark.parametrize(
    "fault", ["drop-before-store=once", "fail-without-docid=once", "html-502@sendEdoc=once", "empty-200@sendEdoc=once"]
)
async def test_a_whole_body_without_a_valid_answer_is_unknown_and_not_sent_again(world: World, fault: str) -> None:
    document = a_document(to=(PARTNER,))
    await world.axis.fault(fault)
    address = await world.sender.sent(document)
    shown = await world.sender.until_state(address, "unknown")
    await world.sender.poll()
    assert shown["state"] == "unknown"
    stored = 1 if "empty" in fault else 0
    assert len(await world.axis.packets(id_of(document))) == stored
    refused = await world.sender.post(f"{address}/cancel")
    assert refused.json()["code"] == "document.has_left"


async def test_a_connection_cut_in_the_middle_of_the_body_is_not_sent_and_tried_again(
    world: World, tmp_path: Path
) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"\x00\xff\x17" * 3_000_000)
    document = a_document(to=(PARTNER,))
    document["attachments"] = [{"attachment_name": "large.pdf"}]
    await world.axis.fault("drop-before-store=once,100000B")
    address = await world.sender.sent(document, [large])
    await world.sender.until_state(address, "sent")
    assert len(await world.axis.packets(id_of(document))) == 1
    faults = (await world.axis.http.get(f"{world.axis.address}/_sim/faults")).json()["faults"]
    assert [one["struck"] for one in faults] == [1]


async def test_an_axis_that_cannot_be_reached_is_tried_until_it_can(
    databases: Callable[[str], str], tmp_path: Path
) -> None:
    """Its address refuses connections at first; nothing is unknown, for nothing has left."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        async with axis(tmp_path / "axis") as simulated:
            wanted = node_settings(databases("unreachable"), tmp_path)
            key = await prepare(wanted, simulated.address, tmp_path, SENDING, [SENDER])
            async with node(wanted, key) as sender:

                async def listed() -> bool:
                    return (await sender.get(f"/v1/agencies/{PARTNER}")).status_code == 200

                await until(listed)
                await _move_axis(sender, nobody)
                document = a_document(to=(PARTNER,))
                address = await sender.sent(document)

                async def tried() -> bool:
                    timeline = (await sender.document(address))["timeline"]
                    return any(one["description"] == "connect" for one in timeline)

                await until(tried)
                assert (await sender.document(address))["state"] in ("waiting", "sending")
                await _move_axis(sender, simulated.address)
                await sender.until_state(address, "sent")
                assert len(await simulated.packets(id_of(document))) == 1


async def _move_axis(of: Node, address: str) -> None:
    """An operator cannot move a connection; a firewall can, and this stands for it."""
    from gateway.directory import repository as directory

    endpoint = f"{address}/XrdAdapter/adapter"
    async with of.gateway.store.begin() as tx:
        await directory.update_connection(tx, "axis", {"endpoint": endpoint, "changed_at": opening.clock()})


async def test_a_slow_axis_is_waited_for(world: World) -> None:
    await world.axis.fault("slow@sendEdoc=500ms,once")
    address = await world.sender.sent(a_document(to=(PARTNER,)))
    await world.sender.until_state(address, "sent")
