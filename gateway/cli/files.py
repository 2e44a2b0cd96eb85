"""Files of commands: secrets made once, attachments put where they belong, a result that is there whole or not at all."""

import hashlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gateway.edxml.names import LONGEST, safe_name
from gateway.problems import Kind, Problem, Text

STANDARD = Path("-")
"""Standard input or output instead of a file."""

_LONGEST_EXTENSION = 20


@contextmanager
def new_secret_file(path: Path | None) -> Iterator[Callable[[str], None]]:
    """Gives what writes a secret to a new file of mode 0600; the file goes again when the block raises.

    Without a path the secret is not written. Raises Problem `secret.file_exists`.
    """
    if path is None:
        yield _nowhere
        return
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Problem(
            "secret.file_exists",
            Kind.CONFLICT,
            Text(f"Đã có tệp {path}.", f"There is a file {path} already."),
            Text("Chọn tên khác; tệp có sẵn không bị ghi đè.", "Choose another name; no file is written over."),
        ) from None
    with _removed_on_failure(path), os.fdopen(handle, "w", encoding="utf-8") as file:
        yield lambda secret: _write_line(file.fileno(), secret)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file to read, or standard input for `-`."""
    if path == STANDARD:
        yield sys.stdin.buffer
        return
    with path.open("rb") as file:
        yield file


@contextmanager
def whole_or_nothing(path: Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """A file to write that gets its name only when the block ends well; standard output for `-`.

    Raises Problem `file.exists`, before and after the block: only with `force` a file is written over.
    """
    if path == STANDARD:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if not force and os.path.lexists(path):
        raise _exists(path)
    unfinished = path.absolute().with_name(f".{secrets.token_hex(8)}.unfinished")
    with _removed_on_failure(unfinished):
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if force:
            os.replace(unfinished, path)
            return
        try:
            _link_or_copy(unfinished, path)
        except FileExistsError:
            raise _exists(path) from None
        unfinished.unlink()


@contextmanager
def workplace(inside: Path | None) -> Iterator[Path]:
    """A folder that goes again; inside the given one, which is made if need be, so that a file moves by its name."""
    if inside is not None:
        inside.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".gateway-", dir=inside) as folder:
        yield Path(folder)


class FileSinks:
    """Sinks of the packet engine in a folder. Only the sink last written to is open: a packet may have very many."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._open: tuple[Path, BinaryIO] | None = None

    def create(self) -> "FileSink":
        """A new, empty sink."""
        self._count += 1
        path = self._folder / str(self._count)
        path.touch(exist_ok=False)
        return FileSink(self, path)

    def write(self, path: Path, data: bytes) -> None:
        """Append to a sink's file. Only sinks call it, and `close`."""
        if self._open is None or self._open[0] != path:
            self.close()
            self._open = (path, path.open("ab", buffering=0))
        rest = memoryview(data)
        while rest:
            rest = rest[self._open[1].write(rest) :]

    def close(self, path: Path | None = None) -> None:
        """Close what is open, or only this file."""
        if self._open is not None and path in (None, self._open[0]):
            self._open[1].close()
            self._open = None


class FileSink:
    """One growing file."""

    def __init__(self, sinks: FileSinks, path: Path) -> None:
        self.path = path
        self._sinks = sinks
        self._hash = hashlib.sha256()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """Lower-case hex SHA-256 of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes, /) -> int:
        """Append bytes."""
        self._sinks.write(self.path, data)
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def reopen(self) -> BinaryIO:
        """A readable, seekable view of what was written so far; the caller closes it."""
        return self.path.open("rb")

    def discard(self) -> None:
        """Forget it."""
        self._sinks.close(self.path)
        self.path.unlink(missing_ok=True)


class Extraction:
    """Puts files into a folder under safe names. Nothing there is written over, and no link is followed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._used: dict[str, int] = {}

    def put(self, file: Path, name: str) -> str:
        """Give the file its place; the name it got there: `name.pdf`, or `name (2).pdf` where that one is taken."""
        safe = safe_name(name)
        number = self._used.get(safe, 0)
        while True:
            number += 1
            chosen = _numbered(safe, number)
            try:
                _link_or_copy(file, self._folder / chosen)
            except FileExistsError:
                continue
            self._used[safe] = number
            return chosen


class LocalFile:
    """A file on disk to attach. Raises Problem `attach.not_a_file` for what is none, such as a folder or a pipe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        found = path.stat()
        self._size = found.st_size
        if not stat.S_ISREG(found.st_mode):
            raise Problem(
                "attach.not_a_file",
                Kind.INVALID,
                Text(f"{path} không phải là tệp thường.", f"{path} is not a regular file."),
                Text("Chỉ đính kèm được tệp thường.", "Only regular files can be attached."),
            )

    @property
    def size(self) -> int:
        """Bytes."""
        return self._size

    def open(self) -> BinaryIO:
        """From the beginning; the caller closes it."""
        return self.path.open("rb")

    def sha256(self) -> str:
        """Lower-case hex, read now."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def _exists(path: Path) -> Problem:
    return Problem(
        "file.exists",
        Kind.CONFLICT,
        Text(f"Đã có tệp {path}.", f"There is a file {path} already."),
        Text("Chọn tên khác, hoặc thêm --force để ghi đè.", "Choose another name, or add --force to write over it."),
    )


def _nowhere(secret: str) -> None:
    """The secret is shown, not written."""


def _write_line(handle: int, secret: str) -> None:
    os.write(handle, f"{secret}\n".encode())
    os.fsync(handle)


@contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            path.unlink(missing_ok=True)


def _link_or_copy(file: Path, place: Path) -> None:
    try:
        os.link(file, place, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with place.open("xb") as target, _removed_on_failure(place), file.open("rb") as source:
            shutil.copyfileobj(source, target, 2**20)


def _numbered(name: str, number: int) -> str:
    if number == 1:
        return name
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > _LONGEST_EXTENSION:
        stem, dot, extension = name, "", ""
    tail = f" ({number}){dot}{extension}"
    return stem.encode()[: LONGEST - len(tail.encode())].decode("utf-8", "ignore").rstrip(" .") + tail
