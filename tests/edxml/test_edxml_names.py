"""Safe file names: nothing leaves the folder, nothing hides its extension, Vietnamese stays Vietnamese."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.edxml.names import LONGEST, safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Quyết định số 12.pdf", "Quyết định số 12.pdf"),
        (unicodedata.normalize("NFD", "Quyết định.pdf"), "Quyết định.pdf"),
        ("../../x", "x"),
        ("..\\..\\x.doc", "x.doc"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\a\\b.pdf", "b.pdf"),
        ("C:b.pdf", "C_b.pdf"),
        ("thu-muc/", "thu-muc"),
        ("", "tep-dinh-kem"),
        ("..", "tep-dinh-kem"),
        (".", "tep-dinh-kem"),
        ("///", "tep-dinh-kem"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("hoa-don\u202efdp.exe", "hoa-donfdp.exe"),
        ("a\u200bb.pdf", "ab.pdf"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("LPT1 .pdf", "_LPT1 .pdf"),
        ("console.txt", "console.txt"),
        ("a?b*c|d.pdf", "a_b_c_d.pdf"),
        ("a.pdf. . ", "a.pdf"),
        (" a.pdf", "a.pdf"),
        (".htaccess", ".htaccess"),
        ("a\u00a0b.pdf", "a b.pdf"),
        ("\ud800.pdf", "_.pdf"),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_long_name_keeps_its_extension() -> None:
    safe = safe_name("ệ" * 300 + ".pdf")
    assert safe.endswith("ệ.pdf")
    assert len(safe.encode()) <= LONGEST


def test_a_long_extension_is_shortened_too() -> None:
    assert len(safe_name("a." + "b" * 400).encode()) <= LONGEST


@given(st.text(max_size=400))
@example("." * 300)
@example("a" * 300 + "." + " " * 20)
@example("con" + " " * 300 + ".x")
def test_any_name_becomes_one_safe_name(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= LONGEST
    assert safe not in (".", "..")
    assert not any(character in safe for character in '/\\:*?"<>|\0')
    assert all(unicodedata.category(character)[0] != "C" for character in safe)
    assert unicodedata.is_normalized("NFC", safe)
    assert safe_name(safe) == safe
