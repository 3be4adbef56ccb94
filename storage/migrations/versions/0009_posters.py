"""Ledgers of posters, and invitations by e-mail"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "link_day",
        sa.Column("link_id", number, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("starts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finishes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("refused", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_link_day_link_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("link_id", "day", name=op.f("pk_link_day")),
    )
    op.create_table(
        "mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("roster_row_id", number, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("not_before", storage.models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("lease_until", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'claimed', 'sent', 'unknown', 'failed', 'dropped')",
            name=op.f("ck_mail_status"),
        ),
        sa.ForeignKeyConstraint(
            ["roster_row_id"],
            ["roster_row.id"],
            name=op.f("fk_mail_roster_row_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_mail_survey_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
        sa.UniqueConstraint("roster_row_id", name=op.f("uq_mail_roster_row_id")),
    )
    op.create_index("ix_mail_due", "mail", ["survey_id", "status", "not_before"], unique=False)
    op.add_column("conversation", sa.Column("link_id", number, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("conversation") as conversation:
        conversation.drop_column("link_id")
    op.drop_table("mail")
    op.drop_table("link_day")
