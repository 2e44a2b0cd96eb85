"""Lost and damaged blobs: what was to be sent ends with a reason, what came is fetched again, what is kept is told of."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx2
import partner
import pytest
from faulty_parts import Faulty, damage, faulty, lose, place_of
from structlog.testing import capture_logs
from world import (
    DEPARTMENT,
    OTHER,
    RECEIVING,
    SENDER,
    SENDING,
    Axis,
    Node,
    a_document,
    axis,
    id_of,
    node,
    node_settings,
    prepare,
    until,
)

from gateway import app, opening
from gateway.directory import connections
from gateway.documents import repository as documents
from gateway.documents.announcing import Happening
from gateway.documents.model import Direction, Dispatch, DispatchState
from gateway.store import Blob

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
pytestmark = SQLITE


@asynccontextmanager
async def sender(url: str, folder: Path) -> AsyncIterator[tuple[Axis, Node, Path]]:
    """A sender whose connection is stopped, its axis and its blob folder."""
    async with axis(folder / "axis") as simulated:
        (folder / "sender").mkdir()
        wanted = node_settings(url, folder / "sender")
        key = await prepare(wanted, simulated.address, folder / "sender", SENDING, [SENDER])
        async with node(wanted, key) as running:

            async def listed() -> bool:
                return (await running.get(f"/v1/agencies/{OTHER}")).status_code == 200

            await until(listed)
            await running.change(connections.stop, "operator")
            yield simulated, running, wanted.store.blob_folder


async def blobs_of(one: Node, address: str) -> list[Blob]:
    """The files of a document."""
    async with one.gateway.store.read() as tx:
        return [file.blob for file in await documents.attachments_of(tx, address.rpartition("/")[2])]


@pytest.mark.parametrize(("fault", "reason"), [(lose, "blob.missing"), (damage, "blob.damaged")])
async def test_a_document_whose_file_is_gone_ends_with_the_reason_and_an_alarm(
    database_url: str, tmp_path: Path, fault: Callable[[Path], object], reason: str
) -> None:
    document = a_document(to=[OTHER])
    async with sender(database_url, tmp_path) as (simulated, running, folder):
        address = await running.sent(document)
        fault(place_of(folder, (await blobs_of(running, address))[0]))
        with capture_logs() as log:
            await running.change(connections.resume)
            await running.until_state(address, "refused")
        assert [(one["code"], bool(one["do"])) for one in log if one["event"] == "dispatch.blob_lost"] == [
            (reason, True)
        ]
        alarms = await running.events(Happening.ALARM_BLOB)
        assert [one["data"]["reason"] for one in alarms] == [reason]
        assert await simulated.packets(id_of(document)) == []
        other = a_document(to=[OTHER])
        await running.until_state(await running.sent(other), "sent")


@pytest.mark.parametrize(("fault", "reason"), [(lose, "blob.missing"), (damage, "blob.damaged")])
async def test_a_packet_that_is_gone_after_it_was_built_ends_with_the_reason(
    database_url: str, tmp_path: Path, fault: Callable[[Path], object], reason: str
) -> None:
    document = a_document(to=[OTHER])
    async with sender(database_url, tmp_path) as (_, running, _):
        address = await running.sent(document)
        wanted = running.gateway.settings

    def passed(point: str) -> None:
        if point == "dispatch.built":
            for path in wanted.store.blob_folder.glob("??/??/*"):
                fault(path)
            raise RuntimeError("the process dies here")

    async with app.gateway(wanted, passed=passed) as built:
        async with built.store.begin() as tx:
            await connections.resume(tx, "axis", opening.clock())
        dispatch = await _ended(built, address)
    assert (dispatch.state, dispatch.reason, dispatch.attempts) == (DispatchState.GIVEN_UP, reason, 0)


async def _ended(built: app.Gateway, address: str) -> Dispatch:
    found: list[Dispatch] = []

    async def ended() -> bool:
        await built.worker.run_once()
        async with built.store.read() as tx:
            (dispatch,) = await documents.dispatches_of(tx, address.rpartition("/")[2])
        found.append(dispatch)
        return dispatch.state not in (DispatchState.QUEUED, DispatchState.BUILT)

    await until(ended)
    return found[-1]


@pytest.mark.parametrize("fault", [lose, damage])
async def test_an_arrival_whose_packet_is_gone_before_it_was_read_is_fetched_again(
    database_url: str, tmp_path: Path, fault: Callable[[Path], object]
) -> None:
    struck: list[str] = []

    def passed(point: str) -> None:
        if point == "arrival.fetched" and not struck:
            struck.append(point)
            for path in (tmp_path / "receiver" / "blobs").glob("??/??/*"):
                fault(path)

    async with axis(tmp_path / "axis") as simulated:
        (tmp_path / "receiver").mkdir()
        wanted = node_settings(database_url, tmp_path / "receiver")
        await prepare(wanted, simulated.address, tmp_path / "receiver", RECEIVING, [DEPARTMENT])
        doc_id = await simulated.lay(partner.document("5"))
        async with app.gateway(wanted, passed=passed) as built:
            async with built.store.begin() as tx:
                await built.jobs.put(tx, kind="poll", key="axis")

            async def told() -> bool:
                await built.worker.run_once()
                return await simulated.acks(doc_id) != []

            await until(told)
            async with built.store.read() as tx:
                found = await documents.known_documents(
                    tx, unit_codes=[DEPARTMENT], document_id=partner.id_of("5"), direction=Direction.IN
                )
                files = await documents.attachments_of(tx, found[0].id)
            for one in files:
                built.blobs.verify(one.blob)
    assert (struck, len(found), len(files)) == (["arrival.fetched"], 1, 1)


async def test_the_hourly_check_tells_of_each_damaged_blob_once_and_forgets_it_when_restored(
    database_url: str, tmp_path: Path
) -> None:
    async with faulty(database_url, tmp_path) as one:
        await one.acknowledged(await one.laid("1"))
        await one.acknowledged(await one.laid("2"))
        assert (await one.check("files"))["ok"]
        first, second = await _kept(one)
        gone = lose(place_of(one.folder, first))
        whole = place_of(one.folder, second).read_bytes()
        damage(place_of(one.folder, second))
        await _checked(one)
        failing = await one.until_failing("files")
        assert "2" in str(failing["reason"])
        await _checked(one)
        alarms = await one.node.events(Happening.ALARM_BLOB)
        assert {one["data"]["blob"]: one["data"]["reason"] for one in alarms} == {
            first.key: "blob.missing",
            second.key: "blob.damaged",
        }
        assert len(alarms) == 2
        gone.rename(place_of(one.folder, first))
        place_of(one.folder, second).write_bytes(whole)
        await _checked(one)

        async def well() -> bool:
            return bool((await one.check("files"))["ok"])

        await until(well)


async def _kept(one: Faulty) -> tuple[Blob, Blob]:
    items = (await one.node.get("/v1/documents", direction="in")).json()["items"]
    found = [(await blobs_of(one.node, item["id"]))[0] for item in items]
    async with one.store.read() as tx:
        packets = [await documents.packet_of_document(tx, item["id"]) for item in items]
    assert packets[0] is not None
    return found[0], packets[0].blob


async def _checked(one: Faulty) -> None:
    """Until the check has run once more."""
    asked = opening.clock()
    async with one.store.begin() as tx:
        await one.node.gateway.jobs.wake(tx, "blob_check", "all")

    async def later() -> bool:
        async with one.store.read() as tx:
            ages = await one.node.gateway.jobs.oldest(tx)
        return any(age.kind == "blob_check" and age.since > asked + timedelta(minutes=30) for age in ages)

    await until(later)


async def test_a_damaged_file_is_not_given_to_the_document_system_as_whole(database_url: str, tmp_path: Path) -> None:
    async with faulty(database_url, tmp_path) as one:
        await one.acknowledged(await one.laid("1"))
        (item,) = (await one.node.get("/v1/documents", direction="in")).json()["items"]
        damage(place_of(one.folder, (await blobs_of(one.node, item["id"]))[0]))
        with pytest.raises(httpx2.RemoteProtocolError):
            await one.node.get(f"/v1/documents/{item['id']}/attachments/1")
