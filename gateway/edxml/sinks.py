"""Where the engine puts and takes bytes: it is given these, and opens nothing itself."""

from typing import BinaryIO, Protocol


class Sink(Protocol):
    """One growing file. `store.BlobWriter` is one; it counts and hashes what is written."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    @property
    def sha256(self) -> str:
        """Lower-case hex SHA-256 of what was written so far."""

    def write(self, data: bytes, /) -> int:
        """Append bytes."""

    def reopen(self) -> BinaryIO:
        """A readable, seekable view of what was written so far; the caller closes it."""

    def discard(self) -> None:
        """Forget it; nothing stays behind. May be called again."""


class Sinks(Protocol):
    """Makes sinks."""

    def create(self) -> Sink:
        """A new, empty sink."""


class Source(Protocol):
    """A file that can be read from its beginning, more than once."""

    @property
    def size(self) -> int:
        """Bytes."""

    def open(self) -> BinaryIO:
        """From the beginning; the caller closes it."""
