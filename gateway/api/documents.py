"""/v1/documents: hand over, check, list, show, download, cancel."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from gateway.api import examples, views
from gateway.api.clients import Client
from gateway.api.door import client_of
from gateway.api.downloads import download
from gateway.api.intake import Intake, idempotency_key
from gateway.api.logging import correlation_id
from gateway.api.parameters import DocumentPath, Limit, Short, cursor_of, cursor_text, day_begins, day_ends
from gateway.api.responses import problems
from gateway.api.submission import Submission
from gateway.documents import repository
from gateway.documents.model import Direction, Document, DocumentState
from gateway.documents.outgoing import Outgoing
from gateway.documents.repository import Cursor, DocumentFilter
from gateway.documents.signatures import repository as signatures
from gateway.handover import repository as handover
from gateway.problems import Kind, Problem, Text
from gateway.statuses import repository as statuses
from gateway.store import Blobs, Store, Transaction

_OCTETS = "application/octet-stream"
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {_OCTETS: {"schema": {"type": "string", "format": "binary"}}}}
}


def router(store: Store, blobs: Blobs, intake: Intake, submission: Submission, outgoing: Outgoing) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["documents"])

    @routes.post(
        "/documents",
        operation_id="postDocument",
        summary="Hand over a document to be sent",
        status_code=202,
        response_model=views.AcceptedView,
        responses={202: examples.ACCEPTED, **problems(400, 401, 408, 409, 413, 415, 422, 429, 503)},
        openapi_extra=examples.post_document(),
    )
    async def post_document(request: Request) -> JSONResponse:
        client = client_of(request)
        key = idempotency_key(request)
        known = await submission.known(client, key)
        async with intake.receive(request, known=known) as upload:
            submitted = await submission.take(client, upload, key, correlation_id() or "")
        view = views.accepted(submitted.document)
        headers = {"Location": view.href}
        if submitted.replayed:
            headers["Idempotent-Replayed"] = "true"
        return JSONResponse(view.model_dump(mode="json"), status_code=202, headers=headers)

    @routes.post(
        "/documents:check",
        operation_id="checkDocument",
        summary="Every check of a real send; nothing is kept",
        response_model=views.CheckedView,
        responses=problems(400, 401, 408, 413, 415, 422, 429, 503),
        openapi_extra=examples.check_document(),
    )
    async def check_document(request: Request) -> views.CheckedView:
        client = client_of(request)
        async with intake.receive(request) as upload:
            return views.checked(await submission.check(client, upload))

    @routes.get(
        "/documents",
        operation_id="listDocuments",
        summary="Documents of your units, newest first",
        responses=problems(401, 422, 503),
    )
    async def list_documents(
        request: Request,
        direction: Direction | None = None,
        state: DocumentState | None = None,
        number: Short = None,
        notation: Short = None,
        document_id: Short = None,
        since: Annotated[date | None, Query(alias="from", description="First day of our receipt, in Vietnam.")] = None,
        until: Annotated[date | None, Query(alias="to", description="Last day of our receipt, in Vietnam.")] = None,
        cursor: Short = None,
        limit: Limit = 50,
    ) -> views.DocumentList:
        wanted = DocumentFilter(
            unit_codes=client_of(request).units,
            direction=direction,
            state=state,
            number=number,
            notation=notation,
            document_id=document_id,
            since=day_begins(since) if since else None,
            until=day_ends(until) if until else None,
        )
        before = cursor_of(cursor) if cursor else None
        async with store.read() as tx:
            found = await repository.search_documents(tx, wanted, before=before, limit=limit + 1)
        page, more = found[:limit], len(found) > limit
        last = cursor_text(Cursor(created_at=page[-1].created_at, id=page[-1].id)) if more else None
        return views.DocumentList(items=tuple(views.line(one) for one in page), next=last)

    @routes.get(
        "/documents/{id}",
        operation_id="getDocument",
        summary="A document: recipients with both states, files, timeline, findings",
        responses=problems(401, 404, 422, 503),
    )
    async def get_document(request: Request, id: DocumentPath) -> views.DocumentView:
        async with store.read() as tx:
            return await shown_document(tx, await visible(tx, client_of(request), id))

    @routes.get(
        "/documents/{id}/packet",
        operation_id="getPacket",
        summary="The packet's bytes as sent or received",
        response_class=Response,
        responses={
            200: {"content": {"application/xml": {"schema": {"type": "string"}}}},
            **problems(401, 404, 422, 503),
        },
    )
    async def get_packet(request: Request, id: DocumentPath) -> StreamingResponse:
        async with store.read() as tx:
            document = await visible(tx, client_of(request), id)
            packet = await repository.packet_of_document(tx, document.id)
        if packet is None:
            raise _no_packet()
        return await download(blobs, packet.blob, safe_name=f"{document.id}.edxml", media_type="application/xml")

    @routes.get(
        "/documents/{id}/attachments/{n}",
        operation_id="getAttachment",
        summary="One file, counted from 1",
        response_class=Response,
        responses={**_FILE, **problems(401, 404, 422, 503)},
    )
    async def get_attachment(request: Request, id: DocumentPath, n: int) -> StreamingResponse:
        async with store.read() as tx:
            document = await visible(tx, client_of(request), id)
            files = await repository.attachments_of(tx, document.id)
        file = next((one for one in files if one.position == n), None)
        if file is None:
            raise _no_attachment()
        return await download(blobs, file.blob, safe_name=file.safe_name, media_type=_OCTETS)

    @routes.post(
        "/documents/{id}/cancel",
        operation_id="cancelDocument",
        summary="Take back a document of which nothing has left",
        responses=problems(401, 404, 409, 422, 503),
    )
    async def cancel_document(request: Request, id: DocumentPath) -> views.DocumentLine:
        async with store.begin() as tx:
            document = await visible(tx, client_of(request), id)
            return views.line(await outgoing.cancel(tx, document))

    return routes


async def visible(tx: Transaction, client: Client, id: str) -> Document:
    """The client's document; raises Problem `document.unknown`, the same for another unit's (G-79)."""
    document = await repository.find_document(tx, id)
    if document is None or document.unit_code not in client.units:
        raise Problem(
            "document.unknown",
            Kind.NOT_FOUND,
            Text("Không có văn bản này trong các đơn vị của bạn.", "There is no such document in your units."),
            Text("Kiểm tra địa chỉ văn bản (Location) và khóa API.", "Check the document's address and the API key."),
        )
    return document


async def shown_document(tx: Transaction, document: Document) -> views.DocumentView:
    """The document with all that became of it."""
    dispatches = await repository.dispatches_of(tx, document.id)
    said = await statuses.history(tx, document.id)
    signed = {document.id, *(one.id for one in dispatches)}
    signed |= {one.arrival_id or one.dispatch_id or "" for one in said}
    return views.whole(
        document,
        recipients=await repository.recipients_of(tx, document.id),
        attachments=await repository.attachments_of(tx, document.id),
        dispatches=dispatches,
        statuses=said,
        events=await handover.events_of(tx, document.id),
        signatures=await signatures.facts_of(tx, signed),
    )


def _no_packet() -> Problem:
    return Problem(
        "packet.not_built",
        Kind.NOT_FOUND,
        Text("Gói tin của văn bản chưa được tạo.", "The document's packet was not built yet."),
        Text("Thử lại sau khi văn bản được gửi đi.", "Try again when the document has been sent."),
    )


def _no_attachment() -> Problem:
    return Problem(
        "attachment.unknown",
        Kind.NOT_FOUND,
        Text("Văn bản không có tệp đính kèm số này.", "The document has no file of this number."),
        Text(
            "Xem danh sách attachments của văn bản; đánh số từ 1.", "See the document's attachments; they count from 1."
        ),
    )
