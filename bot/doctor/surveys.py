"""The published surveys: are they open, are their templates approved, who is to be invited?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from bot.channels.base import SendError, Template
from bot.channels.twilio_account import UNLIMITED
from bot.channels.twilio_content import Approval, Contents
from bot.doctor.findings import Finding, error, ok, warning
from bot.flow.blanks import unfilled
from bot.flow.words import MessageText
from bot.interview.installation import SIMULATED, Installation
from bot.interview.sending.templates import in_language
from bot.interview.surveys import Published
from bot.outreach.authenticity import unlisted_sender
from bot.outreach.launch.plan import PER_DAY, LaunchPlan, plan_launch
from bot.reporting.coordinators import reach
from storage.queries import senders

TO_COORDINATORS = ("daily_template",)
"""What goes out to coordinators by itself."""

_CONTENT = "Twilio Console > Messaging > Content Template Builder"


def open_ones(installation: Installation) -> list[Published]:
    """Return the surveys that are not closed."""
    every = installation.database.read(installation.surveys.every)
    return [one for one in every if one.closed_at is None]


def examine(
    installation: Installation, contents: Contents | None, limit: int | None, region: str = "ID"
) -> Iterator[Finding]:
    """Judge every survey that is not closed. `limit` is how many people a day may be written to
    first, None where nobody told; `contents` is None where nobody needs templates. `region` is the
    country of numbers that are written without one."""
    found = open_ones(installation)
    if not found:
        yield _none_open(installation)
    for published in found:
        yield _dates(installation, published)
        yield from _sender(installation, published, region)
        if contents is not None:
            yield from _templates(installation, published, contents)
        yield from _launch(installation, published, limit)
        yield from _coordinators(installation, published)


def _none_open(installation: Installation) -> Finding:
    """Tell an installation whose surveys are over from one that never had any."""
    every = installation.database.read(installation.surveys.every)
    if every:
        names = ", ".join(one.name for one in every)
        return ok("survey", f"closed for good: {names}; no other one is published")
    return warning("survey", "none is published", "run `tautan publish SURVEY`")


def _dates(installation: Installation, published: Published) -> Finding:
    settings = published.survey.settings
    plan = settings.plan(next(iter(settings.groups)))
    days = f"{published.name} is open from {settings.opens} to {settings.closes}"
    if installation.now() >= plan.closes:
        return warning(
            "survey",
            f"{published.name} ended on {settings.closes}",
            f"run `tautan close {published.name}`, or move `closes` and publish",
        )
    blank = unfilled(published.survey)
    if blank is not None:
        return error("survey", f"{published.name} is not ready: {blank.what}", blank.fix)
    return ok("survey", f"{days}, languages {', '.join(published.survey.languages)}")


def _sender(installation: Installation, published: Published, region: str) -> Iterator[Finding]:
    """Say where people would compare the sender's number with another one and find a fake."""
    sender = unlisted_sender(installation, published, region)
    if sender is not None:
        yield warning(
            "authenticity",
            f"{published.name}: messages come from {sender.shown}, which `nomor_resmi` lacks",
            "add it to `texts` in survey.yaml, publish, and make the kit anew (`tautan kit`)",
        )


def _templates(
    installation: Installation, published: Published, contents: Contents
) -> Iterator[Finding]:
    """Ask for the approval of every template that the survey needs."""
    survey = published.survey
    states: dict[str, dict[str, list[str]]] = {}
    respondents, coordinators = survey.words.messages, survey.words.coordinator
    # A pilot asks for its own when it is launched; no real invitation waits for it.
    names = [one for one in _with_template(respondents) if not one.startswith("pilot_")]
    names += [name for name in _with_template(coordinators) if name in TO_COORDINATORS]
    try:
        for name in names:
            for language in survey.languages:
                sid = _id_of(installation, published, name, language)
                state = _state(contents.approval(sid) if sid else None)
                states.setdefault(state, {}).setdefault(name, []).append(language)
    except SendError as failure:
        yield error("templates", f"{published.name}: {failure}", f"look into {_CONTENT}")
        return
    for state, found in sorted(states.items()):
        if state != "approved":
            which = ", ".join(f"{name} ({', '.join(codes)})" for name, codes in found.items())
            what, fix = _WORDS[state]
            yield error("templates", f"{published.name}: {which} {what}", fix)
    if states.keys() <= {"approved"}:
        yield ok("templates", f"{published.name}: all {len(names)} are approved")


def _id_of(
    installation: Installation, published: Published, message: str, language: str
) -> str | None:
    """Return the template that a message would go out by, or that somebody meant for it."""
    found = installation.database.read(
        lambda connection: in_language(connection, installation, published.id, message, language)
    )
    if isinstance(found, Template):
        return found.id
    return published.survey.settings.templates.get(message, {}).get(language)


def _with_template(messages: Mapping[str, MessageText]) -> list[str]:
    return [name for name, message in messages.items() if message.template]


def _state(approval: Approval | None) -> str:
    if approval is None:
        return "missing"
    return approval.status if approval.status in _WORDS else "other"


_WORDS: Mapping[str, tuple[str, str]] = {
    "approved": ("are approved", ""),
    "missing": (
        "have no template: nobody can be invited or reminded (links and posters work)",
        "run `tautan templates sync SURVEY`, then `submit`; `status` shows what waits and why",
    ),
    "unsubmitted": ("were never submitted", f"{_CONTENT} > the template > Submit for approval"),
    "received": ("wait for WhatsApp", "minutes as a rule, up to two days"),
    "pending": ("wait for WhatsApp", "minutes as a rule, up to two days"),
    "rejected": (
        "were rejected by WhatsApp",
        f"{_CONTENT} says why; a new template needs a new name",
    ),
    "paused": ("are paused by WhatsApp: people block or report them", "invite fewer, wait"),
    "disabled": ("are disabled by WhatsApp for good", "write them anew under another name"),
    "other": ("are in a state that we do not know", f"look into {_CONTENT}"),
}


def _launch(
    installation: Installation, published: Published, told: int | None
) -> Iterator[Finding]:
    """Say who is to be invited and how many days that takes."""
    own = _own_limit(installation)
    per_day = min(own or UNLIMITED, told or UNLIMITED)
    plan = plan_launch(installation, published.name, per_day=per_day)
    rows = sum(place.rows for place in plan.places)
    if not rows:
        yield warning(
            "roster",
            f"{published.name}: nobody is on the roster; links and posters need none",
            f"`tautan roster import FILE --survey {published.name}`, if people shall be invited",
        )
        return
    without = f", {plan.without_address} without a number" if plan.without_address else ""
    yield ok(
        "roster",
        f"{published.name}: {rows} people, {plan.to_invite} to invite,"
        f" {plan.invited} invited{without}",
    )
    known = unfilled(published.survey)  # said with the survey
    for one in plan.missing:
        if one == known:
            continue
        yield warning("roster", f"{published.name}: {one.what}", one.fix)
    if plan.to_invite:
        yield _days(plan, installation.via.sender, own, told)


def _coordinators(installation: Installation, published: Published) -> Iterator[Finding]:
    """Say how many posts there are, and whom no report reaches."""
    posts = reach.posts(installation, published.name)
    bad = [one for one in posts if not one.is_reached]
    if bad:
        reasons = Counter(one.state for one in bad)
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
        yield warning(
            "coordinators",
            f"{published.name}: {len(bad)} of {len(posts)} cannot be reached ({why})",
            f"see `tautan coordinators list {published.name}`, then give the posts another number:",
            "tautan coordinators edit POST --phone …",
        )
    elif posts:
        yield ok("coordinators", f"{published.name}: {len(posts)} posts, all can be reached")


def _own_limit(installation: Installation) -> int | None:
    """Return how many people a day our own sender is held to; None is no limit. Writes nothing."""
    via = installation.via
    for row in installation.database.read(senders.every):
        if (row.channel, row.address) == (via.channel, via.sender):
            return row.people_per_day
    return None if via.channel == SIMULATED.channel else PER_DAY


def _days(plan: LaunchPlan, sender: str, own: int | None, told: int | None) -> Finding:
    days = plan.days or -(-plan.to_invite // plan.per_day)
    when = f", {plan.first} to {plan.last}" if plan.first else ""
    rate = "without a limit" if plan.per_day == UNLIMITED else f"at {plan.per_day} a day"
    takes = (
        f"{plan.survey}: {rate} this launch takes {days} day{'s' if days != 1 else ''}{when};"
        " posters and links need no invitation"
    )
    if sender == SIMULATED.sender:
        return ok("limits", takes)
    if told is None:
        return warning(
            "limits",
            takes,
            "nobody told WhatsApp's limit: look at Meta Business Suite > WhatsApp Manager >"
            " Overview > Limits, then:",
            f"tautan senders set {sender} --people-per-day N",
        )
    if told != (own or UNLIMITED):
        allowed = "everybody" if told == UNLIMITED else f"{told} people a day"
        return warning(
            "limits",
            f"{takes}. WhatsApp lets you write first to {allowed}, Tautan keeps to {own or 'none'}",
            "let them be the same (0 is no limit):",
            f"tautan senders set {sender} --people-per-day {0 if told == UNLIMITED else told}",
        )
    return ok("limits", takes)
