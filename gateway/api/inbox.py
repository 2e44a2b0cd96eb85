"""/v1/inbox: claim what waits, store it, confirm it. For a document 01 then goes out by itself."""

from typing import Annotated

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import views
from gateway.api.clients import Client
from gateway.api.door import client_of
from gateway.api.logging import correlation_id
from gateway.api.parameters import PRINTABLE, DeliveryPath
from gateway.api.responses import problems
from gateway.api.waiting import unless_gone
from gateway.handover.claims import Claims
from gateway.handover.notices.model import Reader, Sort
from gateway.problems import Kind, Problem, Text


class _Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClaimIn(_Said):
    """What to claim: of one unit, or of all that the key is bound to."""

    limit: int = Field(10, ge=1, le=100, description="At most so many.")
    wait: int = Field(0, ge=0, le=300, description="Seconds to wait for the first, bounded by a setting.")
    unit: str | None = Field(None, max_length=35, pattern=PRINTABLE, description="Only this unit.")
    kinds: frozenset[Sort] = Field(
        frozenset(Sort),
        min_length=1,
        description="document: what came in. sending: documents of yours sent, refused or unknown. "
        "status: statuses that came, and yours that were lost. alarm: what a person has to look at.",
    )


class ConfirmIn(_Said):
    """The document was stored."""

    lease: str = Field(min_length=1, max_length=100, pattern=PRINTABLE)


class RejectIn(_Said):
    """The document cannot be taken now."""

    lease: str = Field(min_length=1, max_length=100, pattern=PRINTABLE)
    reason: str = Field(min_length=1, max_length=500, pattern=PRINTABLE)


def router(claims: Claims, *, most_seconds: int) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["inbox"])

    @routes.post(
        "/inbox:claim",
        operation_id="claimInbox",
        summary="Claim what waits for its document system: documents, statuses, alarms",
        responses=problems(400, 401, 404, 408, 413, 422, 503),
    )
    async def claim_inbox(request: Request, said: Annotated[ClaimIn, Body()]) -> views.ClaimList:
        client = client_of(request)
        asked = claims.claim(
            _reader(client),
            said.kinds,
            units=_units(client, said.unit),
            limit=said.limit,
            wait=min(said.wait, most_seconds),
        )
        return views.ClaimList(items=tuple(views.claim(one) for one in await unless_gone(request, asked)))

    @routes.post(
        "/inbox/{id}/confirm",
        operation_id="confirmDelivery",
        summary="It was stored: a document counts as handed over, and 01 goes out",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def confirm(request: Request, id: DeliveryPath, said: Annotated[ConfirmIn, Body()]) -> views.DeliveryView:
        reader = _reader(client_of(request))
        return views.delivery(await claims.confirm(reader, id, said.lease, correlation_id=correlation_id()))

    @routes.post(
        "/inbox/{id}/reject",
        operation_id="rejectDelivery",
        summary="It cannot be taken now: it comes back later, and is set apart after too many times",
        responses=problems(400, 401, 404, 408, 409, 413, 422, 503),
    )
    async def reject(request: Request, id: DeliveryPath, said: Annotated[RejectIn, Body()]) -> views.DeliveryView:
        return views.delivery(await claims.reject(_reader(client_of(request)), id, said.lease, said.reason))

    return routes


def _reader(client: Client) -> Reader:
    return Reader(id=client.id, units=client.units, since=client.created_at)


def _units(client: Client, unit: str | None) -> frozenset[str]:
    if unit is None:
        return client.units
    if unit not in client.units:
        raise Problem(
            "unit.not_yours",
            Kind.NOT_FOUND,
            Text("Khóa API này không gắn với đơn vị nào có mã như vậy.", "This key is bound to no unit of this code."),
            Text("Bỏ trường unit hoặc dùng mã đơn vị của khóa.", "Leave out unit, or name one of the key's units."),
            field="/unit",
        )
    return frozenset({unit})
