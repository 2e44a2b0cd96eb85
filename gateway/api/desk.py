"""/v1/desk: what went wrong, and what a person does about it; settling and resending of documents."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import views
from gateway.api.clients import Client
from gateway.api.documents import shown_document, visible
from gateway.api.door import client_of
from gateway.api.parameters import PRINTABLE, DocumentPath, Limit, Short, cursor_of, cursor_text
from gateway.api.responses import problems
from gateway.api.views import Shown, View
from gateway.axis.port import SentRow
from gateway.desk import looking
from gateway.desk.acting import Desk
from gateway.desk.model import Decision, DeskAction, DeskItem, DeskSort, Opened, Tried, Who
from gateway.documents.findings import StoredFinding, stored_findings
from gateway.documents.repository import Cursor
from gateway.jobs import Jobs
from gateway.store import Store

DeskPath = Annotated[str, Path(pattern="^[0-9a-f-]{36}$", description="The id of a thing on the desk.")]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=PRINTABLE, description="Why; written down.")]
CodeText = Annotated[str, Field(min_length=1, max_length=35, pattern="^[A-Za-z0-9._-]+$", examples=["A16.03"])]
_Id = Annotated[str, Field(pattern="^[0-9a-f-]{36}$")]
_MOST = 200


class _In(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReasonIn(_In):
    """Why it is done."""

    reason: Reason


class SettleIn(_In):
    """What is known of an unknown outcome: it arrived, or it is to be sent again."""

    outcome: Literal["arrived", "send_again"]
    reason: Reason


class SendAgainIn(_In):
    """What is sent again. `dry_run` tells what would be, and changes nothing."""

    ids: Annotated[tuple[_Id, ...], Field(min_length=1, max_length=_MOST)]
    reason: Reason
    dry_run: bool = False


class ResendIn(_In):
    """The recipients of a new dispatch. `force`: those too who have it, or may have it."""

    recipients: Annotated[tuple[CodeText, ...], Field(min_length=1, max_length=500)]
    reason: Reason
    force: bool = False


class ChangeAddresseeIn(_In):
    """A recipient's wrong code, and the right one in its place."""

    wrong: CodeText
    right: CodeText
    reason: Reason
    force: bool = False


class DeskLine(View):
    """One thing that somebody has to look at."""

    id: str
    href: str
    sort: str = Field(description="dispatch, arrival or delivery")
    state: str
    reason: str | None
    message_type: str = Field(description="edoc or status")
    document: str | None = Field(description="Our id of the document.")
    unit_code: str | None
    connection: str | None
    from_code: str | None
    to_codes: tuple[str, ...]
    attempts: int = Field(description="How often it was sent, fetched or rejected.")
    axis_doc_id: str | None
    axis_code: str | None = Field(description="ErrorCode of the axis's last answer.")
    axis_text: str | None
    created_at: Shown
    changed_at: Shown
    actions: tuple[str, ...] = Field(description="What may be done with it now.")
    advice: str = Field(description="What to do, in English.")
    advice_vi: str = Field(description="What to do, in Vietnamese.")


class DeskList(View):
    """One page, newest first; `next` is the cursor of the next page, null on the last."""

    items: tuple[DeskLine, ...]
    next: str | None


class AttemptView(View):
    """Why one attempt failed."""

    at: str
    reason: str


class SentRowView(View):
    """One row of the axis's sent list, as it came."""

    sender_doc_id: str | None
    receiver_doc_id: str | None
    from_code: str | None
    to_code: str | None
    title: str | None
    notation: str | None
    sent_time: str | None
    received_time: str | None
    send_status: str | None
    receive_status: str | None


class SettlingView(View):
    """What looking for evidence of an unknown outcome came to."""

    looks: int
    looked_at: Shown
    trouble: str | None = Field(description="Why the axis's sent list was not had, or not asked for.")
    rows: tuple[SentRowView, ...] = Field(description="Rows of the sent list that may be this packet.")
    asked_at: Shown | None = Field(description="When a person was asked.")


class DeskActionView(View):
    """An action that was taken."""

    at: Shown
    who: str
    action: str
    target: str
    reason: str
    before: str
    after: str


class DeskView(DeskLine):
    """A thing on the desk with all that is known of it."""

    tries: tuple[AttemptView, ...]
    settling: SettlingView | None
    findings: tuple[StoredFinding, ...]
    history: tuple[DeskActionView, ...]


class TriedView(View):
    """What came of one of several; `code` and the texts say why nothing was done with it."""

    id: str
    done: bool = Field(description="In a dry run: whether it would be.")
    code: str | None
    detail: str | None
    detail_vi: str | None


class TriedList(View):
    """In the order asked for."""

    dry_run: bool
    items: tuple[TriedView, ...]


def router(store: Store, jobs: Jobs, desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["desk"])

    @routes.get(
        "/desk",
        operation_id="listDesk",
        summary="Dead dispatches, items set apart and documents that were not taken over, newest first",
        responses=problems(401, 422, 503),
    )
    async def list_desk(
        request: Request, sort: DeskSort | None = None, reason: Short = None, cursor: Short = None, limit: Limit = 50
    ) -> DeskList:
        who, before = who_is(client_of(request)), cursor_of(cursor) if cursor else None
        sorts = tuple(DeskSort) if sort is None else (sort,)
        async with store.read() as tx:
            found = await looking.search(tx, who, sorts=sorts, reason=reason, before=before, limit=limit + 1)
        page = found[:limit]
        more = len(found) > limit
        last = cursor_text(Cursor(created_at=page[-1].changed_at, id=page[-1].id)) if more else None
        return DeskList(items=tuple(_line(one) for one in page), next=last)

    @routes.get(
        "/desk/{id}",
        operation_id="getDeskItem",
        summary="One thing with its attempts, the axis's words, evidence and what was done with it",
        responses=problems(401, 404, 422, 503),
    )
    async def get_desk_item(request: Request, id: DeskPath) -> DeskView:
        async with store.read() as tx:
            return _whole(await looking.opened(tx, jobs, who_is(client_of(request)), id))

    @routes.post(
        "/desk:send-again",
        operation_id="sendAgain",
        summary="Send one or many again, each by itself; dry_run changes nothing",
        responses=problems(400, 401, 408, 413, 422, 503),
    )
    async def send_again(request: Request, said: Annotated[SendAgainIn, Body()]) -> TriedList:
        tried = await desk.send_again(who_is(client_of(request)), said.ids, said.reason, dry_run=said.dry_run)
        return TriedList(dry_run=said.dry_run, items=tuple(_tried(one) for one in tried))

    @routes.post(
        "/desk/{id}/settle",
        operation_id="settleDispatch",
        summary="Say what came of a dispatch of unknown outcome",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def settle_dispatch(request: Request, id: DeskPath, said: Annotated[SettleIn, Body()]) -> DeskLine:
        async with store.begin() as tx:
            who = who_is(client_of(request))
            return _line(await desk.settle(tx, who, id, Decision(said.outcome), said.reason))

    @routes.post(
        "/desk/{id}/read-again",
        operation_id="readAgain",
        summary="Read anew what was set apart, from the packet that was kept",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def read_again(request: Request, id: DeskPath, said: Annotated[ReasonIn, Body()]) -> DeskLine:
        async with store.begin() as tx:
            return _line(await desk.read_again(tx, who_is(client_of(request)), id, said.reason))

    @routes.post(
        "/desk/{id}/discard",
        operation_id="discardDeskItem",
        summary="Do nothing more with it; all of it is kept",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def discard(request: Request, id: DeskPath, said: Annotated[ReasonIn, Body()]) -> DeskLine:
        async with store.begin() as tx:
            return _line(await desk.discard(tx, who_is(client_of(request)), id, said.reason))

    @routes.post(
        "/documents/{id}/settle",
        operation_id="settleDocument",
        summary="Say what came of a document of unknown outcome: it arrived, or send it again",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def settle_document(
        request: Request, id: DocumentPath, said: Annotated[SettleIn, Body()]
    ) -> views.DocumentView:
        client = client_of(request)
        async with store.begin() as tx:
            document = await visible(tx, client, id)
            await desk.settle_document(tx, who_is(client), document, Decision(said.outcome), said.reason)
            return await shown_document(tx, await visible(tx, client, id))

    @routes.post(
        "/documents/{id}/resend",
        operation_id="resendDocument",
        summary="A new dispatch to some recipients, who start anew; the others are untouched",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def resend_document(
        request: Request, id: DocumentPath, said: Annotated[ResendIn, Body()]
    ) -> views.DocumentView:
        client = client_of(request)
        async with store.begin() as tx:
            document = await visible(tx, client, id)
            await desk.resend(tx, who_is(client), document, said.recipients, said.reason, force=said.force)
            return await shown_document(tx, await visible(tx, client, id))

    @routes.post(
        "/documents/{id}/change-addressee",
        operation_id="changeAddressee",
        summary="A new dispatch with the right code in place of a wrong one",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def change_addressee(
        request: Request, id: DocumentPath, said: Annotated[ChangeAddresseeIn, Body()]
    ) -> views.DocumentView:
        client = client_of(request)
        async with store.begin() as tx:
            document = await visible(tx, client, id)
            await desk.change_addressee(
                tx, who_is(client), document, said.wrong, said.right, said.reason, force=said.force
            )
            return await shown_document(tx, await visible(tx, client, id))

    return routes


def who_is(client: Client) -> Who:
    """The client as one who acts at the desk."""
    return Who(name=f"key {client.id} ({client.name})", units=client.units)


def _line(one: DeskItem) -> DeskLine:
    return DeskLine(**_fields(one))


def _fields(one: DeskItem) -> dict[str, object]:
    return {
        "id": one.id,
        "href": f"/v1/desk/{one.id}",
        "sort": one.sort.value,
        "state": str(one.state),
        "reason": one.reason,
        "message_type": str(one.message_type),
        "document": one.document,
        "unit_code": one.unit_code,
        "connection": one.connection,
        "from_code": one.from_code,
        "to_codes": one.to_codes,
        "attempts": one.attempts,
        "axis_doc_id": one.axis_doc_id,
        "axis_code": one.axis_code,
        "axis_text": one.axis_text,
        "created_at": one.created_at,
        "changed_at": one.changed_at,
        "actions": tuple(action.value for action in one.actions),
        "advice": one.advice.en,
        "advice_vi": one.advice.vi,
    }


def _whole(opened: Opened) -> DeskView:
    settling = None
    if opened.settling is not None:
        settling = SettlingView(
            looks=opened.settling.looks,
            looked_at=opened.settling.looked_at,
            trouble=opened.settling.trouble,
            rows=tuple(_row(one) for one in opened.settling.rows),
            asked_at=opened.settling.asked_at,
        )
    return DeskView(
        **_fields(opened.item),
        tries=tuple(AttemptView(at=one.at, reason=one.reason) for one in opened.attempts),
        settling=settling,
        findings=stored_findings(opened.item.findings),
        history=tuple(_action(one) for one in opened.actions),
    )


def _row(one: SentRow) -> SentRowView:
    return SentRowView(
        sender_doc_id=one.sender_doc_id,
        receiver_doc_id=one.receiver_doc_id,
        from_code=one.from_code,
        to_code=one.to_code,
        title=one.title,
        notation=one.notation,
        sent_time=one.sent_time,
        received_time=one.received_time,
        send_status=one.send_status,
        receive_status=one.receive_status,
    )


def _action(one: DeskAction) -> DeskActionView:
    return DeskActionView(
        at=one.at,
        who=one.who,
        action=one.action,
        target=one.target,
        reason=one.reason,
        before=one.before,
        after=one.after,
    )


def _tried(one: Tried) -> TriedView:
    refused = one.refused
    return TriedView(
        id=one.id,
        done=refused is None,
        code=refused.code if refused else None,
        detail=refused.text.en if refused else None,
        detail_vi=refused.text.vi if refused else None,
    )
