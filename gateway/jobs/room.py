"""What a worker has room for: shares of lanes and of pools, counted down as jobs are taken. Pure.

Two things must not happen: that what is slow takes every slot, so that an urgent job waits for it, and that what is
urgent or plenty leaves nothing for keeping house.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.jobs.lanes import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How many more jobs of these lanes and pools may be taken. None stands for all of them, and for no pool too."""

    left: int
    lanes: frozenset[Lane] | None = None
    pools: frozenset[str] | None = None

    def covers(self, lane: Lane, pool: str | None) -> bool:
        """Whether a job counts here."""
        return (self.lanes is None or lane in self.lanes) and (self.pools is None or pool in self.pools)


class Shares:
    """Several shares, counted down together."""

    def __init__(self, shares: Iterable[Share]) -> None:
        self._shares = [(share, max(share.left, 0)) for share in shares]

    @property
    def shut(self) -> list[Share]:
        """Those that have nothing left."""
        return [share for share, left in self._shares if left == 0]

    def take(self, lane: Lane, pool: str | None) -> bool:
        """Take a job; False, and nothing taken, where one of its shares has nothing left."""
        if any(left == 0 for share, left in self._shares if share.covers(lane, pool)):
            return False
        self._shares = [(share, left - share.covers(lane, pool)) for share, left in self._shares]
        return True


SharesOf = Callable[[Sequence[str]], Awaitable[Sequence[Share]]]
"""The shares of the pools, given the pools of the jobs that this worker has in hand."""


async def no_pools(_: Sequence[str]) -> Sequence[Share]:
    """The SharesOf of a worker whose jobs share nothing."""
    return ()


def shares_of_lanes(slots: int, running: Sequence[Lane]) -> tuple[Share, ...]:
    """What each lane may still take of a worker's slots, given the lanes of what it has in hand.

    Of 8 slots one is kept for background work, which goes on whatever floods the lanes before it; of the others one is
    kept for the first two lanes, and one more for the first three. The last lane has two at the most. Under 4 slots
    nothing can be kept.
    """
    if slots < 4:
        return ()
    kept = slots // 4
    for_first_two = (kept + 1) // 2
    last, background = frozenset({Lane.LAST}), frozenset({Lane.BACKGROUND})
    ordinary = last | {Lane.NORMAL}
    later = ordinary | {Lane.THIRD}
    ceilings = (
        (slots - 1, frozenset(Lane) - background),
        (slots - for_first_two, later | background),
        (slots - for_first_two - 1, later),
        (slots - kept, ordinary | background),
        (slots - kept - 1, ordinary),
        (kept, background),
        (kept, last),
    )
    return tuple(
        Share(left=ceiling - sum(lane in lanes for lane in running), lanes=lanes) for ceiling, lanes in ceilings
    )
