"""Keys in a token: a real PKCS#11 library, its PIN, its absence and its return."""

import asyncio
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pkcs11
import pytest
from authorities import issue
from keyring import MESSAGE, RETRY, UNIT, Rings, fault, key_of, signing, verifies
from softhsm import PIN, Tokens

from gateway.signing.certificates import Flaw
from gateway.signing.keys import register
from gateway.signing.keys.api import Algorithm, KeyUnusable
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.token import Module
from gateway.signing.keys.turns import Turns

pytest_plugins = ["key_fixtures"]


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Tokens are the same on either database; what is remembered of PINs is tried on both."""
    shutil.copyfile(sqlite_template, tmp_path / "gateway.db")
    return f"sqlite:///{tmp_path / 'gateway.db'}"


@pytest.mark.parametrize("name", ["rsa", "p256", "p384"])
async def test_a_key_signs_inside_the_token(hsm: Rings, tokens: Tokens, name: str) -> None:
    identity = issue(name)
    tokens.put("gw", "ký", identity)
    await hsm.add_token("k", "ký", identity, PIN)
    key = await key_of(hsm.ring(), hsm)
    value = key.sign(MESSAGE)
    assert (key.certificate, len(value)) == (identity.der, {"rsa": 256, "p256": 64, "p384": 96}[name])
    assert verifies(identity.der, key, value)


async def test_a_token_and_a_file_give_the_same_rsa_signature(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, PIN)
    in_token = await key_of(hsm.ring(), hsm)
    await hsm.add_pem("file", identity, unit="H99.08")
    in_file = await hsm.ring().current("H99.08", hsm.clock())
    assert in_file is not None
    assert in_token.sign(MESSAGE) == in_file.sign(MESSAGE)


async def test_the_certificate_beside_the_key_on_the_token_is_found(hsm: Rings, tokens: Tokens) -> None:
    identity, other = issue("rsa"), issue("p256 other")
    tokens.put("gw", "k", identity)
    tokens.put_certificate("gw", "k", other.der)
    tokens.put_certificate("gw", "k", identity.der)
    await hsm.add_token("k", "k", None, PIN)
    assert (await key_of(hsm.ring(), hsm)).certificate == identity.der


async def test_what_is_missing_on_the_token_is_named(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "there", identity)
    tokens.put("gw", "twice", identity)
    tokens.put("gw", "twice", issue("p256 twice"))
    await hsm.add_token("no-key", "absent", identity, PIN)
    await hsm.add_token("no-certificate", "there", None, PIN)
    await hsm.add_token("mismatch", "there", issue("rsa other"), PIN)
    await hsm.add_token("other-kind", "there", issue("p256"), PIN)
    await hsm.add_token("twice", "twice", identity, PIN)
    await hsm.add_token("no-token", "there", identity, PIN, token="absent")
    await hsm.add_token("weak", "there", issue("rsa1024"), PIN)
    faults = {one.row.id: one.fault for one in await hsm.ring().standings(hsm.clock())}
    assert faults == {
        "no-key": Fault.KEY_MISSING,
        "no-certificate": Fault.CERTIFICATE_MISSING,
        "mismatch": Fault.MISMATCH,
        "other-kind": Fault.MISMATCH,
        "twice": Fault.KEY_AMBIGUOUS,
        "no-token": Fault.MISSING,
        "weak": Flaw.WEAK_KEY,
    }


@pytest.mark.parametrize("library", ["", "/nowhere/lib.so", "/bin/sh"])
async def test_a_library_that_cannot_be_loaded_is_named(rings: Rings, library: str) -> None:
    rings.library = library
    await rings.add_token("k", "k", issue("rsa"), PIN)
    assert await fault(rings.ring(), rings) == Fault.MODULE


async def test_many_threads_share_one_login(hsm: Rings, tokens: Tokens) -> None:
    rsa, ec = issue("rsa"), issue("p256")
    tokens.put("gw", "r", rsa)
    tokens.put("gw", "e", ec)
    await hsm.add_token("k-rsa", "r", rsa, PIN)
    ring = hsm.ring()
    first = await key_of(ring, hsm)
    hsm.clock.advance(10)
    await hsm.add_token("k-ec", "e", ec, PIN)
    second = await key_of(ring, hsm)
    assert {first.certificate, second.certificate} == {rsa.der, ec.der}
    with ThreadPoolExecutor(16) as threads:
        done = list(threads.map(signing(), [first, second] * 60))
    assert done == [(first.certificate, True), (second.certificate, True)] * 60


async def test_a_key_is_rotated_under_load_in_the_token_too(hsm: Rings, tokens: Tokens) -> None:
    old, new = issue("rsa"), issue("p256")
    tokens.put("gw", "old", old)
    tokens.put("gw", "new", new)
    await hsm.add_token("a", "old", old, PIN)
    ring, rotated, signed = hsm.ring(), asyncio.Event(), list[tuple[bytes, bool]]()

    async def send() -> None:
        while not rotated.is_set() or len(signed) < 60:
            done = await ring.use(UNIT, hsm.clock(), signing())
            assert done is not None
            signed.append(done)
            if done[0] == new.der:
                rotated.set()

    async def rotate() -> None:
        async with asyncio.timeout(20):
            while len(signed) < 20:
                await asyncio.sleep(0)
        hsm.clock.advance(6)
        await hsm.add_token("b", "new", new, PIN)
        hsm.clock.advance(6)

    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(rotate())
        for _ in range(8):
            tasks.create_task(send())
    assert {one for one, _ in signed} == {old.der, new.der}
    assert all(right for _, right in signed)


async def test_a_token_pulled_out_is_named_and_signs_again_when_it_is_back(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, PIN)
    ring = hsm.ring()
    held = await key_of(ring, hsm)
    tokens.remove()
    with pytest.raises(KeyUnusable) as lost:
        await ring.use(UNIT, hsm.clock(), signing())
    assert lost.value.reason == Fault.MISSING
    with pytest.raises(KeyUnusable) as gone:
        held.sign(MESSAGE)
    assert gone.value.reason == Fault.LOST
    hsm.clock.advance(RETRY)
    assert await fault(ring, hsm) == Fault.MISSING
    tokens.put_back()
    hsm.clock.advance(RETRY)
    assert await ring.use(UNIT, hsm.clock(), signing()) == (identity.der, True)
    (standing,) = await ring.standings(hsm.clock())
    assert (standing.fault, standing.signs) == (None, True)


async def test_a_login_that_the_token_forgot_is_made_again_within_one_use(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("k", "k", identity, PIN)
    ring = hsm.ring()
    await key_of(ring, hsm)
    library = pkcs11.lib(tokens.library)
    library.get_token(token_label="gw").open().close()
    library.reinitialize()  # as a vendor's library does that was restarted: every handle is void
    assert await ring.use(UNIT, hsm.clock(), signing()) == (identity.der, True)


async def test_a_key_of_before_a_restart_of_the_library_never_signs_by_a_new_ones_handle(
    hsm: Rings, tokens: Tokens
) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    module = Module(tokens.library)
    module.login("gw", PIN)
    before = module.key("gw", "k", identity.certificate, None)
    module.restart()
    module.login("gw", PIN)
    after = module.key("gw", "k", identity.certificate, None)
    with pytest.raises(KeyUnusable, match=Fault.LOST):
        before.sign(MESSAGE)
    assert verifies(identity.der, after, after.sign(MESSAGE))
    module.close()


async def test_a_token_that_hangs_holds_others_up_for_a_bounded_time(rings: Rings) -> None:
    turns, entered, leave = Turns(1, 0.05), threading.Event(), threading.Event()

    def hang() -> None:
        with turns.one():
            entered.set()
            leave.wait(20)

    thread = threading.Thread(target=hang)
    thread.start()
    assert entered.wait(20)
    for way in (turns.one, turns.alone):
        with pytest.raises(KeyUnusable, match=Fault.BUSY), way():
            raise AssertionError("nobody else has a turn now")
    leave.set()
    thread.join(20)
    with turns.alone():
        pass


@pytest.mark.parametrize("calls", [1, 3])
def test_there_are_never_more_calls_at_a_time_than_the_setting_says(calls: int) -> None:
    turns, counting = Turns(calls, 20), threading.Lock()
    inside, most, alone = 0, 0, list[int]()

    def call(n: int) -> None:
        nonlocal inside, most
        with turns.alone() if n % 10 == 0 else turns.one():
            with counting:
                inside += 1
                most = max(most, inside)
                if n % 10 == 0:
                    alone.append(inside)
            with counting:
                inside -= 1

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(call, range(300)))
    assert most <= calls
    assert alone == [1] * 30


async def test_sessions_for_several_calls_at_a_time_share_the_login(hsm: Rings, tokens: Tokens) -> None:
    """SoftHSM2 is initialised without locks, so that the calls of this test do not overlap."""
    identity = issue("p256")
    tokens.put("gw", "k", identity)
    hsm.settings = hsm.settings.model_copy(update={"pkcs11_calls": 3})
    await hsm.add_token("k", "k", identity, PIN)
    key = await key_of(hsm.ring(), hsm)
    assert [signing()(key) for _ in range(7)] == [(identity.der, True)] * 7


_FORKED = """
import os, sys
from gateway.signing.keys.api import KeyUnusable
from gateway.signing.keys.guard import CHECK
from gateway.signing.keys.token import Module
from cryptography import x509
module = Module({library!r})
module.login("gw", {pin!r})
key = module.key("gw", "k", x509.load_der_x509_certificate(bytes.fromhex({der!r})), None)
if child := os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
try:
    key.sign(CHECK)
except KeyUnusable as error:
    os._exit(7 if error.reason == "module_forked" else 1)
os._exit(0)
"""


@pytest.mark.process
async def test_a_login_does_not_live_on_in_a_forked_process(tokens: Tokens) -> None:
    identity = issue("p256")
    tokens.put("gw", "k", identity)
    script = _FORKED.format(library=tokens.library, pin=PIN, der=identity.der.hex())
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", script], capture_output=True, timeout=60)
    assert done.returncode == 7, done.stderr


async def test_retiring_a_tokens_key_leaves_the_others_login_alone(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    await hsm.add_token("a", "k", identity, PIN)
    await hsm.add_token("b", "k", identity, PIN)
    ring = hsm.ring()
    held = await key_of(ring, hsm)
    async with hsm.store.begin() as tx:
        await register.retire(tx, "b", hsm.clock())
    hsm.clock.advance(10)
    assert signing()(await key_of(ring, hsm)) == (identity.der, True)
    assert signing()(held) == (identity.der, True)


async def test_an_rsa_key_signs_with_the_hash_that_is_asked_for(hsm: Rings, tokens: Tokens) -> None:
    identity = issue("rsa")
    tokens.put("gw", "k", identity)
    module = Module(tokens.library)
    module.login("gw", PIN)
    for wanted in (Algorithm.RSA_SHA384, Algorithm.RSA_SHA512):
        key = module.key("gw", "k", identity.certificate, wanted)
        assert verifies(identity.der, key, key.sign(MESSAGE))
    with pytest.raises(KeyUnusable, match=Fault.ALGORITHM):
        module.key("gw", "k", identity.certificate, Algorithm.ECDSA_P256_SHA256)
    module.close()
