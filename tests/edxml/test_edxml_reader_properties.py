"""Properties of the reader: how bytes arrive means nothing; damage is found or harmless; what is written is read."""

import io
import re
from collections.abc import Callable, Sequence

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


Mutation = Callable[[bytes, int], bytes]
"""Changes a packet at a place."""


def _put(what: bytes, over: int = 0) -> Mutation:
    return lambda packet, at: packet[:at] + what + packet[at + over :]


def _flip(bit: int) -> Mutation:
    return lambda packet, at: packet[:at] + bytes([packet[at] ^ (1 << bit)]) + packet[at + 1 :]


def _cut(length: int) -> Mutation:
    return lambda packet, at: packet[:at] + packet[at + length :]


def _twice(length: int) -> Mutation:
    return lambda packet, at: packet[: at + length] + packet[at:]


def _moved(length: int) -> Mutation:
    """A piece stands at the end instead."""
    return lambda packet, at: packet[:at] + packet[at + length :] + packet[at : at + length]


def _other_tag(packet: bytes, at: int, pick: Callable[[int], int]) -> bytes:
    tags = [found.span() for found in _TAG.finditer(packet)]
    if not tags:
        return packet
    one, other = tags[pick(at) % len(tags)], tags[at % len(tags)]
    return packet[: one[0]] + packet[slice(*other)] + packet[one[1] :]


def _with_tag(what: bytes) -> Mutation:
    """Something put into the tag that follows the place: an attribute, a namespace."""

    def put(packet: bytes, at: int) -> bytes:
        found = _TAG.search(packet, at)
        return packet if found is None else packet[: found.end()] + what + packet[found.end() :]

    return put


def _encoded(encoding: str) -> Mutation:
    return lambda packet, at: packet.decode("utf-8", "replace").encode(encoding, "replace")


_TAG = re.compile(rb"(?<=<)/?[A-Za-z:]+")
_WORDS = (
    b"<",
    b">",
    b"&",
    b"</",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"\0",
    b'"',
    b"\r",
    b"&#13;",
    b"=",
    b"PK\x03\x04",
)
_INJECTED = (
    b"<!DOCTYPE x>",
    b"&e;",
    b"&#x41;",
    b"&#0;",
    b"<?a b?>",
    b"<a:b/>",
    b"<Attachment>",
    b"</edXML>",
    b"\xff\xfe",
)
_IN_TAGS = (b' a="b"', b' xmlns="u:u"', b' xmlns:edXML="u:u"', b' edXML:a="<"', b":x", b' a="&lt;"', b"/")
_ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-32", "cp1258", "utf-7", "latin-1")
MUTATIONS = st.one_of(
    st.builds(_put, st.one_of(st.binary(max_size=4), st.sampled_from(_WORDS + _INJECTED)), st.integers(0, 3)),
    st.builds(_flip, st.integers(0, 7)),
    st.builds(_cut, st.integers(1, 3000)),
    st.builds(_twice, st.integers(1, 3000)),
    st.builds(_moved, st.integers(1, 3000)),
    st.builds(lambda by: lambda packet, at: _other_tag(packet, at, lambda place: place + by), st.integers(1, 200)),
    st.builds(_with_tag, st.sampled_from(_IN_TAGS)),
    st.builds(_encoded, st.sampled_from(_ENCODINGS)),
)


@settings(deadline=None, max_examples=60)
@given(
    packet=st.sampled_from(GOOD),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), MUTATIONS), min_size=1, max_size=4),
    piece=st.integers(1, 5000),
)
def test_a_damaged_packet_is_read_or_refused_with_a_code_however_it_is_cut(
    packet: bytes, changes: list[tuple[float, Mutation]], piece: int
) -> None:
    for place, change in changes:
        packet = change(packet, int(place * len(packet))) if packet else packet
    sinks = TemporarySinks()
    result = read(packet, sinks=sinks)
    assert result.readable is not any(finding.is_error for finding in result.findings)
    assert all(_CODE.fullmatch(finding.code) for finding in result.findings)
    if result.readable:
        assert result.packet is not None
        assert all(one.content is not None for one in result.attachments if one.size)
    again = read(packet, piece=piece, sinks=sinks)
    assert facts(result) == facts(again)
    result.discard()
    again.discard()
    assert sinks.live == []


_CODE = re.compile(r"[A-Z](\.[A-Za-z-]+)+")


@settings(deadline=None, max_examples=60)
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
