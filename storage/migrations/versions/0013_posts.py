"""Posts of leaders, absence and deputies, and what a coordinator was asked to choose from"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# No batch: SQLite would copy the table and drop the old one, and what hangs on its rows (walks,
# upload links, files) would go with them. Column by column it is altered in place.
_COLUMNS = (
    (
        "kind VARCHAR(8) DEFAULT 'admin' NOT NULL"
        " CONSTRAINT ck_coordinator_kind CHECK (kind IN ('admin', 'pimpinan'))"
    ),
    (
        "weekday SMALLINT"
        " CONSTRAINT ck_coordinator_weekday CHECK (weekday BETWEEN 0 AND 6)"
        " CONSTRAINT ck_coordinator_weekday_of_pimpinan"
        " CHECK ((weekday IS NULL) = (kind = 'admin'))"
    ),
    "away_from DATE",
    (
        "away_until DATE"
        " CONSTRAINT ck_coordinator_away_together"
        " CHECK ((away_from IS NULL) = (away_until IS NULL))"
        " CONSTRAINT ck_coordinator_away_in_order CHECK (away_from <= away_until)"
    ),
    ("deputy_for {whole} CONSTRAINT fk_coordinator_deputy_for REFERENCES coordinator (id)"),
    "told_on DATE",
)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    whole = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    for column in _COLUMNS:
        op.execute("ALTER TABLE coordinator ADD COLUMN " + column.format(whole=whole))
    op.create_index(op.f("ix_coordinator_deputy_for"), "coordinator", ["deputy_for"], unique=False)
    op.create_table(
        "unit_question",
        sa.Column("coordinator_id", number, nullable=False),
        sa.Column("command", sa.String(length=12), nullable=False),
        sa.Column("units", sa.Text(), nullable=False),
        sa.Column("dedupe", sa.LargeBinary(length=32), nullable=False),
        sa.Column("asked_at", storage.models.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["coordinator_id"],
            ["coordinator.id"],
            name=op.f("fk_unit_question_coordinator_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("coordinator_id", name=op.f("pk_unit_question")),
    )


def downgrade() -> None:
    op.drop_table("unit_question")
    # Older code would write to them every day: who only stands in, and who hears once a week.
    op.execute("DELETE FROM coordinator WHERE deputy_for IS NOT NULL")
    op.execute("DELETE FROM coordinator WHERE kind <> 'admin'")
    op.drop_index(op.f("ix_coordinator_deputy_for"), table_name="coordinator")
    for column in ("told_on", "deputy_for", "away_until", "away_from", "weekday", "kind"):
        op.execute(f"ALTER TABLE coordinator DROP COLUMN {column}")
