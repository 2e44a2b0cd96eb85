"""Who a code is: the axis's list first, then the level-1 list; what is refused, what is proposed, what is one body."""

from collections.abc import AsyncIterator, Sequence
from datetime import date

import pytest
import pytest_asyncio
from clocks import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.axis.port import Agency
from gateway.directory import catalogue, connections, repository, units
from gateway.directory.catalogue import KnownBy, Standing
from gateway.directory.codes import Addressee, fold
from gateway.directory.level1 import Kind, Openness, Verified, level1
from gateway.directory.records import AgencyRow, NewConnection, NewUnit
from gateway.directory.refresh import RefreshResult, refresh
from gateway.problems import Problem
from gateway.store import Store

TODAY = date(2026, 11, 22)


@pytest_asyncio.fixture
async def directory(store: Store, clock: FakeClock) -> Store:
    """A store with two connections, `a` and `b`, and no list yet."""
    async with store.begin() as tx:
        for name in "ab":
            new = NewConnection(
                id=name, endpoint="https://truc.example.vn", system_id=f"s-{name}", secret_source="env:S"
            )
            await connections.add(tx, new, clock())
    return store


async def _list(
    store: Store, rows: Sequence[Agency], clock: FakeClock, connection_id: str = "a", *, force: bool = False
) -> RefreshResult:
    return await refresh(store, connection_id, _stream(rows), clock(), force=force)


async def _stream(rows: Sequence[Agency]) -> AsyncIterator[Agency]:
    for row in rows:
        yield row


async def _standing(store: Store, code: str, on: date = TODAY, connection_id: str | None = None) -> Standing:
    async with store.read() as tx:
        return await catalogue.standing(tx, code, on, connection_id=connection_id)


async def _refusal(store: Store, code: str, on: date = TODAY) -> Problem | None:
    return catalogue.refuse(await _standing(store, code, on), "/to/0/organ_id")


async def test_a_receiver_of_the_axis_s_list_may_be_sent_to(directory: Store, clock: FakeClock) -> None:
    await _list(directory, [Agency(code="vxp.saas.03", name="Đơn vị thử")], clock)

    found = await _standing(directory, "vxp.saas.03")

    assert (found.known_by, found.name, found.open) == (KnownBy.AXIS, "Đơn vị thử", Openness.OPEN)
    assert catalogue.refuse(found, "/to/0") is None


async def test_a_receiver_of_neither_list_is_refused_by_code_and_field(directory: Store) -> None:
    refusal = await _refusal(directory, "H37.99")

    assert refusal is not None
    assert (refusal.code, refusal.field) == ("recipient.unknown", "/to/0/organ_id")
    assert "H37.99" in refusal.text.vi


@pytest.mark.parametrize("code", ["G12.18", "A05", "H99", "L12", "Z24", "", "a\0b", "x" * 70, "\ud800"])
async def test_what_the_level_1_list_does_not_name_is_not_known_by_it(directory: Store, code: str) -> None:
    refusal = await _refusal(directory, code)

    assert refusal is not None
    assert refusal.code == "recipient.unknown"
    assert refusal.text.vi.isprintable()


@pytest.mark.parametrize(("code", "verified"), [("G12", Verified.YES), ("000.00.00.G01", Verified.DERIVED)])
async def test_an_open_level_1_code_is_known_without_a_list_of_the_axis(
    directory: Store, code: str, verified: Verified
) -> None:
    found = await _standing(directory, code)

    assert (found.known_by, found.open, found.verified) == (KnownBy.LEVEL1, Openness.OPEN, verified)


async def test_a_closed_code_is_refused_with_its_successor_proposed_from_the_day_on(directory: Store) -> None:
    before, after = (
        await _refusal(directory, "H33", date(2025, 6, 30)),
        await _refusal(directory, "H33", date(2025, 7, 1)),
    )

    assert before is None
    assert after is not None
    assert (after.code, "H01" in after.action.vi) == ("recipient.closed", True)


async def test_a_closed_code_without_a_successor_is_refused_all_the_same(directory: Store) -> None:
    refusal = await _refusal(directory, "G23")

    assert refusal is not None
    assert refusal.code == "recipient.closed"


async def test_the_axis_s_list_wins_over_the_level_1_list_and_the_successor_is_only_mentioned(
    directory: Store, clock: FakeClock
) -> None:
    await _list(directory, [Agency(code="H33", name="UBND tỉnh Kiên Giang")], clock)

    found = await _standing(directory, "H33")

    assert (found.known_by, found.open, found.successor) == (KnownBy.AXIS, Openness.OPEN, "H01")
    assert catalogue.refuse(found, "/to/0") is None


async def test_a_code_the_axis_calls_deleted_is_closed_even_if_the_level_1_list_has_it_open(
    directory: Store, clock: FakeClock
) -> None:
    await _list(directory, [Agency(code="G12", name="Bộ Tài chính", deleted=True)], clock)

    found = await _standing(directory, "G12")

    assert (found.known_by, found.open) == (KnownBy.AXIS, Openness.CLOSED)


async def test_a_code_deleted_on_one_axis_and_live_on_another_is_open(directory: Store, clock: FakeClock) -> None:
    await _list(directory, [Agency(code="H99.1", name="Cũ", deleted=True)], clock, "a")
    await _list(directory, [Agency(code="H99.1", name="Mới")], clock, "b")

    assert (await _standing(directory, "H99.1")).name == "Mới"
    assert (await _standing(directory, "H99.1", connection_id="a")).open is Openness.CLOSED


async def test_the_old_form_that_the_list_names_is_the_same_body(directory: Store, clock: FakeClock) -> None:
    await _list(directory, [Agency(code="H99.DN.001", name="Sở Mẫu", code_2016="000.01.05.H99")], clock)

    found = await _standing(directory, "000.01.05.H99")

    assert (found.known_by, found.open, found.name) == (KnownBy.AXIS, Openness.OPEN, "Sở Mẫu")
    assert found.aliases == frozenset({"H99.DN.001"})


async def test_a_former_code_of_the_same_form_is_closed_and_names_its_successor(
    directory: Store, clock: FakeClock
) -> None:
    await _list(directory, [Agency(code="H99.20", name="Sở Mới", old_code="H99.07")], clock)

    found = await _standing(directory, "H99.07")

    assert (found.known_by, found.open, found.successor) == (KnownBy.AXIS, Openness.CLOSED, "H99.20")
    assert found.aliases == frozenset()


async def test_a_former_code_of_another_level_1_body_is_no_alias(directory: Store, clock: FakeClock) -> None:
    await _list(directory, [Agency(code="H01.07", name="Sở", old_code="000.00.07.H33")], clock)

    found = await _standing(directory, "000.00.07.H33")

    assert (found.open, found.successor, found.aliases) == (Openness.CLOSED, "H01.07", frozenset())


async def test_a_former_code_that_two_bodies_claim_belongs_to_none(directory: Store, clock: FakeClock) -> None:
    rows = [
        Agency(code="H99.1", name="Một", code_2016="000.00.01.H99"),
        Agency(code="H99.2", name="Hai", code_2016="000.00.01.H99"),
    ]
    await _list(directory, rows, clock)

    assert (await _standing(directory, "000.00.01.H99")).known_by is None
    async with directory.read() as tx:
        assert await catalogue.aliases(tx, "H99.1") == frozenset({"H99.1"})


async def test_the_reversal_is_proposed_only_where_it_is_known_and_never_taken(
    directory: Store, clock: FakeClock
) -> None:
    await _list(directory, [Agency(code="H99.07", name="Sở Mẫu")], clock)

    known, unknown = await _standing(directory, "000.00.07.H99"), await _standing(directory, "000.00.08.H99")
    refusal = catalogue.refuse(known, "/to/0")

    assert (known.known_by, unknown.proposal) == (None, None)
    assert known.proposal is not None
    assert (known.proposal.code, known.proposal.basis) == ("H99.07", "reversal")
    assert refusal is not None
    assert "H99.07" in refusal.action.vi


async def test_our_own_unit_is_known_when_no_list_has_it(directory: Store, clock: FakeClock) -> None:
    async with directory.begin() as tx:
        new = NewUnit(code="H99.07", name="Sở Mẫu", connection_id="a", aliases=("000.00.07.H99",))
        await units.add(tx, new, clock())

    found = await _standing(directory, "000.00.07.H99")

    assert (found.known_by, found.open, found.aliases) == (KnownBy.UNIT, Openness.OPEN, frozenset({"H99.07"}))


async def test_codes_of_one_body_are_gathered_from_every_source(directory: Store, clock: FakeClock) -> None:
    rows = [
        Agency(code="H99.07", name="Sở Mẫu", code_2016="000.00.07.H99", old_code="so.mau"),
        Agency(code="000.00.07.H99", name="Sở Mẫu (mã cũ)"),
    ]
    await _list(directory, rows, clock)
    async with directory.begin() as tx:
        await units.add(tx, NewUnit(code="H99.07", name="Sở", connection_id="a", aliases=("test.so",)), clock())

    async with directory.read() as tx:
        found = [await catalogue.aliases(tx, code) for code in ("H99.07", "000.00.07.H99", "so.mau", "test.so")]

    assert found == [frozenset({"H99.07", "000.00.07.H99", "so.mau", "test.so"})] * 4


async def test_two_unmarked_addressees_fold_through_the_list(directory: Store, clock: FakeClock) -> None:
    await _list(directory, [Agency(code="H99.07", name="Sở Mẫu", code_2016="000.00.07.H99")], clock)
    listed = [Addressee("H99.07"), Addressee("000.00.00.G12"), Addressee("000.00.07.H99"), Addressee("G12")]

    async with directory.read() as tx:
        _, pairs = await catalogue.addressees(tx, [entry.code for entry in listed], TODAY)

    assert [body.positions for body in fold(listed, pairs)] == [(0, 2), (1, 3)]


async def test_many_standings_come_in_the_order_asked(directory: Store) -> None:
    async with directory.read() as tx:
        found = await catalogue.standings(tx, ["H33", "x", "G12", "H33"], TODAY)

    assert [one.code for one in found] == ["H33", "x", "G12", "H33"]


async def test_a_list_is_stored_whole_and_compared_the_next_time(directory: Store, clock: FakeClock) -> None:
    first = [Agency(code=f"H99.{n}", name=f"Sở {n}") for n in range(100)]
    stored_at = clock()
    await _list(directory, first, clock)
    clock.advance(60)
    second = [*first[:95], Agency(code="H99.95", name="Đổi tên"), *first[97:], Agency(code="H99.X", name="Mới")]
    result = await _list(directory, second, clock)

    counts = (result.applied, result.before, result.after, result.added, result.changed, result.removed, result.lost)
    assert counts == (True, 100, 100, 1, 1, 1, 1)
    rows = await _rows(directory)
    assert [rows[code].seen_at for code in ("H99.0", "H99.95", "H99.X")] == [stored_at, clock(), clock()]
    assert "H99.96" not in rows
    async with directory.read() as tx:
        assert (await connections.get(tx, "a")).agencies_at == clock()


@pytest.mark.parametrize("how", ["gone", "deleted", "swapped", "empty"])
async def test_an_answer_that_loses_a_tenth_is_not_applied_unless_forced(
    directory: Store, clock: FakeClock, how: str
) -> None:
    first = [Agency(code=f"H99.{n}", name=f"Sở {n}") for n in range(20)]
    await _list(directory, first, clock)
    stored_at = clock()
    clock.advance(60)
    short = {
        "gone": first[2:],
        "deleted": [*first[2:], *(Agency(code=row.code, name=row.name, deleted=True) for row in first[:2])],
        "swapped": [*first[2:], Agency(code="X1", name="X"), Agency(code="X2", name="X")],
        "empty": [],
    }[how]

    refused = await _list(directory, short, clock)

    assert refused.applied is False
    assert refused.alarm is not None
    assert sorted(await _rows(directory)) == sorted(row.code for row in first)
    async with directory.read() as tx:
        assert (await connections.get(tx, "a")).agencies_at == stored_at
    assert (await _list(directory, short, clock, force=True)).applied
    assert sorted(await _rows(directory)) == sorted(row.code for row in short)


async def test_an_answer_that_breaks_off_changes_nothing(directory: Store, clock: FakeClock) -> None:
    async def cut() -> AsyncIterator[Agency]:
        yield Agency(code="H99.1", name="Một")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await refresh(directory, "a", cut(), clock())
    assert await _rows(directory) == {}


async def test_rows_that_cannot_be_stored_are_counted_and_left_out(directory: Store, clock: FakeClock) -> None:
    bad = [
        Agency(code=" ", name="x"),
        Agency(code="a\0b", name="x"),
        Agency(code="x" * 65, name="x"),
        Agency(code="H99.1", name="a\0b"),
        Agency(code="H99.2", name="\ud800"),
        Agency(code="H99.3", name="x" * 1001),
        Agency(code="H99.4", name="x", version=2**63),
        Agency(code="H99.5", name="x", old_code="\n\0"),
    ]

    result = await _list(directory, [*bad, Agency(code=" H99.9 ", name="Tốt", old_code="H99.9")], clock)

    assert (result.left_out, result.added) == (8, 1)
    assert (await _rows(directory))["H99.9"].old_code is None


async def test_an_answer_beyond_all_bounds_is_not_applied(
    directory: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.directory.refresh.MAX_ROWS", 2)

    result = await _list(directory, [Agency(code=f"H99.{n}", name="x") for n in range(3)], clock)

    assert (result.applied, result.alarm is None) == (False, False)


async def test_rows_of_several_lists_of_one_body_are_put_together(directory: Store, clock: FakeClock) -> None:
    rows = [
        Agency(code="H99.1", name="Sở", mail="so@example.vn"),
        Agency(code="H99.1", name="", code_2016="000.00.01.H99"),
        Agency(code="H99.1", name="Sở đã giải thể", deleted=True, version=3),
    ]
    await _list(directory, rows, clock)

    row = (await _rows(directory))["H99.1"]

    assert (row.name, row.mail, row.code_2016, row.deleted) == (
        "Sở đã giải thể",
        "so@example.vn",
        "000.00.01.H99",
        True,
    )


async def test_a_filler_in_the_place_of_old_codes_ties_no_bodies_together(directory: Store, clock: FakeClock) -> None:
    await _list(directory, [Agency(code=f"H99.{n}", name="x", old_code="0") for n in range(30)], clock)

    assert {row.old_code for row in (await _rows(directory)).values()} == {None}


async def test_a_list_for_no_connection_is_refused(directory: Store, clock: FakeClock) -> None:
    with pytest.raises(LookupError):
        await _list(directory, [], clock, "none")


@settings(max_examples=60, deadline=None)
@given(st.text("GH0123.x-", max_size=5))
def test_without_a_list_of_the_axis_only_bodies_of_the_level_1_list_are_known(code: str) -> None:
    found = catalogue._Known(listed={}, claims={}, units={}, pairs=()).standing(code, TODAY)
    row = level1(code, TODAY)

    assert (found.known_by is KnownBy.LEVEL1) == (row is not None and row.kind is Kind.SINGLE)
    assert (catalogue.refuse(found, "/x") is None) == (found.open is Openness.OPEN)


async def _rows(store: Store) -> dict[str, AgencyRow]:
    async with store.snapshot() as tx:
        return {row.code: row async for some in repository.agencies_in_pieces(tx, "a") for row in some}
