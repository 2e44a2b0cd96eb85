"""Bounded unzip: archives that lie, overlap, hide, explode. None is believed, none leaves a file behind."""

import io
import random
import stat
import struct
import zipfile
import zlib
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packets import zipped
from sinks import TemporarySinks

from gateway.edxml.limits import Limits
from gateway.edxml.unzip import ZipRefused, list_zip, unzip_one

DATA = random.Random(1).randbytes(3000) + b"van ban " * 1000
GOOD = zipped(("a.txt", DATA))


def opened(archive: bytes, limits: Limits | None = None, most: int = 2**30) -> bytes:
    """The one file of an archive, by the two steps the reader takes."""
    limits = limits or Limits()
    sinks = TemporarySinks()
    stream = io.BytesIO(archive)
    listing = list_zip(stream, len(archive), limits)
    if not listing.files:
        raise _NoFile
    try:
        with unzip_one(stream, listing.files[0], sinks, limits, most=most).reopen() as file:
            return file.read()
    except ZipRefused:
        assert sinks.live == []
        raise


class _NoFile(Exception):
    """The archive holds no file."""


def refused(archive: bytes, limits: Limits | None = None, most: int = 2**30) -> str:
    with pytest.raises(ZipRefused) as caught:
        opened(archive, limits, most)
    return caught.value.code


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("data", [b"", b"x", DATA])
def test_one_entry_is_opened(method: int, data: bytes) -> None:
    assert opened(zipped(("a.txt", data), method=method)) == data


def test_an_entry_written_to_a_stream_that_cannot_seek_is_opened() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: object) -> int:
            self.data += bytes(data)  # type: ignore[call-overload] # a buffer
            return len(bytes(data))  # type: ignore[call-overload] # a buffer

    pipe = Pipe()
    with (
        zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("a.txt", "w", force_zip64=True) as entry,
    ):
        entry.write(DATA)
    assert opened(bytes(pipe.data)) == DATA


def test_an_entry_without_a_name_is_opened() -> None:
    archive = zipped(("a", DATA))
    central = archive.index(b"PK\x01\x02")
    nameless = bytearray(archive[: central + 46] + archive[central + 47 :])
    struct.pack_into("<H", nameless, central + 28, 0)
    struct.pack_into("<I", nameless, nameless.rindex(b"PK\x05\x06") + 12, 46)
    assert opened(bytes(nameless)) == DATA


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_methods_are_refused(method: int) -> None:
    assert refused(zipped(("a.txt", DATA), method=method)) == "Z.Method"


def test_an_encrypted_entry_is_refused() -> None:
    archive = bytearray(GOOD)
    archive[6] |= 1
    archive[GOOD.index(b"PK\x01\x02") + 8] |= 1
    assert refused(bytes(archive)) == "Z.Encrypted"
    only_local = bytearray(GOOD)
    only_local[6] |= 1
    assert refused(bytes(only_local)) == "Z.Encrypted"


def test_a_symbolic_link_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("a.txt")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    assert refused(out.getvalue()) == "Z.Symlink"


def test_a_bomb_is_refused_by_its_ratio() -> None:
    limits = Limits(unzip_free_bytes=100_000)
    assert refused(zipped(("a.txt", bytes(10_000_000))), limits) == "Z.Ratio"


def test_an_empty_page_below_the_free_size_is_no_bomb() -> None:
    assert len(opened(zipped(("a.bmp", bytes(2_000_000))))) == 2_000_000


def test_more_bytes_than_allowed_are_refused() -> None:
    assert refused(GOOD, most=len(DATA) - 1) == "Z.Size"


@pytest.mark.parametrize("size", [0, 10, len(DATA) - 1, len(DATA) + 1, 2**31])
def test_a_lie_about_the_size_is_refused(size: int) -> None:
    archive = bytearray(GOOD)
    struct.pack_into("<I", archive, GOOD.index(b"PK\x01\x02") + 24, size)
    assert refused(bytes(archive)) == "Z.Checksum"


def test_a_lie_about_the_checksum_is_refused() -> None:
    archive = bytearray(GOOD)
    archive[GOOD.index(b"PK\x01\x02") + 16] ^= 1
    assert refused(bytes(archive)) == "Z.Checksum"


@pytest.mark.parametrize("size", [5, 100])
def test_a_lie_about_the_packed_size_is_refused(size: int) -> None:
    archive = bytearray(GOOD)
    struct.pack_into("<I", archive, GOOD.index(b"PK\x01\x02") + 20, size)
    assert refused(bytes(archive)) == "Z.Damaged"


def test_a_lie_about_the_method_is_refused() -> None:
    archive = bytearray(GOOD)
    archive[8] = 0
    assert refused(bytes(archive)) == "Z.Damaged"


def test_overlapping_entries_are_refused() -> None:
    archive = zipped(("a.txt", DATA), ("b.txt", DATA))
    second = archive.index(b"PK\x01\x02", archive.index(b"PK\x01\x02") + 4)
    overlapping = bytearray(archive)
    struct.pack_into("<I", overlapping, second + 42, 20)
    with pytest.raises(ZipRefused) as caught:
        list_zip(io.BytesIO(bytes(overlapping)), len(overlapping), Limits())
    assert caught.value.code == "Z.Overlap"


def test_names_that_are_no_utf8_make_no_overlap() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(3):
            archive.writestr(zipfile.ZipInfo(f"{number}" + "x" * 60), b"1")
    garbled = out.getvalue().replace(b"x" * 60, b"\xe9" * 60)
    assert len(list_zip(io.BytesIO(garbled), len(garbled), Limits()).files) == 3


@pytest.mark.parametrize("where", ["before", "between", "after"])
def test_bytes_outside_the_entry_are_told(where: str) -> None:
    junk = random.Random(2).randbytes(5000)
    start = GOOD.index(b"PK\x01\x02")
    archive = {"before": junk + GOOD, "between": GOOD[:start] + junk + GOOD[start:], "after": GOOD + junk}[where]
    if where == "between":
        moved = bytearray(archive)
        struct.pack_into("<I", moved, archive.rindex(b"PK\x05\x06") + 16, start + len(junk))
        archive = bytes(moved)
    listing = list_zip(io.BytesIO(archive), len(archive), Limits())
    assert listing.surplus


def test_a_good_archive_has_no_surplus() -> None:
    assert not list_zip(io.BytesIO(GOOD), len(GOOD), Limits()).surplus


def test_too_many_entries_are_refused_before_they_are_read() -> None:
    archive = zipped(*((f"{number}", b"") for number in range(300)))
    for limits in (Limits(zip_entries=299), Limits(zip_directory_bytes=2000)):
        with pytest.raises(ZipRefused) as caught:
            list_zip(io.BytesIO(archive), len(archive), limits)
        assert caught.value.code == "Z.Entries"


def test_a_bomb_inside_a_bomb_is_opened_once_only() -> None:
    inner = zipped(("b.txt", bytes(1_000_000)))
    assert opened(zipped(("a.zip", inner))) == inner


def test_a_deflate_stream_with_more_behind_its_end_is_refused() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(DATA) + packer.flush()
    stored = zipped(("a.txt", packed + b"secret"), method=zipfile.ZIP_STORED)
    archive = bytearray(stored)
    central = stored.index(b"PK\x01\x02")
    archive[8] = archive[central + 10] = 8
    struct.pack_into("<I", archive, central + 24, len(DATA))
    struct.pack_into("<I", archive, central + 16, zlib.crc32(DATA))
    assert refused(bytes(archive)) == "Z.Damaged"


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, len(GOOD)),
)
def test_a_changed_archive_is_opened_right_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    archive = bytearray(GOOD[cut // 2 :] if cut % 7 == 0 else GOOD)
    for at, value in changes:
        archive[at % len(archive)] = value
    with suppress(ZipRefused, _NoFile):
        assert opened(bytes(archive), replace(Limits(), unzip_free_bytes=1000)) == DATA


@settings(max_examples=60, deadline=None)
@given(junk=st.binary(max_size=300))
def test_junk_is_no_archive(junk: bytes) -> None:
    with pytest.raises(ZipRefused):
        list_zip(io.BytesIO(b"PK\x03\x04" + junk), len(junk) + 4, Limits())
