"""Macros are found wherever Office keeps them, whatever the file is called; hostile files end in UNDETERMINED."""

import struct
import zipfile
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from office_files import (
    MACRO_SHEET,
    SHEET,
    SHEET_BINARY,
    VBA,
    WORD,
    WORD_MACROS,
    Held,
    docm,
    docx,
    odf,
    ole,
    ooxml,
    slides,
    types,
    workbook,
    zipped,
)

from gateway.inspection.kinds import look_at
from gateway.inspection.macros import Macros, macros
from gateway.inspection.sniffing import NoSniffer


def found(content: bytes) -> Macros:
    return macros(look_at(Held(content), NoSniffer()))


WITH = [
    (docm(), Macros.VBA),
    (ooxml(WORD, word__vbaProject_bin=b"x"), Macros.VBA),
    (zipped({"[Content_Types].xml": types(WORD), "word\\VBAPROJECT.BIN": b"x"}), Macros.VBA),
    (ooxml(WORD, VBA, word__settings_bin=b"x"), Macros.VBA),
    (ooxml(WORD_MACROS), Macros.VBA),
    (zipped({"[CONTENT_TYPES].XML": types(WORD, VBA)}), Macros.VBA),
    (ooxml(SHEET, MACRO_SHEET), Macros.EXCEL4),
    (ooxml(SHEET, xl__macrosheets__sheet1_xml=b"x"), Macros.EXCEL4),
    (ole({"WordDocument": b"x", "Macros": {"VBA": {"dir": b"x"}}}), Macros.VBA),
    (ole({"Workbook": workbook(0), "_VBA_PROJECT_CUR": {"VBA": {}}}), Macros.VBA),
    (ole({"WordDocument": b"x", "ObjectPool": {"_1": {"Macros": {}}}}), Macros.VBA),
    (ole({"Workbook": workbook(0, 1)}), Macros.EXCEL4),
    (ole({"PowerPoint Document": slides(vba=True)}), Macros.VBA),
    (odf("text", Basic__Standard__Module1_xml=b"x"), Macros.BASIC),
    (odf("text", Scripts__python__a_py=b"x"), Macros.BASIC),
]


@pytest.mark.parametrize(("content", "kind"), WITH)
def test_macros_are_found(content: bytes, kind: Macros) -> None:
    assert found(content) is kind


WITHOUT = [
    docx(),
    ooxml(SHEET),
    ooxml(SHEET_BINARY),
    ole({"WordDocument": b"x"}),
    ole({"Workbook": workbook(0, 0, 2)}),
    ole({"PowerPoint Document": slides(vba=False)}),
    zipped({"mimetype": "application/vnd.oasis.opendocument.text", "Basic/script-lc.xml": b"x"}),
    zipped({"a.txt": b"x"}),
    b"%PDF-1.7\n",
]


@pytest.mark.parametrize("content", WITHOUT)
def test_a_file_without_macros_has_none(content: bytes) -> None:
    assert found(content) is Macros.NONE


def locked() -> bytes:
    """A zip whose entry says that it is encrypted."""
    plain = bytearray(zipped({"a.txt": b"x"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        plain[plain.index(mark) + offset] |= 1
    return bytes(plain)


def many(count: int) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}", b"")
    return out.getvalue()


def header(**changes: int) -> bytes:
    """An OLE file with other numbers in its header."""
    offsets = {"sector_shift": 30, "mini_shift": 32, "tables": 44, "directory": 48, "difat": 68, "difats": 72}
    content = bytearray(docless())
    for name, value in changes.items():
        struct.pack_into("<H" if "shift" in name else "<I", content, offsets[name], value)
    return bytes(content)


def docless() -> bytes:
    return ole({"WordDocument": b"x"})


def circle() -> bytes:
    """An OLE file whose directory's chain of sectors leads back to its beginning."""
    content = bytearray(docless())
    (directory,) = struct.unpack_from("<I", content, 48)
    (table,) = struct.unpack_from("<I", content, 76)
    struct.pack_into("<I", content, 512 * (table + 1) + 4 * directory, directory)
    return bytes(content)


def endless_tables() -> bytes:
    """An OLE file whose list of tables is one sector, four million times, naming itself 127 times as a table."""
    content = bytearray(docless())
    sector = len(content) // 512 - 1
    content += struct.pack("<128I", *[sector] * 128)
    sectors_of_list = 2**22
    struct.pack_into("<I", content, 44, 109 + 127 * sectors_of_list)
    struct.pack_into("<II", content, 68, sector, sectors_of_list)
    return bytes(content)


def chained_directory() -> bytes:
    """An OLE file whose tree of entries is one chain."""
    return ole({f"n{number:04}": {} for number in range(3_000)})


HOSTILE = {
    "a bomb as list of types": zipped({"[Content_Types].xml": b"<a>" + bytes(200_000_000) + b"</a>"}),
    "a bomb as mimetype": zipped({"mimetype": bytes(50_000_000)}),
    "a document type": zipped({"[Content_Types].xml": types(WORD, before="<!DOCTYPE a [<!ENTITY b 'c'>]>")}),
    "no XML": zipped({"[Content_Types].xml": b"\0\1\2"}),
    "too many entries": many(6_000),
    "an archive cut short": docm()[:-30],
    "a locked archive": locked(),
    "a password": ole({"EncryptedPackage": b"x"}),
    "an OLE file cut short": docless()[:700],
    "an OLE header alone": docless()[:8],
    "sectors of one byte": header(sector_shift=0),
    "sectors of four bytes": header(sector_shift=2),
    "sectors of 2^65535 bytes": header(sector_shift=65_535),
    "mini sectors of 2^31 bytes": header(mini_shift=31),
    "tables that lead nowhere": header(difat=1, difats=2**31, tables=2**32 - 1),
    "a directory that is not there": header(directory=2**31),
    "endless tables": endless_tables(),
    "a directory that is one chain of 3 000": chained_directory(),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_undetermined_and_little_is_read_of_it(name: str) -> None:
    held = Held(HOSTILE[name])
    assert macros(look_at(held, NoSniffer())) is Macros.UNDETERMINED
    assert held.asked < 6_000_000


def test_a_directory_in_a_circle_is_read_once_around() -> None:
    held = Held(circle())
    assert macros(look_at(held, NoSniffer())) is Macros.NONE
    assert held.asked < 100_000


def test_a_large_workbook_is_read_only_at_its_beginning() -> None:
    held = Held(ole({"Workbook": workbook(0, 1) + bytes(6_000_000)}))
    assert macros(look_at(held, NoSniffer())) is Macros.EXCEL4
    assert held.asked < 1_500_000


BASES = [docm(), docx(), odf("text"), ole({"Workbook": workbook(1), "Macros": {"VBA": {"dir": b"x"}}})]


@settings(max_examples=60, deadline=None)
@given(
    base=st.sampled_from(BASES),
    edits=st.lists(st.tuples(st.integers(0, 2**16), st.binary(min_size=1, max_size=8)), max_size=6),
    cut=st.integers(0, 2**16),
)
def test_damaged_files_never_end_in_an_error(base: bytes, edits: list[tuple[int, bytes]], cut: int) -> None:
    content = bytearray(base)
    for at, data in edits:
        at %= len(content)
        content[at : at + len(data)] = data
    assert found(bytes(content[: len(content) - cut % (len(content) // 2)])) in Macros


@settings(max_examples=60, deadline=None)
@given(at=st.integers(24, 511), value=st.integers(0, 2**32 - 1))
def test_any_number_in_an_ole_header_is_survived(at: int, value: int) -> None:
    content = bytearray(BASES[-1])
    struct.pack_into("<I", content, min(at, 508), value)
    held = Held(bytes(content))
    assert macros(look_at(held, NoSniffer())) in Macros
    assert held.asked < 6_000_000
