"""Reads the whole log through and says which entry was changed or removed. Constant memory."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.evidence import repository
from gateway.evidence.entry import GENESIS, Link, digest, linked
from gateway.evidence.heads import Head
from gateway.store import Store

_PORTION = 1000
_MOST_FLAWS = 100
LATE = timedelta(minutes=15)
"""How long an entry may wait for its place."""

Progress = Callable[[int, int], None]
"""Told how many entries of how many were read."""


class Wrong(StrEnum):
    """What may be wrong with the log."""

    CHANGED = "changed"
    REMOVED = "removed"
    UNLINKED = "unlinked"
    CUT_OFF = "cut_off"
    HEAD_DIFFERS = "head_differs"
    NOT_CHAINED = "not_chained"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong with the log, at the numbers `first` to `last`; `head` says what it contradicts.

    CHANGED: the entry is not what its hash was made from. REMOVED: no entry has these numbers. UNLINKED: the entry does
    not follow the one before it: that one was changed together with its hash. CUT_OFF: a head speaks of entries behind
    the last one. HEAD_DIFFERS: all entries agree, but up to `last` they are not those that the head spoke of.
    NOT_CHAINED: an entry has waited too long for its place.
    """

    wrong: Wrong
    first: int
    last: int
    head: Head | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What an audit found. `entries` were read; `waiting` have no place yet; `flaws` are the first hundred."""

    entries: int
    waiting: int
    head: Head
    heads: int
    flaws: tuple[Flaw, ...]


async def audit(store: Store, outside: Sequence[Head], now: datetime, progress: Progress = lambda *_: None) -> Audit:
    """Read all entries up to the present head, against it, the daily heads, and heads kept elsewhere."""
    async with store.snapshot() as tx:
        head = await repository.head(tx)
        known = [*await repository.days(tx), *outside, head]
        waiting, oldest = await repository.waiting(tx)
        reading = Reading(known)
        after, read = 0, 0
        while portion := await repository.links_after(tx, after, _PORTION):
            for one in portion:
                reading.read(one)
            after = portion[-1].seq
            read += len(portion)
            progress(read, head.seq)
    flaws = reading.ended()
    if oldest is not None and now - oldest > LATE:
        flaws = (*flaws, Flaw(wrong=Wrong.NOT_CHAINED, first=0, last=0))
    return Audit(entries=read, waiting=waiting, head=head, heads=len(known), flaws=flaws)


class Reading:
    """Judges entries given in the order of their numbers. Pure."""

    def __init__(self, heads: Sequence[Head]) -> None:
        self._heads: dict[int, list[Head]] = {}
        for head in heads:
            if head not in (same := self._heads.setdefault(head.seq, [])):
                same.append(head)
        self._flaws: list[Flaw] = []
        self._seq = 0
        self._hash = GENESIS
        self._agreed = 0

    def read(self, one: Link) -> None:
        """The next entry."""
        if one.seq != self._seq + 1:
            self._found(Wrong.REMOVED, self._seq + 1, one.seq - 1)
        elif one.previous != self._hash:
            self._found(Wrong.UNLINKED, one.seq - 1, one.seq)
        if not _is_whole(one):
            self._found(Wrong.CHANGED, one.seq, one.seq)
        self._seq, self._hash = one.seq, one.hash
        for head in self._heads.get(one.seq, ()):
            if head.hash == one.hash:
                self._agreed = one.seq
            else:
                self._found(Wrong.HEAD_DIFFERS, self._agreed + 1, one.seq, head)

    def ended(self) -> tuple[Flaw, ...]:
        """No entry follows."""
        for seq in sorted(self._heads):
            if seq > self._seq:
                self._found(Wrong.CUT_OFF, self._seq + 1, seq, self._heads[seq][0])
        return tuple(self._flaws)

    def _found(self, wrong: Wrong, first: int, last: int, head: Head | None = None) -> None:
        if len(self._flaws) < _MOST_FLAWS:
            self._flaws.append(Flaw(wrong=wrong, first=first, last=last, head=head))


def _is_whole(one: Link) -> bool:
    try:
        if linked(one.previous, digest(one.seq, one.body)) != one.hash:
            return False
        said = json.loads(one.body)
    except (ValueError, RecursionError):
        return False
    return (said.get("document"), said.get("subject")) == (one.document_id, one.subject)
