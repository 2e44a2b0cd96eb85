"""Marks of state secrecy. Such a document is refused before its files are read (QĐ 28/2018 Đ1.2; rule 13).

Only fields that exist to carry a mark are looked at: the word "mật" inside a subject says nothing about secrecy.
"""

import re
import unicodedata

from gateway.edxml.model import DocumentPacket, MessageHeader
from gateway.problems import Kind, Problem, Text

_NOT_SECRET = frozenset({"", "0", "khong", "khong mat", "thuong", "none", "no", "binh thuong"})
_MARK = re.compile(
    r"(^|[^a-z])(tuyet mat|toi mat|do mat|top secret)([^a-z]|$)|^\W*(mat|secret)\W*$|[(\[]\s*mat\s*[)\]]"
)


def marked_value(value: str | None) -> bool:
    """Whether the text of a field that may carry a mark carries one."""
    return value is not None and _MARK.search(_folded(value)) is not None


def declared_secret(value: str | None) -> bool:
    """Whether the `secrecy` field declares any degree: every word but the few that say "none" does."""
    return value is not None and _folded(value) not in _NOT_SECRET


def marked_fields(header: MessageHeader) -> list[str]:
    """JSON pointers of the explicit fields that carry a mark."""
    explicit = {
        "/message_header/other_info/sphere_of_promulgation": header.other_info.sphere_of_promulgation,
        "/message_header/other_info/typer_notation": header.other_info.typer_notation,
        "/message_header/document_type/type_name": header.document_type.type_name,
        "/message_header/code/code_notation": header.code.code_notation,
    }
    return [pointer for pointer, value in explicit.items() if marked_value(value)]


def refusal(packet: DocumentPacket, secrecy: str | None) -> Problem | None:
    """The problem to raise for a document marked secret, naming the field and nothing of its content."""
    if declared_secret(secrecy):
        return secret_problem("/secrecy")
    fields = marked_fields(packet.message_header)
    return secret_problem(fields[0]) if fields else None


def secret_problem(field: str) -> Problem:
    """A document marked secret may not be sent through the axis."""
    return Problem(
        "document.secret",
        Kind.INVALID,
        Text(
            "Văn bản mang dấu chỉ độ mật; trục liên thông không dùng cho bí mật nhà nước.",
            "The document is marked secret; the axis is not for state secrets.",
        ),
        Text(
            "Gửi theo quy định bảo vệ bí mật nhà nước. Nếu đánh dấu nhầm, sửa trường được nêu rồi gửi lại.",
            "Send it as the law on state secrets says. If the mark is a mistake, correct the field and send again.",
        ),
        field=field,
    )


def _folded(value: str) -> str:
    plain = unicodedata.normalize("NFD", value.strip().lower()).replace("đ", "d")
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())
