"""What becomes of a packet by the facts of its signature and what is agreed with its sender: pure, dated.

A packet is never refused for its signature alone (packet-signature page, fact 7): at the most it is set apart for a
person, with an alarm. Nothing that is "not determined" counts against it.
"""

from collections.abc import Collection, Iterable
from datetime import date

from gateway.signing.facts import Scheme, SignatureFacts
from gateway.signing.partners.model import EVERYBODY, USUAL, Decision, Policy, Situation, Treatment


def in_force(policies: Iterable[Policy], codes: Collection[str], on: date) -> Policy:
    """The policy for a sender that bears these codes on a day: its own before everybody's, a later one before an earlier."""
    found = [
        one
        for one in policies
        if one.since <= on
        and (one.until is None or on <= one.until)
        and (one.partner in codes or one.partner == EVERYBODY)
    ]
    return max(found, key=lambda one: (one.partner != EVERYBODY, one.since, one.partner), default=USUAL)


def decide(facts: SignatureFacts, policy: Policy) -> Decision:
    """What the facts ask for, those of the sender's habit among them (`verify.by_habit`)."""
    found = tuple(_situations(facts))
    strictest = max((policy.treatment(one) for one in found), key=_STRICTNESS.index, default=Treatment.MARK)
    return Decision(treatment=strictest, situations=found)


_STRICTNESS = tuple(Treatment)


def _situations(facts: SignatureFacts) -> Iterable[Situation]:
    if not facts.present or facts.scheme is Scheme.PLACEHOLDER:
        yield Situation.UNSIGNED
    else:
        if False in (facts.well_formed, facts.intact, facts.covers):
            yield Situation.CHANGED
        if False in (facts.trusted, facts.speaks_for_sender):
            yield Situation.STRANGER
    if facts.downgraded:
        yield Situation.DOWNGRADED
