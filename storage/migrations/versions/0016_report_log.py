"""The log of reports knows which message went out, and as what"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Column by column: SQLite alters a table in place that way.
    op.add_column("report_log", sa.Column("outbox_id", sa.Uuid(), nullable=True))
    op.add_column(
        "report_log", sa.Column("template_digest", sa.LargeBinary(length=32), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("report_log", "template_digest")
    op.drop_column("report_log", "outbox_id")
