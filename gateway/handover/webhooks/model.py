"""The nouns of webhooks."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

GROUPS = ("document", "status", "alarm")
"""First words of event kinds; an endpoint may ask for some of them only."""


class EndpointState(StrEnum):
    """active ⇄ paused, by an operator, by an answer 410, or because it failed for long."""

    ACTIVE = "active"
    PAUSED = "paused"


class ChainState(StrEnum):
    """open: its job runs or will. parked: it waits for the endpoint. failed: tried for days; a person may try again."""

    OPEN = "open"
    PARKED = "parked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEndpoint:
    """What an operator says of an endpoint. `secret_source` is a place (`file:`, `env:`), never the secret."""

    name: str
    url: str
    secret_source: str
    units: frozenset[str]
    groups: frozenset[str] = frozenset(GROUPS)
    hands_over: bool = False
    allow_plain_http: bool = False
    ca_file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where events of some units are told.

    `secret_sources`: newest first; two while rotating. `cursor`: the last event given out to chains. Events up to
    `replayed_to` are told again even where their document was handed over. `failures`: calls that failed one after the
    other. While `open_until` is set the breaker is open: only the chain of `probe` may call.
    """

    id: str
    name: str
    url: str
    secret_sources: tuple[str, ...]
    units: frozenset[str]
    groups: frozenset[str]
    hands_over: bool
    allow_plain_http: bool
    ca_file: str | None
    state: EndpointState
    paused_reason: str | None
    cursor: int
    replayed_to: int
    failures: int
    failing_since: datetime | None
    open_until: datetime | None
    opened: int
    probe: str | None
    last_error: str | None
    created_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What one endpoint is still to be told of one document, in order; `subject` is the document's id.

    Events without a document form one chain, of the subject `-`. `after`: the last event that was told. `lease`: of the
    delivery that the call under way hands over.
    """

    endpoint_id: str
    subject: str
    after: int
    state: ChainState
    lease: str | None


NO_DOCUMENT = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What came of a call. `failure` is None for an answer 2xx in time, else a short stable word."""

    failure: str | None
    http_status: int | None = None
    retry_after: float | None = None
    seconds: float = 0.0

    @property
    def gone(self) -> bool:
        """The receiver wants no more calls, ever (410)."""
        return self.http_status == 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """How far an endpoint is behind: chains by state."""

    open: int
    parked: int
    failed: int
