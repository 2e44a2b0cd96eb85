"""Faults of answers and lists, as our own client meets them."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from axis_requests import EDOC, NOW
from clocks import FakeClock
from simulated import SYSTEMS, PacketBytes, Running, client, document, file, running, status

from gateway.axis.port import Accepted, AxisRefused, AxisUnavailable, MessageType, Transport, Unknown
from gateway.axis.vxp.client import VxpClient
from gateway.axis.vxp.wire import Operation, hash_file_as_sdk

PACKET = document("H97")


@pytest.fixture
def axis(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "axis") as started:
        yield started


@pytest_asyncio.fixture
async def receiver(axis: Running) -> AsyncIterator[VxpClient]:
    async with client(axis, SYSTEMS[2], quick_retries=0) as opened:
        yield opened


@pytest_asyncio.fixture
async def sender(axis: Running) -> AsyncIterator[VxpClient]:
    async with client(axis, SYSTEMS[0]) as opened:
        yield opened


class TestTruncateBody:
    @pytest.mark.parametrize("size", ["", "10B,", "100B,", "1000000B,"])
    async def test_a_cut_list_is_never_an_empty_one(self, axis: Running, receiver: VxpClient, size: str) -> None:
        axis.sender.send(PACKET, "H99")
        axis.fault(f"truncate-body={size}once")
        with pytest.raises(AxisUnavailable, match="cut"):
            await receiver.received(MessageType.EDOC)
        assert len(await receiver.received(MessageType.EDOC)) == 1

    def test_the_beginning_of_the_answer_arrives(self, axis: Running) -> None:
        axis.fault("truncate-body=10B")
        with axis.http.stream("POST", f"{axis.endpoint}/getAgenciesList", headers=headers_of(axis)) as answer:
            pieces = answer.iter_raw()
            assert next(pieces) == b'{"status":'
            with pytest.raises(httpx2.RemoteProtocolError):
                next(pieces)

    async def test_a_cut_packet_is_no_packet(self, axis: Running, receiver: VxpClient) -> None:
        axis.sender.send(document("H97", files=[file("a.pdf", b"%PDF" * 700_000)]), "H99")
        (item,) = await receiver.received(MessageType.EDOC)
        axis.fault("truncate-body@getEdoc=once")
        with pytest.raises(AxisUnavailable, match="cut"):
            await receiver.fetch(item.doc_id, lambda _: None)
        assert await receiver.fetch(item.doc_id, lambda _: None) > 3_000_000

    async def test_a_cut_answer_to_a_send_decides_nothing(self, axis: Running, sender: VxpClient) -> None:
        axis.fault("truncate-body@sendEdoc=once")
        assert isinstance(await sender.send(MessageType.EDOC, "H99", PacketBytes(PACKET)), Unknown)
        assert axis.ledger()["counts"]["packets"] == 1


def headers_of(axis: Running) -> dict[str, str]:
    return axis.other.headers(Operation.AGENCIES) | {"Accept-Encoding": "identity"}


async def test_null_fields_are_read_as_unknown(axis: Running, receiver: VxpClient, sender: VxpClient) -> None:
    axis.sender.send(PACKET, "H99")
    axis.fault("null-fields")
    (item,) = await receiver.received(MessageType.EDOC)
    assert (item.from_code, item.to_code, item.created_time) == (None, None, None)
    assert (item.message_type, item.status) == (MessageType.EDOC, Transport.INITIAL)
    (row,) = await sender.sent(MessageType.EDOC)
    assert (row.receiver_doc_id, row.title, row.receive_status) == (item.doc_id, None, None)
    assert {agency.mail async for agency in receiver.agencies()} == {None}


def test_null_fields_are_null_and_not_absent(axis: Running) -> None:
    axis.sender.send(document("H97"), "H99")
    axis.fault("null-fields=once")
    row = axis.other.listed()[0]
    assert (row["status_desc"], row["from"]) == (None, None)
    assert axis.other.listed()[0]["from"] == "H99"


async def test_relist_fail_lists_what_was_acknowledged_fail(axis: Running, receiver: VxpClient) -> None:
    for _ in range(2):
        axis.sender.send(PACKET, "H99")
    first, second = await receiver.received(MessageType.EDOC)
    await receiver.acknowledge(first.doc_id, Transport.FAIL)
    await receiver.acknowledge(second.doc_id, Transport.DONE)
    axis.fault("relist-fail=once")
    again = await receiver.received(MessageType.EDOC)
    assert [(item.doc_id, item.status) for item in again] == [(first.doc_id, Transport.FAIL)]
    assert await receiver.received(MessageType.EDOC) == []


async def test_a_directory_of_100_000_units_is_streamed(axis: Running, receiver: VxpClient) -> None:
    axis.fault("agencies-100k@getAgenciesList=once")
    assert len({agency.code async for agency in receiver.agencies()}) == 100_004
    assert len({agency.code async for agency in receiver.agencies()}) == 4


async def test_download_not_available_is_a_404_that_get_edoc_makes_up_for(axis: Running) -> None:
    axis.sender.send(PACKET, "H99")
    axis.fault("download-not-available=once")
    used = []
    async with client(axis, SYSTEMS[2], use_download=True) as receiver:
        (item,) = await receiver.received(MessageType.EDOC)
        for _ in range(2):
            await receiver.fetch(item.doc_id, lambda _: None)
            assert receiver.last_exchange is not None
            used.append(receiver.last_exchange.operation)
    assert used == ["getEdoc", "downloadEdoc"]


class TestStricterChecks:
    def test_header_limit_8k_is_a_page_with_400(self, axis: Running) -> None:
        long = {**EDOC, "filePath": "x" * 5000}
        axis.fault("header-limit-8k=once")
        first, second = (axis.other.call(Operation.RECEIVED, long) for _ in range(2))
        assert (first.status_code, first.headers["content-type"][:9]) == (400, "text/html")
        assert second.json()["status"] == "OK"

    @pytest.mark.parametrize(("minutes", "refused"), [(5, True), (7, False)])
    async def test_strict_timestamp(self, axis: Running, minutes: int, refused: bool) -> None:
        axis.fault(f"strict-timestamp={minutes}min,once")
        slow = FakeClock(NOW - timedelta(minutes=6))
        async with client(axis, SYSTEMS[2], slow) as receiver:
            assert [await refused_with(receiver) for _ in range(2)] == ["15" if refused else None, None]

    @pytest.mark.parametrize(("form", "code"), [("padded", "10"), ("unpadded", "0")])
    def test_strict_hash_file(self, axis: Running, form: str, code: str) -> None:
        packet = PACKET
        while len(hash_file_as_sdk(PacketBytes(packet).sha256)) == 64:
            packet += b" "
        axis.fault(f"strict-hash-file={form},once")
        assert [axis.sender.send(packet, "H99")["ErrorCode"] for _ in range(2)] == [code, "0"]

    def test_replay_reject(self, axis: Running) -> None:
        axis.fault("replay-reject@getReceivedEdocList=3times")
        codes = [axis.other.json(Operation.RECEIVED, EDOC)["ErrorCode"] for _ in range(4)]
        assert codes == ["0", "15", "15", "0"]


async def refused_with(receiver: VxpClient) -> str | None:
    try:
        await receiver.received(MessageType.EDOC)
    except AxisRefused as refused:
        return refused.code
    return None


class TestStatuses:
    async def test_06_comes_before_the_03_that_was_sent_before_it(self, axis: Running, sender: VxpClient) -> None:
        axis.fault("out-of-order-status=once")
        for code in ("03", "06"):
            axis.other.send(status(code, from_code="H97"), "H97", {**EDOC, "messagetype": "status"})
        codes = {one["object_id"]: one["status_code"] for one in axis.ledger()["packets"]}
        of_item = {one["doc_id"]: codes[one["object_id"]] for one in axis.ledger()["items"]}
        came = []
        for _ in range(3):
            for item in await sender.received(MessageType.STATUS):
                came.append(of_item[item.doc_id])
                await sender.acknowledge(item.doc_id, Transport.DONE)
        assert came == ["06", "03"]

    async def test_a_document_is_never_kept_back(self, axis: Running, receiver: VxpClient) -> None:
        axis.fault("out-of-order-status")
        axis.sender.send(PACKET, "H99")
        assert len(await receiver.received(MessageType.EDOC)) == 1

    async def test_a_status_about_a_document_that_nobody_sent(self, axis: Running, receiver: VxpClient) -> None:
        axis.fault("status-for-unknown-document=once")
        assert await receiver.received(MessageType.EDOC) == []
        (item,) = await receiver.received(MessageType.STATUS)
        packet: list[bytes] = []
        await receiver.fetch(item.doc_id, packet.append)
        assert (item.from_code, item.to_code) == ("H99", "H97")
        assert b"H97,2000/01/01,0/KHONG-CO" in b"".join(packet)


@pytest.mark.parametrize(("spec", "count"), [("one-item-per-system", 1), ("one-item-per-unit", 2)])
def test_items_of_two_units_of_one_system(axis: Running, spec: str, count: int) -> None:
    axis.fault(f"{spec}=once")
    axis.other.send(document("H99", "H99.07", from_code="H97"), "H97")
    assert len(axis.sender.listed()) == count


async def test_the_same_seed_meets_the_same_faults(tmp_path: Path) -> None:
    async def struck(folder: Path) -> list[bool]:
        with running(folder, faults=["header-limit-8k=30%", "one-item-per-system=50%"]) as axis:
            async with client(axis, SYSTEMS[2]) as sender:
                counts = []
                for _ in range(12):
                    packet = PacketBytes(document("H99", "H99.07", from_code="H97"))
                    assert isinstance(await sender.send(MessageType.EDOC, "H97", packet), Accepted)
                    counts.append(axis.ledger()["counts"]["items"])
        return [after - before == 1 for before, after in zip([0, *counts], counts, strict=False)]

    first, second = await struck(tmp_path / "first"), await struck(tmp_path / "second")
    assert first == second
    assert 0 < sum(first) < 12
