"""Kept counts of finished interviews, and a log of the reports that were sent"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import storage.models

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# What changes the count of a cell. A condition of the trigger, so that every other turn of a
# conversation costs no more than to look at it.
COUNTS = "{row}.status = 'finished' AND NOT {row}.pilot"
WATCHED = "survey_id, unit_id, grp, status, pilot"
ADD = (
    "INSERT INTO progress_change (survey_id, unit_id, grp, more)"
    " SELECT {row}.survey_id, {row}.unit_id, {row}.grp, {more}"
)
LEFT = ADD.format(row="OLD", more=-1)
CAME = ADD.format(row="NEW", more=1)
OLD_COUNTS, NEW_COUNTS = COUNTS.format(row="OLD"), COUNTS.format(row="NEW")
MOVED = (
    f"(({OLD_COUNTS}) OR ({NEW_COUNTS})) AND (OLD.survey_id <> NEW.survey_id"
    " OR OLD.unit_id <> NEW.unit_id OR OLD.grp <> NEW.grp OR OLD.status <> NEW.status"
    " OR OLD.pilot <> NEW.pilot)"
)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = storage.models.UtcDateTime(timezone=True)
    op.create_table(
        "progress_count",
        sa.Column("survey_id", number, nullable=False),
        sa.Column("unit_id", number, nullable=False),
        sa.Column("grp", sa.String(length=40), nullable=False),
        sa.Column("finished", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["survey_id"], ["survey.id"], name=op.f("fk_progress_count_survey_id")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_progress_count_unit_id")),
        sa.PrimaryKeyConstraint("survey_id", "unit_id", "grp", name=op.f("pk_progress_count")),
    )
    op.create_table(
        "progress_change",
        sa.Column("id", number, nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("unit_id", number, nullable=False),
        sa.Column("grp", sa.String(length=40), nullable=False),
        sa.Column("more", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_progress_change")),
    )
    if op.get_bind().dialect.name == "postgresql":
        _watch_on_postgresql()
    else:
        _watch_on_sqlite()
    # Only now: a trigger's making waits for open transactions, and lets nobody write until the end.
    op.execute(
        "INSERT INTO progress_count (survey_id, unit_id, grp, finished)"
        " SELECT survey_id, unit_id, grp, count(*) FROM conversation"
        " WHERE status = 'finished' AND NOT pilot GROUP BY survey_id, unit_id, grp"
    )
    op.create_table(
        "report_log",
        sa.Column("id", number, nullable=False),
        sa.Column("survey_id", number, nullable=False),
        sa.Column("unit_id", number, nullable=True),
        sa.Column("coordinator_id", number, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", time, nullable=False),
        sa.ForeignKeyConstraint(["survey_id"], ["survey.id"], name=op.f("fk_report_log_survey_id")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_report_log_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report_log")),
    )
    op.create_index("ix_report_log_survey", "report_log", ["survey_id", "at"], unique=False)


def _watch_on_sqlite() -> None:
    op.execute(
        "CREATE TRIGGER conversation_came AFTER INSERT ON conversation"
        f" WHEN {NEW_COUNTS} BEGIN {CAME}; END"
    )
    op.execute(
        f"CREATE TRIGGER conversation_moved AFTER UPDATE OF {WATCHED} ON conversation WHEN {MOVED}"
        f" BEGIN {LEFT} WHERE {OLD_COUNTS}; {CAME} WHERE {NEW_COUNTS}; END"
    )
    op.execute(
        "CREATE TRIGGER conversation_left AFTER DELETE ON conversation"
        f" WHEN {OLD_COUNTS} BEGIN {LEFT}; END"
    )


def _watch_on_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION note_progress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF TG_OP <> 'INSERT' THEN {LEFT} WHERE {OLD_COUNTS}; END IF;"
        f" IF TG_OP <> 'DELETE' THEN {CAME} WHERE {NEW_COUNTS}; END IF;"
        " RETURN NULL; END $$"
    )
    for name, event, condition in (
        ("conversation_came", "INSERT", NEW_COUNTS),
        ("conversation_moved", f"UPDATE OF {WATCHED}", MOVED),
        ("conversation_left", "DELETE", OLD_COUNTS),
    ):
        op.execute(
            f"CREATE TRIGGER {name} AFTER {event} ON conversation FOR EACH ROW"
            f" WHEN ({condition}) EXECUTE FUNCTION note_progress()"
        )


def downgrade() -> None:
    op.drop_index("ix_report_log_survey", table_name="report_log")
    op.drop_table("report_log")
    on = " ON conversation" if op.get_bind().dialect.name == "postgresql" else ""
    for name in ("conversation_came", "conversation_moved", "conversation_left"):
        op.execute(f"DROP TRIGGER {name}{on}")
    if on:
        op.execute("DROP FUNCTION note_progress()")
    op.drop_table("progress_change")
    op.drop_table("progress_count")
