"""Migrations: they make exactly the tables of the models, and may run anywhere at once."""

from __future__ import annotations

import re

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from storage.database import Database
from storage.migrate import _config, current, head, is_current, migrate
from storage.models import Base
from tests.forked import ready_together

MIGRATOR = """
import sys
from storage.database import Database
from storage.migrate import migrate
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(migrate(database), flush=True)
database.close()
"""


# The one index over an expression is compared below.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based")
def test_the_migrations_make_the_tables_of_the_models(empty_url):
    database = Database(empty_url)
    assert migrate(database)
    differences = database.read(
        lambda c: compare_metadata(
            MigrationContext.configure(
                c, opts={"compare_type": True, "compare_server_default": True}
            ),
            Base.metadata,
        )
    )
    assert differences == []
    database.close()


def test_the_newest_file_is_what_alembic_calls_the_head():
    assert ScriptDirectory.from_config(_config()).get_current_head() == head()


def test_checks_and_partial_indexes_are_those_of_the_models_too(empty_url):
    """What the comparison above leaves out: CHECK constraints, and what an index is limited to."""
    database = Database(empty_url)
    migrate(database)

    def checks(connection):
        found = inspect(connection)
        return {
            table: sorted(str(one["name"]) for one in found.get_check_constraints(table))
            for table in found.get_table_names()
        }

    wanted = {
        table.name: sorted(
            str(one.name) for one in table.constraints if type(one).__name__ == "CheckConstraint"
        )
        for table in Base.metadata.sorted_tables
    }
    stored = database.read(checks)
    stored.pop("alembic_version")
    assert stored == wanted
    assert "where roster_row_id is null" in definition(database, "uq_link_place")
    assert "coalesceunit_id, 0" in definition(database, "uq_coordinator_post")
    database.close()


def definition(database: Database, index: str) -> str:
    """Return how the database itself writes a unique index, without brackets and casts."""
    asked = (
        "SELECT sql FROM sqlite_master WHERE name = :name"
        if database.is_sqlite
        else "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
    )
    found = database.read(lambda c: c.execute(text(asked), {"name": index}).scalar_one())
    assert found.startswith("CREATE UNIQUE INDEX")
    return re.sub(r'[()"]|::\w+', "", found).lower()


def test_migrating_again_finds_nothing_to_do(empty_url):
    database = Database(empty_url)
    assert not is_current(database)
    assert database.read(current) is None
    assert migrate(database)
    assert database.read(current) == head()
    assert is_current(database)
    assert not migrate(database)
    database.close()


def test_a_database_of_another_version_is_not_current(sqlite_url):
    database = Database(sqlite_url)
    migrate(database)
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'older'")))
    assert not is_current(database)
    database.close()


def test_processes_that_migrate_at_once_do_it_once(empty_url):
    with ready_together(3, MIGRATOR, empty_url) as processes:
        for one in processes:
            one.go()
        told = sorted(one.rest().strip() for one in processes)
    assert told == ["False", "False", "True"]
    database = Database(empty_url)
    assert is_current(database)
    database.close()


def test_what_hangs_on_rows_of_an_altered_table_stays(sqlite_url):
    """SQLite alters a table by copying and dropping it, and dropping deletes what hangs on it."""
    database = Database(sqlite_url, durable=False)
    rows = (
        "INSERT INTO data_key (id, scope, wrapped) VALUES (1, 'installation', x'00')",
        "INSERT INTO survey (id, name, settings, settings_hash) VALUES (1, 's', 'x', x'00')",
        (
            "INSERT INTO flow_version (id, survey_id, content_hash, content, published_at)"
            " VALUES (1, 1, x'00', 'x', '2026-01-01 00:00:00')"
        ),
        "INSERT INTO unit (id, code_list, code, name, zone) VALUES (1, 'own', 'U', 'U', 'UTC')",
        "INSERT INTO contact (id) VALUES (1)",
        (
            "INSERT INTO address (id, contact_id, kind, hmac, sealed, key_id)"
            " VALUES (1, 1, 'phone', x'01', x'00', 1)"
        ),
        (
            "INSERT INTO conversation (id, survey_id, contact_id, unit_id, grp, status,"
            " flow_version_id) VALUES (1, 1, 1, 1, 'g', 'invited', 1)"
        ),
        "UPDATE contact SET active_conversation_id = 1",
        (
            "INSERT INTO consent (id, conversation_id, text_version, language, given_on)"
            " VALUES (x'00', 1, 'v', 'id', '2026-01-01')"
        ),
        (
            "INSERT INTO roster_row (id, survey_id, unit_id, grp, address_hmac, sealed, key_id,"
            " conversation_id) VALUES (1, 1, 1, 'g', x'01', x'00', 1, 1)"
        ),
        (
            "INSERT INTO link (id, code, survey_id, unit_id, grp, roster_row_id)"
            " VALUES (1, 'AAAAA-AAAAA', 1, 1, 'g', 1)"
        ),
        (
            "INSERT INTO outbox (id, dedupe, address_id, conversation_id, survey_id, channel,"
            " sender, purpose, status, via, created_at, not_before) VALUES (x'00', x'00', 1, 1, 1,"
            " 'simulator', 'x', 'invitation', 'queued', 'rest', '2026-01-01', '2026-01-01')"
        ),
    )
    tables = ("contact", "address", "conversation", "consent", "roster_row", "link", "outbox")

    def fill(connection):
        command.upgrade(_config(connection), "0005")
        for row in rows:
            connection.execute(text(row))

    def counts(connection):
        found = {
            one: connection.execute(text(f"SELECT count(*) FROM {one}")).scalar_one()
            for one in tables
        }
        active = text("SELECT count(*) FROM contact WHERE active_conversation_id = 1")
        claimed = text("SELECT count(*) FROM roster_row WHERE conversation_id = 1")
        return (
            found,
            connection.execute(active).scalar_one(),
            connection.execute(claimed).scalar_one(),
        )

    database.write(fill)
    assert migrate(database)
    assert database.read(counts) == (dict.fromkeys(tables, 1), 1, 1)
    database.close()


def test_a_migration_that_is_killed_leaves_all_or_nothing(sqlite_url):
    """The tables and the version are one transaction."""
    database = Database(sqlite_url)

    def half_way(connection):
        command.upgrade(_config(connection), "head")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        database.write(half_way)
    assert database.read(lambda c: inspect(c).get_table_names()) == []
    assert migrate(database)
    database.close()


BEFORE_REMINDERS = "0010"
WITH_DATA = (
    "INSERT INTO data_key (id, scope, wrapped) VALUES (1, 'installation', {blob})",
    "INSERT INTO survey (id, name, settings, settings_hash) VALUES (1, 's', 'x', {blob})",
    (
        "INSERT INTO flow_version (id, survey_id, content_hash, content, published_at)"
        " VALUES (1, 1, {blob}, 'x', '2026-01-01 00:00:00')"
    ),
    "INSERT INTO unit (id, code_list, code, name, zone) VALUES (1, 'own', 'U', 'U', 'UTC')",
    "INSERT INTO contact (id) VALUES (1), (2), (3)",
    (
        "INSERT INTO address (id, contact_id, kind, hmac, sealed, key_id)"
        " VALUES (1, 1, 'phone', {blob}, {blob}, 1)"
    ),
    (
        "INSERT INTO conversation (id, survey_id, contact_id, unit_id, grp, status,"
        " flow_version_id, pilot) VALUES (1, 1, 1, 1, 'g', 'invited', 1, {no}),"
        " (2, 1, NULL, 1, 'g', 'finished', 1, {no}), (3, 1, NULL, 1, 'g', 'finished', 1, {no}),"
        " (4, 1, NULL, 1, 'g', 'finished', 1, {yes})"
    ),
    (
        "INSERT INTO roster_row (id, survey_id, unit_id, grp, address_hmac, sealed, key_id,"
        " conversation_id) VALUES (1, 1, 1, 'g', {blob}, {blob}, 1, 1)"
    ),
    (
        "INSERT INTO coordinator (id, survey_id, contact_id, unit_id, minute, sealed, key_id)"
        " VALUES (1, 1, 2, 1, 465, {blob}, 1)"
    ),
    (
        "INSERT INTO mending_walk (coordinator_id, reject_id, changed_at)"
        " VALUES (1, 1, '2026-01-01 00:00:00')"
    ),
    (
        "INSERT INTO outbox (id, dedupe, address_id, conversation_id, survey_id, channel, sender,"
        " purpose, status, via, created_at, not_before) VALUES ({id}, {blob}, 1, 1, 1,"
        " 'simulator', 'x', 'invitation', 'queued', 'rest', '2026-01-01', '2026-01-01')"
    ),
)
SINCE = (
    "UPDATE conversation SET unreached = 'capped', unreached_at = '2026-01-02' WHERE id = 1",
    (
        "INSERT INTO reminder_day (survey_id, day, step, held, people)"
        " VALUES (1, '2026-01-02', 'reminder', {no}, 7)"
    ),
    "INSERT INTO media_link (digest, what, expires_at) VALUES ({blob}, 'x', '2026-01-02')",
    "UPDATE coordinator SET away_from = '2026-01-02', away_until = '2026-01-03' WHERE id = 1",
    (
        "INSERT INTO coordinator (id, survey_id, contact_id, unit_id, minute, sealed, key_id,"
        " deputy_for) VALUES (2, 1, 3, 1, 465, {blob}, 1, 1)"
    ),
    (
        "INSERT INTO coordinator (id, survey_id, contact_id, unit_id, minute, sealed, key_id,"
        " kind, weekday) VALUES (3, 1, 3, NULL, 465, {blob}, 1, 'pimpinan', 4)"
    ),
    (
        "INSERT INTO unit_question (coordinator_id, command, units, dedupe, asked_at)"
        " VALUES (2, 'PROGRES', '[1]', {blob}, '2026-01-02')"
    ),
    (
        "INSERT INTO report_log (id, survey_id, unit_id, coordinator_id, kind, digest, at,"
        " outbox_id) VALUES (1, 1, 1, 1, 'daily', {blob}, '2026-01-02', {id})"
    ),
    (
        "INSERT INTO conversation (id, survey_id, unit_id, grp, status, flow_version_id, pilot)"
        " VALUES (5, 1, 1, 'g', 'finished', 1, {no})"
    ),
)
KEPT = ("contact", "address", "roster_row", "mending_walk", "outbox", "survey", "unit")


def said(database, statement):
    """Return a statement with a database's own way of writing bytes, truths and ids."""
    if database.is_sqlite:
        values = {"blob": "x'00'", "yes": "1", "no": "0", "id": "x'" + "0" * 32 + "'"}
    else:
        nobody = "'00000000-0000-0000-0000-000000000000'"
        values = {"blob": r"'\x00'", "yes": "true", "no": "false", "id": nobody}
    return text(statement.format(**values))


def ask(database, statement):
    return database.read(lambda c: [tuple(row) for row in c.execute(text(statement))])


def test_the_tables_of_reminders_and_reports_come_and_go_and_leave_the_rest_alone(empty_url):
    database = Database(empty_url, durable=False)

    def run(*statements):
        def work(connection):
            for one in statements:
                connection.execute(said(database, one))

        database.write(work)

    def kept():
        return {one: ask(database, f"SELECT count(*) FROM {one}")[0][0] for one in KEPT}

    database.write(lambda c: command.upgrade(_config(c), BEFORE_REMINDERS))
    run(*WITH_DATA)
    before = kept()
    assert migrate(database)
    assert kept() == before
    assert ask(database, "SELECT kind, weekday, deputy_for FROM coordinator") == [
        ("admin", None, None)
    ]
    counted = "SELECT unit_id, grp, finished FROM progress_count"
    assert ask(database, counted) == [(1, "g", 2)], "a pilot's does not count"
    run(*SINCE)
    assert ask(database, "SELECT more FROM progress_change") == [(1,)]

    database.write(lambda c: command.downgrade(_config(c), BEFORE_REMINDERS))
    assert kept() == before
    # Who only stood in for somebody, or heard once a week, would hear every day.
    assert ask(database, "SELECT id FROM coordinator") == [(1,)]
    run(
        "INSERT INTO conversation (id, survey_id, unit_id, grp, status, flow_version_id, pilot)"
        " VALUES (6, 1, 1, 'g', 'finished', 1, {no})"
    )

    assert migrate(database)
    assert kept() == before
    assert ask(database, counted) == [(1, "g", 4)], "what was finished meanwhile counts"
    assert ask(database, "SELECT unreached FROM conversation WHERE id = 1") == [(None,)]
    database.close()
