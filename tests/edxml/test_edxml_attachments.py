"""Attachments by packet format 4: what is unzipped, what is kept, what is refused; matching with the manifest."""

import io
import zipfile

import pytest
from packets import PDF, File, codes, content, document, errors, read, zipped
from sinks import TemporarySinks

from gateway.edxml.enclosures import bare_content_id

DATA = b"so lieu;1;2\r\n" * 40
DOCX = zipped(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<w/>"))
ODT = zipped(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<o/>"))
ONE = zipped(("8f0c.edxml", DATA))
TWO = zipped(("a.txt", DATA), ("b.txt", DATA))


@pytest.mark.parametrize("name", ["so-lieu.csv", "bang.xlsx", "van-ban.doc", "VAN-BAN.PDF", "anh.PNG", "khong-duoi"])
def test_what_the_kit_zips_is_unzipped_to_its_own_name(name: str) -> None:
    result = read(document([File(name, "application/zip", ONE)]))
    assert result.findings == ()
    attachment = result.attachments[0]
    assert (attachment.attachment_name, attachment.packed, attachment.size) == (name, True, len(DATA))
    assert content(result) == DATA


@pytest.mark.parametrize(
    ("name", "content_type", "data"),
    [
        ("goi.zip", "application/zip", ONE),
        ("GOI.ZIP", "application/zip", ONE),
        ("a.docx", "application/zip", DOCX),
        ("a.odt", "application/zip", ODT),
        ("a.xlsx", "application/zip", zipped(("[Content_Types].xml", b"<Types/>"))),
        ("a.docx", "application/docx", DOCX),
        ("a.jar", "application/java-archive", ONE),
        ("a.pdf", "application/pdf", b"%PDF-1.4"),
        ("a.bin", "application/octet-stream", b"\x00\x01"),
        ("a.jar", "application/zip", TWO),
    ],
)
def test_what_is_a_file_of_its_own_is_kept_as_it_is(name: str, content_type: str, data: bytes) -> None:
    result = read(document([File(name, content_type, data)]))
    assert result.findings == ()
    assert not result.attachments[0].packed
    assert content(result) == data


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04 broken", "Z.Damaged"),
        (zipped(("a.csv", bytes(40 * 2**20))), "Z.Ratio"),
        (zipped(("lib 0.zip", ONE), ("lib 1.zip", ONE)), "Z.Nested"),
    ],
)
def test_an_archive_sent_as_such_is_kept_unopened_and_whoever_opens_it_is_warned(data: bytes, code: str) -> None:
    result = read(document([File("goi.zip", "application/zip", data)]))
    assert codes(result) == [code]
    assert result.readable
    assert content(result) == data


def test_a_zip_inside_the_zip_that_wraps_a_file_is_not_opened_and_told() -> None:
    result = read(document([File("a.csv", "application/zip", zipped(("a.zip", ONE)))]))
    assert codes(result) == ["Z.Nested"]
    assert content(result) == ONE


@pytest.mark.parametrize("content_type", ["text/plain", "application/pdf", "application/octet-stream"])
def test_a_zip_of_one_entry_under_another_type_is_unzipped_with_a_warning(content_type: str) -> None:
    result = read(document([File("a.txt", content_type, ONE)]))
    assert codes(result) == ["M.Attachment-Type"]
    assert content(result) == DATA


def test_a_zip_of_several_entries_under_another_type_is_kept_with_a_warning() -> None:
    result = read(document([File("a.txt", "text/plain", TWO)]))
    assert codes(result) == ["M.Attachment-Type"]
    assert content(result) == TWO


def test_plain_bytes_called_a_zip_are_kept_with_a_warning() -> None:
    result = read(document([File("a.pdf", "application/zip", b"%PDF-1.4")]))
    assert codes(result) == ["M.Attachment-Type"]
    assert content(result) == b"%PDF-1.4"


def test_several_entries_under_a_plain_name_are_kept_with_a_warning() -> None:
    result = read(document([File("a.txt", "application/zip", TWO)]))
    assert codes(result) == ["Z.Entries"]
    assert content(result) == TWO


def test_a_folder_beside_the_one_file_does_not_count() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("thu-muc/", b"")
        archive.writestr("thu-muc/a.txt", DATA)
    result = read(document([File("a.txt", "application/zip", out.getvalue())]))
    assert codes(result) == ["Z.Path"]
    assert content(result) == DATA


@pytest.mark.parametrize("data", [ONE[:-30], b"PK\x03\x04" + bytes(50), b"PK\x05\x06"])
def test_a_damaged_zip_concerns_its_own_file_alone_and_is_kept_as_it_came(data: bytes) -> None:
    result = read(
        document([File("a.csv", "application/zip", data), File("b.pdf", "application/pdf", b"%PDF", "cid:2")])
    )
    assert codes(result) == ["Z.Damaged"]
    assert result.readable
    assert content(result, 1) == data
    assert content(result, 2) == b"%PDF"
    assert "thứ 1" in result.findings[0].message.vi


def test_a_damaged_zip_under_another_type_is_kept_with_a_warning() -> None:
    result = read(document([File("a.txt", "text/plain", b"PK\x03\x04 text")]))
    assert codes(result) == ["M.Attachment-Type"]
    assert content(result) == b"PK\x03\x04 text"


def test_an_empty_archive_is_refused() -> None:
    assert errors(read(document([File("a.csv", "application/zip", zipped())]))) == ["Z.Empty"]


@pytest.mark.parametrize(
    "text", ["JVBE!", "JVB", "JVBERg=", "JVBERg==JVBE", "=", "JVBE<b/>", "JVBÉ", "a-_b", "J\xa0VBE"]
)
def test_broken_base64_refuses_the_packet_and_names_the_attachment(text: str) -> None:
    sinks = TemporarySinks()
    result = read(document([PDF, File("b.pdf", "application/pdf", None, "cid:2", text=text)]), sinks=sinks)
    assert errors(result) == ["M.Attachment-Encoding"]
    assert "attachment 2" in result.findings[0].message.en
    assert result.attachments[1].content is None
    assert content(result, 1) == PDF.data
    assert len(sinks.live) == 1


@pytest.mark.parametrize("file", [File("a.pdf", "application/pdf", None), File("a.pdf", "application/pdf", b"")])
def test_a_listed_file_without_content_refuses_the_packet(file: File) -> None:
    result = read(document([file]))
    assert errors(result) == ["N.Attachment"]
    assert "cid:1" in result.findings[0].message.en


def test_a_manifest_entry_without_attachment_refuses_the_packet() -> None:
    packet = document([PDF]).replace(
        b"</edXML:edXMLManifest>",
        b"<edXML:Reference><edXML:ContentId>cid:77</edXML:ContentId></edXML:Reference></edXML:edXMLManifest>",
    )
    result = read(packet)
    assert errors(result) == ["N.Attachment"]
    assert "cid:77" in result.findings[0].message.vi


def test_an_empty_manifest_entry_is_none() -> None:
    packet = document([PDF]).replace(b"</edXML:edXMLManifest>", b"<edXML:Reference/></edXML:edXMLManifest>")
    assert read(packet).findings == ()


def test_an_attachment_that_no_manifest_entry_names_is_a_warning() -> None:
    result = read(document([PDF, File("b.pdf", "application/pdf", b"%PDF", "cid:2", listed=False)]))
    assert codes(result) == ["N.Reference"]
    assert content(result, 2) == b"%PDF"


def test_an_unlisted_attachment_without_content_is_a_warning() -> None:
    result = read(document([PDF, File("b.pdf", "application/pdf", b"", "cid:2", listed=False)]))
    assert codes(result) == ["N.Reference", "N.Attachment.ContentTransferEncoded"]
    assert result.readable


def test_a_new_document_without_any_file_is_a_warning() -> None:
    result = read(document([]))
    assert codes(result) == ["N.AttachmentEncoded"]
    assert result.readable


@pytest.mark.parametrize(
    ("written", "bare"),
    [("cid:1", "1"), ("1", "1"), ("cid:cid: 1 ", "1"), ("CID:1", "1"), ("", ""), (None, ""), ("cid", "cid")],
)
def test_content_ids_are_compared_without_their_prefixes(written: str | None, bare: str) -> None:
    assert bare_content_id(written) == bare


def test_ids_that_repeat_are_matched_one_to_one() -> None:
    files = [File("a.pdf", "application/pdf", b"%PDF a"), File("b.pdf", "application/pdf", b"%PDF b")]
    assert read(document(files)).findings == ()


def test_without_ids_names_are_matched() -> None:
    result = read(document([File("a.pdf", "application/pdf", b"%PDF", content_id=None)]))
    assert codes(result) == ["N.Attachment.ContentId"]
    assert result.readable


def test_a_missing_name_is_taken_from_the_manifest() -> None:
    packet = document([File("a.csv", "application/zip", ONE)]).replace(b"<AttachmentName>a.csv</AttachmentName>", b"")
    result = read(packet)
    assert codes(result) == ["N.AttachmentName"]
    assert result.attachments[0].attachment_name == "a.csv"
    assert content(result) == DATA


@pytest.mark.parametrize("leaf", ["MimeType", "edXML:MimeType"])
def test_a_missing_type_is_taken_from_the_mime_type(leaf: str) -> None:
    extra = f'<{leaf} xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">application/zip</{leaf}>'
    result = read(document([File("a.csv", None, ONE, extra=extra)]))
    assert codes(result) == ["N.Attachment.ContentType"]
    assert content(result) == DATA


def test_attachments_before_the_envelope_read_the_same() -> None:
    files = [File("a.csv", "application/zip", ONE), File("b.pdf", "application/pdf", b"%PDF", "cid:2")]
    usual, first = read(document(files)), read(document(files, body_first=True))
    assert first.findings == usual.findings == ()
    assert [a.sha256 for a in first.attachments] == [a.sha256 for a in usual.attachments]


def test_a_second_content_in_one_attachment_is_a_warning_and_not_read() -> None:
    sinks = TemporarySinks()
    extra = "<ContentTransferEncoded>JVBERg==</ContentTransferEncoded>" * 3
    result = read(document([File("a.pdf", "application/pdf", b"junk", extra=extra)]), sinks=sinks)
    assert codes(result) == ["M.Attachment.ContentTransferEncoded"]
    assert content(result) == b"%PDF"
    assert len(sinks.made) == 1


def test_an_unsafe_name_is_a_warning_and_made_safe() -> None:
    result = read(document([File("../../etc/passwd", "application/pdf", b"%PDF")]))
    assert codes(result) == ["M.AttachmentName"]
    attachment = result.attachments[0]
    assert (attachment.attachment_name, attachment.safe_name) == ("../../etc/passwd", "passwd")


def test_a_name_beyond_its_length_is_a_warning() -> None:
    assert codes(read(document([File("a" * 201 + ".pdf", "application/pdf", b"%PDF")]))) == ["R.AttachmentName"]


def test_an_unknown_element_in_an_attachment_is_kept() -> None:
    result = read(document([File("a.pdf", "application/pdf", b"%PDF", extra="<Moi>x</Moi><FieldName>f</FieldName>")]))
    assert codes(result) == ["X.Unknown"]
    assert [(element.path, element.text) for element in result.unknown] == [("Attachment.Moi", "x")]


def test_a_failing_sink_leaves_nothing_behind() -> None:
    class FullDisk(TemporarySinks):
        def create(self) -> object:  # type: ignore[override] # stands for a disk that is full at the third file
            if len(self.made) == 2:
                raise OSError(28, "No space left on device")
            return super().create()

    sinks = FullDisk()
    files = [File("a.csv", "application/zip", ONE), File("b.csv", "application/zip", ONE, "cid:2")]
    with pytest.raises(OSError, match="No space"):
        read(document(files), sinks=sinks)
    assert sinks.live == []
