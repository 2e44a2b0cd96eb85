"""How hard a file is deflated: not at all when that gains nothing."""

import io
import random
import zipfile
from dataclasses import dataclass
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edxml.packing import SMALL_FILE, Base64Stream, OneEntryZip, zip_level

CHANCE = random.Random(1)
PACKED = CHANCE.randbytes(2 * SMALL_FILE)
TEXT = b"".join(b"%d;%d;da xu ly\r\n" % (row, CHANCE.randrange(10**6)) for row in range(SMALL_FILE // 8))


@dataclass(frozen=True)
class Bytes:
    """A source in memory."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


@pytest.mark.parametrize("size", [100, 10_000, SMALL_FILE, 2 * SMALL_FILE])
def test_what_is_packed_already_is_not_deflated(size: int) -> None:
    assert zip_level(Bytes(PACKED[:size])) == 0


def test_text_is_deflated_quickly_when_it_is_short_and_well_when_it_is_long() -> None:
    assert (zip_level(Bytes(TEXT[:SMALL_FILE])), zip_level(Bytes(TEXT))) == (1, 6)


@pytest.mark.parametrize("at", range(4))
def test_a_file_of_which_a_quarter_shrinks_is_deflated(at: int) -> None:
    quarters = [PACKED[: SMALL_FILE // 2]] * 4
    quarters[at] = TEXT[: SMALL_FILE // 2]
    assert zip_level(Bytes(b"".join(quarters))) > 0


def test_a_list_at_the_end_of_an_archive_does_not_have_it_deflated() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(40):
            archive.writestr(f"xl/worksheets/sheet{number}.xml", PACKED[number * 9_000 : (number + 1) * 9_000])
    assert zip_level(Bytes(out.getvalue())) == 0


@given(data=st.binary(max_size=2000), level=st.integers(0, 6))
def test_at_every_level_the_entry_is_a_deflated_one(data: bytes, level: int) -> None:
    found = io.BytesIO()
    with OneEntryZip(Decoding(found), "a.xlsx", len(data), level) as archive:
        archive.write(data)
    with zipfile.ZipFile(found) as archive_read:
        entry = archive_read.infolist()[0]
        assert (archive_read.read(entry), entry.compress_type) == (data, zipfile.ZIP_DEFLATED)


class Decoding(Base64Stream):
    """Takes the archive's bytes as they are."""

    def __init__(self, out: io.BytesIO) -> None:
        super().__init__(out)
        self._plain = out

    def write(self, data: bytes, /) -> int:
        return self._plain.write(data)
