"""A pass through the simulated axis changes every byte and no meaning; what the vendor's library spoils is spoilt too."""

import base64
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from axis_requests import EDOC, NOW, STATUS, Caller
from simulated import Running, document, file, running

from gateway.axis.vxp.wire import Operation
from gateway.edxml.model import DocumentPacket
from gateway.edxml.normal import FileDigest, meaning_hash
from gateway.edxml.reader import ReadPacket, read_packet
from gateway.store import FolderBlobs

PACKETS = sorted((Path(__file__).parent.parent / "data" / "packets").glob("own_*.edxml"))
SYSTEMS = ("00.99.H99:first:H99,H99.07,H99.08", "00.98.H98:second:000.00.12.H98")


@pytest.fixture
def axis(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path / "axis", lambda: NOW, systems=SYSTEMS) as started:
        yield started


def read(packet: bytes, folder: Path) -> ReadPacket:
    result = read_packet(BytesIO(packet), FolderBlobs(folder / "read"))
    result.discard()
    return result


def meaning(packet: ReadPacket) -> str:
    assert packet.packet is not None
    files = [
        FileDigest(name=each.attachment_name, description=each.description, size=each.size, sha256=each.sha256)
        for each in packet.attachments
    ]
    return meaning_hash(packet.packet, files)


def passed(axis: Running, packet: bytes, kind: dict[str, str], sender: Caller, from_code: str) -> bytes:
    """The packet as the first recipient fetches it."""
    answer = sender.send(packet, from_code, kind)
    assert answer["status"] == "OK", answer
    item = axis.ledger()["items"][0]
    owner = next(each for each in map(axis.caller, SYSTEMS) if each.system_id == item["system_id"])
    return base64.b64decode(owner.json(Operation.FETCH, {"docId": item["doc_id"]}, b"{}")["data"])


@pytest.mark.parametrize("path", PACKETS, ids=lambda path: path.stem)
def test_a_packet_means_the_same_after_the_axis(axis: Running, path: Path, tmp_path: Path) -> None:
    sent = path.read_bytes()
    before = read(sent, tmp_path)
    assert before.packet is not None
    from_code = before.packet.message_header.from_.organ_id or ""
    kind = EDOC if isinstance(before.packet, DocumentPacket) else STATUS
    sender = axis.caller(SYSTEMS[0] if from_code.startswith("H99") else SYSTEMS[1])
    delivered = passed(axis, sent, kind, sender, from_code)
    after = read(delivered, tmp_path)
    assert delivered != sent
    assert [finding for finding in after.findings if finding.is_error] == []
    assert meaning(after) == meaning(before)


def archive(**entries: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in entries.items():
            opened.writestr(name, data)
    return out.getvalue()


def delivered_file(axis: Running, folder: Path, name: str, data: bytes) -> bytes:
    packet = document("000.00.12.H98", files=[file(name, data)])
    result = read_packet(
        BytesIO(passed(axis, packet, EDOC, axis.caller(SYSTEMS[0]), "H99")), FolderBlobs(folder / "read")
    )
    content = result.attachments[0].content
    assert content is not None
    with content.reopen() as stream:
        got = stream.read()
    result.discard()
    return got


def test_an_archive_in_capitals_is_cut_open(axis: Running, tmp_path: Path) -> None:
    assert delivered_file(axis, tmp_path, "ban-ve.ZIP", archive(one=b"first", two=b"second")) == b"first"


def test_an_archive_in_small_letters_arrives_whole(axis: Running, tmp_path: Path) -> None:
    whole = archive(one=b"first", two=b"second")
    assert delivered_file(axis, tmp_path, "ban-ve.zip", whole) == whole


@pytest.mark.parametrize("data", [b"no archive", archive()])
def test_what_cannot_be_cut_open_arrives_as_it_is(axis: Running, tmp_path: Path, data: bytes) -> None:
    assert delivered_file(axis, tmp_path, "ban-ve.ZIP", data) == data


def test_an_attachment_without_content_stays_an_attachment(axis: Running, tmp_path: Path) -> None:
    content_id = b"<ContentId>cid:10000000-0000-4000-8000-000000000001</ContentId>"
    packet = document("000.00.12.H98", files=[file("a.pdf"), file("b.pdf", b"", "40000000-0000")])
    manifest, rest = packet.split(b"<edXML:edXMLManifest")[0], packet.split(b"</edXML:edXMLManifest>")[1]
    without_manifest = manifest + b'<edXML:edXMLManifest version="1.0"/>' + rest
    assert content_id in without_manifest
    delivered = passed(axis, without_manifest, EDOC, axis.caller(SYSTEMS[0]), "H99")
    assert [each.attachment_name for each in read(delivered, tmp_path).attachments] == ["a.pdf", "b.pdf"]
