"""Before a version is published: what it changes, whom that touches, and what shall become of them.

Answers are opened in memory, one after the other, and only counted. A number under `k` is not told:
by comparing files made for that, it could be somebody's answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from bot.flow.carrying import Policy, invalid
from bot.flow.editions import Change, broken, compare
from bot.flow.load import load_survey
from bot.flow.state import Answer, State, Status
from bot.flow.survey import Flow, Survey
from bot.interview.installation import Installation
from bot.interview.states import unseal
from bot.interview.surveys import (
    Published,
    UnknownSurvey,
    publish,
    stored_files,
    version_files,
)
from storage.queries import editions as queries
from storage.queries.editions import VersionRow

_Place = tuple[str, str]
"""A flow and one of its questions."""

CHOICES = """\
Say what shall become of the people who are under way:
  --policy finish-old   they finish the version that they began with; only newcomers get this one
  --policy move         they go on with this one; their answers stay where they still can be answers
  --policy re-ask       the same, and what this version breaks is asked again, with a word why"""


class UnknownVersion(Exception):
    """A survey has no version of this number."""


@dataclass(frozen=True, slots=True)
class Number:
    """How many there are; `exact` is False where there are fewer than `value`, or none."""

    value: int
    exact: bool = True

    def __str__(self) -> str:
        return str(self.value) if self.exact else f"< {self.value}"


@dataclass(frozen=True, slots=True)
class Touched:
    """Whom the changes of one question touch.

    `at`: people who are at it now. `answers`: answers to it of people under way, and `invalid`
    those of them that could be none any more; `waiting`: the same of finished ones that are not
    pooled yet, which keep their version; `pooled`: answers that nothing touches any more.
    """

    at: Number
    answers: Number
    invalid: Number
    waiting: Number
    pooled: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What changes between two versions of a survey, and whom that touches.

    `begun` people are under way with another version than the newer one, `invited` have not begun.
    """

    survey: str
    old: str
    new: str
    changes: tuple[Change, ...]
    touched: Mapping[_Place, Touched]
    begun: int
    invited: int

    @property
    def breaks(self) -> bool:
        """Whether stored answers may be none any more."""
        return any(change.kind == "break" for change in self.changes)


class PolicyNeeded(Exception):
    """A version breaks answers of people who are under way, and nobody said what shall be done."""

    def __init__(self, difference: Difference) -> None:
        self.difference = difference
        lines = "\n".join(
            f"  {change.place or 'settings'}: {change.what}"
            for change in difference.changes
            if change.kind == "break"
        )
        people = "1 person is" if difference.begun == 1 else f"{difference.begun} people are"
        super().__init__(
            f"Nothing was published: this breaks answers, and {people} under way."
            f"\n{lines}\n{CHOICES}"
        )


def publish_edition(
    installation: Installation,
    files: Mapping[str, str],
    policy: Policy | None = None,
    media: Mapping[str, bytes] | None = None,
) -> Published:
    """Publish files and media; where they break something of people under way, only with a policy.

    Raises PolicyNeeded, and FlowError and SurveyClosed as `publish` does.
    """
    if policy is None:
        survey = load_survey(files)
        try:
            found = difference(installation, survey.settings.name, files=files)
        except UnknownSurvey:
            found = None
        if found is not None and found.breaks and found.begun:
            raise PolicyNeeded(found)
    return publish(installation, files, policy or "finish-old", media)


def difference(
    installation: Installation,
    name: str,
    *,
    files: Mapping[str, str] | None = None,
    old: int | None = None,
    new: int | None = None,
) -> Difference:
    """Compare `files`, or version `new`, with version `old`; the current one where none is named.

    Raises UnknownSurvey, UnknownVersion and FlowError.
    """

    survey = load_survey(files) if files is not None else None

    def work(connection: Connection) -> Difference:
        published = installation.surveys.named(connection, name)
        versions = queries.versions(connection, published.id)
        current = next(one for one in versions if one.id == published.flow_version_id)
        before = numbered(versions, old or current.number)
        if survey is not None and files is not None:
            target, label = survey, "the files"
            kept = version_files(files, survey)
            target_id = _same(connection, published, versions, kept)
        else:
            after = numbered(versions, new or current.number)
            target = installation.surveys.version(connection, published.id, after.id)
            label, target_id = f"version {after.number}", after.id
        base = installation.surveys.version(connection, published.id, before.id)
        changes = compare(base, target)
        touching = _Touching(connection, installation, published, target, target_id)
        return Difference(
            survey=name,
            old=f"version {before.number}",
            new=label,
            changes=changes,
            touched=touching.places({(one.flow, one.question) for one in changes if one.question}),
            begun=touching.begun,
            invited=queries.invited(connection, published.id),
        )

    return installation.database.read(work)


def numbered(versions: Sequence[VersionRow], number: int) -> VersionRow:
    """Return a version by its number, from 1. Raises UnknownVersion."""
    if not 1 <= number <= len(versions):
        raise UnknownVersion(f"there is no version {number}: there are 1 to {len(versions)}")
    return versions[number - 1]


def version_number(installation: Installation, published: Published) -> int:
    """Return the number of the version that is current, as the codebook has it."""
    versions = installation.database.read(lambda c: queries.versions(c, published.id))
    return next(one.number for one in versions if one.id == published.flow_version_id)


def _same(
    connection: Connection,
    published: Published,
    versions: Iterable[VersionRow],
    kept: Mapping[str, str],
) -> int | None:
    """Return the version that these files are already, if any: its people stay where they are."""
    return next(
        (one.id for one in versions if stored_files(connection, published.id, one.id)[1] == kept),
        None,
    )


class _Touching:
    """Counts in one pass over the states of a survey that are not mixed."""

    def __init__(
        self,
        connection: Connection,
        installation: Installation,
        published: Published,
        target: Survey,
        target_id: int | None,
    ) -> None:
        self._connection, self._installation = connection, installation
        self._published, self._target, self._target_id = published, target, target_id
        self._k = published.survey.settings.k
        self.begun = self._waiting_people = 0
        self._at: Counter[_Place] = Counter()
        self._answers: Counter[_Place] = Counter()
        self._invalid: Counter[_Place] = Counter()
        self._waiting: Counter[_Place] = Counter()
        if published.closed_at is None:
            self._count()

    def places(self, wanted: Iterable[_Place]) -> dict[_Place, Touched]:
        """Return what was counted of these questions."""
        pooled: Counter[_Place] = Counter()
        for row in queries.pooled(self._connection, self._published.id):
            group = self._published.survey.settings.groups.get(row.grp)
            pooled[group.flow if group else "", row.question] += row.answers
        return {
            place: Touched(
                at=self._told(self._at[place], self.begun),
                answers=self._told(self._answers[place], self.begun),
                invalid=self._told(self._invalid[place], self.begun),
                waiting=self._told(self._waiting[place], self._waiting_people),
                pooled=pooled[place],
            )
            for place in wanted
        }

    def _told(self, number: int, people: int) -> Number:
        """Tell a number only where it is of at least `k`; that there is nobody at all is known."""
        if people and number < self._k:
            return Number(self._k, exact=False)
        return Number(number)

    def _count(self) -> None:
        here = self._installation
        statuses = (*queries.BEGUN, Status.FINISHED.value)
        for row in queries.states(self._connection, self._published.id, statuses):
            if row.flow_version_id == self._target_id:
                continue
            survey = here.surveys.version(self._connection, self._published.id, row.flow_version_id)
            old, new = survey.groups.get(row.grp), self._target.groups.get(row.grp)
            key = here.keys.by_id(self._connection, row.key_id)
            state = unseal(key, row.id, row.sealed)
            finished = state.status is Status.FINISHED
            self.begun += not finished
            self._waiting_people += finished or state.earlier is not None
            if old is None:
                continue
            if not finished:
                self._count_open(old, new, state)
            given = state.answers if finished else state.earlier
            self._waiting.update(_places(old, self._invalid_of(old, new, given or {})))

    def _count_open(self, old: Flow, new: Flow | None, state: State) -> None:
        if state.question is not None:
            self._at[old.name, state.question] += 1
        anew = broken(old, new) if new is not None else state.answers.keys()
        self._answers.update(_places(old, [name for name in state.answers if name in anew]))
        self._invalid.update(_places(old, self._invalid_of(old, new, state.answers)))

    def _invalid_of(
        self, old: Flow, new: Flow | None, answers: Mapping[str, Answer]
    ) -> Iterable[str]:
        return answers if new is None else invalid(old, new, answers)


def _places(flow: Flow, names: Iterable[str]) -> list[_Place]:
    return [(flow.name, name) for name in names]
