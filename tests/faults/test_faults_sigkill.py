"""Processes killed at every point: after a restart nothing is lost, nothing is sent twice, and Unknown says so."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import httpx2
import partner
import pytest
import pytest_asyncio
from processes import Home, Process
from world import (
    DEPARTMENT,
    PARTNER,
    PDF,
    RECEIVING,
    SENDER,
    SENDING,
    Axis,
    Json,
    a_document,
    a_number,
    axis,
    id_of,
    node_settings,
    prepare,
    transport,
    until,
)

from gateway import opening
from gateway.axis.port import Accepted, MessageType
from gateway.documents import repository
from gateway.documents.model import ArrivalState

pytestmark = pytest.mark.process

FreshDatabase = Callable[[str], str]


def _points(*names: str | tuple[str, int], also_postgres: str) -> pytest.MarkDecorator:
    """Every point on SQLite and one on PostgreSQL: a process takes seconds to start."""
    on = pytest.param
    wanted = [name if isinstance(name, tuple) else (name,) for name in names]
    rows = [on("sqlite", *one, id=f"sqlite-{one[0]}") for one in wanted]
    rows += [
        on("postgresql", *one, id=f"postgresql-{one[0]}", marks=pytest.mark.postgres)
        for one in wanted
        if one[0] == also_postgres
    ]
    arguments = ("fresh_database", "kill_at", "stored")[: len(wanted[0]) + 1]
    return pytest.mark.parametrize(arguments, rows, indirect=["fresh_database"])


on_sqlite = pytest.mark.parametrize("fresh_database", ["sqlite"], indirect=True)


@pytest_asyncio.fixture
async def simulated(tmp_path: Path) -> AsyncIterator[Axis]:
    """An axis."""
    async with axis(tmp_path / "axis") as made:
        yield made


async def _home(simulated: Axis, fresh_database: FreshDatabase, folder: Path, system_id: str, unit: str) -> Home:
    url = fresh_database("node")
    key = await prepare(node_settings(url, folder), simulated.address, folder, system_id, [unit])
    return Home(url, folder, key)


@pytest_asyncio.fixture
async def sending(simulated: Axis, fresh_database: FreshDatabase, tmp_path: Path) -> Home:
    """A sending agency."""
    return await _home(simulated, fresh_database, tmp_path, SENDING, SENDER)


@pytest_asyncio.fixture
async def receiving(simulated: Axis, fresh_database: FreshDatabase, tmp_path: Path) -> Home:
    """A receiving agency."""
    return await _home(simulated, fresh_database, tmp_path, RECEIVING, DEPARTMENT)


async def _hand_over(to: Process, document: Json, content: bytes) -> httpx2.Response:
    parts = [
        ("document", ("d.json", json.dumps(document).encode(), "application/json")),
        ("files", ("x", content, "application/octet-stream")),
    ]
    return await to.http.post("/v1/documents", files=parts, headers={"Idempotency-Key": id_of(document)})


def _a_document() -> Json:
    return {**a_document(to=(PARTNER,)), "attachments": [{"attachment_name": PDF.name}]}


LARGE = bytes(range(256)) * 8192
"""2 MB that deflate does not make small enough for one piece of a body."""


async def _killed_while_sending(home: Home, kill_at: str, document: Json, content: bytes) -> str:
    async with home.running(kill_at) as first:
        await first.until_known(PARTNER)
        answer = await _hand_over(first, document, content)
        assert answer.status_code == 202, answer.text
        await first.until_killed()
    address: str = answer.headers["location"]
    return address


async def test_killed_after_accept_before_build(simulated: Axis, sending: Home) -> None:
    document = _a_document()
    async with sending.running("document.accepted") as first:
        await first.until_known(PARTNER)
        with pytest.raises(httpx2.TransportError):
            await _hand_over(first, document, PDF.read_bytes())
        await first.until_killed()
    async with sending.running() as second:
        answer = await _hand_over(second, document, PDF.read_bytes())
        assert (answer.status_code, answer.headers["idempotent-replayed"]) == (202, "true")
        shown = await second.until_state(answer.headers["location"], "sent")
        assert (await second.events(shown["id"])).count("document.accepted") == 1
    assert len(await simulated.packets(id_of(document))) == 1


@on_sqlite
async def test_killed_after_build(simulated: Axis, sending: Home) -> None:
    document = _a_document()
    address = await _killed_while_sending(sending, "dispatch.built", document, PDF.read_bytes())
    assert await simulated.packets(id_of(document)) == []
    async with sending.running() as second:
        await second.until_state(address, "sent")
    assert len(await simulated.packets(id_of(document))) == 1


@_points(("dispatch.sending", 0), ("body.middle", 0), ("dispatch.answered", 1), also_postgres="dispatch.answered")
async def test_killed_between_the_first_byte_and_the_commit_of_the_answer(
    simulated: Axis, sending: Home, kill_at: str, stored: int
) -> None:
    document = _a_document()
    content = LARGE if kill_at == "body.middle" else PDF.read_bytes()
    address = await _killed_while_sending(sending, kill_at, document, content)
    async with sending.running() as second:
        shown = await second.until_state(address, "unknown")
        assert transport(shown) == {PARTNER: "unknown"}
        assert (await second.events(shown["id"])).count("document.unknown") == 1
        again = await _hand_over(second, document, content)
        assert again.headers["location"] == address
    assert len(await simulated.packets(id_of(document))) == stored


@on_sqlite
async def test_killed_after_the_body_before_the_answer_and_settled_by_the_receivers_status(
    simulated: Axis, sending: Home
) -> None:
    document = _a_document()
    await simulated.fault("hang@sendEdoc=once")
    async with sending.running() as first:
        await first.until_known(PARTNER)
        address = (await _hand_over(first, document, PDF.read_bytes())).headers["location"]

        async def stored() -> bool:
            return bool(await simulated.packets(id_of(document)))

        await until(stored)
        first.signal(signal.SIGKILL)
        await first.until_killed()
    async with sending.running() as second:
        await second.until_state(address, "unknown")
        status = partner.status("01", id_of(document))
        assert isinstance(await simulated.send(status, MessageType.STATUS), Accepted)
        proved = await second.until_state(address, "sent")
        assert transport(proved) == {PARTNER: "accepted"}
        told = await second.events(proved["id"])
        assert told == ["document.accepted", "document.unknown", "document.sent", "status.received"]
    assert len(await simulated.packets(id_of(document))) == 1


@_points("arrival.fetched", "arrival.committed", "arrival.acknowledged", also_postgres="arrival.committed")
async def test_killed_while_taking_in(simulated: Axis, receiving: Home, kill_at: str) -> None:
    number = a_number()
    assert isinstance(await simulated.send(partner.document(number)), Accepted)
    (item,) = await simulated.items_of(partner.id_of(number))
    async with receiving.running(kill_at) as first:
        await first.until_killed()
    acknowledged_before = await simulated.acks(item)
    async with receiving.running() as second:
        claim = await second.claim()
        assert (await second.confirm(claim)).status_code == 200

        async def all_told() -> bool:
            return bool(await simulated.acks(item)) and bool(await simulated.statuses(partner.id_of(number)))

        await until(all_told)
        listed = (await second.http.get("/v1/documents", params={"direction": "in"})).json()["items"]
        assert [one["document_id"] for one in listed] == [partner.id_of(number)]
        assert (await second.events(listed[0]["id"])).count("document.arrived") == 1
        await until(partial(_is_settled, receiving, item))
    assert acknowledged_before == (["done"] if kill_at == "arrival.acknowledged" else [])
    assert set(await simulated.acks(item)) == {"done"}
    assert await simulated.statuses(partner.id_of(number)) == ["01"]


async def _is_settled(home: Home, item: str) -> bool:
    """Whether the gateway knows that the axis was told, though it may have died before it could write that down."""
    store = opening.open_store(node_settings(home.database_url, home.folder))
    try:
        async with store.read() as tx:
            found = await repository.known_arrivals(tx, "axis", [item])
    finally:
        await store.close()
    return found[item].state is ArrivalState.ACKNOWLEDGED


@_points("delivery.handed_over", "dispatch.built", "dispatch.sending", also_postgres="delivery.handed_over")
async def test_killed_between_hand_over_and_01(simulated: Axis, receiving: Home, kill_at: str) -> None:
    number = a_number()
    assert isinstance(await simulated.send(partner.document(number)), Accepted)
    async with receiving.running(kill_at) as first:
        claim = await first.claim()
        confirming = asyncio.create_task(first.confirm(claim))
        await first.until_killed()
        await asyncio.gather(confirming, return_exceptions=True)
    assert await simulated.statuses(partner.id_of(number)) == []
    async with receiving.running() as second:
        again = await second.confirm(claim)
        assert (again.status_code, again.json()["state"]) == (200, "handed_over")

        async def told() -> bool:
            return bool(await simulated.statuses(partner.id_of(number)))

        await until(told)
        document = await second.document(claim["document"]["href"])
        assert [one["code"] for one in document["timeline"] if one["step"] == "status.out"] == ["01"]
    assert await simulated.statuses(partner.id_of(number)) == ["01"]
