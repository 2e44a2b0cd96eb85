"""The shipped level-1 list: what it says on a date, and that the data itself is sound."""

from datetime import date

import pytest

from gateway.directory import level1 as list_module
from gateway.directory.level1 import Kind, Openness, Verified, level1, pairs, read_rows

TODAY = date(2026, 11, 22)
HEADER = ",".join(list_module._COLUMNS)


@pytest.mark.parametrize("code", ["H33", "000.00.00.H33"])
def test_a_merged_province_is_open_on_its_last_day_and_closed_the_next_with_its_successor(code: str) -> None:
    before, after = level1(code, date(2025, 6, 30)), level1(code, date(2025, 7, 1))

    assert before is not None
    assert after is not None
    assert (before.openness, before.successor) == (Openness.OPEN, None)
    assert (after.openness, after.successor, after.verified) == (Openness.CLOSED, "H01", Verified.DERIVED)


def test_a_ministry_of_today_is_open_under_its_present_name() -> None:
    row = level1("G10", TODAY)

    assert row is not None
    assert (row.name, row.openness, row.verified) == ("Bộ Nông nghiệp và Môi trường", Openness.OPEN, Verified.YES)


def test_an_assumed_form_of_2016_makes_the_answer_derived() -> None:
    seen, assumed = level1("000.00.00.G12", TODAY), level1("000.00.00.G01", TODAY)

    assert seen is not None
    assert assumed is not None
    assert (seen.code, seen.verified, assumed.code, assumed.verified) == ("G12", Verified.YES, "G01", Verified.DERIVED)


def test_before_the_list_began_nothing_is_known() -> None:
    row = level1("G12", date(2020, 9, 14))

    assert row is not None
    assert row.openness is Openness.UNKNOWN


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("A05", Kind.RANGE),
        ("H99", Kind.RESERVED),
        ("G29", Kind.RESERVED),
        ("M50", Kind.UNASSIGNED),
        ("Z24", Kind.SCHEME),
    ],
)
def test_a_number_that_is_not_listed_as_a_body_is_never_said_to_be_open(code: str, kind: Kind) -> None:
    row = level1(code, TODAY)

    assert row is not None
    assert (row.code, row.kind, row.openness) == (code, kind, Openness.UNKNOWN)


@pytest.mark.parametrize("code", ["G12.18", "000.00.18.G12", "Z00", "g12", "", "G12\n", "vxp.saas.03"])
def test_a_code_below_or_beside_level_1_is_not_in_the_list(code: str) -> None:
    assert level1(code, TODAY) is None


def test_every_level_1_number_from_a_to_k_has_a_row() -> None:
    assert [c for letter in "ABCDEFGHIJK" for n in range(100) if level1(c := f"{letter}{n:02}", TODAY) is None] == []


def test_there_are_34_open_provinces_and_29_closed_each_with_an_open_successor() -> None:
    rows = [row for n in range(1, 64) if (row := level1(f"H{n:02}", TODAY)) is not None]
    successors = [level1(row.successor, TODAY) for row in rows if row.successor]

    assert [row.openness for row in rows].count(Openness.OPEN) == 34
    assert len(successors) == 29
    assert {row.openness for row in successors if row} == {Openness.OPEN}


def test_only_forms_of_2016_that_were_seen_are_vouched_for() -> None:
    assert ("G12", "000.00.00.G12") in pairs()
    assert ("G01", "000.00.00.G01") not in pairs()


@pytest.mark.parametrize(
    "line",
    [
        "H1,single,,,,unknown,,,,open,,yes,x",
        "H01-H02,single,,,,unknown,,,,open,,yes,x",
        "H02-H01,range,,,,unknown,,,,open,,yes,x",
        "H01,other,,,,unknown,,,,open,,yes,x",
        "H01,single,,,,unknown,,,,closed,,yes,x",
        "H01,single,,,,unknown,,,2025-01-01,open,,yes,x",
        "H01,single,,,,unknown,,,2025-13-01,closed,,yes,x",
        "H01,single,,,,unknown,,,2025-01-01,closed,H1,yes,x",
        "H01,single,,,,unknown,,,,open,,perhaps,x",
        "H01,single",
    ],
)
def test_a_broken_line_of_the_list_is_named(line: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        read_rows(f"{HEADER}\n{line}\n")


def test_a_list_with_other_columns_is_refused() -> None:
    with pytest.raises(ValueError, match="columns"):
        read_rows("code,kind\nH01,single\n")
