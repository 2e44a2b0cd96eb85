"""A power cut, as harsh as a disk may make it: of a folder only what was fsynced comes back, files and names alike."""

import os
import shutil
import stat
from pathlib import Path

import pytest


class PowerOff(BaseException):
    """The machine stops here."""


class Power:
    """Watches every fsync and rename of this process below `root`; `cut` then leaves what the disk had been made to hold.

    With `fails_at` the machine stops before the fsync or rename of that number, counted from 1.
    """

    def __init__(self, root: Path, patched: pytest.MonkeyPatch, *, fails_at: int | None = None) -> None:
        self.root = root
        self.steps = 0
        self._fails_at = fails_at
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        self._fsync, self._replace = os.fsync, os.replace
        patched.setattr(os, "fsync", self._watched_fsync)
        patched.setattr(os, "replace", self._watched_replace)
        self._hold(root)

    def cut(self) -> None:
        """The power goes, and comes back."""
        self._cut(self.root)

    def _watched_fsync(self, handle: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{handle}"))
        if not path.is_relative_to(self.root):
            self._fsync(handle)
            return
        self._step()
        self._hold(path)

    def _watched_replace(self, source: Path, target: Path) -> None:
        if Path(target).is_relative_to(self.root):
            self._step()
        self._replace(source, target)

    def _step(self) -> None:
        self.steps += 1
        if self.steps == self._fails_at:
            raise PowerOff

    def _hold(self, path: Path) -> None:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            self._names[found.st_ino] = {one.name: one.stat().st_ino for one in path.iterdir()}
        else:
            self._contents[found.st_ino] = path.read_bytes()

    def _cut(self, folder: Path) -> None:
        held = self._names.get(folder.stat().st_ino, {})
        for one in folder.iterdir():
            if one.name not in held:
                shutil.rmtree(one) if one.is_dir() else one.unlink()
            elif one.is_dir():
                self._cut(one)
            else:
                one.write_bytes(self._contents.get(held[one.name], b""))
