"""Pictures and recordings of questions, and files that are answers"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "question_media",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("token", sa.String(length=22), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_question_media")),
        sa.UniqueConstraint("token", name=op.f("uq_question_media_token")),
    )
    op.create_table(
        "attachment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survey_id", _ID, nullable=False),
        sa.Column("conversation_id", _ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.Column("due_at", storage.models.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_attachment_survey_id")),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("fk_attachment_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_attachment_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_attachment_conversation_id"), "attachment", ["conversation_id"])
    op.create_index(op.f("ix_attachment_survey_id"), "attachment", ["survey_id"])
    op.create_index(
        "ix_attachment_due",
        "attachment",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "answer_file",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survey_id", _ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_answer_file_survey_id")
        ),
        sa.ForeignKeyConstraint(["key_id"], ["data_key.id"], name=op.f("fk_answer_file_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer_file")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_answer_file_survey_id"), "answer_file", ["survey_id"])


def downgrade() -> None:
    op.drop_table("answer_file")
    op.drop_table("attachment")
    op.drop_table("question_media")
