"""How we came by contacts, how far sweeps have come, and files that were sent"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "checkpoint",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("at", storage.models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("lease_until", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_checkpoint")),
    )
    op.create_table(
        "contact_basis",
        sa.Column("id", _id(), nullable=False),
        sa.Column("contact_id", _id(), nullable=False),
        sa.Column("survey_id", _id(), nullable=True),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("source", sa.String(length=80), nullable=True),
        sa.Column("basis", sa.String(length=200), nullable=True),
        sa.Column("link_id", _id(), nullable=True),
        sa.Column("recorded_on", sa.Date(), nullable=False),
        sa.CheckConstraint(
            "how IN ('roster', 'link', 'poster', 'wrote_first')",
            name=op.f("ck_contact_basis_how"),
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contact.id"],
            name=op.f("fk_contact_basis_contact_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_contact_basis_survey_id")
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_contact_basis_link_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_basis")),
    )
    # What belongs to no survey (survey_id NULL) is there once too.
    op.create_index(
        "uq_contact_basis_way",
        "contact_basis",
        ["contact_id", sa.text("coalesce(survey_id, 0)"), "how"],
        unique=True,
    )
    op.create_table(
        "media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", _id(), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("received_on", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_media_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_index(op.f("ix_media_received_on"), "media", ["received_on"], unique=False)


def downgrade() -> None:
    op.drop_table("media")
    op.drop_table("contact_basis")
    op.drop_table("checkpoint")
