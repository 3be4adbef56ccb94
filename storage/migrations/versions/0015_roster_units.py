"""The roster's rows are found by unit"""

from __future__ import annotations

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_roster_row_unit", "roster_row", ["survey_id", "unit_id"])


def downgrade() -> None:
    op.drop_index("ix_roster_row_unit", "roster_row")
