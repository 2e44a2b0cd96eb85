"""Base64 cut anywhere decodes as the standard library decodes it whole."""

import base64
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.edxml.base64stream import Base64Decoder, BrokenBase64

BLANKS = st.sampled_from(["", "", "", " ", "\n", "\r\n", "\t"])


def decoded(pieces: list[str]) -> bytes:
    out: list[bytes] = []
    decoder = Base64Decoder(out.append)
    for piece in pieces:
        decoder.feed(piece)
    decoder.close()
    return b"".join(out)


@settings(deadline=None)
@given(data=st.binary(max_size=2000), cuts=st.lists(st.integers(0, 2700), max_size=20), draw=st.data())
def test_any_cut_and_any_blanks_give_the_same_bytes(data: bytes, cuts: list[int], draw: st.DataObject) -> None:
    text = base64.b64encode(data).decode()
    pieces = []
    at = 0
    for cut in [*sorted(cuts), len(text)]:
        pieces += [text[at:cut], draw.draw(BLANKS)]
        at = max(at, cut)
    assert decoded(pieces) == data


@settings(deadline=None, max_examples=20)
@given(size=st.integers(2**18 - 8, 2**19 + 8), step=st.integers(50_000, 300_000), wrap=st.sampled_from([0, 64, 76, 77]))
def test_large_texts_decode_across_pieces(size: int, step: int, wrap: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    text = base64.b64encode(data).decode()
    if wrap:
        text = "\r\n".join(text[at : at + wrap] for at in range(0, len(text), wrap))
    assert decoded([text[at : at + step] for at in range(0, len(text), step)]) == data


def test_nothing_is_nothing() -> None:
    assert decoded([" \n", ""]) == b""


@pytest.mark.parametrize(
    "text", ["A", "AA", "AAA", "AAA*", "====", "AA==AA==", "AA= A", "A===", "QUJD-_", "AAAÀ", "AA==\nA"]
)
@pytest.mark.parametrize("padding", [0, 2**18])
def test_what_is_no_base64_is_refused(text: str, padding: int) -> None:
    with pytest.raises(BrokenBase64):
        decoded(["AAAA" * (padding // 4), text])


def test_text_after_padding_in_a_later_piece_is_refused() -> None:
    with pytest.raises(BrokenBase64):
        decoded(["A" * (2**18 - 4) + "AA==", "AAAA"])


_WHOLE_GROUPS = re.compile(r"([A-C+/]{4})*([A-C+/]{2}==|[A-C+/]{3}=)?")


@settings(deadline=None)
@given(st.text(alphabet="ABC+/= \n*é", max_size=40), st.integers(1, 7))
def test_it_agrees_with_the_standard_library(text: str, step: int) -> None:
    bare = "".join(text.split())
    # the standard library, depending on its version, takes surplus padding
    wanted = base64.b64decode(bare, validate=True) if _WHOLE_GROUPS.fullmatch(bare) else None
    try:
        got: bytes | None = decoded([text[at : at + step] for at in range(0, len(text), step)])
    except BrokenBase64:
        got = None
    assert got == wanted
