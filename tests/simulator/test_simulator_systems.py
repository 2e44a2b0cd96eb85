"""Systems as they are declared, and units as they are registered."""

import pytest
from axis_requests import NOW
from hypothesis import given
from hypothesis import strategies as st

from gateway.axis.port import Registration
from gateway.axis.vxp.backend import ServerFail
from gateway.problems import Problem
from gateway.simulator.registry import Registry
from gateway.simulator.settings import SystemSpec, UnitSpec


def test_a_secret_may_hold_any_sign() -> None:
    spec = SystemSpec.parse("00.99.X99:a/b=:c==:H99.07,H98.01/000.00.12.H98")
    assert (spec.system_id, spec.secret) == ("00.99.X99", "a/b=:c==")
    assert spec.units == (UnitSpec("H99.07"), UnitSpec("H98.01", "000.00.12.H98"))


@pytest.mark.parametrize(
    "text", ["", "a", "a:b", "a::H99", ":b:H99", "a:b:", "a:b:H99,", "a:b:H 99", "a b:c:H99", "a:b:H99/", "a:b:/H99"]
)
def test_a_system_declared_wrongly_is_refused_without_its_secret(text: str) -> None:
    with pytest.raises(Problem, match=r"simulator\.system"):
        SystemSpec.parse(text)


@given(secret=st.text(min_size=8, max_size=50))
def test_no_secret_is_shown(secret: str) -> None:
    with pytest.raises(Problem) as caught:
        SystemSpec.parse(f"00.99.X99:{secret}\x00:H 99")
    assert secret not in str(caught.value)
    assert "hide-me" not in repr(SystemSpec.parse("00.99.X99:hide-me:H99"))


@pytest.mark.parametrize("specs", [["a:b:H99", "a:c:H98"], ["a:b:H99", "c:d:H99"], ["a:b:H99,H98/H99"]])
def test_nothing_is_declared_twice(specs: list[str]) -> None:
    with pytest.raises(Problem, match=r"simulator\.system"):
        registry(*specs)


def registry(*specs: str) -> Registry:
    return Registry.of([SystemSpec.parse(spec) for spec in specs], NOW)


@pytest.fixture
def two() -> Registry:
    return registry("one:s:H99,H99.07", "two:s:H98/000.00.00.H98")


def registration(code: str = "H99.09", *, parent: str = "one", id: str = "", name: str = "Sở Mẫu") -> Registration:
    return Registration(id=id, parent_code=parent, code=code, name=name)


def test_a_unit_is_found_by_both_its_codes(two: Registry) -> None:
    assert two.unit("H98") is two.unit("000.00.00.H98")


@pytest.mark.parametrize("parent", ["one", "H99"])
def test_a_new_unit_hangs_on_the_system_or_on_one_of_its_units(two: Registry, parent: str) -> None:
    two.register("one", registration(parent=parent), NOW)
    assert two.may_send_as("one", "H99.09")


def test_registering_again_changes_name_and_version(two: Registry) -> None:
    two.register("one", registration("H99.07", name="Sở Khác"), NOW)
    row = next(agency for agency in two.all_units() if agency.code == "H99.07")
    assert (row.name, row.version) == ("Sở Khác", 2)


def test_a_unit_may_change_its_code_by_its_id(two: Registry) -> None:
    number = next(agency.id for agency in two.agencies() if agency.code == "H99.07") or ""
    two.register("one", registration("H99.70", id=number), NOW)
    assert two.unit("H99.07") is None
    assert two.unit("H99.70") is not None


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (registration(parent="two"), "19"),
        (registration("H98"), "19"),
        (registration(id="4711"), "-1"),
        (registration("H99", id="1002"), "-1"),
        (registration(id="1003"), "19"),
    ],
)
def test_what_belongs_to_another_is_not_touched(two: Registry, wanted: Registration, code: str) -> None:
    before = list(two.all_units())
    with pytest.raises(ServerFail) as caught:
        two.register("one", wanted, NOW)
    assert (caught.value.code, list(two.all_units())) == (code, before)


def test_a_removed_unit_is_gone_from_the_list_and_marked_in_the_other(two: Registry) -> None:
    two.remove("two", "000.00.00.H98", NOW)
    assert [agency.code for agency in two.agencies()] == ["H99", "H99.07"]
    assert [agency.deleted for agency in two.all_units()] == [False, False, True]
    assert two.unit("H98") is None


@pytest.mark.parametrize("code", ["H98", "H11"])
def test_only_own_units_are_removed(two: Registry, code: str) -> None:
    with pytest.raises(ServerFail):
        two.remove("one", code, NOW)


@pytest.mark.parametrize(("level", "codes"), [("1", ["H99", "H98"]), ("2", ["H99.07"]), ("9", [])])
def test_the_directory_of_decision_20_is_by_level(two: Registry, level: str, codes: list[str]) -> None:
    assert [agency.code for agency in two.agencies_qd20(level)] == codes
