"""How invented people behave: who answers, when, how carefully, and who does not."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from bot.interview.chats import Bubble, Said
from bot.outreach.demo.personas import Persona

Manner = Literal["silent", "prompt", "late", "halfway", "clumsy", "declines", "stops", "stranger"]

# In hundredths. Surveys of this kind get about one answer in six; a demo should have some to show.
MANNERS: dict[Manner, int] = {
    "silent": 22,
    "prompt": 34,  # answers the first message, to the end
    "late": 16,  # answers a reminder, the first, second or last one, to the end
    "halfway": 14,  # leaves in the middle; half of them come back after a reminder
    "clumsy": 6,  # writes what cannot be read, sends pictures
    "declines": 4,
    "stops": 3,  # BERHENTI
    "stranger": 1,  # BUKAN: the number is somebody else's now
}
UNREADABLE = ("mungkin", "yg itu", "7 kayaknya", "hmm", "lihat nanti ya")
SUGGESTIONS = (
    "Antrean loket sebaiknya pakai nomor.",
    "Biaya layanan mohon ditempel di depan.",
    "Perbanyak sosialisasi pengaduan.",
)
_COUNTED = re.compile(r"\(\d+/\d+\)")  # stands under every question
SCREENING = 3  # the language and the first two questions
FIRST_HOUR, LAST_HOUR = 6, 21  # nobody answers in the night


def is_nudge(bubble: Bubble) -> bool:
    """Whether a message of ours is a reminder that went out as free text."""
    message = bubble.message
    reminds = any(button.label == "Buka" for button in message.buttons)
    return bubble.author == "us" and bubble.template is None and reminds


@dataclass(slots=True)
class Respondent:
    """One invented person with a manner of answering, drawn by chance from a seeded source."""

    persona: Persona
    rng: random.Random
    manner: Manner
    kindness: float = 0.7  # how often the first, friendly half of a scale is chosen
    reminders: int = 0
    patience: int = 1  # which reminder somebody late answers
    answered: int = 0
    leaves_after: int | None = None
    gone: bool = False
    slips: set[int] = field(default_factory=set)

    @classmethod
    def draw(cls, persona: Persona, rng: random.Random, manner: Manner | None = None) -> Respondent:
        """Draw somebody's manner, temper and mistakes."""
        drawn = manner or rng.choices(list(MANNERS), weights=list(MANNERS.values()))[0]
        return cls(
            persona=persona,
            rng=rng,
            manner=drawn,
            kindness=rng.uniform(0.45, 0.9),
            patience=rng.choice((1, 1, 2, 3)) if drawn == "late" else 1,
            leaves_after=rng.randint(3, 15) if drawn == "halfway" else None,
            slips=set(rng.sample(range(25), 6)) if drawn == "clumsy" else set(),
        )

    def react(self, bubble: Bubble, now: datetime) -> tuple[datetime, Said] | None:
        """Say what this person does about a message, and when; None is nothing."""
        if bubble.author == "person" or bubble.error is not None or self.gone:
            return None
        message = bubble.message
        if bubble.template is not None:
            return self._about_template(bubble, now)
        if any(button.label == "SETUJU" for button in message.buttons):
            return self._soon(now, Said("TIDAK" if self.manner == "declines" else "SETUJU"))
        if is_nudge(bubble):
            return self._about_template(bubble, now)
        if not message.choices and not _COUNTED.search(message.footer):
            return None  # closing words, explanations
        if self.leaves_after is not None and self.answered >= self.leaves_after:
            self.leaves_after = None
            self.gone = self.rng.random() < 0.5
            return None  # until a reminder comes
        self.answered += 1
        return self._soon(now, self._answer(bubble))

    def _about_template(self, bubble: Bubble, now: datetime) -> tuple[datetime, Said] | None:
        """An invitation or a reminder: look at it in the next hours, or not at all."""
        self.reminders += bubble.template != "invite"
        if self.manner == "silent" or (self.manner == "late" and self.reminders < self.patience):
            return None
        when = self._awake(now + timedelta(minutes=self.rng.expovariate(1 / 90) + 1))
        if self.manner == "stops":
            self.gone = True
            return when, Said("berhenti")
        if self.manner == "stranger":
            self.gone = True
            return when, Said("bukan, salah sambung")
        first = bubble.message.buttons[:1]
        if first and self.rng.random() < 0.6:
            return when, Said(first[0].label, option=first[0].value, reply_to=bubble.sid)
        return when, Said(self.rng.choice(("1", "Ya", "siap pak", "mulai", "boleh")))

    def _answer(self, bubble: Bubble) -> Said:
        if self.answered in self.slips:
            if self.rng.random() < 0.3:
                return Said(kind="media")
            return Said(self.rng.choice(UNREADABLE))
        names = [choice.value for choice in bubble.message.choices]
        if not names:
            return Said(self.rng.choice(SUGGESTIONS) if self.rng.random() < 0.3 else "0")
        if self.answered <= SCREENING or len(names) <= 3:
            # Language, screening, yes or no: nearly everybody is one whom the survey means.
            usual = names[0] if len(names) <= 3 else names[1]
            return Said(usual if self.rng.random() < 0.95 else self.rng.choice(names))
        if self.rng.random() < 0.04:
            return Said(self.rng.choice(("0", "9")))
        half = (len(names) + 1) // 2
        # The friendly end is the low one where something bad is asked about, else the high one.
        kind_end = names[half:] if "etuju" in bubble.message.choices[-1].label else names[:half]
        return Said(self.rng.choice(kind_end if self.rng.random() < self.kindness else names))

    def _soon(self, now: datetime, said: Said) -> tuple[datetime, Said]:
        """Read and type: some seconds, now and then interrupted for hours."""
        pause = timedelta(seconds=self.rng.uniform(5, 40))
        if self.rng.random() < 0.01:
            pause = timedelta(hours=self.rng.uniform(1, 20))
        return self._awake(now + pause), said

    def _awake(self, moment: datetime) -> datetime:
        """Return a moment, or the next morning if it falls into the local night."""
        local = moment.astimezone(ZoneInfo(self.persona.zone))
        if FIRST_HOUR <= local.hour < LAST_HOUR:
            return moment
        morning = local.replace(hour=FIRST_HOUR, minute=0) + timedelta(
            days=local.hour >= LAST_HOUR, minutes=self.rng.uniform(0, 180)
        )
        return morning.astimezone(moment.tzinfo)
