"""Only a row of the sent list that names our packet beyond doubt is evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.port import SentRow
from gateway.documents.model import DispatchState, DocumentState
from gateway.documents.settling import evidence
from gateway.documents.standing import stand_of
from gateway.times import VIETNAM

SENT_AT = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SOUGHT = evidence.Sought(
    from_code="H99",
    to_codes=frozenset({"H98.01", "H98.02"}),
    number="15",
    notation="UBND-KT",
    title="V/v liên thông",
    since=SENT_AT,
    until=SENT_AT + timedelta(minutes=1),
)
ROW = SentRow(
    sender_doc_id="a" * 24,
    receiver_doc_id="x",
    from_code="H99",
    to_code="H98.01",
    title="V/v  liên thông",
    notation="15/UBND-KT",
    sent_time="2026-11-22 10:00:30",
)


def test_a_row_that_names_all_of_it_counts() -> None:
    assert evidence.alike([ROW], SOUGHT) == (ROW,)


@pytest.mark.parametrize(
    "other",
    [
        replace(ROW, from_code="H97"),
        replace(ROW, from_code=None),
        replace(ROW, to_code="H98.03"),
        replace(ROW, to_code=None),
        replace(ROW, title="V/v khác"),
        replace(ROW, title=None),
        replace(ROW, notation="16/UBND-KT"),
        replace(ROW, notation=None),
        replace(ROW, sent_time=None),
        replace(ROW, sent_time="hôm qua"),
        replace(ROW, sent_time="2026-11-21 10:00:30"),
        replace(ROW, sent_time="2026-11-22 11:00:30"),
    ],
)
def test_a_row_that_differs_in_anything_does_not(other: SentRow) -> None:
    assert evidence.alike([other], SOUGHT) == ()


def test_a_document_without_number_or_title_is_never_proved_by_dates() -> None:
    bare = replace(ROW, notation=None, title=None)
    assert evidence.alike([bare], replace(SOUGHT, number=None, notation=None)) == ()
    assert evidence.alike([bare], replace(SOUGHT, title=None)) == ()


def test_rows_of_two_packets_or_of_another_dispatch_of_ours_prove_nothing() -> None:
    assert evidence.single_id([ROW, replace(ROW, to_code="H98.02")], known=()) == ROW.sender_doc_id
    assert evidence.single_id([ROW, replace(ROW, sender_doc_id="b" * 24)], known=()) is None
    assert evidence.single_id([ROW], known={"a" * 24}) is None
    assert evidence.single_id([], known=()) is None
    assert evidence.single_id([replace(ROW, sender_doc_id=None)], known=()) is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22 10:00:30",
        "22/11/2026 10:00:30",
        "2026/11/22 10:00:30.123",
        "2026-11-22T10:00:30+07:00",
        "2026-11-22T03:00:30Z",
        "1795316430000",
    ],
)
def test_times_of_several_forms_are_read(text: str) -> None:
    read = evidence.moment_of(text)
    assert read is not None
    assert read.astimezone(VIETNAM).replace(microsecond=0) == datetime(2026, 11, 22, 10, 0, 30, tzinfo=VIETNAM)


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_none(text: str) -> None:
    read = evidence.moment_of(text)
    assert read is None or read.tzinfo is not None


@given(st.frozensets(st.sampled_from(DispatchState), min_size=1))
def test_a_document_is_sent_only_when_the_axis_took_it_for_all(states: frozenset[DispatchState]) -> None:
    assert (stand_of(states) is DocumentState.SENT) == (states == {DispatchState.ACCEPTED})
