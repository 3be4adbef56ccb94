"""Pilots: colleagues try a survey out by the same code as everybody, and their answers are read.

A pilot's conversation is marked in the database, which refuses to mix it; no count has it. The
words (messages with a `pilot_` twin) say that the answers are read. It is wiped on demand, and in
any case before real people are invited and when the survey is closed. What stays is an opt-out.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from bot.flow.route import count
from bot.flow.state import State, Status
from bot.flow.survey import Flow
from bot.interview.installation import Installation
from bot.interview.states import unseal
from bot.interview.surveys import Published
from storage import leftovers
from storage.queries import audit, erasure
from storage.queries import pilots as queries
from storage.queries import waves as wave_queries
from storage.queries.pilots import PilotRow
from storage.queries.turns import TurnRow

MAX_NOTES = 50  # of what one colleague wrote and was not understood


@dataclass(frozen=True, slots=True)
class PilotAnswer:
    """One answer of a colleague, as stored and in words."""

    question: str
    label: str
    answer: str
    said: str


@dataclass(frozen=True, slots=True)
class PilotPerson:
    """How one colleague fared. `minutes` from consent to the last message, None before consent;
    `stopped_at` is the question that is open; `misread` are (question, text)."""

    name: str
    group: str
    unit: str
    status: str
    answers: tuple[PilotAnswer, ...]
    stopped_at: str | None
    progress: str
    minutes: float | None
    misread: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PilotReport:
    """A survey's pilot: everybody in it, how far they came, and what was not understood."""

    survey: str
    people: tuple[PilotPerson, ...]
    finished: int
    misread: tuple[tuple[str, int], ...]  # questions, those most often not understood first

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def begin(
    connection: Connection,
    installation: Installation,
    conversation_id: int,
    survey_id: int,
    name: str,
) -> None:
    """Keep the name of a colleague whose conversation was just made."""
    key = installation.keys.survey(connection, survey_id)
    sealed = key.seal_json({"name": name, "misread": []}, f"pilot:{conversation_id}")
    queries.add(connection, conversation_id, sealed, key.id)


def note_misread(
    connection: Connection,
    installation: Installation,
    row: TurnRow,
    before: State,
    after: State,
    text: str,
) -> None:
    """Keep what a colleague wrote if it was not understood; of anybody else nothing is kept."""
    if not row.pilot or after.attempts <= before.attempts or row.conversation_id is None:
        return
    found = queries.notes(connection, row.conversation_id)
    if found is None:
        return
    place = f"pilot:{row.conversation_id}"
    kept = json.loads(installation.keys.by_id(connection, found[1]).open(found[0], place))
    kept["misread"] = [*kept["misread"], [before.question or before.status.value, text]]
    kept["misread"] = kept["misread"][-MAX_NOTES:]
    assert row.survey_id is not None
    key = installation.keys.survey(connection, row.survey_id)
    queries.set_notes(connection, row.conversation_id, key.seal_json(kept, place), key.id)


def any_finished(connection: Connection, published: Published) -> bool:
    """Whether a colleague has finished a survey that was not wiped yet."""
    return queries.finished(connection, published.id) > 0


def read(installation: Installation, survey: str) -> PilotReport:
    """Return what colleagues answered and where they stopped. Raises UnknownSurvey."""

    def work(connection: Connection) -> PilotReport:
        published = installation.surveys.named(connection, survey)
        rows = queries.of_survey(connection, published.id)
        people = tuple(_person(connection, installation, published, row) for row in rows)
        misread = Counter(question for one in people for question, _ in one.misread)
        finished = sum(one.status == Status.FINISHED.value for one in people)
        return PilotReport(survey, people, finished, tuple(misread.most_common()))

    return installation.database.read(work)


def _person(
    connection: Connection, installation: Installation, published: Published, row: PilotRow
) -> PilotPerson:
    keys = installation.keys
    kept = json.loads(
        keys.by_id(connection, row.notes_key_id).open(row.notes, f"pilot:{row.conversation_id}")
    )
    state = State(status=Status(row.status), language="")
    if row.sealed is not None and row.key_id is not None:
        state = unseal(keys.by_id(connection, row.key_id), row.conversation_id, row.sealed)
    survey = installation.surveys.version(connection, published.id, row.flow_version_id)
    flow = survey.for_group(row.grp).arranged(state.seed)
    minutes = round(state.took.total_seconds() / 60, 1) if state.took is not None else None
    return PilotPerson(
        name=kept["name"],
        group=row.grp,
        unit=row.unit_name,
        status=row.status,
        answers=_answers(flow, state),
        stopped_at=state.question,
        progress=_progress(flow, state),
        minutes=minutes,
        misread=tuple((question, text) for question, text in kept["misread"]),
    )


def _answers(flow: Flow, state: State) -> tuple[PilotAnswer, ...]:
    language = flow.spoken(state.language)
    return tuple(
        PilotAnswer(
            question.name,
            question.label[language],
            json.dumps(answer) if isinstance(answer, tuple) else str(answer),
            question.answer_label(answer, language),
        )
        for name, answer in state.answers.items()
        if (question := flow.by_name.get(name)) is not None
    )


def _progress(flow: Flow, state: State) -> str:
    """Return at which question somebody is, as "3/25"; "" where none is open."""
    if state.question is None or state.question not in flow.by_name:
        return ""
    at, of = count(flow, flow.by_name[state.question], state.answers)
    return f"{at}/{of}"


def wipe(installation: Installation, survey: str) -> int:
    """Delete a survey's pilot for good; return how many colleagues were in it.

    They can be invited afterwards as if nothing had been, unless they opted out. Raises
    UnknownSurvey.
    """

    def work(connection: Connection) -> int:
        published = installation.surveys.named(connection, survey)
        return wipe_within(connection, installation, published)

    gone = installation.database.write(work)
    if gone:
        leftovers.wipe(installation.database)
    return gone


def wipe_within(connection: Connection, installation: Installation, published: Published) -> int:
    """Do the same inside the caller's transaction, which has to clean the files afterwards."""
    rows = queries.of_survey(connection, published.id, lock=True)
    if not rows:
        return 0
    now = installation.now()
    wave_queries.delete_all(connection, [row.conversation_id for row in rows])
    macs: list[bytes] = []
    for contact_id in {row.contact_id for row in rows if row.contact_id is not None}:
        macs += queries.forget_contact(connection, contact_id)
    erasure.delete_bubbles(connection, macs)
    done = Counter(row.wave_id for row in rows if row.status == Status.FINISHED.value)
    for wave_id in {row.wave_id for row in rows if row.wave_id is not None}:
        wave = wave_queries.lock(connection, wave_id)
        finished = wave.finished + done[wave_id]
        wave_queries.change(connection, wave_id, state="done", finished=finished, changed_at=now)
    detail = {"survey": published.name, "people": len(rows), "finished": done.total()}
    audit.record(connection, now, "pilot wiped", json.dumps(detail))
    return len(rows)
