"""Short stable words for why something did not work, as they are stored, logged and shown."""

import re

from gateway.axis.port import AxisError, AxisRefused, AxisUnavailable

UNREADABLE = "unreadable"
"""Why an arrival was set apart of which two equal copies could not be read."""

SIGNATURE = "signature"
"""Why an arrival was set apart whose signature is not as agreed with its sender."""

UNSIGNABLE = "unsignable"
"""Why a dispatch was given up: its packet would not arrive as it is signed."""

_NO_WORD = re.compile(r"[^a-z0-9_.:-]+")


def reason_of(error: AxisError) -> str:
    """The short stable word of an axis error."""
    match error:
        case AxisRefused():
            return word_of(f"axis_{error.code}")
        case AxisUnavailable():
            return word_of(error.reason)
        case _:
            return "axis_error"


def word_of(text: str) -> str:
    """A reason as the directory keeps it: `[a-z0-9_.:-]`, at most 80 characters. Codes come from outside."""
    return _NO_WORD.sub("_", text.lower())[:80] or "unknown"
