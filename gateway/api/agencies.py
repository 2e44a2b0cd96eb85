"""/v1/agencies: what is known of a code before anything is sent to it."""

from fastapi import APIRouter

from gateway.api import views
from gateway.api.parameters import CodePath
from gateway.api.responses import problems
from gateway.directory import catalogue
from gateway.directory.catalogue import Standing
from gateway.problems import Kind, Problem, Text
from gateway.store import Store
from gateway.times import VIETNAM, Clock


def router(store: Store, clock: Clock) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["agencies"])

    @routes.get(
        "/agencies/{code}",
        operation_id="getAgency",
        summary="Who a code is, by the axis's list, the level-1 list and our own units",
        responses=problems(401, 404, 422, 503),
    )
    async def get_agency(code: CodePath) -> views.AgencyView:
        async with store.read() as tx:
            standing = await catalogue.standing(tx, code, clock().astimezone(VIETNAM).date())
        if standing.known_by is None:
            raise _unknown(standing)
        return views.agency(standing)

    return routes


def _unknown(standing: Standing) -> Problem:
    text = Text("Không danh mục nào có mã này.", "No list has this code.")
    if standing.proposal is None:
        action = Text("Kiểm tra lại mã định danh với cơ quan đó.", "Check the code with that body.")
    else:
        other = standing.proposal.code
        action = Text(
            f"Có thể mã đúng là {other}; hãy xác nhận trước khi dùng.",
            f"It may be {other}; have it confirmed before use.",
        )
    return Problem("agency.unknown", Kind.NOT_FOUND, text, action, field="code")
