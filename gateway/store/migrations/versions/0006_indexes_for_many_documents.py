"""indexes for many documents: what waits to be handed over, dead and done jobs, blobs by key"""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    is_open = sa.text("state IN ('waiting', 'claimed')")
    queue: list[str | sa.TextClause] = [sa.text("priority DESC"), "created_at", "id"]
    op.create_index(
        "ix_delivery_queue",
        "delivery",
        queue,
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    for name, table, columns, where in (
        ("ix_job_dead", "job", ["kind"], "state = 'dead'"),
        ("ix_job_done", "job", ["finished_at"], "state = 'done'"),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index("ix_packet_blob", "packet", ["blob_key"])
    op.create_index("ix_attachment_blob", "attachment", ["blob_key"])


def downgrade() -> None:
    raise NotImplementedError("a database is not taken back: restore the backup made before the upgrade")
