"""What a fault is: where it strikes, what it then does, and how often still."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.axis.port import Item
from gateway.axis.vxp.wire import Operation


class Severed(Exception):
    """The connection is to be cut here. `flush`: what was written so far still arrives; otherwise it may be lost."""

    def __init__(self, *, flush: bool = False) -> None:
        super().__init__()
        self.flush = flush


@dataclass(frozen=True, slots=True)
class ReadyAnswer:
    """An answer as it goes out, whole."""

    http_status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class CutBody:
    """Cut the connection once so many bytes of the request's body are read; None: once all of it is."""

    after: int | None


@dataclass(frozen=True, slots=True)
class CutAnswer:
    """Cut the connection within the answer: after so many bytes of its body, at the latest before its last one."""

    after: int | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Handle at once, but wait before the answer; None: never answer, for as long as the client stays."""

    seconds: float | None


Instead = ReadyAnswer | CutBody | CutAnswer | Wait
"""What a fault does before a request is handled, or sees to when it is answered."""

Listing = Callable[[Sequence[Item], Callable[[], Sequence[Item]]], Sequence[Item]]
"""What a fault makes of a received list: from the items that wait, and those that were acknowledged, when asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What stands after a fault's name: how often, with what probability, and its own argument or word."""

    times: int | None = None
    percent: float | None = None
    argument: float | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultKind:
    """One named fault. `unit` is the letter of its own argument, or `words` what it may be told instead.

    Hooks take the argument (None when not given). `before` a request is handled; `before_store` and `after_store`
    around the change that it makes, where they raise; `answer` changes a whole small answer, `pieces` one of any length
    piece by piece, each of whole rows; `listing` what a received list shows; `lays` what is laid before a unit when it
    asks for its statuses; `copies` how often a packet is delivered; `held` from how many lists a status is kept;
    `turns` the readings under which a request is handled.
    """

    name: str
    says: str
    operations: frozenset[Operation] = frozenset(Operation)
    unit: str | None = None
    words: tuple[str, ...] = ()
    before: Callable[[float | None], Instead] | None = None
    before_store: Callable[[float | None], Exception] | None = None
    after_store: Callable[[float | None], Exception] | None = None
    answer: Callable[[ReadyAnswer], ReadyAnswer] | None = None
    pieces: Callable[[bytes], bytes] | None = None
    listing: Listing | None = None
    lays: Callable[[str, str, datetime], bytes] | None = None
    copies: Callable[[float | None], int] | None = None
    held: Callable[[float | None], int] | None = None
    turns: Callable[[Parts], Mapping[str, object]] | None = None


class Fault:
    """A fault switched on: its kind, where it may strike and how often still."""

    def __init__(self, spec: str, kind: FaultKind, operations: frozenset[Operation], parts: Parts) -> None:
        self.spec = spec
        self.kind = kind
        self.parts = parts
        self.struck = 0
        self._operations = operations

    @property
    def argument(self) -> float | None:
        """The kind's own argument: seconds, minutes, bytes, copies or lists."""
        return self.parts.argument

    def strikes(self, operation: Operation, chance: random.Random) -> bool:
        """Whether it strikes this time; if so it counts."""
        if operation not in self._operations:
            return False
        if self.parts.times is not None and self.struck >= self.parts.times:
            return False
        if self.parts.percent is not None and chance.random() * 100 >= self.parts.percent:
            return False
        self.struck += 1
        return True
