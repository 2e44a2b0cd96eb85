"""Urgency becomes a lane: hỏa tốc > thượng khẩn > khẩn > thường (QĐ 28/2018 Đ6.2, G-15)."""

from gateway.jobs import Lane

_LANES = {1: Lane.THIRD, 2: Lane.SECOND, 3: Lane.FIRST, 4: Lane.FIRST}

STATUS_LANE = Lane.THIRD
"""Statuses are small and owed the same day; they go before ordinary documents and after urgent ones."""


def lane_of(priority: int) -> Lane:
    """The lane of a wire Priority; an unknown number is ordinary."""
    return _LANES.get(priority, Lane.NORMAL)
