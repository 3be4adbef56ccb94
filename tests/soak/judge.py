"""Judges, person by person, what a campaign has sent: nothing too much, nothing too little.

A reminder that was drawn to be left out leaves no trace outside: where the plan has a hold-out,
what does not come is taken for one, and the counts are compared with the program's own afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from tests.soak.paper import Calendar, Rules, paper_end

GAP = timedelta(hours=48)
SILENCE = timedelta(hours=12)
FREE_TEXT = timedelta(hours=24)
ONCE_MORE = timedelta(hours=24)
REFUSED, CAPPED, NOT_IN_WINDOW = 63024, 63049, 63016
INVITE, REMINDER, LAST_CALL = "invite", "reminder", "last_call"


class Event(NamedTuple):
    """One thing that happened to a person.

    sent: `what` is the step, `template` the message's name, `code` why it did not arrive, `made`
    when it was written, from which the plan counts: it may have waited for its distance to another
    one, or for a sender that was killed. wrote: turn (the interview goes on), asked (it does not
    begin), over.
    """

    at: datetime
    kind: Literal["sent", "wrote"]
    what: str
    template: str = ""
    text: bool = False
    code: int | None = None
    made: datetime | None = None


class Due(NamedTuple):
    """What may come next, each from when on, and until when one of them must."""

    steps: dict[str, datetime]
    deadline: datetime | None


@dataclass
class Verdict:
    """What was found, in people, messages and complaints."""

    people: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    repeated: int = 0
    held: int = 0  # never sent, and taken for left out
    counted: int = 0  # left out, as the program counts
    unsure: int = 0
    reports: int = 0
    kills: int = 0
    rounds: int = 0
    wrong: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was too much and nothing too little."""
        return not self.wrong


class Case:
    """One person's way through the plan, as the paper has it."""

    def __init__(self, name: str, calendar: Calendar, verdict: Verdict) -> None:
        self._name = name
        self._calendar = calendar
        self._verdict = verdict
        self._half_way = False
        self._over: datetime | None = None
        self._off = False
        self._called = False
        self._unsure = False
        self._count = self._half = 0
        self._step: tuple[datetime, datetime] | None = None  # when the last one was due
        self._handed: datetime | None = None
        self._wrote: datetime | None = None
        self._tried: dict[str, list[datetime]] = {}
        self._since = calendar.story.papers[0][0]
        self._rules: Rules = calendar.story.papers[0][1].groups[calendar.group]
        self._invited = False
        self._refused_text = False

    def judge(self, events: Iterable[Event]) -> None:
        """Go through all that happened."""
        self._verdict.people += 1
        plans = list(self._calendar.story.papers[1:])
        for event in [*events, None]:
            now = event.at if event else paper_end(self._calendar.story)
            while plans and plans[0][0] <= now:
                self._since, paper = plans.pop(0)
                self._until(self._since)
                self._rules = paper.groups[self._calendar.group]
            self._until(now)
            if event is None:
                return
            if event.kind == "sent":
                self._sent(event)
            else:
                self._heard(event)

    # --- what happened ----------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        self._wrote, self._off = event.at, False
        if event.what == "over":
            self._over = self._over or event.at
        self._half_way |= event.what == "turn"
        self._tried = {step: at for step, at in self._tried.items() if step == INVITE}

    def _sent(self, event: Event) -> None:
        kind = event.what.partition("_")[0] if event.what != LAST_CALL else LAST_CALL
        self._verdict.sent[kind] += 1
        self._verdict.texts += event.text
        if not self._calendar.inside(event.at):
            self._complain("outside its window", event)
        if self._over is not None:
            if event.at > self._over:
                self._complain("after the end or STOP", event)
            return
        if self._handed is not None and event.at - self._handed < self._distance(event):
            self._complain("within two days of another", event)
        if event.text and (self._wrote is None or event.at - self._wrote >= FREE_TEXT):
            self._complain("free text outside 24 hours", event)
        if self._again(event) or (self._refused_text and not event.text):
            self._verdict.repeated += 1
        else:
            self._check(event, kind)
        self._handed, self._refused_text = event.at, event.code == NOT_IN_WINDOW
        tries = self._tried.setdefault(event.what, [])
        if event.code != NOT_IN_WINDOW or event.text is False:
            tries.append(event.at)
        self._off |= event.code == REFUSED or (event.code == CAPPED and len(tries) > 1)
        if event.code is None:
            tries.extend([event.at] * 2)  # it has arrived: no other try may follow

    def _distance(self, event: Event) -> timedelta:
        if self._refused_text and not event.text:
            return timedelta()  # the same as a template, at once
        return ONCE_MORE if self._again(event) else GAP

    def _again(self, event: Event) -> bool:
        """Whether this is the one more try of what was held back a day ago."""
        return len(self._tried.get(event.what, ())) == 1

    def _check(self, event: Event, kind: str) -> None:
        due = self._due()
        if due is None:
            self._complain("more than the plan allows", event)
            return
        if kind not in due.steps:
            self._complain(f"not this but {' or '.join(due.steps)}", event)
        elif event.at < due.steps[kind]:
            self._complain("too early", event)
        if self._wrote is not None and timedelta() < event.at - self._wrote < SILENCE:
            self._complain("into the conversation", event)
        usual = "reminder_partial" if self._half_way else "reminder_first"
        want = {INVITE: "invite", LAST_CALL: "reminder_last"}.get(kind, usual)
        if event.template != want:
            self._complain("the wrong words", event)
        self._pass(kind, event.made or event.at, event.at)

    # --- what had to happen -----------------------------------------------------------------------

    def _until(self, now: datetime) -> None:
        """Look at all that had to be out before a moment."""
        while (due := self._due()) is not None and due.deadline is not None and due.deadline < now:
            kind = next(iter(due.steps))
            if kind != INVITE and self._rules.holdout:
                self._verdict.held += 1
                self._unsure |= len(due.steps) > 1
            elif not self._unsure:
                self._complain(f"never sent: {' or '.join(due.steps)}", None, due.deadline)
            self._pass(kind, min(due.steps.values()), due.deadline)
            if self._unsure:
                self._verdict.unsure += 1
                self._off = True

    def _pass(self, kind: str, earliest: datetime, latest: datetime) -> None:
        self._step = earliest, latest
        if kind == INVITE:
            self._invited = True
            return
        self._count += 1
        self._half += self._half_way and kind == REMINDER
        self._called |= kind == LAST_CALL

    def _due(self) -> Due | None:
        if self._over or self._off or self._called:
            return None
        story = self._calendar.story
        if not self._invited and not self._half_way:
            return Due({INVITE: story.invited_from}, story.invited_by)
        if self._count >= self._rules.maximum:
            return None
        last = self._not_sooner(paper_end(story) - timedelta(days=self._rules.last_call))
        reminder = self._reminder()
        if reminder is None or reminder[0] >= last[0]:
            return self._must({LAST_CALL: last[0]}, last[1])
        due = self._must({REMINDER: self._nudged(reminder[0])}, reminder[1])
        if due.deadline is None or due.deadline >= last[0]:
            # Of two that come together the later is true; which one hangs on minutes.
            due = self._must({**due.steps, LAST_CALL: last[0]}, max(reminder[1], last[1]))
        return due

    def _must(self, steps: dict[str, datetime], latest: datetime) -> Due:
        if latest >= paper_end(self._calendar.story):
            return Due(steps, None)
        return Due(steps, self._calendar.deadline(max(latest, self._since)))

    def _reminder(self) -> tuple[datetime, datetime] | None:
        """Return between when the next reminder of the person's kind falls due."""
        days = self._rules.partial if self._half_way else self._rules.invited
        done = self._half if self._half_way else self._count - self._half
        if done >= len(days):
            return None
        distance = timedelta(days=days[done] - (days[done - 1] if done else 0))
        if not self._half_way:
            if self._step is None:
                return None
            base = self._step
        else:
            assert self._wrote is not None
            base = self._wrote, self._wrote
            if done and self._step is not None:
                base = max(base[0], self._step[0]), max(base[1], self._step[1])
        early, late = self._not_sooner(base[0] + distance, base[1] + distance)
        return early, late

    def _not_sooner(
        self, early: datetime, late: datetime | None = None
    ) -> tuple[datetime, datetime]:
        late = late or early
        if self._step is not None:
            early, late = max(early, self._step[0] + GAP), max(late, self._step[1] + GAP)
        if self._handed is not None:
            late = max(late, self._handed + GAP)
        if self._wrote is not None:
            early, late = max(early, self._wrote + SILENCE), max(late, self._wrote + SILENCE)
        return early, late

    def _nudged(self, early: datetime) -> datetime:
        """A reminder half-way may come while free text is allowed, and cost less."""
        if self._rules.nudge and self._half_way and self._wrote is not None:
            return min(early, self._wrote + SILENCE)
        return early

    def _complain(self, what: str, event: Event | None, at: datetime | None = None) -> None:
        self._verdict.wrong[what] += 1
        if len(self._verdict.examples) < 20:
            seen = event or at
            self._verdict.examples.append(f"{self._name} ({self._calendar.group}): {what}: {seen}")
