"""Lines appended to a file that somebody else keeps."""

import os
from pathlib import Path

from gateway.store.faults import disk_faults


def append_line(path: Path, line: str) -> None:
    """Append a line; it is safely on disk when this returns. Raises Problem. Blocks.

    A line that a power cut left half-written is ended first, so that the next one stands by itself.
    """
    with disk_faults(), path.open("a+b", buffering=0) as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                line = f"\n{line}"
        data = f"{line}\n".encode()
        while data:
            data = data[file.write(data) or 0 :]
        os.fsync(file.fileno())
