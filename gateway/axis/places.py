"""How many exchanges with one axis run at a time, and who gets the next place: what is slow never takes the last one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import IntEnum


class Weight(IntEnum):
    """What an exchange is to the others: lighter ones go first, heavier ones leave places free for them."""

    URGENT = 0
    """A small packet that must not wait."""
    CALL = 1
    """Lists, acknowledgements, questions."""
    PACKET = 2
    """Every other packet of common size, either way."""
    LARGE = 3
    """A packet that may take minutes."""


def ceilings(places: int) -> dict[Weight, int]:
    """How many exchanges of a weight or a heavier one may run at a time.

    Of 4 places: 3 for all but urgent packets, 2 of them for packets, 1 of those for large ones. A single place is
    everybody's: nothing can be kept free then.
    """
    packets = max(places - 2, 1)
    return {
        Weight.URGENT: places,
        Weight.CALL: max(places - 1, 1),
        Weight.PACKET: packets,
        Weight.LARGE: max(packets // 2, 1),
    }


class Places:
    """The places of one connection in this process, shared by all who use it. At least one.

    A place that becomes free goes to the lightest who waits and may have it, first come first served among equals.
    """

    def __init__(self, count: int) -> None:
        self._count = max(count, 1)
        self._taken = dict.fromkeys(Weight, 0)
        self._waiting: dict[Weight, list[asyncio.Future[None]]] = {weight: [] for weight in Weight}

    @property
    def count(self) -> int:
        """How many there are."""
        return self._count

    @property
    def taken(self) -> int:
        """How many are in use."""
        return sum(self._taken.values())

    def resize(self, count: int) -> None:
        """From now on there are so many; exchanges that run are not cut short."""
        self._count = max(count, 1)
        self._give()

    @asynccontextmanager
    async def taking(self, weight: Weight) -> AsyncIterator[None]:
        """A place, waited for as long as it takes, for the time of the block."""
        await self.take(weight)
        try:
            yield
        finally:
            self.give_back(weight)

    async def take(self, weight: Weight) -> None:
        """Wait for a place; `give_back` must follow."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[weight].append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(weight)
            raise

    def give_back(self, weight: Weight) -> None:
        """The exchange is over."""
        self._taken[weight] -= 1
        self._give()

    def _give(self) -> None:
        for weight, turns in self._waiting.items():
            while turns and (turns[0].done() or self._has_one_for(weight)):
                turn = turns.pop(0)
                if not turn.done():  # else whoever waited has gone
                    self._taken[weight] += 1
                    turn.set_result(None)

    def _has_one_for(self, weight: Weight) -> bool:
        highest = ceilings(self._count)
        return all(
            sum(taken for heavier, taken in self._taken.items() if heavier >= lightest) < highest[lightest]
            for lightest in Weight
            if lightest <= weight
        )
