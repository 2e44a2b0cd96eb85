"""Packets from JSON: what is taken, what is added, what is refused."""

import json
from datetime import UTC, datetime

import pytest
from edxml_strategies import documents, statuses
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edxml.from_json import MAX_BYTES, JsonRefused, packet_from_json
from gateway.edxml.model import DocumentPacket, StatusPacket
from gateway.times import VIETNAM

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)


def test_a_time_without_a_zone_is_vietnam_time() -> None:
    text = b'{"kind": "status", "message_header": {"timestamp": "2026-11-22T09:00:00"}}'
    packet = packet_from_json(text, NOW)
    assert isinstance(packet, StatusPacket)
    assert packet.message_header.timestamp == NOW


def test_a_status_without_a_time_gets_the_present() -> None:
    packet = packet_from_json(b'{"message_header": {"status_code": "03"}}', NOW)
    assert isinstance(packet, StatusPacket)
    assert packet.message_header.timestamp == NOW


def test_a_time_that_could_not_be_read_stays_its_text() -> None:
    packet = packet_from_json(b'{"message_header": {"status_code": "03", "timestamp_text": "soon"}}', NOW)
    assert isinstance(packet, StatusPacket)
    assert (packet.message_header.timestamp, packet.message_header.timestamp_text) == (None, "soon")


def test_hops_that_are_given_stay() -> None:
    text = b'{"trace_header_list": {"trace_headers": [{"organ_id": "H1", "timestamp": "2026-01-01T00:00:00"}]}}'
    packet = packet_from_json(text, NOW)
    assert isinstance(packet, DocumentPacket)
    (hop,) = packet.trace_header_list.trace_headers
    assert hop.timestamp == datetime(2026, 1, 1, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("data", "code", "pointer"),
    [
        (b"", "X.Json", ""),
        (b"\xff", "X.Json", ""),
        (b"[" * 100_000, "X.Json", ""),
        (b'{"a": NaN}', "X.Json", ""),
        (b" " * (MAX_BYTES + 1), "R.Json", ""),
        (b"7", "T.Json", ""),
        (b'{"kind": 1}', "M.Kind", "/kind"),
        (b'{"message_header": 1}', "T.MessageHeader", "/message_header"),
        (
            b'{"message_header": {"promulgation_info": {"promulgation_date": 20261122}}}',
            "T.MessageHeader.PromulgationInfo.PromulgationDate",
            "/message_header/promulgation_info/promulgation_date",
        ),
        (b'{"message_header": {"to": [{"organ": "x"}]}}', "M.MessageHeader.To.Organ", "/message_header/to/0/organ"),
        (b'{"message_header": {"subject": "\\ud800"}}', "X.Json", ""),
    ],
)
def test_json_that_is_no_packet_is_refused_at_its_place(data: bytes, code: str, pointer: str) -> None:
    with pytest.raises(JsonRefused) as refused:
        packet_from_json(data, NOW)
    assert (refused.value.findings[0].code, refused.value.findings[0].pointer) == (code, pointer)


@given(st.one_of(documents(), statuses()))
@settings(deadline=None, max_examples=50)
def test_a_packet_written_as_json_comes_back(packet: DocumentPacket | StatusPacket) -> None:
    kind = "status" if isinstance(packet, StatusPacket) else "document"
    members = {"kind": kind, **packet.model_dump(mode="json"), "attachments": [1], "findings": None, "unknown": {}}
    again = packet_from_json(json.dumps(members).encode(), NOW)
    assert again.message_header.from_ == packet.message_header.from_
    if isinstance(packet, DocumentPacket) and packet.trace_header_list.trace_headers:
        assert again == packet
