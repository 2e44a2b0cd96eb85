"""Takes over the body of POST /v1/documents from the raw request: streamed to disk, hashed, bounded in every way.

Decided before the first byte of the body is read: caller (in `door`), media type, length, room on disk and in the
queue, Idempotency-Key. Measured: parsing, hashing and writing in a thread in pieces of 1 MB costs nothing at 500 MB/s,
and keeps a slow disk from holding up everybody else.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from python_multipart.multipart import parse_options_header
from starlette.requests import Request

from gateway.api.json_body import JsonBody
from gateway.api.multipart import MultipartBody
from gateway.api.receiving import Body, Files
from gateway.api.schemas import AttachmentIn, DocumentIn, read_document
from gateway.api.settings import ApiSettings
from gateway.api.xml_body import XmlBody
from gateway.documents import secrecy
from gateway.documents.outgoing import HandedFile
from gateway.edxml.limits import Limits
from gateway.problems import Kind, Problem, Text, first_of
from gateway.store import Blob, Blobs, BlobWriter

MULTIPART = "multipart/form-data"
JSON = "application/json"
XML = "application/xml"

Result = TypeVar("Result")

_PIECE = 1024 * 1024
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_LENGTH = re.compile(r"[0-9]{1,15}")

_ROOM_FOR_A_BYTE = 2.5
"""Bytes of disk that a byte of an upload takes in the end: itself, and the packet that is built of it in base64."""

Busy = Callable[[int], Awaitable[int | None]]
"""Given bytes that are still to come, the seconds after which to come back: disk or queue have passed their mark, or
the disk would with so much more on it. None when there is room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A whole, well-formed document with its files, not yet committed."""

    document: DocumentIn
    writers: tuple[BlobWriter, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over what was said: the canonical document and each file's hash, however it was sent."""
        said = self.document.model_dump(
            mode="json",
            exclude={
                "kind": True,
                "findings": True,
                "attachments": {"__all__": {"content", "content_id", "size", "sha256"}},
            },
            exclude_defaults=True,
        )
        text = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        files = "".join(f"\n{writer.sha256} {writer.size}" for writer in self.writers)
        return hashlib.sha256((text + files).encode()).hexdigest()

    def weighed(self) -> tuple[HandedFile, ...]:
        """The files as they would be, for checks; nothing is kept, and their blobs have no key."""
        blobs = [Blob(key="", sha256=writer.sha256, size=writer.size) for writer in self.writers]
        return self._handed(blobs)

    async def commit(self) -> tuple[HandedFile, ...]:
        """Make the files safe on disk. Raises Problem when the disk refuses."""
        blobs = await asyncio.to_thread(lambda: [writer.commit() for writer in self.writers])
        return self._handed(blobs)

    def _handed(self, blobs: list[Blob]) -> tuple[HandedFile, ...]:
        return tuple(
            HandedFile(
                attachment_name=one.attachment_name,
                description=one.description,
                content_type=one.content_type,
                blob=blob,
            )
            for one, blob in zip(self.document.attachments, blobs, strict=True)
        )


class Intake:
    """Reads uploads. One for each process: it counts those that run."""

    def __init__(self, settings: ApiSettings, blobs: Blobs, busy: Busy, limits: Limits) -> None:
        self._settings = settings
        self._blobs = blobs
        self._busy = busy
        self._limits = replace(
            limits,
            packet_bytes=min(limits.packet_bytes, settings.body_bytes),
            unzipped_bytes=min(limits.unzipped_bytes, settings.file_bytes),
            attachments=min(limits.attachments, settings.attachments),
        )
        self._running = 0
        self._expected = 0

    @asynccontextmanager
    async def receive(self, request: Request, *, known: bool = False) -> AsyncIterator[Upload]:
        """The upload in the request; at the end of the block what was not committed is gone.

        `known` says that its Idempotency-Key is remembered: nothing will be added, so no room is asked for.
        Raises Problem, and ClientDisconnect when the client goes away.
        """
        media_type, options = parse_options_header(request.headers.get("content-type"))
        limit = self._length_limit(media_type.decode("latin-1"), request)
        expected = int(_said_length(request) * _ROOM_FOR_A_BYTE)
        if not known and (seconds := await self._busy(self._expected + expected)) is not None:
            raise _full(seconds)
        if self._running >= self._settings.uploads:
            raise _crowded(self._settings.busy_retry_seconds)
        files = Files(self._blobs, file_bytes=self._settings.file_bytes)
        self._running += 1
        self._expected += expected
        try:
            body = self._body(media_type.decode("latin-1"), options, files)
            document = await self._read(request, body, limit)
            if problem := first_of(_differing(document.attachments, files.writers)):
                raise problem
            yield Upload(document=document, writers=tuple(files.writers))
        finally:
            self._running -= 1
            self._expected -= expected
            files.discard()

    def _length_limit(self, media_type: str, request: Request) -> int:
        if media_type not in (MULTIPART, JSON, XML):
            raise _unsupported()
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise _encoded()
        limit = self._settings.json_body_bytes if media_type == JSON else self._settings.body_bytes
        length = request.headers.get("content-length")
        if length is not None and not _LENGTH.fullmatch(length):
            raise _bad_header("Content-Length")
        if length is not None and int(length) > limit:
            raise _too_large(limit)
        return limit

    def _body(self, media_type: str, options: dict[bytes, bytes], files: Files) -> Body:
        read = partial(read_checked, most_attachments=self._settings.attachments)
        document_bytes = self._settings.document_bytes
        if media_type == JSON:
            return JsonBody(files, document_bytes=document_bytes, most_files=self._settings.attachments, read=read)
        if media_type == XML:
            return XmlBody(files, self._limits)
        boundary = options.get(b"boundary")
        if not boundary:
            raise _bad_header("Content-Type")
        return MultipartBody(boundary, files, document_bytes=document_bytes, read=read)

    async def _read(self, request: Request, body: Body, limit: int) -> DocumentIn:
        try:
            async with asyncio.timeout(self._settings.body_seconds):
                return await self._all(request.stream(), body, limit)
        except TimeoutError:
            raise _too_slow() from None

    async def _all(self, stream: AsyncIterator[bytes], body: Body, limit: int) -> DocumentIn:
        held = bytearray()
        total = 0
        while True:
            async with asyncio.timeout(self._settings.body_idle_seconds):
                data = await anext(stream, None)
            if data is None:
                return await _unhurried(partial(_finish, body, bytes(held)))
            total += len(data)
            if total > limit:
                raise _too_large(limit)
            held += data
            if len(held) >= _PIECE:
                await _unhurried(partial(body.feed, bytes(held)))
                held.clear()


def _said_length(request: Request) -> int:
    """Content-Length, which was checked before; 0 where there is none."""
    return int(request.headers.get("content-length", "0"))


def read_checked(text: bytes, *, most_attachments: int) -> DocumentIn:
    """The document in a JSON text; raises Problem when it is wrong or marked secret (design rule 13)."""
    document = read_document(text, most_attachments=most_attachments)
    if refusal := secrecy.refusal(document.packet, document.secrecy):
        raise refusal
    return document


def idempotency_key(request: Request) -> str | None:
    """The request's Idempotency-Key. Raises Problem where it is not 1 to 255 visible ASCII characters."""
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise Problem(
            "idempotency.key_malformed",
            Kind.INVALID,
            Text("Idempotency-Key không hợp lệ.", "The Idempotency-Key is not valid."),
            Text(
                "Dùng một chuỗi duy nhất từ 1 đến 255 ký tự ASCII không có khoảng trắng, ví dụ một UUID.",
                "Use one value of 1 to 255 visible ASCII characters, such as a UUID.",
            ),
            field="Idempotency-Key",
        )
    return given[0]


async def _unhurried(call: Callable[[], Result]) -> Result:
    """Runs it in a thread, to its end: a cancelled request must not leave a writer working on a closed file."""
    work = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise


def _finish(body: Body, rest: bytes) -> DocumentIn:
    body.feed(rest)
    return body.finish()


def _differing(attachments: tuple[AttachmentIn, ...], writers: list[BlobWriter]) -> list[Problem]:
    """What is said of files against what came (G-11)."""
    problems = []
    for position, (said, writer) in enumerate(zip(attachments, writers, strict=True)):
        if said.size is not None and said.size != writer.size:
            problems.append(_differs("size", position))
        if said.sha256 is not None and said.sha256 != writer.sha256:
            problems.append(_differs("sha256", position))
    return problems


def _differs(name: str, position: int) -> Problem:
    return Problem(
        f"attachments.{name}_differs",
        Kind.INVALID,
        Text("Tệp nhận được khác với khai báo.", "The file that came is not what was said of it."),
        Text(
            "Kiểm tra thứ tự các phần files và nội dung tệp rồi gửi lại.",
            "Check the order of the parts named files and their content, then send again.",
        ),
        field=f"/attachments/{position}/{name}",
    )


def _too_large(limit: int) -> Problem:
    return Problem(
        "body.too_large",
        Kind.TOO_LARGE,
        Text(f"Nội dung gửi lên lớn hơn {limit} byte.", f"The body is larger than {limit} bytes."),
        Text(
            "Gửi dạng multipart/form-data, giảm dung lượng tệp, hoặc đề nghị quản trị nâng giới hạn.",
            "Send multipart/form-data, make the files smaller, or ask for a higher limit.",
        ),
    )


def _too_slow() -> Problem:
    return Problem(
        "body.too_slow",
        Kind.INVALID,
        Text("Hết thời gian chờ nội dung gửi lên; chưa ghi nhận gì.", "The body came too slowly; nothing was kept."),
        Text("Kiểm tra đường truyền rồi gửi lại.", "Check the line, then send again."),
    )


def _full(retry_after: int) -> Problem:
    return Problem(
        "gateway.full",
        Kind.UNAVAILABLE,
        Text(
            "Cổng tạm không nhận thêm văn bản: đĩa hoặc hàng đợi đã chạm ngưỡng.",
            "The gateway takes nothing more for now: disk or queue have reached their mark.",
        ),
        Text("Gửi lại sau thời gian nêu trong Retry-After.", "Send again after Retry-After."),
        retry_after=retry_after,
    )


def _crowded(retry_after: int) -> Problem:
    return Problem(
        "uploads.busy",
        Kind.BUSY,
        Text("Đang nhận quá nhiều văn bản cùng lúc.", "Too many documents are being uploaded at once."),
        Text("Gửi lại sau thời gian nêu trong Retry-After.", "Send again after Retry-After."),
        retry_after=retry_after,
    )


def _unsupported() -> Problem:
    return Problem(
        "body.type_unsupported",
        Kind.UNSUPPORTED,
        Text("Không hỗ trợ Content-Type này.", "This Content-Type is not supported."),
        Text(
            "Dùng multipart/form-data, application/json hoặc application/xml.",
            "Use multipart/form-data, application/json or application/xml.",
        ),
        field="Content-Type",
    )


def _encoded() -> Problem:
    return Problem(
        "body.encoding_unsupported",
        Kind.UNSUPPORTED,
        Text("Không nhận nội dung nén (Content-Encoding).", "A compressed body (Content-Encoding) is not taken."),
        Text("Gửi nội dung không nén.", "Send it uncompressed."),
        field="Content-Encoding",
    )


def _bad_header(name: str) -> Problem:
    return Problem(
        "header.malformed",
        Kind.INVALID,
        Text(f"Tiêu đề {name} sai định dạng.", f"The header {name} is malformed."),
        Text("Sửa tiêu đề rồi gửi lại.", "Correct the header and send again."),
        field=name,
    )
