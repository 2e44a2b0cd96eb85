"""Which pool a job draws on: the line to one axis, out or in, and on the way out by what may not wait for what.

A worker takes no more jobs of a pool than its line has places for, and none while the line is stopped or its breaker
is open; so what waits keeps its order and costs nothing.
"""

from collections.abc import Mapping

from gateway.axis.places import Weight
from gateway.axis.port import MessageType
from gateway.documents import repository
from gateway.documents.model import Dispatch
from gateway.jobs import Jobs, Lane
from gateway.store import Transaction

LARGE_BYTES = 5 * 1024 * 1024
"""From here on a packet is large: over an agency's line of 8 Mbit/s it takes five seconds and more."""

URGENT, SMALL, LARGE = "urgent", "small", "large"


def way_out(connection_id: str) -> str:
    """The name of what all sends of a connection share."""
    return f"out:{connection_id}"


def way_in(connection_id: str) -> str:
    """The pool of all arrivals of a connection."""
    return f"in:{connection_id}"


def sender_of(connection_id: str, from_code: str) -> str:
    """The name of what all sends in the name of one code share."""
    return f"from:{connection_id}:{from_code}"


def pool_of(connection_id: str, weight: Weight) -> str:
    """The pool of a dispatch."""
    return f"{way_out(connection_id)}:{_OF_WEIGHT[weight]}"


def pools_out(connection_id: str) -> tuple[str, str, str]:
    """The pools of all dispatches of a connection: urgent, small, large."""
    out = way_out(connection_id)
    return f"{out}:{URGENT}", f"{out}:{SMALL}", f"{out}:{LARGE}"


def weight_of(dispatch: Dispatch, size: int) -> Weight:
    """What a dispatch of so many bytes is to the others. A status is small and not urgent, whatever its lane."""
    if size >= LARGE_BYTES:
        return Weight.LARGE
    urgent = dispatch.message_type is MessageType.EDOC and dispatch.lane < Lane.NORMAL
    return Weight.URGENT if urgent else Weight.PACKET


async def put_dispatch(
    tx: Transaction,
    jobs: Jobs,
    dispatch: Dispatch,
    *,
    size: int | None = None,
    payload: Mapping[str, str] | None = None,
) -> None:
    """Have a dispatch leave. `size` of its files in bytes, where it is known to the caller."""
    if size is None:
        is_document = dispatch.message_type is MessageType.EDOC
        files = await repository.attachments_of(tx, dispatch.document_id) if is_document else []
        size = sum(one.blob.size for one in files)
    await jobs.put(
        tx,
        kind="dispatch",
        key=dispatch.id,
        payload=payload,
        lane=Lane(dispatch.lane),
        pool=pool_of(dispatch.connection_id, weight_of(dispatch, size)),
    )


async def put_arrival(
    tx: Transaction, jobs: Jobs, arrival_id: str, connection_id: str, lane: Lane = Lane.NORMAL
) -> None:
    """Have an arrival worked on."""
    await jobs.put(tx, kind="arrival", key=arrival_id, lane=lane, pool=way_in(connection_id))


async def put_arrivals(tx: Transaction, jobs: Jobs, connection_id: str, lanes: Mapping[str, Lane]) -> None:
    """Have many arrivals of a connection worked on, each in its lane; what waits or runs is left as it is."""
    await jobs.put_all(tx, "arrival", lanes, pool=way_in(connection_id))


_OF_WEIGHT = {Weight.URGENT: URGENT, Weight.CALL: SMALL, Weight.PACKET: SMALL, Weight.LARGE: LARGE}
