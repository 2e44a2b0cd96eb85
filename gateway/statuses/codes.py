"""Status codes as data: the law's names, the wire's codes, who says them.

QĐ 28/2018 Đ10.2.h lists names without numbers; the codes are the kit's (G-30). Only these are sent; any other code that
arrives is kept and shown, never guessed (G-33).
"""

from dataclasses import dataclass
from enum import StrEnum

from gateway.problems import Text


class Speaker(StrEnum):
    """Who reports a status: the receiver of the document, or its sender."""

    RECEIVER = "receiver"
    SENDER = "sender"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCode:
    """One status. `rank` orders the forward steps; None stands beside them. `needs_reason`: Description is required."""

    code: str
    name: Text
    speaker: Speaker
    rank: int | None
    final: bool = False
    needs_reason: bool = False
    automatic: bool = False


STATUS_CODES: dict[str, StatusCode] = {
    one.code: one
    for one in (
        StatusCode(code="01", name=Text("Đã đến", "Arrived"), speaker=Speaker.RECEIVER, rank=1, automatic=True),
        StatusCode(
            code="02",
            name=Text("Từ chối tiếp nhận", "Refused"),
            speaker=Speaker.RECEIVER,
            rank=None,
            final=True,
            needs_reason=True,
        ),
        StatusCode(code="03", name=Text("Đã tiếp nhận", "Accepted"), speaker=Speaker.RECEIVER, rank=3),
        StatusCode(code="04", name=Text("Phân công", "Assigned"), speaker=Speaker.RECEIVER, rank=4),
        StatusCode(code="05", name=Text("Đang xử lý", "In process"), speaker=Speaker.RECEIVER, rank=5),
        StatusCode(code="06", name=Text("Hoàn thành", "Finished"), speaker=Speaker.RECEIVER, rank=6),
        StatusCode(code="13", name=Text("Lấy lại", "Asked back"), speaker=Speaker.SENDER, rank=None, needs_reason=True),
        StatusCode(
            code="15", name=Text("Đồng ý cập nhật/lấy lại", "Change agreed"), speaker=Speaker.RECEIVER, rank=None
        ),
        StatusCode(
            code="16",
            name=Text("Từ chối cập nhật/lấy lại", "Change refused"),
            speaker=Speaker.RECEIVER,
            rank=None,
            needs_reason=True,
        ),
    )
}


def normal_code(text: str) -> str:
    """The two-digit form: `1` is read as `01`; anything else is kept as it came, trimmed."""
    stripped = text.strip()
    return stripped.zfill(2) if stripped.isascii() and stripped.isdigit() and len(stripped) < 2 else stripped


def name_of(code: str) -> Text:
    """The status's name; an unknown code names itself."""
    known = STATUS_CODES.get(code)
    return known.name if known else Text(f"Mã trạng thái {code} (chưa biết)", f"Status code {code} (unknown)")
