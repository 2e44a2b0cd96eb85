"""What one agency's database says at the end, read with SQL of our own: the program is not asked about itself."""

from collections import Counter
from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg.rows import dict_row

from bench.soak.cast import Json

_LEFT_JOBS = (
    "SELECT j.kind, j.key, j.state, j.attempt, j.run_at, j.lease_owner, j.last_reason FROM job j"
    " LEFT JOIN arrival a ON j.kind = 'arrival' AND a.id = j.key"
    " WHERE j.state = 'dead' OR (j.state <> 'done'"
    " AND j.kind NOT IN ('poll', 'directory', 'schedule', 'upkeep', 'blob_check', 'webhook_feed', 'day_end',"
    " 'lateness', 'evidence_chain', 'revocation')"
    " AND coalesce(a.state, '') <> 'discarded')"
)
"""Jobs that are neither done nor come round for ever: the axis lists again what it was told `fail` of."""
_LEFT_DISPATCHES = "SELECT 'dispatch ' || state AS state FROM dispatch WHERE state NOT IN ('accepted', 'cancelled')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Rows as they are."""

    documents: list[Json]
    dispatches: list[Json]
    arrivals: list[Json]
    deliveries: list[Json]
    decisions: list[Json]
    jobs: list[Json]


def books(url: str) -> Books:
    """All that is compared."""
    with psycopg.connect(url, row_factory=dict_row, connect_timeout=10) as db:

        def rows(statement: LiteralString) -> list[Json]:
            return [dict(row) for row in db.execute(statement)]

        return Books(
            documents=rows("SELECT id, direction, unit_code, document_id, subject, state, created_at FROM document"),
            dispatches=rows(
                "SELECT d.id, d.message_type, d.document_id, d.state, d.attempts, d.reason, d.resends, p.sha256"
                " FROM dispatch d LEFT JOIN packet p ON p.id = d.packet_id"
            ),
            arrivals=rows(
                "SELECT a.id, a.doc_id, a.message_type, a.state, a.reason, a.acknowledged_at, a.acknowledged_as,"
                " (SELECT count(*) FROM arrival_document x WHERE x.arrival_id = a.id) AS documents"
                " FROM arrival a"
            ),
            deliveries=rows("SELECT id, document_id, unit_code, state, handed_over_at FROM delivery"),
            decisions=rows("SELECT target, action, reason, at FROM desk_action WHERE target_sort = 'dispatch'"),
            jobs=rows(_LEFT_JOBS),
        )


def under_way(url: str) -> str:
    """What is still to be done, in words."""
    with psycopg.connect(url, row_factory=dict_row, connect_timeout=10) as db:
        jobs = Counter(row["kind"] for row in db.execute(_LEFT_JOBS))
        states = Counter(row["state"] for row in db.execute(_LEFT_DISPATCHES))
    return ", ".join(f"{what} {count}" for what, count in sorted({**jobs, **states}.items()))
