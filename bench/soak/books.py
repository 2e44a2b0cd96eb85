"""What one agency's database says at the end, read with SQL of our own: the program is not asked about itself."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
from psycopg.rows import dict_row

from bench.soak.cast import Json

_PERPETUAL = ("poll", "directory", "schedule", "upkeep", "blob_check", "webhook_feed")
"""Jobs that come round for ever."""


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
            jobs=rows(
                "SELECT kind, key, state, attempt, run_at, lease_owner, last_reason FROM job WHERE state <> 'done'"
            ),
        )


def left_over(found: Books) -> list[Json]:
    """Jobs that are neither done nor come round for ever."""
    return [one for one in found.jobs if one["kind"] not in _PERPETUAL or one["state"] == "dead"]
