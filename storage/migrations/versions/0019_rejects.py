"""Rows to mend are found by their number; closed ones hold nothing of anybody"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What is stored already gets its digest when next something is purged or forgotten: that takes
    # the secret, which no migration has.
    op.add_column("roster_reject", sa.Column("address_hmac", sa.LargeBinary(32), nullable=True))
    op.create_index(
        op.f("ix_roster_reject_address_hmac"), "roster_reject", ["address_hmac"], unique=False
    )
    op.execute("UPDATE roster_reject SET sealed = '' WHERE status <> 'open'")


def downgrade() -> None:
    op.drop_index(op.f("ix_roster_reject_address_hmac"), "roster_reject")
    op.drop_column("roster_reject", "address_hmac")
