"""/v1/documents/{id}/evidence: a bundle that can be checked without the gateway."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request, Response
from starlette.responses import StreamingResponse

from gateway.api.documents import visible
from gateway.api.door import client_of
from gateway.api.parameters import DocumentPath
from gateway.api.responses import file_headers, problems
from gateway.evidence.bundle import write_bundle
from gateway.evidence.gathering import EvidenceOf, Gathered, gather
from gateway.store import Blobs, BlobWriter, Store

_ZIP = "application/zip"
_PIECE = 256 * 1024


def router(store: Store, blobs: Blobs, evidence_of: EvidenceOf) -> APIRouter:
    """The route. One bundle is put together at a time: each is a second copy of its packets on the disk."""
    routes = APIRouter(prefix="/v1", tags=["documents"])
    turn = asyncio.Lock()

    @routes.get(
        "/documents/{id}/evidence",
        operation_id="getEvidence",
        summary="All there is about a document, to be checked with `gateway evidence verify`",
        response_class=Response,
        responses={
            200: {"content": {_ZIP: {"schema": {"type": "string", "format": "binary"}}}},
            **problems(401, 404, 422, 503),
        },
    )
    async def get_evidence(request: Request, id: DocumentPath) -> StreamingResponse:
        async with turn:
            async with store.snapshot() as tx:
                document = await visible(tx, client_of(request), id)
                gathered = await gather(tx, document.id, evidence_of)
            writer = await asyncio.to_thread(_written, gathered, blobs)
        headers = file_headers(f"evidence-{document.id}.zip", size=writer.size, sha256=writer.sha256)
        return StreamingResponse(_pieces(writer), media_type=_ZIP, headers=headers)

    return routes


def _written(gathered: Gathered, blobs: Blobs) -> BlobWriter:
    writer = blobs.create()
    try:
        write_bundle(gathered, blobs, writer)
    except BaseException:
        writer.discard()
        raise
    return writer


async def _pieces(writer: BlobWriter) -> AsyncIterator[bytes]:
    """The bundle, which is forgotten afterwards; one that nobody fetched is swept with other unfinished files."""
    try:
        with await asyncio.to_thread(writer.reopen) as stream:
            while data := await asyncio.to_thread(stream.read, _PIECE):
                yield data
    finally:
        writer.discard()
