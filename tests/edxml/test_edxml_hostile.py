"""Hostile packets: each ends in a finding with a code, quickly, in little memory, leaving no file behind."""

import base64
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from packets import HEADER, NS, PDF, File, document, errors, sample, zipped
from sinks import TemporarySinks

from gateway.edxml.limits import Limits
from gateway.edxml.reader import PacketReader, ReadPacket

MB = 2**20
SECONDS = 3.0
"""What one hostile packet may take here; the slowest takes about a tenth of it on two busy cores."""

MEMORY = 24 * MB
"""What one hostile packet may take of Python's memory."""

OPEN = f'<edXML xmlns="{NS}">'
ENVELOPE = f'{OPEN}<edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader><edXML:MessageHeader>'
ATTACHMENT = f"{OPEN}<AttachmentEncoded><Attachment><ContentTransferEncoded>"


def many(piece: str, length: int) -> Iterator[bytes]:
    """A text repeated up to a length in bytes, in pieces of 1 MB."""
    block = piece.encode() * (MB // len(piece))
    for _ in range(length // len(block)):
        yield block


def after(opening: str, *rest: Iterator[bytes]) -> Iterator[bytes]:
    yield opening.encode()
    for pieces in rest:
        yield from pieces


def tag(attribute: str, count: int) -> bytes:
    """A tag with many attributes."""
    return f"<a {' '.join(attribute.format(n) for n in range(count))}/>".encode()


def hostile() -> dict[str, tuple[str, Iterator[bytes]]]:
    laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
    return {
        "doctype": ("X.Doctype", iter([b"<!DOCTYPE edXML>", OPEN.encode()])),
        "billion laughs": ("X.Doctype", iter([f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>{OPEN}&l9;'.encode()])),
        "external entity": (
            "X.Doctype",
            iter([f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>{OPEN}&e;'.encode()]),
        ),
        "parameter entity": ("X.Doctype", iter([b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/"> %p;]><x/>'])),
        "external subset": ("X.Doctype", iter([b'<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>'])),
        "quadratic blow-up": ("X.Doctype", iter([f'<!DOCTYPE x [<!ENTITY e "{"a" * 50_000}">]>{OPEN}'.encode()])),
        "undefined entity": ("X.Entity", iter([f"{OPEN}&nbsp;</edXML>".encode()])),
        "deep nesting": ("X.Depth", after(OPEN, many("<a>", MB))),
        "a million elements": ("X.Elements", after(ENVELOPE, many("<edXML:To/>", 12 * MB))),
        "a hundred thousand names": ("X.Elements", after(OPEN, (f"<a{n}/>".encode() for n in range(100_000)))),
        "huge attribute": ("X.Token", after(f'{OPEN}<a b="', many("x", 10 * MB))),
        "large attribute": ("X.Attributes", iter([f'{OPEN}<a b="{"x" * 20_000}"/>'.encode()])),
        "many attributes": (
            "X.Attributes",
            after(OPEN, (tag('b{}=""', 500) for _ in range(100))),
        ),
        "many namespaces": (
            "X.Attributes",
            after(OPEN, (tag('xmlns:b{}="u:b"', 300) for _ in range(100))),
        ),
        "huge name": ("X.Name", iter([f"{OPEN}<{'a' * MB}/>".encode()])),
        "long name": ("X.Name", iter([f"{OPEN}<{'a' * 300}/>".encode()])),
        "endless start tag": ("X.Token", after(f"{OPEN}<a ", many(" ", 10 * MB))),
        "huge header": ("X.HeaderSize", after(f"{ENVELOPE}<edXML:Subject>", many("x", 100 * MB))),
        "header of blanks": ("X.HeaderSize", after(ENVELOPE, many(" ", 100 * MB))),
        "huge comment": ("X.Token", after(f"{OPEN}<!--", many("x", 10 * MB))),
        "large comment": ("X.Comment", iter([f"{OPEN}<!--{'x' * 70_000}-->".encode()])),
        "many comments": ("X.Events", after(OPEN, many("<!---->", 20 * MB))),
        "huge instruction": ("X.Token", after(f"{OPEN}<?a ", many("x", 10 * MB))),
        "large instruction": ("X.Comment", iter([f"{OPEN}<?a {'x' * 70_000}?>".encode()])),
        "huge cdata": ("X.Token", after(f"{ATTACHMENT}<![CDATA[", many("AAAA", 20 * MB))),
        "endless declaration": ("X.Token", after("<?xml version='1.0' ", many("x", 5 * MB))),
        "character references": ("X.Events", after(ATTACHMENT, many("&#65;", 40 * MB))),
        "comments inside base64": ("X.Events", after(ATTACHMENT, many("A<!---->", 40 * MB))),
        "ten thousand attachments": (
            "A.Count",
            after(f"{OPEN}<AttachmentEncoded>", (b"<Attachment></Attachment>" for _ in range(10_000))),
        ),
        "ten thousand contents": (
            "X.Truncated",
            after(
                f"{OPEN}<AttachmentEncoded><Attachment>",
                (b"<ContentTransferEncoded>AAAA</ContentTransferEncoded>" for _ in range(10_000)),
            ),
        ),
        "utf-7": ("X.Encoding", iter([b'<?xml version="1.0" encoding="utf-7"?>' + OPEN.encode()])),
        "utf-7 mark": ("X.Encoding", iter([b"+/v8-" + OPEN.encode()])),
        "windows-1258": ("X.Encoding", iter([b"<?xml version='1.0' encoding='windows-1258'?>" + OPEN.encode()])),
        "iso-8859-1": ("X.Encoding", iter([b'<?xml version="1.0" encoding="ISO-8859-1"?>' + OPEN.encode()])),
        "utf-32": ("X.Encoding", iter([f'<?xml version="1.0"?>{OPEN}'.encode("utf-32")])),
        "ebcdic": ("X.Encoding", iter(['<?xml version="1.0" encoding="cp037"?>'.encode("cp037")])),
        "utf-16 that is none": ("X.Encoding", iter([b'<?xml version="1.0" encoding="UTF-16"?>' + OPEN.encode()])),
        "utf-8 that is none": ("X.Encoding", iter([f"{ENVELOPE}<edXML:Subject>".encode() + b"\xc3\x28"])),
        "nul": ("X.NotWellFormed", iter([f"{ENVELOPE}<edXML:Subject>a\0b".encode()])),
        "control character": ("X.NotWellFormed", iter([f"{ENVELOPE}<edXML:Subject>a\x08b".encode()])),
        "referred nul": ("X.NotWellFormed", iter([f"{ENVELOPE}<edXML:Subject>&#0;".encode()])),
        "nothing": ("X.Empty", iter([])),
        "blanks": ("X.Empty", iter([b" \r\n\t" * 100])),
        "endless blanks": ("X.Empty", many(" ", 20 * MB)),
        "text before the prolog": ("X.NotWellFormed", iter([b"x" + sample("own_status_03")])),
        "blank before the prolog": ("X.NotWellFormed", iter([b" " + sample("own_status_03")])),
        "two documents": ("X.NotWellFormed", iter([sample("own_status_03") * 2])),
        "text behind the end": ("X.NotWellFormed", iter([sample("own_status_03") + b"x"])),
        "endless blanks behind the end": ("X.Token", after(sample("own_status_03").decode(), many("\n", 20 * MB))),
        "an attribute twice": ("X.NotWellFormed", iter([f'{OPEN}<a b="" b=""/></edXML>'.encode()])),
        "two colons": ("X.NotWellFormed", iter([f"{OPEN}<a:b:c/></edXML>".encode()])),
        "zip bomb": ("Z.Ratio", iter([document([File("a.csv", "application/zip", zipped(("a", bytes(40 * MB))))])])),
        "base64 with junk": ("M.Attachment-Encoding", iter([document([File("a.pdf", "x/y", None, text="AAAA****")])])),
    }


NAMES = sorted(hostile())


def run(pieces: Iterator[bytes], sinks: TemporarySinks, limits: Limits | None = None) -> ReadPacket:
    reader = PacketReader(sinks, limits or Limits())
    for piece in pieces:
        reader.feed(piece)
        if reader.refused:
            break
    return reader.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_packet_ends_in_its_finding(name: str) -> None:
    code, pieces = hostile()[name]
    sinks = TemporarySinks()
    started = time.perf_counter()
    result = run(pieces, sinks)
    assert time.perf_counter() - started < SECONDS
    assert code in errors(result)
    assert not result.readable
    result.discard()
    assert sinks.live == []


@pytest.mark.parametrize(
    "name",
    [
        "a million elements",
        "character references",
        "deep nesting",
        "endless start tag",
        "header of blanks",
        "huge attribute",
        "huge cdata",
        "huge comment",
        "huge header",
        "huge name",
        "many attributes",
        "many comments",
        "zip bomb",
    ],
)
def test_a_hostile_packet_takes_little_memory(name: str) -> None:
    _, pieces = hostile()[name]
    ready = list(pieces) if name in ("zip bomb", "huge name") else pieces
    tracemalloc.start()
    try:
        run(iter(ready), TemporarySinks()).discard()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


def test_a_packet_over_its_size_is_refused_and_still_counted() -> None:
    packet = sample("own_reply")
    sinks = TemporarySinks()
    reader = PacketReader(sinks, Limits(packet_bytes=2000))
    for at in range(0, len(packet), 300):
        reader.feed(packet[at : at + 300])
    result = reader.close()
    assert errors(result) == ["X.PacketSize"]
    assert result.size == len(packet)


def test_a_packet_of_exactly_its_size_is_read() -> None:
    packet = sample("own_reply")
    assert run(iter([packet]), TemporarySinks(), Limits(packet_bytes=len(packet))).readable


@pytest.mark.parametrize("name", ["own_new_pdf_csv", "own_status_03"])
@pytest.mark.parametrize("percent", range(1, 100))
def test_a_truncated_packet_is_refused_and_keeps_what_was_read(name: str, percent: int) -> None:
    packet = sample(name)
    sinks = TemporarySinks()
    result = run(iter([packet[: len(packet) * percent // 100]]), sinks)
    assert len(errors(result)) == 1
    assert errors(result)[0] in ("X.Truncated", "X.NotWellFormed")
    if percent > 60:
        assert result.packet is not None
    result.discard()
    assert sinks.live == []


def test_a_truncated_packet_still_gives_its_whole_files() -> None:
    packet = sample("own_new_pdf_csv")
    result = run(iter([packet[:-200]]), TemporarySinks())
    assert [attachment.content is None for attachment in result.attachments] == [False, True]


def test_all_unzipped_files_together_are_bounded() -> None:
    files = [File(f"{n}.csv", "application/zip", zipped(("a", b"so lieu" * 1000)), f"cid:{n}") for n in range(5)]
    sinks = TemporarySinks()
    result = run(iter([document(files)]), sinks, Limits(unzipped_total_bytes=20_000))
    assert errors(result) == ["Z.Size"] * 3
    result.discard()
    assert sinks.live == []


def test_many_undeclared_prefixes_are_told_once() -> None:
    packet = document(
        [PDF], header=HEADER.replace("</edXML:MessageHeader>", "<foo:a/>" * 5000 + "</edXML:MessageHeader>")
    )
    result = run(iter([packet]), TemporarySinks())
    assert errors(result) == ["X.NotWellFormed"]


def test_a_name_inside_a_finding_is_short_and_plain() -> None:
    result = run(iter([f"<{'ă' * 250}\u200f/>".encode()]), TemporarySinks())
    assert all(len(finding.message.vi) < 300 for finding in result.findings)


def test_after_a_refusal_the_rest_is_only_counted() -> None:
    reader = PacketReader(TemporarySinks())
    reader.feed(b"<!DOCTYPE x>" + bytes(2**18))
    assert reader.refused
    reader.feed(sample("own_status_03"))
    assert errors(reader.close()) == ["X.Doctype"]


def test_memory_does_not_grow_with_the_attachment() -> None:
    head, tail = f"{ATTACHMENT}".encode(), b"</ContentTransferEncoded></Attachment></AttachmentEncoded></edXML>"
    block = base64.b64encode(bytes(range(256)) * 3 * 1024)
    tracemalloc.start()
    try:
        reader = PacketReader(TemporarySinks())
        reader.feed(head)
        for _ in range(30):
            reader.feed(block)
        reader.feed(tail)
        result = reader.close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert result.attachments[0].size == 30 * 256 * 3 * 1024
    assert peak < 8 * MB
    result.discard()
