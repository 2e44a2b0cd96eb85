"""What can be agreed with a partner about signatures, as values."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

EVERYBODY = "*"
"""The partner of the policy for all who have none of their own."""


class Treatment(StrEnum):
    """From mild to strict. Each does what the one before it does, and more."""

    MARK = "mark"
    ALARM = "alarm"
    SET_APART = "set_apart"


class Situation(StrEnum):
    """What may be the matter with a packet's signature; several at once."""

    UNSIGNED = "unsigned"
    STRANGER = "stranger"
    CHANGED = "changed"
    DOWNGRADED = "downgraded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is agreed with one partner (a code, or `*` for everybody) from a day on. Days are days in Vietnam.

    `until` is the last day, None while it has none. `signs_since`: known to sign from that day on, so that an unsigned
    packet is a downgrade before we ever saw a signature of theirs. `sha1`: SHA-1 is taken, and reported as weak.
    `enveloped`: what we send them bears an ordinary enveloped signature instead of the profile's.
    """

    partner: str
    since: date
    until: date | None = None
    unsigned: Treatment = Treatment.MARK
    stranger: Treatment = Treatment.MARK
    changed: Treatment = Treatment.MARK
    downgraded: Treatment = Treatment.ALARM
    signs_since: date | None = None
    sha1: bool = False
    enveloped: bool = False

    def treatment(self, situation: Situation) -> Treatment:
        """What is agreed for a situation."""
        match situation:
            case Situation.UNSIGNED:
                return self.unsigned
            case Situation.STRANGER:
                return self.stranger
            case Situation.CHANGED:
                return self.changed
            case Situation.DOWNGRADED:
                return self.downgraded


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a packet: by the strictest of what its situations ask for."""

    treatment: Treatment
    situations: tuple[Situation, ...]


USUAL = Policy(partner=EVERYBODY, since=date.min)
"""In force where nothing is agreed: accept and mark; a downgrade alarms."""
