"""Backups on disk: a folder that keeps blobs it has already, or one tar file. Written whole or not at all, read as a stream."""

import gzip
import hashlib
import json
import os
import re
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, Protocol, cast

from pydantic import JsonValue, ValidationError

from gateway.backup.manifest import MANIFEST, Manifest, Part
from gateway.problems import Kind, Problem, Text
from gateway.store import Blob, Blobs

PIECE = 1024 * 1024
LONGEST_LINE = 256 * 1024 * 1024
_LONGEST_MANIFEST = 32 * 1024 * 1024
_BLOB = re.compile(r"blobs/([0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64})")
_SET = re.compile(r"taken-[0-9a-f-]{36}")


class Target(Protocol):
    """Where a backup is written to."""

    def part(self, name: str) -> "PartWriter":
        """A new part, to be closed before the next one is begun."""

    def add_blob(self, blobs: Blobs, blob: Blob) -> None:
        """Keep a blob. Raises BlobMissing or BlobDamaged, and then keeps nothing of it."""

    def finish(self, manifest: Manifest) -> None:
        """Make all of it durable, then give it its name."""

    def abandon(self) -> None:
        """Leave nothing of it behind. Does nothing once finished."""


class Source(Protocol):
    """A finished backup."""

    def manifest(self) -> Manifest:
        """What it holds. Raises Problem `backup.unreadable`."""

    def lines(self, part: Part) -> Iterator[list[JsonValue]]:
        """The rows of a part. Raises Problem `backup.damaged` when it is not what the manifest says."""

    def blobs(self) -> Iterator[tuple[str, BinaryIO]]:
        """(key, content) of its blobs, by key. Each content is read before the next is asked for."""


def new_target(path: Path, backup_id: str) -> Target:
    """A tar file where the name ends in .tar, else a folder, which may hold an earlier backup.

    Raises Problem `backup.exists` for a file that is there, or a folder that holds something else.
    """
    if path.suffix == ".tar":
        return TarTarget(path, backup_id)
    return FolderTarget(path, backup_id)


def open_source(path: Path) -> Source:
    """The backup at a path. Raises Problem `backup.unreadable`."""
    return FolderSource(path) if path.is_dir() else TarSource(path)


class PartWriter:
    """Writes one part; `close` tells what it came to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("xb")
        self._zip = gzip.GzipFile(filename="", fileobj=self._file, mode="wb", compresslevel=4, mtime=0)
        self._rows = 0

    def write(self, row: list[JsonValue]) -> None:
        """Append a row."""
        self._zip.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")
        self._rows += 1

    def close(self) -> Part:
        """The part is complete."""
        self._zip.close()
        self._file.close()
        digest = hashlib.sha256()
        with self.path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
        return Part(part=self.path.name, bytes=self.path.stat().st_size, sha256=digest.hexdigest(), rows=self._rows)

    def rows(self) -> Iterator[list[JsonValue]]:
        """Read it back, once closed."""
        with gzip.open(self.path, "rb") as lines:
            for line in lines:
                yield json.loads(line)


class FolderTarget:
    """`manifest.json` names the set of parts; the set and the manifest change at once, blobs only ever come to it."""

    def __init__(self, root: Path, backup_id: str) -> None:
        self._root = root
        self._set = root / f"taken-{backup_id}"
        if root.exists() and any(root.iterdir()) and not (root / MANIFEST).is_file() and not _is_unfinished(root):
            raise _exists(root)
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._set.mkdir(mode=0o700)
        self._finished = False

    def part(self, name: str) -> PartWriter:
        return PartWriter(self._set / name)

    def add_blob(self, blobs: Blobs, blob: Blob) -> None:
        place = self._root / "blobs" / blob.key
        if place.is_file() and place.stat().st_size == blob.size:
            return
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        unfinished = self._set / secrets.token_hex(8)
        with _gone_on_failure(unfinished):
            with blobs.open_checked(blob) as content, unfinished.open("xb") as file:
                shutil.copyfileobj(content, file, PIECE)
            os.replace(unfinished, place)

    def finish(self, manifest: Manifest) -> None:
        os.sync()
        unfinished = self._set / "manifest"
        _write_synced(unfinished, _manifest_bytes(manifest))
        os.replace(unfinished, self._root / MANIFEST)
        _sync_folder(self._root)
        self._finished = True
        for old in self._root.iterdir():
            if _SET.fullmatch(old.name) and old != self._set:
                shutil.rmtree(old)

    def abandon(self) -> None:
        if not self._finished:
            shutil.rmtree(self._set, ignore_errors=True)


class TarTarget:
    """One tar file: parts, blobs by key, and the manifest last."""

    def __init__(self, path: Path, backup_id: str) -> None:
        if path.exists():
            raise _exists(path)
        self._path = path.absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._workplace = self._path.with_name(f".{path.name}.{backup_id}.unfinished")
        self._workplace.mkdir(mode=0o700)
        self._open_part: PartWriter | None = None
        self._file = (self._workplace / "tar").open("xb")
        self._tar = tarfile.open(fileobj=self._file, mode="w|", format=tarfile.GNU_FORMAT)  # noqa: SIM115 - closed by finish and abandon

    def part(self, name: str) -> PartWriter:
        self._take_part()
        self._open_part = PartWriter(self._workplace / name)
        return self._open_part

    def add_blob(self, blobs: Blobs, blob: Blob) -> None:
        self._take_part()
        blobs.verify(blob)
        with blobs.open_checked(blob) as content:
            self._add(f"blobs/{blob.key}", blob.size, content)

    def finish(self, manifest: Manifest) -> None:
        self._take_part()
        place = self._workplace / MANIFEST
        place.write_bytes(_manifest_bytes(manifest))
        with place.open("rb") as content:
            self._add(MANIFEST, place.stat().st_size, content)
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._workplace / "tar", self._path)
        _sync_folder(self._path.parent)
        shutil.rmtree(self._workplace, ignore_errors=True)

    def abandon(self) -> None:
        with suppress(OSError, ValueError):
            self._tar.close()
        self._file.close()
        shutil.rmtree(self._workplace, ignore_errors=True)

    def _take_part(self) -> None:
        """A part that was closed goes into the tar; its file stays until the end, for the list of blobs is read back."""
        if self._open_part is None:
            return
        path, self._open_part = self._open_part.path, None
        with path.open("rb") as content:
            self._add(path.name, path.stat().st_size, content)

    def _add(self, name: str, size: int, content: IO[bytes]) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = size, 0o600
        self._tar.addfile(entry, content)
        _forget(self._tar)


class FolderSource:
    """A backup in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def manifest(self) -> Manifest:
        try:
            with (self._root / MANIFEST).open("rb") as file:
                return _manifest(file.read(_LONGEST_MANIFEST))
        except FileNotFoundError:
            raise unreadable() from None

    def lines(self, part: Part) -> Iterator[list[JsonValue]]:
        try:
            with (self._root / f"taken-{self.manifest().id}" / part.part).open("rb") as file:
                yield from _rows(file, part)
        except FileNotFoundError:
            raise damaged(part.part) from None

    def blobs(self) -> Iterator[tuple[str, BinaryIO]]:
        for key, _ in self.lines(self.manifest().blob_list):
            place = self._root / "blobs" / str(key)
            if _BLOB.fullmatch(f"blobs/{key}") and place.is_file():
                with place.open("rb") as file:
                    yield str(key), file


class TarSource:
    """A backup in a tar file; each call goes through it from the beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._manifest: Manifest | None = None

    def manifest(self) -> Manifest:
        if self._manifest is None:
            found = None
            for name, content in self._members():
                if name == MANIFEST:
                    found = content.read(_LONGEST_MANIFEST)
            if found is None:
                raise unreadable()
            self._manifest = _manifest(found)
        return self._manifest

    def lines(self, part: Part) -> Iterator[list[JsonValue]]:
        for name, content in self._members():
            if name == part.part:
                yield from _rows(content, part)
                return
        raise damaged(part.part)

    def blobs(self) -> Iterator[tuple[str, BinaryIO]]:
        for name, content in self._members():
            if found := _BLOB.fullmatch(name):
                yield found[1], content

    def _members(self) -> Iterator[tuple[str, BinaryIO]]:
        try:
            with tarfile.open(self._path, "r:") as tar:
                while (entry := tar.next()) is not None:
                    _forget(tar)
                    content = tar.extractfile(entry) if entry.isreg() else None
                    if content is not None:
                        yield entry.name, cast(BinaryIO, content)
        except tarfile.TarError:
            raise unreadable() from None


def unreadable() -> Problem:
    """What is there is no (finished) backup."""
    return Problem(
        "backup.unreadable",
        Kind.INVALID,
        Text("Đây không phải bản sao lưu hoàn chỉnh của cổng kết nối.", "This is no finished backup of a gateway."),
        Text("Kiểm tra đường dẫn; bản sao lưu dở dang không dùng được.", "Check the path; half a backup is of no use."),
    )


def damaged(part: str) -> Problem:
    """A part or a blob is not what the manifest says."""
    return Problem(
        "backup.damaged",
        Kind.INVALID,
        Text(f"Bản sao lưu bị hỏng: {part}.", f"The backup is damaged: {part}."),
        Text("Dùng bản sao lưu khác, và kiểm tra nơi lưu trữ.", "Use another backup, and check where it was stored."),
    )


def _forget(tar: tarfile.TarFile) -> None:
    """It remembers every member that it has seen, and there may be a million of them."""
    vars(tar)["members"].clear()


def _rows(file: IO[bytes], part: Part) -> Iterator[list[JsonValue]]:
    """The rows; that they were the whole part, and it the right one, is known at their end."""
    hashing = _Hashing(file)
    count = 0
    try:
        with gzip.GzipFile(fileobj=cast(IO[bytes], hashing), mode="rb") as lines:
            while line := lines.readline(LONGEST_LINE):
                row = json.loads(line)
                if not isinstance(row, list):
                    raise damaged(part.part)
                count += 1
                yield row
        hashing.rest()
    except (OSError, EOFError, ValueError, zlib.error):
        raise damaged(part.part) from None
    if hashing.digest.hexdigest() != part.sha256 or count != part.rows:
        raise damaged(part.part)


class _Hashing:
    """Hashes what is read through it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data

    def rest(self) -> None:
        """Read what the reader left."""
        while self.read(PIECE):
            pass


def _manifest_bytes(manifest: Manifest) -> bytes:
    return manifest.model_dump_json(indent=2).encode() + b"\n"


def _manifest(data: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(data)
    except ValidationError:
        raise unreadable() from None


def _exists(path: Path) -> Problem:
    return Problem(
        "backup.exists",
        Kind.CONFLICT,
        Text(f"{path} đã có và không phải thư mục sao lưu.", f"{path} is there already and is no backup folder."),
        Text("Chọn tên khác; tệp có sẵn không bị ghi đè.", "Choose another name; nothing is written over."),
    )


def _is_unfinished(root: Path) -> bool:
    """Whether a first backup was broken off here: nothing but sets and blobs."""
    return all(one.name == "blobs" or _SET.fullmatch(one.name) for one in root.iterdir())


@contextmanager
def _gone_on_failure(path: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
