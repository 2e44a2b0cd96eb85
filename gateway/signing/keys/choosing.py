"""Which key signs for a unit at a time. Pure."""

from collections.abc import Iterable
from datetime import datetime

from gateway.signing.keys.records import KeyRow


def candidates(rows: Iterable[KeyRow], unit_code: str | None, at: datetime) -> list[KeyRow]:
    """The keys that may sign for a unit, best first: its own if it has any in force, else those of all units.

    The one whose time began last goes first; those before it stand in while it is unusable. They never do so across
    units: a certificate for all may not speak for a unit that has its own.
    """
    in_force = [one for one in rows if one.in_force(at)]
    own = [one for one in in_force if one.unit_code is not None and one.unit_code == unit_code]
    return sorted(
        own or [one for one in in_force if one.unit_code is None],
        key=lambda one: (one.valid_from, one.created_at, one.id),
        reverse=True,
    )
