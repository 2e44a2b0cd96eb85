"""/v1/webhooks: where events are told; a test call; telling again. Endpoints themselves are the operator's to change."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from gateway.api.clients import Client
from gateway.api.door import client_of
from gateway.api.parameters import LARGEST_SEQ
from gateway.api.responses import problems
from gateway.api.views import Shown, View
from gateway.handover.webhooks import endpoints
from gateway.handover.webhooks.calling import Caller
from gateway.handover.webhooks.model import Backlog, Called, Endpoint
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.store import Store, Transaction

WebhookPath = Annotated[str, Path(pattern="^[a-z0-9][a-z0-9.-]{0,59}$", description="The webhook's name.")]


class WebhookView(View):
    """Where events of some units are told, and how that goes."""

    name: str
    url: str
    units: tuple[str, ...]
    groups: tuple[str, ...] = Field(description="document, status, alarm")
    hands_over: bool = Field(description="Whether an answer 2xx to document.arrived hands the document over.")
    state: str = Field(description="active or paused")
    paused_reason: str | None = Field(description="operator, gone (410) or failing")
    told_to: int = Field(description="Events of the feed up to here were given out to be told.")
    waiting: int = Field(description="Documents of which something is still to be told.")
    given_up: int = Field(description="Documents whose calls failed for days; resume or replay tries again.")
    failing_since: Shown | None
    last_error: str | None = Field(examples=["http_500", "timeout"])


class WebhookList(View):
    """Webhooks, by name."""

    items: tuple[WebhookView, ...]


class WebhookTestView(View):
    """What came of a test call."""

    ok: bool
    failure: str | None = Field(examples=["http_500", "timeout", "connect", "tls", "dns", "host_not_allowed"])
    http_status: int | None
    seconds: float


class ReplayIn(BaseModel):
    """From where to tell again: a time, or a place in the feed."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    from_: AwareDatetime | None = Field(None, alias="from", description="What happened since, with its zone.")
    after: int | None = Field(None, ge=0, le=LARGEST_SEQ, description="What stands after this seq in the feed.")


def router(store: Store, jobs: Jobs, caller: Caller) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])

    @routes.get(
        "",
        operation_id="listWebhooks",
        summary="Webhooks that speak of this key's units only",
        responses=problems(401, 503),
    )
    async def list_webhooks(request: Request) -> WebhookList:
        client = client_of(request)
        async with store.read() as tx:
            found = await endpoints.every(tx)
        shown = tuple(_shown(one, backlog) for one, backlog in found if one.units <= client.units)
        return WebhookList(items=shown)

    @routes.post(
        "/{name}/test",
        operation_id="testWebhook",
        summary="Make one call of type webhook.test now, and tell what came of it",
        responses=problems(401, 404, 422, 503),
    )
    async def test_webhook(request: Request, name: WebhookPath) -> WebhookTestView:
        async with store.read() as tx:
            endpoint = await _visible(tx, client_of(request), name)
        return _tested(await caller.test(endpoint))

    @routes.post(
        "/{name}/replay",
        operation_id="replayWebhook",
        summary="Tell again what happened since a time, with the same webhook-id as then",
        status_code=202,
        responses=problems(400, 401, 404, 408, 413, 422, 503),
    )
    async def replay_webhook(request: Request, name: WebhookPath, said: Annotated[ReplayIn, Body()]) -> WebhookView:
        if (said.from_ is None) == (said.after is None):
            raise _one_place()
        async with store.begin() as tx:
            await _visible(tx, client_of(request), name)
            await endpoints.replay(tx, jobs, name, since=said.from_, after=said.after)
            endpoint = await endpoints.get(tx, name)
            backlog = await endpoints.backlog(tx, endpoint)
        return _shown(endpoint, backlog)

    return routes


def _shown(endpoint: Endpoint, backlog: Backlog) -> WebhookView:
    """A webhook; the places of its secrets are the operator's affair."""
    return WebhookView(
        name=endpoint.name,
        url=endpoint.url,
        units=tuple(sorted(endpoint.units)),
        groups=tuple(sorted(endpoint.groups)),
        hands_over=endpoint.hands_over,
        state=endpoint.state,
        paused_reason=endpoint.paused_reason,
        told_to=endpoint.cursor,
        waiting=backlog.open + backlog.parked,
        given_up=backlog.failed,
        failing_since=endpoint.failing_since,
        last_error=endpoint.last_error,
    )


def _tested(called: Called) -> WebhookTestView:
    """What came of a test call."""
    return WebhookTestView(
        ok=called.failure is None,
        failure=called.failure,
        http_status=called.http_status,
        seconds=round(called.seconds, 3),
    )


async def _visible(tx: Transaction, client: Client, name: str) -> Endpoint:
    endpoint = await endpoints.get(tx, name)
    if not endpoint.units <= client.units:
        raise endpoints.unknown()
    return endpoint


def _one_place() -> Problem:
    return Problem(
        "webhook.replay_place",
        Kind.INVALID,
        Text("Cần đúng một trong from và after.", "Give one of from and after."),
        Text("Ghi from là thời điểm có múi giờ, hoặc after là số seq.", "Write from with a time, or after with a seq."),
        field="/from",
    )
