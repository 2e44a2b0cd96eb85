"""What a cut-off date would divide, shown to a person before a connection is made active (design rule 10)."""

from dataclasses import dataclass
from datetime import datetime

from gateway.documents import repository
from gateway.documents.model import ArrivalState
from gateway.edxml.values import read_moment
from gateway.store import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Divided:
    """Observed arrivals counted by the axis's own date of them; `undated` when it gives none that can be read.

    A preview only: when an arrival is taken in, the last hop written in its packet decides.
    """

    before: int
    since: int
    undated: int


async def divided(tx: Transaction, connection_id: str, cut_off: datetime) -> Divided:
    """How many observed arrivals of a connection lie before `cut_off`, and how many do not."""
    before = since = undated = 0
    for arrival in await repository.arrivals_in(tx, connection_id, ArrivalState.OBSERVED):
        moment = read_moment(arrival.created_time) if arrival.created_time else None
        if moment is None:
            undated += 1
        elif moment.value < cut_off:
            before += 1
        else:
            since += 1
    return Divided(before=before, since=since, undated=undated)
