"""Who gets the counts: posts, read from a file, edited one by one, written back to a file.

A post is (survey, person, unit or the whole survey) with a local minute of the day; that of a
`pimpinan` has a weekday too. A deputy is a post of its own that serves while another one is away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError, Match, Row, open_table
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.coordinators.coordinator_files import COLUMNS, Reader, read_table, write_table
from bot.reporting.coordinators.placing import Imported, PostEditor, take_away
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.queries import audit
from storage.queries import coordinators as queries
from storage.queries.coordinators import CoordinatorRow


def headings_of(path: Path) -> tuple[Match, ...]:
    """Return how a file's headings are understood, guesses among them. Raises InputError."""
    with open_table(path, COLUMNS, guess=True) as table:
        return table.matches


def import_coordinators(
    installation: Installation,
    survey: str,
    path: Path,
    region: str = "ID",
    *,
    known: Mapping[str, str] | None = None,
    replace: bool = False,
) -> Imported:
    """Read who gets counts from a CSV or XLSX file; the same file twice changes nothing.

    Columns: `phone`; `unit`, a code with its list (`kemendagri:62.01`, or a column `code_list`),
    empty for the whole survey; `hour`, local (07:45); `name`; `kind`, `weekday`; `away_from`,
    `away_until`, `deputy`; `post`, as an export wrote it: then another phone replaces the holder.
    `known` says what headings mean; with `replace` posts that the file does not have are removed.
    Raises UnknownSurvey, OSError, and InputError with everything that is wrong, in which case
    nothing was written.
    """

    def read(connection: Connection) -> tuple[Published, Hierarchy]:
        return installation.surveys.named(connection, survey), read_hierarchy(connection)

    published, hierarchy = installation.database.read(read)
    with open_table(path, COLUMNS, known=known) as table:
        wanted = read_table(table, Reader(hierarchy, region))

        def work(connection: Connection) -> Imported:
            editor = PostEditor(connection, installation, published, hierarchy)
            for one, row in wanted:

                def complain(column: str, what: str, fix: str, line: Row = row) -> None:
                    editor.problems.append(table.problem(line, column, what, fix))

                editor.store(one, complain)
            if editor.problems:
                raise InputError(editor.problems)
            done = editor.finish(replace=replace)
            changed = {name: count for name, count in done.to_dict().items() if count}
            if changed.keys() & {"added", "changed", "removed"}:
                detail = json.dumps({"survey": survey, **changed})
                audit.record(connection, installation.now(), "coordinators import", detail)
            return done

        return installation.database.write(work)


def edit_post(
    installation: Installation, post_id: int, cells: Mapping[str, str], region: str = "ID"
) -> list[str]:
    """Change one post by cells as a file has them, and return the names of what changed.

    Whose post goes to another number gets nothing more from this moment. Raises InputError.
    """

    def work(connection: Connection) -> list[str]:
        hierarchy = read_hierarchy(connection)
        post = _existing(connection, post_id)
        published = installation.surveys.by_id(connection, post.survey_id)
        editor = PostEditor(connection, installation, published, hierarchy)

        def complain(column: str, what: str, fix: str) -> None:
            editor.problems.append(Problem.about(f"post {post_id}", f"{column}: {what}", fix))

        unit = hierarchy.units.get(post.unit_id) if post.unit_id is not None else None
        own = {"post": str(post_id), "unit": f"{unit.code_list}:{unit.code}" if unit else ""}
        reader = Reader(hierarchy, region, editor.problems)
        given = own | {name: text.strip() for name, text in cells.items()}
        if "weekday" in cells and "kind" not in cells:
            given["kind"] = post.kind
        wanted = reader.read(given, frozenset(given), complain)
        changed = editor.store(wanted, complain) if wanted is not None else []
        if editor.problems:
            raise InputError(editor.problems)
        if changed:
            what = {"survey": published.name, "post": post_id, "changed": changed}
            audit.record(connection, installation.now(), "coordinators edit", json.dumps(what))
        return changed

    return installation.database.write(work)


def remove_post(installation: Installation, post_id: int) -> None:
    """Take a post away, at once and with its deputy. Raises InputError."""

    def work(connection: Connection) -> None:
        post = _existing(connection, post_id)
        published = installation.surveys.by_id(connection, post.survey_id)
        take_away(connection, installation, published, [post])
        what = {"survey": published.name, "post": post_id, "changed": ["removed"]}
        audit.record(connection, installation.now(), "coordinators edit", json.dumps(what))

    installation.database.write(work)


def export_coordinators(installation: Installation, survey: str, path: Path) -> int:
    """Write a survey's posts, with names and numbers, to a file that can be imported again.

    It is readable by its owner alone, and noted in the audit log. Raises UnknownSurvey, OSError,
    KeyDestroyed.
    """

    def work(connection: Connection) -> list[dict[str, str]]:
        published = installation.surveys.named(connection, survey)
        editor = PostEditor(connection, installation, published, read_hierarchy(connection))
        rows = [editor.shown(post) for post in editor.posts.values() if post.deputy_for is None]
        detail = json.dumps({"survey": survey, "posts": len(rows)})
        audit.record(connection, installation.now(), "coordinators export", detail)
        return rows

    rows = installation.database.write(work)
    write_table(path, rows)
    return len(rows)


def _existing(connection: Connection, post_id: int) -> CoordinatorRow:
    post = queries.by_id(connection, post_id)
    if post is None or post.deputy_for is not None:
        what, fix = "there is no such post", "`tautan coordinators list SURVEY` names them"
        raise InputError([Problem.about(f"post {post_id}", what, fix)])
    return post
