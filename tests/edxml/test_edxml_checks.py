"""The checks before sending: each rule by itself, and that they never break on what they refuse."""

from datetime import date, timedelta

import pytest
from edxml_strategies import PLAIN, PLAIN_STATUS, TODAY, changed, documents, facts, file_sets, odd_documents, statuses
from hypothesis import given, settings

from gateway.edxml import layout
from gateway.edxml.checks import FileFacts, check_document, check_status
from gateway.edxml.fields import FIELDS
from gateway.edxml.model import (
    Bussiness,
    BussinessDocumentInfo,
    DocumentPacket,
    Organ,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    StatusPacket,
    TraceHeader,
)
from gateway.edxml.writer import FileToSend

FILE = FileFacts(attachment_name="1520_UBND-KT.pdf", size=10)
RESPONSE = ResponseFor(organ_id="H99.07", code="1520/UBND-KT", document_id="H99,2025/03/05,1520/UBND-KT")
H, B = "message_header.", "trace_header_list.bussiness"


def codes(packet: DocumentPacket, *files: FileFacts) -> list[tuple[str, str | None]]:
    return [(found.code, found.pointer) for found in check_document(packet, files or [FILE], TODAY)]


def test_a_plain_document_has_no_finding() -> None:
    assert codes(PLAIN) == []


def test_a_plain_status_has_no_finding() -> None:
    assert check_status(PLAIN_STATUS) == ()


@pytest.mark.parametrize(
    ("place", "value", "code", "pointer"),
    [
        ("from_.organ_id", None, "N.MessageHeader.From.OrganId", "from/organ_id"),
        ("from_.organ_id", "A" * 36, "R.MessageHeader.From.OrganId", "from/organ_id"),
        ("from_.organ_id", "H99;DROP", "M.MessageHeader.From.OrganId", "from/organ_id"),
        ("from_.fax", "1" * 21, "R.MessageHeader.From.Fax", "from/fax"),
        ("to", (), "N.MessageHeader.To", "to"),
        ("to.1.organ_id", " ", "N.MessageHeader.To.OrganId", "to/1/organ_id"),
        ("to.1.organ_id", "H99.07", "M.Exist", "to/1/organ_id"),
        ("to.1.organ_id", "Sở", "M.MessageHeader.To.OrganId", "to/1/organ_id"),
        ("document_id", None, "N.MessageHeader.DocumentId", "document_id"),
        ("document_id", "x" * 201, "R.MessageHeader.DocumentId", "document_id"),
        ("code.code_number", "", "N.MessageHeader.Code.CodeNumber", "code/code_number"),
        ("code.code_number", "1" * 12, "R.MessageHeader.Code.CodeNumber", "code/code_number"),
        ("code.code_notation", None, "N.MessageHeader.Code.CodeNotation", "code/code_notation"),
        ("subject", "\t", "N.MessageHeader.Subject", "subject"),
        ("subject", "ơ" * 501, "R.MessageHeader.Subject", "subject"),
        ("subject", "a\x0bb", "M.MessageHeader.Subject", "subject"),
        (
            "promulgation_info.promulgation_date",
            None,
            "N.MessageHeader.PromulgationInfo.PromulgationDate",
            "promulgation_info/promulgation_date",
        ),
        (
            "promulgation_info.promulgation_date",
            TODAY + timedelta(days=1),
            "R.MessageHeader.PromulgationInfo.PromulgationDate",
            "promulgation_info/promulgation_date",
        ),
        ("due_date_text", "2014/02/30", "T.MessageHeader.DueDate", "due_date"),
        ("other_info.priority", 5, "M.MessageHeader.OtherInfo.Priority", "other_info/priority"),
        ("other_info.priority", -1, "M.MessageHeader.OtherInfo.Priority", "other_info/priority"),
        ("other_info.page_amount", -1, "R.MessageHeader.OtherInfo.PageAmount", "other_info/page_amount"),
        ("other_info.page_amount", 65_536, "R.MessageHeader.OtherInfo.PageAmount", "other_info/page_amount"),
        ("other_info.direction", "yes", "M.MessageHeader.OtherInfo.Direction", "other_info/direction"),
        (
            "other_info.appendixes",
            ("a", "b" * 251),
            "R.MessageHeader.OtherInfo.Appendixes.Appendix",
            "other_info/appendixes/1",
        ),
        ("steering_type", 4, "M.MessageHeader.SteeringType", "steering_type"),
        ("document_type.type", 2**31, "R.MessageHeader.DocumentType.Type", "document_type/type"),
        ("to_places", ("x" * 151,), "R.MessageHeader.ToPlace.Place", "to_places/0"),
        (
            "response_for",
            (ResponseFor(organ_id="H1", code="1"),),
            "N.MessageHeader.ResponseFor.DocumentId",
            "response_for/0/document_id",
        ),
        ("document_type.type_name", None, "N.MessageHeader.DocumentType.TypeName", "document_type/type_name"),
    ],
)
def test_one_wrong_value_gives_one_finding(place: str, value: object, code: str, pointer: str) -> None:
    assert codes(changed(PLAIN, H + place, value)) == [(code, f"/message_header/{pointer}")]


def test_an_issue_date_of_today_is_not_in_the_future() -> None:
    assert codes(changed(PLAIN, H + "promulgation_info.promulgation_date", TODAY)) == []


def test_a_date_that_does_not_exist_is_not_called_missing() -> None:
    no_date = changed(PLAIN, H + "promulgation_info.promulgation_date", None)
    wrong = changed(no_date, H + "promulgation_info.promulgation_date_text", "2014/02/30")
    assert [code for code, _ in codes(wrong)] == ["T.MessageHeader.PromulgationInfo.PromulgationDate"]


def test_a_hop_needs_its_code_and_time() -> None:
    hops = (TraceHeader(timestamp_text="2025/03/05 14:07:09 nay"),)
    assert codes(changed(PLAIN, "trace_header_list.trace_headers", hops)) == [
        ("N.TraceHeaderList.TraceHeader.OrganId", "/trace_header_list/trace_headers/0/organ_id"),
        ("T.TraceHeaderList.TraceHeader.TimeStamp", "/trace_header_list/trace_headers/0/timestamp"),
    ]


def test_too_many_values_are_refused_at_once() -> None:
    crowd = ("Như trên",) * 40_001
    assert [code for code, _ in codes(changed(PLAIN, H + "to_places", crowd))] == ["R.MessageHeader"]


INFO = BussinessDocumentInfo(document_info="1", document_receiver="0")
REPLACED = ReplacementInfo(document_id="x", organ_id_list=("H99.07",))


@pytest.mark.parametrize(
    ("bussiness", "expected"),
    [
        (Bussiness(bussiness_doc_type="0"), []),
        (Bussiness(bussiness_doc_reason="x"), ["N.TraceHeaderList.Bussiness.BussinessDocType"]),
        (Bussiness(bussiness_doc_type="4"), ["M.TraceHeaderList.Bussiness.BussinessDocType"]),
        (Bussiness(bussiness_doc_type="0", paper="2"), ["M.TraceHeaderList.Bussiness.Paper"]),
        (
            Bussiness(bussiness_doc_type="1"),
            ["N.TraceHeaderList.Bussiness.BussinessDocReason", "N.MessageHeader.ResponseFor"],
        ),
        (
            Bussiness(bussiness_doc_type="2", bussiness_doc_reason="x"),
            ["N.TraceHeaderList.Bussiness.DocumentId", "N.TraceHeaderList.Bussiness.BussinessDocumentInfo"],
        ),
        (
            Bussiness(
                bussiness_doc_type="2", bussiness_doc_reason="x", document_id="y", bussiness_document_info=(INFO,)
            ),
            [],
        ),
        (
            Bussiness(
                bussiness_doc_type="2",
                bussiness_doc_reason="x",
                document_id="y",
                bussiness_document_info=(BussinessDocumentInfo(document_receiver="1"),),
            ),
            ["N.TraceHeaderList.Bussiness.BussinessDocumentInfo.ReceiverList"],
        ),
        (
            Bussiness(
                bussiness_doc_type="2",
                bussiness_doc_reason="x",
                document_id="y",
                bussiness_document_info=(
                    BussinessDocumentInfo(document_receiver="1", receiver_list=(Receiver(receiver_type="3"),)),
                ),
            ),
            [
                "N.TraceHeaderList.Bussiness.BussinessDocumentInfo.ReceiverList.Receiver.OrganId",
                "M.TraceHeaderList.Bussiness.BussinessDocumentInfo.ReceiverList.Receiver.ReceiverType",
            ],
        ),
        (
            Bussiness(
                bussiness_doc_type="2",
                bussiness_doc_reason="x",
                document_id="y",
                bussiness_document_info=(BussinessDocumentInfo(),),
            ),
            ["N.TraceHeaderList.Bussiness.BussinessDocumentInfo"],
        ),
        (
            Bussiness(bussiness_doc_type="3", bussiness_doc_reason="x"),
            ["N.TraceHeaderList.Bussiness.ReplacementInfoList.ReplacementInfo"],
        ),
        (
            Bussiness(bussiness_doc_type="3", bussiness_doc_reason="x", replacement_info_list=(REPLACED,)),
            [],
        ),
        (
            Bussiness(bussiness_doc_type="3", bussiness_doc_reason="x", replacement_info_list=(ReplacementInfo(),)),
            [
                "N.TraceHeaderList.Bussiness.ReplacementInfoList.ReplacementInfo.DocumentId",
                "N.TraceHeaderList.Bussiness.ReplacementInfoList.ReplacementInfo.OrganIdList.OrganId",
            ],
        ),
        (
            Bussiness(bussiness_doc_type="0", bussiness_document_info=(INFO,), replacement_info_list=(REPLACED,)),
            [
                "M.TraceHeaderList.Bussiness.BussinessDocumentInfo",
                "M.TraceHeaderList.Bussiness.ReplacementInfoList.ReplacementInfo",
            ],
        ),
    ],
)
def test_each_business_type_needs_its_own_block(bussiness: Bussiness, expected: list[str]) -> None:
    assert [code for code, _ in codes(changed(PLAIN, B, bussiness))] == expected


def test_a_recall_that_names_the_document_passes() -> None:
    recall = changed(PLAIN, B, Bussiness(bussiness_doc_type="1", bussiness_doc_reason="Ban hành nhầm"))
    assert codes(changed(recall, H + "response_for", (RESPONSE,))) == []


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (FileFacts(attachment_name="", size=1), "N.AttachmentName"),
        (FileFacts(attachment_name="a" * 300, size=1), "R.AttachmentName"),
        (FileFacts(attachment_name="../../x", size=1), "M.AttachmentName"),
        (FileFacts(attachment_name="..", size=1), "M.AttachmentName"),
        (FileFacts(attachment_name="C:\\x.pdf", size=1), "M.AttachmentName"),
        (FileFacts(attachment_name="a\u202efdp.exe", size=1), "M.AttachmentName"),
        (FileFacts(attachment_name="a\x00.pdf", size=1), "M.AttachmentName"),
        (FileFacts(attachment_name="a.pdf", size=0), "N.Attachment.ContentTransferEncoded"),
        (FileFacts(attachment_name="a.pdf", size=1, description="x\x01"), "M.Attachment.Description"),
        (FileFacts(attachment_name="a.pdf", size=1, description="x" * 501), "R.Attachment.Description"),
    ],
)
def test_a_bad_file_is_named_by_its_position(file: FileFacts, code: str) -> None:
    ((found, pointer),) = codes(PLAIN, FILE, file)
    assert (found, (pointer or "").startswith("/attachments/1")) == (code, True)


def test_two_files_with_one_name_pass() -> None:
    assert codes(PLAIN, FILE, FILE) == []


def test_too_many_files_are_refused() -> None:
    assert [code for code, _ in codes(PLAIN, *[FILE] * 1_001)] == ["R.AttachmentEncoded.Attachment"]


def test_a_new_document_without_a_file_is_only_warned() -> None:
    (found,) = check_document(PLAIN, [], TODAY)
    assert (found.code, found.is_error) == ("N.AttachmentEncoded.Attachment", False)


@pytest.mark.parametrize(
    ("update", "code"),
    [
        ({"from_": Organ()}, "N.MessageHeader.From.OrganId"),
        ({"response_for": RESPONSE.model_copy(update={"organ_id": None})}, "N.MessageHeader.ResponseFor.OrganId"),
        ({"response_for": RESPONSE.model_copy(update={"code": None})}, "N.MessageHeader.ResponseFor.Code"),
        ({"response_for": RESPONSE.model_copy(update={"document_id": ""})}, "N.MessageHeader.ResponseFor.DocumentId"),
        (
            {"response_for": RESPONSE.model_copy(update={"promulgation_date_text": "30/02/2020"})},
            "T.MessageHeader.ResponseFor.PromulgationDate",
        ),
        ({"status_code": None}, "N.MessageHeader.StatusCode"),
        ({"status_code": "1"}, "M.MessageHeader.StatusCode"),
        ({"timestamp": None}, "N.MessageHeader.Timestamp"),
        ({"timestamp": None, "timestamp_text": "x"}, "T.MessageHeader.Timestamp"),
        ({"description": "x" * 1001}, "R.MessageHeader.Description"),
    ],
)
def test_one_wrong_value_of_a_status_gives_one_finding(update: dict[str, object], code: str) -> None:
    packet = StatusPacket(message_header=PLAIN_STATUS.message_header.model_copy(update=update))
    assert [found.code for found in check_status(packet)] == [code]


@settings(max_examples=15, deadline=None)
@given(odd_documents(), file_sets())
def test_whatever_is_checked_every_finding_speaks_two_languages_and_quotes_nothing(
    packet: DocumentPacket, files: list[FileToSend]
) -> None:
    mark = "Bí mật của người gửi\x01" * 30
    packet = changed(changed(packet, H + "subject", mark), H + "due_date_text", mark)
    for found in check_document(packet, facts(files), date(2026, 1, 1)):
        assert found.message.vi.endswith(".")
        assert found.message.en.endswith(".")
        assert found.pointer
        assert "Bí mật" not in found.message.vi + found.message.en


@settings(max_examples=20, deadline=None)
@given(documents() | statuses())
def test_every_path_of_the_model_has_a_name_and_a_length(packet: DocumentPacket | StatusPacket) -> None:
    trees = (
        [layout.status_header(packet)]
        if isinstance(packet, StatusPacket)
        else [layout.document_header(packet), layout.trace_header_list(packet)]
    )
    assert {leaf.path for tree in trees for leaf in layout.leaves(tree)} <= FIELDS.keys()
