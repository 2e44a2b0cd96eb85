"""Which key signs, how it is changed under load, and what is said of one that cannot."""

import asyncio
import json
import logging
import threading
from datetime import timedelta

import pytest
from authorities import ENCRYPTS, issue, moment
from hypothesis import given
from hypothesis import strategies as st
from keyring import MESSAGE, UNIT, Rings, fault, signing

from gateway.problems import Problem
from gateway.signing.certificates import Flaw
from gateway.signing.keys import register
from gateway.signing.keys.api import SigningKey
from gateway.signing.keys.choosing import candidates
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.records import KeyKind, KeyRow, NewKey
from gateway.signing.keys.ring import Ring

pytest_plugins = ["key_fixtures"]


async def certificate(ring: Ring, rings: Rings, unit: str = UNIT) -> bytes | None:
    key = await ring.current(unit, rings.clock())
    return None if key is None else key.certificate


async def test_without_a_key_there_is_none(rings: Rings) -> None:
    await rings.add_pem("of-another", issue("p256"), unit="H99.08")
    assert await rings.ring().current(UNIT, rings.clock()) is None


async def test_a_units_own_key_goes_before_that_of_all(rings: Rings) -> None:
    own, general = issue("p256 own"), issue("p256 general")
    await rings.add_pem("own", own, days=-10)
    await rings.add_pem("general", general, unit=None, days=-1)
    ring = rings.ring()
    assert await certificate(ring, rings) == own.der
    assert await certificate(ring, rings, "H99.08") == general.der


async def test_a_new_key_takes_over_when_its_time_comes_without_a_restart(rings: Rings) -> None:
    old, new = issue("p256 old"), issue("p256 new")
    await rings.add_pem("old", old)
    ring = rings.ring()
    held = await ring.current(UNIT, rings.clock())
    await rings.add_pem("new", new, days=1)
    rings.clock.advance(3600)
    assert await certificate(ring, rings) == old.der
    rings.clock.advance(86_400)
    assert await certificate(ring, rings) == new.der
    assert held is not None
    assert signing()(held) == (old.der, True)


async def test_a_retired_key_signs_no_more_and_finishes_what_it_began(rings: Rings) -> None:
    identity = issue("p256")
    await rings.add_pem("k", identity)
    ring = rings.ring()
    held = await ring.current(UNIT, rings.clock())
    async with rings.store.begin() as tx:
        await register.retire(tx, "k", rings.clock())
    rings.clock.advance(60)
    assert await ring.current(UNIT, rings.clock()) is None
    assert held is not None
    assert signing()(held) == (identity.der, True)
    with pytest.raises(Problem, match=r"key\.unknown"):
        async with rings.store.begin() as tx:
            await register.retire(tx, "k", rings.clock())


async def test_a_changed_file_is_seen_within_the_seconds_of_the_setting(rings: Rings) -> None:
    old, new = issue("p256 old"), issue("p256 new")
    await rings.add_pem("k", old)
    ring = rings.ring()
    assert await certificate(ring, rings) == old.der
    rings.file("k.pem", new.key_pem() + new.pem)
    rings.clock.advance(1)
    assert await certificate(ring, rings) == old.der
    rings.clock.advance(5)
    assert await certificate(ring, rings) == new.der


@pytest.mark.parametrize("broken", ["half", "gone", "mismatch"])
async def test_a_file_changed_into_something_unusable_leaves_the_key_before_it_and_is_reported(
    rings: Rings, broken: str
) -> None:
    old, new = issue("p256 old"), issue("p256 new")
    await rings.add_pem("k", old)
    ring = rings.ring()
    assert await certificate(ring, rings) == old.der
    whole = old.key_pem() + old.pem
    if broken == "gone":
        (rings.folder / "k.pem").unlink()
    else:
        rings.file("k.pem", whole[:100] if broken == "half" else old.key_pem() + new.pem)
    rings.clock.advance(60)
    assert await certificate(ring, rings) == old.der
    (standing,) = await ring.standings(rings.clock())
    wanted = {"half": Fault.UNREADABLE, "gone": Fault.SOURCE, "mismatch": Fault.MISMATCH}
    assert (standing.fault, standing.signs) == (wanted[broken], True)
    rings.file("k.pem", whole)
    rings.clock.advance(60)
    (standing,) = await ring.standings(rings.clock())
    assert (standing.fault, standing.signs) == (None, True)


async def test_rotation_under_load_leaves_no_signature_wrong(rings: Rings) -> None:
    """Sixteen senders sign all the time while files and rows change under them."""
    first, second, third = (issue(name) for name in ("rsa first", "rsa second", "p256 third"))
    await rings.add_pem("k", first)
    ring = rings.ring()
    rotated, signed = asyncio.Event(), list[tuple[bytes, bool]]()

    async def send() -> None:
        while not rotated.is_set() or len(signed) < 200:
            done = await ring.use(UNIT, rings.clock(), signing())
            assert done is not None
            signed.append(done)

    async def seen(wanted: bytes) -> None:
        async with asyncio.timeout(20):
            while not any(one == wanted for one, _ in signed[-50:]):
                rings.clock.advance(5)
                await asyncio.sleep(0)

    async def rotate() -> None:
        try:
            await seen(first.der)
            rings.file("k.pem", second.key_pem())  # the key before its certificate: not usable yet
            rings.clock.advance(5)
            await ring.look(rings.clock())
            rings.file("k.pem", second.key_pem() + second.pem)
            await seen(second.der)
            await rings.add_pem("after", third, days=0)
            await seen(third.der)
        finally:
            rotated.set()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(rotate())
        for _ in range(16):
            tasks.create_task(send())
    assert {one for one, _ in signed} == {first.der, second.der, third.der}
    assert all(right for _, right in signed)


async def test_the_loop_goes_on_while_a_key_signs(rings: Rings) -> None:
    await rings.add_pem("k", issue("p256"))
    leave = threading.Event()

    def slow(key: SigningKey) -> bool:
        return leave.wait(20) and bool(key.sign(MESSAGE))

    using = asyncio.create_task(rings.ring().use(UNIT, rings.clock(), slow))
    await asyncio.sleep(0)
    leave.set()  # only a loop that is not held up comes here
    assert await using is True


async def test_the_key_before_stands_in_for_one_that_cannot_sign(rings: Rings) -> None:
    good = issue("p256 good")
    await rings.add_pem("good", good, days=-2)
    await rings.add_pem("late", issue("p256 late", begins=timedelta(days=1)), days=-1)
    ring = rings.ring()
    assert await certificate(ring, rings) == good.der
    standings = {one.row.id: one for one in await ring.standings(rings.clock())}
    assert (standings["late"].fault, standings["late"].stood_in) == (Flaw.NOT_YET_VALID, True)
    assert standings["good"].signs


async def test_a_key_of_all_units_never_stands_in_for_a_units_own(rings: Rings) -> None:
    await rings.add_pem("own", issue("p256 own", ends=timedelta(days=-1)))
    await rings.add_pem("general", issue("p256 general"), unit=None)
    assert await fault(rings.ring(), rings) == Flaw.EXPIRED


async def test_a_key_ends_with_its_certificate_and_says_how_many_days_are_left(rings: Rings) -> None:
    await rings.add_pem("k", issue("p256", ends=timedelta(days=31)))
    ring = rings.ring()
    (standing,) = await ring.standings(rings.clock())
    assert (standing.days_left, standing.expiring, standing.fault) == (31, False, None)
    rings.clock.advance(2 * 86_400)
    (standing,) = await ring.standings(rings.clock())
    assert (standing.days_left, standing.expiring, standing.fault) == (29, True, None)
    rings.clock.advance(30 * 86_400)
    (standing,) = await ring.standings(rings.clock())
    assert (standing.days_left, standing.fault, standing.signs) == (-1, Flaw.EXPIRED, False)
    assert await fault(ring, rings) == Flaw.EXPIRED


async def test_a_leaf_that_may_not_sign_is_named(rings: Rings) -> None:
    await rings.add_pem("k", issue("p256", usage=ENCRYPTS))
    assert await fault(rings.ring(), rings) == Flaw.KEY_USAGE


async def test_a_clock_before_the_certificates_start_is_named_and_passes(rings: Rings) -> None:
    await rings.add_pem("k", issue("p256"))
    ring = rings.ring()
    rings.clock.advance(-100.5 * 86_400)
    async with rings.store.begin() as tx:
        await register.retire(tx, "k", rings.clock())
    await rings.add_pem("k2", issue("p256"), days=-200)
    assert await fault(ring, rings) == Flaw.NOT_YET_VALID
    rings.clock.advance(100 * 86_400)
    assert await certificate(ring, rings) is not None


async def test_what_trust_says_of_our_own_chain_stops_the_key(rings: Rings) -> None:
    said: list[str | None] = [Fault.CHAIN_EXPIRED, None]

    async def judged(leaf: bytes, at: object) -> str | None:
        return said[0]

    await rings.add_pem("k", issue("p256"))
    ring = rings.ring(chain_fault=judged)
    assert await fault(ring, rings) == Fault.CHAIN_EXPIRED
    said.pop(0)
    rings.clock.advance(60)
    assert await certificate(ring, rings) is not None


async def test_a_passphrase_comes_from_its_place_and_is_not_logged(
    rings: Rings, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    identity = issue("p256")
    new = NewKey(
        id="k",
        kind=KeyKind.PEM,
        unit_code=None,
        source=rings.file("k.pem", identity.key_pem(b"ban-mat-44") + identity.pem),
        secret_source=rings.file("phrase", b"sai-lam-55\n"),
        valid_from=moment(-1),
    )
    await rings.add(new)
    ring = rings.ring()
    assert await fault(ring, rings) == Fault.PHRASE_WRONG
    rings.file("phrase", b"ban-mat-44\n")
    rings.clock.advance(60)
    assert await certificate(ring, rings) == identity.der
    (rings.folder / "phrase").unlink()
    rings.clock.advance(60)
    (standing,) = await ring.standings(rings.clock())
    assert standing.fault == Fault.PHRASE_SOURCE
    out = capsys.readouterr()
    told = out.out + out.err + caplog.text + json.dumps([repr(standing), repr(ring.__dict__)])
    assert "signing.key" in told
    assert not any(secret in told for secret in ("ban-mat-44", "sai-lam-55", "PRIVATE KEY"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"id": "Khoá"}, "key.name"),
        ({"source": None}, "key.source"),
        ({"token": "gw"}, "key.source"),
        ({"kind": KeyKind.PKCS11}, "key.token"),
        ({"source": "file:/" + "x" * 500}, "key.length"),
        ({"secret_source": "env:A\nB"}, "key.length"),
        ({"valid_until": moment(-2)}, "key.dates"),
        ({}, "key.taken"),
    ],
)
async def test_a_row_that_says_too_little_or_too_much_is_refused(
    rings: Rings, changes: dict[str, object], code: str
) -> None:
    from dataclasses import replace

    new = rings.pem("k", issue("p256"))
    await rings.add(new)
    with pytest.raises(Problem) as refused:
        await rings.add(replace(new, **changes))  # type: ignore[arg-type]  # a test's table of changes
    assert code in {one.code for one in (refused.value, *refused.value.causes)}


@st.composite
def rows(draw: st.DrawFn) -> list[KeyRow]:
    days = st.integers(-5, 5)
    found = []
    for n in range(draw(st.integers(0, 6))):
        begins = draw(days)
        until = draw(st.none() | st.integers(1, 5))
        found.append(
            KeyRow(
                id=f"k{n}",
                kind=KeyKind.PEM,
                unit_code=draw(st.sampled_from([None, "A", "B"])),
                valid_from=moment(begins),
                valid_until=None if until is None else moment(begins + until),
                created_at=moment(draw(days)),
                retired_at=draw(st.none() | st.just(moment(-9))),
            )
        )
    return found


@given(rows(), st.sampled_from([None, "A", "B", "C"]), st.integers(-6, 6))
def test_the_choice_keeps_to_unit_and_time(found: list[KeyRow], unit: str | None, day: int) -> None:
    at = moment(day)
    chosen = candidates(found, unit, at)
    assert all(one.valid_from <= at and one.retired_at is None for one in chosen)
    assert all(one.valid_until is None or at < one.valid_until for one in chosen)
    has_own = any(one.unit_code == unit and one.in_force(at) for one in found if one.unit_code)
    assert {one.unit_code for one in chosen} <= ({unit} if has_own else {None})
    assert [one.valid_from for one in chosen] == sorted((one.valid_from for one in chosen), reverse=True)
    assert len(chosen) == len([o for o in found if o.in_force(at) and o.unit_code == (unit if has_own else None)])


def test_the_message_of_these_tests_is_one_that_keys_sign() -> None:
    assert MESSAGE.startswith(b"<SignedInfo ")
