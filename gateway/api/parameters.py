"""Query and path parameters, bounded; cursors."""

import base64
import binascii
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import Path, Query

from gateway.documents.repository import Cursor
from gateway.problems import Kind, Problem, Text
from gateway.times import VIETNAM, aware

PRINTABLE = "^[^\\x00-\\x1f\\x7f]*$"
LARGEST_SEQ = 2**53 - 1
"""What every JSON reader can still tell from its neighbour."""
_LONGEST_CURSOR = 200

DocumentPath = Annotated[str, Path(pattern="^[0-9a-f-]{36}$", description="Our id of the document.")]
DeliveryPath = Annotated[str, Path(pattern="^[0-9a-f-]{36}$", description="Our id of the delivery.")]
CodePath = Annotated[str, Path(min_length=1, max_length=35, pattern="^[A-Za-z0-9._-]+$", examples=["A16.03"])]
Short = Annotated[str | None, Query(max_length=200, pattern=PRINTABLE)]
Limit = Annotated[int, Query(ge=1, le=200, description="At most so many.")]


def cursor_text(cursor: Cursor) -> str:
    """A cursor as it is given to a client."""
    return base64.urlsafe_b64encode(f"{cursor.created_at.isoformat()}|{cursor.id}".encode()).decode().rstrip("=")


def cursor_of(text: str) -> Cursor:
    """The cursor a client gives back. Raises Problem `cursor.unknown`."""
    try:
        padded = text + "=" * (-len(text) % 4)
        moment, _, id = base64.urlsafe_b64decode(padded[:_LONGEST_CURSOR]).decode().partition("|")
        return Cursor(created_at=aware(datetime.fromisoformat(moment)), id=_plain(id))
    except (ValueError, OverflowError, binascii.Error):
        raise Problem(
            "cursor.unknown",
            Kind.INVALID,
            Text("Con trỏ trang không hợp lệ.", "This cursor is not one of ours."),
            Text("Dùng nguyên giá trị next của trang trước.", "Use the value of next of the page before, unchanged."),
            field="cursor",
        ) from None


def day_begins(day: date) -> datetime:
    """Midnight in Vietnam at the beginning of the day."""
    return datetime.combine(day, time.min, VIETNAM)


def day_ends(day: date) -> datetime:
    """Midnight in Vietnam at the end of the day."""
    return day_begins(day) + timedelta(days=1)


def _plain(id: str) -> str:
    if not id or not id.isprintable():
        raise ValueError("no id")
    return id
