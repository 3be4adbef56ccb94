"""Pace of senders, alerts, and priorities of the outbox"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.models import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = UtcDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "sender",
        sa.Column("id", ID, nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.String(length=160), nullable=False),
        sa.Column(
            "portfolio", sa.String(length=40), server_default=sa.text("'default'"), nullable=False
        ),
        sa.Column("per_second", sa.Float(), nullable=False),
        sa.Column("campaign_per_second", sa.Float(), nullable=False),
        sa.Column("people_per_day", sa.Integer(), nullable=True),
        sa.Column("halted_until", TIME, nullable=True),
        sa.Column("paused_until", TIME, nullable=True),
        sa.Column("reason", sa.String(length=200), server_default=sa.text("''"), nullable=False),
        sa.CheckConstraint(
            "per_second > 0 AND campaign_per_second > 0", name=op.f("ck_sender_pace")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sender")),
        sa.UniqueConstraint("channel", "address", name=op.f("uq_sender_channel_address")),
    )
    op.create_table(
        "pace",
        sa.Column("bucket", sa.String(length=40), nullable=False),
        sa.Column("free_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_pace")),
    )
    op.create_table(
        "first_write",
        sa.Column("portfolio", sa.String(length=40), nullable=False),
        sa.Column("address_id", ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["address_id"],
            ["address.id"],
            name=op.f("fk_first_write_address_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("portfolio", "address_id", name=op.f("pk_first_write")),
    )
    op.create_index("ix_first_write_at", "first_write", ["portfolio", "at"])
    op.create_table(
        "alert",
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("since", TIME, nullable=False),
        sa.Column("last_at", TIME, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_alert")),
    )
    op.drop_index("ix_outbox_due", "outbox")
    with op.batch_alter_table("outbox") as outbox:
        priority = sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False)
        outbox.add_column(priority)
        outbox.add_column(sa.Column("reason", sa.String(length=80), nullable=True))
        outbox.add_column(sa.Column("past_sid", sa.String(length=64), nullable=True))
    op.execute(
        "UPDATE outbox SET priority = CASE purpose WHEN 'reply' THEN 0 WHEN 'report' THEN 1"
        " WHEN 'reminder' THEN 2 ELSE 3 END"
    )
    op.create_index("ix_outbox_due", "outbox", ["status", "priority", "not_before"])


def downgrade() -> None:
    op.drop_index("ix_outbox_due", "outbox")
    with op.batch_alter_table("outbox") as outbox:
        outbox.drop_column("past_sid")
        outbox.drop_column("reason")
        outbox.drop_column("priority")
    op.create_index("ix_outbox_due", "outbox", ["status", "not_before"])
    for table in ("alert", "first_write", "pace", "sender"):
        op.drop_table(table)
