"""Durable work: queue, leases, retry policy, worker. Knows nothing of what the work is about."""

from gateway.jobs.model import (
    Again,
    Claimed,
    Dead,
    Done,
    JobAge,
    JobCount,
    JobKind,
    JobState,
    Lane,
    Lease,
    LeaseLost,
    Outcome,
    Retry,
)
from gateway.jobs.queue import Jobs
from gateway.jobs.retry import Backoff, RetryDecision, RetryPolicy
from gateway.jobs.settings import JobsSettings
from gateway.jobs.worker import Worker

__all__ = [
    "Again",
    "Backoff",
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
    "Retry",
    "RetryDecision",
    "RetryPolicy",
    "Worker",
]
