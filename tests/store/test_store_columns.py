"""Column types and identifiers mean the same on both databases."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from functools import partial

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue
from sqlalchemy import Column, Integer, MetaData, Table, delete, insert, select
from sqlalchemy.exc import StatementError

from gateway.store import JsonColumn, Store, UtcDateTime, new_id

kept = MetaData()
row = Table(
    "row", kept, Column("id", Integer, primary_key=True), Column("at", UtcDateTime()), Column("value", JsonColumn())
)

NAIVE = partial(datetime, tzinfo=None)
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
# Hypothesis takes the bounds without a zone and adds one
moments = st.datetimes(NAIVE(1, 1, 3), NAIVE(9999, 12, 29), timezones=zones)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
on_one_database = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest_asyncio.fixture
async def rows(empty_store: Store) -> AsyncIterator[Store]:
    async with empty_store.begin() as tx:
        await tx.connection.run_sync(kept.create_all)
    yield empty_store


@on_one_database
@given(written=st.lists(moments, min_size=1, max_size=5))
async def test_times_come_back_as_the_same_moments_in_utc_and_in_order(rows: Store, written: list[datetime]) -> None:
    async with rows.begin() as tx:
        await tx.execute(delete(row))
        await tx.execute(insert(row), [{"id": n, "at": at} for n, at in enumerate(written)])
        read = list((await tx.execute(select(row.c.at).order_by(row.c.at))).scalars())
    assert read == sorted(written)
    assert {moment.utcoffset() for moment in read if moment} == {timedelta(0)}


async def test_times_are_compared_by_the_database_as_moments(rows: Store) -> None:
    hanoi = timezone(timedelta(hours=7))
    async with rows.begin() as tx:
        await tx.execute(insert(row).values(id=1, at=datetime(2026, 11, 22, 9, tzinfo=hanoi)))
        earlier = select(row.c.id).where(row.c.at < datetime(2026, 11, 22, 2, 0, 0, 1, tzinfo=UTC))
        later = select(row.c.id).where(row.c.at < datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC))
        assert ((await tx.execute(earlier)).all(), (await tx.execute(later)).all()) == ([(1,)], [])


async def test_a_time_without_a_zone_is_refused(rows: Store) -> None:
    with pytest.raises(StatementError, match="without a zone"):
        async with rows.begin() as tx:
            await tx.execute(insert(row).values(id=1, at=NAIVE(2026, 11, 22)))


@on_one_database
@given(value=json_values)
async def test_json_comes_back_as_it_was(rows: Store, value: JsonValue) -> None:
    async with rows.begin() as tx:
        await tx.execute(delete(row))
        await tx.execute(insert(row).values(id=1, value=value))
        assert (await tx.execute(select(row.c.value))).scalar_one() == value


@pytest.mark.parametrize("value", ["\ud800 alone", "nul \0 inside", {"Tờ trình": "số 05/TTr-UBND"}])
async def test_json_takes_text_that_databases_do_not(rows: Store, value: JsonValue) -> None:
    async with rows.begin() as tx:
        await tx.execute(insert(row).values(id=1, value=value))
        assert (await tx.execute(select(row.c.value))).scalar_one() == value


async def test_none_is_null_in_both_types(rows: Store) -> None:
    async with rows.begin() as tx:
        await tx.execute(insert(row).values(id=1, at=None, value=None))
        found = await tx.execute(select(row.c.at, row.c.value).where(row.c.at.is_(None), row.c.value.is_(None)))
        assert found.one() == (None, None)


@given(st.datetimes(NAIVE(1970, 1, 2), NAIVE(9999, 12, 30), timezones=zones), st.integers(1, 10**12))
def test_identifiers_sort_by_time_and_are_version_7(moment: datetime, microseconds: int) -> None:
    first = new_id(moment)
    parsed = uuid.UUID(first)
    assert (parsed.version, parsed.variant, str(parsed)) == (7, uuid.RFC_4122, first)
    later = moment.astimezone(UTC)
    if later < datetime(9999, 1, 1, tzinfo=UTC):
        assert first < new_id(later + timedelta(microseconds=microseconds))


def test_identifiers_made_at_one_moment_differ() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert len({new_id(now) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("moment", [NAIVE(2026, 11, 22), datetime(1969, 12, 31, tzinfo=UTC)])
def test_identifiers_refuse_times_that_cannot_be_ordered(moment: datetime) -> None:
    with pytest.raises(ValueError):
        new_id(moment)
