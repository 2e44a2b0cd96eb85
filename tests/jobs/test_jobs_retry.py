"""The retry policy is a pure function, bounded in every direction."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.jobs import Backoff, RetryDecision

seconds = st.floats(0.001, 1e6)
draws = st.floats(0, 1, exclude_max=True)


@st.composite
def backoffs(draw: st.DrawFn) -> Backoff:
    first = draw(seconds)
    return Backoff(
        first=first,
        factor=draw(st.floats(1, 10)),
        ceiling=first * draw(st.floats(1, 1e6)),
        horizon=draw(seconds),
        attempts=draw(st.none() | st.integers(1, 100)),
    )


@given(backoffs(), st.integers(1, 10**9), st.floats(0, 1e9), draws)
def test_a_wait_is_never_negative_nor_over_the_ceiling_nor_past_the_horizon(
    policy: Backoff, attempt: int, age: float, draw: float
) -> None:
    after = policy.decide(attempt=attempt, age=age, draw=draw).after
    if after is not None:
        assert 0 <= after <= policy.ceiling
        assert age + after <= policy.horizon * (1 + 1e-9)


@given(backoffs(), st.integers(1, 10**9), draws)
def test_at_the_horizon_it_gives_up_and_says_why(policy: Backoff, attempt: int, draw: float) -> None:
    decision = policy.decide(attempt=attempt, age=policy.horizon, draw=draw)
    assert decision.after is None
    assert decision.why


@given(backoffs(), st.integers(1, 200))
def test_the_longest_wait_never_shrinks_from_one_attempt_to_the_next(policy: Backoff, attempt: int) -> None:
    assert policy.longest(attempt) <= policy.longest(attempt + 1) * (1 + 1e-9)


@given(backoffs(), st.integers(1, 200), st.floats(0, 1e6), draws, draws)
def test_a_larger_draw_never_waits_less(policy: Backoff, attempt: int, age: float, one: float, two: float) -> None:
    first, second = (policy.decide(attempt=attempt, age=age, draw=draw).after for draw in sorted((one, two)))
    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert first <= second


@pytest.mark.parametrize(
    ("attempt", "age", "draw", "expected"),
    [
        (1, 0.0, 0.5, RetryDecision(1.0)),
        (2, 5.0, 0.5, RetryDecision(2.0)),
        (3, 9.0, 0.0, RetryDecision(0.0)),
        (4, 20.0, 0.5, RetryDecision(5.0)),
        (4, 99.0, 0.9, RetryDecision(1.0)),
        (5, 20.0, 0.5, RetryDecision(None, "failed 5 times")),
        (1, 100.0, 0.5, RetryDecision(None, "failed for 100 seconds")),
    ],
)
def test_decisions(attempt: int, age: float, draw: float, expected: RetryDecision) -> None:
    policy = Backoff(first=2, ceiling=10, horizon=100, attempts=5)
    assert policy.decide(attempt=attempt, age=age, draw=draw) == expected


@pytest.mark.parametrize(
    ("first", "factor", "ceiling", "horizon", "attempts"),
    [
        (0.0, 2.0, 10.0, 100.0, None),
        (20.0, 2.0, 10.0, 100.0, None),
        (1.0, 0.5, 10.0, 100.0, None),
        (1.0, 2.0, 10.0, 0.0, None),
        (1.0, 2.0, math.inf, 100.0, None),
        (math.nan, 2.0, 10.0, 100.0, None),
        (1.0, 2.0, 10.0, 100.0, 0),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(
    first: float, factor: float, ceiling: float, horizon: float, attempts: int | None
) -> None:
    with pytest.raises(ValueError):
        Backoff(first=first, factor=factor, ceiling=ceiling, horizon=horizon, attempts=attempts)
