"""Whatever is done to a well signed packet: it is never called intact when it means something else."""

import io
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path

from enveloped_parts import (
    ENVELOPED,
    EXCLUSIVE,
    MORE,
    PACKET,
    certificate,
    ec_key,
    judged,
    reference,
    signed,
    template,
    transform,
    x509_data,
)
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree

from gateway.edxml.limits import Limits
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import FileDigest, NormalForm, normal_document, normal_status
from gateway.edxml.reader import ReadPacket, read_packet
from gateway.store import FolderBlobs

STATUS = (Path(__file__).parents[1] / "data" / "packets" / "own_status_03.edxml").read_bytes()
REFERENCES = (reference(), reference(transforms=transform(ENVELOPED) + transform(EXCLUSIVE)))


@cache
def well_signed() -> tuple[bytes, ...]:
    """A document and a status, each with inclusive and exclusive C14N."""
    key_info = x509_data(certificate(ec_key()))
    return tuple(
        signed(packet, template(key_info, references=one, method=f"{MORE}ecdsa-sha256"), ec_key())
        for packet in (PACKET, STATUS)
        for one in REFERENCES
    )


@cache
def blobs() -> FolderBlobs:
    """Shared: what is read is discarded."""
    return FolderBlobs(Path(tempfile.mkdtemp()) / "blobs")


def meaning(read: ReadPacket) -> NormalForm | None:
    """What the packet means, or None when it cannot be taken."""
    if not read.readable:
        return None
    if isinstance(read.packet, StatusPacket):
        return normal_status(read.packet)
    assert isinstance(read.packet, DocumentPacket)
    files = [
        FileDigest(name=one.attachment_name, description=one.description, size=one.size or 0, sha256=one.sha256 or "")
        for one in read.attachments
    ]
    return normal_document(read.packet, files)


PIECES = st.sampled_from(
    [
        *("<!-- -->", "<!--H98-->", "<?x y?>", " ", "\n", "\t", "&#32;", "&#13;", "<![CDATA[x]]>", "<![CDATA[]]>"),
        *("<edXML:To/>", "<edXML:To><edXML:OrganId>H98</edXML:OrganId></edXML:To>", "H98", "0", "/", ">", "<", "x"),
        *("</edXML:Subject><edXML:Subject>", "</edXML:To><edXML:To>", ' xmlns="u:x"', ' xmlns:a="u:x"', ' Id="a"'),
        *("<Signature>", "</Signature>", "<edXML:Signature/>", "<Object/>", "&amp;", "&lt;", "="),
    ]
).map(str.encode)

PLACES = st.floats(min_value=0, max_value=1, exclude_max=True)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A well signed packet with one to three changes: pieces put in, cut out, doubled, moved, bytes changed."""
    packet = draw(st.sampled_from(well_signed()))
    for _ in range(draw(st.integers(1, 3))):
        at, length = int(draw(PLACES) * len(packet)), draw(st.integers(1, 300))
        if draw(st.booleans()):  # at the edge of a tag, where more is still well-formed
            at = max(packet.rfind(b"<", 0, at + 1), packet.rfind(b">", 0, at) + 1)
        match draw(st.sampled_from(["in", "in", "in", "out", "twice", "move", "byte"])):
            case "in":
                packet = packet[:at] + draw(PIECES) + packet[at:]
            case "out":
                packet = packet[:at] + packet[at + length :]
            case "twice":
                packet = packet[: at + length] + packet[at:]
            case "move":
                piece, rest = packet[at : at + length], packet[:at] + packet[at + length :]
                to = int(draw(PLACES) * len(rest))
                packet = rest[:to] + piece + rest[to:]
            case "byte":
                packet = packet[:at] + bytes([draw(st.integers(0, 255))]) + packet[at + 1 :]
    return packet


@st.composite
def shuffles(draw: st.DrawFn) -> bytes:
    """A well signed packet whose elements were put elsewhere, doubled, taken out, or given another text or comment."""
    root = etree.fromstring(draw(st.sampled_from(well_signed())))
    for _ in range(draw(st.integers(1, 3))):
        elements = [one for one in root.iter(etree.Element) if one is not root]
        if not elements:
            break
        one, other = draw(st.sampled_from(elements)), draw(st.sampled_from(elements))
        parent = one.getparent()
        assert parent is not None
        match draw(st.sampled_from(["comment", "text", "tail", "twice", "out", "move", "swap"])):
            case "comment":
                one.insert(0, etree.Comment("x"))
                one[0].tail, one.text = draw(st.sampled_from([(one.text, None), (None, one.text)]))
            case "text":
                one.text = (one.text or "") + draw(st.sampled_from(["x", " ", "0", "\n"]))
            case "tail":
                one.tail = draw(st.sampled_from(["x", " ", "\n"]))
            case "twice":
                parent.append(deepcopy(one))
            case "out":
                parent.remove(one)
            case "move" if one not in other.iterancestors() and one is not other:
                other.append(one)
            case "swap":
                parent.append(one)
    return etree.tostring(root)


@given(mutations() | shuffles())
@example(well_signed()[0])
@example(well_signed()[1].replace("yếu".encode(), "y<!---->ếu".encode()))
def test_a_changed_packet_is_never_intact_with_another_meaning(packet: bytes) -> None:
    read, facts = judged(packet, blobs())
    if facts.intact is True and read.readable:
        assert meaning(read) in _meanings()


@cache
def _meanings() -> tuple[NormalForm | None, ...]:
    found = []
    for packet in well_signed():
        read = read_packet(io.BytesIO(packet), blobs(), Limits())
        found.append(meaning(read))
        read.discard()
    return tuple(found)
