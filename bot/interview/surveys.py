"""Published surveys: taking files in, and handing out the compiled form.

Servers never read flow files; only `publish` does. Questions and texts are kept whole as a version
by content hash, and a conversation keeps its version; settings (`survey.yaml`: dates, plan, owner's
texts) are always the current ones.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rapidfuzz import process
from sqlalchemy import Connection

from bot.flow.carrying import Policy
from bot.flow.load import load_survey
from bot.flow.media import FOLDER, MediaFile
from bot.flow.source import FlowError, Problem
from bot.flow.survey import Survey
from bot.interview.failures import trace
from bot.interview.files import question_media
from bot.interview.files.file_types import media_type
from storage.database import DatabaseError
from storage.queries import audit, editions
from storage.queries import surveys as queries
from storage.queries.surveys import SurveyRow

if TYPE_CHECKING:
    from bot.interview.installation import Installation

log = logging.getLogger(__name__)

SETTINGS = "survey.yaml"


class UnknownSurvey(Exception):
    """No survey of that name is published."""


class SurveyClosed(Exception):
    """The survey of that name is closed for good, and nothing can be published in its name."""

    def __init__(self, name: str, closed_at: datetime) -> None:
        super().__init__(
            f"{name} is closed, since {closed_at:%Y-%m-%d}, and stays so: nothing was published."
            " Publish the next survey under a name of its own (`name` in survey.yaml)"
        )


@dataclass(frozen=True, slots=True)
class Published:
    """A survey as it stands now: compiled from current settings and the current version."""

    id: int
    name: str
    survey: Survey
    flow_version_id: int
    closed_at: datetime | None

    @property
    def last_day(self) -> date:
        """The last local day of fieldwork: as planned, or earlier where it was closed before."""
        settings = self.survey.settings
        if self.closed_at is None:
            return settings.closes
        return min(settings.closes, settings.day(self.closed_at))


class Surveys:
    """The compiled surveys of this process, by settings and version."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[bytes, int], Survey] = {}
        self._unreadable: set[SurveyRow] = set()
        self._guard = threading.Lock()

    def compiled(
        self, connection: Connection, survey_id: int, settings_hash: bytes, flow_version_id: int
    ) -> Survey:
        """Return a version of a survey under the settings with this hash."""
        survey = self._compiled.get((settings_hash, flow_version_id))
        if survey is None:
            files = dict(json.loads(queries.content(connection, flow_version_id)))
            files[SETTINGS] = queries.settings(connection, survey_id)
            survey = load_survey(files, older=True)
            with self._guard:
                # By what was read: the settings may have changed since their hash was.
                self._compiled[_hash(files[SETTINGS]), flow_version_id] = survey
        return survey

    def remember(self, settings_hash: bytes, published: Published) -> None:
        """Keep what was compiled for publishing: it need not be compiled again to be used."""
        with self._guard:
            self._compiled[settings_hash, published.flow_version_id] = published.survey

    def every(self, connection: Connection) -> list[Published]:
        """Return all published surveys, the newest last.

        One that cannot be read, because another version of Tautan stored it or its row is damaged,
        keeps none of the others back. It is left out and logged, once in a process.
        """
        found = []
        for row in queries.every(connection):
            try:
                found.append(self._published(connection, row))
            except DatabaseError:
                raise
            except Exception as error:
                if row not in self._unreadable:
                    self._unreadable.add(row)
                    fix = "it is closed" if row.closed_at else "publish it again (tautan publish)"
                    log.error("survey %s cannot be read; %s\n%s", row.name, fix, trace(error))
        return found

    def named(self, connection: Connection, name: str) -> Published:
        """Return a published survey. Raises UnknownSurvey, which names the known ones."""
        row = queries.by_name(connection, name)
        if row is None:
            raise UnknownSurvey(_unknown(name, [one.name for one in queries.every(connection)]))
        return self._published(connection, row)

    def by_id(self, connection: Connection, survey_id: int) -> Published:
        """Return a published survey. Raises LookupError."""
        row = queries.by_id(connection, survey_id)
        if row is None:
            raise LookupError(f"there is no survey {survey_id}")
        return self._published(connection, row)

    def version(self, connection: Connection, survey_id: int, flow_version_id: int) -> Survey:
        """Return an older version of a survey under its current settings."""
        row = queries.by_id(connection, survey_id)
        if row is None:
            raise LookupError(f"there is no survey {survey_id}")
        return self.compiled(connection, survey_id, row.settings_hash, flow_version_id)

    def _published(self, connection: Connection, row: SurveyRow) -> Published:
        assert row.flow_version_id is not None, "a survey is stored with its first version"
        survey = self.compiled(connection, row.id, row.settings_hash, row.flow_version_id)
        return Published(row.id, row.name, survey, row.flow_version_id, row.closed_at)


def stored_files(
    connection: Connection, survey_id: int, flow_version_id: int
) -> tuple[str, dict[str, str]]:
    """Return a survey's current settings, and the other files of a version by name."""
    files: dict[str, str] = json.loads(queries.content(connection, flow_version_id))
    return queries.settings(connection, survey_id), files


def read_files(folder: Path) -> dict[str, str]:
    """Read a survey's files; of its pictures and recordings a line each (see `bot.flow.media`).

    Raises FileNotFoundError, and FlowError for what is not UTF-8.
    """
    if not (folder / SETTINGS).is_file():
        raise FileNotFoundError(f"{folder} has no {SETTINGS}: is it a survey's folder?")
    files = {path.name: _read(path) for path in flow_files(folder)}
    for name, content in read_media(folder).items():
        digest = hashlib.sha256(content).hexdigest()
        files[FOLDER + name] = MediaFile(name, media_type(content), len(content), digest).line
    return files


def flow_files(folder: Path) -> list[Path]:
    """Return the YAML files at the top of a survey's folder; editors' copies are not among them."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml") and path.is_file() and not path.name.startswith(".")
    )


def read_media(folder: Path) -> dict[str, bytes]:
    """Read the bytes of a survey's pictures and recordings, by their names in the folder."""
    found = sorted((folder / FOLDER).glob("*"))
    return {
        path.name: path.read_bytes()
        for path in found
        if path.is_file() and not path.name.startswith(".")
    }


def _read(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        what, fix = "this letter is not UTF-8", "save the file as UTF-8 in your editor"
        problem = Problem(path.name, line, column, what, fix, rule="not-yaml")
        raise FlowError([problem]) from error


def version_files(files: Mapping[str, str], survey: Survey) -> dict[str, str]:
    """Return what of a survey's files a version keeps: no settings, no pictures without a use."""
    used = {FOLDER + one.name for one in survey.media}
    return {
        name: text
        for name, text in sorted(files.items())
        if name != SETTINGS and (not name.startswith(FOLDER) or name in used)
    }


def publish(
    installation: Installation,
    files: Mapping[str, str],
    policy: Policy = "finish-old",
    media: Mapping[str, bytes] | None = None,
) -> Published:
    """Take files as the current version of their survey; `media` are as of `read_media`.

    Raises FlowError when they do not hold, or when people under way with an older version could
    not go on under the new settings, and SurveyClosed; the version published before then stays.
    When the settings have changed, every waiting timer is woken: the new plan counts at once.
    `policy` says what becomes of people under way with another version: a sweep and their own turns
    do it.
    """
    survey = load_survey(files)
    content = json.dumps(version_files(files, survey), ensure_ascii=False)
    text = files[SETTINGS]
    settings_hash, content_hash = _hash(text), _hash(content)

    def work(connection: Connection) -> Published:
        row = queries.by_name(connection, survey.settings.name, lock=True)
        now = installation.now()
        if row is None:
            survey_id = queries.create(connection, survey.settings.name, text, settings_hash)
        else:
            if row.closed_at is not None:
                raise SurveyClosed(row.name, row.closed_at)
            survey_id = row.id
            if row.settings_hash != settings_hash:
                _check_mode(connection, survey_id, survey)
                _check_older(connection, survey_id, text)
                queries.set_settings(connection, survey_id, text, settings_hash)
                queries.wake_all(connection, survey_id, now)
        question_media.keep(connection, installation, survey.media, media or {})
        version = queries.keep_version(connection, survey_id, content_hash, content, now)
        editions.stay(connection, version)
        if policy != "finish-old":
            editions.leave(connection, survey_id, version, policy)
        what = f"{survey.settings.name}, version {version}, {policy}"
        audit.record(connection, now, "publish", what)
        return Published(survey_id, survey.settings.name, survey, version, None)

    published = installation.database.write(work)
    installation.surveys.remember(settings_hash, published)
    return published


def _check_older(connection: Connection, survey_id: int, text: str) -> None:
    """Raise FlowError when new settings lack what somebody's older version needs of them."""
    problems: list[Problem] = []
    for version, groups in queries.in_use(connection, survey_id).items():
        files = dict(json.loads(queries.content(connection, version)))
        try:
            survey = load_survey(files | {SETTINGS: text}, older=True)
        except FlowError as error:
            why = f"people are still under way with version {version}, which needs this: "
            problems += [replace(one, what=why + one.what) for one in error.problems]
            continue
        problems += [
            Problem(
                SETTINGS,
                1,
                1,
                f"people of the group `{group}` are still under way with version {version}",
                "keep the group, with its flow and reason as they were, to the end of the survey",
            )
            for group in sorted(groups - set(survey.settings.groups))
        ]
    if problems:
        raise FlowError(problems)


def _check_mode(connection: Connection, survey_id: int, survey: Survey) -> None:
    """Raise FlowError when people are in a survey that shall take no answers from now on."""
    if survey.settings.takes_answers or not queries.in_use(connection, survey_id):
        return
    what = "people are in this survey already, and `mode: official-support` takes no answers"
    fix = "close this one, and publish the support of the official survey under a name of its own"
    raise FlowError([Problem(SETTINGS, 1, 1, what, fix)])


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _unknown(name: str, known: list[str]) -> str:
    if not known:
        return f"there is no survey {name!r}: none is published yet, run `tautan publish` first"
    near = process.extractOne(name, known, score_cutoff=60)
    hint = f"did you mean {near[0]!r}?" if near else f"published are: {', '.join(known)}"
    return f"there is no survey {name!r}; {hint}"
