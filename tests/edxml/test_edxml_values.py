"""Dates, times, numbers: every habit seen, nothing guessed."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.edxml.layout import wire_date, wire_time
from gateway.edxml.values import read_day, read_integer, read_moment
from gateway.times import VIETNAM


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("2025/03/05", True),
        ("2025-03-05", False),
        ("05/03/2025", False),
        ("5/3/2025", False),
        ("05-03-2025", False),
        ("2025/3/5", False),
        ("2025-03-05T00:00:00", False),
        ("2025-03-05T00:00:00+07:00", False),
    ],
)
def test_a_day_is_read_in_every_habit(text: str, usual: bool) -> None:
    day = read_day(text)
    assert day is not None
    assert (day.value, day.usual) == (date(2025, 3, 5), usual)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2014/02/30",
        "30/02/2014",
        "2025/13/01",
        "2025/03-05",
        "25/03/05",
        "0000/01/01",
        "hôm qua",
        "٢٠٢٥/٠٣/٠٥",
        "2025/03/05x",
    ],
)
def test_what_is_no_day_is_not_guessed(text: str) -> None:
    assert read_day(text) is None


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("2025/03/05 14:07:09", True),
        ("2025-03-05T14:07:09", False),
        ("2025-03-05 14:07:09", False),
        ("05/03/2025 14:07:09", False),
        ("2025-03-05T07:07:09Z", False),
        ("2025-03-05T14:07:09+07:00", False),
        ("2025-03-05T14:07:09.000+0700", False),
        ("2025-03-05T02:07:09 -05", False),
    ],
)
def test_a_time_is_read_in_every_habit(text: str, usual: bool) -> None:
    moment = read_moment(text)
    assert moment is not None
    assert moment.value == datetime(2025, 3, 5, 14, 7, 9, tzinfo=VIETNAM)
    assert moment.usual is usual


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025/03/05 25:00:00",
        "2025/02/30 10:00:00",
        "14:07:09",
        "2025-03-05T14:07:09+99:99",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_what_is_no_time_is_not_guessed(text: str) -> None:
    assert read_moment(text) is None


def test_a_day_alone_is_its_midnight_in_vietnam() -> None:
    moment = read_moment("2025/03/05")
    assert moment is not None
    assert moment.value == datetime(2025, 3, 5, tzinfo=VIETNAM)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("-1", -1), ("+3", 3), ("123456789", 123456789)])
def test_whole_numbers_are_read(text: str, number: int) -> None:
    assert read_integer(text) == number


@pytest.mark.parametrize("text", ["", "1.0", "một", "1234567890", "٣", "1 2", "0x1", "1_0", "9" * 5000])
def test_what_is_no_whole_number_is_not_guessed(text: str) -> None:
    assert read_integer(text) is None


@given(st.dates())
def test_a_day_survives_the_wire(day: date) -> None:
    read = read_day(wire_date(day))
    assert read is not None
    assert (read.value, read.usual) == (day, True)


@given(st.datetimes(min_value=datetime(1946, 1, 1), max_value=datetime(8998, 1, 1)))  # noqa: DTZ001 # made aware below
def test_a_time_survives_the_wire_to_the_second(naive: datetime) -> None:
    moment = naive.replace(microsecond=0, tzinfo=UTC)
    read = read_moment(wire_time(moment))
    assert read is not None
    assert abs(read.value - moment) < timedelta(seconds=1)
    assert read.usual


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading(text: str) -> None:
    read_day(text), read_moment(text), read_integer(text)


@pytest.mark.parametrize(
    "text", ["0001/01/01 00:00:00", "0001-01-01T00:00:00", "9999/12/31 23:59:59", "1753/01/01 00:00:00"]
)
def test_a_time_that_nobody_means_is_none(text: str) -> None:
    assert read_moment(text) is None
