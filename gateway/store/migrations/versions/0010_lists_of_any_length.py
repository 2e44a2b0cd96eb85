"""lists of any length: documents by state and by notation in order of time; events are read in their own order"""

from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: None = None
depends_on: None = None


def upgrade() -> None:
    op.drop_index("ix_event_unit", "event")
    op.drop_index("ix_document_listed", "document")
    op.drop_index("ix_document_state", "document")
    in_order = ["direction", "state", "created_at", "id"]
    op.create_index("ix_document_listed", "document", ["unit_code", *in_order])
    op.create_index("ix_document_notation", "document", ["unit_code", "notation", *in_order])


def downgrade() -> None:
    raise NotImplementedError("a database is not taken back: restore the backup made before the upgrade")
