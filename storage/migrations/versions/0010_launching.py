"""Launches in waves, pilots, and two indexes that were lacking"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PLANNING = "planned_at IS NULL AND state <> 'stopped'"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = storage.models.UtcDateTime(timezone=True)
    op.create_table(
        "wave",
        sa.Column("id", number, nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=False),
        sa.Column("filters", sa.Text(), nullable=False),
        sa.Column("people", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("finished", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("started_at", time, nullable=False),
        sa.Column("changed_at", time, nullable=False),
        sa.Column("planned_at", time, nullable=True),
        sa.CheckConstraint("kind IN ('real', 'pilot')", name=op.f("ck_wave_kind")),
        sa.CheckConstraint(
            "state IN ('running', 'paused', 'stopped', 'done')", name=op.f("ck_wave_state")
        ),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_wave_survey_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_wave")),
        sa.UniqueConstraint(
            "survey_id", "kind", "number", name=op.f("uq_wave_survey_id_kind_number")
        ),
    )
    op.create_index(
        "uq_wave_planning",
        "wave",
        ["survey_id"],
        unique=True,
        sqlite_where=sa.text(PLANNING),
        postgresql_where=sa.text(PLANNING),
    )
    # No batch: SQLite would copy the table and drop the old one, and what hangs on its rows,
    # messages and consents, would go with them. Column by column it is altered in place.
    whole = "BIGINT" if op.get_bind().dialect.name == "postgresql" else "INTEGER"
    op.execute(
        f"ALTER TABLE conversation ADD COLUMN wave_id {whole}"
        " CONSTRAINT fk_conversation_wave_id REFERENCES wave (id)"
    )
    op.execute(
        "ALTER TABLE conversation ADD COLUMN pilot BOOLEAN DEFAULT false NOT NULL"
        " CONSTRAINT ck_conversation_pilot_is_never_mixed CHECK (NOT (pilot AND mixed))"
    )
    op.create_index("ix_conversation_wave", "conversation", ["wave_id", "status"], unique=False)
    op.create_table(
        "pilot",
        sa.Column("conversation_id", number, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", number, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_pilot_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_pilot_key_id")),
        sa.PrimaryKeyConstraint("conversation_id", name=op.f("pk_pilot")),
    )
    op.create_index(op.f("ix_outbox_survey_id"), "outbox", ["survey_id"], unique=False)
    # Without it every conversation that is deleted costs a look at all contacts.
    op.create_index(
        op.f("ix_contact_active_conversation_id"),
        "contact",
        ["active_conversation_id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_contact_active_conversation_id"), table_name="contact")
    op.drop_index(op.f("ix_outbox_survey_id"), table_name="outbox")
    op.drop_table("pilot")
    op.drop_index("ix_conversation_wave", table_name="conversation")
    op.execute("ALTER TABLE conversation DROP COLUMN pilot")
    op.execute("ALTER TABLE conversation DROP COLUMN wave_id")
    op.drop_table("wave")
