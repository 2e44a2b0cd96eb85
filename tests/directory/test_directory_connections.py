"""Connections and own units: what is taken, what is refused and why, and how a connection changes."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from clocks import FakeClock
from sqlalchemy.exc import IntegrityError

from gateway.directory import connections, repository, units
from gateway.directory.records import Connection, Mode, NewConnection, NewUnit
from gateway.directory.secret_sources import SecretFile, SecretVariable, secret_source
from gateway.problems import Kind, Problem
from gateway.store import Store

NEW = NewConnection(
    id="so-mau",
    endpoint="https://truc.example.vn/XrdAdapter/adapter",
    system_id="00.99.W00",
    secret_source="env:GATEWAY_SECRET_MAU",
    options={"hash_file": "true_hash", "depth": [1, None]},
)
UNIT = NewUnit(code="H99.07", name="Sở Mẫu", connection_id="so-mau", aliases=("000.00.07.H99", "sm.test"))


async def _added(store: Store, now: datetime, new: NewConnection = NEW) -> Connection:
    async with store.begin() as tx:
        return await connections.add(tx, new, now)


async def test_a_new_connection_only_observes(store: Store, clock: FakeClock) -> None:
    added = await _added(store, clock())

    assert (added.mode, added.cut_off, added.is_active, added.created_at) == (Mode.OBSERVE, None, False, clock())
    assert added.options == NEW.options
    async with store.read() as tx:
        assert await connections.every(tx) == (added,)


async def test_the_slash_at_the_end_of_an_endpoint_is_taken_off(store: Store, clock: FakeClock) -> None:
    added = await _added(store, clock(), replace(NEW, endpoint="https://truc.example.vn/adapter//"))

    assert added.endpoint == "https://truc.example.vn/adapter"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "Sở"}, "connection.id"),
        ({"id": ""}, "connection.id"),
        ({"id": "a" * 41}, "connection.id"),
        ({"protocol": "soap"}, "connection.protocol"),
        ({"endpoint": "ftp://truc.example.vn"}, "connection.endpoint"),
        ({"endpoint": "https://"}, "connection.endpoint"),
        ({"endpoint": "https://u:p@truc.example.vn"}, "connection.endpoint"),
        ({"endpoint": "https://truc.example.vn/?a=1"}, "connection.endpoint"),
        ({"endpoint": "https://truc.example.vn:99999"}, "connection.endpoint"),
        ({"endpoint": "https://trục.vn"}, "connection.endpoint"),
        ({"endpoint": "http://10.1.2.3:8080/XrdAdapter/adapter"}, "connection.plain_http"),
        ({"system_id": "mã hệ thống"}, "connection.system_id"),
        ({"system_id": "a\r\nb"}, "connection.system_id"),
        ({"secret_source": "AbCdEfSecret="}, "connection.secret_source"),
        ({"ca_file": "ca.pem"}, "connection.ca_file"),
        ({"max_connections": 0}, "connection.max_connections"),
        ({"max_connections": 11}, "connection.max_connections"),
        ({"poll_seconds": 0}, "connection.poll_seconds"),
        ({"options": {"a": float("nan")}}, "connection.options"),
        ({"options": {"a": "x" * 10_001}}, "connection.options"),
    ],
)
async def test_a_value_that_cannot_be_used_is_refused_by_name(
    store: Store, clock: FakeClock, changes: dict[str, object], code: str
) -> None:
    with pytest.raises(Problem) as refusal:
        await _added(store, clock(), replace(NEW, **changes))  # type: ignore[arg-type]  # wrong on purpose

    assert (refusal.value.code, refusal.value.kind) == (code, Kind.INVALID)
    async with store.read() as tx:
        assert await connections.every(tx) == ()


async def test_all_that_is_wrong_is_said_at_once(store: Store, clock: FakeClock) -> None:
    with pytest.raises(Problem) as refusal:
        await _added(store, clock(), replace(NEW, id="!", poll_seconds=0))

    assert [cause.field for cause in refusal.value.causes] == ["/id", "/poll_seconds"]


async def test_plain_http_may_be_allowed_explicitly(store: Store, clock: FakeClock) -> None:
    added = await _added(store, clock(), replace(NEW, endpoint="http://10.1.2.3:8080/a", allow_plain_http=True))

    assert added.allow_plain_http


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"system_id": "other"}, "connection.exists"), ({"id": "other"}, "connection.system_in_use")],
)
async def test_one_name_and_one_system_id_are_used_once(
    store: Store, clock: FakeClock, changes: dict[str, str], code: str
) -> None:
    await _added(store, clock())

    with pytest.raises(Problem) as refusal:
        await _added(store, clock(), replace(NEW, **changes))  # type: ignore[arg-type]  # only text fields are given
    assert (refusal.value.code, refusal.value.kind) == (code, Kind.CONFLICT)


async def test_going_active_names_a_cut_off_and_going_back_keeps_it(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    cut_off = clock() - timedelta(days=2)
    async with store.begin() as tx:
        active = await connections.activate(tx, "so-mau", cut_off, clock.advance(60))
        back = await connections.observe(tx, "so-mau", clock.advance(60))

    assert (active.mode, active.cut_off, active.is_active) == (Mode.ACTIVE, cut_off, True)
    assert (back.mode, back.cut_off, back.changed_at) == (Mode.OBSERVE, cut_off, clock())


async def test_a_cut_off_still_to_come_is_refused(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())

    with pytest.raises(Problem) as refusal:
        async with store.begin() as tx:
            await connections.activate(tx, "so-mau", clock() + timedelta(seconds=1), clock())
    assert refusal.value.code == "connection.cut_off"


async def test_the_database_refuses_an_active_connection_without_a_cut_off(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())

    with pytest.raises(IntegrityError):
        async with store.begin() as tx:
            await repository.update_connection(tx, "so-mau", {"mode": "active"})


async def test_a_stopped_connection_is_not_active_until_resumed(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    async with store.begin() as tx:
        await connections.activate(tx, "so-mau", clock(), clock())
        stopped = await connections.stop(tx, "so-mau", "axis_code_15", clock())
        resumed = await connections.resume(tx, "so-mau", clock())

    assert (stopped.is_active, stopped.mode, stopped.stopped_reason) == (False, Mode.ACTIVE, "axis_code_15")
    assert (resumed.is_active, resumed.stopped_reason) == (True, None)


@pytest.mark.parametrize("name", ["none", "a\0b", "Đ"])
async def test_an_unknown_connection_is_named_so(store: Store, clock: FakeClock, name: str) -> None:
    with pytest.raises(Problem) as refusal:
        async with store.begin() as tx:
            await connections.observe(tx, name, clock())
    assert (refusal.value.code, refusal.value.kind) == ("connection.unknown", Kind.NOT_FOUND)


async def test_a_failed_poll_keeps_the_time_of_the_last_good_one(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    good, failed = clock.advance(60), clock.advance(60)
    async with store.begin() as tx:
        await connections.record_poll(tx, "so-mau", at=good, clock_skew_seconds=-1.5)
        await connections.record_poll(tx, "so-mau", at=failed, error="timeout")
        found = await connections.get(tx, "so-mau")

    assert (found.last_good_poll_at, found.last_poll_at, found.last_poll_error) == (good, failed, "timeout")
    assert found.clock_skew_seconds == -1.5


async def test_a_poll_that_is_recorded_late_changes_nothing(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    late, newer = clock.advance(60), clock.advance(60)
    async with store.begin() as tx:
        await connections.record_poll(tx, "so-mau", at=newer)
        written = await connections.record_poll(tx, "so-mau", at=late, error="timeout")
        found = await connections.get(tx, "so-mau")

    assert (written, found.last_poll_at, found.last_poll_error) == (False, newer, None)


async def test_a_sentence_is_no_poll_error_and_no_reason_to_stop(store: Store, clock: FakeClock) -> None:
    async with store.begin() as tx:
        with pytest.raises(ValueError, match="short stable word"):
            await connections.record_poll(tx, "so-mau", at=clock(), error="Some long answer of a server")
        with pytest.raises(ValueError, match="short stable word"):
            await connections.stop(tx, "so-mau", "Some sentence", clock())


def test_a_secret_is_read_from_a_file_or_a_variable() -> None:
    assert secret_source("env:GATEWAY_SECRET_1") == SecretVariable("GATEWAY_SECRET_1")
    file = secret_source("file:/run/secrets/truc khoá")
    assert isinstance(file, SecretFile)
    assert str(file.path) == "/run/secrets/truc khoá"


@pytest.mark.parametrize(
    "text",
    ["", "env:", "env:1A", "env:A=B", "file:", "file:relative", "file:/a\nb", "file:/a\0", "file:/" + "a" * 500],
)
def test_a_place_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="file:/absolute/path or env:NAME"):
        secret_source(text)


def test_a_secret_put_in_place_of_its_place_is_never_repeated() -> None:
    with pytest.raises(ValueError) as refusal:
        secret_source("AbCdEf0123=")
    assert "AbCdEf" not in str(refusal.value)


async def test_a_unit_is_found_by_its_code_and_its_aliases_only(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    async with store.begin() as tx:
        added = await units.add(tx, UNIT, clock())
        other = await units.add(tx, replace(UNIT, code="H99.08", aliases=()), clock())

        assert added.aliases == ("000.00.07.H99", "sm.test")
        assert await units.own_unit(tx, "H99.07") == added
        assert await units.own_unit(tx, "sm.test") == added
        assert await units.by_code(tx, "H99.07") == added
        assert await units.by_code(tx, "sm.test") is None
        assert await units.own_unit(tx, "000.00.08.H99") is None  # a reversal nobody registered
        assert await units.own_unit(tx, "a\0b") is None
        assert await units.every(tx) == (added, other)
        assert await units.every(tx, "so-mau") == (added, other)
        assert await units.every(tx, "other") == ()
        assert await units.own_units(tx, ["sm.test", "H99.07", "H99.08", "x"]) == (added, other)


async def test_an_alias_may_come_later(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    async with store.begin() as tx:
        await units.add(tx, UNIT, clock())
        changed = await units.add_alias(tx, "H99.07", "H99.SM")

    assert changed.aliases == ("000.00.07.H99", "sm.test", "H99.SM")


@pytest.mark.parametrize("second", [{"code": "H99.07"}, {"code": "sm.test"}, {"aliases": ("sm.test",)}])
async def test_a_code_belongs_to_one_unit(store: Store, clock: FakeClock, second: dict[str, object]) -> None:
    await _added(store, clock())
    other = replace(UNIT, **({"code": "H99.08", "aliases": ()} | second))  # type: ignore[arg-type]  # text and tuples
    async with store.begin() as tx:
        await units.add(tx, UNIT, clock())

    with pytest.raises(Problem) as refusal:
        async with store.begin() as tx:
            await units.add(tx, other, clock())
    assert (refusal.value.code, refusal.value.kind) == ("unit.code_taken", Kind.CONFLICT)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"code": "H99..07"}, "unit.code", "/code"),
        ({"aliases": ("x", "y z")}, "unit.code", "/aliases/1"),
        ({"aliases": ("x", "x")}, "unit.aliases", "/aliases"),
        ({"aliases": ("H99.07",)}, "unit.aliases", "/aliases"),
        ({"name": " "}, "unit.name", "/name"),
        ({"name": "x" * 501}, "unit.length", "/name"),
        ({"email": "a\0b"}, "unit.length", "/email"),
        ({"telephone": "0" * 21}, "unit.length", "/telephone"),
        ({"connection_id": "none"}, "unit.connection", "/connection_id"),
    ],
)
async def test_a_unit_that_cannot_be_is_refused_by_field(
    store: Store, clock: FakeClock, changes: dict[str, object], code: str, field: str
) -> None:
    await _added(store, clock())

    with pytest.raises(Problem) as refusal:
        async with store.begin() as tx:
            await units.add(tx, replace(UNIT, **changes), clock())  # type: ignore[arg-type]  # wrong on purpose
    assert (refusal.value.code, refusal.value.field) == (code, field)


async def test_an_unknown_unit_is_named_so(store: Store) -> None:
    async with store.read() as tx:
        with pytest.raises(Problem) as refusal:
            await units.get(tx, "H99.07")
    assert refusal.value.code == "unit.unknown"


async def test_a_repeated_alias_is_refused_when_added_later(store: Store, clock: FakeClock) -> None:
    await _added(store, clock())
    async with store.begin() as tx:
        await units.add(tx, UNIT, clock())

    with pytest.raises(Problem) as refusal:
        async with store.begin() as tx:
            await units.add_alias(tx, "H99.07", "sm.test")
    assert refusal.value.code == "unit.aliases"
