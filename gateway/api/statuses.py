"""/v1/documents/{id}/statuses: what the document system reports of a document."""

from typing import Annotated

from fastapi import APIRouter, Body, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.api import views
from gateway.api.documents import visible
from gateway.api.door import client_of
from gateway.api.logging import correlation_id
from gateway.api.parameters import PRINTABLE, DocumentPath
from gateway.api.responses import problems
from gateway.documents.model import Direction
from gateway.handover.inbox import Inbox
from gateway.statuses.model import Staff
from gateway.statuses.reporting import Reporter
from gateway.store import Store

Line = Annotated[str, Field(max_length=100, pattern=PRINTABLE)]


class StaffIn(BaseModel):
    """Who did it, as StaffInfo of the packet says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    department: Line | None = None
    staff: Line | None = None
    email: Line | None = None
    mobile: Line | None = None


class StatusIn(BaseModel):
    """One step of a document, reported by its document system."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str = Field(min_length=1, max_length=2, pattern="^[0-9]{1,2}$", examples=["03"])
    description: str | None = Field(
        None,
        max_length=500,
        pattern="^[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ufffe\\uffff]*$",
        description="The reason, where the status needs one (02, 13, 16).",
    )
    staff: StaffIn = StaffIn()
    source_time: AwareDatetime | None = Field(None, description="When it happened, with its zone; now if absent.")
    recipient: Annotated[str, Field(max_length=35, pattern=PRINTABLE)] | None = Field(
        None, description="For 13 on a document of ours: only this recipient."
    )


def router(store: Store, reporter: Reporter, inbox: Inbox) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["statuses"])

    @routes.post(
        "/documents/{id}/statuses",
        operation_id="postStatus",
        summary="Report a step: it is recorded, and goes to the other side as a status packet",
        description="The same step reported twice gives the first record. Một bước báo hai lần chỉ ghi nhận một lần.",
        status_code=202,
        responses=problems(400, 401, 404, 408, 413, 422, 503),
    )
    async def post_status(request: Request, id: DocumentPath, said: Annotated[StatusIn, Body()]) -> views.StatusList:
        async with store.begin() as tx:
            document = await visible(tx, client_of(request), id)
            if document.direction is Direction.IN:
                await inbox.settle_by_report(tx, document, correlation_id=correlation_id())
            events = await reporter.report(
                tx,
                document,
                code=said.code,
                description=said.description,
                staff=Staff(
                    department=said.staff.department,
                    staff=said.staff.staff,
                    email=said.staff.email,
                    mobile=said.staff.mobile,
                ),
                source_time=said.source_time,
                recipient=said.recipient,
                correlation_id=correlation_id(),
            )
        return views.StatusList(items=tuple(views.status(event) for event in events))

    return routes
