"""What the directory knows, as values: connections, own units, rows of the axis's list."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from pydantic import JsonValue


class Mode(StrEnum):
    """`observe` lists and fetches, acknowledges nothing and sends nothing; `active` takes part."""

    OBSERVE = "observe"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What an operator says of a connection: one systemId at one axis. `options` are switches of the adapter."""

    id: str
    endpoint: str
    system_id: str
    secret_source: str
    protocol: str = "vxp"
    allow_plain_http: bool = False
    ca_file: str | None = None
    max_connections: int = 4
    poll_seconds: int = 120
    options: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One systemId at one axis: where, as whom, how, and how it has been doing.

    `secret_source` says where the secret is read from (`file:/path`, `env:NAME`); the database never holds one.
    `cut_off`: arrivals older than it are imported without statuses. `stopped_reason` is a short stable word, set while
    a configuration error keeps the connection from being used. `clock_skew_seconds` is ours minus the axis's.
    """

    id: str
    protocol: str
    endpoint: str
    system_id: str
    secret_source: str
    mode: Mode
    cut_off: datetime | None
    allow_plain_http: bool
    ca_file: str | None
    max_connections: int
    poll_seconds: int
    options: Mapping[str, JsonValue]
    created_at: datetime
    changed_at: datetime
    last_poll_at: datetime | None
    last_good_poll_at: datetime | None
    last_poll_error: str | None
    clock_skew_seconds: float | None
    agencies_at: datetime | None
    stopped_reason: str | None

    @property
    def is_active(self) -> bool:
        """Whether it may send and acknowledge now."""
        return self.mode is Mode.ACTIVE and self.stopped_reason is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What an operator changes of a connection; None leaves it as it is."""

    endpoint: str | None = None
    system_id: str | None = None
    secret_source: str | None = None
    allow_plain_http: bool | None = None
    ca_file: str | None = None
    max_connections: int | None = None
    poll_seconds: int | None = None

    def of(self, old: Connection) -> NewConnection:
        """The connection as it is to be."""
        given = {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}
        return replace(
            NewConnection(
                id=old.id,
                endpoint=old.endpoint,
                system_id=old.system_id,
                secret_source=old.secret_source,
                protocol=old.protocol,
                allow_plain_http=old.allow_plain_http,
                ca_file=old.ca_file,
                max_connections=old.max_connections,
                poll_seconds=old.poll_seconds,
                options=old.options,
            ),
            **given,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUnit:
    """What an operator says of one of our own bodies. The contact fields are those of From in a packet."""

    code: str
    name: str
    connection_id: str
    aliases: tuple[str, ...] = ()
    organization_in_charge: str | None = None
    organ_add: str | None = None
    email: str | None = None
    telephone: str | None = None
    fax: str | None = None
    website: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One of our own bodies, by its canonical code; `aliases` are its other codes, in order."""

    code: str
    name: str
    connection_id: str
    aliases: tuple[str, ...]
    organization_in_charge: str | None
    organ_add: str | None
    email: str | None
    telephone: str | None
    fax: str | None
    website: str | None
    created_at: datetime

    @property
    def codes(self) -> tuple[str, ...]:
        """All of its codes, the canonical one first."""
        return (self.code, *self.aliases)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyRow:
    """One body as the list of one connection's axis has it. `seen_at`: when it was first listed with this content."""

    connection_id: str
    code: str
    name: str
    old_code: str | None
    code_2016: str | None
    mail: str | None
    parent: str | None
    deleted: bool
    axis_id: str | None
    version: int | None
    seen_at: datetime
