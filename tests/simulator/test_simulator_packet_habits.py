"""Habits that packets of real axes show, each switched on by its fault: our reader copes with every one."""

import base64
import re
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from axis_requests import NOW
from simulated import Running, document, file, running

from gateway.axis.vxp.wire import Operation
from gateway.edxml.model import DocumentPacket
from gateway.edxml.reader import Attachment, ReadPacket, read_packet
from gateway.store import FolderBlobs


@pytest.fixture
def axis(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "axis") as started:
        yield started


def delivered(axis: Running, packet: bytes, fault: str) -> bytes:
    """The packet as it is fetched when it was sent under this fault."""
    axis.fault(fault)
    assert axis.other.send(packet, "H97")["status"] == "OK"
    doc_id = axis.receiver.listed()[0]["docId"]
    return base64.b64decode(axis.receiver.json(Operation.FETCH, {"docId": doc_id}, b"{}")["data"])


def read(packet: bytes, folder: Path) -> tuple[DocumentPacket, ReadPacket]:
    result = read_packet(BytesIO(packet), FolderBlobs(folder / "read"))
    assert result.readable
    assert isinstance(result.packet, DocumentPacket)
    return result.packet, result


def test_no_bussiness_is_a_new_document(axis: Running, tmp_path: Path) -> None:
    packet, result = read(delivered(axis, document("H98.01", from_code="H97"), "no-bussiness=once"), tmp_path)
    result.discard()
    assert (packet.trace_header_list.bussiness, packet.business_type) == (None, "0")


def test_trace_without_organid_keeps_its_time(axis: Running, tmp_path: Path) -> None:
    packet, result = read(delivered(axis, document("H98.01", from_code="H97"), "trace-without-organid=once"), tmp_path)
    result.discard()
    hops = packet.trace_header_list.trace_headers
    assert [(hop.organ_id, hop.timestamp is None) for hop in hops] == [("H97", False), (None, False)]
    assert (hops[1].timestamp or NOW) > NOW


def test_dual_qd20_recipients_are_added_after_those_they_belong_to(axis: Running, tmp_path: Path) -> None:
    sent = document("H98.01", "H99", "H99.07", from_code="H97")
    packet, result = read(delivered(axis, sent, "dual-qd20-recipients=once"), tmp_path)
    result.discard()
    assert [(organ.organ_id, organ.organization_in_charge) for organ in packet.message_header.to] == [
        ("H98.01", None),
        ("000.00.12.H98", "TLTVBQG_CDMDD_QD20"),
        ("H99", None),
        ("000.00.00.H99", "TLTVBQG_CDMDD_QD20"),
        ("H99.07", None),
        ("000.00.07.H99", "TLTVBQG_CDMDD_QD20"),
    ]
    assert packet.message_header.to[1].organ_name == "Cơ quan nhận (Mã cũ) (qd20)"
    assert [row["to"] for row in axis.sender.listed()] == ["H99", "H99.07"]


def office() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<w/>")
    return out.getvalue()


FILES = {"a.pdf": b"%PDF-1.4 mau", "b.csv": b"a;b\n" * 100, "c.docx": office(), "d.xlsx": office(), "e.zip": office()}


@pytest.mark.parametrize(
    ("fault", "archives"),
    [("zip-attachment=once", 5), ("plain-attachment=once", 3)],
)
def test_files_are_the_same_however_they_are_packed(axis: Running, tmp_path: Path, fault: str, archives: int) -> None:
    files = [file(name, data, f"{at:08d}-0000-4000-8000-000000000000") for at, (name, data) in enumerate(FILES.items())]
    packet = delivered(axis, document("H98.01", from_code="H97", files=files), fault)
    _, result = read(packet, tmp_path)
    assert {each.attachment_name: contents(each) for each in result.attachments} == FILES
    assert len(re.findall(rb">UEsDB", packet)) == archives


def contents(attachment: Attachment) -> bytes:
    assert attachment.content is not None
    with attachment.content.reopen() as stream:
        data = stream.read()
    attachment.content.discard()
    return data


@pytest.mark.parametrize(("word", "prefixed"), [("off", False), ("on", True)])
def test_a_content_id_has_its_prefix_or_none(axis: Running, tmp_path: Path, word: str, prefixed: bool) -> None:
    sent = document("H98.01", from_code="H97", files=[file("a.pdf")])
    packet = delivered(axis, sent, f"cid-prefix={word},once")
    _, result = read(packet, tmp_path)
    result.discard()
    assert (b"cid:" in packet) is prefixed
    assert [each.attachment_name for each in result.attachments] == ["a.pdf"]
