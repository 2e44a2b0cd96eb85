"""Sinks for tests: temporary files that count and hash, and remember which are still there."""

import hashlib
import tempfile
from typing import BinaryIO


class TemporarySink:
    """One sink in a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 # lives as long as the sink
        self._hash = hashlib.sha256()
        self.size = 0
        self.discarded = False

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, data: bytes, /) -> int:
        assert not self.discarded, "written after it was discarded"
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)
        return len(data)

    def reopen(self) -> BinaryIO:
        assert not self.discarded, "opened after it was discarded"
        self._file.flush()
        return open(f"/proc/self/fd/{self._file.fileno()}", "rb")  # the caller closes it

    def discard(self) -> None:
        self.discarded = True
        self._file.close()

    def __del__(self) -> None:
        self._file.close()

    def content(self) -> bytes:
        """All that was written."""
        with self.reopen() as stream:
            return stream.read()


class TemporarySinks:
    """Makes them. `live` are those not discarded."""

    def __init__(self) -> None:
        self.made: list[TemporarySink] = []

    def create(self) -> TemporarySink:
        sink = TemporarySink()
        self.made.append(sink)
        return sink

    @property
    def live(self) -> list[TemporarySink]:
        return [sink for sink in self.made if not sink.discarded]

    def close(self) -> None:
        for sink in self.live:
            sink.discard()
