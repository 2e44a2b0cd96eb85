"""How a fault is written, and how often it then strikes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.vxp.wire import Operation
from gateway.problems import Problem
from gateway.simulator.fault_kinds import FaultKind, Parts
from gateway.simulator.fault_list import FAULTS
from gateway.simulator.faults import FaultSet, parse
from gateway.simulator.readings import Readings


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_can_be_switched_on_by_its_bare_name(name: str) -> None:
    assert parse(name).kind.name == name


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "html-503",
        "html-502=",
        "html-502=twice",
        "html-502=2",
        "html-502=0.5times",
        "html-502=101%",
        "html-502=2s",
        "slow=10B",
        "strict-timestamp=5s",
        "strict-timestamp=0.5min",
        "strict-hash-file=off",
        "html-502=padded",
        "out-of-order-status=2copies",
        "duplicate-delivery=1.5copies",
        "drop-before-store=0.5B",
        "html-502@everything",
        "html-502@",
        "html-502=once,",
        "html-502=" + "9" * 50 + "times",
    ],
)
def test_what_is_not_a_fault_is_refused_with_the_names_there_are(spec: str) -> None:
    with pytest.raises(Problem, match=r"simulator\.fault") as caught:
        parse(spec)
    assert "html-502" in caught.value.action.vi


@given(st.text(max_size=60))
def test_any_text_is_a_fault_or_a_problem(text: str) -> None:
    try:
        name = parse(text).kind.name
    except Problem as problem:
        name = problem.code
    assert name in {*FAULTS, "simulator.fault"}


@given(times=st.integers(0, 20), asked=st.integers(0, 40))
def test_n_times_strikes_that_often_and_never_again(times: int, asked: int) -> None:
    fault = parse(f"html-502={times}times")
    struck = sum(fault.strikes(Operation.FETCH, random.Random(0)) for _ in range(asked))
    assert struck == min(times, asked) == fault.struck


def test_once_is_one_time() -> None:
    fault = parse("html-502=once")
    assert [fault.strikes(Operation.FETCH, random.Random(0)) for _ in range(3)] == [True, False, False]


@given(percent=st.integers(0, 100), seed=st.integers())
def test_percent_is_a_share_and_the_same_seed_gives_the_same_strikes(percent: int, seed: int) -> None:
    def strikes() -> list[int]:
        faults = FaultSet([f"html-502={percent}%"], seed)
        return [len(faults.before(Operation.FETCH)) for _ in range(400)]

    first = strikes()
    assert first == strikes()
    assert abs(sum(first) / 4 - percent) <= 15


def test_percent_and_times_hold_together() -> None:
    faults = FaultSet(["html-502=50%,3times"], 1)
    assert sum(len(faults.before(Operation.FETCH)) for _ in range(100)) == 3


def test_a_fault_strikes_only_where_it_is_told_to() -> None:
    fault = parse("html-502@getEdoc+updateStatus")
    struck = {operation for operation in Operation if fault.strikes(operation, random.Random(0))}
    assert struck == {Operation.FETCH, Operation.UPDATE_STATUS}


def test_a_fault_strikes_by_default_where_its_kind_belongs() -> None:
    fault = parse("drop-after-store")
    assert {operation for operation in Operation if fault.strikes(operation, random.Random(0))} == {Operation.SEND}


@pytest.mark.parametrize(
    ("spec", "argument"),
    [
        ("slow=2s", 2.0),
        ("slow=500ms,once", 0.5),
        ("slow=10%,1.5s", 1.5),
        ("drop-before-store=1000B", 1000.0),
        ("duplicate-delivery=3copies", 3.0),
        ("duplicate-delivery", None),
        ("strict-timestamp=15min,once", 15.0),
        ("truncate-body=100B", 100.0),
        ("out-of-order-status=4lists", 4.0),
    ],
)
def test_the_argument_is_read_in_its_unit(spec: str, argument: float | None) -> None:
    assert parse(spec).argument == argument


@pytest.mark.parametrize(("spec", "word"), [("strict-hash-file=padded,once", "padded"), ("cid-prefix=10%,off", "off")])
def test_a_word_is_read_where_the_fault_knows_it(spec: str, word: str) -> None:
    assert parse(spec).parts.word == word


@pytest.mark.parametrize("kind", [kind for kind in FAULTS.values() if kind.turns], ids=lambda kind: kind.name)
def test_a_fault_turns_readings_that_there_are_to_values_that_they_take(kind: FaultKind) -> None:
    assert kind.turns is not None
    for word in (None, *kind.words):
        turned = kind.turns(Parts(word=word))
        assert Readings.model_validate(turned) == Readings().model_copy(update=turned)


def test_a_reading_is_turned_for_one_request_and_back_after_it() -> None:
    faults = FaultSet(["one-item-per-unit=once"], readings=Readings(items_per="system"))
    seen = []
    for operation in (Operation.RECEIVED, Operation.SEND, Operation.SEND):
        with faults.request(operation):
            seen.append(faults.readings.items_per)
    assert (seen, faults.readings.items_per) == (["system", "unit", "system"], "system")
