"""Who calls: document systems by API key, each bound to its units (G-72, G-79)."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from gateway.api import repository
from gateway.api.repository import ClientRow
from gateway.api.settings import ApiSettings
from gateway.problems import Kind, Problem, Text
from gateway.store import Store, Transaction, new_id
from gateway.times import VIETNAM, Clock

_KEY = re.compile(r"ltg_([a-z2-7]{8})_([A-Za-z0-9_-]{43})")
_CACHED_KEYS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A caller whose key was checked. It sees and acts for its `units` only."""

    id: str
    name: str
    units: frozenset[str]
    created_at: datetime


class Clients:
    """Checks keys. A look-up is kept for `client_cache_seconds`, so a revoked key works no longer than that."""

    def __init__(
        self, store: Store, clock: Clock, settings: ApiSettings, *, elapsed: Callable[[], float] = monotonic
    ) -> None:
        self._store = store
        self._clock = clock
        self._cache_seconds = settings.client_cache_seconds
        self._elapsed = elapsed
        self._cached: dict[str, tuple[float, ClientRow]] = {}

    async def of_key(self, key: str) -> Client:
        """The client of a whole key. Raises Problem `auth.key_unknown`, the same for unknown, wrong and revoked."""
        shape = _KEY.fullmatch(key)
        if shape is None:
            raise unknown_key()
        row = await self._row(shape[1])
        # Compared also when there is no such client, so that the time taken says nothing about prefixes.
        same = hmac.compare_digest(hash_of(key), row.key_hash if row else "0" * 64)
        if row is None or not same or row.revoked_at is not None:
            raise unknown_key()
        await self._note_use(row)
        return Client(id=row.id, name=row.name, units=row.units, created_at=row.created_at)

    async def _row(self, key_prefix: str) -> ClientRow | None:
        now = self._elapsed()
        kept = self._cached.get(key_prefix)
        if kept is not None and kept[0] > now:
            return kept[1]
        async with self._store.read() as tx:
            row = await repository.client_by_prefix(tx, key_prefix)
        self._cached.pop(key_prefix, None)
        if row is not None and row.revoked_at is None:
            self._keep(row, now)
        return row

    def _keep(self, row: ClientRow, now: float) -> None:
        if len(self._cached) >= _CACHED_KEYS:
            self._cached.clear()
        self._cached[row.key_prefix] = (now + self._cache_seconds, row)

    async def _note_use(self, row: ClientRow) -> None:
        today = self._clock().astimezone(VIETNAM).date()
        if row.last_used_on == today:
            return
        self._cached.pop(row.key_prefix, None)
        async with self._store.begin() as tx:
            await repository.used_on(tx, row.id, today)


async def add(tx: Transaction, name: str, units: frozenset[str], now: datetime, key: str | None = None) -> str:
    """Add a client and give back its key, which is shown once and stored only as a hash.

    `key` is for set-ups that bring their own, of the same shape (`make demo`). Raises Problem `client.name_empty`,
    `client.no_units` or `client.key_malformed`. That the units exist is for the caller to check.
    """
    if not name.strip():
        raise _refused("client.name_empty", "Ứng dụng chưa có tên.", "The client has no name.")
    if not units:
        raise _refused("client.no_units", "Chưa nêu đơn vị nào cho ứng dụng.", "No unit is named for the client.")
    whole = key or new_key()
    shape = _KEY.fullmatch(whole)
    if shape is None:
        raise _refused("client.key_malformed", "Khóa API sai định dạng.", "The API key is not of the right form.")
    row = ClientRow(
        id=new_id(now),
        name=name.strip(),
        key_prefix=shape[1],
        key_hash=hash_of(whole),
        units=units,
        created_at=now,
        revoked_at=None,
        last_used_on=None,
    )
    await repository.add_client(tx, row)
    return whole


async def listed(tx: Transaction) -> list[ClientRow]:
    """All clients, oldest first."""
    return await repository.clients(tx)


async def revoke(tx: Transaction, name_or_prefix: str, now: datetime) -> int:
    """Revoke the clients of this name, key prefix or id; how many were. Raises Problem `client.unknown` for none."""
    revoked = await repository.revoke_clients(tx, name_or_prefix, now)
    if revoked == 0:
        raise Problem(
            "client.unknown",
            Kind.NOT_FOUND,
            Text(
                "Không có ứng dụng nào đang hoạt động với tên hay mã này.", "No active client has this name or prefix."
            ),
            Text("Xem danh sách bằng lệnh gateway clients list.", "See the list with gateway clients list."),
        )
    return revoked


def new_key() -> str:
    """A fresh key: `ltg_`, a prefix to find it by (40 bits), and a secret of 256 bits."""
    prefix = base64.b32encode(secrets.token_bytes(5)).decode().lower()
    return f"ltg_{prefix}_{secrets.token_urlsafe(32)}"


def hash_of(key: str) -> str:
    """What is stored of a key: plain SHA-256, hex.

    A slow hash protects secrets that people choose. This one has 256 random bits: there is nothing to guess, and a
    slow hash on every request would only be a way to tire us.
    """
    return hashlib.sha256(key.encode()).hexdigest()


def unknown_key() -> Problem:
    """The key is not one of ours; says not why."""
    return Problem(
        "auth.key_unknown",
        Kind.UNAUTHENTICATED,
        Text("Khóa API không đúng hoặc đã bị thu hồi.", "The API key is wrong or was revoked."),
        Text(
            "Gửi đúng khóa trong Authorization: Bearer ltg_…; cấp khóa mới bằng lệnh gateway clients add.",
            "Send the right key in Authorization: Bearer ltg_…; a new one is made by gateway clients add.",
        ),
        field="Authorization",
    )


def missing_key() -> Problem:
    """No key was sent."""
    return Problem(
        "auth.key_missing",
        Kind.UNAUTHENTICATED,
        Text("Thiếu khóa API.", "There is no API key."),
        Text(
            "Gửi khóa trong tiêu đề Authorization: Bearer ltg_….",
            "Send the key in the header Authorization: Bearer ltg_….",
        ),
        field="Authorization",
    )


def _refused(code: str, vi: str, en: str) -> Problem:
    return Problem(
        code,
        Kind.INVALID,
        Text(vi, en),
        Text("Xem hướng dẫn bằng lệnh gateway clients add --help.", "See gateway clients add --help."),
    )
