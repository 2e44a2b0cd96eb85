"""Durable work: queue, leases, retry policy, worker. Knows nothing of what the work is about."""

from gateway.jobs.breakers import Breaker, Breakers, BreakerState, Phase
from gateway.jobs.lanes import Lane
from gateway.jobs.model import (
    Again,
    Claimed,
    Dead,
    Done,
    JobAge,
    JobCount,
    JobKind,
    JobState,
    Lease,
    LeaseLost,
    Outcome,
    Postponed,
    Retry,
)
from gateway.jobs.queue import Jobs
from gateway.jobs.retry import Backoff, RetryDecision, RetryPolicy
from gateway.jobs.room import Share
from gateway.jobs.settings import JobsSettings
from gateway.jobs.worker import Worker

__all__ = [
    "Again",
    "Backoff",
    "Breaker",
    "BreakerState",
    "Breakers",
    "Claimed",
    "Dead",
    "Done",
    "JobAge",
    "JobCount",
    "JobKind",
    "JobState",
    "Jobs",
    "JobsSettings",
    "Lane",
    "Lease",
    "LeaseLost",
    "Outcome",
    "Phase",
    "Postponed",
    "Retry",
    "RetryDecision",
    "RetryPolicy",
    "Share",
    "Worker",
]
