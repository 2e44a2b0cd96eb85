"""The keys in use: rows and files are looked at every few seconds, so that a rotation needs no restart.

A key that was handed out stays good for what it began: files are in memory, and a token's key lives as long as its
login. A file that was changed into something unusable does not take the key before it away; it is reported.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from cryptography import x509

from gateway.problems import Problem
from gateway.signing import certificates
from gateway.signing.keys import pem, pkcs12, repository
from gateway.signing.keys.api import KeyUnusable, SigningKey
from gateway.signing.keys.choosing import candidates
from gateway.signing.keys.pins import Pins
from gateway.signing.keys.reasons import Fault
from gateway.signing.keys.records import KeyKind, KeyRow, PinTry
from gateway.signing.keys.token import JUDGED, Module
from gateway.signing.settings import SigningSettings
from gateway.store import Store
from gateway.times import Clock

_log = structlog.get_logger(__name__)

T = TypeVar("T")

ChainFault = Callable[[bytes, datetime], Awaitable[str | None]]
"""What trust says of one of our own leaf certificates (DER) at a time: `chain_expired`, `revoked`, or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStanding:
    """How a key stands. `fault` is a reason of `reasons`; None when it can sign.

    `signs`: it is the one that signs for its unit (or for all units) now. `stood_in`: another does so in its place.
    `days_left` counts to the end of its certificate; None without one.
    """

    row: KeyRow
    fault: str | None
    signs: bool
    stood_in: bool
    expiring: bool
    days_left: int | None = None
    certificate: x509.Certificate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What we have of a row. With a `fault` and a `key` the key is that of before."""

    row: KeyRow
    tried_at: datetime
    key: SigningKey | None = None
    certificate: x509.Certificate | None = None
    content: bytes = b""
    fault: str | None = None
    chain_fault: str | None = None

    def fault_at(self, at: datetime) -> str | None:
        """Why it cannot sign at a time."""
        if self.key is None or self.certificate is None:
            return self.fault or Fault.UNREADABLE
        own = certificates.date_flaw(self.certificate, at) or self.chain_fault
        return (self.fault or own) if own else None


class Ring:
    """Implements `Keys`. One for each process: it holds the process's login at the token."""

    def __init__(
        self,
        *,
        store: Store,
        read_secret: Callable[[str], str],
        read_bytes: Callable[[str], bytes],
        clock: Clock,
        settings: SigningSettings,
        chain_fault: ChainFault | None = None,
        again: bool = False,
    ) -> None:
        """`read_secret` and `read_bytes` read a source (`file:/…`, `env:…`) and raise Problem; `again` has a PIN tried
        although it was refused before, at an operator's word."""
        self._store = store
        self._read_secret = read_secret
        self._read_bytes = read_bytes
        self._clock = clock
        self._settings = settings
        self._chain_fault = chain_fault
        self._again = again
        self._pins = Pins(store, clock)
        self._module = Module(
            settings.pkcs11_module, calls=settings.pkcs11_calls, wait_seconds=settings.pkcs11_wait_seconds
        )
        self._held: dict[str, _Held] = {}
        self._accepted: list[PinTry] = []
        self._busy_at: datetime | None = None
        self._looked_at: datetime | None = None
        self._restarted_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def current(self, unit_code: str, now: datetime) -> SigningKey | None:
        """The key that signs for a unit; None where none is configured. Raises KeyUnusable, DatabaseUnavailable."""
        await self.look(now)
        return self._choose(unit_code, now)

    async def use(self, unit_code: str, now: datetime, work: Callable[[SigningKey], T]) -> T | None:
        """Do `work` in a thread with the unit's key, and once more when the token was lost meanwhile.

        None where no key is configured. Raises KeyUnusable, and what `work` raises.
        """
        key = await self.current(unit_code, now)
        if key is None:
            return None
        try:
            return await asyncio.to_thread(work, key)
        except KeyUnusable as error:
            if error.reason != Fault.LOST:
                raise
        await self.look(now, anyway=True)
        key = self._choose(unit_code, now)
        return None if key is None else await asyncio.to_thread(work, key)

    async def standings(self, now: datetime) -> tuple[KeyStanding, ...]:
        """How each key stands that is not retired and whose time is not over; by name."""
        await self.look(now)
        signing = {self._signing_row(unit, now) for unit in {None, *(one.row.unit_code for one in self._held.values())}}
        served = {self._held[id].row.unit_code for id in signing if id is not None}
        found = []
        for id, held in sorted(self._held.items()):
            if held.row.valid_until is not None and held.row.valid_until <= now:
                continue
            found.append(self._standing(held, now, signs=id in signing, served=held.row.unit_code in served))
        return tuple(found)

    async def standing(self, row: KeyRow, now: datetime) -> KeyStanding:
        """How one key stands by itself, retired or not; no other key is touched."""
        held = await self._judged(await self._hold(row, now), now)
        return self._standing(held, now, signs=held.fault_at(now) is None and row.in_force(now), served=False)

    async def look(self, now: datetime, *, anyway: bool = False) -> None:
        """See what was changed, unless that was seen to just now."""
        since = None if self._looked_at is None else abs(now - self._looked_at)
        if not anyway and since is not None and since < timedelta(seconds=self._settings.look_seconds):
            return
        asked = self._looked_at
        async with self._looking:
            if not anyway and self._looked_at != asked:
                return  # somebody else did while we waited
            await self._settle()
            async with self._store.read() as tx:
                rows = await repository.keys(tx)
            held = {row.id: await self._judged(await self._hold(row, now), now) for row in rows}
            self._told(held)
            self._held, self._looked_at = held, now

    async def close(self) -> None:
        """Log out of the token."""
        await asyncio.to_thread(self._module.close)

    def _standing(self, held: _Held, now: datetime, *, signs: bool, served: bool) -> KeyStanding:
        left = certificates.days_left(held.certificate, now) if held.certificate is not None else None
        return KeyStanding(
            row=held.row,
            fault=held.fault or held.fault_at(now),
            signs=signs,
            stood_in=served and not signs,
            expiring=left is not None and left <= self._settings.expiring_days,
            days_left=left,
            certificate=held.certificate,
        )

    def _choose(self, unit_code: str, now: datetime) -> SigningKey | None:
        faults = []
        for row in candidates([one.row for one in self._held.values()], unit_code, now):
            held = self._held[row.id]
            fault = held.fault_at(now)
            if fault is None:
                return held.key
            faults.append(fault)
        if faults:
            raise KeyUnusable(faults[0])
        return None

    def _signing_row(self, unit_code: str | None, now: datetime) -> str | None:
        rows = candidates([one.row for one in self._held.values()], unit_code, now)
        return next((row.id for row in rows if self._held[row.id].fault_at(now) is None), None)

    async def _hold(self, row: KeyRow, now: datetime) -> _Held:
        before = self._held.get(row.id)
        if before is not None and before.row != row:
            before = None
        try:
            if row.kind is KeyKind.PKCS11:
                return await self._hold_token(row, before, now)
            return await self._hold_file(row, before, now)
        except KeyUnusable as error:
            if error.reason == Fault.BUSY:
                self._busy_at = now
            keep = before if before is not None and row.kind is not KeyKind.PKCS11 else _Held(row=row, tried_at=now)
            return replace(keep, tried_at=now, content=b"", fault=error.reason)

    async def _hold_file(self, row: KeyRow, before: _Held | None, now: datetime) -> _Held:
        key, certificate, phrase = await asyncio.to_thread(self._read, row)
        content = hashlib.sha256(repr((key, certificate, phrase)).encode()).digest()
        if before is not None and before.content == content:
            return before
        load = pem.load if row.kind is KeyKind.PEM else pkcs12.load
        try:
            made = await asyncio.to_thread(load, key, certificate, phrase, row.algorithm)
            read = self._looked_at_leaf(made)
        except KeyUnusable as error:
            keep = before or _Held(row=row, tried_at=now)
            return replace(keep, tried_at=now, content=content, fault=error.reason)
        return _Held(row=row, tried_at=now, key=made, certificate=read, content=content)

    async def _hold_token(self, row: KeyRow, before: _Held | None, now: datetime) -> _Held:
        token, label = row.token or "", row.label or ""
        retry = timedelta(seconds=self._settings.token_retry_seconds)
        if before is not None and before.fault and abs(now - before.tried_at) < retry:
            return before
        if self._busy_at == now:
            raise KeyUnusable(Fault.BUSY)  # waited for already, in this look
        beside = await asyncio.to_thread(self._certificate_bytes, row)
        content = hashlib.sha256(beside or b"").digest()
        if before is not None and before.content == content and self._module.holds(before.key):
            return before
        if not self._module.is_open(token):
            # Not to be cut off between the token's answer and its being written down.
            await asyncio.shield(asyncio.ensure_future(self._log_in(row, now)))
        certificate = pem.certificate_in(beside) if beside is not None else None
        made = await asyncio.to_thread(self._module.key, token, label, certificate, row.algorithm)
        return _Held(row=row, tried_at=now, key=made, certificate=self._looked_at_leaf(made), content=content)

    async def _log_in(self, row: KeyRow, now: datetime) -> None:
        token = row.token or ""
        try:
            pin = await asyncio.to_thread(self._read_secret, row.secret_source or "")
        except (Problem, ValueError):
            raise KeyUnusable(Fault.PIN_SOURCE) from None
        await self._find(token, now)
        tried = await self._pins.begin(token, pin, again=self._again)
        try:
            await asyncio.to_thread(self._module.login, token, pin)
        except KeyUnusable as error:
            if error.reason in JUDGED:
                _log.error("signing.pin_refused", token=token, reason=error.reason)
                await self._pins.refused(tried)
            else:
                await self._pins.settled(tried)
            raise
        self._accepted.append(tried)
        await self._settle()

    async def _settle(self) -> None:
        """Forget PINs that were accepted; also those of before, when the database was away just then."""
        while self._accepted:
            await self._pins.settled(self._accepted[0])
            del self._accepted[0]

    async def _find(self, token: str, now: datetime) -> None:
        """See that the token is there; the library sees one that came back only when it is started anew."""
        try:
            await asyncio.to_thread(self._module.look, token, dare=self._again)
        except KeyUnusable as error:
            retry = timedelta(seconds=self._settings.token_retry_seconds)
            lately = self._restarted_at is not None and abs(now - self._restarted_at) < retry
            if error.reason not in (Fault.MISSING, Fault.ERROR) or lately:
                raise
            self._restarted_at = now
            await asyncio.to_thread(self._module.restart)
            await asyncio.to_thread(self._module.look, token, dare=self._again)

    async def _judged(self, held: _Held, now: datetime) -> _Held:
        if held.certificate is None or self._chain_fault is None:
            return held
        return replace(held, chain_fault=await self._chain_fault(certificates.der_of(held.certificate), now))

    def _looked_at_leaf(self, key: SigningKey) -> x509.Certificate:
        leaf = certificates.read(key.certificate)
        if flaw := certificates.usage_flaw(leaf, self._settings.allowed_purposes):
            raise KeyUnusable(flaw)
        return leaf

    def _read(self, row: KeyRow) -> tuple[bytes, bytes | None, str | None]:
        try:
            key = self._read_bytes(row.source or "")
        except (Problem, ValueError):
            raise KeyUnusable(Fault.SOURCE) from None
        certificate = self._certificate_bytes(row)
        try:
            phrase = self._read_secret(row.secret_source) if row.secret_source else None
        except (Problem, ValueError):
            raise KeyUnusable(Fault.PHRASE_SOURCE) from None
        return key, certificate, phrase

    def _certificate_bytes(self, row: KeyRow) -> bytes | None:
        try:
            return self._read_bytes(row.certificate_source) if row.certificate_source else None
        except (Problem, ValueError):
            raise KeyUnusable(Fault.SOURCE) from None

    def _told(self, held: dict[str, _Held]) -> None:
        """Log what has changed, by names and reasons only."""
        for id, one in held.items():
            before = self._held.get(id)
            if before is None or before.fault != one.fault or before.content != one.content:
                sha256 = certificates.sha256(one.certificate) if one.certificate else None
                _log.info("signing.key", key=id, fault=one.fault, certificate=sha256)
        for id in self._held.keys() - held.keys():
            _log.info("signing.key_retired", key=id)
