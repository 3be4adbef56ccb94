"""Transcripts: dialogues in YAML that anybody can read, played through the engine.

survey: integritas
group: internal
script:
  - open: true                # a link, poster or code; without it the timer begins
  - bot: "…"                  # every message of the bot, word for word
  - user: setuju              # typed; `about:` names the question that was quoted
  - tap: sar_01:1             # a button or row
  - send: media               # something that is no text; a location with `place: -3.32 114.59`
  - wait: 3d                  # time passes (s, m, h, d), and timers go off
end: {status: finished, answers: {sar_01: "1"}}
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from bot.flow.answers.places import coordinates
from bot.flow.engine import begin, step
from bot.flow.expressions import suggest
from bot.flow.schedule import next_allowed
from bot.flow.schema.parts import Identifier, Part, Zone
from bot.flow.schema.validate import read_as
from bot.flow.source import FlowError, read_source
from bot.flow.state import Answer, State
from bot.flow.survey import Flow, Survey
from bot.flow.turn import (
    Context,
    Effect,
    Event,
    Kind,
    Message,
    Open,
    Reply,
    Sent,
    SentKind,
    Wake,
)

TYPING = timedelta(seconds=30)
"""How long a person takes to answer in a transcript, unless it says `wait`."""

PLACE = r"^-?\d{1,2}(\.\d+)? -?\d{1,3}(\.\d+)?$"
_Wait = Annotated[str, Field(pattern=r"^\d{1,5}[smhd]$")]
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Line(Part):
    """One line of a script: exactly one of these, `about` only beside `user`, `place` (latitude
    and longitude) only beside `send: location`."""

    bot: str | None = None
    user: str | None = None
    about: Identifier | None = None
    tap: str | None = None
    send: Kind | SentKind | None = None
    place: Annotated[str, Field(pattern=PLACE)] | None = None
    wait: _Wait | None = None
    open: Literal["true"] | None = None


class End(Part):
    """How the conversation must stand at the end of the script."""

    status: str
    answers: dict[Identifier, str | list[str]] = Field(default_factory=dict)


class Transcript(Part):
    """One dialogue. `zone` and `texts` are what a unit would give; `start` is local there; a
    `pilot` is that of a colleague who tries the survey out; `seed` draws what is left to chance,
    0 leaves it as it is written."""

    survey: Identifier
    group: Identifier
    language: str = ""
    zone: Zone | None = None
    start: datetime | None = None
    pilot: Literal["true"] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    texts: dict[Identifier, str] = Field(default_factory=dict)
    script: Annotated[tuple[Line, ...], Field(min_length=1)]
    end: End | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """One turn that was played: the state before and after, what happened, what came of it."""

    event: Event
    context: Context
    before: State
    after: State
    effects: tuple[Effect, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What playing a transcript gave. `script` and `end` are as they really came out."""

    differences: tuple[str, ...]
    script: tuple[Mapping[str, str], ...]
    end: Mapping[str, Any]
    state: State
    turns: tuple[Turned, ...]

    @property
    def passed(self) -> bool:
        """Whether all came out as the transcript says."""
        return not self.differences


def read_transcript(file: str, text: str) -> Transcript:
    """Read a transcript. Raises FlowError with every problem found."""
    source = read_source(file, text)
    transcript = read_as(source, Transcript)
    problems = [
        source.problem(
            ("script", index), "a line is exactly one of bot, user, tap, send, wait, open"
        )
        for index, line in enumerate(transcript.script)
        if len(_given(line)) != 1
        or (line.about and line.user is None)
        or (line.place and line.send != "location")
    ]
    if problems:
        raise FlowError(problems)
    return transcript


def play(survey: Survey, transcript: Transcript, render: Callable[[Message], str]) -> Result:
    """Play a transcript and compare it, line by line.

    The bot's lines are what `render` makes of its messages. Between any two lines the state goes
    through its stored form, so that every transcript proves that nothing is lost there. Raises
    ValueError where it is a transcript of another survey or of no group of this one.
    """
    if transcript.survey != survey.settings.name:
        raise ValueError(f"this is a transcript of `{transcript.survey}`")
    if transcript.group not in survey.groups:
        fix = suggest(transcript.group, survey.groups)
        raise ValueError(f"no group `{transcript.group}`; {fix}")
    player = _Player(survey, transcript, render)
    script = tuple(player.lines())
    state = player.state
    end = {"status": state.status.value, "answers": _plain(state.answers)}
    wanted = [{**_given(line), **_beside(line)} for line in transcript.script]
    differences = list(_compare(wanted, [dict(line) for line in script]))
    if transcript.end is not None:
        differences += _compare_end(transcript.end, end)
    return Result(tuple(differences), script, end, state, tuple(player.turns))


class _Player:
    """Moves one conversation through a script."""

    def __init__(
        self, survey: Survey, transcript: Transcript, render: Callable[[Message], str]
    ) -> None:
        self._flow: Flow = survey.for_group(transcript.group)
        self._settings = survey.settings
        self._transcript = transcript
        self._render = render
        plan = survey.settings.plan(transcript.group)
        self._plan = plan.of_pilot() if transcript.pilot else plan
        self._zone = ZoneInfo(transcript.zone) if transcript.zone else survey.settings.zone
        self._texts = {
            code: {**words, **transcript.texts} for code, words in survey.settings.texts.items()
        }
        self._now = self._start()
        self.state = begin(
            self._flow, self._context(), language=transcript.language, seed=transcript.seed
        )
        self.turns: list[Turned] = []

    def lines(self) -> Iterator[Mapping[str, str]]:
        """Play, and give every line as it comes out."""
        if self._transcript.script[0].open is None:
            yield from self._turn(Wake())
        waited = False
        for line in self._transcript.script:
            given = _given(line)
            if line.bot is not None:
                continue
            yield {**given, **_beside(line)}
            if line.wait is not None:
                yield from self._wait(line.wait)
            else:
                self._now += timedelta() if waited else TYPING
                yield from self._turn(_event(line))
            waited = line.wait is not None

    def _start(self) -> datetime:
        start = self._transcript.start
        if start is not None:
            return start.replace(tzinfo=self._zone).astimezone(UTC)
        plan = self._settings.plan(self._transcript.group)
        return next_allowed(plan.hours, self._zone, plan.opens, plan.closes) or plan.opens

    def _context(self) -> Context:
        return Context(
            now=self._now,
            zone=self._zone,
            plan=self._plan,
            texts=self._texts,
            min_answer_seconds=self._settings.min_answer_seconds,
            n_min=self._settings.k,
            request_code="AB12",
            pilot=bool(self._transcript.pilot),
            listed=self._transcript.script[0].open is None,
        )

    def _wait(self, wait: str) -> Iterator[Mapping[str, str]]:
        until = self._now + timedelta(**{_UNITS[wait[-1]]: int(wait[:-1])})
        while self.state.wake_at is not None and self.state.wake_at <= until:
            self._now = max(self._now, self.state.wake_at)
            yield from self._turn(Wake())
        self._now = until

    def _turn(self, event: Event) -> Iterator[Mapping[str, str]]:
        stored = State.from_json(self.state.to_json())
        context = self._context()
        result = step(self._flow, stored, event, context)
        self.state = State.from_json(result.state.to_json())
        self.turns.append(Turned(event, context, stored, self.state, result.effects))
        if result.message is not None:
            yield {"bot": self._render(result.message)}


def _event(line: Line) -> Event:
    if line.open is not None:
        return Open()
    if line.tap is not None:
        return Reply(option=line.tap)
    if line.send is not None:
        place = coordinates(*line.place.split()) if line.place else None
        match line.send:
            case "image" | "audio" | "pdf" | "other" as kind:
                return Reply(kind="media", file=Sent(kind, kind))  # its name is the answer
            case kind:
                return Reply(kind=kind, place=place)
    return Reply(text=line.user or "", about=line.about)


def _given(line: Line) -> dict[str, str]:
    keys = ("bot", "user", "tap", "send", "wait", "open")
    return {key: value for key in keys if (value := getattr(line, key)) is not None}


def _beside(line: Line) -> dict[str, str]:
    return {key: value for key in ("about", "place") if (value := getattr(line, key)) is not None}


def _plain(answers: Mapping[str, Answer]) -> dict[str, str | list[str]]:
    """Answers as a YAML file has them: words only."""
    return {
        name: list(answer) if isinstance(answer, tuple) else str(answer)
        for name, answer in answers.items()
    }


def _compare(wanted: list[dict[str, str]], found: list[dict[str, str]]) -> Iterator[str]:
    def lines(script: list[dict[str, str]]) -> list[str]:
        return [
            f"{key}: {line}"
            for entry in script
            for key, text in entry.items()
            for line in text.splitlines() or [""]
        ]

    if wanted != found:
        yield from difflib.unified_diff(
            lines(wanted), lines(found), "written", "played", lineterm="", n=2
        )


def _compare_end(wanted: End, found: Mapping[str, Any]) -> Iterator[str]:
    if wanted.status != found["status"]:
        yield f"status: written {wanted.status}, played {found['status']}"
    for name in sorted({*wanted.answers, *found["answers"]}):
        written, played = wanted.answers.get(name), found["answers"].get(name)
        if written != played:
            yield f"answer {name}: written {written}, played {played}"
