"""Rosters as files that are taken in, mended and replaced"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "known_heading",
        sa.Column("unit_id", number, nullable=False),
        sa.Column("heading", sa.String(length=120), nullable=False),
        sa.Column("column", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_known_heading_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "heading", name=op.f("pk_known_heading")),
    )
    op.create_table(
        "roster_import",
        sa.Column("id", number, nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("unit_id", number, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("started_at", storage.models.UtcDateTime(timezone=True), nullable=False),
        sa.Column("activated_at", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("lease_until", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("counts", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint(
            "status IN ('staging', 'active', 'failed')", name=op.f("ck_roster_import_status")
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_roster_import_survey_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_roster_import_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_import")),
    )
    op.create_index(
        "uq_roster_import_staging",
        "roster_import",
        ["survey_id"],
        unique=True,
        sqlite_where=sa.text("status = 'staging'"),
        postgresql_where=sa.text("status = 'staging'"),
    )
    op.create_table(
        "roster_quality",
        sa.Column("survey_id", number, nullable=False),
        sa.Column("unit_id", number, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_roster_quality_survey_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_roster_quality_unit_id")),
        sa.PrimaryKeyConstraint("survey_id", "unit_id", "day", name=op.f("pk_roster_quality")),
    )
    op.create_table(
        "roster_reject",
        sa.Column("id", number, nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("import_id", number, nullable=False),
        sa.Column("sheet", sa.String(length=80), server_default=sa.text("''"), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("unit_id", number, nullable=True),
        sa.Column("grp", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=12), server_default=sa.text("'open'"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", number, nullable=False),
        sa.CheckConstraint(
            "status IN ('open', 'mended', 'gone')", name=op.f("ck_roster_reject_status")
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["roster_import.id"], name=op.f("fk_roster_reject_import_id")
        ),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_roster_reject_key_id")),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_roster_reject_survey_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_roster_reject_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_reject")),
    )
    op.create_index(
        op.f("ix_roster_reject_import_id"), "roster_reject", ["import_id"], unique=False
    )
    op.create_index(
        "ix_roster_reject_open", "roster_reject", ["survey_id", "status", "unit_id"], unique=False
    )
    op.create_table(
        "roster_duplicate",
        sa.Column("id", number, nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("import_id", number, nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("row_id", number, nullable=False),
        sa.Column("other_id", number, nullable=True),
        sa.Column("unit_id", number, nullable=False),
        sa.Column("grp", sa.String(length=40), nullable=False),
        sa.Column("line", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("key_id", number, nullable=True),
        sa.Column(
            "decision", sa.String(length=12), server_default=sa.text("'open'"), nullable=False
        ),
        sa.Column("decided_at", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "decision IN ('open', 'first', 'priority', 'other', 'both', 'apart')",
            name=op.f("ck_roster_duplicate_decision"),
        ),
        sa.CheckConstraint(
            "kind IN ('same_number', 'same_person', 'shared_number')",
            name=op.f("ck_roster_duplicate_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["import_id"], ["roster_import.id"], name=op.f("fk_roster_duplicate_import_id")
        ),
        sa.ForeignKeyConstraint(
            ["key_id"], ["data_key.id"], name=op.f("fk_roster_duplicate_key_id")
        ),
        sa.ForeignKeyConstraint(
            ["other_id"],
            ["roster_row.id"],
            name=op.f("fk_roster_duplicate_other_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["row_id"],
            ["roster_row.id"],
            name=op.f("fk_roster_duplicate_row_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_roster_duplicate_survey_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_roster_duplicate_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster_duplicate")),
        sa.UniqueConstraint(
            "row_id",
            "kind",
            "unit_id",
            "grp",
            name=op.f("uq_roster_duplicate_row_id_kind_unit_id_grp"),
        ),
    )
    for name in ("import_id", "other_id"):
        op.create_index(
            op.f(f"ix_roster_duplicate_{name}"), "roster_duplicate", [name], unique=False
        )
    op.create_index(
        "ix_roster_duplicate_survey", "roster_duplicate", ["survey_id", "decision"], unique=False
    )
    with op.batch_alter_table("roster_row") as row:
        row.add_column(sa.Column("scope", number, server_default=sa.text("0"), nullable=False))
        row.add_column(sa.Column("import_id", number, nullable=True))
        row.add_column(sa.Column("gone_id", number, nullable=True))
        row.add_column(
            sa.Column(
                "kind", sa.String(length=16), server_default=sa.text("'clean'"), nullable=False
            )
        )
        row.drop_constraint(op.f("uq_roster_row_survey_id_address_hmac"), type_="unique")
        row.drop_constraint(op.f("uq_roster_row_survey_id_email_hmac"), type_="unique")
        row.create_unique_constraint(
            op.f("uq_roster_row_survey_id_address_hmac_scope"),
            ["survey_id", "address_hmac", "scope"],
        )
        row.create_unique_constraint(
            op.f("uq_roster_row_survey_id_email_hmac_scope"), ["survey_id", "email_hmac", "scope"]
        )
        row.create_foreign_key(
            op.f("fk_roster_row_import_id"), "roster_import", ["import_id"], ["id"]
        )
        row.create_foreign_key(op.f("fk_roster_row_gone_id"), "roster_import", ["gone_id"], ["id"])
    op.create_index("ix_roster_row_import", "roster_row", ["import_id"], unique=False)
    op.create_index(
        "ix_roster_row_gone",
        "roster_row",
        ["gone_id"],
        unique=False,
        sqlite_where=sa.text("gone_id IS NOT NULL"),
        postgresql_where=sa.text("gone_id IS NOT NULL"),
    )
    op.create_table(
        "roster_change",
        sa.Column("row_id", number, nullable=False),
        sa.Column("import_id", number, nullable=False),
        sa.Column("owner_id", number, nullable=True),
        sa.Column("unit_id", number, nullable=False),
        sa.Column("grp", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", number, nullable=False),
        sa.Column("source", sa.String(length=80), nullable=True),
        sa.Column("basis", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["import_id"], ["roster_import.id"], name=op.f("fk_roster_change_import_id")
        ),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_roster_change_key_id")),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["roster_import.id"], name=op.f("fk_roster_change_owner_id")
        ),
        sa.ForeignKeyConstraint(
            ["row_id"],
            ["roster_row.id"],
            name=op.f("fk_roster_change_row_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_roster_change_unit_id")),
        sa.PrimaryKeyConstraint("row_id", name=op.f("pk_roster_change")),
    )
    op.create_index(
        op.f("ix_roster_change_import_id"), "roster_change", ["import_id"], unique=False
    )


def downgrade() -> None:
    op.drop_table("roster_change")
    op.drop_index("ix_roster_row_gone", table_name="roster_row")
    op.drop_index("ix_roster_row_import", table_name="roster_row")
    with op.batch_alter_table("roster_row") as row:
        row.drop_constraint(op.f("fk_roster_row_gone_id"), type_="foreignkey")
        row.drop_constraint(op.f("fk_roster_row_import_id"), type_="foreignkey")
        row.drop_constraint(op.f("uq_roster_row_survey_id_email_hmac_scope"), type_="unique")
        row.drop_constraint(op.f("uq_roster_row_survey_id_address_hmac_scope"), type_="unique")
        row.create_unique_constraint(
            op.f("uq_roster_row_survey_id_email_hmac"), ["survey_id", "email_hmac"]
        )
        row.create_unique_constraint(
            op.f("uq_roster_row_survey_id_address_hmac"), ["survey_id", "address_hmac"]
        )
        for name in ("kind", "gone_id", "import_id", "scope"):
            row.drop_column(name)
    for name in (
        "roster_duplicate",
        "roster_reject",
        "roster_quality",
        "roster_import",
        "known_heading",
    ):
        op.drop_table(name)
