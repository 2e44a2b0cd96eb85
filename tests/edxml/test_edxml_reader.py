"""The reader on good and odd packets: every habit of packet format 10.1, and what is said about it."""

import base64
import hashlib
import io
import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from packets import (
    HEADER,
    PDF,
    SAMPLES,
    TODAY,
    TRACE,
    File,
    codes,
    content,
    document,
    errors,
    read,
    replaced,
    sample,
    zipped,
)
from sinks import TemporarySinks

from gateway.edxml.attachments import SentBytes
from gateway.edxml.limits import Limits
from gateway.edxml.model import DocumentPacket, MessageHeader, StatusHeader, StatusPacket
from gateway.edxml.reader import Profile, ReadPacket, read_packet

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")


def header_of(result: ReadPacket) -> MessageHeader:
    assert isinstance(result.packet, DocumentPacket)
    return result.packet.message_header


def status_of(result: ReadPacket) -> StatusHeader:
    assert isinstance(result.packet, StatusPacket)
    return result.packet.message_header


def with_header(old: str, new: str) -> ReadPacket:
    """The small packet with something in its header replaced."""
    assert old in HEADER, old
    return read(document([PDF], header=HEADER.replace(old, new)))


def with_trace(old: str, new: str) -> ReadPacket:
    """The small packet with something in its TraceHeaderList replaced."""
    assert old in TRACE, old
    return read(document([PDF], trace=TRACE.replace(old, new)))


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("own_*.edxml")), ids=lambda path: path.stem)
def test_our_samples_read_without_a_finding(path: object, profile: Profile) -> None:
    result = read(sample(getattr(path, "stem", "")), profile=profile)
    assert result.findings == ()
    assert result.readable


def test_a_small_packet_of_the_tests_reads_without_a_finding() -> None:
    assert read(document([PDF])).findings == ()


def test_a_new_document_is_read_whole() -> None:
    result = read(sample("own_new_pdf_csv"))
    header = header_of(result)
    assert result.kind == "document"
    assert [organ.organ_id for organ in header.to] == ["H99.07", "000.00.12.H98"]
    assert header.subject == "V/v thử nghiệm liên thông văn bản điện tử & <kiểm tra> ký tự"
    assert header.promulgation_info.promulgation_date == date(2025, 3, 5)
    assert header.promulgation_info.promulgation_date_text == "2025/03/05"
    assert header.other_info.appendixes == ("Phụ lục I",)
    assert header.to_places == ("Như trên", "Lưu: VT, VP")
    assert isinstance(result.packet, DocumentPacket)
    hop = result.packet.trace_header_list.trace_headers[0]
    assert hop.timestamp == datetime(2025, 3, 5, 14, 7, 9, tzinfo=HANOI)
    assert [(a.attachment_name, a.packed) for a in result.attachments] == [
        ("1520_UBND-KT.pdf", False),
        ("phu-luc-1.csv", True),
    ]
    assert content(result).startswith(b"%PDF-1.4")


def test_a_status_is_read_whole() -> None:
    result = read(sample("own_status_02"))
    status = status_of(result)
    assert result.kind == "status"
    assert status.status_code == "02"
    assert status.response_for.document_id == "H99,2025/03/05,1520/UBND-KT"
    assert result.attachments == ()


def test_size_and_hash_are_those_of_the_packet() -> None:
    data = sample("own_reply")
    result = read(data, piece=1000)
    assert (result.size, result.sha256) == (len(data), hashlib.sha256(data).hexdigest())


# Habits of packet format 10.1: all read the same.


def habits() -> dict[str, bytes]:
    base = sample("own_new_pdf_csv")
    text = base.decode()
    declaration = 'xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"'
    unprefixed = text.replace(f" {declaration}", "").replace("<edXML:", "<").replace("</edXML:", "</")
    prefixed_root = text.replace(f" {declaration}", "").replace("<edXML xmlns=", f"<edXML {declaration} xmlns=", 1)
    everything = prefixed_root.replace("<edXML ", "<edXML:edXML ", 1).replace("</edXML>", "</edXML:edXML>")
    for name in ("AttachmentEncoded", "Attachment", "ContentId", "AttachmentName", "Description", "ContentType"):
        everything = everything.replace(f"<{name}>", f"<edXML:{name}>").replace(f"</{name}>", f"</edXML:{name}>")
    head, _, rest = text.partition("  <edXML:edXMLEnvelope")
    envelope, _, enclosed = rest.partition("</edXML:edXMLEnvelope>\n")
    attachments, _, end = enclosed.partition("</AttachmentEncoded>\n")
    swapped = f"{head}{attachments}</AttachmentEncoded>\n<edXML:edXMLEnvelope{envelope}</edXML:edXMLEnvelope>\n{end}"
    utf16 = text.replace('encoding="UTF-8"', 'encoding="UTF-16"')
    return {
        "crlf": text.replace("\n", "\r\n").encode(),
        "cr": text.replace("\n", "\r").encode(),
        "bom": b"\xef\xbb\xbf" + base,
        "no declaration": text.partition("\n")[2].encode(),
        "lower case encoding": text.replace("UTF-8", "utf-8").encode(),
        "utf-16": utf16.encode("utf-16"),
        "utf-16 big endian": b"\xfe\xff" + utf16.encode("utf-16be"),
        "utf-16 without a mark": utf16.encode("utf-16le"),
        "no prefixes": unprefixed.encode(),
        "prefix on the root": prefixed_root.encode(),
        "everything prefixed": everything.encode(),
        "attachments first": swapped.encode(),
        "comments": text.replace("<edXML:Subject>", "<!-- x --><edXML:Subject><!-- y -->").encode(),
        "cid twice": text.replace("<ContentId>cid:", "<ContentId>cid:cid:").encode(),
        "no cid": text.replace("<ContentId>cid:", "<ContentId>").encode(),
        "cdata": text.replace(
            "V/v thử nghiệm liên thông văn bản điện tử &amp; &lt;kiểm tra&gt; ký tự",
            "<![CDATA[V/v thử nghiệm liên thông văn bản điện tử & <kiểm tra> ký tự]]>",
        ).encode(),
        "references": text.replace("Như trên", "Nh&#432; tr&#xEA;n").encode(),
        "net attributes": text.replace(
            "<edXML:Reference>",
            '<edXML:Reference xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="cid:1" xlink:type="simple">',
        ).encode(),
    }


@pytest.mark.parametrize("habit", sorted(habits()))
def test_every_habit_reads_the_same(habit: str) -> None:
    usual, result = read(sample("own_new_pdf_csv")), read(habits()[habit])
    assert result.findings == ()
    assert result.packet == usual.packet
    assert [(a.attachment_name, a.sha256) for a in result.attachments] == [
        (a.attachment_name, a.sha256) for a in usual.attachments
    ]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "&#13;\n", "\n        ", "<!-- -->", "&#10;"])
def test_wrapped_base64_reads_the_same(separator: str) -> None:
    data = bytes(range(256)) * 9
    text = base64.b64encode(data).decode()
    wrapped = separator.join(text[at : at + 76] for at in range(0, len(text), 76))
    result = read(document([File("a.pdf", "application/pdf", None, text=f"\n {wrapped}\n")]))
    assert result.findings == ()
    assert content(result) == data


def test_base64_in_a_cdata_section_reads() -> None:
    result = read(document([File("a.pdf", "application/pdf", None, text="<![CDATA[JVBERg==]]>")]))
    assert content(result) == b"%PDF"


def test_the_net_order_inside_an_attachment_reads() -> None:
    packet = sample("own_new_pdf_xlsx").decode()
    first = packet.index("<AttachmentEncoded>")
    shuffled = packet[:first] + _content_first(packet[first:])
    result = read(shuffled)
    assert result.findings == ()
    assert [a.sha256 for a in result.attachments] == [a.sha256 for a in read(packet).attachments]


def _content_first(text: str) -> str:
    return re.sub(
        r"<Attachment>(.*?)(<edXML:ContentTransferEncoded.*?</edXML:ContentTransferEncoded>)",
        r"<Attachment>\2\1",
        text,
        flags=re.DOTALL,
    )


def test_empty_elements_read_as_absent() -> None:
    packet = replaced(sample("own_new_pdf_csv"), "<edXML:DueDate>2025/03/20<", "<edXML:DueDate><")
    result = read(replaced(packet, "<edXML:SteeringType>", "<edXML:ResponseFor/><edXML:SteeringType>"))
    assert result.findings == ()
    assert header_of(result).due_date is None
    assert header_of(result).response_for == ()


# Prefixes and namespaces.


@pytest.mark.parametrize("prefix", ["edXML", "xlink"])
def test_an_undeclared_usual_prefix_is_a_warning(prefix: str) -> None:
    old = "<edXML:Reference>" if prefix == "xlink" else f' xmlns:edXML="{"http://www.mic.gov.vn/TBT/QCVN_102_2016"}"'
    new = '<edXML:Reference xlink:href="cid:1">' if prefix == "xlink" else ""
    result = read(replaced(sample("own_new_pdf_csv"), old, new, times=9))
    assert codes(result) == ["X.Prefix"]
    assert result.readable
    assert header_of(result) == header_of(read(sample("own_new_pdf_csv")))


def test_an_undeclared_prefix_on_the_root_is_a_warning() -> None:
    packet = sample("own_status_03").decode().replace(' xmlns="', ' xmlns:x="').replace("<edXML ", "<edXML:edXML ")
    packet = packet.replace("</edXML>", "</edXML:edXML>").replace(' xmlns:edXML="', ' xmlns:y="')
    assert codes(read(packet)) == ["X.Prefix"]


def test_any_other_undeclared_prefix_is_not_well_formed() -> None:
    result = read(replaced(sample("own_status_03"), "<edXML:From>", '<edXML:From foo:bar="1">'))
    assert errors(result) == ["X.NotWellFormed"]
    assert status_of(result).status_code == "03"


def test_the_lgsp_namespace_reads_with_a_warning() -> None:
    packet = sample("own_status_03").replace(b"http://www.mic.gov.vn/TBT/QCVN_102_2016", b"http://www.go.vn/eDoc")
    result = read(packet)
    assert codes(result) == ["X.Namespace"]
    assert result.readable
    assert status_of(result).status_code == "03"


def test_a_foreign_namespace_is_refused_and_still_read() -> None:
    result = read(sample("own_status_03").replace(b"http://www.mic.gov.vn/TBT/QCVN_102_2016", b"http://example.org/x"))
    assert errors(result) == ["X.Namespace"]
    assert status_of(result).status_code == "03"


def test_no_namespace_at_all_is_refused() -> None:
    packet = sample("own_status_03").decode().replace("edXML:", "")
    packet = packet.replace(' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "")
    packet = packet.replace(' xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "").replace("<edXML ", "<edXML>")
    packet = packet.replace(' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"', "")
    packet = re.sub(r' xmlns(:edXML)?="[^"]*"', "", packet)
    assert errors(read(packet)) == ["X.Namespace"]


def test_the_old_soap_form_is_named() -> None:
    result = read(
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"><SOAP-ENV:Header/></SOAP-ENV:Envelope>'
    )
    assert errors(result) == ["X.OldForm"]
    assert "2013" in result.findings[0].message.vi
    assert (result.kind, result.packet) == (None, None)


@pytest.mark.parametrize("packet", ["<html/>", f'<edXMLEnvelope xmlns="{"http://www.mic.gov.vn/TBT/QCVN_102_2016"}"/>'])
def test_another_root_is_refused(packet: str) -> None:
    assert errors(read(packet)) == ["X.Root"]


# What is missing.


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<edXML:OrganId>H99</edXML:OrganId>", "", "N.MessageHeader.From.OrganId"),
        ("<edXML:OrganId>H99</edXML:OrganId>", "<edXML:OrganId> </edXML:OrganId>", "N.MessageHeader.From.OrganId"),
        ("<edXML:OrganId>H99</edXML:OrganId>", "<edXML:OrganId>null</edXML:OrganId>", "N.MessageHeader.From.OrganId"),
        ("<edXML:To><edXML:OrganId>H99.07</edXML:OrganId></edXML:To>", "", "N.MessageHeader.To"),
        ("<edXML:To><edXML:OrganId>H99.07</edXML:OrganId></edXML:To>", "<edXML:To/>", "N.MessageHeader.To"),
        ("<edXML:OrganId>H99.07</edXML:OrganId>", "<edXML:Fax>1</edXML:Fax>", "N.MessageHeader.To.OrganId"),
    ],
)
def test_a_document_without_sender_or_receiver_is_refused(old: str, new: str, code: str) -> None:
    result = with_header(old, new)
    assert code in errors(result)
    assert header_of(result).subject == "Trích yếu"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<edXML:StatusCode>03</edXML:StatusCode>", "<edXML:StatusCode/>", "N.MessageHeader.StatusCode"),
        ("<edXML:StatusCode>03</edXML:StatusCode>", "", "N.MessageHeader.StatusCode"),
        (
            "<edXML:DocumentId>H99,2025/03/05,1520/UBND-KT</edXML:DocumentId>",
            "",
            "N.MessageHeader.ResponseFor.DocumentId",
        ),
    ],
)
def test_a_status_without_code_or_document_is_refused(old: str, new: str, code: str) -> None:
    result = read(replaced(sample("own_status_03"), old, new))
    assert result.kind == "status"
    assert errors(result) == [code]


def test_a_packet_without_a_header_is_refused() -> None:
    result = read(f'<edXML xmlns="{"http://www.mic.gov.vn/TBT/QCVN_102_2016"}"><edXMLEnvelope/></edXML>')
    assert errors(result) == ["N.MessageHeader"]
    assert result.kind is None


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<edXML:Subject>Trích yếu</edXML:Subject>", "", "N.MessageHeader.Subject"),
        ("<edXML:Subject>Trích yếu<", f"<edXML:Subject>{'á' * 501}<", "R.MessageHeader.Subject"),
        ("<edXML:SteeringType>0</edXML:SteeringType>", "<edXML:SteeringType/>", "N.MessageHeader.SteeringType"),
        ("<edXML:SteeringType>0<", "<edXML:SteeringType>x<", "T.MessageHeader.SteeringType"),
        ("<edXML:SteeringType>0<", "<edXML:SteeringType>7<", "M.MessageHeader.SteeringType"),
        ("<edXML:CodeNumber>1520</edXML:CodeNumber>", "", "N.MessageHeader.Code.CodeNumber"),
        ("<edXML:CodeNotation>UBND-KT</edXML:CodeNotation>", "", "N.MessageHeader.Code.CodeNotation"),
        ("<edXML:CodeNumber>1520<", "<edXML:CodeNumber>99<", "M.MessageHeader.DocumentId"),
        ("H99,2025/03/05,", "H98,2025/03/05,", "M.MessageHeader.DocumentId"),
        ("H99,2025/03/05,", "H99,2025/02/30,", "M.MessageHeader.DocumentId"),
        ("H99,2025/03/05,1520/UBND-KT", "9fbfbad2-f1f8-4256", "M.MessageHeader.DocumentId"),
        ("Date>2025/03/05<", "Date>2025/02/30<", "T.MessageHeader.PromulgationInfo.PromulgationDate"),
        ("Date>2025/03/05<", "Date>2025-03-05<", "M.MessageHeader.PromulgationInfo.PromulgationDate"),
        ("Date>2025/03/05<", "Date>05/03/2025<", "M.MessageHeader.PromulgationInfo.PromulgationDate"),
        ("Date>2025/03/05<", "Date>2026/11/23<", "R.MessageHeader.PromulgationInfo.PromulgationDate"),
        ("Date>2025/03/05<", "Date><", "N.MessageHeader.PromulgationInfo.PromulgationDate"),
        ("<edXML:OrganId>H99<", "<edXML:OrganId>vxp.saas.03<", "M.MessageHeader.From.OrganId"),
        ("<edXML:OrganId>H99.07<", f"<edXML:OrganId>H99.{'7' * 40}<", "R.MessageHeader.To.OrganId"),
        ("</edXML:To>", "</edXML:To><edXML:To><edXML:OrganId>H99.07</edXML:OrganId></edXML:To>", "M.Exist"),
        ("</edXML:To>", "</edXML:To><edXML:To><edXML:Fax>1</edXML:Fax></edXML:To>", "N.MessageHeader.To.OrganId"),
        (
            "</edXML:MessageHeader>",
            "<edXML:DueDate>2024/01/01</edXML:DueDate></edXML:MessageHeader>",
            "R.MessageHeader.DueDate",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:OtherInfo><edXML:Priority>Khẩn</edXML:Priority></edXML:OtherInfo></edXML:MessageHeader>",
            "T.MessageHeader.OtherInfo.Priority",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:OtherInfo><edXML:Priority>9</edXML:Priority></edXML:OtherInfo></edXML:MessageHeader>",
            "M.MessageHeader.OtherInfo.Priority",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:OtherInfo><edXML:PageAmount>-1</edXML:PageAmount></edXML:OtherInfo></edXML:MessageHeader>",
            "R.MessageHeader.OtherInfo.PageAmount",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:OtherInfo><edXML:Direction>có</edXML:Direction></edXML:OtherInfo></edXML:MessageHeader>",
            "M.MessageHeader.OtherInfo.Direction",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:DocumentType><edXML:Type/></edXML:DocumentType></edXML:MessageHeader>",
            "N.MessageHeader.DocumentType.Type",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:DocumentType><edXML:Type>-1</edXML:Type></edXML:DocumentType></edXML:MessageHeader>",
            "R.MessageHeader.DocumentType.Type",
        ),
        (
            "</edXML:MessageHeader>",
            "<edXML:ResponseFor><edXML:Code>1/A</edXML:Code></edXML:ResponseFor></edXML:MessageHeader>",
            "N.MessageHeader.ResponseFor.DocumentId",
        ),
        ("<edXML:Subject>", "<edXML:Subject>Một</edXML:Subject><edXML:Subject>", "M.MessageHeader.Subject"),
        ("<edXML:Subject>", "<edXML:Moi>1</edXML:Moi><edXML:Subject>", "X.Unknown"),
        ("<edXML:From>", "<edXML:From>chữ thừa", "X.Text"),
    ],
)
def test_an_odd_document_header_is_a_warning(old: str, new: str, code: str) -> None:
    result = with_header(old, new)
    assert code in codes(result)
    assert result.readable


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (TRACE, "", "N.TraceHeaderList.Bussiness"),
        (TRACE, "", "N.TraceHeaderList.TraceHeader"),
        ("<edXML:OrganId>H99</edXML:OrganId>", "", "N.TraceHeaderList.TraceHeader.OrganId"),
        ("<edXML:OrganId>H99<", "<edXML:OrganId>null<", "N.TraceHeaderList.TraceHeader.OrganId"),
        ("2025/03/05 14:07:09", "2025-03-05T14:07:09", "M.TraceHeaderList.TraceHeader.TimeStamp"),
        ("2025/03/05 14:07:09", "hôm qua", "T.TraceHeaderList.TraceHeader.TimeStamp"),
        ("2025/03/05 14:07:09", "", "N.TraceHeaderList.TraceHeader.TimeStamp"),
        ("DocType>0<", "DocType>7<", "M.TraceHeaderList.Bussiness.BussinessDocType"),
        ("DocType>0<", "DocType><", "N.TraceHeaderList.Bussiness.BussinessDocType"),
        ("DocType>0<", "DocType>1<", "N.MessageHeader.ResponseFor"),
        ("DocType>0<", "DocType>2<", "N.TraceHeaderList.Bussiness.DocumentId"),
        ("DocType>0<", "DocType>2<", "N.TraceHeaderList.Bussiness.BussinessDocumentInfo"),
        ("DocType>0<", "DocType>3<", "N.TraceHeaderList.Bussiness.ReplacementInfoList"),
        ("Văn bản điện tử mới", "", "N.TraceHeaderList.Bussiness.BussinessDocReason"),
        (
            "<edXML:BussinessDocType>",
            "<edXML:DocumentId>H99,2014/02/30,1/A</edXML:DocumentId><edXML:BussinessDocType>",
            "M.TraceHeaderList.Bussiness.DocumentId",
        ),
        (
            "<edXML:BussinessDocType>",
            "<edXML:DocumentId>H99,2014/02/30,1/A</edXML:DocumentId><edXML:BussinessDocType>",
            "T.TraceHeaderList.Bussiness.DocumentId",
        ),
        (
            "<edXML:BussinessDocType>",
            "<edXML:Paper>2</edXML:Paper><edXML:BussinessDocType>",
            "M.TraceHeaderList.Bussiness.Paper",
        ),
        (
            "<edXML:BussinessDocType>",
            "<edXML:ReplacementInfoList><edXML:ReplacementInfo><edXML:DocumentId>1</edXML:DocumentId>"
            "</edXML:ReplacementInfo></edXML:ReplacementInfoList><edXML:BussinessDocType>",
            "M.TraceHeaderList.Bussiness.ReplacementInfoList",
        ),
    ],
)
def test_an_odd_trace_or_business_block_is_a_warning(old: str, new: str, code: str) -> None:
    result = with_trace(old, new)
    assert code in codes(result)
    assert result.readable


def test_a_misspelt_business_block_is_unknown_and_kept() -> None:
    result = read(document([PDF], trace=TRACE.replace("Bussiness>", "Business>")))
    assert "X.Unknown" in codes(result)
    assert ("TraceHeaderList.Business.BussinessDocReason", "Văn bản điện tử mới") in [
        (element.path, element.text) for element in result.unknown
    ]


def test_hops_out_of_order_are_a_warning() -> None:
    hop = "<edXML:TraceHeader><edXML:OrganId>W00</edXML:OrganId><edXML:Timestamp>2024/01/01 00:00:00</edXML:Timestamp></edXML:TraceHeader>"
    result = with_trace("</edXML:TraceHeaderList>", f"{hop}</edXML:TraceHeaderList>")
    assert codes(result) == ["R.TraceHeaderList.TraceHeader.TimeStamp"]


def test_the_first_of_repeated_leaves_is_read() -> None:
    result = with_header("<edXML:Subject>", "<edXML:Subject/><edXML:Subject>Một</edXML:Subject><edXML:Subject>")
    assert header_of(result).subject == "Một"


def test_a_child_inside_a_leaf_is_kept_as_unknown() -> None:
    result = with_header("Trích yếu", "Trích <b>đậm</b>yếu")
    assert header_of(result).subject == "Trích yếu"
    assert [(element.path, element.text) for element in result.unknown] == [("MessageHeader.Subject.b", "đậm")]


def test_text_is_trimmed_at_its_ends_only() -> None:
    assert header_of(with_header("Trích yếu", "\n  Trích \n yếu \t")).subject == "Trích \n yếu"


def test_numbers_beyond_reason_are_no_numbers() -> None:
    result = with_header("<edXML:SteeringType>0<", f"<edXML:SteeringType>{'9' * 5000}<")
    assert "T.MessageHeader.SteeringType" in codes(result)


# Statuses.


def test_one_digit_is_read_as_two_with_a_warning() -> None:
    result = read(replaced(sample("own_status_03"), ">03<", ">3<"))
    assert status_of(result).status_code == "03"
    assert codes(result) == ["M.MessageHeader.StatusCode"]
    assert "“3”" in result.findings[0].message.vi


@pytest.mark.parametrize("code", ["07", "99", "abc", "12345"])
def test_an_unknown_status_code_is_kept_with_a_warning(code: str) -> None:
    result = read(replaced(sample("own_status_03"), ">03<", f">{code}<"))
    assert status_of(result).status_code == code
    assert "M.MessageHeader.StatusCode" in codes(result)
    assert result.readable


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("2025/03/05 14:25:40", "", "N.MessageHeader.Timestamp"),
        ("2025/03/05 14:25:40", "2015/09/20 11:08:36", "R.MessageHeader.Timestamp"),
        ("<edXML:Code>1520/UBND-KT</edXML:Code>", "", "N.MessageHeader.ResponseFor.Code"),
        ("<edXML:StatusCode>", "<edXML:Moi/><edXML:StatusCode>", "X.Unknown"),
        (
            "</edXML:MessageHeader>",
            "</edXML:MessageHeader><edXML:TraceHeaderList><edXML:TraceHeader/></edXML:TraceHeaderList>",
            "X.Unknown",
        ),
    ],
)
def test_an_odd_status_is_a_warning(old: str, new: str, code: str) -> None:
    result = read(replaced(sample("own_status_03"), old, new))
    assert code in codes(result)
    assert result.readable


def test_a_refusal_without_its_reason_is_a_warning() -> None:
    packet = re.sub(rb"<edXML:Description>.*?</edXML:Description>", b"", sample("own_status_02"))
    assert codes(read(packet)) == ["N.MessageHeader.Description"]


def test_a_status_code_in_a_packet_with_receivers_makes_no_status() -> None:
    result = with_header("<edXML:Subject>", "<edXML:StatusCode>03</edXML:StatusCode><edXML:Subject>")
    assert result.kind == "document"
    assert codes(result) == ["X.Unknown"]


# Signatures.

DUMMY = "<Signature><SignedInfo/><SignatureValue>R2JWYjhuOXE=</SignatureValue><X509Certificate>MIIFqTCCBJG</X509Certificate></Signature>"


def test_a_placeholder_signature_is_a_warning() -> None:
    result = read(document([PDF], signature=DUMMY))
    assert codes(result) == ["M.Signature"]
    assert (result.signature.present, result.signature.placeholder, result.signature.count) == (True, True, 1)
    assert result.signature.xml is not None
    assert b"MIIFqTCCBJG" in result.signature.xml


def test_a_signature_that_may_be_real_is_kept_without_a_finding() -> None:
    certificate = b"\x30\x82\x01\x00" + bytes(256)
    signature = (
        '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/>'
        f"<SignatureValue>{base64.b64encode(bytes(256)).decode()}</SignatureValue>"
        f"<KeyInfo><X509Certificate>{base64.b64encode(certificate).decode()}</X509Certificate></KeyInfo></Signature>"
    )
    result = read(document([PDF], signature=signature))
    assert result.findings == ()
    assert result.signature.namespace == "http://www.w3.org/2000/09/xmldsig#"
    assert result.signature.placeholder is False


def test_an_empty_signature_element_is_none() -> None:
    result = read(document([PDF], signature="<edXML:DigitalSignature />"))
    assert result.findings == ()
    assert not result.signature.present


def test_of_two_signatures_the_last_is_told_and_both_are_counted() -> None:
    result = read(document([PDF], signature=DUMMY + DUMMY.replace("R2JWYjhuOXE=", "TAST")))
    assert result.signature.count == 2
    assert result.signature.xml is not None
    assert b"TAST" in result.signature.xml
    assert codes(result) == ["M.Signature", "M.Signature"]


def test_a_signature_with_a_namespace_that_is_no_uri_is_seen_but_not_kept() -> None:
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><a xmlns="http://a/[/b"/></Signature>'
    result = read(document([PDF], signature=signature))
    assert (result.signature.present, result.signature.xml) == (True, None)


def test_a_signature_over_its_cap_is_seen_but_not_kept() -> None:
    result = read(document([PDF], signature=DUMMY), limits=Limits(signature_bytes=50))
    assert result.signature.present
    assert result.signature.xml is None
    assert result.readable


@pytest.mark.parametrize("limits", [Limits(signature_bytes=50), Limits(signature_elements=2)])
def test_what_is_over_the_caps_of_a_signature_counts_for_no_other_cap(limits: Limits) -> None:
    deep, text, many = "<a b='c'>" * 10, "x" * 5_000_000 + "</a>" * 10, "<d e='f'/>" * 70_000
    result = read(document([PDF], signature=f"<Signature>{deep}{text}{many}</Signature>"), limits=limits)
    assert (result.signature.present, result.signature.xml, result.signature.too_large) == (True, None, True)
    assert (codes(result), result.readable) == (["R.Signature"], True)


def test_a_signature_that_stands_elsewhere_is_counted_only() -> None:
    for place in ("<edXML:edXMLBody>", "<AttachmentEncoded>"):
        packet = replaced(document([PDF]), place, f"{place}<Signature><a/></Signature>")
        result = read(packet)
        assert (result.signature.present, result.signature.count) == (False, 1)


def test_what_is_repeated_is_remembered_by_its_path() -> None:
    twice = "<edXML:Subject>Trích yếu</edXML:Subject><edXML:Subject>Khác</edXML:Subject>"
    assert with_header("<edXML:Subject>Trích yếu</edXML:Subject>", twice).repeated == {"MessageHeader.Subject"}
    packet = replaced(document([PDF]), "</AttachmentName>", "</AttachmentName><AttachmentName>khac</AttachmentName>")
    assert read(packet).repeated == {"AttachmentName"}
    assert read(document([PDF])).repeated == frozenset()


def test_an_unzipped_file_keeps_the_digest_of_what_came() -> None:
    raw = zipped(("x.csv", b"a,b"))
    (packed,) = read(document([File("a.csv", "application/zip", raw)])).attachments
    assert packed.sent == SentBytes(len(raw), hashlib.sha256(raw).hexdigest())
    assert packed.sha256 == hashlib.sha256(b"a,b").hexdigest()
    (plain,) = read(document([PDF])).attachments
    assert plain.sent == SentBytes(plain.size, plain.sha256)
    (broken,) = read(replaced(document([PDF]), base64.b64encode(b"%PDF-1.4 noi dung").decode(), "!")).attachments
    assert broken.sent is None


# Profiles, findings, ownership.


def test_the_strict_profile_refuses_what_the_lenient_one_warns_of() -> None:
    packet = document([PDF], header=HEADER.replace("<edXML:Subject>Trích yếu</edXML:Subject>", ""))
    assert read(packet).readable
    assert "N.MessageHeader.Subject" in errors(read(packet, profile=Profile.STRICT))


def test_the_strict_profile_makes_the_checks_of_what_we_send() -> None:
    packet = replaced(sample("own_status_03"), ">03<", ">abc<")
    assert "M.MessageHeader.StatusCode" in errors(read(packet, profile=Profile.STRICT))


def test_the_strict_profile_leaves_the_senders_own_id_alone() -> None:
    packet = document([PDF], header=HEADER.replace("H99,2025/03/05,1520/UBND-KT", "GW-2025-1"))
    assert errors(read(packet, profile=Profile.STRICT)) == []


def test_findings_are_bounded_and_say_how_many_are_not_listed() -> None:
    receivers = "<edXML:To><edXML:OrganId>x..y</edXML:OrganId></edXML:To>" * 50
    result = read(
        document([PDF], header=HEADER.replace("<edXML:DocumentId>", f"{receivers}<edXML:DocumentId>")),
        limits=Limits(findings=10),
    )
    assert len(result.findings) == 11
    assert result.findings[-1].code == "X.Findings"
    assert result.readable


def test_findings_speak_both_languages_and_point_into_the_model() -> None:
    finding = with_header("<edXML:OrganId>H99.07<", "<edXML:OrganId>vxp.saas.03<").findings[0]
    assert finding.message.vi.startswith("Mã định danh cơ quan nhận")
    assert finding.message.en.startswith("Code of the receiver")
    assert finding.pointer == "/message_header/to/0/organ_id"


def test_a_value_beyond_reason_refuses_the_packet() -> None:
    assert errors(with_header("Trích yếu", "á" * 70_000)) == ["X.TextSize"]


def test_discarding_leaves_nothing_behind() -> None:
    sinks = TemporarySinks()
    result = read(sample("own_new_pdf_xlsx"), sinks=sinks)
    assert len(sinks.live) == 2
    result.discard()
    assert sinks.live == []


def test_no_future_is_judged_without_a_day() -> None:
    packet = document([PDF], header=HEADER.replace("2025/03/05", "2999/03/05"))
    assert read(packet, today=None).findings == ()


def test_a_stream_is_read_whole() -> None:
    result = read_packet(io.BytesIO(sample("own_new_pdf_csv")), TemporarySinks(), today=TODAY)
    assert result.findings == ()
    assert len(result.attachments) == 2


def test_a_stream_that_breaks_leaves_nothing_behind() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            piece = super().read(size)
            if not piece:
                raise OSError("connection lost")
            return piece

    sinks = TemporarySinks()
    with pytest.raises(OSError, match="connection lost"):
        read_packet(Broken(sample("own_new_pdf_csv") + b" " * 2**18), sinks)
    assert len(sinks.made) == 2
    assert sinks.live == []


def test_a_strict_list_of_findings_keeps_an_error_beyond_its_length() -> None:
    receivers = "<edXML:To><edXML:Fax>1</edXML:Fax></edXML:To>" * 60
    packet = document([PDF], header=HEADER.replace("<edXML:DocumentId>", f"{receivers}<edXML:DocumentId>"))
    result = read(packet, limits=Limits(findings=5), profile=Profile.STRICT)
    assert result.findings[-1].code == "X.Findings"
    assert result.findings[-1].is_error


@pytest.mark.parametrize("declared", ["utf-16", "UTF-16LE"])
def test_a_byte_order_mark_is_believed_more_than_the_declaration(declared: str) -> None:
    packet = b"\xef\xbb\xbf" + sample("own_status_03").replace(b"UTF-8", declared.encode())
    result = read(packet)
    assert codes(result) == ["X.Encoding"]
    assert result.readable


def test_what_stands_between_the_known_parts_is_kept() -> None:
    packet = document([PDF]).replace(b"</edXML:edXMLManifest>", b"<edXML:Moi>x</edXML:Moi></edXML:edXMLManifest>")
    packet = packet.replace(b"</edXML:Reference>", b"<edXML:La>y</edXML:La></edXML:Reference>")
    packet = packet.replace(b"</edXML:edXMLEnvelope>", b"<edXML:Khac/></edXML:edXMLEnvelope>")
    result = read(packet)
    assert {element.path for element in result.unknown} == {
        "edXMLManifest.Moi",
        "Reference.La",
        "edXMLEnvelope.Khac",
    }
    assert result.readable


def test_a_second_header_is_told_and_not_read() -> None:
    second = HEADER.replace("H99</", "H98</")
    result = read(document([PDF], header=HEADER + second))
    assert codes(result) == ["M.MessageHeader"]
    assert header_of(result).from_.organ_id == "H99"


def test_a_replacement_without_its_parts_is_a_warning() -> None:
    empty = "<edXML:ReplacementInfo><edXML:X>1</edXML:X></edXML:ReplacementInfo>"
    block = f"<edXML:ReplacementInfoList>chữ{empty}<edXML:Y>2</edXML:Y></edXML:ReplacementInfoList>"
    trace = TRACE.replace("DocType>0<", "DocType>3<").replace("</edXML:Bussiness>", f"{block}</edXML:Bussiness>")
    path = "TraceHeaderList.Bussiness.ReplacementInfoList.ReplacementInfo"
    found = codes(read(document([PDF], trace=trace)))
    assert {f"N.{path}.DocumentId", f"N.{path}.OrganIdList.OrganId", "X.Text", "X.Unknown"} == set(found)


def test_an_update_with_odd_receivers_is_a_warning() -> None:
    receiver = "<edXML:Receiver><edXML:ReceiverType>7</edXML:ReceiverType></edXML:Receiver>"
    other = "<edXML:Receiver><edXML:OrganId>H98</edXML:OrganId></edXML:Receiver>"
    block = (
        "<edXML:BussinessDocumentInfo><edXML:DocumentInfo>x</edXML:DocumentInfo>"
        f"<edXML:ReceiverList>{receiver}{other}</edXML:ReceiverList></edXML:BussinessDocumentInfo>"
    )
    trace = TRACE.replace("DocType>0<", "DocType>2<").replace(
        "</edXML:Bussiness>", f"<edXML:DocumentId>H99,2025/03/01,1/A</edXML:DocumentId>{block}</edXML:Bussiness>"
    )
    path = "TraceHeaderList.Bussiness.BussinessDocumentInfo"
    assert set(codes(read(document([PDF], trace=trace)))) == {
        f"M.{path}.DocumentInfo",
        f"M.{path}.ReceiverList.Receiver.ReceiverType",
        f"N.{path}.ReceiverList.Receiver.ReceiverType",
        f"N.{path}.ReceiverList.Receiver.OrganId",
    }


def test_without_a_document_id_the_document_is_still_read() -> None:
    result = with_header("<edXML:DocumentId>H99,2025/03/05,1520/UBND-KT</edXML:DocumentId>", "")
    assert codes(result) == ["N.MessageHeader.DocumentId"]


@pytest.mark.parametrize("certificate", ["MAA=", "MIAAAAAA", "JVBERi0xLjQK", "***"])
def test_a_certificate_that_is_none_makes_a_placeholder(certificate: str) -> None:
    value = base64.b64encode(bytes(256)).decode()
    signature = f"<Signature><SignatureValue>{value}</SignatureValue><X509Certificate>{certificate}</X509Certificate></Signature>"
    assert read(document([PDF], signature=signature)).signature.placeholder
