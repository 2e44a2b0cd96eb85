"""The model of the axis: what it changes, what it leaves, and that the sender is told of every loss."""

from datetime import UTC, date, datetime

import pytest
from edxml_strategies import PLAIN, PLAIN_STATUS, changed, documents, hops, odd_documents, statuses
from hypothesis import given, settings

from gateway.edxml.checks import FileFacts
from gateway.edxml.findings import Severity
from gateway.edxml.model import (
    Bussiness,
    BussinessDocumentInfo,
    DocumentPacket,
    Organ,
    Receiver,
    StatusPacket,
    TraceHeader,
)
from gateway.edxml.normal import QD20_MARKER, normal_document, normal_status
from gateway.edxml.packing import packing_of
from gateway.edxml.survival import (
    lost,
    survive,
    survive_content_id,
    surviving_date,
    surviving_time,
    takes_first_entry,
)
from gateway.edxml.writer import completed

H = "message_header."


def test_missing_defaults_appear() -> None:
    header = survive(PLAIN).message_header
    assert (
        header.document_type.type,
        header.steering_type,
        header.other_info.priority,
        header.other_info.direction,
    ) == (2, 0, 0, "false")


def test_values_that_are_there_stay() -> None:
    packet = changed(changed(PLAIN, H + "document_type.type", 0), H + "other_info.direction", "true")
    header = survive(packet).message_header
    assert (header.document_type.type, header.other_info.direction) == (0, "true")


def test_the_axis_adds_its_hop_last() -> None:
    hop = TraceHeader(organ_id="001.00.20.TT2")
    hops_before = survive(PLAIN).trace_header_list.trace_headers
    assert survive(PLAIN, hop).trace_header_list.trace_headers == (*hops_before, hop)


def test_empties_go_and_text_is_trimmed() -> None:
    packet = changed(changed(PLAIN, H + "subject", " a  b\n"), H + "to_places", (" ", "x "))
    packet = changed(packet, H + "to", (*packet.message_header.to, Organ(fax="")))
    header = survive(packet).message_header
    assert (header.subject, header.to_places, len(header.to)) == ("a  b", ("x",), 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025/03/05", date(2025, 3, 5)),
        ("2014/02/30", date(2014, 3, 2)),
        ("2014/13/01", date(2015, 1, 1)),
        ("2014/00/01", date(2013, 12, 1)),
        ("2014/3/5 10:11", date(2014, 3, 5)),
        ("30/10/2020", date(36, 5, 12)),
        ("2024-03-05", None),
        ("", None),
        (None, None),
        ("0/0/0", None),
        ("999999999/1/1", None),
    ],
)
def test_dates_roll_over_or_vanish(text: str | None, expected: date | None) -> None:
    found = surviving_date(text)
    assert (found and found.year) == (expected and expected.year)
    if expected and expected.year > 1582:
        assert found == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025/03/05 14:07:09", datetime(2025, 3, 5, 7, 7, 9, tzinfo=UTC)),
        ("2025/03/05 24:00:00", datetime(2025, 3, 5, 17, 0, 0, tzinfo=UTC)),
        ("2025-03-05T14:07:09", None),
        ("2025/03/05", None),
        ("9999/12/31 99:00:00", None),
        ("0/0/0 0:0:0", None),
    ],
)
def test_times_roll_over_or_vanish(text: str, expected: datetime | None) -> None:
    assert surviving_time(text) == expected


def test_a_date_keeps_what_the_sender_wrote_not_what_we_read() -> None:
    info = PLAIN.message_header.promulgation_info.model_copy(
        update={"promulgation_date": date(2024, 3, 5), "promulgation_date_text": "2024-03-05"}
    )
    survived = survive(changed(PLAIN, H + "promulgation_info", info)).message_header.promulgation_info
    assert (survived.promulgation_date, survived.promulgation_date_text) == (None, None)


def test_leading_zeros_go() -> None:
    bussiness = Bussiness(bussiness_doc_type="002", paper="-1")
    survived = survive(changed(PLAIN, "trace_header_list.bussiness", bussiness)).trace_header_list.bussiness
    assert survived == Bussiness(bussiness_doc_type="2")


def test_every_pass_adds_a_prefix_to_content_ids() -> None:
    assert survive_content_id(survive_content_id("x")) == "cid:cid:x"


@pytest.mark.parametrize(
    ("name", "content_type", "expected"),
    [
        ("a.csv", "application/zip", True),
        ("a.zip", "application/zip", False),
        ("a.ZIP", "application/zip", True),
        ("a.docx", "application/zip", True),
        ("a.docx", "application/docx", False),
        ("a", "application/zip", True),
        ("a.csv", None, False),
    ],
)
def test_first_entry_replaces_what_is_called_a_zip(name: str, content_type: str | None, expected: bool) -> None:
    assert takes_first_entry(name, content_type) is expected


@pytest.mark.parametrize("name", ["a.pdf", "a.doc", "a.docx", "a.zip", "a.csv", "a.xlsx", ".zip", "zip", "a.Pdf"])
def test_what_we_pack_comes_out_as_it_went_in(name: str) -> None:
    packing = packing_of(name)
    assert takes_first_entry(name, packing.content_type) is packing.zipped


ODD_BLOCK = Bussiness(
    bussiness_doc_type="02",
    paper="00",
    bussiness_document_info=(
        BussinessDocumentInfo(document_info="01", receiver_list=(Receiver(organ_id="H1", receiver_type="+1"),)),
    ),
)


@pytest.mark.parametrize(
    ("place", "value", "codes"),
    [
        ("message_header.due_date_text", "2014/02/30", ["L.MessageHeader.DueDate"]),
        ("message_header.due_date_text", "ngày mai", ["L.MessageHeader.DueDate"]),
        (
            "trace_header_list.trace_headers.0.timestamp_text",
            "2025-03-05T14:07:09",
            ["L.TraceHeaderList.TraceHeader.TimeStamp"],
        ),
        (
            "trace_header_list.bussiness",
            ODD_BLOCK,
            [
                "L.TraceHeaderList.Bussiness.BussinessDocType",
                "L.TraceHeaderList.Bussiness.Paper",
                "L.TraceHeaderList.Bussiness.BussinessDocumentInfo.DocumentInfo",
                "L.TraceHeaderList.Bussiness.BussinessDocumentInfo.ReceiverList.Receiver.ReceiverType",
            ],
        ),
        ("message_header.document_type.type_detail", -1, ["L.MessageHeader.DocumentType.TypeDetail"]),
        ("message_header.subject", "a\u0378b", ["L.MessageHeader.Subject"]),
        (
            "message_header.to.1.organization_in_charge",
            QD20_MARKER,
            ["L.MessageHeader.To.OrganizationInCharge"],
        ),
        ("message_header.subject", "Trích yếu bình thường", []),
        ("message_header.due_date", date(2026, 1, 2), []),
    ],
)
def test_sender_is_told_what_would_not_arrive(place: str, value: object, codes: list[str]) -> None:
    found = lost(changed(PLAIN, place, value))
    assert [finding.code for finding in found] == codes
    assert all(finding.severity is Severity.WARNING for finding in found)


def test_sender_is_told_of_an_archive_that_would_be_opened() -> None:
    files = [FileFacts(attachment_name=name, size=1) for name in ("a.zip", "b.ZIP", "c.csv", "d\u0378.pdf")]
    assert [finding.pointer for finding in lost(PLAIN, files)] == [
        "/attachments/1/attachment_name",
        "/attachments/3/attachment_name",
    ]


def test_sender_of_a_status_is_told_too() -> None:
    odd = PLAIN_STATUS.message_header.model_copy(update={"timestamp_text": "2025-03-05T14:25:40"})
    assert [finding.code for finding in lost(StatusPacket(message_header=odd))] == ["L.MessageHeader.Timestamp"]


@settings(max_examples=40, deadline=None)
@given(odd_documents())
def test_nothing_is_lost_silently(packet: DocumentPacket) -> None:
    if not lost(packet):
        assert normal_document(survive(packet), []) == normal_document(packet, [])


@settings(max_examples=20, deadline=None)
@given(odd_documents())
def test_a_second_pass_changes_nothing_more(packet: DocumentPacket) -> None:
    once = survive(packet)
    assert survive(once) == once


@settings(max_examples=20, deadline=None)
@given(documents(), hops())
def test_what_passes_the_checks_loses_nothing(packet: DocumentPacket, hop: TraceHeader) -> None:
    sent = completed(packet)
    assert lost(sent) == ()
    assert normal_document(survive(sent, hop), []) == normal_document(sent, [])


@settings(max_examples=20, deadline=None)
@given(statuses())
def test_a_good_status_loses_nothing(packet: StatusPacket) -> None:
    assert lost(packet) == ()
    assert normal_status(survive(packet)) == normal_status(packet)
