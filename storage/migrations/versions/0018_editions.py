"""People under way may be carried to another version of the questions"""

from __future__ import annotations

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # No batch: SQLite would copy the table, and what hangs on its rows would go (see 0010).
    whole = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    op.execute(
        f"ALTER TABLE flow_version ADD COLUMN move_to {whole}"
        " CONSTRAINT fk_flow_version_move_to REFERENCES flow_version (id)"
    )
    op.execute(
        "ALTER TABLE flow_version ADD COLUMN move_policy VARCHAR(8)"
        " CONSTRAINT ck_flow_version_move_policy CHECK (move_policy IN ('move', 're-ask'))"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE flow_version DROP COLUMN move_policy")
    op.execute("ALTER TABLE flow_version DROP COLUMN move_to")
