"""Our own client and the simulated axis: the two halves of the protocol meet."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from simulated import SYSTEMS, PacketBytes, Running, client, document, running, status

from gateway.axis.port import (
    Accepted,
    AxisRefused,
    AxisUnavailable,
    MessageType,
    Registration,
    Rejected,
    Transport,
    Unknown,
)
from gateway.axis.vxp.client import VxpClient


@pytest.fixture
def axis(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "axis") as started:
        yield started


@pytest_asyncio.fixture
async def sender(axis: Running) -> AsyncIterator[VxpClient]:
    async with client(axis, SYSTEMS[0]) as opened:
        yield opened


@pytest_asyncio.fixture
async def receiver(axis: Running) -> AsyncIterator[VxpClient]:
    async with client(axis, SYSTEMS[2]) as opened:
        yield opened


async def test_a_document_goes_round(sender: VxpClient, receiver: VxpClient) -> None:
    sent = await sender.send(MessageType.EDOC, "H99", PacketBytes(document("H97")))
    assert isinstance(sent, Accepted)
    (item,) = await receiver.received(MessageType.EDOC)
    pieces: list[bytes] = []
    count = await receiver.fetch(item.doc_id, pieces.append)
    await receiver.acknowledge(item.doc_id, Transport.DONE)
    (row,) = await sender.sent(MessageType.EDOC, sent.doc_id)
    assert (item.to_code, count, row.receive_status) == ("H97", len(b"".join(pieces)), "done")
    assert await receiver.received(MessageType.EDOC) == []


async def test_a_status_comes_back(sender: VxpClient, receiver: VxpClient) -> None:
    await receiver.send(MessageType.STATUS, "H97", PacketBytes(status("01", from_code="H97")))
    assert await sender.count(MessageType.STATUS) == 1
    assert [item.from_code for item in await sender.received(MessageType.STATUS)] == ["H97"]


async def test_the_directory_is_read_and_changed(receiver: VxpClient) -> None:
    await receiver.register(Registration(parent_code="00.97.H97", code="H97.05", name="Sở Mẫu"))
    assert [agency.code async for agency in receiver.agencies()][-1] == "H97.05"
    await receiver.remove("H97.05")
    assert [agency.deleted async for agency in receiver.units()][-1]
    assert [agency.code async for agency in receiver.agencies_qd20("1")] == ["H99", "H97"]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        ("html-502@sendEdoc=once", Unknown),
        ("drop-before-store=once", Unknown),
        ("drop-after-store=once", Unknown),
        ("fail-without-docid=once", Unknown),
        ("empty-200@sendEdoc=once", Unknown),
        ("docid-null=once", Unknown),
        ("numeric-errorcode@sendEdoc=once", Accepted),
        ("bom@sendEdoc=once", Accepted),
        ("slow@sendEdoc=100ms,once", Accepted),
    ],
)
async def test_a_fault_while_sending_is_told_for_what_it_is(
    axis: Running, sender: VxpClient, fault: str, result: type[object]
) -> None:
    axis.fault(fault)
    assert type(await sender.send(MessageType.EDOC, "H99", PacketBytes(document("H97")))) is result


async def test_a_refusal_is_a_refusal(sender: VxpClient) -> None:
    refused = await sender.send(MessageType.EDOC, "H99", PacketBytes(document("H11")))
    assert isinstance(refused, Rejected)
    assert refused.code == "18"


async def test_an_outage_is_never_an_empty_list(axis: Running, receiver: VxpClient) -> None:
    axis.fault("html-502@getReceivedEdocList")
    with pytest.raises(AxisUnavailable):
        await receiver.received(MessageType.EDOC)


async def test_a_wrong_secret_is_refused(axis: Running) -> None:
    async with client(axis, "00.97.H97:another:H97") as opened:
        with pytest.raises(AxisRefused, match="15"):
            await opened.received(MessageType.EDOC)
