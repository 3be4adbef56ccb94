"""`tautan audit-anonymity`: attack a survey's database with everything in it.

The attacker has the database, its files, the logs, and the keys of the installation and of open
surveys. Whoever is linked to a response better than chance is a finding; none means that everybody
still hides among at least `k`. What an attacker without an account on the database's own machine
cannot see from here is said in the notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.anonymity import attacks, attacks_on_files
from bot.reporting.anonymity.attacks import Case, Finding
from bot.reporting.anonymity.traces import Traces
from storage.keys import DataKey
from storage.queries import anonymity as queries
from storage.queries import surveys as survey_queries

_SQLITE_ONLY = (
    "PostgreSQL keeps older versions of rows in its files and log until it reuses them; they are"
    " not looked at, and are sealed under keys that end with the survey."
)
_DEMO = "Chats of the simulator are not looked at: they stand for what is on people's own phones."


@dataclass(frozen=True, slots=True)
class Findings:
    """What an audit found; `clean` when nobody is linked to a response better than chance."""

    survey: str
    responses: int
    people: int  # mixed conversations that still belong to a person or once did
    found: tuple[Finding, ...]
    notes: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.found


def audit(installation: Installation, survey: str, log_files: Sequence[Path] = ()) -> Findings:
    """Try to find out who gave which response. Raises UnknownSurvey, FileNotFoundError.

    Reads only, in one transaction, so that it sees one moment.
    """

    def work(connection: Connection) -> Findings:
        published = installation.surveys.named(connection, survey)
        case = _case(connection, installation, published)
        found = [finding for attack in attacks.ROWS for finding in attack(case)]
        found += attacks_on_files.database_file(case)
        found += attacks_on_files.logs(case, log_files)
        notes = []
        if not installation.database.is_sqlite:
            notes.append(_SQLITE_ONLY)
        if installation.demo:
            notes.append(_DEMO)
        people = len(case.people)
        return Findings(survey, len(case.responses), people, tuple(found), tuple(notes))

    return installation.database.read(work)


def _case(connection: Connection, installation: Installation, published: Published) -> Case:
    responses = queries.responses(connection, published.id)
    versions = {
        version: installation.surveys.version(connection, published.id, version)
        for version in survey_queries.versions(connection, published.id)
    }
    fixed = {
        question.name
        for one in versions.values()
        for flow in one.flows.values()
        for question in flow.questions
        if not question.from_words
    }
    traces = Traces(responses={row.id.hex for row in responses})
    for _, question, value in queries.answers(connection, published.id):
        if question not in fixed:
            traces.add_words(value)
    _know_people(connection, installation, traces)
    for survey in survey_queries.every(connection):
        traces.forget(survey_queries.settings(connection, survey.id))
        for version in survey_queries.versions(connection, survey.id):
            traces.forget(survey_queries.content(connection, version))
    return Case(
        connection=connection,
        installation=installation,
        published=published,
        responses=responses,
        people=queries.people(connection, published.id),
        versions=versions,
        tables=queries.tables(connection),
        traces=traces,
    )


def _know_people(connection: Connection, installation: Installation, traces: Traces) -> None:
    """Open every address that the keys open: an attacker has them, too."""
    keys: dict[int, DataKey] = {}
    for sealed, key_id in queries.addresses(connection):
        if key_id not in keys:
            keys[key_id] = installation.keys.by_id(connection, key_id)
        traces.add_address(keys[key_id].open(sealed, "address"))
