"""Fuzzes the packet reader with atheris (libFuzzer on Python), which follows what the bytes make our code do.

python fuzz/reader.py [libFuzzer's options]   -runs=N, -max_total_time=SECONDS, -seed=N, or the file of a crash

Bytes are a packet; when they begin with `PK` they are a zipped attachment, with a blank a part of a header, with a
digit the text of an attachment. Begins from our own packets and the small ones of the hostile corpus, gathers what is
new in .fuzz/corpus, and leaves what breaks the reader in .fuzz/. FUZZ_FOLDER names another place than .fuzz.
"""

import base64
import hashlib
import io
import os
import sys
from datetime import date
from pathlib import Path

import atheris

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "edxml")]

with atheris.instrument_imports(include=["gateway.edxml"]):
    from gateway.edxml.limits import Limits
    from gateway.edxml.reader import PacketReader, ReadPacket

import hostile_zips  # noqa: E402 # only after the path is right
from hostile_corpus import CORPUS  # noqa: E402
from packets import HEADER, SAMPLES, File, document, zipped  # noqa: E402

FOLDER = Path(os.environ.get("FUZZ_FOLDER", ROOT / ".fuzz"))
SMALL = 20_000
"""Bytes of the largest input."""

LIMITS = Limits(unzip_free_bytes=100_000, unzipped_bytes=2_000_000, unzipped_total_bytes=4_000_000)
TODAY = date(2026, 11, 22)


class MemorySink:
    """One sink in memory."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.discarded = False

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._data)

    @property
    def sha256(self) -> str:
        """Lower-case hex."""
        return hashlib.sha256(self._data).hexdigest()

    def write(self, data: bytes, /) -> int:
        """Append bytes."""
        assert not self.discarded
        self._data += data
        return len(data)

    def reopen(self) -> io.BytesIO:
        """What was written."""
        assert not self.discarded
        return io.BytesIO(self._data)

    def discard(self) -> None:
        """Forget it."""
        self.discarded = True


class MemorySinks:
    """Makes them."""

    def __init__(self) -> None:
        self.made: list[MemorySink] = []

    def create(self) -> MemorySink:
        """A new one."""
        self.made.append(MemorySink())
        return self.made[-1]


def one_input(data: bytes) -> None:
    """Read it in one piece and in small ones: the same, a coded reason for whatever is refused, nothing left behind."""
    packet = as_packet(data)
    at_once, in_pieces = read(packet, len(packet) or 1), read(packet, 1 + len(packet) // 7)
    assert facts(at_once) == facts(in_pieces), "how it was cut has changed what was read"
    assert at_once.readable is not any(finding.is_error for finding in at_once.findings)
    if at_once.readable:
        assert at_once.packet is not None, "readable, but nothing was read"
        assert all(one.content is not None or not one.size for one in at_once.attachments)


def as_packet(data: bytes) -> bytes:
    """The bytes as a packet, or in the place of one that their beginning says."""
    if data.startswith(b"PK"):
        return document([File("a.csv", "application/zip", data)])
    if data.startswith(b" "):
        return document().replace(HEADER.encode(), HEADER.encode().replace(b"</edXML:MessageHeader>", data))
    if data[:1].isdigit():
        text = document([File("a.pdf", "application/pdf", None, text="@")])
        return text.replace(b"@", data, 1)
    return data


def read(packet: bytes, length: int) -> ReadPacket:
    """Read a packet in pieces of a length."""
    sinks = MemorySinks()
    reader = PacketReader(sinks, LIMITS, today=TODAY)
    for at in range(0, len(packet), length):
        reader.feed(packet[at : at + length])
    result = reader.close()
    result.discard()
    assert all(sink.discarded for sink in sinks.made), "a sink was left behind"
    return result


def facts(result: ReadPacket) -> object:
    """All of a reading but its sinks."""
    files = [(one.attachment_name, one.size, one.sha256, one.packed) for one in result.attachments]
    return (result.kind, result.packet, result.findings, result.unknown, result.signature, result.sha256, files)


def seeds() -> list[bytes]:
    """What to begin from."""
    found = [path.read_bytes() for path in sorted(SAMPLES.glob("*.edxml"))]
    for case in CORPUS:
        if case.seconds <= 1:
            found += [packet for pieces in case.packets()[:12] if (packet := _begun(pieces)) is not None]
    found += [zipped(("a.csv", b"so lieu")), hostile_zips.GOOD, hostile_zips.encrypted(), hostile_zips.symlink()]
    found += [hostile_zips.lying(size=1), hostile_zips.lying(packed_size=1), zipped(("../a", b"1"), ("b", b"2"))]
    return [*found, b" <edXML:Unknown>x</edXML:Unknown></edXML:MessageHeader>", base64.b64encode(bytes(range(255)))]


def _begun(pieces: object) -> bytes | None:
    """A packet of a case when it is small."""
    whole = b""
    for piece in pieces:  # type: ignore[attr-defined] # pieces of bytes
        whole += piece
        if len(whole) > SMALL:
            return None
    return whole


def main() -> None:
    """Begin, or repeat one crash."""
    given = sys.argv[1:]
    if not any(Path(argument).is_file() for argument in given):
        corpus = FOLDER / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in seeds():
            (corpus / hashlib.sha256(seed).hexdigest()[:20]).write_bytes(seed)
        given = [*given, str(corpus)]
    options = [
        f"-max_len={SMALL}",
        f"-dict={Path(__file__).with_name('reader.dict')}",
        "-timeout=20",
        "-rss_limit_mb=1500",
        f"-artifact_prefix={FOLDER}/",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, *given], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
