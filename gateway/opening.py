"""What is opened from settings or from a connection, a part at a time: for the gateway and for single commands."""

import os
from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from gateway.axis.places import Places
from gateway.axis.port import Axis, Exchange
from gateway.axis.settings import VxpSettings
from gateway.axis.vxp.client import VxpClient
from gateway.directory.records import Connection
from gateway.directory.secret_sources import SecretFile, secret_source
from gateway.handover.webhooks.calling import Caller, CallSettings
from gateway.jobs import Jobs
from gateway.problems import Kind, Problem, Text
from gateway.settings import Settings
from gateway.signing.keys.ring import Ring
from gateway.signing.own_chain import OwnChain
from gateway.signing.trust.book import TrustBook
from gateway.store import Blobs, FolderBlobs, Store
from gateway.times import Clock

_LARGEST = 256 * 1024
"""Bytes. A PKCS#12 file with a long chain has 20 kB."""
_CHECK_SOURCE = Text(
    "Kiểm tra tệp (quyền đọc) hoặc biến môi trường.", "Check the file (and its rights), or the variable."
)


def clock() -> datetime:
    """The present."""
    return datetime.now(UTC)


def open_store(settings: Settings) -> Store:
    """The database of these settings."""
    return Store(settings.store)


def open_blobs(settings: Settings) -> Blobs:
    """The blobs of these settings."""
    return FolderBlobs(settings.store.blob_folder)


def read_secret(source: str) -> str:
    """The secret that `file:/path` or `env:NAME` names. Raises Problem `connection.secret`, never quoting it."""
    try:
        found = _read(source).decode()
    except UnicodeDecodeError:
        found = ""
    if secret := found.strip():
        return secret
    raise Problem(
        "connection.secret",
        Kind.UNAVAILABLE,
        Text(f"Không đọc được khóa bí mật từ {source}.", f"The secret could not be read from {source}."),
        _CHECK_SOURCE,
    )


def read_key_file(source: str) -> bytes:
    """The bytes of a key or certificate that `file:/path` or `env:NAME` names. Raises Problem `key.source`."""
    if found := _read(source):
        return found
    raise Problem(
        "key.source",
        Kind.UNAVAILABLE,
        Text(f"Không đọc được khóa hoặc chứng thư từ {source}.", f"No key or certificate could be read from {source}."),
        _CHECK_SOURCE,
    )


def _read(source: str) -> bytes:
    """What lies there; nothing where it cannot be read or is larger than any secret or key."""
    parsed = secret_source(source)
    try:
        if isinstance(parsed, SecretFile):
            with Path(parsed.path).open("rb") as file:
                found = file.read(_LARGEST + 1)
        else:
            found = os.fsencode(os.environ[parsed.name])
    except (OSError, KeyError):
        return b""
    return found if len(found) <= _LARGEST else b""


def axis_for(
    connection: Connection,
    secret: str,
    *,
    clock: Clock = clock,
    on_exchange: Callable[[Exchange], None] | None = None,
    places: Places | None = None,
) -> Axis:
    """The adapter of a connection; `places` are those that its users share. Raises Problem for options that no adapter knows."""
    known = {field.name for field in fields(VxpSettings)}
    options = {name: value for name, value in connection.options.items() if name in known}
    settings = VxpSettings(
        endpoint=connection.endpoint,
        allow_plain_http=connection.allow_plain_http,
        ca_file=Path(connection.ca_file) if connection.ca_file else None,
        max_connections=connection.max_connections,
        **options,  # type: ignore[arg-type]  # JSON values; VxpSettings checks their ranges
    )
    return VxpClient(
        settings, system_id=connection.system_id, secret=secret, clock=clock, on_exchange=on_exchange, places=places
    )


def caller_for(settings: Settings, *, clock: Clock = clock) -> Caller:
    """What calls webhooks."""
    wanted = CallSettings(hosts=settings.handover.allowed_hosts, seconds=settings.handover.webhook_seconds)
    return Caller(wanted, read_secret=read_secret, clock=clock)


def trust_for(settings: Settings, store: Store, jobs: Jobs) -> TrustBook:
    """Who is trusted."""
    return TrustBook(store, jobs, purposes=settings.signing.allowed_purposes)


def ring_for(
    settings: Settings,
    store: Store,
    trust: TrustBook,
    *,
    clock: Clock = clock,
    again: bool = False,
    looks_only: bool = False,
) -> Ring:
    """The keys that sign, looked at with the trust that is held; `again` as in Ring, `looks_only` has nobody asked."""
    return Ring(
        store=store,
        read_secret=read_secret,
        read_bytes=read_key_file,
        clock=clock,
        settings=settings.signing,
        chain_fault=OwnChain(store, trust, asks=not looks_only).fault,
        again=again,
    )
