"""Time: always aware, stored in UTC, shown in Vietnam time; a wire time without a zone is Vietnam time (QĐ 28/2018 Đ14.4)."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

Clock = Callable[[], datetime]
"""Gives the present as an aware time. Only `opening` and `cli` make one; everything else is handed it."""


def aware(moment: datetime) -> datetime:
    """The same moment in UTC; raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone was given")
    return moment.astimezone(UTC)


def shown(moment: datetime) -> str:
    """The moment as people read it: ISO 8601 in Vietnam time with offset, to the second."""
    return aware(moment).astimezone(VIETNAM).isoformat(timespec="seconds")
