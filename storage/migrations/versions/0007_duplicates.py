"""Who stands on the roster twice: several of one place, second numbers, one interview in a unit"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "roster_number",
        sa.Column("row_id", number, nullable=False),
        sa.Column("address_hmac", sa.LargeBinary(length=32), nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"],
            ["roster_row.id"],
            name=op.f("fk_roster_number_row_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_roster_number_survey_id")
        ),
        sa.PrimaryKeyConstraint("row_id", "address_hmac", name=op.f("pk_roster_number")),
    )
    op.create_index(
        "ix_roster_number_address", "roster_number", ["survey_id", "address_hmac"], unique=False
    )
    with op.batch_alter_table("roster_duplicate") as duplicate:
        duplicate.drop_constraint(
            op.f("uq_roster_duplicate_row_id_kind_unit_id_grp"), type_="unique"
        )
        duplicate.add_column(sa.Column("person_hmac", sa.LargeBinary(length=32), nullable=True))
        duplicate.add_column(
            sa.Column("holds", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
        duplicate.create_unique_constraint(
            op.f("uq_roster_duplicate_row_id_unit_id_grp_person_hmac"),
            ["row_id", "unit_id", "grp", "person_hmac"],
        )
    op.create_index(
        "uq_conversation_unit", "conversation", ["survey_id", "contact_id", "unit_id"], unique=True
    )


def downgrade() -> None:
    op.drop_index("uq_conversation_unit", table_name="conversation")
    with op.batch_alter_table("roster_duplicate") as duplicate:
        duplicate.drop_constraint(
            op.f("uq_roster_duplicate_row_id_unit_id_grp_person_hmac"), type_="unique"
        )
        duplicate.drop_column("holds")
        duplicate.drop_column("person_hmac")
        duplicate.create_unique_constraint(
            op.f("uq_roster_duplicate_row_id_kind_unit_id_grp"),
            ["row_id", "kind", "unit_id", "grp"],
        )
    op.drop_index("ix_roster_number_address", table_name="roster_number")
    op.drop_table("roster_number")
