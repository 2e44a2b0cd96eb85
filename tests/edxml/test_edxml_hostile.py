"""Hostile packets: each ends in a finding with a code and leaves no file behind. Their cost: the corpus's own test."""

import base64
import tracemalloc

import pytest
from hostile_case import CONTENT, MB, Case, Pieces
from hostile_corpus import CORPUS
from packets import HEADER, PDF, File, codes, document, errors, read, sample, zipped
from sinks import TemporarySinks

from gateway.edxml.limits import Limits
from gateway.edxml.reader import PacketReader, ReadPacket

SMALL = [case for case in CORPUS if case.seconds <= 1]
"""What is quickly read in this process too, so that a failure shows where; all of it is measured elsewhere."""


def run(pieces: Pieces, sinks: TemporarySinks, limits: Limits | None = None) -> ReadPacket:
    reader = PacketReader(sinks, limits or Limits())
    for piece in pieces:
        reader.feed(piece)
        if reader.refused:
            break
    return reader.close()


@pytest.mark.parametrize("case", SMALL, ids=[case.name for case in SMALL])
def test_a_hostile_packet_ends_in_its_finding(case: Case) -> None:
    for pieces in case.packets():
        sinks = TemporarySinks()
        result = run(pieces, sinks, case.limits)
        assert set(case.codes) & set(errors(result) if case.refused else codes(result))
        assert result.readable is not case.refused
        result.discard()
        assert sinks.live == []


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


def test_many_small_bombs_are_refused_together_and_only_the_first_are_unzipped() -> None:
    limits = Limits(unzip_free_bytes=200_000, unzip_free_total_bytes=500_000)
    bomb = zipped(("a", bytes(190_000)))
    files = [File(f"{n}.csv", "application/zip", bomb, f"cid:{n}") for n in range(10)]
    result = read(document(files), limits=limits)
    assert [attachment.content is not None for attachment in result.attachments] == [True] * 3 + [False] * 7
    assert errors(result) == ["Z.Ratio"] * 7
    result.discard()


@pytest.mark.parametrize(("count", "expected"), [(900, []), (1100, ["X.Names"])])
def test_as_many_different_names_as_the_cap_allows_are_read(count: int, expected: list[str]) -> None:
    names = "".join(f"<n{number}/>" for number in range(count))
    packet = sample("own_reply").decode().replace("</edXML:MessageHeader>", f"{names}</edXML:MessageHeader>")
    assert errors(read(packet)) == expected


@pytest.mark.parametrize("packet", ["<a/>", "<b/>\n", "<a></a>"])
def test_a_tiny_document_is_refused_for_its_root(packet: str) -> None:
    assert errors(read(packet)) == ["X.Root"]


@pytest.mark.parametrize("packet", ["<", "<a", "<a /", "<a>"])
def test_a_tiny_beginning_is_cut_off(packet: str) -> None:
    assert errors(read(packet))[0] in ("X.Truncated", "X.Root")


def test_after_a_refusal_the_rest_is_only_counted() -> None:
    reader = PacketReader(TemporarySinks())
    reader.feed(b"<!DOCTYPE x>" + bytes(2**18))
    assert reader.refused
    reader.feed(sample("own_status_03"))
    assert errors(reader.close()) == ["X.Doctype"]


def test_memory_does_not_grow_with_the_attachment() -> None:
    head, tail = CONTENT.encode(), b"</ContentTransferEncoded></Attachment></AttachmentEncoded></edXML>"
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
