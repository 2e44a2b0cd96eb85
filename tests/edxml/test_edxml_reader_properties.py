"""Properties of the reader: how bytes arrive means nothing; damage is found or harmless; what is written is read."""

import io
from collections.abc import Sequence

from edxml_strategies import documents, file_sets, statuses
from hypothesis import given, settings
from hypothesis import strategies as st
from packets import SAMPLES, read, sample
from sinks import TemporarySinks

from gateway.edxml.feeding import BLOCK
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.edxml.normal import FileDigest, normal_document, normal_status, same_meaning
from gateway.edxml.reader import PacketReader, Profile, ReadPacket
from gateway.edxml.writer import FileToSend, completed, write_document, write_status

GOOD = [path.read_bytes() for path in sorted(SAMPLES.glob("own_*.edxml"))]


def facts(result: ReadPacket) -> object:
    """Everything about a reading but the sinks themselves."""
    return (
        result.kind,
        result.packet,
        result.findings,
        result.unknown,
        result.signature,
        result.size,
        result.sha256,
        [(a.attachment_name, a.size, a.sha256, a.packed, a.content is None) for a in result.attachments],
    )


def fed(packet: bytes, cuts: Sequence[int]) -> object:
    reader = PacketReader(TemporarySinks())
    at = 0
    for cut in [*sorted(cuts), len(packet)]:
        reader.feed(packet[at:cut])
        at = max(at, cut)
    return facts(reader.close())


@settings(deadline=None, max_examples=60)
@given(packet=st.sampled_from(GOOD), cuts=st.lists(st.integers(0, 8000), max_size=30))
def test_how_a_packet_is_cut_means_nothing(packet: bytes, cuts: list[int]) -> None:
    assert fed(packet, cuts) == fed(packet, [])


@settings(deadline=None, max_examples=8)
@given(
    cuts=st.lists(st.integers(0, 4 * BLOCK), max_size=12),
    ending=st.sampled_from([b"\n", b"\r\n", b"\r", b"&#13;\n", b""]),
    shift=st.integers(0, 90),
)
def test_how_a_large_packet_is_cut_means_nothing(cuts: list[int], ending: bytes, shift: int) -> None:
    packet = sample("own_reply").replace(b">JVBE", b">" + b" " * shift + (b"A" * 76 + ending) * 9000 + b"JVBE", 1)
    assert fed(packet, cuts) == fed(packet, [])


def test_one_byte_at_a_time_reads_the_same() -> None:
    packet = sample("own_new_pdf_csv")
    assert fed(packet, range(len(packet))) == fed(packet, [])


@settings(deadline=None, max_examples=400)
@given(
    packet=st.sampled_from(GOOD),
    changes=st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.integers(0, 3),
            st.one_of(
                st.binary(max_size=4), st.sampled_from([b"<", b">", b"&", b"</", b"<![CDATA[", b"<!--", b"\0", b'"'])
            ),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_a_damaged_packet_is_read_or_refused_and_never_breaks_the_reader(
    packet: bytes, changes: list[tuple[float, int, bytes]]
) -> None:
    for place, length, new in changes:
        at = int(place * len(packet))
        packet = packet[:at] + new + packet[at + length :]
    sinks = TemporarySinks()
    result = read(packet, sinks=sinks)
    assert result.readable or any(finding.is_error for finding in result.findings)
    assert result.readable is False or result.packet is not None
    result.discard()
    assert sinks.live == []


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=400))
def test_bytes_that_are_no_packet_are_refused(data: bytes) -> None:
    assert not read(data).readable


def digests(result: ReadPacket) -> list[FileDigest]:
    return [
        FileDigest(
            name=attachment.attachment_name,
            description=attachment.description,
            size=attachment.size,
            sha256=attachment.sha256,
        )
        for attachment in result.attachments
    ]


@settings(deadline=None, max_examples=40)
@given(packet=documents(), files=file_sets())
def test_a_document_that_was_written_is_read_with_the_same_meaning(
    packet: DocumentPacket, files: list[FileToSend]
) -> None:
    out = io.BytesIO()
    write_document(packet, files, out)
    result = read(out.getvalue(), profile=Profile.STRICT)
    assert [finding for finding in result.findings if finding.is_error] == []
    assert isinstance(result.packet, DocumentPacket)
    wanted = normal_document(completed(packet), digests(result))
    assert same_meaning(normal_document(result.packet, digests(result)), wanted)
    for attachment, file in zip(result.attachments, files, strict=True):
        with file.source.open() as stream:
            assert attachment.content is not None
            with attachment.content.reopen() as real:
                assert real.read() == stream.read()
    result.discard()


@settings(deadline=None, max_examples=40)
@given(packet=statuses())
def test_a_status_that_was_written_is_read_with_the_same_meaning(packet: StatusPacket) -> None:
    out = io.BytesIO()
    write_status(packet, out)
    result = read(out.getvalue(), profile=Profile.STRICT)
    assert isinstance(result.packet, StatusPacket)
    assert [finding for finding in result.findings if finding.is_error] == []
    assert same_meaning(normal_status(result.packet), normal_status(packet))
