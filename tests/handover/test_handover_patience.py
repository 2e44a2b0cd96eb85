"""When a failed call is made again, and when an endpoint is left alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.handover.settings import HandoverSettings
from gateway.handover.webhooks.model import Called, Endpoint, EndpointState
from gateway.handover.webhooks.patience import FAILURES_TO_OPEN, Breaker, LongSchedule, may_call

NOW = datetime(2026, 11, 22, 2, tzinfo=UTC)
BREAKER = Breaker(steps=(5.0, 60.0, 300.0), pause_after=timedelta(hours=72))
FAILED = Called(failure="http_500", http_status=500)
ENDPOINT = Endpoint(
    id="e",
    name="qlvb",
    url="https://qlvb.example/hook",
    secret_sources=("env:A",),
    units=frozenset({"H99"}),
    groups=frozenset({"document"}),
    hands_over=False,
    allow_plain_http=False,
    ca_file=None,
    state=EndpointState.ACTIVE,
    paused_reason=None,
    cursor=0,
    replayed_to=0,
    failures=0,
    failing_since=None,
    open_until=None,
    opened=0,
    probe=None,
    last_error=None,
    created_at=NOW,
    changed_at=NOW,
)


def broken() -> Endpoint:
    endpoint = ENDPOINT
    for _ in range(FAILURES_TO_OPEN):
        endpoint, _ = BREAKER.failed(endpoint, FAILED, "d", NOW)
    return endpoint


@given(st.integers(1, 30), st.floats(0, 0.999))
def test_the_schedule_waits_as_written_and_up_to_a_fifth_longer_then_gives_up(attempt: int, draw: float) -> None:
    steps = HandoverSettings().retry_steps
    decision = LongSchedule(steps).decide(attempt=attempt, age=0, draw=draw)
    if attempt > len(steps):
        assert decision.after is None
    else:
        assert decision.after is not None
        assert steps[attempt - 1] <= decision.after <= steps[attempt - 1] * 1.2


def test_the_usual_schedule_lasts_about_three_days() -> None:
    assert 2.5 * 86_400 < sum(HandoverSettings().retry_steps) < 3.5 * 86_400


@pytest.mark.parametrize("steps", [(), (0.0,), (-1.0,), (8 * 86_400.0,), (float("nan"),)])
def test_no_schedule_is_made_of_nonsense(steps: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="schedule"):
        LongSchedule(steps)


@pytest.mark.parametrize("text", ["", "5,,6", "x", "-1", "nan", "1e99"])
def test_waits_that_cannot_be_are_refused_by_the_settings(text: str) -> None:
    with pytest.raises(ValueError, match="webhook_retry_seconds"):
        HandoverSettings(webhook_retry_seconds=text)


def test_hosts_are_read_as_they_are_written() -> None:
    settings = HandoverSettings(webhook_hosts=" QLVB.example, 10.0.0.5 ,[fd00::1],")
    assert settings.allowed_hosts == {"qlvb.example", "10.0.0.5", "fd00::1"}


def test_the_breaker_opens_after_some_failures_in_a_row() -> None:
    endpoint = broken()
    assert endpoint.open_until == NOW + timedelta(seconds=60)
    assert not may_call(endpoint, "d")


def test_an_answer_closes_it() -> None:
    assert BREAKER.answered(broken()) == ENDPOINT


def test_only_the_probe_may_call_and_its_failure_opens_for_longer() -> None:
    probing = replace(broken(), probe="p")
    assert (may_call(probing, "p"), may_call(probing, "d")) == (True, False)
    after, _ = BREAKER.failed(probing, FAILED, "p", NOW)
    assert after.open_until == NOW + timedelta(seconds=300)
    assert not may_call(after, "p")


def test_a_call_that_left_before_the_breaker_opened_does_not_lengthen_it() -> None:
    probing = replace(broken(), probe="p")
    after, _ = BREAKER.failed(probing, FAILED, "d", NOW)
    assert (after.open_until, after.probe) == (probing.open_until, "p")


def test_retry_after_keeps_the_breaker_open_as_long() -> None:
    endpoint = replace(ENDPOINT, failures=FAILURES_TO_OPEN - 1, failing_since=NOW)
    after, _ = BREAKER.failed(endpoint, replace(FAILED, retry_after=7200.0), "d", NOW)
    assert after.open_until == NOW + timedelta(hours=2)


@pytest.mark.parametrize(
    ("called", "since", "why"),
    [
        (FAILED, timedelta(hours=71), None),
        (FAILED, timedelta(hours=72), "failing"),
        (Called(failure="http_410", http_status=410), timedelta(0), "gone"),
        (Called(failure="timeout"), timedelta(0), None),
    ],
)
def test_when_an_endpoint_is_paused(called: Called, since: timedelta, why: str | None) -> None:
    _, found = BREAKER.failed(replace(ENDPOINT, failing_since=NOW - since), called, "d", NOW)
    assert found == why
