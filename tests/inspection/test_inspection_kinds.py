"""Real kinds are seen in the bytes, and compared with what a file claims to be."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from office_files import MSI, SHEET, SHEET_BINARY, SLIDES, Held, docm, docx, odf, ole, ooxml, slides, workbook, zipped

from gateway.inspection.antivirus import Clean
from gateway.inspection.families import CONTENT_TYPES, EXTENSIONS, LABELS, MIMES, Family
from gateway.inspection.inspector import FileToInspect, facts_of
from gateway.inspection.kinds import Agreement, Seen, agreement, claimed, look_at
from gateway.inspection.sniffing import NoSniffer, sniffer
from gateway.inspection.wording import mismatch

PE = b"MZ\x90\0" + bytes(60) + b"PE\0\0" + bytes(200)
CMS = bytes.fromhex("3082010006092a864886f70d010702a081f2") + bytes(242)
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(20)

REAL = [
    (b"", Family.EMPTY),
    (b"%PDF-1.7\n", Family.PDF),
    (b"\xef\xbb\xbf\r\n%PDF-1.4\n", Family.PDF),
    (ole({"WordDocument": b"x"}), Family.DOC),
    (ole({"Workbook": workbook(0)}), Family.XLS),
    (ole({"Book": workbook(0)}), Family.XLS),
    (ole({"PowerPoint Document": slides(vba=False)}), Family.PPT),
    (ole({"EncryptedPackage": b"x", "EncryptionInfo": b"x"}), Family.PROTECTED),
    (ole({"__properties_version1.0": b"x"}), Family.OLE),
    (ole({"\u4840": b"x"}, MSI), Family.INSTALLER),
    (docx(), Family.DOCX),
    (docm(), Family.DOCM),
    (ooxml(SHEET), Family.XLSX),
    (ooxml(SHEET_BINARY), Family.XLSB),
    (ooxml(SLIDES), Family.PPTX),
    (ooxml("application/vnd.ms-visio.drawing.main+xml"), Family.OFFICE),
    (odf("text"), Family.ODT),
    (odf("spreadsheet"), Family.ODS),
    (odf("presentation"), Family.ODP),
    (odf("graphics"), Family.OPEN_DOCUMENT),
    (zipped({"a.txt": "a", "b.txt": "b"}), Family.ZIP),
    (zipped({"META-INF/MANIFEST.MF": "a", "A.class": "b"}), Family.JAVA),
    (zipped({"AndroidManifest.xml": "a", "classes.dex": "b"}), Family.JAVA),
    (b"{\\rtf1\\ansi abc}", Family.RTF),
    ("Kính gửi: Ủy ban nhân dân tỉnh".encode(), Family.TEXT),
    ("Kính gửi: Ủy ban nhân dân tỉnh".encode("utf-16"), Family.TEXT),
    (b"K\xdcnh g\xf6i \xb5\xa8 TCVN3", Family.TEXT),
    (b"so,ngay\n1,2\n3,4\n", Family.TEXT),
    (b'<?xml version="1.0"?><edXML:edXML/>', Family.XML),
    (b"<!DOCTYPE html><html><body>x</body></html>", Family.HTML),
    (PNG, Family.PNG),
    (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1" + bytes(20), Family.JPEG),
    (b"II*\0\x08\0\0\0" + bytes(20), Family.TIFF),
    (b"Rar!\x1a\x07\x01\0" + bytes(20), Family.RAR),
    (b"7z\xbc\xaf'\x1c\0\x04" + bytes(30), Family.SEVEN_ZIP),
    (CMS, Family.SIGNED),
    (PE, Family.PROGRAM),
    (b"\x01\x02\x03\x04" * 20, Family.UNKNOWN),
]


def seen(content: bytes) -> Seen:
    return look_at(Held(content), sniffer())


def how(content: bytes, name: str, content_type: str | None = None) -> Agreement:
    return agreement(claimed(name, content_type), seen(content).kind)


@pytest.mark.parametrize(("content", "family"), REAL)
def test_a_kind_is_seen_in_the_bytes(content: bytes, family: Family) -> None:
    kind = seen(content).kind
    assert kind is not None
    assert kind.family is family


HONEST = [
    ("van ban.PDF", b"%PDF-1.7\n"),
    ("van ban.docx", docx()),
    ("mat khau.docx", ole({"EncryptedPackage": b"x"})),
    ("bieu.docm", docm()),
    ("bieu.xlsb", ooxml(SHEET_BINARY)),
    ("bieu.xls", ole({"Workbook": workbook(0)})),
    ("bieu.ods", odf("spreadsheet")),
    ("so lieu.csv", b"chi co mot dong"),
    ("goi tin.edxml", b"<a/>"),
    ("ghi chu.txt", b"<html><body>a text about pages</body></html>"),
    ("chu ky.p7s", CMS),
    ("chu ky.p7s", b"-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----\n"),
    ("nen.zip", zipped({"a.txt": "a"})),
    ("nen.zip", docx()),
]


@pytest.mark.parametrize(("name", "content"), HONEST)
def test_an_honest_file_agrees_with_its_name(name: str, content: bytes) -> None:
    assert how(content, name) is Agreement.AGREES


DISGUISED = [
    ("van ban.pdf", PE),
    ("van ban.docx", PE),
    ("van ban.docx", docm()),
    ("van ban.docx", b"PK\x03\x04 this is no archive"),
    ("van ban.doc", b"{\\rtf1 x}"),
    ("van ban.doc", docx()),
    ("van ban.pdf", b"\x01\x02\x03\x04" * 20),
    ("van ban.pdf", b""),
    ("anh.png", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1" + bytes(20)),
    ("ghi chu.txt", PE),
    ("nen.zip", zipped({"META-INF/MANIFEST.MF": "a"})),
]


@pytest.mark.parametrize(("name", "content"), DISGUISED)
def test_a_disguised_file_differs_from_its_name(name: str, content: bytes) -> None:
    assert how(content, name) is Agreement.DIFFERS


@pytest.mark.parametrize("name", ["a.pdf\u202e", "a.pdf ", "a.pdf.", "thu muc/a.pdf", "A.PDF\0"])
def test_tricks_in_a_name_do_not_hide_what_it_claims(name: str) -> None:
    assert how(PE, name) is Agreement.DIFFERS


def test_a_content_type_claims_only_where_the_name_does_not() -> None:
    assert how(PE, "van ban", "application/pdf; charset=x") is Agreement.DIFFERS
    assert how(docx(), "van ban.docx", "application/pdf") is Agreement.AGREES
    assert how(docx(), "van ban.docx", "application/zip") is Agreement.AGREES
    assert how(PE, "van ban", "application/zip") is Agreement.NOTHING_CLAIMED
    assert how(PE, "ban ve.dwg", "application/pdf") is Agreement.NOTHING_CLAIMED


def test_bytes_of_no_known_kind_prove_nothing_about_a_text() -> None:
    assert how("chữ".encode("utf-16-le") + b"\0\1\2\0", "ghi chu.txt") is Agreement.UNDETERMINED


@pytest.mark.parametrize("name", ["van ban.pdf", "ghi chu.txt", "khong duoi"])
def test_without_libmagic_nothing_is_called_fine(name: str) -> None:
    file = FileToInspect(position=1, attachment_name=name, content_type=None, source=Held(b"%PDF-1.7\n"))
    assert facts_of(file, Clean(), NoSniffer()).agreement is Agreement.UNDETERMINED


def test_without_libmagic_containers_are_still_seen() -> None:
    file = FileToInspect(position=1, attachment_name="a.docx", content_type=None, source=Held(docm()))
    assert facts_of(file, Clean(), NoSniffer()).agreement is Agreement.DIFFERS


def test_a_mismatch_names_the_place_and_both_kinds() -> None:
    kind = seen(PE).kind
    assert kind is not None
    finding = mismatch(2, "docx", kind)
    assert finding.code == "A.Type"
    assert finding.message.en == "Attachment 2 is named .docx but its bytes are a program (application/x-dosexec)."
    assert finding.message.vi == (
        "Tệp đính kèm thứ 2 có đuôi .docx nhưng dữ liệu thực là chương trình chạy được (application/x-dosexec)."
    )


def test_only_the_beginning_of_a_large_file_is_read() -> None:
    held = Held(b"%PDF-1.7\n" + bytes(10_000_000))
    look_at(held, sniffer())
    assert held.asked <= 64 * 1024


def test_the_tables_belong_together() -> None:
    assert set(CONTENT_TYPES.values()) <= set(EXTENSIONS)
    assert set(LABELS) == set(Family)
    assert set(MIMES.values()) <= set(Family)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300), name=st.text(max_size=30), content_type=st.none() | st.text(max_size=30))
def test_any_bytes_under_any_name_get_facts(content: bytes, name: str, content_type: str | None) -> None:
    file = FileToInspect(position=1, attachment_name=name, content_type=content_type, source=Held(content))
    facts = facts_of(file, Clean())
    assert facts.claim == "" or facts.claim in EXTENSIONS
