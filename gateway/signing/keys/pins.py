"""A wrong PIN is never tried twice in a row, because tokens lock.

What is about to be tried is written down and committed before the token is asked, so that a process that dies in the
middle, a restart, and other nodes all know. Kept is a slow salted hash (scrypt) of a PIN that was refused, or of which
the answer never came; of an accepted one nothing is left.
"""

import asyncio
import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.signing.keys import repository
from gateway.signing.keys.api import KeyUnusable
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.records import PinState, PinTry
from gateway.store import Store
from gateway.times import Clock

_LONGEST_LOGIN = timedelta(minutes=1)
_SCRYPT_N = 2**14
"""16 MB and some 50 ms a guess (RFC 7914)."""


def held_back(known: PinTry | None, mark: str, now: datetime, *, again: bool) -> Fault | None:
    """Why a PIN with this mark is not tried now; `again` is an operator's word that it should be."""
    if known is None:
        return None
    if known.state is PinState.TRYING and abs(now - known.at) < _LONGEST_LOGIN:
        return Fault.PIN_BEING_TRIED
    if again or known.mark != mark:
        return None
    return Fault.PIN_REFUSED_BEFORE if known.state is PinState.REFUSED else Fault.PIN_UNSETTLED


class Pins:
    """The memory of PINs, in the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def begin(self, token: str, pin: str, *, again: bool = False) -> PinTry:
        """Write down that a PIN is about to be tried. Raises KeyUnusable when it must not be."""
        async with self._store.read() as tx:
            known = await repository.pin_try(tx, token)
        now = self._clock()
        salt = known.salt if known else secrets.token_hex(16)
        mark = await asyncio.to_thread(_mark, pin, salt)
        if fault := held_back(known, mark, now, again=again):
            raise KeyUnusable(fault)
        trying = PinTry(token=token, salt=salt, mark=mark, state=PinState.TRYING, at=now)
        async with self._store.begin() as tx:
            if not await repository.begin_pin_try(tx, trying, known):
                raise KeyUnusable(Fault.PIN_BEING_TRIED)
        return trying

    async def refused(self, tried: PinTry) -> None:
        """The token has judged it: wrong, or locked by it."""
        async with self._store.begin() as tx:
            await repository.refuse_pin(tx, replace(tried, state=PinState.REFUSED))

    async def settled(self, tried: PinTry) -> None:
        """It was accepted, or the token did not get as far as judging it."""
        async with self._store.begin() as tx:
            await repository.forget_pin(tx, tried)


def _mark(pin: str, salt: str) -> str:
    return hashlib.scrypt(pin.encode(), salt=bytes.fromhex(salt), n=_SCRYPT_N, r=8, p=1, dklen=32).hex()
