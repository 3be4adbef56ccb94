"""Reminders: what was due to how many, and whom they do not reach.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "reminder_day",
        sa.Column("survey_id", number, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("step", sa.String(length=16), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("people", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("templates", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_reminder_day_survey_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("survey_id", "day", "step", "held", name=op.f("pk_reminder_day")),
    )
    # No batch: SQLite would copy the table, and what hangs on its rows would go (see 0010).
    moment = (
        "TIMESTAMP WITH TIME ZONE" if op.get_bind().dialect.name == "postgresql" else "DATETIME"
    )
    op.execute("ALTER TABLE conversation ADD COLUMN unreached VARCHAR(12)")
    op.execute(f"ALTER TABLE conversation ADD COLUMN unreached_at {moment}")


def downgrade() -> None:
    op.execute("ALTER TABLE conversation DROP COLUMN unreached_at")
    op.execute("ALTER TABLE conversation DROP COLUMN unreached")
    op.drop_table("reminder_day")
