"""One turn of a conversation: what goes into `step` and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.flow.answers.places import Coordinates
from bot.flow.state import State

Kind = Literal["text", "media", "edited", "reaction", "location", "contact", "unsupported"]

_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


SentKind = Literal["image", "audio", "pdf", "other"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that came with a message: a new random id for it, and what its sender says it is."""

    id: str
    kind: SentKind


@dataclass(frozen=True, slots=True)
class Reply:
    """The person wrote, tapped or sent something.

    `option` is the value behind a tapped button or row; `about` is the question that the tapped or
    quoted message asked, where the channel can tell; `place` is what a location shows.
    """

    text: str = ""
    option: str | None = None
    about: str | None = None
    kind: Kind = "text"
    place: Coordinates | None = None
    file: Sent | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """The person followed a link, scanned a poster or sent a valid code."""


@dataclass(frozen=True, slots=True)
class Wake:
    """The conversation's timer went off, or the survey's settings have changed."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The file with this id, an answer to this question, cannot be used: it is not to be had, or
    not what it said it was."""

    question: str
    id: str


Event = Reply | Open | Wake | Lost


Spans = tuple[tuple[time, time], ...]
"""Hours of one day: (start, end) pairs, end exclusive, in order."""

MORNING, EVENING = time(7), time(21)
"""Between these is no night. Nothing but a reply goes out before or after, whatever is written."""

_NO_WEEK: tuple[Spans, ...] = tuple(() for _ in range(7))


@dataclass(frozen=True, slots=True)
class Season:
    """Days, first and last included, that have hours of their own: Ramadan, for instance."""

    first: date
    last: date
    spans: tuple[Spans, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """When first contacts and reminders may go out, in local time; replies are served at any hour.

    `spans[weekday]` (Monday is 0) lists the hours of a weekday, `seasons` those of some days of the
    year. No day listed in `holidays` has any.
    """

    spans: tuple[Spans, ...] = _NO_WEEK
    holidays: frozenset[date] = frozenset()
    seasons: tuple[Season, ...] = ()

    def on(self, day: date) -> Spans:
        """Return the hours of a day; never any of the night."""
        if day in self.holidays:
            return ()
        week = self.spans
        for season in self.seasons:
            if season.first <= day <= season.last:
                week = season.spans
        spans = week[day.weekday()]
        if all(start >= MORNING and end <= EVENING for start, end in spans):
            return spans
        kept = ((max(start, MORNING), min(end, EVENING)) for start, end in spans)
        return tuple((start, end) for start, end in kept if start < end)


@dataclass(frozen=True, slots=True)
class Plan:
    """The survey's current dates and reminders, already resolved for one group. Times are UTC.

    `invited_again` and `partial_again` are the distances of further reminders from the one before.
    No two are closer than `schedule.DISTANCE`, whatever `min_gap` says.
    """

    opens: datetime
    closes: datetime
    hours: Hours = field(default_factory=Hours)
    invited_after: timedelta | None = timedelta(days=3)  # from invitation to reminder
    partial_after: timedelta | None = timedelta(days=2)  # from the person's last turn to reminder
    last_call_before: timedelta | None = timedelta(days=3)  # before `closes`
    min_gap: timedelta = timedelta(hours=48)  # between any two of these
    invited_again: tuple[timedelta, ...] = ()
    partial_again: tuple[timedelta, ...] = ()
    maximum: int = 3  # reminders to one person, the last call among them
    holdout: float = 0.0  # share of those who are due that a reminder leaves out, to measure it
    nudge_before: timedelta | None = None  # so long before the window closes; None: no nudge
    not_before: datetime | None = None  # what the person got last is too near until then

    def of_pilot(self) -> Plan:
        """Return the plan for colleagues who try the survey out: before it opens, and without
        reminders, whose words are true of real interviews only."""
        return replace(self.silenced(), opens=_LONG_AGO)

    def silenced(self) -> Plan:
        """Return the plan for somebody who shall hear no reminder."""
        return replace(self.without_reminders(), last_call_before=None)

    def without_reminders(self) -> Plan:
        """Return the plan with nothing but its last call."""
        return replace(self, invited_after=None, partial_after=None)


@dataclass(frozen=True, slots=True)
class Context:
    """What one step may know of the world. `texts` are the owner's words for {{placeholders}},
    by language (a language without its own falls back to the survey's default language)."""

    now: datetime
    zone: ZoneInfo
    plan: Plan
    texts: Mapping[str, Mapping[str, str]]
    window_open: bool = True
    min_answer_seconds: float = 2.0
    pilot: bool = False  # a colleague tries the survey out, and the answers are read
    listed: bool = True  # an office's list has the person; False: who came by a poster or link
    opted_out: bool = False  # told only where the interview is over: BERHENTI can be taken back
    n_min: int = 10  # smallest number of people whose answers are pooled
    request_code: str = ""  # names an erasure request to the person who made it
    wrote_at: datetime | None = None  # where that was before `now`: "kemarin" is counted from then


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to pick: `value` is what stands before it and can be typed, or what its button
    sends; `label` is shown."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Tappable:
    """What may be tapped in place of typing a number: up to 3 buttons, or a list of up to 10 rows.

    `body` is what the message says, with {{1}}, {{2}} … for its `values`: it is the same for
    everybody, as are `options`. An option's value is its payload: "question:choice",
    "language:code" or a command. `label` is on the button that opens a list.
    """

    kind: Literal["buttons", "list"]
    options: tuple[Choice, ...]
    body: str
    values: tuple[str, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or a document that goes with a message, whose text is then its caption; of a
    recording, which has none, the text is only said where it cannot be sent.

    `what` tells its maker which one it is ("chart:7:12:2026-11-23"); it is made when it is fetched.
    `name` is what the file is called on the phone.
    """

    kind: Literal["image", "document", "audio"]
    what: str
    name: str


@dataclass(frozen=True, slots=True)
class Message:
    """What to say, before any channel gives it a form.

    A channel shows `text`, then `choices` as numbered lines (or buttons, or a list), then `footer`,
    parts separated by a blank line. `buttons` only repeat what the text already says. `template`
    names the approved template that says the same where free text is not allowed, with `variables`
    as its values and, where its words are others, `template_text` as what it says. `once_a_day`
    names a text that one address gets at most once a day. With `taps` the survey wants it tapped,
    where the channel can; it says the same in every form, so its numbers are always understood.
    With an `attachment` the text is short, and true without it: a template has none.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    footer: str = ""
    buttons: tuple[Choice, ...] = ()
    question: str | None = None
    language: str = "id"
    # invite, reminder, reminder_2 …, last_call: at most one of each per conversation
    step: str | None = None
    template: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    template_text: str = ""
    once_a_day: str | None = None
    taps: Tappable | None = None
    attachment: Attachment | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """The person must not be contacted again."""


@dataclass(frozen=True, slots=True)
class OptIn:
    """The person takes an earlier opt-out back."""


@dataclass(frozen=True, slots=True)
class Erase:
    """All data of this person, and the answers still tied to it, must go now."""


@dataclass(frozen=True, slots=True)
class WrongPerson:
    """The number is not that of the person meant: off the roster with it, never write again."""


@dataclass(frozen=True, slots=True)
class Consented:
    """The person agreed to the text with this version (a hash of its words) in this language."""

    version: str
    language: str


@dataclass(frozen=True, slots=True)
class LanguageChosen:
    """The person chose the language of this and later conversations."""

    language: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to this question was set or replaced."""

    question: str


@dataclass(frozen=True, slots=True)
class Dropped:
    """These answers were removed: no longer relevant, or the interview ended without them."""

    questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reopened:
    """A finished interview was opened again (ISI ULANG), or a stopped one (MULAI)."""


Effect = (
    OptOut
    | OptIn
    | Erase
    | WrongPerson
    | Consented
    | LanguageChosen
    | Answered
    | Dropped
    | Reopened
)


@dataclass(frozen=True, slots=True)
class Step:
    """The result of one turn: the new state, at most one message, and what lies outside."""

    state: State
    message: Message | None = None
    effects: tuple[Effect, ...] = ()
