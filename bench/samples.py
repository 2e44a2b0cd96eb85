"""What is measured: files of a kind and a size, and the packets that hold them."""

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

import pybase64

from gateway.edxml.model import (
    Code,
    DocumentPacket,
    DocumentType,
    MessageHeader,
    Organ,
    OtherInfo,
    PromulgationInfo,
    SignerInfo,
    TraceHeader,
    TraceHeaderList,
)
from gateway.edxml.packing import packing_of

KB = 1000
MB = 1000 * KB
SIZES = {"10 kB": 10 * KB, "100 kB": 100 * KB, "1 MB": MB, "50 MB": 50 * MB, "200 MB": 200 * MB}
WRAPPED_AT = 76
_LINES = 16384


class Kind(StrEnum):
    """How a file is packed and whether it shrinks."""

    PDF = "pdf"
    """Sent as it is; random bytes."""
    XLSX = "xlsx"
    """Zipped; random bytes, as a real .xlsx is a zip archive already."""
    XLS = "xls"
    """Zipped; rows of text and numbers, which shrink to a quarter."""

    @property
    def label(self) -> str:
        """For the table."""
        return {"pdf": ".pdf, raw", "xlsx": ".xlsx, zipped, random", "xls": ".xls, zipped, text"}[self.value]

    @property
    def zipped(self) -> bool:
        """Whether the engine zips it."""
        return packing_of(f"a.{self.value}").zipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A file on disk and its packets."""

    kind: Kind
    size: int
    folder: Path

    @property
    def file(self) -> Path:
        """The attachment."""
        return self.folder / f"{self.size}.{self.kind.value}"

    @property
    def one_line(self) -> Path:
        """The packet as the engine writes it."""
        return self.folder / f"{self.size}.{self.kind.value}.edxml"

    @property
    def wrapped(self) -> Path:
        """The same with its base64 in lines of 76, each ended by CR LF."""
        return self.folder / f"{self.size}.{self.kind.value}.wrapped.edxml"

    @property
    def encoded(self) -> Path:
        """The base64 alone, which is what the limit of reading reads."""
        return self.folder / f"{self.size}.{self.kind.value}.base64"

    def write_file(self) -> None:
        """Make the attachment, the same one each time."""
        chance = random.Random(self.size)
        with self.file.open("wb") as out:
            left = self.size
            while left:
                piece = (_rows(chance) if self.kind is Kind.XLS else chance.randbytes(MB))[:left]
                out.write(piece)
                left -= len(piece)

    def write_derived(self) -> None:
        """From the packet in one line: the wrapped one, and the base64 alone."""
        packet = self.one_line.read_bytes()
        start = packet.index(b">", packet.index(b"<edXML:ContentTransferEncoded")) + 1
        end = packet.index(b"<", start)
        self.encoded.write_bytes(packet[start:end])
        with self.wrapped.open("wb") as out:
            out.write(packet[:start])
            step = WRAPPED_AT * _LINES
            for at in range(start, end, step):
                piece = packet[at : min(at + step, end)]
                lines = (piece[i : i + WRAPPED_AT] for i in range(0, len(piece), WRAPPED_AT))
                out.write(b"\r\n".join(lines) + b"\r\n")
            out.write(packet[end:])
        assert pybase64.b64decode(packet[start : start + 4]), "the packet holds base64"


def header() -> DocumentPacket:
    """The header of every packet here: an ordinary document to three receivers."""
    return DocumentPacket(
        message_header=MessageHeader(
            from_=Organ(organ_id="H99", organ_name="UBND tỉnh Giả Định", organ_add="01 đường Thử Nghiệm"),
            to=tuple(Organ(organ_id=f"H99.{i:02}", organ_name=f"Sở Kiểm thử số {i}") for i in range(1, 4)),
            document_id="H99,2025/03/05,1520/UBND-KT",
            code=Code(code_number="1520", code_notation="UBND-KT"),
            promulgation_info=PromulgationInfo(
                place="Giả Định", promulgation_date=DAY, promulgation_date_text=f"{DAY:%Y/%m/%d}"
            ),
            document_type=DocumentType(type=2, type_name="Công văn"),
            subject="V/v đo tốc độ đóng và mở gói tin văn bản điện tử",
            content="V/v đo tốc độ đóng và mở gói tin văn bản điện tử",
            signer_info=SignerInfo(competence="KT. CHỦ TỊCH", position="PHÓ CHỦ TỊCH", full_name="Nguyễn Văn Mẫu"),
            other_info=OtherInfo(priority=0, page_amount=2, promulgation_amount=1),
            to_places=("Như trên", "Lưu: VT, VP"),
        ),
        trace_header_list=TraceHeaderList(
            trace_headers=(TraceHeader(organ_id="H99", timestamp=datetime(2025, 3, 5, 7, 7, 9, tzinfo=UTC)),)
        ),
    )


DAY = date(2025, 3, 5)


def _rows(chance: random.Random) -> bytes:
    rows = bytearray()
    while len(rows) < MB:
        unit, state = chance.choice(_UNITS), chance.choice(_STATES)
        rows += f"{chance.randrange(10**6)};{unit};{chance.random() * 1e6:.2f};{state}\r\n".encode()
    return bytes(rows)


_UNITS = ("Sở Nội vụ", "Sở Tài chính", "Sở Y tế", "Sở Tư pháp")
_STATES = ("đã xử lý", "đang xử lý", "chuyển lại")
