"""What one interview costs: how many messages it takes, and their price at the survey's rates.

WhatsApp bills every message of ours, the provider every message each way.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from bot.flow.rehearsal.playing import Talk
from bot.flow.rehearsal.ways import Ways
from bot.flow.settings import Rates, Settings
from bot.flow.survey import Survey


@dataclass(frozen=True, slots=True)
class Bill:
    """What one person of a group costs, in messages.

    `proved` is False where not every way was tried: a shorter or a longer one may exist. `mistake`
    is what one unreadable answer adds. The last two are the templates that go to somebody who is
    invited and never begins, and to somebody who begins and stops at the first question.
    """

    shortest: Talk
    typical: Talk
    longest: Talk
    proved: bool
    mistake: Talk
    never_began: tuple[str, ...]
    stopped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """The messages of many finished interviews by one number of ours, and their price; `free` of
    those sent are within what is free in the months of fieldwork."""

    people: int
    sent: int
    received: int
    months: int
    free: int
    price: Decimal


def price(talk: Talk, rates: Rates, *, naive: bool = False) -> Decimal:
    """Return what these messages cost once the free ones of the month are used up."""
    sent = talk.naive if naive else talk.sent
    return sent * (rates.service + rates.provider_out) + talk.received * rates.provider_in


def total(talk: Talk, people: int, settings: Settings, rates: Rates) -> Total:
    """Return what so many interviews like this one cost, spread over the months of fieldwork."""
    opens, closes = settings.opens, settings.closes
    months = (closes.year - opens.year) * 12 + closes.month - opens.month + 1
    sent = talk.sent * people
    free = min(sent, rates.free_service * months)
    cost = people * price(talk, rates) - free * rates.service
    return Total(people, sent, talk.received * people, months, free, cost)


def template_price(rates: Rates, count: int, *, marketing: bool) -> Decimal:
    """Return what so many templates to one person cost, invitations or reminders."""
    return count * ((rates.marketing if marketing else rates.utility) + rates.provider_out)


def bill(survey: Survey, group: str) -> Bill:
    """Count the messages of a group's interviews. KeyError for an unknown group; ValueError where
    no way through the flow is ever finished."""
    ways = Ways(survey, group)
    player = ways.player
    return Bill(
        shortest=ways.play(ways.way("shortest")),
        typical=ways.play(ways.way("typical")),
        longest=ways.play(ways.way("longest")),
        proved=not ways.unproved,
        mistake=player.mistake(),
        never_began=player.templates(begins=False),
        stopped=player.templates(begins=True),
    )
