"""What a job is, and what may come of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.jobs.lanes import Lane
from gateway.jobs.retry import RetryPolicy
from gateway.times import aware


class JobState(StrEnum):
    """Where a job stands. `DONE` and `DEAD` are finished; only `put` brings such a job back."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


class LeaseLost(Exception):
    """Another worker has taken the job over, or it is finished: whoever held this lease must not write any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on a job. `token` grows with each claim of the job and is never given twice."""

    job_id: str
    owner: str
    token: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A job in a worker's hands.

    `attempt` counts from 1 since it was last put or came round again, `first_run_at` is when that was due.
    `pool` names what it shares with others, such as a line; a worker takes no more of a pool than it has room for.
    `taken_over`: a worker before us held it and never said how it ended; what it did may be done, half done or not.
    """

    id: str
    kind: str
    key: str
    payload: Mapping[str, str]
    lane: Lane
    pool: str | None
    attempt: int
    lease: Lease
    created_at: datetime
    first_run_at: datetime
    taken_over: bool


@dataclass(frozen=True, slots=True)
class Done:
    """Finished. `written`: said by the handler in its own last transaction, with `Jobs.done`, which saves one."""

    written: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """Finished for this time; come round again at `at`, with attempts counted anew."""

    at: datetime

    def __post_init__(self) -> None:
        aware(self.at)


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now. The kind's policy decides when; `after` (seconds, a Retry-After) is the soonest.

    `reason` is kept and shown: a short text without secrets or document content.
    """

    reason: str
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """Not now, but `after` seconds: the handler has decided by a policy of its own. `reason` as in Retry."""

    reason: str
    after: float


@dataclass(frozen=True, slots=True)
class Dead:
    """Never. Somebody has to look at it; the handler has said so where it matters. `reason` as in Retry."""

    reason: str


Outcome = Done | Again | Retry | Postponed | Dead


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """How jobs of one name are worked on. Handlers run at least once: each must find out what is already done.

    `exhausted` is called with the last reason when the policy gives up, before the job is marked dead; at least once.
    `concurrency` bounds how many run at a time in one worker; None leaves it to the worker's slots.
    """

    name: str
    handler: Callable[[Claimed], Awaitable[Outcome]]
    policy: RetryPolicy
    exhausted: Callable[[Claimed, str], Awaitable[None]] | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCount:
    """How many jobs of a kind are in a state."""

    kind: str
    state: JobState
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAge:
    """Since when the oldest job of a kind in a state has been due."""

    kind: str
    state: JobState
    since: datetime
