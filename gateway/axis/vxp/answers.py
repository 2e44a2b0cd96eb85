"""What the protocol's server half says: the envelope, its rows in the vendor SDK's spelling, and how it goes out.

A field that is not known is absent, never null: a null inside an item stops the SDK's reader (axis API 4). Texts are
without accents, because the SDK reads the answer of `sendEdoc` as US-ASCII.
"""

import asyncio
import json
import unicodedata
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from typing import BinaryIO, TypeVar

import pybase64
from starlette.types import Send

from gateway.axis.port import Agency, Item, SentRow
from gateway.axis.vxp.backend import ErrorCode, Rows, ServerFail
from gateway.edxml.sinks import Source

T = TypeVar("T")

COMPRESSED_PACKET_BYTES = 8 * 1024 * 1024
"""A larger packet goes out as it is even to a client that asks for gzip: base64 hardly shrinks, and costs seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer before it goes out. `length` is the count of bytes of `pieces`, or None when it is not known yet."""

    pieces: AsyncIterator[bytes]
    length: int | None
    content_type: str = "application/json;charset=UTF-8"
    http_status: int = 200
    compressible: bool = True


def success(**extra: object) -> Answer:
    """A small OK answer."""
    return _whole({"status": "OK", "ErrorCode": ErrorCode.OK.value, "ErrorDesc": "Thanh cong", **extra})


def failure(fail: ServerFail, *, with_doc_id: bool, http_status: int = 200) -> Answer:
    """A FAIL answer; `with_doc_id` for the operation that answers with a DocId."""
    envelope: dict[str, object] = {"status": "FAIL", "ErrorCode": fail.code, "ErrorDesc": unaccented(fail.text)}
    if with_doc_id and fail.doc_id is not None:
        envelope["DocId"] = fail.doc_id
    return _whole(envelope, http_status)


def listing(rows: Rows[T], row: Callable[[T], dict[str, object | None]]) -> Answer:
    """An OK answer whose `data` is a list, written piece by piece however long it is."""
    return Answer(_list_pieces(rows, row), None)


def packet_in_json(source: Source) -> Answer:
    """An OK answer whose `data` is the packet in base64, in constant memory."""
    length = len(_OPENING) + 2 + 4 * ((source.size + 2) // 3) + 1
    return Answer(_base64_pieces(source), length, compressible=source.size <= COMPRESSED_PACKET_BYTES)


def packet_alone(source: Source) -> Answer:
    """The packet's bytes, no envelope."""
    return Answer(_file_pieces(source), source.size, content_type="application/octet-stream", compressible=False)


async def deliver(answer: Answer, send: Send, *, gzip: bool) -> None:
    """Write an answer out, compressed when the client asked for it and the answer allows it."""
    headers = [(b"content-type", answer.content_type.encode("ascii"))]
    pieces = answer.pieces
    if gzip and answer.compressible:
        headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        pieces = _compressed(pieces)
    elif answer.length is not None:
        headers.append((b"content-length", str(answer.length).encode("ascii")))
    await send({"type": "http.response.start", "status": answer.http_status, "headers": headers})
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def unaccented(text: str) -> str:
    """Vietnamese without its marks, in ASCII: `Đơn vị gửi` becomes `Don vi gui`."""
    bare = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in bare if not unicodedata.combining(letter)).encode("ascii", "replace").decode()


def item_row(item: Item) -> dict[str, object | None]:
    """One row of getReceivedEdocList (axis API 5.1)."""
    return {
        "docId": item.doc_id,
        "serviceType": "eDoc",
        "messageType": item.message_type.value,
        "created_time": item.created_time,
        "updated_time": item.updated_time,
        "from": item.from_code,
        "to": item.to_code,
        "status": item.status.value,
        "status_desc": item.status_desc if item.status_desc is not None else "",
    }


def sent_row(row: SentRow) -> dict[str, object | None]:
    """One row of getSentEdocList (axis API 5.5); the caller adds the kind of message it asked for."""
    return {
        "serviceType": "eDoc",
        "senderDocId": row.sender_doc_id,
        "receiverDocId": row.receiver_doc_id,
        "fromCode": row.from_code,
        "toCode": row.to_code,
        "title": row.title,
        "notation": row.notation,
        "sentTime": row.sent_time,
        "receivedTime": row.received_time,
        "sendStatus": row.send_status,
        "receiveStatus": row.receive_status,
    }


def agency_row(agency: Agency) -> dict[str, object | None]:
    """One row of getAgenciesList (axis API 5.7)."""
    return {
        "id": agency.id,
        "code": agency.code,
        "name": agency.name,
        "mail": agency.mail,
        "pid": agency.parent_id,
        "oldCode": agency.old_code,
    }


def agency_row_qd20(agency: Agency) -> dict[str, object | None]:
    """One row of getAgenciesListQD20."""
    return {
        "id": agency.id,
        "code": agency.code,
        "name": agency.name,
        "mail": agency.mail,
        "code102": agency.code_2016,
    }


def unit_row(agency: Agency) -> dict[str, object | None]:
    """One row of getSynchronizeUnit."""
    return {
        "id": agency.id,
        "pid": agency.parent_id,
        "code": agency.code,
        "name": agency.name,
        "mail": agency.mail,
        "version": agency.version,
        "centerCode": agency.center_code,
        "deleted": agency.deleted,
        "modifyDate": agency.modified,
        "isAgency": agency.is_agency,
    }


_OPENING = b'{"status":"OK","ErrorCode":"0","ErrorDesc":"Thanh cong","data":'
_ROWS_IN_A_PIECE = 500
_BYTES_IN_A_PIECE = 3 * 256 * 1024  # a multiple of three, so that the pieces' base64 joins without padding


def _whole(envelope: dict[str, object], http_status: int = 200) -> Answer:
    body = _json(envelope)
    return Answer(_one(body), len(body), http_status=http_status)


async def _one(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _list_pieces(rows: Rows[T], row: Callable[[T], dict[str, object | None]]) -> AsyncIterator[bytes]:
    yield _OPENING + b"["
    waiting: list[bytes] = []
    first = True
    async for each in _each(rows):
        waiting.append(_json({name: value for name, value in row(each).items() if value is not None}))
        if len(waiting) == _ROWS_IN_A_PIECE:
            yield (b"" if first else b",") + b",".join(waiting)
            first, waiting = False, []
            await asyncio.sleep(0)  # lets other requests in between the pieces of a long list
    if waiting:
        yield (b"" if first else b",") + b",".join(waiting)
    yield b"]}"


async def _each(rows: Rows[T]) -> AsyncIterator[T]:
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
        return
    for row in rows:
        yield row


async def _base64_pieces(source: Source) -> AsyncIterator[bytes]:
    yield _OPENING + b'"'
    async for piece in _file_pieces(source):
        yield pybase64.b64encode(piece)
    yield b'"}'


async def _file_pieces(source: Source) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(source.open)
    try:
        while piece := await asyncio.to_thread(_read_whole_piece, file):
            yield piece
    finally:
        file.close()


def _read_whole_piece(file: BinaryIO) -> bytes:
    """As many bytes as a piece holds, fewer only at the end: an unbuffered file may give less each time."""
    piece = file.read(_BYTES_IN_A_PIECE)
    while piece and len(piece) < _BYTES_IN_A_PIECE and (more := file.read(_BYTES_IN_A_PIECE - len(piece))):
        piece += more
    return piece


async def _compressed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    async for piece in pieces:
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()


def _json(value: dict[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
