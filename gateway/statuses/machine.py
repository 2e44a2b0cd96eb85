"""The processing state of one recipient as a fold over its status events (rule 8, G-32). Pure.

Forward 01 → 03 → 04 → 05 → 06; 02 ends. A late, repeated or unknown status is recorded and moves nothing back. Events
are folded in the order of (source time, code), so any order of arrival comes to the same state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from gateway.statuses.codes import STATUS_CODES


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One status as the fold needs it: aware source time and code."""

    at: datetime
    code: str


@dataclass(frozen=True, slots=True)
class Processing:
    """Where the document stands at the recipient: the code last moved to, and since when; None before the first."""

    code: str | None = None
    at: datetime | None = None


def moved(state: Processing, step: Step) -> Processing:
    """The state after one step in its order."""
    known = STATUS_CODES.get(step.code)
    if known is None or (known.rank is None and not known.final):
        return state
    current = STATUS_CODES.get(state.code) if state.code else None
    if current is not None and current.final:
        return state
    if known.final:
        return state if current is not None and (current.rank or 0) > 1 else Processing(step.code, step.at)
    if current is not None and (current.rank or 0) >= (known.rank or 0):
        return state
    return Processing(step.code, step.at)


def fold(steps: Iterable[Step]) -> Processing:
    """The state that these steps come to, whatever order they are given in."""
    state = Processing()
    for step in sorted(steps):
        state = moved(state, step)
    return state
