"""Base64 text, arriving in pieces cut anywhere, to bytes: white space is ignored, anything else refused."""

import binascii
from collections.abc import Callable

import pybase64


class BrokenBase64(ValueError):
    """The text is not base64: a foreign character, padding in the wrong place, or an incomplete last group."""


class Base64Decoder:
    """Decodes what is fed and hands the bytes on, some 48 kB at a time. Close it to get the rest.

    `write` takes the decoded bytes. An incomplete last group is refused although some decoders guess it: text that was
    cut off looks the same.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._pieces: list[str] = []
        self._held = 0
        self._carried = ""
        self._padded = False

    def feed(self, text: str) -> None:
        """Take the next piece of text; raises BrokenBase64."""
        self._pieces.append(text)
        self._held += len(text)
        if self._held >= _PIECE:
            self._decode()

    def close(self) -> None:
        """Decode what is held; raises BrokenBase64 when the text ends inside a group."""
        self._decode()
        if self._carried:
            raise BrokenBase64("the last group is incomplete")

    def _decode(self) -> None:
        text = self._carried + "".join(self._pieces)
        self._pieces.clear()
        self._held = 0
        if "\n" in text[:_LONG_LINE]:
            text = text.replace("\n", "")
        if self._decode_dense(text):
            return
        whole, self._carried = _split(text)
        if not whole:
            return
        if self._padded:
            raise BrokenBase64("text after the padding")
        try:
            decoded = pybase64.b64decode(whole, validate=True, ignorechars=_IGNORED)
        except (binascii.Error, ValueError) as error:
            raise BrokenBase64(str(error)) from None
        self._padded = whole.rstrip(_BLANKS).endswith("=")
        self._write(decoded)

    def _decode_dense(self, text: str) -> bool:
        """Text without white space needs no counting, which takes as long as the decoding. False when there is some."""
        whole = len(text) - len(text) % 4
        if self._padded or not whole or any(blank in text[whole:] for blank in _BLANKS):
            return False
        try:
            decoded = pybase64.b64decode(text[:whole], validate=True)
        except (binascii.Error, ValueError):
            return False
        self._carried = text[whole:]
        self._padded = text[whole - 1 : whole] == "="
        self._write(decoded)
        return True


_PIECE = 2**16
"""Characters decoded at once."""

_LONG_LINE = 128
"""Characters within which wrapped base64 has an end of line."""

_BLANKS = " \t\r\n"
_IGNORED = _BLANKS.encode()


def _split(text: str) -> tuple[str, str]:
    """Whole groups of four, and the one to three characters that follow them; white space counts for nothing."""
    surplus = (len(text) - sum(map(text.count, _BLANKS))) % 4
    carried = ""
    for _ in range(surplus):
        text = text.rstrip(_BLANKS)
        carried = text[-1] + carried
        text = text[:-1]
    return ("", carried) if text.isspace() else (text, carried)
