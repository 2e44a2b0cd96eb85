"""A line's places are shared by the nodes that live, and each packet has the weight that its size and urgency give it."""

from dataclasses import fields
from typing import Any

import pytest
from clocks import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.places import Weight
from gateway.axis.port import MessageType
from gateway.documents.lanes import STATUS_LANE, lane_of
from gateway.documents.model import Dispatch, DispatchState
from gateway.documents.pools import LARGE_BYTES, pool_of, pools_out, weight_of
from gateway.documents.traffic import portion


@given(st.integers(1, 10), st.integers(1, 30))
def test_the_places_of_a_connection_are_shared_evenly_by_its_nodes(places: int, nodes: int) -> None:
    portions = [portion(places, place, nodes) for place in range(nodes)]
    assert sum(portions) == max(places, nodes)
    assert max(portions) - min(portions) <= 1


def a_dispatch(kind: MessageType, lane: int) -> Dispatch:
    values: dict[str, Any] = {one.name: None for one in fields(Dispatch)}  # Any: most do not matter here
    return Dispatch(
        **values
        | {"message_type": kind, "lane": lane, "state": DispatchState.QUEUED, "created_at": FakeClock()(), "doubts": 0}
    )


@pytest.mark.parametrize(
    ("priority", "size", "expected"),
    [
        (0, 10, Weight.PACKET),
        (1, 10, Weight.URGENT),
        (2, 10, Weight.URGENT),
        (3, LARGE_BYTES - 1, Weight.URGENT),
        (3, LARGE_BYTES, Weight.LARGE),
        (0, LARGE_BYTES, Weight.LARGE),
        (9, 10, Weight.PACKET),
    ],
)
def test_what_a_document_weighs(priority: int, size: int, expected: Weight) -> None:
    assert weight_of(a_dispatch(MessageType.EDOC, int(lane_of(priority))), size) is expected


def test_a_flood_of_statuses_takes_no_place_that_is_kept_for_urgent_documents() -> None:
    assert weight_of(a_dispatch(MessageType.STATUS, int(STATUS_LANE)), 10) is Weight.PACKET


@given(st.sampled_from(list(Weight)))
def test_every_dispatch_draws_on_a_pool_that_is_counted(weight: Weight) -> None:
    assert pool_of("truc", weight) in pools_out("truc")
