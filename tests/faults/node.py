"""What runs in a gateway process of these tests: `serve`, and death by SIGKILL at a named point, once."""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import uvloop

from gateway import opening, running, settings
from gateway.store import Blobs, FolderBlobs

MIDDLE_OF_BODY = "body.middle"


@dataclass(frozen=True)
class Fate:
    """Where it dies: at a point that the gateway passes, or at `body.middle`.

    `killed` is a file made just before the end; where it is there already, the process lives on.
    """

    kill_at: str
    killed: Path

    def reached(self, point: str) -> None:
        """The point was passed."""
        if point == self.kill_at and not self.killed.exists():
            self.killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)


class MortalBlobs(FolderBlobs):
    """A blob folder whose files cannot be read to their end once a dispatch is on its way."""

    def __init__(self, root: Path, fate: Fate) -> None:
        super().__init__(root)
        self.sending = False
        self._fate = fate

    def open(self, key: str) -> BinaryIO:
        """The file, or one that kills its reader."""
        file = super().open(key)
        if not self.sending:
            return file
        return cast(BinaryIO, _DeadlyFile(file, self._fate))


class _DeadlyFile:
    """Gives two pieces, which leave for the axis; asked for a third, it ends the process."""

    def __init__(self, file: BinaryIO, fate: Fate) -> None:
        self._file = file
        self._fate = fate
        self._reads = 0

    def read(self, size: int = -1) -> bytes:
        self._reads += 1
        if self._reads == 3:
            self._fate.reached(MIDDLE_OF_BODY)
        return self._file.read(size)

    def close(self) -> None:
        self._file.close()


def main(environment: Mapping[str, str], log: Path, fate: Fate) -> None:
    """Serve until the end, with all output in `log`."""
    with log.open("ab") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    wanted = settings.load(environment=environment)
    blobs = MortalBlobs(wanted.store.blob_folder, fate)

    def passed(point: str) -> None:
        blobs.sending = blobs.sending or point == "dispatch.sending"
        fate.reached(point)

    def open_blobs(_: settings.Settings) -> Blobs:
        return blobs

    vars(opening)["open_blobs"] = open_blobs
    uvloop.run(running.serve(wanted, passed=passed))
