"""What a hostile case is, and how its packets are put together."""

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import hostile_zips as zips
from packets import NS, File, document, sample

from gateway.edxml.limits import Limits

KB = 1024
MB = 1024 * KB
Pieces = Iterable[bytes]
"""One packet. What is larger than some MB is made piece by piece while it is read."""

OPEN = f'<edXML xmlns="{NS}">'
ENVELOPE = f'{OPEN}<edXML:edXMLEnvelope xmlns:edXML="{NS}"><edXML:edXMLHeader><edXML:MessageHeader>'
SUBJECT = f"{ENVELOPE}<edXML:Subject>"
CONTENT = f"{OPEN}<AttachmentEncoded><Attachment><ContentTransferEncoded>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Packets of one kind. Each ends in a finding with one of `codes`, which refuses it unless `refused` is False.

    `seconds` of computing and `memory` bytes of growth are what all of them together may cost.
    """

    name: str
    codes: tuple[str, ...]
    packets: Callable[[], list[Pieces]]
    refused: bool = True
    seconds: float = 1.0
    memory: int = 16 * MB
    limits: Limits = Limits()  # noqa: RUF009 # frozen


def many(piece: str, size: int) -> Iterator[bytes]:
    """A text repeated up to a size in bytes."""
    block = piece.encode() * (64 * KB // len(piece))
    for _ in range(size // len(block)):
        yield block


def after(opening: str | bytes, *rest: Pieces) -> Iterator[bytes]:
    """The pieces after an opening."""
    yield opening.encode() if isinstance(opening, str) else opening
    for pieces in rest:
        yield from pieces


def whole(*packets: str | bytes) -> Callable[[], list[Pieces]]:
    """Small packets, whole."""
    return lambda: [[packet.encode() if isinstance(packet, str) else packet] for packet in packets]


def streamed(make: Callable[[], Pieces]) -> Callable[[], list[Pieces]]:
    """One packet that is made while it is read."""
    return lambda: [make()]


def attached(*archives: Callable[[], bytes], name: str = "a.csv") -> Callable[[], list[Pieces]]:
    """Packets with one attachment that says it is a zip."""
    return lambda: [[document([File(name, "application/zip", archive())])] for archive in archives]


def tag(attribute: str, count: int) -> bytes:
    """A tag with many attributes."""
    return f"<a {' '.join(attribute.format(n) for n in range(count))}/>".encode()


def truncated() -> list[Pieces]:
    """Two packets cut off at every hundredth of their length."""
    good = (sample("own_new_pdf_csv"), sample("own_status_03"))
    return [[packet[: len(packet) * percent // 100]] for packet in good for percent in range(1, 100)]


def damaged_base64() -> list[Pieces]:
    """Content that is no base64, for many reasons."""
    texts = ("AAAA****", "AAA", "AAAA=AAA", "AAAA====", "ĂĂĂĂ", "AAAA<b/>AAAA", "-_-_", "AA==AAAA", "A" * 10**6 + "!")
    return [[document([File("a.pdf", "application/pdf", None, text=text)])] for text in texts]


def small_bombs(count: int) -> list[Pieces]:
    """Bombs each of which is small enough to be let through."""
    text = base64.b64encode(zips.bomb(31 * MB)).decode()
    files = [File(f"{n}.csv", "application/zip", None, f"cid:{n}", text=text) for n in range(count)]
    return [[document(files)]]
