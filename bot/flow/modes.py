"""What a survey may be: one of its owner, one of our own, or help for somebody else's.

In the official integrity survey answers that an institution had gathered itself cost it its score.
So a survey that only supports an official one takes no answers at all, and one of our own says that
it is not the official one and keeps out of its months.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

from bot.flow.settings import Settings
from bot.flow.source import Problem

OFFICIAL_MONTHS = (8, 10)
"""First and last month of the official survey's fieldwork, in every year."""

# "Bukan survei KPK", "bukan survei SPI KPK"; "It is not KPK's survey", "not a survey of the KPK".
_SAYS_SO = re.compile(r"\bbukan\s+survei\b[^.;]{0,40}\bKPK\b|\bnot\b[^.;]{0,40}\bKPK\b", re.I)


def refusal(settings: Settings, wish: str) -> Problem | None:
    """Say why a survey that only supports an official one may not do this; None where it may.

    `wish` is what was wanted, as "invite people".
    """
    if settings.takes_answers:
        return None
    what = (
        f"`mode: official-support` takes no answers, so it cannot {wish}: the official survey's"
        " owner asks and counts alone, and answers gathered by an institution spoil its result"
    )
    fix = "use posters, rosters and messages of the official survey; for your own, `mode: own`"
    return Problem.about("survey.yaml", what, fix)


def in_official_months(settings: Settings) -> bool:
    """Whether a survey of our own is held while the official one is."""
    if settings.mode != "own":
        return False
    first, last = OFFICIAL_MONTHS
    return any(
        settings.opens < date(year, last + 1, 1) and settings.closes >= date(year, first, 1)
        for year in range(settings.opens.year, settings.closes.year + 1)
    )


def own_advice(settings: Settings) -> Iterator[tuple[str, str]]:
    """Say what is allowed to a survey of our own and unwise: (what, how to mend it)."""
    if in_official_months(settings):
        what = (
            f"fieldwork from {settings.opens} to {settings.closes} falls into August to October,"
            " the months of the official survey (KPK's SPI): people will take one for the other"
        )
        fix = "move `opens` and `closes` out of them, or write `mode: owner` if it is the owner's"
        yield what, fix


def lacking_disclaimer(settings: Settings, invitation: Mapping[str, str]) -> list[str]:
    """Return the languages in which the invitation does not say that it is not KPK's survey."""
    if settings.mode != "own":
        return []
    return [
        code
        for code, text in invitation.items()
        if code in settings.languages and not _SAYS_SO.search(text)
    ]
