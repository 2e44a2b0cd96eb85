"""What runs when it is opened is found by bytes, by name, and by names inside an archive."""

import pytest
from office_files import MSI, WORD, Held, docm, docx, ole, ooxml, zipped

from gateway.inspection.executables import Runs, runs
from gateway.inspection.kinds import look_at
from gateway.inspection.sniffing import NoSniffer, sniffer

PE = b"MZ\x90\0" + bytes(60) + b"PE\0\0" + bytes(200)
LINK = bytes.fromhex("4c0000000114020000000000c000000000000046") + bytes(60)


def why(name: str, content: bytes) -> Runs | None:
    return runs(name, look_at(Held(content), sniffer()))


BY_BYTES = [
    (PE, Runs.WINDOWS),
    (b"MZ" + bytes(80), Runs.WINDOWS),
    (b"\x7fELF\x02\x01\x01" + bytes(60), Runs.ELF),
    (b"\xcf\xfa\xed\xfe\x07\0\0\x01" + bytes(60), Runs.MACH_O),
    (b"\xca\xfe\xba\xbe\0\0\0\x34" + bytes(60), Runs.JAVA),
    (b"dex\n035\0" + bytes(60), Runs.JAVA),
    (LINK, Runs.SHORTCUT),
    (b"ITSF\x03\0\0\0" + bytes(60), Runs.HELP),
    (b"#!/bin/sh\nrm -rf /\n", Runs.SCRIPT),
    (b"\xef\xbb\xbf#! /usr/bin/env python3\n", Runs.SCRIPT),
    (ole({"\u4840": b"x"}, MSI), Runs.INSTALLER),
    (zipped({"META-INF/MANIFEST.MF": "a", "A.class": "b"}), Runs.JAVA),
    (zipped({"classes.dex": "a", "AndroidManifest.xml": "b"}), Runs.JAVA),
    (zipped({"[Content_Types].xml": "<Types/>", "META-INF/MANIFEST.MF": "a"}), Runs.JAVA),
]


@pytest.mark.parametrize(("content", "reason"), BY_BYTES)
def test_a_program_called_pdf_is_found_by_its_bytes(content: bytes, reason: Runs) -> None:
    assert why("van ban.pdf", content) is reason


@pytest.mark.parametrize("content", [PE, LINK, b"\x7fELF\x02" + bytes(60)])
def test_programs_are_found_without_libmagic(content: bytes) -> None:
    assert runs("van ban.pdf", look_at(Held(content), NoSniffer())) is not None


@pytest.mark.parametrize(
    "name",
    ["a.bat", "a.CMD", "a.ps1", "a.vbs", "a.js", "a.hta", "a.pdf.exe", "a.exe ", "a.exe.", "a.e\u202exe", "x\\a.scr"],
)
def test_a_script_is_found_by_its_name(name: str) -> None:
    assert why(name, b"echo 1") is Runs.NAME


def test_an_archive_with_a_program_inside_is_found() -> None:
    assert why("nen.zip", zipped({"van ban.docx": "a", "thu muc/cai dat.EXE": "b"})) is Runs.ARCHIVED


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("van ban.pdf", b"%PDF-1.7\n"),
        ("van ban.docx", docx()),
        ("bieu.docm", docm()),
        ("van ban.docx", ooxml(WORD, word__media__a_js=b"x")),
        ("ghi chu.txt", b"MZ la hai chu dau cua mot van ban thuan tuy, dai hon sau muoi bon ky tu."),
        ("ghi chu.txt", b"# mot dong ghi chu"),
        ("nen.zip", zipped({"a.docx": "a", "b.pdf": "b"})),
        ("khong duoi", b"abc"),
    ],
)
def test_what_does_not_run_is_left_alone(name: str, content: bytes) -> None:
    assert why(name, content) is None
