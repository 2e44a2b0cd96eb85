"""/v1/events: the plain feed of documents, statuses and alarms."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from gateway.api import views
from gateway.api.door import client_of
from gateway.api.parameters import LARGEST_SEQ, Limit
from gateway.api.responses import problems
from gateway.api.waiting import unless_gone
from gateway.handover.feed import Feed


def router(feed: Feed, *, most_seconds: int) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["events"])

    @routes.get(
        "/events",
        operation_id="listEvents",
        summary="What happened after a place in the feed",
        description="A reader that has seen a seq never misses a smaller one. Đọc tiếp bằng after = next.",
        responses=problems(401, 422, 503),
    )
    async def list_events(
        request: Request,
        after: Annotated[
            int, Query(ge=0, le=LARGEST_SEQ, description="`next` of the page before; 0 from the beginning.")
        ] = 0,
        wait: Annotated[int, Query(ge=0, le=300, description="Seconds to wait for the first.")] = 0,
        limit: Limit = 100,
    ) -> views.EventList:
        units = client_of(request).units
        asked = feed.after(units, after, limit=limit, wait=min(wait, most_seconds))
        events, seen = await unless_gone(request, asked)
        return views.EventList(items=tuple(views.event(one) for one in events), next=seen)

    return routes
