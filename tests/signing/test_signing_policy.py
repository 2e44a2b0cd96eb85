"""What becomes of a packet by its signature: by table, and in all cases."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.signing.facts import UNSIGNED, Scheme, SignatureFacts
from gateway.signing.partners.model import EVERYBODY, USUAL, Policy, Situation, Treatment
from gateway.signing.partners.policy import decide, in_force

DAY = date(2026, 11, 26)
GOOD = SignatureFacts(
    present=True,
    scheme=Scheme.PROFILE_1,
    well_formed=True,
    intact=True,
    covers=True,
    trusted=True,
    speaks_for_sender=True,
)
STRICT = Policy(
    partner=EVERYBODY,
    since=DAY,
    unsigned=Treatment.ALARM,
    stranger=Treatment.SET_APART,
    changed=Treatment.SET_APART,
    downgraded=Treatment.SET_APART,
)

facts = st.builds(
    SignatureFacts,
    present=st.booleans(),
    scheme=st.sampled_from([None, *Scheme]),
    well_formed=st.none() | st.booleans(),
    intact=st.none() | st.booleans(),
    covers=st.none() | st.booleans(),
    trusted=st.none() | st.booleans(),
    speaks_for_sender=st.none() | st.booleans(),
    downgraded=st.none() | st.booleans(),
)
treatments = st.sampled_from(Treatment)
policies = st.builds(
    Policy,
    partner=st.sampled_from([EVERYBODY, "H99", "000.00.00.H99", "G12"]),
    since=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    until=st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    unsigned=treatments,
    stranger=treatments,
    changed=treatments,
    downgraded=treatments,
)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (GOOD, ()),
        (UNSIGNED, (Situation.UNSIGNED,)),
        (UNSIGNED.model_copy(update={"downgraded": True}), (Situation.UNSIGNED, Situation.DOWNGRADED)),
        (GOOD.model_copy(update={"scheme": Scheme.PLACEHOLDER}), (Situation.UNSIGNED,)),
        (GOOD.model_copy(update={"intact": False}), (Situation.CHANGED,)),
        (GOOD.model_copy(update={"covers": False}), (Situation.CHANGED,)),
        (GOOD.model_copy(update={"well_formed": False, "intact": None}), (Situation.CHANGED,)),
        (GOOD.model_copy(update={"trusted": False}), (Situation.STRANGER,)),
        (
            GOOD.model_copy(update={"speaks_for_sender": False, "downgraded": True}),
            (Situation.STRANGER, Situation.DOWNGRADED),
        ),
        (GOOD.model_copy(update={"trusted": None, "speaks_for_sender": None, "downgraded": False}), ()),
    ],
)
def test_situations_follow_from_the_facts(seen: SignatureFacts, expected: tuple[Situation, ...]) -> None:
    assert decide(seen, STRICT).situations == expected


@given(facts)
def test_by_default_nothing_is_set_apart_for_its_signature(seen: SignatureFacts) -> None:
    assert decide(seen, USUAL).treatment is not Treatment.SET_APART


@given(facts, policies)
def test_the_strictest_of_what_applies_decides(seen: SignatureFacts, policy: Policy) -> None:
    order = list(Treatment)
    decision = decide(seen, policy)
    asked = [policy.treatment(one) for one in decision.situations]
    assert decision.treatment == max(asked, key=order.index, default=Treatment.MARK)


@given(st.lists(policies, max_size=8), st.dates(date(2026, 1, 1), date(2027, 12, 31)))
def test_a_partners_own_policy_of_that_day_comes_before_everybodys(agreed: list[Policy], on: date) -> None:
    codes = frozenset({"H99", "000.00.00.H99"})
    found = in_force(agreed, codes, on)
    usable = [one for one in agreed if one.since <= on and (one.until is None or on <= one.until)]
    own = [one for one in usable if one.partner in codes]
    if own:
        assert found in own
        assert found.since == max(one.since for one in own)
    elif everybodys := [one for one in usable if one.partner == EVERYBODY]:
        assert found in everybodys
    else:
        assert found is USUAL
