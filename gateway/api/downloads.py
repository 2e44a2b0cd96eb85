"""Files on their way to a client, in pieces, from the blob folder."""

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse

from gateway.api.responses import file_headers
from gateway.store import Blob, BlobMissing, Blobs

_PIECE = 256 * 1024


async def download(blobs: Blobs, blob: Blob, *, safe_name: str, media_type: str) -> StreamingResponse:
    """The blob as an answer. Raises BlobMissing while there is still time to say so."""
    if not await asyncio.to_thread(blobs.exists, blob.key):
        raise BlobMissing
    return StreamingResponse(
        _pieces(blobs, blob), media_type=media_type, headers=file_headers(safe_name, size=blob.size, sha256=blob.sha256)
    )


async def _pieces(blobs: Blobs, blob: Blob) -> AsyncIterator[bytes]:
    """Ends in BlobDamaged, short of the announced length, when the bytes are not the blob's."""
    with await asyncio.to_thread(blobs.open_checked, blob) as stream:
        while data := await asyncio.to_thread(stream.read, _PIECE):
            yield data
