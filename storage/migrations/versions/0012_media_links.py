"""Pictures and documents that the provider fetches from us"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_link",
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("what", sa.String(length=100), nullable=False),
        sa.Column("expires_at", storage.models.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_media_link")),
    )
    op.create_index(op.f("ix_media_link_expires_at"), "media_link", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_table("media_link")
