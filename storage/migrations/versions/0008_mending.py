"""Coordinators mend rosters: in the chat, by a file, on a page"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _coordinator(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_coordinator_id")
    return sa.ForeignKeyConstraint(
        ["coordinator_id"], ["coordinator.id"], name=name, ondelete="CASCADE"
    )


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = storage.models.UtcDateTime(timezone=True)
    op.create_table(
        "mending_walk",
        sa.Column("coordinator_id", number, nullable=False),
        sa.Column("reject_id", number, nullable=False),
        sa.Column("done", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed_at", time, nullable=False),
        _coordinator("mending_walk"),
        sa.PrimaryKeyConstraint("coordinator_id", name=op.f("pk_mending_walk")),
    )
    op.create_table(
        "upload_link",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("coordinator_id", number, nullable=False),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("used_at", time, nullable=True),
        sa.Column("summary", sa.Text(), nullable=True),
        _coordinator("upload_link"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_upload_link")),
    )
    op.create_index(
        op.f("ix_upload_link_coordinator_id"), "upload_link", ["coordinator_id"], unique=False
    )
    op.create_table(
        "sent_file",
        sa.Column("id", number, nullable=False),
        sa.Column("coordinator_id", number, nullable=False),
        sa.Column("sender", sa.String(length=160), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", number, nullable=False),
        sa.Column("due_at", time, nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _coordinator("sent_file"),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_sent_file_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sent_file")),
    )
    op.create_index(
        op.f("ix_sent_file_coordinator_id"), "sent_file", ["coordinator_id"], unique=False
    )
    op.create_index(op.f("ix_sent_file_due_at"), "sent_file", ["due_at"], unique=False)


def downgrade() -> None:
    for name in ("sent_file", "upload_link", "mending_walk"):
        op.drop_table(name)
