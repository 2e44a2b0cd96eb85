"""From (class of the error, attempt, age) to a decision: tables of cases, and what holds for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.port import (
    Accepted,
    AxisError,
    AxisRefused,
    AxisUnavailable,
    ErrorClass,
    NotSent,
    Rejected,
    SendResult,
    Unknown,
)
from gateway.axis.vxp.errors import KNOWN, classify
from gateway.documents.outcomes import (
    Decision,
    Failure,
    GiveUp,
    LeaveUnknown,
    Patience,
    Refuse,
    Stop,
    TryAgain,
    Witness,
    failed_call,
    failed_send,
)
from gateway.jobs import Backoff

HORIZON = 72 * 3600.0
PATIENCE = Patience(timing=Backoff(first=2, ceiling=600, horizon=HORIZON), ambiguous_repeats=4, unknown_repeats=6)
PERMANENT = (Failure.PERMANENT_PACKET, Failure.PERMANENT_RECIPIENT)
ages, draws = st.floats(0, 10 * HORIZON), st.floats(0, 1, exclude_max=True)


def decide(
    failure: Failure, *, attempt: int = 1, doubts: int = 1, age: float = 0, repeatable: bool = False
) -> Decision:
    return PATIENCE.decide(failure, attempt=attempt, doubts=doubts, age=age, draw=0.5, repeatable=repeatable)


@pytest.mark.parametrize(
    ("failure", "attempt", "doubts", "age", "repeatable", "expected"),
    [
        (Failure.TRANSIENT, 1, 0, 0, False, TryAgain(1)),
        (Failure.TRANSIENT, 3, 0, 9, False, TryAgain(4)),
        (Failure.TRANSIENT, 40, 0, HORIZON - 1, False, TryAgain(1)),
        (Failure.TRANSIENT, 40, 0, HORIZON, False, GiveUp("failed for 259200 seconds")),
        (Failure.UNKNOWN, 1, 1, 0, False, LeaveUnknown()),
        (Failure.UNKNOWN, 1, 1, 0, True, TryAgain(1)),
        (Failure.UNKNOWN, 5, 5, 0, True, TryAgain(16)),
        (Failure.UNKNOWN, 6, 6, 0, True, LeaveUnknown()),
        (Failure.UNKNOWN, 2, 2, HORIZON, True, LeaveUnknown()),
        (Failure.AMBIGUOUS, 1, 1, 0, False, TryAgain(1)),
        (Failure.AMBIGUOUS, 3, 3, 0, False, TryAgain(4)),
        (Failure.AMBIGUOUS, 4, 4, 0, False, GiveUp("failed 4 times")),
        (Failure.AMBIGUOUS, 30, 1, 0, False, TryAgain(300)),  # 29 times it was not even sent
        (Failure.PERMANENT_PACKET, 1, 0, 0, False, Refuse()),
        (Failure.PERMANENT_RECIPIENT, 1, 0, 0, True, Refuse()),
        (Failure.CONFIGURATION, 1, 0, 0, False, Stop()),
        (Failure.CONFIGURATION, 99, 0, 9 * HORIZON, True, Stop()),
    ],
)
def test_decisions(
    failure: Failure, attempt: int, doubts: int, age: float, repeatable: bool, expected: Decision
) -> None:
    assert decide(failure, attempt=attempt, doubts=doubts, age=age, repeatable=repeatable) == expected


@given(st.sampled_from(PERMANENT), st.integers(1, 10**6), st.integers(0, 100), ages, draws, st.booleans())
def test_a_permanent_error_is_never_tried_again(
    failure: Failure, attempt: int, doubts: int, age: float, draw: float, repeatable: bool
) -> None:
    decision = PATIENCE.decide(
        failure, attempt=attempt, doubts=doubts, age=age, draw=draw, repeatable=repeatable, soonest=5
    )
    assert decision == Refuse()


@given(st.integers(1, 10**6), st.integers(0, 100), ages, draws)
def test_a_document_that_may_have_arrived_is_never_sent_again_by_itself(
    attempt: int, doubts: int, age: float, draw: float
) -> None:
    decision = PATIENCE.decide(Failure.UNKNOWN, attempt=attempt, doubts=doubts, age=age, draw=draw)
    assert decision == LeaveUnknown()


@given(st.sampled_from(list(Failure)), st.integers(1, 10**6), st.integers(0, 100), draws, st.booleans())
def test_beyond_the_horizon_nothing_is_tried_again(
    failure: Failure, attempt: int, doubts: int, draw: float, repeatable: bool
) -> None:
    decision = PATIENCE.decide(failure, attempt=attempt, doubts=doubts, age=HORIZON, draw=draw, repeatable=repeatable)
    assert not isinstance(decision, TryAgain)


@given(st.integers(1, 10**6), st.floats(0, HORIZON - 1), draws, st.floats(0, 86_400))
def test_no_wait_is_shorter_than_what_the_axis_asked_for_and_the_jitter_comes_on_top(
    attempt: int, age: float, draw: float, soonest: float
) -> None:
    decision = PATIENCE.decide(Failure.TRANSIENT, attempt=attempt, age=age, draw=draw, soonest=soonest)
    assert isinstance(decision, TryAgain)
    assert soonest <= decision.after <= soonest + 600


_SENDS: list[tuple[SendResult, Failure, str, Witness]] = [
    (NotSent("connect"), Failure.TRANSIENT, "connect", Witness.SICK),
    (NotSent("http_503", 30.0), Failure.TRANSIENT, "http_503", Witness.SICK),
    (NotSent("packet_changed"), Failure.TRANSIENT, "packet_changed", Witness.SILENT),
    (NotSent("http_413"), Failure.TRANSIENT, "http_413", Witness.SILENT),
    (NotSent("http_429", 5.0), Failure.TRANSIENT, "http_429", Witness.SICK),
    (NotSent("bad_header_value"), Failure.PERMANENT_PACKET, "bad_header_value", Witness.SILENT),
    (Unknown("http_502"), Failure.UNKNOWN, "http_502", Witness.SICK),
    (Unknown("timeout", "5f"), Failure.UNKNOWN, "timeout", Witness.SICK),
    (Unknown("process_died_while_sending"), Failure.UNKNOWN, "process_died_while_sending", Witness.SILENT),
    (Rejected("20", "x", ErrorClass.TRANSIENT), Failure.UNKNOWN, "axis_20", Witness.SICK),
    (Rejected("21", "x", ErrorClass.AMBIGUOUS), Failure.AMBIGUOUS, "axis_21", Witness.WELL),
    (Rejected("22", "x", ErrorClass.PERMANENT_PACKET), Failure.PERMANENT_PACKET, "axis_22", Witness.WELL),
    (Rejected("18", "x", ErrorClass.PERMANENT_RECIPIENT), Failure.PERMANENT_RECIPIENT, "axis_18", Witness.WELL),
    (Rejected("15", "x", ErrorClass.CONFIGURATION), Failure.CONFIGURATION, "axis_15", Witness.WELL),
    (Rejected("Đ 1", "x", ErrorClass.AMBIGUOUS), Failure.AMBIGUOUS, "axis__1", Witness.WELL),
]


@pytest.mark.parametrize(("result", "failure", "reason", "witness"), _SENDS)
def test_what_a_send_came_to(result: SendResult, failure: Failure, reason: str, witness: Witness) -> None:
    failed = failed_send(result)
    assert failed is not None
    assert (failed.failure, failed.reason, failed.witness) == (failure, reason, witness)
    assert failed.retry_after == (getattr(result, "retry_after", None) or 0)


def test_an_accepted_send_has_not_failed() -> None:
    assert failed_send(Accepted("5f")) is None


@pytest.mark.parametrize(
    ("error", "failure", "witness"),
    [
        (AxisUnavailable("http_502", retry_after=7.0), Failure.TRANSIENT, Witness.SICK),
        (AxisUnavailable("pool"), Failure.TRANSIENT, Witness.SILENT),
        (AxisUnavailable("http_404"), Failure.TRANSIENT, Witness.SILENT),
        (AxisRefused("20", "x", ErrorClass.TRANSIENT), Failure.TRANSIENT, Witness.SICK),
        (AxisRefused("15", "x", ErrorClass.CONFIGURATION), Failure.CONFIGURATION, Witness.WELL),
        (AxisRefused("22", "x", ErrorClass.PERMANENT_PACKET), Failure.PERMANENT_PACKET, Witness.WELL),
        (AxisRefused("77", "x", ErrorClass.AMBIGUOUS), Failure.AMBIGUOUS, Witness.WELL),
        (AxisError("x"), Failure.TRANSIENT, Witness.SILENT),
    ],
)
def test_what_another_call_came_to(error: AxisError, failure: Failure, witness: Witness) -> None:
    failed = failed_call(error)
    assert (failed.failure, failed.witness) == (failure, witness)


def test_every_code_of_the_axis_leads_to_the_decision_of_the_table() -> None:
    """Axis API 4."""
    decisions = {}
    for code in [*KNOWN, "4711"]:
        failed = failed_send(Rejected(code, "x", classify(code)))
        assert failed is not None
        decisions[code] = type(decide(failed.failure))
    assert decisions == {
        "10": Refuse,
        "15": Stop,
        "18": Refuse,
        "19": Stop,
        "20": LeaveUnknown,
        "21": TryAgain,
        "22": Refuse,
        "23": Refuse,
        "4711": TryAgain,
    }
