"""The published surveys: are they open, are their templates approved, who is to be invited?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.channels.base import SendError
from bot.channels.twilio_account import UNLIMITED
from bot.channels.twilio_content import Approval, Contents
from bot.doctor.findings import Finding, error, ok, warning
from bot.flow.survey import MessageText
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.launch import PER_DAY, LaunchPlan, plan_launch

_CONTENT = "Twilio Console > Messaging > Content Template Builder"


def open_ones(installation: Installation) -> list[Published]:
    """Return the surveys that are not closed."""
    every = installation.database.read(installation.surveys.every)
    return [one for one in every if one.closed_at is None]


def examine(
    installation: Installation, contents: Contents | None, limit: int | None
) -> Iterator[Finding]:
    """Judge every survey that is not closed. `limit` is how many people a day may be written to
    first, None where nobody told; `contents` is None where nobody needs templates."""
    found = open_ones(installation)
    if not found:
        yield warning("survey", "none is published", "run `tautan publish SURVEY`")
    for published in found:
        yield _dates(installation, published)
        if contents is not None:
            yield from _templates(published, contents)
        yield from _launch(installation, published, limit)


def _dates(installation: Installation, published: Published) -> Finding:
    settings = published.survey.settings
    plan = settings.plan(next(iter(settings.groups)))
    days = f"{published.name} is open from {settings.opens} to {settings.closes}"
    if installation.now() >= plan.closes:
        return warning(
            "survey",
            f"{published.name} was over on {settings.closes}",
            f"run `tautan close {published.name}`, or move `closes` and publish",
        )
    return ok("survey", f"{days}, languages {', '.join(published.survey.languages)}")


def _templates(published: Published, contents: Contents) -> Iterator[Finding]:
    """Ask for the approval of every template that the survey names."""
    survey = published.survey
    states: dict[str, dict[str, list[str]]] = {}
    respondents, coordinators = survey.words.messages, survey.words.coordinator
    names = _with_template(respondents) + _with_template(coordinators)
    try:
        for name in names:
            for language in survey.languages:
                sid = survey.settings.templates.get(name, {}).get(language)
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
        (
            f"{_CONTENT} > Create new, submit for WhatsApp approval, then put the HX… under"
            " `templates` in survey.yaml and publish"
        ),
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
    installation: Installation, published: Published, limit: int | None
) -> Iterator[Finding]:
    """Say who is to be invited and how many days that takes."""
    per_day = PER_DAY if limit is None else limit
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
    for one in plan.missing:
        yield warning("roster", f"{published.name}: {one.what}", one.fix)
    if plan.to_invite:
        yield _days(plan, limit)


def _days(plan: LaunchPlan, limit: int | None) -> Finding:
    days = plan.days or -(-plan.to_invite // plan.per_day)
    when = f", {plan.first} to {plan.last}" if plan.first else ""
    rate = "without a limit" if limit == UNLIMITED else f"at {plan.per_day} a day"
    takes = f"{rate} this launch takes {days} day{'s' if days != 1 else ''}{when}"
    advice = "posters and links need no invitation"
    if limit is None:
        return warning(
            "limits",
            f"{plan.survey}: {takes}; {advice}",
            "Twilio did not tell your limit, this is a new business's: Meta Business Suite >"
            " WhatsApp Manager > Overview > Limits, then `tautan launch --per-day N`",
        )
    return ok("limits", f"{plan.survey}: {takes} (`--per-day {plan.per_day}`); {advice}")
