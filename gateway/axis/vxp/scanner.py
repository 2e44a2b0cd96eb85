"""Reads an answer of the axis as it comes, piece by piece: one JSON object whose member `data` may be of any size.

`data` is either base64 (getEdoc) or an array of rows (the lists); both are handed on as they are recognised, never held
whole. All other members are small and are kept. A general streaming parser takes time that grows with the square of a
long string (ijson: 15 s for 80 MB), so this one knows just this shape.
"""

import codecs
import json
import re
from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

import pybase64

MAX_TOKEN = 64 * 1024
"""Characters of one key, one value beside `data`, or one row of an array."""
MAX_MEMBERS = 64
"""Members of the outer object; the protocol has four."""


class ScanError(ValueError):
    """The answer is not what the protocol says.

    `reason` is `empty`, `not_json`, `cut`, `too_large`, `bad_base64` or `bad_row`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class DataReader(Protocol):
    """Takes the member `data` when it begins with `opening`; any other value of it is kept like a small member."""

    opening: str

    def take(self, text: str, position: int, final: bool) -> tuple[int, bool]:
        """Read on from `position`, just behind the opening. Gives where it stopped, and whether `data` has ended.

        When it has not ended, what lies behind the stop is given again, with more text.
        """


class _State(Enum):
    START = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    VALUE = auto()
    DATA = auto()
    AFTER_VALUE = auto()
    END = auto()


class AnswerScanner:
    """Give it the answer's bytes with `feed`, then ask `finish` for the members beside `data`."""

    def __init__(self, data: DataReader | None = None, *, max_bytes: int) -> None:
        self._data = data
        self._left = max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._text = ""
        self._state = _State.START
        self._begun = False
        self._key = ""
        self._members: dict[str, object] = {}
        self._seen: set[str] = set()
        self._tokens = Tokens()

    def feed(self, piece: bytes) -> None:
        """Take the next bytes; raises ScanError as soon as they cannot be a valid answer."""
        self._left -= len(piece)
        if self._left < 0:
            raise ScanError("too_large")
        self._advance(piece, final=False)

    def finish(self) -> dict[str, object]:
        """The members, with `data` when no reader took it; raises ScanError when the answer stops early."""
        self._advance(b"", final=True)
        if self._state is _State.START:
            raise ScanError("empty")
        if self._state is not _State.END:
            raise ScanError("cut")
        return self._members

    def _advance(self, piece: bytes, *, final: bool) -> None:
        try:
            text = self._text + self._decoder.decode(piece, final)
        except UnicodeDecodeError:
            raise ScanError("cut" if final else "not_json", "not UTF-8") from None
        if not self._begun and text:
            self._begun = True
            text = text.removeprefix("\ufeff")
        position = 0
        while True:
            after = self._step(text, position, final)
            if after is None:
                break
            position = after
        self._text = text[position:]

    def _step(self, text: str, position: int, final: bool) -> int | None:
        """One token further: where it ended, or None when more text is needed first."""
        if self._state is _State.DATA:
            return self._step_data(text, position, final)
        position = skip_space(text, position)
        if position == len(text):
            return None
        letter = text[position]
        match self._state:
            case _State.START:
                return self._expect(letter == "{", _State.FIRST_KEY, position)
            case _State.FIRST_KEY if letter == "}":
                self._state = _State.END
                return position + 1
            case _State.FIRST_KEY | _State.KEY:
                return self._step_key(text, position, final)
            case _State.COLON:
                return self._expect(letter == ":", _State.VALUE, position)
            case _State.VALUE:
                return self._step_value(text, position, final)
            case _State.AFTER_VALUE if letter == "}":
                self._state = _State.END
                return position + 1
            case _State.AFTER_VALUE:
                return self._expect(letter == ",", _State.KEY, position)
        raise ScanError("not_json", "text after the object")

    def _expect(self, right: bool, then: _State, position: int) -> int:
        if not right:
            raise ScanError("not_json", "not a JSON object" if self._state is _State.START else "")
        self._state = then
        return position + 1

    def _step_key(self, text: str, position: int, final: bool) -> int | None:
        if text[position] != '"':
            raise ScanError("not_json")
        token = self._tokens.next(text, position, final)
        if token is None:
            return None
        key, position = token
        self._key = str(key)
        # A name given twice would let one half of an answer contradict the other unseen.
        if self._key in self._seen or len(self._seen) >= MAX_MEMBERS:
            raise ScanError("not_json", "a member comes twice, or too many members")
        self._seen.add(self._key)
        self._state = _State.COLON
        return position

    def _step_value(self, text: str, position: int, final: bool) -> int | None:
        if self._key == "data" and self._data is not None and text[position] == self._data.opening:
            self._state = _State.DATA
            return position + 1
        token = self._tokens.next(text, position, final)
        if token is None:
            return None
        self._members[self._key], position = token
        self._state = _State.AFTER_VALUE
        return position

    def _step_data(self, text: str, position: int, final: bool) -> int | None:
        assert self._data is not None
        after, ended = self._data.take(text, position, final)
        if ended:
            self._state = _State.AFTER_VALUE
            return after
        return after if after > position else None


class Tokens:
    """Finds small JSON values in a growing text. An unfinished one is tried again only when twice as much is there."""

    def __init__(self) -> None:
        self._wait = 0

    def next(self, text: str, position: int, final: bool) -> tuple[object, int] | None:
        """The value at `position` and where it ends, or None when the text does not hold all of it yet."""
        there = len(text) - position
        if there < self._wait and not final:
            return None
        try:
            value, end = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError:
            value, end = None, None
        except (ValueError, RecursionError):
            raise ScanError("not_json", "a value that cannot be read") from None
        # A number that reaches the end of the text may go on in the next piece; `-1.` is read as `-1` and a rest.
        if end is None or (text[end - 1] not in '"}]' and _NUMBER_REST.fullmatch(text, end)):
            if final:
                raise ScanError("cut")
            if there > MAX_TOKEN:
                raise ScanError("not_json", "a value that does not end, or is too long")
            self._wait = 2 * there
            return None
        if end - position > MAX_TOKEN:
            raise ScanError("too_large", "one value is too long")
        self._wait = 0
        return value, end


def _refuse_constant(_text: str) -> object:
    raise ValueError("NaN and Infinity are not JSON")


_NUMBER_REST = re.compile(r"[0-9.eE+-]*")
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


class RowsReader:
    """`data` as an array of objects. `rows` fills while the scanner is fed; the caller empties it with `drain`."""

    opening = "["

    def __init__(self, max_rows: int) -> None:
        self._rows: list[dict[str, object]] = []
        self._left = max_rows
        self._tokens = Tokens()
        self._row_next = True
        self._first = True

    def drain(self) -> list[dict[str, object]]:
        """The rows that have come since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def take(self, text: str, position: int, final: bool) -> tuple[int, bool]:
        """See DataReader."""
        while True:
            position = skip_space(text, position)
            if position == len(text):
                return position, False
            letter = text[position]
            if letter == "]" and (self._first or not self._row_next):
                return position + 1, True
            if not self._row_next:
                if letter != ",":
                    raise ScanError("not_json")
                position += 1
                self._row_next = True
                continue
            if letter != "{":
                raise ScanError("bad_row", "a row is not an object")
            token = self._tokens.next(text, position, final)
            if token is None:
                return position, False
            row, position = token
            assert isinstance(row, dict)
            self._left -= 1
            if self._left < 0:
                raise ScanError("too_large", "too many rows")
            self._rows.append(row)
            self._row_next = self._first = False


class Base64Reader:
    """`data` as a base64 string, decoded and written piece by piece; `written` counts the decoded bytes.

    Every way of writing the same string in JSON is taken (`\\/`, `\\u002b`, line breaks as escapes). Padding is needed.
    """

    opening = '"'

    def __init__(self, write: Callable[[bytes], object], *, max_bytes: int) -> None:
        self._write = write
        self._max = max_bytes
        self._carry = ""
        self._padded = False
        self.written = 0

    def take(self, text: str, position: int, final: bool) -> tuple[int, bool]:  # noqa: ARG002 - the protocol's signature
        """See DataReader."""
        # The first quote ends the string: an escaped one is not base64, and fails as the backslash before it.
        end = text.find('"', position)
        ended = end >= 0
        if not ended:
            end = len(text)
            escape = text.rfind("\\", max(position, end - _LONGEST_ESCAPE + 1), end)
            if escape >= 0:
                end = escape
        self._decode(_unescape(text[position:end]))
        if not ended:
            return end, False
        if self._carry:
            raise ScanError("bad_base64", "the last group is not whole")
        return end + 1, True

    def _decode(self, letters: str) -> None:
        letters = self._carry + letters
        whole = len(letters) - len(letters) % 4
        self._carry = letters[whole:]
        if not letters:
            return
        if self._padded:
            raise ScanError("bad_base64", "text after the padding")
        if not whole:
            return
        try:
            piece = pybase64.b64decode(letters[:whole], validate=True)
        except ValueError:
            raise ScanError("bad_base64") from None
        self._padded = letters[whole - 1] == "="
        self.written += len(piece)
        if self.written > self._max:
            raise ScanError("too_large")
        self._write(piece)


def _unescape(letters: str) -> str:
    """JSON's escapes in a piece of base64 that ends in none half-way; what cannot be one is refused by the decoder."""
    if "\\" not in letters:
        return letters
    if "\\\\" in letters:
        raise ScanError("bad_base64", "a backslash")
    # Whole-piece replacements: a writer that escapes every slash has one in each 64 letters.
    letters = letters.replace("\\/", "/").replace("\\n", "").replace("\\r", "")
    if "\\" not in letters:
        return letters
    return _UNICODE_ESCAPE.sub(_escaped, letters)


def _escaped(match: re.Match[str]) -> str:
    letter = chr(int(match[1], 16))
    return "" if letter in "\r\n" else letter


_UNICODE_ESCAPE = re.compile(r"\\u00([0-9a-fA-F]{2})")
_LONGEST_ESCAPE = len("\\u0000")


def skip_space(text: str, position: int) -> int:
    """Behind JSON's white space."""
    match = _SPACE.match(text, position)
    assert match is not None
    return match.end()


_SPACE = re.compile(r"[ \t\n\r]*")
