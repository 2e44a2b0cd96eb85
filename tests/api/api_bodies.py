"""Request bodies made by hand, so that the tests say every byte, and a place for files that needs no disk."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import BinaryIO

from gateway.api.schemas import DocumentIn
from gateway.edxml.model import Organ, ResponseFor, StatusHeader, StatusPacket
from gateway.edxml.writer import FileToSend, write_document, write_status
from gateway.store import Blob
from gateway.times import VIETNAM

BOUNDARY = "bien-gioi-7d9f"

Part = tuple[str, str | None, bytes]
"""Name, file name, bytes."""


def document(names: Sequence[str] = (), **other: object) -> dict[str, object]:
    """A small good document with these files."""
    return {
        "message_header": {
            "from": {"organ_id": "H35.04"},
            "to": [{"organ_id": "G22"}],
            "code": {"code_number": "12", "code_notation": "UBND-VP"},
            "promulgation_info": {"place": "Lai Châu", "promulgation_date": "2026-11-20"},
            "document_type": {"type": 2, "type_name": "Công văn"},
            "subject": "Về việc kết nối liên thông",
            "signer_info": {"full_name": "Nguyễn Văn A", "position": "Chủ tịch"},
        },
        "attachments": [{"attachment_name": name} for name in names],
        **other,
    }


def multipart(parts: Sequence[Part], *, end: bool = True) -> bytes:
    """A multipart/form-data body."""
    body = b""
    for name, filename, content in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        body += f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + content + b"\r\n"
    return body + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def upload(said: Mapping[str, object], files: Sequence[bytes]) -> bytes:
    """The usual multipart body: the document, then its files."""
    text = json.dumps(said, ensure_ascii=False).encode()
    return multipart([("document", None, text), *(("files", "x", content) for content in files)])


def with_content(said: dict[str, object], files: Sequence[bytes]) -> dict[str, object]:
    """The same document with its files as base64 inside."""
    attachments = said["attachments"]
    assert isinstance(attachments, list)
    filled = [
        {**one, "content": base64.b64encode(content).decode()} for one, content in zip(attachments, files, strict=True)
    ]
    return {**said, "attachments": filled}


@dataclass(frozen=True)
class Held:
    """A file in memory, as the packet engine takes it."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


def packet(said: Mapping[str, object], files: Sequence[bytes]) -> bytes:
    """The same document as a ready-made packet."""
    read = DocumentIn.model_validate(said)
    header = read.packet.message_header
    day = header.promulgation_info.promulgation_date
    assert day is not None
    id = f"{header.from_.organ_id},{day:%Y/%m/%d},{header.code.code_number}/{header.code.code_notation}"
    whole = read.packet.model_copy(update={"message_header": header.model_copy(update={"document_id": id})})
    out = io.BytesIO()
    write_document(
        whole,
        [
            FileToSend(attachment_name=one.attachment_name, source=Held(data), content_id=str(n), entry_name=f"{n}.bin")
            for n, (one, data) in enumerate(zip(read.attachments, files, strict=True))
        ],
        out,
    )
    return out.getvalue()


def status_packet() -> bytes:
    """A status packet: 03 of the document that we are said to have sent."""
    out = io.BytesIO()
    write_status(
        StatusPacket(
            message_header=StatusHeader(
                from_=Organ(organ_id="G22"),
                response_for=ResponseFor(
                    organ_id="H35.04", code="12/UBND-VP", document_id="H35.04,2026/11/20,12/UBND-VP"
                ),
                status_code="03",
                timestamp=datetime(2026, 11, 22, 9, tzinfo=VIETNAM),
            )
        ),
        out,
    )
    return out.getvalue()


class MemoryWriter:
    """A BlobWriter in memory."""

    def __init__(self) -> None:
        self.data = b""
        self.discarded = False

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    def write(self, data: bytes, /) -> int:
        self.data += data
        return len(data)

    def reopen(self) -> BinaryIO:
        return io.BytesIO(self.data)

    def discard(self) -> None:
        self.discarded = True

    def commit(self) -> Blob:
        return Blob(key=self.sha256, sha256=self.sha256, size=self.size)

    def __enter__(self) -> "MemoryWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


class MemoryBlobs:
    """Makes MemoryWriters and remembers them."""

    def __init__(self) -> None:
        self.made: list[MemoryWriter] = []

    def create(self) -> MemoryWriter:
        self.made.append(MemoryWriter())
        return self.made[-1]
