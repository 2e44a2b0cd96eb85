"""The JSON object of `gateway packet read`."""

import json
from typing import Any

import pytest
from packets import SAMPLES, document, read, replaced, sample

from gateway.edxml.model import DocumentPacket, MessageHeader, StatusHeader
from gateway.edxml.readout import readout


def shown(packet: bytes) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(readout(read(packet)).model_dump_json())
    return result


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("own_*.edxml")), ids=lambda path: path.stem)
def test_every_sample_has_the_same_keys(path: object) -> None:
    out = shown(sample(getattr(path, "stem", "")))
    assert list(out) == ["kind", "message_header", "trace_header_list", "attachments", "findings", "unknown"]
    assert set(out["trace_header_list"]) == {"trace_headers", "bussiness"}


def test_a_document_is_shown_with_the_wires_names() -> None:
    out = shown(sample("own_new_pdf_csv"))
    header = out["message_header"]
    assert out["kind"] == "document"
    assert header["from"]["organ_id"] == "H99"
    assert header["code"] == {"code_number": "1520", "code_notation": "UBND-KT"}
    assert header["promulgation_info"]["promulgation_date"] == "2025-03-05"
    assert header["response_for"] == []
    assert out["trace_header_list"]["bussiness"]["bussiness_doc_type"] == "0"
    assert out["attachments"][1]["sha256"] == "e49bf90afb8d5cb228251cea62f3e353b000943595b3976e9fcb5fdc44b2d3a3"
    assert MessageHeader.model_validate(header) == _document(sample("own_new_pdf_csv"))


def _document(packet: bytes) -> MessageHeader:
    read_packet = read(packet).packet
    assert isinstance(read_packet, DocumentPacket)
    return read_packet.message_header


def test_a_status_is_shown_with_one_response_for() -> None:
    out = shown(sample("own_status_13"))
    assert out["kind"] == "status"
    assert out["message_header"]["response_for"]["document_id"] == "H99,2025/03/05,1520/UBND-KT"
    assert out["message_header"]["timestamp"].endswith("+07:00")
    assert out["trace_header_list"] == {"trace_headers": [], "bussiness": None}
    assert StatusHeader.model_validate(out["message_header"]).status_code == "13"


def test_an_unreadable_date_is_null_with_its_text() -> None:
    packet = replaced(sample("own_new_pdf_csv"), "Date>2025/03/05<", "Date>2014/02/30<")
    info = shown(packet)["message_header"]["promulgation_info"]
    assert (info["promulgation_date"], info["promulgation_date_text"]) == (None, "2014/02/30")


def test_a_finding_is_shown_in_both_languages() -> None:
    finding = shown(document([]))["findings"][0]
    assert finding == {
        "code": "N.AttachmentEncoded",
        "severity": "warning",
        "message": "Missing: part with the attachments (AttachmentEncoded).",
        "message_vi": "Thiếu phần tệp đính kèm (AttachmentEncoded).",
    }


def test_what_could_not_be_read_is_null() -> None:
    out = shown(b"khong phai XML")
    assert (out["kind"], out["message_header"], out["attachments"]) == (None, None, [])
    assert [finding["severity"] for finding in out["findings"]] == ["error"]


def test_an_attachment_that_could_not_be_read_has_no_size() -> None:
    from packets import File

    out = shown(document([File("a.pdf", "application/pdf", None, text="*")]))
    assert (out["attachments"][0]["size"], out["attachments"][0]["sha256"]) == (None, None)
