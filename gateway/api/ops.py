"""For operators: liveness, readiness by named checks, metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.meters import Figures, Meters
from gateway.api.responses import problems
from gateway.problems import Problem, Text
from gateway.store import DatabaseUnavailable

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_NOTHING_TO_DO = Text("Không cần làm gì.", "Nothing to do.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one readiness check saw. `ok` is for the answer's status; `reason` says what was seen in either case."""

    ok: bool
    reason: Text
    action: Text = _NOTHING_TO_DO


class Scope(StrEnum):
    """all: of the whole gateway. node: of this node alone, for a balancer, which should not leave all of them at once."""

    ALL = "all"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Check:
    """A named readiness check, of this node alone or of the whole gateway. `look` may raise Problem: the reason."""

    name: str
    look: Callable[[], Awaitable[Reading]]
    scope: Scope = Scope.ALL


class CheckBody(BaseModel):
    """One check's result."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["database"])
    ok: bool
    reason: str
    reason_vi: str
    action: str
    action_vi: str


class Live(BaseModel):
    """The process answers."""

    model_config = ConfigDict(frozen=True)

    status: str = Field("alive", examples=["alive"])


class Ready(BaseModel):
    """Whether documents can be taken over and carried, by named checks."""

    model_config = ConfigDict(frozen=True)

    ready: bool
    checks: tuple[CheckBody, ...]


def router(
    checks: Callable[[], Awaitable[Sequence[Check]]],
    figures: Callable[[], Awaitable[Figures]],
    meters: Meters,
    *,
    check_seconds: float,
) -> APIRouter:
    """The routes. `checks` and `figures` are asked each time: connections come and go."""
    routes = APIRouter(tags=["operations"])

    @routes.get(
        "/health/live",
        operation_id="getLiveness",
        summary="The process answers; needs no key",
        openapi_extra={"security": []},
    )
    async def live() -> Live:
        return Live(status="alive")

    @routes.get(
        "/health/ready",
        operation_id="getReadiness",
        summary="Named checks with reason and what to do",
        description="For a balancer: scope=node, which an axis that is down does not make fail. "
        "Bộ cân bằng tải dùng scope=node: trục ngừng thì nút vẫn sẵn sàng.",
        response_model=Ready,
        responses={503: {"model": Ready, "description": "At least one check fails."}, **problems(401, 422)},
    )
    async def ready(scope: Annotated[Scope, Query(description="Which checks count.")] = Scope.ALL) -> JSONResponse:
        try:
            named = await checks()
        except DatabaseUnavailable as problem:
            named = [Check("database", partial(_fails, problem), Scope.NODE)]
        asked = [check for check in named if scope is Scope.ALL or check.scope is Scope.NODE]
        results = await asyncio.gather(*(_result(check, check_seconds) for check in asked))
        body = Ready(ready=all(result.ok for result in results), checks=tuple(results))
        return JSONResponse(
            body.model_dump(mode="json"),
            status_code=200 if body.ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    @routes.get(
        "/metrics",
        operation_id="getMetrics",
        summary="Figures in Prometheus's text format",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **problems(401, 503)},
    )
    async def metrics() -> Response:
        return Response(meters.exposition(await figures()), media_type=METRICS_TYPE)

    return routes


async def _fails(problem: Problem) -> Reading:
    raise problem


async def _result(check: Check, seconds: float) -> CheckBody:
    try:
        async with asyncio.timeout(seconds):
            reading = await check.look()
    except Problem as problem:
        reading = Reading(ok=False, reason=problem.text, action=problem.action)
    except TimeoutError:
        reading = _no_answer(seconds)
    return CheckBody(
        name=check.name,
        ok=reading.ok,
        reason=reading.reason.en,
        reason_vi=reading.reason.vi,
        action=reading.action.en,
        action_vi=reading.action.vi,
    )


def _no_answer(seconds: float) -> Reading:
    return Reading(
        ok=False,
        reason=Text(f"Không có trả lời trong {seconds:g} giây.", f"There was no answer within {seconds:g} seconds."),
        action=Text(
            "Kiểm tra thành phần này có bị treo không (đĩa, mạng, cơ sở dữ liệu).",
            "See whether this part hangs (disk, network, database).",
        ),
    )
