"""How invented coordinators behave: what they write, and on which day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from bot.interview.chats import Bubble, Said
from bot.outreach.demo.personas import Persona

READS_AT = time(9, 5)  # after everybody's message of the day

WEEKLY: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        # Who has written on Sunday gets Monday's message with its picture, not the template.
        "koordinator": {1: "RINCIAN", 4: "GRAFIK", 6: "PROGRES"},
        "pimpinan": {0: "GRAFIK"},
        "disdik": {3: "PROGRES"},
        "admin": {2: "RINCIAN", 6: "GRAFIK"},
        "dinkes2": {2: "RINCIAN"},
        "rsud": {},
    }
)
"""What somebody writes on a weekday (Monday is 0)."""

ONCE: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {
        "koordinator": {
            2: "PANDUAN",
            3: "REKAP",
            20: "PROGRES dinas kesehtan",
            33: "GRAFIK dukcapil",
            41: "REKAP",
        },
        "admin": {3: "REKAP", 17: "BAGIKAN", 31: "PROGRES"},
        "dukcapil": {24: "PROGRES"},
        "dukcapil-pengganti": {40: "PROGRES", 42: "GRAFIK"},
        "pupr": {26: "JEDA 7"},
        "dpmptsp": {22: "BERHENTI"},  # then nobody of that unit can be reached
    }
)
"""What somebody writes on one of the played days, the first of which is 0. The deputy's lie within
the days off, with and without days before the opening."""


@dataclass(slots=True)
class Coordinator:
    """One invented coordinator, who remembers the message that came last."""

    persona: Persona
    last: Bubble | None = None

    def react(self, bubble: Bubble, now: datetime) -> None:
        """Read a message. What is written, and when, the calendar knows."""
        self.last = bubble

    def says(self, words: str) -> Said:
        """Return how something is written: tapped, where the last message has a button for it."""
        if self.last is not None and any(one.value == words for one in self.last.message.buttons):
            label = next(one.label for one in self.last.message.buttons if one.value == words)
            return Said(label, option=words, reply_to=self.last.sid)
        return Said(words)


def wishes(persona: Persona, begin: datetime, days: int) -> Iterator[tuple[datetime, str]]:
    """Yield what a coordinator writes in so many days from a time on, and when."""
    zone = ZoneInfo(persona.zone)
    first = begin.astimezone(zone).date()
    for number in range(days):
        day: date = first + timedelta(days=number)
        words = ONCE.get(persona.key, {}).get(number)
        words = words or WEEKLY.get(persona.key, {}).get(day.weekday())
        if words is not None:
            # Nobody at the very same minute as the others: their places are in the list's order.
            at = datetime.combine(day, READS_AT, zone)
            moment = at + timedelta(minutes=len(persona.name) + len(persona.key))
            if moment > begin:
                yield moment, words
