"""Contents: buttons and lists that a provider keeps"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "content",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column(
            "survey_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("taps", sa.Text(), nullable=False),
        sa.Column("content_id", sa.String(length=64), nullable=True),
        sa.Column("made_at", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("used_on", sa.Date(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_until", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(content_id IS NULL) = (made_at IS NULL)", name=op.f("ck_content_made_together")
        ),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_content_survey_id")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_content")),
        sa.UniqueConstraint("content_id", name=op.f("uq_content_content_id")),
    )
    op.create_index(op.f("ix_content_survey_id"), "content", ["survey_id"], unique=False)
