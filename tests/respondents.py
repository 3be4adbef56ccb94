"""Invented respondents who read what the bot writes and answer it, through signed webhooks."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import select

from bot.flow.question import Question
from bot.flow.state import Answer
from bot.flow.survey import Flow, Survey
from bot.interview.installation import Installation
from storage.models import Answer as AnswerTable
from storage.models import Response
from tests.fake_twilio import FakeTwilio
from tests.fake_twilio_person import Person

Vector = tuple[tuple[str, str], ...]
"""The answers of one person as stored: (question, value), by name."""

_HOLE = re.compile(r"\{\{.*?\}\}")
PATIENCE = 60.0  # seconds in which a message must be answered, restarts of the server included


def _pattern(label: str) -> re.Pattern[str]:
    return re.compile(".+?".join(re.escape(part) for part in _HOLE.split(label)))


def question_in(flow: Flow, text: str) -> Question | None:
    """Return the question that a message asks, by its Indonesian words."""
    found = [q for q in flow.questions if _pattern(q.label["id"]).search(text)]
    return max(found, key=lambda q: len(q.label["id"]), default=None)


@dataclass
class Respondent:
    """Somebody who follows a link and answers by chance, but always readably.

    `twice` says how often a message is posted again under its id (0.2: every fifth).
    """

    person: Person
    flow: Flow
    code: str
    rng: random.Random
    twice: float = 0.0
    answers: dict[str, Answer] = field(default_factory=dict)
    turns: int = 0
    finished: bool = False
    said: list[tuple[str, list[str]]] = field(default_factory=list)  # and what came meanwhile

    def say(self, text: str) -> str:
        """Send a message, again under the same id until it is answered; return the reply."""
        form = self.person.form(text)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            got = self.person.post(form)
            self.said.append((text, got))
            if got:
                self.turns += 1
                if self.rng.random() < self.twice:
                    self.person.post(form)
                return got[-1]
            time.sleep(0.05)
        raise AssertionError("a message stayed without an answer")

    def begin(self) -> str:
        """Follow the link up to the first question and return it."""
        reply = self.say(f"Saya mau mengisi survei. Kode: {self.code}")
        while (question := question_in(self.flow, reply)) is None:
            reply = self.say("SETUJU" if "SETUJU" in reply else "1")
        assert question is not None
        return reply

    def answer(self, reply: str, most: int = 100) -> str:
        """Answer up to `most` questions, first the one in `reply`; return the last reply."""
        for _ in range(most):
            question = question_in(self.flow, reply)
            if question is None:
                self.finished = "Terima kasih" in reply
                return reply
            said, answer = self._choose(question)
            if answer is not None:
                self.answers[question.name] = answer
            reply = self.say(said)
        return reply

    def interview(self) -> None:
        """Hold a whole interview."""
        self.answer(self.begin())
        assert self.finished, "the interview did not come to its end"

    def vector(self) -> Vector:
        """Return what must be stored of this person."""
        return vector(self.answers)

    def _choose(self, question: Question) -> tuple[str, Answer | None]:
        if question.type == "integer":
            number = self.rng.randint(question.least or 0, question.most or 99)
            return str(number), number
        if question.type == "text":
            if self.rng.random() < 0.3 and not question.required:
                return "0", None
            words = f"saran nomor {self.rng.randrange(10**9)}"
            return words, words
        names = [one.name for one in (*question.choices, *question.na)]
        while True:
            name = self.rng.choice(names)
            told = {**self.answers, question.name: name}
            if question.end_if is None or not question.end_if.holds(told):
                return name, name


def vector(answers: dict[str, Answer]) -> Vector:
    """Return answers as they are stored once mixed."""
    return tuple(sorted((name, str(value)) for name, value in answers.items()))


def stored_vectors(installation: Installation) -> Counter[Vector]:
    """Return how often each vector of answers stands among the mixed ones."""
    query = select(Response.id, AnswerTable.question, AnswerTable.value).outerjoin(
        AnswerTable, AnswerTable.response_id == Response.id
    )
    by_response: dict[object, list[tuple[str, str]]] = {}
    for one, question, value in installation.database.read(lambda c: c.execute(query).all()):
        by_response.setdefault(one, []).append((question, value))
    return Counter(tuple(sorted(pairs)) for pairs in by_response.values())


def strayed(people: Iterable[Respondent], stored: Counter[Vector]) -> str:
    """Return the chats of those whose answers are not stored as given, for a failure's message."""
    return "\n".join(
        f"{one.answers}\n" + "\n".join(map(repr, one.said))
        for one in people
        if one.vector() not in stored
    )


def all_at_once(jobs: Sequence[Callable[[], None]], at_a_time: int = 8) -> None:
    """Run jobs in threads and raise the first failure."""
    with ThreadPoolExecutor(at_a_time) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()


def groups_of(survey: Survey, number: int) -> Iterable[str]:
    """Return a group for each of `number` people, all groups in turn."""
    names = list(survey.settings.groups)
    return (names[index % len(names)] for index in range(number))


def one_in_two_halves(respondent: Respondent, phone: str, bsuid: str) -> None:
    """Hold an interview of somebody who begins twice before both are known as one.

    The provider first shows only the phone, then only the user id, then both: the fuller of the two
    conversations must be the one that goes on.
    """
    twilio = respondent.person.twilio
    whole = respondent.person
    respondent.person = twilio.person(phone=phone)
    respondent.answer(respondent.begin(), most=2)
    respondent.answers = {}
    respondent.person = twilio.person(bsuid=bsuid)
    respondent.answer(respondent.begin(), most=5)
    twilio.people.update(dict.fromkeys(whole.reachable, whole))
    respondent.person = whole
    respondent.answer(respondent.say("ULANG"))
    assert respondent.finished, "the interview did not come to its end"


def crowd(
    twilio: FakeTwilio, survey: Survey, code: Callable[[str], str], number: int, seed: int
) -> list[tuple[Respondent, Callable[[], None]]]:
    """Return invented respondents, each with the way in which they are to be interviewed.

    By turns: a phone alone; phone and user id; both at first and then only the user id; and
    somebody with a conversation under each.
    """
    made: list[tuple[Respondent, Callable[[], None]]] = []
    for index, group in enumerate(groups_of(survey, number)):
        rng = random.Random(f"{seed}/{index}")
        phone, bsuid = f"+6281200{10_000 + index:06d}", f"ID.{3_000_000_000_000_000 + index}"
        kind = index % 4
        person = twilio.person(phone=phone, bsuid=None if kind == 0 else bsuid)
        one = Respondent(person, survey.for_group(group), code(group), rng, twice=0.2)
        way: Callable[[], None] = one.interview
        if kind == 2:
            way = partial(_then_hidden, one)
        elif kind == 3:
            way = partial(one_in_two_halves, one, phone, bsuid)
        made.append((one, way))
    return made


def _then_hidden(respondent: Respondent) -> None:
    """Hold an interview of somebody whose phone is not shown any more after the third answer."""
    reply = respondent.answer(respondent.begin(), most=3)
    respondent.person.shows_phone = False
    respondent.answer(reply)
    assert respondent.finished, "the interview did not come to its end"
