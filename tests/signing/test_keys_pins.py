"""A wrong PIN is never tried twice in a row: by one process, after a restart, on other nodes."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pkcs11
import pytest
from authorities import issue, moment
from hypothesis import given
from hypothesis import strategies as st
from keyring import RETRY, UNIT, Rings, fault, key_of, signing
from softhsm import PIN, Tokens

from gateway.signing.keys import repository
from gateway.signing.keys.api import KeyUnusable
from gateway.signing.keys.pins import Pins, held_back
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.records import PinState, PinTry
from gateway.signing.keys.token import pin_fault
from gateway.store import DatabaseUnavailable
from gateway.store.faults import Trouble

pytest_plugins = ["key_fixtures"]

pytest_plugins = ["key_fixtures"]


async def test_a_wrong_pin_is_tried_once_by_all_processes_and_restarts_together(hsm: Rings, tokens: Tokens) -> None:
    """The token is given the refused PIN behind our back: only who tries it again would get in."""
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, "999999")
    ring = hsm.ring()
    assert await fault(ring, hsm) == Fault.PIN_WRONG
    await ring.close()
    tokens.set_pin("gw", "999999")
    hsm.clock.advance(RETRY)
    assert await fault(ring, hsm) == Fault.PIN_REFUSED_BEFORE
    await ring.close()
    for _ in range(3):
        hsm.clock.advance(RETRY)
        restarted = hsm.ring()
        assert await fault(restarted, hsm) == Fault.PIN_REFUSED_BEFORE
        await restarted.close()
    at_an_operators_word = hsm.ring(again=True)
    assert signing()(await key_of(at_an_operators_word, hsm)) == (identity.der, True)
    await at_an_operators_word.close()
    assert (await key_of(hsm.ring(), hsm)).certificate == identity.der


async def test_a_corrected_pin_is_tried_without_a_restart(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, "999999")
    ring = hsm.ring()
    assert await fault(ring, hsm) == Fault.PIN_WRONG
    hsm.file("pin", PIN.encode() + b"\n")
    hsm.clock.advance(RETRY)
    assert (await key_of(ring, hsm)).certificate == identity.der


async def test_two_keys_of_one_token_share_the_memory_of_its_pin(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("a", "k", identity, "999999")
    await hsm.add_token("b", "k", identity, "999999")
    faults = [one.fault for one in await hsm.ring().standings(hsm.clock())]
    assert faults == [Fault.PIN_WRONG, Fault.PIN_REFUSED_BEFORE]


async def test_a_try_that_was_cut_off_is_not_repeated_by_itself(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, PIN)
    await Pins(hsm.store, hsm.clock).begin("gw", PIN)  # and that process died before the token had answered
    ring = hsm.ring()
    assert await fault(ring, hsm) == Fault.PIN_BEING_TRIED
    hsm.clock.advance(120)
    assert await fault(ring, hsm) == Fault.PIN_UNSETTLED
    assert (await key_of(hsm.ring(again=True), hsm)).certificate == identity.der


_KILLED = """
import asyncio, os, signal, sys
from gateway.opening import clock, read_key_file, read_secret
from gateway.signing.keys.ring import Ring
from gateway.signing.keys.token import Module
from gateway.signing.settings import SigningSettings
from gateway.store import Store, StoreSettings

login = Module.login
def dies(self, token, pin):
    try:
        login(self, token, pin)
    finally:
        os.kill(os.getpid(), signal.SIGKILL)
Module.login = dies

async def main():
    ring = Ring(
        store=Store(StoreSettings(database_url={url!r})), read_secret=read_secret, read_bytes=read_key_file,
        clock=clock, settings=SigningSettings(pkcs11_module={library!r}),
    )
    await ring.current({unit!r}, clock())

asyncio.run(main())
"""


@pytest.mark.process
async def test_a_process_killed_between_the_tokens_answer_and_our_noting_it_leaves_the_try_behind(
    hsm: Rings, tokens: Tokens, database_url: str
) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, "999999")
    script = _KILLED.format(url=database_url, library=tokens.library, unit=UNIT)
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    tokens.set_pin("gw", "999999")
    hsm.clock.now = datetime.now(UTC) + timedelta(minutes=2)
    assert await fault(hsm.ring(), hsm) == Fault.PIN_UNSETTLED


async def test_only_one_of_two_nodes_tries_a_new_pin(hsm: Rings) -> None:
    pins = Pins(hsm.store, hsm.clock)
    done = await asyncio.gather(pins.begin("gw", PIN), pins.begin("gw", PIN), return_exceptions=True)
    refused = [one.reason for one in done if isinstance(one, KeyUnusable)]
    assert refused == [Fault.PIN_BEING_TRIED]


async def test_a_right_pin_is_forgotten_later_when_the_database_was_away_just_then(
    hsm: Rings, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, PIN)
    ring = hsm.ring()

    async def away(self: Pins, tried: PinTry) -> None:
        raise DatabaseUnavailable(Trouble.UNREACHABLE)

    with monkeypatch.context() as broken:
        broken.setattr(Pins, "settled", away)
        with pytest.raises(DatabaseUnavailable):
            await ring.current(UNIT, hsm.clock())
    assert (await key_of(ring, hsm)).certificate == identity.der
    async with hsm.store.read() as tx:
        assert await repository.pin_try(tx, "gw") is None


async def test_nothing_is_left_of_a_pin_that_was_right(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, PIN)
    await key_of(hsm.ring(), hsm)
    async with hsm.store.read() as tx:
        assert await repository.pin_try(tx, "gw") is None


async def test_a_pin_that_cannot_be_read_is_named(hsm: Rings, tokens: Tokens) -> None:
    await hsm.add_token("k", "k", issue("rsa"), PIN)
    (hsm.folder / "pin").unlink()
    assert await fault(hsm.ring(), hsm) == Fault.PIN_SOURCE


@pytest.mark.parametrize(
    ("flags", "dare", "wanted"),
    [
        ("USER_PIN_INITIALIZED", False, None),
        ("USER_PIN_INITIALIZED USER_PIN_COUNT_LOW", False, None),
        ("USER_PIN_INITIALIZED USER_PIN_FINAL_TRY", False, Fault.PIN_LAST_TRY),
        ("USER_PIN_INITIALIZED USER_PIN_FINAL_TRY", True, None),
        ("USER_PIN_INITIALIZED USER_PIN_LOCKED", True, Fault.PIN_LOCKED),
        ("TOKEN_INITIALIZED", True, Fault.PIN_NOT_SET),
    ],
)
def test_a_tokens_own_flags_keep_a_pin_from_being_tried(flags: str, dare: bool, wanted: Fault | None) -> None:
    given_flags = pkcs11.TokenFlag(0)
    for one in flags.split():
        given_flags |= pkcs11.TokenFlag[one]
    assert pin_fault(given_flags, dare=dare) == wanted


@dataclass
class _Token:
    """What a token remembers of the PINs it was asked about."""

    right: str
    last_wrong: str | None = None

    def asked(self, pin: str) -> bool:
        if pin == self.right:
            self.last_wrong = None
            return True
        assert pin != self.last_wrong, "the same wrong PIN twice in a row"
        self.last_wrong = pin
        return False


@given(
    st.lists(st.tuples(st.sampled_from("ABC"), st.booleans(), st.integers(0, 200)), max_size=30),
    st.sampled_from("ABC"),
)
def test_no_order_of_pins_crashes_and_restarts_tries_a_wrong_one_twice_in_a_row(
    happenings: list[tuple[str, bool, int]], right: str
) -> None:
    token, known, now = _Token(right), None, moment()
    for pin, crashes, seconds in happenings:
        now += timedelta(seconds=seconds)
        if held_back(known, pin, now, again=False):
            continue
        known = _written(pin, PinState.TRYING, now)
        accepted = token.asked(pin)
        if not crashes:
            known = None if accepted else _written(pin, PinState.REFUSED, now)


def _written(pin: str, state: PinState, at: datetime) -> PinTry:
    return PinTry(token="gw", salt="", mark=pin, state=state, at=at)
