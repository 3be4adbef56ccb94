"""Mixing: cutting finished answers loose from the people who gave them.

The promise is a crowd. Of a cell (survey, unit, group) a lot of at least `k` interviews, drawn at
random from at least `2k` that wait, becomes responses in one transaction, under random ids, in
random order, without a date; `k` or more stay behind, so that whoever compares two states of the
database still has `k` candidates on both sides. What only a few of a lot share is not kept:

* The version of the questions and the language are kept only where every class they make in the
  lot, the class without a mark included, has nobody or at least `k`. (With 19 answers in Indonesian
  and one in English, leaving the mark off that one alone would point at it; nine others lose it.)
* Where the version is not kept, neither are answers that some of the versions could not hold.
* A file that somebody sent gets a new name and a size that others share (`mixing_files`).
* Speed and straight-lining are judged from the state and survive only as counters of the cell.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import Connection

from bot.flow import carrying
from bot.flow.question import Question
from bot.flow.state import Answer, State, Status
from bot.flow.survey import Flow
from bot.interview import mixing_files
from bot.interview.installation import Installation
from bot.interview.states import unseal
from bot.interview.surveys import Published
from storage import leftovers
from storage.database import Conflict, Unavailable
from storage.queries import counts
from storage.queries import mixing as queries
from storage.queries.mixing import CellKey, SealedRow, WaitingRow

log = logging.getLogger(__name__)

# Larger lots hide better and are fewer transactions; one writer must not be held for long.
MAX_LOT = 500
# Nobody reads a question, thinks and answers in less, again and again (literature: 300 ms a word).
FAST_SECONDS = 3.0
# So many answers on one scale, all the same, are hardly opinions.
STRAIGHT_ANSWERS = 8

CHANCE = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class MixReport:
    """What one sweep did: releases and the interviews in them, and cells that failed."""

    releases: int = 0
    mixed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Interview:
    """A finished interview, opened: what becomes a response, and two marks for the counters."""

    conversation_id: int
    flow_version_id: int
    language: str
    answers: Mapping[str, Answer]
    fast: bool
    straight: bool
    files: tuple[str, ...] = ()  # the questions that are answered with a file


class Marks(NamedTuple):
    """What a response may still carry of its interview; None is not kept."""

    flow_version_id: int | None
    language: str | None


def mix_due(installation: Installation) -> MixReport:
    """Mix every cell in which twice `k` finished interviews have waited long enough.

    Each release is one transaction: killed at any moment it has happened wholly or not at all, and
    any number of processes may do this at once. A cell that fails is logged and left for later.
    """
    database = installation.database
    now = installation.now()
    cells = database.read(lambda connection: queries.waiting_cells(connection, now))
    lots: list[int] = []
    failed = 0
    for cell, _waiting in cells:
        try:
            while lot := _next_lot(installation, cell):
                lots.append(lot)
        except (Conflict, Unavailable):
            continue
        except Exception as error:
            # Only the kind of error: its words might hold somebody's answer.
            log.error("a cell of survey %d was not mixed: %s", cell.survey_id, type(error).__name__)
            failed += 1
    if lots:
        leftovers.wipe(database)
    return MixReport(len(lots), sum(lots), failed)


def _next_lot(installation: Installation, cell: CellKey) -> int:
    return installation.database.write(
        lambda connection: _release_some(connection, installation, cell)
    )


def _release_some(connection: Connection, installation: Installation, cell: CellKey) -> int:
    """Release one lot of a cell and return its size, 0 when too few wait."""
    published = installation.surveys.by_id(connection, cell.survey_id)
    if published.closed_at is not None:
        return 0
    waiting = queries.lock_waiting(connection, cell, installation.now())
    ids = draw(waiting, published.survey.settings.k)
    if not ids:
        return 0
    rows = queries.lock_sealed(connection, ids)
    interviews = open_interviews(connection, installation, published, rows)
    if len(interviews) != len(ids):
        raise Conflict("somebody changed their mind while the lot was drawn")
    release(connection, installation, published, cell, interviews)
    return len(ids)


def draw(waiting: Sequence[WaitingRow], k: int) -> list[int]:
    """Draw the ids of the next lot at random: a multiple of `k` that leaves at least `k` behind.

    Where `2k` with the same version of the questions wait, all come from it and nothing needs
    hiding; otherwise they come from the whole cell. Returns nothing when fewer than `2k` wait.
    """
    by_version: dict[int, list[int]] = {}
    for row in waiting:
        by_version.setdefault(row.flow_version_id, []).append(row.id)
    pool = max(by_version.values(), key=len, default=[])
    if len(pool) < 2 * k:
        pool = [row.id for row in waiting]
    if len(pool) < 2 * k:
        return []
    most = max(k, MAX_LOT // k * k)
    return CHANCE.sample(pool, min((len(pool) - k) // k * k, most))


def open_interviews(
    connection: Connection,
    installation: Installation,
    published: Published,
    rows: Sequence[SealedRow],
) -> list[Interview]:
    """Open what conversations finished with, leaving out those that have not.

    An interview that was opened again and not finished anew still has its earlier answers.
    """
    versions = {
        version: installation.surveys.version(connection, published.id, version)
        for version in {row.flow_version_id for row in rows}
    }
    interviews = []
    for row in rows:
        if row.sealed is None or row.key_id is None:
            continue
        key = installation.keys.by_id(connection, row.key_id)
        state = unseal(key, row.id, row.sealed)
        answers = finished_answers(state)
        if answers is not None:
            flow = versions[row.flow_version_id].groups.get(row.grp)
            straight = flow is not None and is_straight(flow, answers)
            fast = is_fast(state, _given(flow, answers))
            files = flow.files if flow is not None else ()
            interviews.append(
                Interview(
                    row.id, row.flow_version_id, state.language, answers, fast, straight, files
                )
            )
    return interviews


def finished_answers(state: State) -> Mapping[str, Answer] | None:
    """Return the answers that a conversation is finished with, or None when it is not."""
    return state.answers if state.status is Status.FINISHED else state.earlier


def _given(flow: Flow | None, answers: Mapping[str, Answer]) -> Mapping[str, Answer]:
    """Return the answers without what was worked out of them."""
    worked_out = {one.name for one in flow.settled if not one.is_asked} if flow else set()
    return {name: answer for name, answer in answers.items() if name not in worked_out}


def is_fast(state: State, answers: Mapping[str, Answer]) -> bool:
    """Whether a whole interview took less time than reading it does."""
    if state.status is not Status.FINISHED or not answers:
        return False
    took = state.took
    return took is not None and took.total_seconds() < FAST_SECONDS * len(answers)


def is_straight(flow: Flow, answers: Mapping[str, Answer]) -> bool:
    """Whether some scale was answered at least eight times, always with the same choice.

    "Don't know" and "prefer not to say" are no places on a scale.
    """
    scales: dict[Hashable, list[Answer]] = {}
    for name, answer in answers.items():
        question = flow.by_name.get(name)
        if question is None or question.type != "select_one" or not question.scored:
            continue
        if answer in {choice.name for choice in question.choices}:
            scales.setdefault(_scale(question), []).append(answer)
    return any(len(given) >= STRAIGHT_ANSWERS and len(set(given)) == 1 for given in scales.values())


def _scale(question: Question) -> Hashable:
    """What makes two questions' choices the same list."""
    return tuple(
        (choice.name, choice.score, tuple(sorted(choice.label.items())))
        for choice in question.choices
    )


def release(
    connection: Connection,
    installation: Installation,
    published: Published,
    cell: CellKey,
    interviews: Sequence[Interview],
) -> None:
    """Turn a lot into responses of a cell. Raises Conflict when another mixer was faster."""
    k = published.survey.settings.k
    if len(interviews) < k:
        raise ValueError(f"a lot of {len(interviews)} hides nobody; at least {k} are needed")
    lot = list(interviews)
    CHANCE.shuffle(lot)
    marks = marks_kept(lot, k)
    could = _common_flows(connection, installation, published, cell, lot, marks)
    responses = []
    held: list[_Held] = []
    for interview, mark in zip(lot, marks, strict=True):
        response_id = uuid4()
        responses.append({"id": response_id, **cell._asdict(), **mark._asdict()})
        for name, answer in interview.answers.items():
            if mark.flow_version_id is not None or all(holds(flow, name, answer) for flow in could):
                held.append(_Held(response_id, interview, name, to_text(answer)))
    ids = [interview.conversation_id for interview in interviews]
    files = _move_files(connection, installation, published, ids, held)
    answers = []
    for one in held:
        # A file that never came is no answer; of one that did, nothing of before stays.
        value = files.get(one.value) if one.is_file else one.value
        if value is not None:
            row = {"response_id": one.response_id, "question": one.question, "value": value}
            answers.append(row)
    # PostgreSQL keeps rows in the order of their coming: let that order be nobody's.
    CHANCE.shuffle(answers)
    queries.store(connection, responses, answers)
    queries.delete_outbox(connection, published.id, ids)
    if queries.cut_loose(connection, ids, published.flow_version_id) != len(ids):
        raise Conflict("another mixer was faster")
    counts.add(
        connection,
        *cell,
        mixed=len(lot),
        fast=sum(interview.fast for interview in lot),
        straight=sum(interview.straight for interview in lot),
    )


class _Held(NamedTuple):
    """An answer that its response keeps."""

    response_id: UUID
    interview: Interview
    question: str
    value: str

    @property
    def is_file(self) -> bool:
        return self.question in self.interview.files


def _move_files(
    connection: Connection,
    installation: Installation,
    published: Published,
    conversation_ids: Sequence[int],
    held: Sequence[_Held],
) -> Mapping[str, str]:
    """Move the files that a lot's answers name; return their new names by the old ones."""
    if not any(one.interview.files for one in held):
        return {}
    wanted = {one.value: one.interview.conversation_id for one in held if one.is_file}
    k = published.survey.settings.k
    return mixing_files.move(connection, installation, published.id, conversation_ids, wanted, k)


def marks_kept(lot: Sequence[Interview], k: int) -> list[Marks]:
    """Return what each response of a lot may carry: every class of marks has nobody or `k`."""
    versions = kept([interview.flow_version_id for interview in lot], k)
    languages: list[str | None] = [None] * len(lot)
    for version in set(versions):
        members = [index for index, one in enumerate(versions) if one == version]
        spoken = kept([lot[index].language for index in members], k)
        for index, language in zip(members, spoken, strict=True):
            languages[index] = language
    return [Marks(version, language) for version, language in zip(versions, languages, strict=True)]


Value = TypeVar("Value", int, str)


def kept(values: Sequence[Value], k: int) -> list[Value | None]:
    """Return the values with some hidden, so that every class has at least `k` members.

    Values of fewer than `k` members are hidden. If they are fewer than `k` together, the largest
    class gives them company: `k` minus them at random, or all, should fewer than `k` remain.
    """
    classes: dict[Value, list[int]] = {}
    for index, value in enumerate(values):
        classes.setdefault(value, []).append(index)
    hidden = {index for members in classes.values() if len(members) < k for index in members}
    large = sorted((members for members in classes.values() if len(members) >= k), key=len)
    while 0 < len(hidden) < k and large:
        members = large.pop()
        wanted = k - len(hidden)
        hidden.update(CHANCE.sample(members, wanted) if len(members) - wanted >= k else members)
    return [None if index in hidden else value for index, value in enumerate(values)]


def _common_flows(
    connection: Connection,
    installation: Installation,
    published: Published,
    cell: CellKey,
    lot: Sequence[Interview],
    marks: Sequence[Marks],
) -> list[Flow]:
    """Return the flows that the responses without a version could come from, if several."""
    versions = {
        interview.flow_version_id
        for interview, mark in zip(lot, marks, strict=True)
        if mark.flow_version_id is None
    }
    if len(versions) < 2:
        return []
    surveys = [
        installation.surveys.version(connection, published.id, version) for version in versions
    ]
    return [flow for survey in surveys if (flow := survey.groups.get(cell.grp)) is not None]


def holds(flow: Flow, name: str, answer: Answer) -> bool:
    """Whether a version of a flow could hold this answer."""
    question = flow.by_name.get(name)
    return question is not None and carrying.holds(question, answer)


def to_text(answer: Answer) -> str:
    """Return an answer as it is stored: a name, a number, a text, or a JSON list of names."""
    if isinstance(answer, tuple):
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
    return str(answer)
