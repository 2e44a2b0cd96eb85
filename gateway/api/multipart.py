"""POST /v1/documents as multipart/form-data: the part `document` first, then the `files`, matched by order."""

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, MultipartState, parse_options_header

from gateway.api.receiving import Files, bad_body, cut_body
from gateway.api.schemas import DocumentIn
from gateway.problems import Kind, Problem, Text

_MOST_HEADERS = 16
_LONGEST_HEADER = 8 * 1024
_PLAIN_ENCODINGS = frozenset({b"", b"binary", b"8bit", b"7bit"})


class MultipartBody:
    """Takes a multipart body piece by piece. Names of files in part headers are ignored: the JSON has them.

    `read` makes a document of the first part, and raises Problem before any file is looked at.
    """

    def __init__(
        self, boundary: bytes, files: Files, *, document_bytes: int, read: Callable[[bytes], DocumentIn]
    ) -> None:
        self._files = files
        self._document_bytes = document_bytes
        self._read = read
        self._text = bytearray()
        self._document: DocumentIn | None = None
        self._in_file = False
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._part_begins,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._header_ends,
                    "on_headers_finished": self._headers_end,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ends,
                },
                max_header_count=_MOST_HEADERS,
                max_header_size=_LONGEST_HEADER,
            )
        except FormParserError:
            raise _malformed() from None

    def feed(self, data: bytes) -> None:
        """The next piece. Raises Problem."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise _malformed() from None

    def finish(self) -> DocumentIn:
        """The document, when all has come. Raises Problem where parts are missing."""
        if self._parser.state != MultipartState.END:
            raise cut_body()
        if self._document is None:
            raise _first_part()
        missing = len(self._files.writers)
        if missing < len(self._document.attachments):
            raise Problem(
                "attachments.part_missing",
                Kind.INVALID,
                Text("Có tên tệp trong attachments nhưng không có phần files tương ứng.", "A named file has no part."),
                Text(
                    "Gửi mỗi tệp trong một phần tên files, đúng thứ tự của attachments.",
                    "Send each file in a part named files, in the order of attachments.",
                ),
                field=f"/attachments/{missing}",
            )
        return self._document

    def _part_begins(self) -> None:
        self._headers = {}

    def _header_ends(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _headers_end(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))
        name = options.get(b"name") if kind == b"form-data" else None
        if self._headers.get(b"content-transfer-encoding", b"").strip().lower() not in _PLAIN_ENCODINGS:
            raise bad_body(
                Text("Content-Transfer-Encoding của một phần không được hỗ trợ.", "A part has a transfer encoding.")
            )
        self._in_file = self._document is not None
        if not self._in_file:
            if name != b"document":
                raise _first_part()
            return
        if name != b"files":
            raise _unknown_part()
        assert self._document is not None
        if len(self._files.writers) >= len(self._document.attachments):
            raise _surplus(len(self._document.attachments))
        self._files.begin()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._files.write(data[start:end])
            return
        if len(self._text) + end - start > self._document_bytes:
            raise document_too_large(self._document_bytes)
        self._text += data[start:end]

    def _part_ends(self) -> None:
        if self._in_file:
            return
        self._document = self._read(bytes(self._text))
        for position, attachment in enumerate(self._document.attachments):
            if attachment.content is not None:
                raise _content_twice(position)


def document_too_large(limit: int) -> Problem:
    """The document itself, without its files, is over its limit."""
    return Problem(
        "document.too_large",
        Kind.TOO_LARGE,
        Text(f"Phần document lớn hơn {limit} byte.", f"The document part is larger than {limit} bytes."),
        Text("Chuyển nội dung dài thành tệp đính kèm.", "Move long content into an attached file."),
        field="",
    )


def _malformed() -> Problem:
    return bad_body(Text("Nội dung multipart sai cấu trúc.", "The multipart body is malformed."))


def _first_part() -> Problem:
    return Problem(
        "document.part_missing",
        Kind.INVALID,
        Text(
            "Phần đầu tiên phải tên là document và chứa JSON.", "The first part must be named document and hold JSON."
        ),
        Text("Đặt phần document trước các phần files.", "Put the document part before the parts named files."),
        field="document",
    )


def _unknown_part() -> Problem:
    return Problem(
        "body.part_unknown",
        Kind.INVALID,
        Text("Sau phần document chỉ được có các phần files.", "After document only parts named files may follow."),
        Text("Đổi tên phần thành files hoặc bỏ phần đó.", "Name the part files, or leave it out."),
        field="files",
    )


def _surplus(named: int) -> Problem:
    return Problem(
        "attachments.part_surplus",
        Kind.INVALID,
        Text(
            f"Có nhiều phần files hơn số tệp nêu trong attachments ({named}).",
            f"There are more parts named files than attachments ({named}).",
        ),
        Text("Khai báo từng tệp trong attachments, đúng thứ tự.", "Name every file in attachments, in order."),
        field="/attachments",
    )


def _content_twice(position: int) -> Problem:
    return Problem(
        "attachments.content_unexpected",
        Kind.INVALID,
        Text("Trong multipart, nội dung tệp nằm ở phần files.", "In multipart a file's content is its part."),
        Text("Bỏ trường content, gửi tệp trong phần files.", "Leave out content; send the file in a part named files."),
        field=f"/attachments/{position}/content",
    )
