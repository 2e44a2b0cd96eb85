"""Files that do not change: written once, named by their content, safe on disk before anyone hears of them."""

import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

from gateway.problems import Problem
from gateway.store.faults import BlobDamaged, BlobMissing, disk_faults
from gateway.times import aware

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE = 64 * 1024
"""Bytes written at once; smaller writes are gathered."""

_VERIFIED_PIECE = 1024 * 1024
_FOLDER_ID, _LONGEST_ID = "folder-id", 100
_FIRST_FOLDER = re.compile(r"[0-9a-f]{2}")
_ID = re.compile(r"[0-9a-f]{32}")
_KEY = re.compile(r"([0-9a-f]{2})/([0-9a-f]{2})/(\1\2[0-9a-f]{60})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Blob:
    """A file that is safe on disk: its key (`ab/cd/<sha256>`), its hash (lower-case hex) and its size in bytes."""

    key: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BlobSource:
    """A blob to read from its beginning, more than once; a `Source` of the packet engine and of the axis."""

    blobs: "Blobs"
    blob: Blob

    @property
    def size(self) -> int:
        """Bytes."""
        return self.blob.size

    @property
    def sha256(self) -> str:
        """Lower-case hex, 64 characters."""
        return self.blob.sha256

    def open(self) -> BinaryIO:
        """From the beginning; the caller closes it. Raises BlobMissing.

        Who reads it through without leaping gets BlobDamaged in place of the last bytes when they are not the blob's.
        """
        return self.blobs.open_checked(self.blob)


class BlobWriter(Protocol):
    """A file being written; also a `Sink` of the packet engine. As a context manager it discards what was not kept."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    @property
    def sha256(self) -> str:
        """Lower-case hex SHA-256 of what was written so far."""

    def write(self, data: bytes, /) -> int:
        """Append bytes. Raises Problem `blob.disk_full`, `blob.read_only` or `blob.disk_error`, and keeps nothing."""

    def reopen(self) -> BinaryIO:
        """A readable, seekable view of what was written so far; the caller closes it."""

    def discard(self) -> None:
        """Forget it; nothing stays behind. Does nothing once committed."""

    def commit(self) -> Blob:
        """Make it safe on disk under its content's name, then return; raises as `write` does. Twice is once."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Blobs(Protocol):
    """Where blobs are kept. Calls block: make them in a thread, or for small pieces."""

    def create(self) -> BlobWriter:
        """A new, empty file."""

    def open(self, key: str) -> BinaryIO:
        """Read from the beginning; the caller closes it. Raises BlobMissing, also for what is no key at all."""

    def open_checked(self, blob: Blob) -> BinaryIO:
        """As `open`; reading it through without leaping raises BlobDamaged, before the last bytes are given."""

    def source(self, blob: Blob) -> BlobSource:
        """The blob as something to read more than once."""

    def exists(self, key: str) -> bool:
        """Is it there?"""

    def verify(self, blob: Blob) -> None:
        """Read all of it. Raises BlobMissing, BlobDamaged, or Problem when the disk cannot be read."""

    def folder_id(self) -> str | None:
        """The name that was given to this store of blobs, kept inside it; None when it has none (or is not mounted)."""

    def name_folder(self, folder_id: str) -> None:
        """Give this store of blobs a name (32 hex digits) that stays with it, unless it has one. Raises Problem."""

    def is_empty(self) -> bool:
        """Whether no blob has ever been kept here."""

    def free_bytes(self) -> int:
        """What is left on the disk for us, in bytes. Raises Problem when the folder cannot be read."""

    def probe(self) -> None:
        """Write, sync and remove a small file, for readiness. Raises Problem when that fails."""

    def sweep(self, older_than: datetime) -> int:
        """Remove unfinished files last written to before `older_than` (of processes that died); how many."""


_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK})
"""How a file system without hard links refuses one."""


class FolderBlobs:
    """Blobs in a folder of the file system, which it makes if need be. `root` must be on one file system."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._unfinished = self.root / "unfinished"
        self._durable: set[Path] = set()
        with disk_faults():
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._unfinished.mkdir(exist_ok=True, mode=0o700)
            _sync_folder(self.root.parent)

    def create(self) -> "FolderBlobWriter":
        """A new, empty file. Raises Problem when the disk does not let us."""
        with disk_faults():
            return FolderBlobWriter(self, self._unfinished / secrets.token_hex(16))

    def open(self, key: str) -> BinaryIO:
        """Read from the beginning; the caller closes it. Raises BlobMissing."""
        path = self._path(key)
        if path is None:
            raise BlobMissing
        with disk_faults():
            try:
                return path.open("rb")
            except FileNotFoundError:
                raise BlobMissing from None

    def open_checked(self, blob: Blob) -> BinaryIO:
        """As `open`; reading it through without leaping raises BlobDamaged, before the last bytes are given."""
        return BufferedReader(_Checked(self.open(blob.key), blob), _PIECE)

    def source(self, blob: Blob) -> BlobSource:
        """The blob as something to read more than once."""
        return BlobSource(self, blob)

    def exists(self, key: str) -> bool:
        """Is it there?"""
        path = self._path(key)
        return path is not None and path.is_file()

    def verify(self, blob: Blob) -> None:
        """Read all of it. Raises BlobMissing, BlobDamaged, or Problem when the disk cannot be read."""
        with self.open_checked(blob) as stream, disk_faults():
            while stream.read(_VERIFIED_PIECE):
                pass

    def folder_id(self) -> str | None:
        """The name that was given to this folder, kept inside it; None when it has none (or is not mounted)."""
        with disk_faults():
            try:
                with (self.root / _FOLDER_ID).open("rb") as file:
                    found = file.read(_LONGEST_ID).decode("ascii", "replace").strip()
            except FileNotFoundError:
                return None
        return found if _ID.fullmatch(found) else None

    def name_folder(self, folder_id: str) -> None:
        """Give this folder a name (32 hex digits) that stays with it, unless it has one. Raises Problem.

        Of several processes that start at once on a new folder one names it.
        """
        if not _ID.fullmatch(folder_id):
            raise ValueError("a folder's name is 32 hex digits")
        unfinished = self._unfinished / secrets.token_hex(16)
        with disk_faults():
            with FileIO(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                _write_all(file, f"{folder_id}\n".encode())
                os.fsync(file.fileno())
            try:
                os.link(unfinished, self.root / _FOLDER_ID)
            except FileExistsError:
                unfinished.unlink()
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                os.replace(unfinished, self.root / _FOLDER_ID)
            else:
                unfinished.unlink()
            _sync_folder(self.root)

    def is_empty(self) -> bool:
        """Whether no blob has ever been kept here."""
        with disk_faults(), os.scandir(self.root) as entries:
            return not any(_FIRST_FOLDER.fullmatch(entry.name) for entry in entries)

    def free_bytes(self) -> int:
        """What is left on the disk for us, in bytes."""
        with disk_faults():
            return shutil.disk_usage(self.root).free

    def probe(self) -> None:
        """Write, sync and remove a small file."""
        with self.create() as writer:
            writer.write(b"probe")
            writer.sync()

    def sweep(self, older_than: datetime) -> int:
        """Remove unfinished files last written to before `older_than`; how many."""
        limit = aware(older_than).timestamp()
        removed = 0
        with disk_faults(), os.scandir(self._unfinished) as entries:
            for entry in entries:
                try:
                    if entry.stat(follow_symlinks=False).st_mtime >= limit:
                        continue
                    os.unlink(entry.path)
                except FileNotFoundError:
                    continue  # its writer has just finished
                removed += 1
        return removed

    def keep(self, unfinished: Path, sha256: str) -> str:
        """Move a synced file to its content's name and make the name durable; its key. Only writers call it.

        Where the same content is already there it is replaced by itself: whoever wrote it first may not have synced
        the folder yet, and readers of the old file keep what they have open.
        """
        key = f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
        path = self.root / key
        self._make_durable(path.parent)
        os.replace(unfinished, path)
        _sync_folder(path.parent)
        return key

    def _make_durable(self, folder: Path) -> None:
        if folder in self._durable or folder == self.root:
            return
        self._make_durable(folder.parent)
        folder.mkdir(exist_ok=True, mode=0o700)
        _sync_folder(folder.parent)
        self._durable.add(folder)

    def _path(self, key: str) -> Path | None:
        return self.root / key if _KEY.fullmatch(key) else None


class FolderBlobWriter:
    """A file being written into a FolderBlobs.

    It holds no open file between writes: a packet may have a thousand attachments, a process a thousand descriptors.
    """

    def __init__(self, blobs: FolderBlobs, path: Path) -> None:
        self._blobs = blobs
        self._path = path
        self._hash = hashlib.sha256()
        self._size = 0
        self._blob: Blob | None = None
        self._held = bytearray()
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def sha256(self) -> str:
        """Lower-case hex SHA-256 of what was written so far."""
        return self._hash.hexdigest()

    def write(self, data: bytes, /) -> int:
        """Append bytes. Raises ValueError once committed."""
        if self._blob is not None:
            raise ValueError("nothing can be added to a committed blob")
        self._hash.update(data)
        self._size += len(data)
        if len(self._held) + len(data) < _PIECE:
            self._held += data
            return len(data)
        with self._all_or_nothing(), self._appending() as file:
            _write_all(file, self._held)
            _write_all(file, data)
        self._held.clear()
        return len(data)

    def reopen(self) -> BinaryIO:
        """A readable, seekable view of what was written so far; the caller closes it."""
        if self._blob is not None:
            return self._blobs.open(self._blob.key)
        self._flush()
        with disk_faults():
            return self._path.open("rb")

    def discard(self) -> None:
        """Forget it; nothing stays behind."""
        if self._blob is not None:
            return
        self._held.clear()
        self._path.unlink(missing_ok=True)

    def sync(self) -> None:
        """Have the disk hold what was written so far."""
        with self._all_or_nothing(), self._appending() as file:
            _write_all(file, self._held)
            self._held.clear()
            os.fsync(file.fileno())

    def commit(self) -> Blob:
        """Make it safe on disk under its content's name, then return."""
        if self._blob is not None:
            return self._blob
        self.sync()
        with self._all_or_nothing():
            key = self._blobs.keep(self._path, self.sha256)
        self._blob = Blob(key=key, sha256=self.sha256, size=self._size)
        return self._blob

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def _flush(self) -> None:
        if not self._held:
            return
        with self._all_or_nothing(), self._appending() as file:
            _write_all(file, self._held)
        self._held.clear()

    def _appending(self) -> FileIO:
        """The file, to be written at its end; it must still be there."""
        return FileIO(os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC), "wb")

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        try:
            with disk_faults():
                yield
        except Problem:
            self.discard()
            raise


class _Checked(RawIOBase):
    """A blob being read that knows what it must hold; whoever leaps about in it reads it unchecked."""

    def __init__(self, file: BinaryIO, blob: Blob) -> None:
        self._file = file
        self._blob = blob
        self._hash = hashlib.sha256()
        self._seen = 0
        self._checking = True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        with memoryview(buffer) as room:
            data = self._file.read(len(room))
            room[: len(data)] = data
        self._check(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._checking = False
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()

    def _check(self, data: bytes) -> None:
        if not self._checking:
            return
        self._hash.update(data)
        self._seen += len(data)
        at_end = not data or self._seen >= self._blob.size
        if at_end and (self._seen != self._blob.size or self._hash.hexdigest() != self._blob.sha256):
            raise BlobDamaged


def _write_all(file: FileIO, data: bytes | bytearray) -> None:
    with memoryview(data) as whole:
        start = 0
        while start < len(whole):
            start += file.write(whole[start:])


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
