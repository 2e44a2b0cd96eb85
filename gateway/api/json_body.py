"""POST /v1/documents as application/json: files lie in it as base64, and are on disk before the JSON is read.

No JSON library gives a string of 20 MB in pieces, so this walks over the text
itself: all but the files' content is kept for the real parser, which judges the grammar.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import pybase64

from gateway.api import problem
from gateway.api.multipart import document_too_large
from gateway.api.receiving import Files
from gateway.api.schemas import DocumentIn, too_many_files
from gateway.problems import Kind, Problem, Text

_STRUCTURE = re.compile(rb'["{}\[\],:]')
_STRING_END = re.compile(rb'["\\]')
_ESCAPE = re.compile(rb"\\(?:/|u[0-9a-fA-F]{4})")
_ESCAPED = {rb"\/": b"/", rb"\u002b": b"+", rb"\u002f": b"/", rb"\u003d": b"="}
_LONGEST_ESCAPE = 6
_QUANTUM = 4
_DEEPEST = 32


class _Mode(Enum):
    STRUCTURE = auto()
    STRING = auto()
    ESCAPED = auto()
    CONTENT = auto()


@dataclass(slots=True)
class _Level:
    is_object: bool
    key: bytes = b""
    at_key: bool = False


class JsonBody:
    """Takes a JSON body piece by piece; `read` makes a document of it without its files, and raises Problem."""

    def __init__(
        self, files: Files, *, document_bytes: int, most_files: int, read: Callable[[bytes], DocumentIn]
    ) -> None:
        self._files = files
        self._document_bytes = document_bytes
        self._most_files = most_files
        self._read = read
        self._kept = bytearray()
        self._levels: list[_Level] = []
        self._mode = _Mode.STRUCTURE
        self._string_start = 0
        self._base64 = b""

    def feed(self, data: bytes) -> None:
        """The next piece. Raises Problem."""
        position = 0
        while position < len(data):
            match self._mode:
                case _Mode.STRUCTURE:
                    position = self._structure(data, position)
                case _Mode.STRING:
                    position = self._string(data, position)
                case _Mode.ESCAPED:
                    self._keep(data[position : position + 1])
                    self._mode = _Mode.STRING
                    position += 1
                case _Mode.CONTENT:
                    position = self._content(data, position)

    def finish(self) -> DocumentIn:
        """The document, when all has come. Raises Problem."""
        if self._mode is not _Mode.STRUCTURE or self._levels:
            raise problem.malformed_json()
        document = self._read(bytes(self._kept))
        for position, attachment in enumerate(document.attachments):
            if attachment.content is None:
                raise _no_content(position)
            if attachment.content != str(position):
                raise problem.malformed_json(f"/attachments/{position}/content")
        if len(document.attachments) != len(self._files.writers):
            raise problem.malformed_json("/attachments")
        return document

    def _structure(self, data: bytes, position: int) -> int:
        found = _STRUCTURE.search(data, position)
        if found is None:
            self._keep(data[position:])
            return len(data)
        self._keep(data[position : found.end()])
        self._step(found[0])
        return found.end()

    def _step(self, character: bytes) -> None:
        top = self._levels[-1] if self._levels else None
        if character == b'"':
            self._begin_string(top)
        elif character in b"{[":
            if len(self._levels) >= _DEEPEST:
                raise problem.malformed_json()
            self._levels.append(_Level(is_object=character == b"{", at_key=character == b"{"))
        elif top is None:
            raise problem.malformed_json()
        elif character in b"}]":
            self._levels.pop()
        else:
            top.at_key = top.is_object and character == b","

    def _begin_string(self, top: _Level | None) -> None:
        if top is not None and not top.at_key and self._at_content():
            self._begin_content()
            return
        self._string_start = len(self._kept) - 1
        self._mode = _Mode.STRING

    def _string(self, data: bytes, position: int) -> int:
        found = _STRING_END.search(data, position)
        if found is None:
            self._keep(data[position:])
            return len(data)
        self._keep(data[position : found.end()])
        if found[0] == b"\\":
            self._mode = _Mode.ESCAPED
            return found.end()
        self._mode = _Mode.STRUCTURE
        if self._levels and self._levels[-1].at_key:
            self._levels[-1].key = _plain(bytes(self._kept[self._string_start :]))
        return found.end()

    def _at_content(self) -> bool:
        if len(self._levels) != 3:
            return False
        whole, files, file = self._levels
        return whole.key == b'"attachments"' and not files.is_object and file.key == b'"content"'

    def _begin_content(self) -> None:
        position = len(self._files.writers)
        if position >= self._most_files:
            raise too_many_files(self._most_files)
        self._files.begin()
        self._keep(str(position).encode() + b'"')
        self._base64 = b""
        self._mode = _Mode.CONTENT

    def _content(self, data: bytes, position: int) -> int:
        end = data.find(b'"', position)
        if end < 0:
            self._decode(data[position:], last=False)
            return len(data)
        self._decode(data[position:end], last=True)
        self._mode = _Mode.STRUCTURE
        return end + 1

    def _decode(self, piece: bytes, *, last: bool) -> None:
        text = self._base64 + piece
        whole = len(text) if last else _before_open_escape(text)
        plain = _ESCAPE.sub(self._unescaped, text[:whole]) if b"\\" in text[:whole] else text[:whole]
        # The last quantum is held back until the end is known: only there may padding stand.
        usable = len(plain) if last else max(0, (len(plain) - 1) // _QUANTUM * _QUANTUM)
        self._base64 = plain[usable:] + text[whole:]
        block = plain[:usable]
        if not last and b"=" in block:
            raise self._not_base64()
        try:
            decoded = pybase64.b64decode(block, validate=True)
        except ValueError:
            raise self._not_base64() from None
        if decoded:
            self._files.write(decoded)

    def _unescaped(self, found: re.Match[bytes]) -> bytes:
        character = _ESCAPED.get(found[0].lower())
        if character is None:
            raise self._not_base64()
        return character

    def _not_base64(self) -> Problem:
        return Problem(
            "attachments.not_base64",
            Kind.INVALID,
            Text(
                "Nội dung tệp không phải base64 chuẩn trên một dòng.",
                "The file's content is not base64 on a single line.",
            ),
            Text(
                "Mã hóa base64 theo RFC 4648 mục 4, không xuống dòng, đủ ký tự đệm.",
                "Encode it as RFC 4648 section 4 says: no line breaks, with padding.",
            ),
            field=f"/attachments/{len(self._files.writers) - 1}/content",
        )

    def _keep(self, data: bytes) -> None:
        if len(self._kept) + len(data) > self._document_bytes:
            raise document_too_large(self._document_bytes)
        self._kept += data


def _before_open_escape(text: bytes) -> int:
    """Where an escape begins that the end of the piece cuts; the piece's length when none is cut."""
    start = text.rfind(b"\\", max(0, len(text) - _LONGEST_ESCAPE + 1))
    if start < 0 or _ESCAPE.match(text, start):
        return len(text)
    return start


def _plain(key: bytes) -> bytes:
    """A quoted key with its escapes undone, so that no spelling of it goes another way."""
    if b"\\" not in key:
        return key
    return re.sub(rb"\\u00([0-7][0-9a-fA-F])", lambda found: bytes([int(found[1], 16)]), key)


def _no_content(position: int) -> Problem:
    return Problem(
        "attachments.content_missing",
        Kind.INVALID,
        Text("Tệp đính kèm chưa có nội dung.", "The file has no content."),
        Text(
            "Đặt nội dung base64 trong trường content, hoặc gửi dạng multipart.",
            "Put its base64 into content, or send multipart.",
        ),
        field=f"/attachments/{position}/content",
    )
