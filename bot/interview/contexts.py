"""What a step may know of the world, and words said outside any conversation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.flow.keywords import Command, Phase
from bot.flow.settings import Settings
from bot.flow.survey import Flow, Survey
from bot.flow.turn import Context, Message
from bot.flow.wording import Voice, verify_name
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from storage.queries.turns import TurnRow


def context(
    installation: Installation,
    survey: Survey,
    row: TurnRow,
    *,
    window_open: bool,
    request_code: str = "",
    opted_out: bool = False,
) -> Context:
    """Return what one step of this conversation may know."""
    settings = survey.settings
    own: dict[str, str] = {}
    if row.unit_name:
        own["unit"] = row.unit_name
    if row.source:
        own["sumber_nomor"] = row.source
    known = _context(
        installation.now(),
        settings,
        row.grp or next(iter(settings.groups)),
        zone=ZoneInfo(row.unit_zone) if row.unit_zone else settings.zone,
        own=own,
        window_open=window_open,
        request_code=request_code,
        opted_out=opted_out,
    )
    if not row.listed:
        known = replace(known, listed=False)
    if row.pilot:
        known = replace(known, pilot=True, plan=known.plan.of_pilot())
    if row.closed_at is not None and row.closed_at < known.plan.closes:
        # Closed before its last day: that is when it ended.
        return replace(known, plan=replace(known.plan, closes=row.closed_at))
    return known


def at_start(installation: Installation, survey: Survey, group: str) -> Context:
    """Return what the beginning of a conversation may know, before it has a place in a unit."""
    settings = survey.settings
    return _context(installation.now(), settings, group, zone=settings.zone, own={})


def _context(
    now: datetime,
    settings: Settings,
    group: str,
    *,
    zone: ZoneInfo,
    own: Mapping[str, str],
    window_open: bool = True,
    request_code: str = "",
    opted_out: bool = False,
) -> Context:
    return Context(
        now=now,
        zone=zone,
        plan=settings.plan(group),
        texts={settings.default_language: own},
        window_open=window_open,
        min_answer_seconds=settings.min_answer_seconds,
        n_min=settings.k,
        request_code=request_code,
        opted_out=opted_out,
    )


def word(
    connection: Connection,
    installation: Installation,
    published: Published | None,
    name: str,
    own: Mapping[str, str],
    language: str | None = None,
) -> Message | None:
    """Return a survey's message said outside a conversation, or None when nothing is published.

    Somebody who belongs to no survey hears the newest one that is running.
    """
    published = published or running(connection, installation)
    if published is None:
        return None
    if name == "stranger" and not published.survey.settings.takes_answers:
        name = "official"  # "you are on no list" would let people wait for one
    if name == "verify":
        name = verify_name(published.survey.words, over=True)
    flow = _any_flow(published.survey)
    settings = published.survey.settings
    world = _context(
        installation.now(),
        settings,
        flow.group.name if flow.group else "",
        zone=settings.zone,
        own={},
    )
    voice = Voice(flow, flow.spoken(language or settings.default_language), world)
    return voice.message(name, own)


def _any_flow(survey: Survey) -> Flow:
    return survey.for_group(next(iter(survey.settings.groups)))


def running(connection: Connection, installation: Installation) -> Published | None:
    """Return the newest survey that takes answers now, else the newest one at all."""
    every = installation.surveys.every(connection)
    taking = [one for one in every if refusal(installation, one) is None] or every
    return taking[-1] if taking else None


def refusal(installation: Installation, published: Published) -> str | None:
    """Return the name of the message that says why a survey takes no answers now, or None."""
    if not published.survey.settings.takes_answers:
        return "official"
    plan = published.survey.settings.plan(next(iter(published.survey.settings.groups)))
    now = installation.now().astimezone(UTC)
    if published.closed_at is not None or now >= plan.closes:
        return "closed"
    return "not_open_yet" if now < plan.opens else None


def asks_whether_real(connection: Connection, installation: Installation, text: str) -> bool:
    """Whether a stranger's message asks if all this is genuine (CEK and its synonyms)."""
    published = running(connection, installation)
    if published is None:
        return False
    return published.survey.words.keywords.means(text, Command.CEK)


def command(
    connection: Connection, installation: Installation, text: str, phase: Phase
) -> Command | None:
    """Return the command that somebody outside any conversation gives, by the newest survey's
    words."""
    published = running(connection, installation)
    return None if published is None else published.survey.words.keywords.find(text, phase)
