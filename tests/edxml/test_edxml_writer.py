"""The writer: exact bytes, valid one-entry zips, nothing that XML cannot hold."""

import base64
import random
import zipfile
from datetime import UTC, date, datetime
from io import BytesIO

import pytest
from edxml_strategies import Bytes, documents, file_sets, statuses
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from gateway.edxml.model import (
    NAMESPACE,
    Bussiness,
    Code,
    DocumentPacket,
    MessageHeader,
    Organ,
    PromulgationInfo,
    ResponseFor,
    StatusHeader,
    StatusPacket,
    TraceHeader,
    TraceHeaderList,
)
from gateway.edxml.packing import PIECE, packing_of
from gateway.edxml.writer import FileToSend, write_document, write_status

NS = {"e": NAMESPACE}

PACKET = DocumentPacket(
    message_header=MessageHeader(
        from_=Organ(organ_id="H99", organ_name="UBND tỉnh Giả Định"),
        to=(Organ(organ_id="H99.07"), Organ(organ_id="000.00.12.H98")),
        document_id="H99,2025/03/05,1520/UBND-KT",
        code=Code(code_number="1520", code_notation="UBND-KT"),
        promulgation_info=PromulgationInfo(promulgation_date=date(2025, 3, 5)),
        subject="V/v thử <nghiệm> & ký tự",
        content="  ",
    ),
    trace_header_list=TraceHeaderList(
        trace_headers=(TraceHeader(organ_id="H99", timestamp=datetime(2025, 3, 5, 7, 7, 9, tzinfo=UTC)),)
    ),
)


def file(name: str, data: bytes, number: int = 1) -> FileToSend:
    return FileToSend(
        attachment_name=name, source=Bytes(data), content_id=f"id-{number}", entry_name=f"entry-{number}.bin"
    )


def written(packet: DocumentPacket, *files: FileToSend, complete: bool = True) -> bytes:
    out = BytesIO()
    write_document(packet, files, out, complete=complete)
    return out.getvalue()


def written_status(packet: StatusPacket) -> bytes:
    out = BytesIO()
    write_status(packet, out)
    return out.getvalue()


def content(packet: bytes, number: int = 0) -> bytes:
    text = etree.fromstring(packet).xpath("//e:ContentTransferEncoded", namespaces=NS)
    assert isinstance(text, list)
    node = text[number]
    assert isinstance(node, etree._Element)
    return base64.b64decode(node.text or "", validate=True)


def test_document_is_written_in_the_exact_form_of_the_kit() -> None:
    expected = """<?xml version="1.0" encoding="UTF-8"?>
<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016">
  <edXML:edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">
    <edXML:edXMLHeader>
      <edXML:MessageHeader>
        <edXML:From>
          <edXML:OrganId>H99</edXML:OrganId>
          <edXML:OrganName>UBND tỉnh Giả Định</edXML:OrganName>
        </edXML:From>
        <edXML:To>
          <edXML:OrganId>H99.07</edXML:OrganId>
        </edXML:To>
        <edXML:To>
          <edXML:OrganId>000.00.12.H98</edXML:OrganId>
        </edXML:To>
        <edXML:DocumentId>H99,2025/03/05,1520/UBND-KT</edXML:DocumentId>
        <edXML:Code>
          <edXML:CodeNumber>1520</edXML:CodeNumber>
          <edXML:CodeNotation>UBND-KT</edXML:CodeNotation>
        </edXML:Code>
        <edXML:PromulgationInfo>
          <edXML:PromulgationDate>2025/03/05</edXML:PromulgationDate>
        </edXML:PromulgationInfo>
        <edXML:Subject>V/v thử &lt;nghiệm&gt; &amp; ký tự</edXML:Subject>
        <edXML:OtherInfo>
          <edXML:Direction>false</edXML:Direction>
        </edXML:OtherInfo>
        <edXML:SteeringType>0</edXML:SteeringType>
      </edXML:MessageHeader>
      <edXML:TraceHeaderList>
        <edXML:Bussiness>
          <edXML:BussinessDocType>0</edXML:BussinessDocType>
          <edXML:BussinessDocReason>Văn bản điện tử mới</edXML:BussinessDocReason>
        </edXML:Bussiness>
        <edXML:TraceHeader>
          <edXML:OrganId>H99</edXML:OrganId>
          <edXML:Timestamp>2025/03/05 14:07:09</edXML:Timestamp>
        </edXML:TraceHeader>
      </edXML:TraceHeaderList>
    </edXML:edXMLHeader>
    <edXML:edXMLBody>
      <edXML:edXMLManifest version="1.0">
        <edXML:Reference>
          <edXML:ContentId>cid:id-1</edXML:ContentId>
          <edXML:ContentType>application/pdf</edXML:ContentType>
          <edXML:AttachmentName>a.pdf</edXML:AttachmentName>
        </edXML:Reference>
      </edXML:edXMLManifest>
    </edXML:edXMLBody>
  </edXML:edXMLEnvelope>
  <AttachmentEncoded>
    <Attachment>
      <ContentId>cid:id-1</ContentId>
      <AttachmentName>a.pdf</AttachmentName>
      <ContentType>application/pdf</ContentType>
      <edXML:ContentTransferEncoded xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">JVBERg==</edXML:ContentTransferEncoded>
    </Attachment>
  </AttachmentEncoded>
</edXML>
"""
    assert written(PACKET, file("a.pdf", b"%PDF")).decode() == expected.replace("\n", "\r\n")


def test_document_without_files_has_an_empty_manifest_and_attachments() -> None:
    packet = written(PACKET)
    assert b'      <edXML:edXMLManifest version="1.0" />\r\n' in packet
    assert packet.endswith(b"  <AttachmentEncoded />\r\n</edXML>\r\n")


def test_status_has_a_header_and_nothing_else() -> None:
    status = StatusPacket(
        message_header=StatusHeader(
            from_=Organ(organ_id="H99.07"),
            response_for=ResponseFor(organ_id="H99", code="1520/UBND-KT", document_id="x"),
            status_code="03",
            timestamp=datetime(2025, 3, 5, 7, 25, 40, tzinfo=UTC),
        )
    )
    root = etree.fromstring(written_status(status))
    assert [element.tag.rpartition("}")[2] for element in root.iter(etree.Element) if isinstance(element.tag, str)] == [
        *("edXML", "edXMLEnvelope", "edXMLHeader", "MessageHeader", "From", "OrganId"),
        *("ResponseFor", "OrganId", "Code", "DocumentId", "StatusCode", "Timestamp"),
    ]


def test_incomplete_writing_adds_nothing() -> None:
    bare = DocumentPacket(message_header=MessageHeader(subject="x"))
    packet = written(bare, complete=False)
    assert not any(name in packet for name in (b"Direction", b"SteeringType", b"Bussiness", b"TraceHeaderList"))


@pytest.mark.parametrize(
    ("name", "content_type", "zipped"),
    [
        ("a.pdf", "application/pdf", False),
        ("a.PDF", "application/pdf", False),
        ("a.doc", "application/doc", False),
        ("a.docx", "application/docx", False),
        ("a.zip", "application/zip", False),
        (".zip", "application/zip", False),
        ("a.xlsx", "application/zip", True),
        ("a.xls", "application/zip", True),
        ("a.pdf.txt", "application/zip", True),
        ("pdf", "application/zip", True),
        ("a.", "application/zip", True),
        ("", "application/zip", True),
    ],
)
def test_extension_decides_what_is_zipped(name: str, content_type: str, zipped: bool) -> None:
    assert (packing_of(name).content_type, packing_of(name).zipped) == (content_type, zipped)


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 2])
def test_raw_file_comes_back_whole_at_every_piece_boundary(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    assert content(written(PACKET, file("a.pdf", data[:size]))) == data[:size]


@pytest.mark.parametrize("size", [0, 1, PIECE, 2 * PIECE + 2])
def test_zipped_file_is_one_deflated_entry_with_its_sizes_behind_it(size: int) -> None:
    data = (b"bang ke," * (size // 8 + 1))[:size]
    with zipfile.ZipFile(BytesIO(content(written(PACKET, file("a.csv", data))))) as archive:
        (entry,) = archive.infolist()
        assert archive.read(entry) == data
    assert (entry.filename, entry.compress_type, entry.flag_bits & 8) == ("entry-1.bin", zipfile.ZIP_DEFLATED, 8)


def test_zipping_the_same_file_twice_gives_the_same_bytes() -> None:
    assert written(PACKET, file("a.csv", b"1,2")) == written(PACKET, file("a.csv", b"1,2"))


def test_given_content_type_counts_for_raw_kinds_only() -> None:
    odd = [
        FileToSend(attachment_name=name, source=Bytes(b"x"), content_id=name, entry_name="e", content_type=content_type)
        for name, content_type in (("a.pdf", "application/x-pdf"), ("b.csv", "text/csv"), ("c.docx", "application/zip"))
    ]
    root = etree.fromstring(written(PACKET, *odd))
    types = [element.text for element in root.iter(f"{{{NAMESPACE}}}ContentType")]
    assert types == ["application/x-pdf", "application/zip", "application/docx"] * 2


def test_names_are_written_composed() -> None:
    root = etree.fromstring(written(PACKET, file("Pho\u031b\u0309.pdf", b"x")))
    assert {element.text for element in root.iter(f"{{{NAMESPACE}}}AttachmentName")} == {"Phở.pdf"}


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ud800", "\uffff"])
def test_character_that_xml_cannot_hold_is_refused_before_anything_is_written(character: str) -> None:
    header = PACKET.message_header.model_copy(update={"subject": f"a{character}b"})
    out = BytesIO()
    with pytest.raises(ValueError, match=r"MessageHeader\.Subject"):
        write_document(PACKET.model_copy(update={"message_header": header}), [], out)
    assert out.getvalue() == b""


def test_character_that_xml_cannot_hold_is_refused_in_a_file_name() -> None:
    with pytest.raises(ValueError, match="attachment"):
        written(PACKET, file("a\x01.pdf", b"x"))


@pytest.mark.parametrize("name", ["a.pdf", "a.csv"])
def test_source_that_changed_its_size_is_refused(name: str) -> None:
    class Shrunk(Bytes):
        @property
        def size(self) -> int:
            return 10

    lying = FileToSend(attachment_name=name, source=Shrunk(b"x"), content_id="1", entry_name="e")
    with pytest.raises(ValueError, match="10"):
        written(PACKET, lying)


@pytest.mark.parametrize("name", ["a.pdf", "a.csv"])
def test_full_disk_surfaces_as_it_is(name: str) -> None:
    class Full:
        def write(self, data: bytes, /) -> int:
            if len(data) > 10_000:
                raise OSError(28, "No space left on device")
            return len(data)

    noise = random.Random(1).randbytes(3 * PIECE)
    with pytest.raises(OSError, match="No space left"):
        write_document(PACKET, [file(name, noise)], Full())


def test_pieces_stay_small_however_large_the_file() -> None:
    class Largest:
        piece = 0

        def write(self, data: bytes, /) -> int:
            self.piece = max(self.piece, len(data))
            return len(data)

    out = Largest()
    write_document(PACKET, [file("a.pdf", bytes(20 * PIECE + 1))], out)
    assert out.piece == PIECE // 3 * 4


def test_carriage_return_in_a_value_survives_parsing() -> None:
    bussiness = Bussiness(bussiness_doc_type="0", bussiness_doc_reason="a\rb\nc")
    trace = TraceHeaderList(bussiness=bussiness)
    root = etree.fromstring(written(PACKET.model_copy(update={"trace_header_list": trace})))
    assert root.findtext(f".//{{{NAMESPACE}}}BussinessDocReason") == "a\rb\nc"


@settings(max_examples=20, deadline=None)
@given(documents(), file_sets())
def test_every_document_is_well_formed_and_holds_its_files(packet: DocumentPacket, files: list[FileToSend]) -> None:
    text = written(packet, *files)
    assert text.count(b"\n") == text.count(b"\r\n")
    for number, sent in enumerate(files):
        data = content(text, number)
        if packing_of(sent.attachment_name).zipped:
            with zipfile.ZipFile(BytesIO(data)) as archive:
                data = archive.read(sent.entry_name)
        with sent.source.open() as stream:
            assert data == stream.read()


@settings(max_examples=20, deadline=None)
@given(statuses(), st.data())
def test_every_status_is_well_formed_and_has_no_body(packet: StatusPacket, data: st.DataObject) -> None:
    root = etree.fromstring(written_status(packet))
    assert [child.tag for child in root.iterdescendants(f"{{{NAMESPACE}}}edXMLBody")] == []
    assert root.findtext(f".//{{{NAMESPACE}}}StatusCode") == packet.message_header.status_code
