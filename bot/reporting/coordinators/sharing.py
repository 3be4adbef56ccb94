"""What a unit's coordinator passes on to a group of people: a text, and the poster for them.

A poster's link decides which questions somebody is asked, so a group never gets another one's.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bot.flow.keywords import normalise
from bot.flow.survey import Survey
from bot.flow.turn import Attachment, Message
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.coordinators import weekly
from bot.reporting.coordinators.digest import Report
from bot.reporting.coordinators.pictures import POSTER
from storage.queries import links


def split(survey: Survey, text: str) -> tuple[str, str | None]:
    """Return what is said before a group's name or label at the end, and that group."""
    said = normalise(text)
    for group, settings in survey.settings.groups.items():
        for name in (group, *settings.label.values()):
            rest = f" {said}".removesuffix(f" {normalise(name)}")
            if rest != f" {said}":
                return rest.strip(), group
    return said, None


def message(
    connection: Connection, installation: Installation, report: Report, group: str | None
) -> Message:
    """Return the text and the poster of a report's unit for a group, the survey's first if None.

    Where the report is of several units it says that there is none for them.
    """
    said = weekly.forward_message(report)
    unit_id = report.unit_id
    if unit_id is None or len(report.hierarchy.within(unit_id)) != 1:
        return said
    codes = posters(connection, installation, report.published, unit_id)
    code = codes.get(group or next(iter(report.survey.settings.groups)))
    if code is None:
        return said
    return replace(said, attachment=Attachment("image", f"{POSTER}:{code}", "poster.png"))


def posters(
    connection: Connection, installation: Installation, published: Published, unit_id: int
) -> dict[str, str]:
    """Return a unit's groups that an operator has made a link for, with the code of the oldest.

    A link that is used up or over makes no poster.
    """
    if not published.survey.words.poster:
        return {}
    if not installation.via.sender.startswith("whatsapp:+"):
        return {}  # people could not be told our number
    now = installation.now()
    found: dict[str, str] = {}
    for one in links.of_places(connection, published.id):
        over = one.expires_at is not None and one.expires_at <= now
        used_up = one.cap is not None and one.starts >= one.cap
        if one.unit_id == unit_id and not over and not used_up:
            found.setdefault(one.grp, one.code)
    return found
