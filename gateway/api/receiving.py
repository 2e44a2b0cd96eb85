"""What the three ways of sending a document share: files on their way to disk, and the words for what goes wrong."""

from collections.abc import Sequence
from typing import Protocol

from gateway.api.schemas import DocumentIn
from gateway.edxml.sinks import Sink
from gateway.problems import Kind, Problem, Text
from gateway.store import Blobs, BlobWriter


class Body(Protocol):
    """A reader of one kind of body. Both calls block on disk writes, so they are made in a thread."""

    def feed(self, data: bytes) -> None:
        """The next piece. Raises Problem."""

    def finish(self) -> DocumentIn:
        """The document, when all has come; its files are in the Files the reader was given. Raises Problem."""


class Files:
    """Files of one upload, one writer each, bounded in size; nothing stays unless every one is committed."""

    def __init__(self, blobs: Blobs, *, file_bytes: int) -> None:
        self._blobs = blobs
        self._file_bytes = file_bytes
        self._made: list[BlobWriter] = []
        self.writers: list[BlobWriter] = []

    def create(self) -> BlobWriter:
        """A writer that may become a file; `Sinks` of the packet engine."""
        writer = self._blobs.create()
        self._made.append(writer)
        return writer

    def begin(self) -> None:
        """Begin the next file."""
        self.writers.append(self.create())

    def choose(self, sinks: Sequence[Sink]) -> None:
        """Of the writers made by `create`, these are the files."""
        self.writers = [writer for sink in sinks for writer in self._made if writer is sink]

    def write(self, data: bytes) -> None:
        """Append to the file begun last. Raises Problem `attachments.too_large`."""
        writer = self.writers[-1]
        if writer.size + len(data) > self._file_bytes:
            raise file_too_large(len(self.writers) - 1, self._file_bytes)
        writer.write(data)

    def discard(self) -> None:
        """Forget what was not committed."""
        for writer in self._made:
            writer.discard()


def file_too_large(position: int, limit: int) -> Problem:
    """One file is over its limit."""
    return Problem(
        "attachments.too_large",
        Kind.TOO_LARGE,
        Text(f"Tệp đính kèm lớn hơn {limit} byte.", f"The file is larger than {limit} bytes."),
        Text(
            "Nén hoặc tách tệp, hoặc đề nghị quản trị nâng giới hạn.",
            "Compress or split it, or ask for a higher limit.",
        ),
        field=f"/attachments/{position}",
    )


def bad_body(text: Text) -> Problem:
    """The body's own form is broken."""
    return Problem(
        "body.malformed",
        Kind.INVALID,
        text,
        Text("Kiểm tra chương trình tạo yêu cầu rồi gửi lại.", "Check what makes the request, then send again."),
        field="",
    )


def cut_body() -> Problem:
    """The body ended before its end."""
    return Problem(
        "body.cut",
        Kind.INVALID,
        Text("Nội dung gửi lên bị cắt giữa chừng; chưa ghi nhận gì.", "The body was cut off; nothing was kept."),
        Text("Gửi lại toàn bộ.", "Send the whole again."),
        field="",
    )
