"""Safe file names: what an attachment may be called on a disk, whatever the sender called it."""

import re
import unicodedata

LONGEST = 255
"""Bytes in UTF-8 that a file name may have: the limit of the usual file systems."""

UNNAMED = "tep-dinh-kem"
"""What a file is called when nothing of its name is left."""


def safe_name(name: str) -> str:
    """The name without path parts, control and direction characters, device names; NFC; at most 255 bytes in UTF-8.

    The extension is kept when a name has to be shortened. Never empty, never `.` or `..`.
    """
    base = re.split(r"[/\\]", _normal(name).rstrip("/\\ "))[-1]
    clean = _trimmed("".join(_replaced(character) for character in base if not _is_invisible(character)))
    if _RESERVED.fullmatch(clean):
        clean = "_" + clean
    return _shortened(clean or UNNAMED)


_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?")
"""Names that open a device on Windows, with any extension."""

_FORBIDDEN = frozenset('<>:"|?*')
"""Characters that Windows refuses in a name; a colon would open another stream of a file."""

_LONGEST_EXTENSION = 20


def _normal(name: str) -> str:
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())


def _is_invisible(character: str) -> bool:
    """Control, format (bidi overrides, zero width), private, surrogate, unassigned, and the line separators."""
    return unicodedata.category(character) in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"}


def _replaced(character: str) -> str:
    if character in _FORBIDDEN:
        return "_"
    return " " if character.isspace() else character


def _trimmed(name: str) -> str:
    """Without blanks and dots at the end (Windows drops them) and without blanks before the name."""
    return unicodedata.normalize("NFC", name.strip().rstrip(". "))


def _shortened(name: str) -> str:
    if len(name.encode()) <= LONGEST:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension.encode()) > _LONGEST_EXTENSION:
        stem, tail = name, ""
    else:
        tail = "." + extension
    kept = stem.encode()[: LONGEST - len(tail.encode())].decode("utf-8", "ignore")
    return _trimmed(kept) + tail
