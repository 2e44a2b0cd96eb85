"""libmagic on the first bytes of a file. Where no libmagic is to be had, nothing is determined, and that is said."""

import ctypes
import importlib.util
from functools import cache
from pathlib import Path
from typing import Protocol


class Sniffer(Protocol):
    """Says what bytes are."""

    def mime_of(self, head: bytes) -> str | None:
        """Media type by the first bytes of a file, in lower case; None when it cannot be determined."""


class Cookie(Protocol):
    """python-magic's object."""

    def from_buffer(self, buf: bytes) -> str:
        """The media type of these bytes."""


class NoSniffer:
    """The sniffer where there is no libmagic."""

    def mime_of(self, head: bytes) -> str | None:  # noqa: ARG002 - the protocol's signature
        """Nothing is determined."""
        return None


@cache
def sniffer() -> Sniffer:
    """The process's sniffer: the libmagic that pylibmagic carries, else the system's, else none.

    Loaded when first asked for: python-magic looks for its library in the whole system, and only who sniffs should pay.
    """
    rules = _carried()
    try:
        import magic
    except ImportError:
        return NoSniffer()
    try:
        return LibMagic(magic.Magic(mime=True, magic_file=str(rules) if rules else None), magic.MagicException)
    except magic.MagicException:
        return NoSniffer()


class LibMagic:
    """libmagic; python-magic holds a lock around it, one call at a time, as its cookie demands."""

    def __init__(self, cookie: Cookie, failure: type[Exception]) -> None:
        self._cookie = cookie
        self._failure = failure

    def mime_of(self, head: bytes) -> str | None:
        """Media type by the first bytes; None when libmagic gives up."""
        try:
            return self._cookie.from_buffer(head).strip().lower() or None
        except self._failure:
            return None


def _carried() -> Path | None:
    """Load pylibmagic's library, so that python-magic finds it under its own name; the rules that belong to it.

    Not by importing pylibmagic: that rewrites LD_LIBRARY_PATH for every child process and patches ctypes.
    """
    found = importlib.util.find_spec("pylibmagic")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0])
    try:
        ctypes.CDLL(str(folder / "libmagic.so.1"))
    except OSError:
        return None
    rules = folder / "magic.mgc"
    return rules if rules.is_file() else None
