"""Who goes first."""

from enum import IntEnum


class Lane(IntEnum):
    """Who goes first. A lower lane is always served before a higher one, as far as there is room for it."""

    FIRST = 0
    SECOND = 1
    THIRD = 2
    NORMAL = 3
    BACKGROUND = 4
    """Keeping house."""
    LAST = 5
    """What was done before and is asked for again, often very much of it at once."""
