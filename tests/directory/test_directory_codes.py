"""Identifier codes: what each form takes and refuses (G-01, G-02, G-03), what is said, how two forms meet (G-03b)."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.directory.codes import (
    OLD_FORM_MARKER,
    Addressee,
    Code,
    CodeForm,
    CodeRefused,
    counterpart,
    fold,
    parse,
    problems,
)

UPPER = string.ascii_uppercase + string.digits
level1_codes = st.from_regex(r"[A-Y][0-9]{2}", fullmatch=True)
digits_2016 = st.from_regex(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Y][0-9]{2}", fullmatch=True)
opaque = st.from_regex(r"[A-Za-z0-9]+([.\-_][A-Za-z0-9]+)*", fullmatch=True).filter(lambda text: len(text) <= 35)


@pytest.mark.parametrize("text", ["H37", "H37.02", "H37.DN.001", "G12.18.03", "H01." + "A" * 31])
def test_a_code_of_2020_is_read_from_the_left(text: str) -> None:
    code = parse(text)

    assert (code.form, code.level1, code.groups) == (CodeForm.QD20, text[:3], tuple(text.split(".")))


def test_a_code_of_35_characters_is_taken_and_one_of_36_is_refused_for_its_length() -> None:
    assert parse("H01." + "A" * 31).form is CodeForm.QD20
    with pytest.raises(CodeRefused) as refusal:
        parse("H01." + "A" * 32)
    assert [note.code for note in refusal.value.notes] == ["code.too_long"]
    assert "36" in refusal.value.notes[0].text.vi


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ["code.empty"]),
        ("h37.02", ["code.lower_case"]),
        ("H37.dn.001", ["code.lower_case"]),
        ("H37..02", ["code.empty_group"]),
        ("H37.02.", ["code.trailing_dot"]),
        (".H37", ["code.leading_dot"]),
        ("H37 02", ["code.space"]),
        ("H37\n", ["code.space"]),
        ("H37/02", ["code.character"]),
        ("H37.Đ1", ["code.character"]),
        ("H37.\u0661", ["code.character"]),
        ("Z00ABC", ["code.scheme_zero"]),
        ("Z24.ABC", ["code.scheme_separator"]),
        ("123456789", ["code.business_length"]),
        ("0000.00.00.H37", ["code.group_length"]),
        ("28.22.H17", ["code.group_count"]),
        ("02.29.W00", ["code.group_count"]),
        ("ABC.001", ["code.level1"]),
        ("h37..02.", ["code.lower_case", "code.trailing_dot", "code.empty_group"]),
    ],
)
def test_what_is_wrong_is_named(text: str, said: list[str]) -> None:
    assert [note.code for note in problems(text)] == said


def test_a_2016_code_of_14_characters_is_told_which_group_is_wrong() -> None:
    (note,) = problems("0000.00.00.H37")

    assert "nhóm 1 có 4 ký tự, phải là 3" in note.text.vi


@pytest.mark.parametrize("text", ["", "H37..02", "H37.02.", ".H37", "H 37", "H37\n", "A" * 36, "Bộ"])
def test_what_cannot_be_a_code_is_refused(text: str) -> None:
    with pytest.raises(CodeRefused):
        parse(text)


@pytest.mark.parametrize("text", ["vxp.saas.03", "28.22.H17", "02.29.W00", "001.00.20.TT2", "h37", "Z00ABC", "GW-1_2"])
def test_a_code_of_no_form_is_read_as_opaque_with_its_reasons(text: str) -> None:
    code = parse(text)

    assert (code.form, code.level1, code.groups) == (CodeForm.OTHER, None, (text,))
    assert code.notes == problems(text) != ()


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("000.00.00.H01", ("H01",)),
        ("000.00.18.G12", ("G12", "18")),
        ("001.02.03.H53", ("H53", "03", "02", "001")),
        ("777.77.04.D77", ("D77", "04", "77", "777")),
    ],
)
def test_a_code_of_2016_is_read_from_the_right_without_its_empty_levels(text: str, groups: tuple[str, ...]) -> None:
    code = parse(text)

    assert (code.form, code.level1, code.groups, code.depth) == (CodeForm.QCVN2016, groups[0], groups, len(groups))
    assert code.notes == ()


def test_a_skipped_level_is_reported_and_not_lost() -> None:
    code = parse("123.00.11.H53")

    assert code.groups == ("H53", "11", "00", "123")
    assert [note.code for note in code.notes] == ["code.gap"]
    assert "cấp 4" in code.notes[0].text.vi
    assert "cấp 3" in code.notes[0].text.vi


def test_two_skipped_levels_are_both_reported() -> None:
    assert [note.code for note in parse("123.00.00.H53").notes] == ["code.gap", "code.gap"]


def test_a_text_of_both_forms_is_read_as_2020_and_said_to_be_ambiguous() -> None:
    code = parse("A01.02.03.H41")

    assert (code.form, code.level1) == (CodeForm.QD20, "A01")
    assert [note.code for note in code.notes] == ["code.both_forms"]


@pytest.mark.parametrize("text", ["Z24ABC", "Z24AB.C-1", "Z01" + "9" * 32])
def test_a_scheme_code_is_opaque_and_not_split_on_dots(text: str) -> None:
    code = parse(text)

    assert (code.form, code.level1, code.groups, code.depth) == (CodeForm.SCHEME, None, (text,), None)


def test_a_scheme_without_a_body_is_remarked() -> None:
    assert [note.code for note in parse("Z24").notes] == ["code.scheme_alone"]


@pytest.mark.parametrize("text", ["0100107370", "0100107370001", "001099012345"])
def test_a_business_number_is_opaque(text: str) -> None:
    assert (parse(text).form, parse(text).notes) == (CodeForm.BUSINESS, ())


def test_a_business_number_behind_02_is_kept_as_it_stands_and_remarked() -> None:
    code = parse("020100107370")

    assert (code.form, code.text) == (CodeForm.BUSINESS, "020100107370")
    assert [note.code for note in code.notes] == ["code.business_prefix"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("000.00.18.G12", "G12.18"), ("000.00.00.H49", "H49"), ("001.02.03.H53", "H53.03.02.001")],
)
def test_the_other_form_is_proposed_both_ways_and_marked_as_the_reversal_rule(one: str, other: str) -> None:
    there, back = counterpart(parse(one)), counterpart(parse(other))

    assert there is not None
    assert back is not None
    assert (there.code, there.basis, back.code, back.basis) == (other, "reversal", one, "reversal")


@pytest.mark.parametrize(
    "text",
    [
        "123.00.11.H53",  # turning would lose the skipped level
        "H37.DN.001",  # level 3 has three characters
        "H37.00",
        "H37.1.2.3.4",
        "H37.02.03.A01",  # turned round it would read as a code of 2020 again
        "Z24ABC",
        "0100107370",
        "vxp.saas.03",
        "H37." + "A" * 31,
    ],
)
def test_no_counterpart_is_proposed_where_something_would_be_lost(text: str) -> None:
    assert counterpart(parse(text)) is None


def test_one_body_under_two_forms_in_one_packet_counts_as_one_receiver() -> None:
    bodies = fold([Addressee("G12", "Bộ Tài chính"), Addressee("000.00.00.G12", OLD_FORM_MARKER)])

    assert [(body.code, body.also, body.positions) for body in bodies] == [("G12", ("000.00.00.G12",), (0, 1))]


def test_the_marked_entry_folds_also_when_it_comes_first_and_the_unmarked_code_stands_for_both() -> None:
    bodies = fold([Addressee("000.00.00.G12", f" {OLD_FORM_MARKER} "), Addressee("H37"), Addressee("G12")])

    assert [(body.code, body.positions) for body in bodies] == [("G12", (0, 2)), ("H37", (1,))]


def test_two_unmarked_entries_that_look_alike_stay_two() -> None:
    assert len(fold([Addressee("G12"), Addressee("000.00.00.G12")])) == 2


def test_two_unmarked_entries_fold_when_the_catalogue_vouches() -> None:
    (body,) = fold([Addressee("H37.DN.001"), Addressee("000.01.05.H37")], [("000.01.05.H37", "H37.DN.001")])

    assert (body.code, body.also) == ("H37.DN.001", ("000.01.05.H37",))


def test_aliases_fold_through_a_code_that_is_not_listed() -> None:
    assert len(fold([Addressee("A"), Addressee("C")], [("A", "B"), ("B", "C")])) == 1


@pytest.mark.parametrize("code", ["000.00.00.G13", "nonsense..", "vxp.saas.03"])
def test_a_marked_entry_without_its_counterpart_stays_alone(code: str) -> None:
    assert len(fold([Addressee("G12"), Addressee(code, OLD_FORM_MARKER)])) == 2


@given(st.text(max_size=60))
def test_every_text_is_either_read_or_refused_with_a_reason(text: str) -> None:
    read = _read(text)

    assert read is not None or problems(text)
    assert read is None or (read.form is CodeForm.OTHER) == bool(problems(text))


def _read(text: str) -> Code | None:
    try:
        return parse(text)
    except CodeRefused:
        return None


@given(opaque)
def test_every_opaque_text_of_35_characters_is_read(text: str) -> None:
    assert parse(text).text == text


@given(level1_codes, st.lists(st.text(UPPER, min_size=1, max_size=5), max_size=5))
def test_codes_of_2020_keep_their_groups(level1: str, lower: list[str]) -> None:
    code = parse(".".join([level1, *lower]))

    assert (code.form, code.groups) == (CodeForm.QD20, (level1, *lower))


@given(digits_2016)
def test_a_counterpart_leads_back_to_where_it_came_from(text: str) -> None:
    code = parse(text)
    there = counterpart(code)

    assert (there is None) == bool(code.notes)
    if there is not None:
        back = counterpart(parse(there.code))
        assert back is not None
        assert back.code == text


@given(st.lists(st.tuples(st.sampled_from(["G12", "000.00.00.G12", "H37", "x", ".."]), st.booleans()), max_size=8))
def test_folding_loses_no_entry_and_counts_none_twice(entries: list[tuple[str, bool]]) -> None:
    bodies = fold([Addressee(code, OLD_FORM_MARKER if marked else None) for code, marked in entries])

    assert sorted(place for body in bodies for place in body.positions) == list(range(len(entries)))
    for body in bodies:
        assert {entries[place][0] for place in body.positions} == {body.code, *body.also}
