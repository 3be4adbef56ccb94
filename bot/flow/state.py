"""The state of one conversation: all that the engine remembers between two turns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

Answer = str | int | float | tuple[str, ...]
"""A stored answer: a choice's name, a text, a date, time or place; a number; the names of several
choices, for `rank` in the person's order."""

NO_ANSWERS: Mapping[str, Answer] = MappingProxyType({})
"""No answers at all; it cannot be changed, so that it can be shared."""


class Status(StrEnum):
    """Where a conversation stands."""

    INVITED = "invited"  # known to us, nothing begun; the invitation may not have been sent yet
    LANGUAGE = "language"
    CONSENT = "consent"
    ASKING = "asking"
    FINISHED = "finished"
    DECLINED = "declined"
    SCREENED_OUT = "screened_out"
    STOPPED = "stopped"
    WRONG_PERSON = "wrong_person"
    CLOSED = "closed"  # the survey ended first, or they had answered it before

    @property
    def over(self) -> bool:
        """Whether the interview has ended, in whatever way."""
        return self in OVER

    @property
    def under_way(self) -> bool:
        """Whether the person has begun and not ended."""
        return self in UNDER_WAY


UNDER_WAY = frozenset({Status.LANGUAGE, Status.CONSENT, Status.ASKING})
OVER = frozenset(
    {
        Status.FINISHED,
        Status.DECLINED,
        Status.SCREENED_OUT,
        Status.STOPPED,
        Status.WRONG_PERSON,
        Status.CLOSED,
    }
)


@dataclass(frozen=True, slots=True)
class State:
    """One conversation between two turns.

    All times are aware UTC. `wake_at` is the only timer; it is None once the conversation is over
    (a finished one waits for mixing by its own rule, which is not the engine's business).
    """

    status: Status
    language: str  # "" while it is not known: the survey's default language is spoken then
    question: str | None = None  # the open question, while ASKING
    answers: Mapping[str, Answer] = field(default_factory=lambda: NO_ANSWERS)
    left_out: tuple[str, ...] = ()  # questions that need no answer and were given none
    earlier: Mapping[str, Answer] | None = None  # finished answers that ISI ULANG may replace
    attempts: int = 0  # unreadable answers in a row to the open question
    asks: int = 0  # questions asked so far: the first three carry the full footer
    pending: str | None = None  # what the next reply is about: see `pending` in engine.py
    sent: tuple[str, ...] = ()  # steps of the plan already sent: invite, reminder, …, last_call
    last_sent_at: datetime | None = None  # when the last of those went out
    held: tuple[str, ...] = ()  # reminders that were left out to measure what they do
    half_way: int = 0  # how many of the reminders, sent or held, were due to somebody half-way
    last_due_at: datetime | None = None  # when the last step was sent or held
    put_off: datetime | None = None  # the time given to a reminder that had come too late
    last_turn_at: datetime | None = None  # the person's last message that we took as a turn
    reminded: bool = False  # a step of the plan went out since the person's last message
    interrupted: bool = False  # since that message we wrote to the person about another survey
    began_at: datetime | None = None  # when consent was given
    ended_at: datetime | None = None  # the turn that ended it; what is said later is no part of it
    finished_at: datetime | None = None  # the same, when it was finished for the first time
    wake_at: datetime | None = None
    mixed: bool = False  # the answers are cut loose; nothing can be taken back
    seed: int = 0  # for orders drawn by chance; goes with the state
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def took(self) -> timedelta | None:
        """How long the interview took from the consent on, or has taken so far."""
        # Older states do not say when they ended.
        ended = self.ended_at if self.status.over else None
        until = ended or self.last_turn_at
        if self.began_at is None or until is None:
            return None
        return until - self.began_at

    def to_json(self) -> str:
        """Return the stored form; `from_json` gives an equal state back."""
        return json.dumps(_plain(self), separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> State:
        """Read what `to_json` wrote. Unknown keys are errors: a state is never half understood."""
        raw: dict[str, Any] = json.loads(text)
        raw["status"] = Status(raw["status"])
        for name in ("answers", "earlier"):
            if raw.get(name) is not None:
                raw[name] = {
                    key: tuple(value) if isinstance(value, list) else value
                    for key, value in raw[name].items()
                }
        for name in _TIMES:
            if raw.get(name) is not None:
                raw[name] = datetime.fromisoformat(raw[name])
        for name in ("sent", "held", "left_out"):
            if name in raw:
                raw[name] = tuple(raw[name])
        return cls(**raw)


_TIMES = (
    "last_sent_at",
    "last_due_at",
    "put_off",
    "last_turn_at",
    "began_at",
    "ended_at",
    "finished_at",
    "wake_at",
)
_DEFAULTS: dict[str, Any] = {}


def _plain(state: State) -> dict[str, Any]:
    """Return only what differs from a fresh state: most states are small."""
    if not _DEFAULTS:
        fresh = State(status=Status.INVITED, language="")
        for name in State.__slots__:
            _DEFAULTS[name] = getattr(fresh, name)
    plain: dict[str, Any] = {}
    for name in State.__slots__:
        value = getattr(state, name)
        if name not in {"status", "language"} and value == _DEFAULTS[name]:
            continue
        if isinstance(value, datetime):
            value = value.isoformat()
        elif isinstance(value, Mapping):
            value = dict(value)
        plain[name] = value
    return plain
