"""Signed packets through the simulated axis's own rewriting, three times, under each of its habits."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pytest
from profile_keys import VECTORS

from gateway.axis.port import MessageType
from gateway.edxml.limits import Limits
from gateway.edxml.reader import read_packet
from gateway.signing.facts import SignatureFacts
from gateway.signing.verify import verify
from gateway.simulator.readings import Readings
from gateway.simulator.rewriting import PacketRewriter
from gateway.store import FolderBlobs

NOW = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
CASES = sorted(path.parent for path in VECTORS.glob("*/signed-info.xml"))
HABITS = {
    "the vendor's": Readings(),
    "everything zipped": Readings(attachments="zipped", cid_prefix="off"),
    "old codes, hop without a code": Readings(old_code_receivers="added", hop_organ_id="missing"),
}


@pytest.fixture
def thrice(tmp_path: Path) -> Callable[[bytes, MessageType, Readings], bytes]:
    blobs = FolderBlobs(tmp_path / "blobs")
    rewriter = PacketRewriter(
        blobs=blobs,
        centre="001.00.20.TT2",
        hop_delay=timedelta(seconds=1),
        limits=Limits(),
        old_code=lambda code: f"000.00.00.{code}" if code.startswith("H") and "." not in code else None,
    )

    def passes(packet: bytes, kind: MessageType, readings: Readings) -> bytes:
        for _ in range(3):
            with blobs.create() as body:
                body.write(packet)
                content = rewriter.rewrite(kind, body, NOW, readings).content
            with content.open() as stream:
                packet = stream.read()
        return packet

    return passes


def facts(packet: bytes, folder: Path) -> SignatureFacts:
    read = read_packet(BytesIO(packet), FolderBlobs(folder / "read"))
    try:
        return verify(read, received=NOW)
    finally:
        read.discard()


@pytest.mark.parametrize("habit", HABITS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_three_passes_leave_every_signature_intact(
    thrice: Callable[[bytes, MessageType, Readings], bytes], case: Path, habit: str, tmp_path: Path
) -> None:
    kind = MessageType.STATUS if case.name.startswith("status") else MessageType.EDOC
    packet = thrice((case / "packet.edxml").read_bytes(), kind, HABITS[habit])
    found = facts(packet, tmp_path)
    assert (found.well_formed, found.intact, found.covers) == (True, True, True), found.reasons


def test_an_axis_that_loses_the_business_block_is_found_out(
    thrice: Callable[[bytes, MessageType, Readings], bytes], tmp_path: Path
) -> None:
    sent = (VECTORS / "update-ecdsa-p384" / "packet.edxml").read_bytes()
    found = facts(thrice(sent, MessageType.EDOC, Readings(bussiness="dropped")), tmp_path)
    assert {part.part: part.intact for part in found.parts} == {"header": True, "business": False, "file:1": True}


def test_the_axis_carries_a_signature_as_the_vendors_library_does(
    thrice: Callable[[bytes, MessageType, Readings], bytes], tmp_path: Path
) -> None:
    sent = (VECTORS / "status-rsa-sha256" / "packet.edxml").read_text()
    odd = sent.replace(
        "<Signature>",
        '<Signature><SignatureValue>AAAA</SignatureValue></Signature><Signature xmlns="http://www.w3.org/2000/09/xmldsig#" Id="s">',
    ).replace("</KeyInfo>", "<KeyName>x</KeyName></KeyInfo><Object>y</Object>")
    assert facts(odd.encode(), tmp_path).well_formed is False
    arrived = thrice(odd.encode(), MessageType.STATUS, Readings())
    lost = (b"KeyName", b"<Object", b"Id=", b'xmldsig#">', b"AAAA<")
    assert not [word for word in lost if word in arrived]
    assert facts(arrived, tmp_path).intact
