"""A message remembers the ids of all its attempts that failed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch: SQLite would copy the table, and what hangs on its rows would go (see 0010).
    op.add_column("outbox", sa.Column("past_sids", sa.Text(), nullable=True))
    op.execute("UPDATE outbox SET past_sids = past_sid WHERE past_sid IS NOT NULL")
    op.drop_column("outbox", "past_sid")


def downgrade() -> None:
    op.add_column("outbox", sa.Column("past_sid", sa.String(length=64), nullable=True))
    # Of several none: what it costs is that a late callback of theirs may be taken for a new one.
    one = "past_sids IS NOT NULL AND past_sids NOT LIKE '% %'"
    op.execute(f"UPDATE outbox SET past_sid = past_sids WHERE {one}")  # noqa: S608 # no input
    op.drop_column("outbox", "past_sids")
