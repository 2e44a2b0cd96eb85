"""Archives that lie: forged by hand where no library writes them."""

import io
import random
import stat
import struct
import zipfile
import zlib

from packets import zipped

DATA = random.Random(1).randbytes(3000) + b"van ban " * 1000
GOOD = zipped(("a.txt", DATA))
CENTRAL = GOOD.index(b"PK\x01\x02")


def patched(archive: bytes, *changes: tuple[int, str, int]) -> bytes:
    """The archive with numbers replaced: each at a place, in a form of `struct`."""
    changed = bytearray(archive)
    for at, form, value in changes:
        struct.pack_into(form, changed, at, value)
    return bytes(changed)


def bomb(size: int) -> bytes:
    """One entry of zeros, a thousand times smaller than what it unpacks to."""
    return zipped(("a.csv", bytes(size)))


def nested_bomb(depth: int, size: int) -> bytes:
    """A bomb in a zip in a zip: each opened shows the next."""
    archive = bomb(size)
    for level in range(depth):
        archive = zipped((f"lib {level}.zip", archive))
    return archive


def forty_two(width: int, depth: int) -> bytes:
    """The famous one's form: many archives in one, in each of them again as many, a bomb at the end of each way."""
    archive = bomb(8 * 2**20)
    for level in range(depth):
        archive = zipped(*((f"lib {level}{place}.zip", archive) for place in range(width)))
    return archive


def overlapping() -> bytes:
    """Many entries that share one kernel of compressed data, as D. Fifield's bombs do."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = packer.compress(bytes(2**20)) + packer.flush()
    checksum = zlib.crc32(bytes(2**20))
    shared = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 0x21, checksum, len(kernel), 2**20, 1, 0)
    local = b"PK\x03\x04" + shared + b"a" + kernel
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + shared + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a"
    count = 1000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(entry) * count, len(local), 0)
    return local + entry * count + end


def before_the_beginning() -> bytes:
    """An entry that would begin before the archive: its list is said to lie further back than there are bytes."""
    end = GOOD.rindex(b"PK\x05\x06")
    size = int.from_bytes(GOOD[end + 12 : end + 16], "little")
    return patched(GOOD, (end + 12, "<I", size), (end + 16, "<I", CENTRAL + 172)) + b"x"


def encrypted() -> bytes:
    """An entry with a password."""
    return patched(GOOD, (6, "<H", 1), (CENTRAL + 8, "<H", 1))


def symlink() -> bytes:
    """An entry that is a link to a file of the system."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry = zipfile.ZipInfo("a.txt")
        entry.create_system = 3
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return out.getvalue()


def lying(*, size: int | None = None, packed_size: int | None = None, checksum: int | None = None) -> bytes:
    """A list of entries that states another size, packed size or checksum than is true."""
    said = ((24, size), (20, packed_size), (16, checksum))
    return patched(GOOD, *((CENTRAL + at, "<I", value) for at, value in said if value is not None))


def many_entries(count: int) -> bytes:
    """Empty entries."""
    return zipped(*((f"{number}", b"") for number in range(count)))
