"""What is written is read back equal, and what is read is written back equal."""

import hashlib
import re
from io import BytesIO
from pathlib import Path

import pytest
from edxml_strategies import Bytes, digests, documents, file_sets, hops, statuses
from hypothesis import given, settings
from sinks import TemporarySinks

from gateway.edxml.model import DocumentPacket, StatusPacket, TraceHeader
from gateway.edxml.normal import FileDigest, meaning_hash
from gateway.edxml.reader import ReadPacket, read_packet
from gateway.edxml.survival import survive
from gateway.edxml.writer import FileToSend, completed, write_document, write_status

PACKETS = sorted((Path(__file__).parents[1] / "data" / "packets").glob("own_*.edxml"))


def read(data: bytes, sinks: TemporarySinks) -> ReadPacket:
    return read_packet(BytesIO(data), sinks)


def written(packet: DocumentPacket, files: list[FileToSend], *, complete: bool = True) -> bytes:
    out = BytesIO()
    write_document(packet, files, out, complete=complete)
    return out.getvalue()


def found_files(packet: ReadPacket) -> list[FileDigest]:
    return [
        FileDigest(name=file.attachment_name, description=file.description, size=file.size, sha256=file.sha256)
        for file in packet.attachments
    ]


@settings(max_examples=20, deadline=None)
@given(documents(), file_sets())
def test_a_document_is_read_as_it_was_written(packet: DocumentPacket, files: list[FileToSend]) -> None:
    sinks = TemporarySinks()
    try:
        found = read(written(packet, files), sinks)
        assert found.packet == completed(packet)
        assert found.readable
        assert [(file.size, file.sha256) for file in found_files(found)] == [
            (file.size, file.sha256) for file in digests(files)
        ]
    finally:
        sinks.close()


@settings(max_examples=20, deadline=None)
@given(statuses())
def test_a_status_is_read_as_it_was_written(packet: StatusPacket) -> None:
    out = BytesIO()
    write_status(packet, out)
    found = read(out.getvalue(), TemporarySinks())
    assert found.packet == packet
    assert found.readable


@settings(max_examples=20, deadline=None)
@given(documents(), file_sets(), hops())
def test_the_axis_written_out_and_read_again_changes_no_meaning(
    packet: DocumentPacket, files: list[FileToSend], hop: TraceHeader
) -> None:
    sinks = TemporarySinks()
    try:
        sent = read(written(packet, files), sinks)
        assert isinstance(sent.packet, DocumentPacket)
        arrived = read(written(survive(sent.packet, hop), files, complete=False), sinks)
        assert isinstance(arrived.packet, DocumentPacket)
        assert meaning_hash(arrived.packet, found_files(arrived)) == meaning_hash(sent.packet, found_files(sent))
    finally:
        sinks.close()


@pytest.mark.parametrize("path", PACKETS, ids=lambda path: path.stem)
def test_a_sample_read_and_written_again_is_the_same_text(path: Path) -> None:
    sinks = TemporarySinks()
    try:
        original = path.read_bytes().replace(b"\r\n", b"\n")
        found = read(original, sinks)
        out = BytesIO()
        if isinstance(found.packet, StatusPacket):
            write_status(found.packet, out)
        else:
            assert found.packet is not None
            out.write(written(found.packet, [_again(file) for file in _contents(found)], complete=False))
        assert _without_zips(out.getvalue().replace(b"\r\n", b"\n")) == _without_zips(original)
    finally:
        sinks.close()


def _contents(found: ReadPacket) -> list[tuple[str, str, str | None, bytes]]:
    contents = []
    for file in found.attachments:
        assert file.content is not None
        with file.content.reopen() as stream:
            contents.append(
                (file.attachment_name, (file.content_id or "").removeprefix("cid:"), file.description, stream.read())
            )
    return contents


def _again(file: tuple[str, str, str | None, bytes]) -> FileToSend:
    name, content_id, description, data = file
    return FileToSend(
        attachment_name=name,
        source=Bytes(data),
        content_id=content_id,
        entry_name=hashlib.sha256(data).hexdigest(),
        description=description,
    )


def _without_zips(packet: bytes) -> bytes:
    """The packet without the bytes of zips, which differ with the entry's name and time."""
    return re.sub(rb">UEsDB[^<]*<", b"><", packet)
