"""The HTTP application, put together from the services it is given."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from gateway.api import agencies, desk, documents, events, evidence, inbox, ops, problem, statuses, webhooks
from gateway.api.clients import Clients
from gateway.api.door import Door
from gateway.api.intake import Busy, Intake
from gateway.api.meters import Figures, Meters
from gateway.api.openapi import described
from gateway.api.ops import Check
from gateway.api.settings import ApiSettings
from gateway.api.submission import Submission
from gateway.desk.acting import Desk
from gateway.documents.outgoing import Outgoing
from gateway.edxml.limits import Limits
from gateway.evidence.gathering import EvidenceOf, kept
from gateway.handover.claims import Claims
from gateway.handover.feed import Feed
from gateway.handover.inbox import Inbox
from gateway.handover.webhooks.calling import Caller
from gateway.inspection import Inspector
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.statuses.reporting import Reporter
from gateway.store import Blobs, Store
from gateway.times import Clock

log = structlog.stdlib.get_logger("gateway.api")

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_TAGS = [
    {"name": "documents", "description": "Hand over, check, list, download. Gửi, kiểm tra, tra cứu, tải văn bản."},
    {"name": "statuses", "description": "Report steps. Báo trạng thái xử lý."},
    {"name": "inbox", "description": "Claim and confirm what came. Nhận và xác nhận văn bản đến."},
    {"name": "events", "description": "What happened. Các sự kiện."},
    {"name": "webhooks", "description": "The gateway calls you. Cổng gọi sang phần mềm."},
    {"name": "desk", "description": "What went wrong, and what to do. Bàn xử lý sự cố."},
    {"name": "agencies", "description": "Who a code is. Tra cứu mã định danh."},
    {"name": "operations", "description": "Health and metrics. Vận hành."},
]


@dataclass(frozen=True, kw_only=True)
class ApiParts:
    """What the HTTP side needs. `limits` bound a ready-made packet, besides the settings."""

    store: Store
    blobs: Blobs
    clock: Clock
    settings: ApiSettings
    clients: Clients
    outgoing: Outgoing
    inspector: Inspector
    reporter: Reporter
    inbox: Inbox
    claims: Claims
    feed: Feed
    jobs: Jobs
    desk: Desk
    caller: Caller
    busy: Busy
    checks: Callable[[], Awaitable[Sequence[Check]]]
    figures: Callable[[], Awaitable[Figures]]
    meters: Meters
    limits: Limits
    evidence_of: EvidenceOf = kept
    version: str = "0.1.0"
    lifespan: Lifespan | None = None


def create_api(parts: ApiParts) -> FastAPI:
    """The application. Nothing is anonymous but /health/live."""
    app = FastAPI(
        title="Liên Thông Gateway",
        summary="Between an agency's document system and the national document axis",
        description="Documents out, documents in, statuses back. Every refusal is a problem detail (RFC 9457) with a "
        "stable code, both languages, a pointer and what to do. "
        "Cổng liên thông văn bản: gửi văn bản, nhận văn bản, báo trạng thái.",
        version=parts.version,
        openapi_tags=_TAGS,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=parts.lifespan,
    )
    intake = Intake(parts.settings, parts.blobs, parts.busy, parts.limits)
    submission = Submission(parts.store, parts.outgoing, parts.inspector, parts.clock)
    app.include_router(documents.router(parts.store, parts.blobs, intake, submission, parts.outgoing))
    app.include_router(evidence.router(parts.store, parts.blobs, parts.evidence_of))
    app.include_router(statuses.router(parts.store, parts.reporter, parts.inbox))
    app.include_router(inbox.router(parts.claims, most_seconds=parts.settings.wait_seconds))
    app.include_router(events.router(parts.feed, most_seconds=parts.settings.wait_seconds))
    app.include_router(webhooks.router(parts.store, parts.jobs, parts.caller))
    app.include_router(desk.router(parts.store, parts.jobs, parts.desk))
    app.include_router(agencies.router(parts.store, parts.clock))
    app.include_router(
        ops.router(parts.checks, parts.figures, parts.meters, check_seconds=parts.settings.ready_check_seconds)
    )
    app.openapi = partial(described, app)  # type: ignore[method-assign]  # FastAPI's own way to change it
    guard(app, parts.clients, parts.meters, parts.settings)
    return app


def guard(app: FastAPI, clients: Clients, meters: Meters, settings: ApiSettings) -> None:
    """Put the door before an application and problem details behind everything it refuses."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)
    app.add_middleware(Door, clients=clients, meters=meters, settings=settings)


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem.response_of(error, _correlation_id(request))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem.response_of(problem.of_parameters(error.errors()), _correlation_id(request))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    refusal = _REFUSALS.get(error.status_code, _REFUSALS[400])
    return problem.response_of(refusal, _correlation_id(request), error.headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    """The last resort: the client learns the correlation id, the log where it happened; neither any value."""
    log.error("unexpected", exc_info=error, correlation_id=_correlation_id(request))
    return problem.response_of(_FAULT, _correlation_id(request))


def _correlation_id(request: Request) -> str:
    found: str = request.state.correlation_id
    return found


_FAULT = Problem(
    "internal.unexpected",
    Kind.INTERNAL,
    Text("Cổng gặp lỗi ngoài dự kiến.", "The gateway met an unexpected fault."),
    Text(
        "Thử lại; nếu còn lỗi, gửi mã instance cho quản trị để tra nhật ký.",
        "Try again; if it stays, give the instance to the operators, who find it in the logs.",
    ),
)

_REFUSALS = {
    400: problem.malformed_json(),
    404: Problem(
        "route.unknown",
        Kind.NOT_FOUND,
        Text("Không có địa chỉ này.", "There is nothing at this address."),
        Text("Xem openapi.yaml để biết các địa chỉ.", "See openapi.yaml for the addresses."),
    ),
    405: Problem(
        "method.not_allowed",
        Kind.INVALID,
        Text("Địa chỉ này không nhận phương thức đó.", "This address does not take that method."),
        Text("Xem tiêu đề Allow và openapi.yaml.", "See the header Allow, and openapi.yaml."),
    ),
    408: Problem(
        "body.too_slow",
        Kind.INVALID,
        Text("Hết thời gian chờ nội dung gửi lên.", "The body came too slowly."),
        Text("Kiểm tra đường truyền rồi gửi lại.", "Check the line, then send again."),
    ),
    413: Problem(
        "body.too_large",
        Kind.TOO_LARGE,
        Text("Nội dung gửi lên quá lớn.", "The body is too large."),
        Text("Gửi nội dung nhỏ hơn.", "Send less."),
    ),
}
