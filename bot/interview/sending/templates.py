"""Which template says a message now, and watching what WhatsApp does to our templates.

A template that is paused, rejected or disabled is not used, and what needs it waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import (
    TEMPLATE_FAULTS,
    Channel,
    HasTemplates,
    SendError,
    Template,
    Templates,
    TemplateState,
)
from bot.flow.survey import Survey
from bot.flow.templates import languages_for, wordings
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from storage.queries import audit
from storage.queries import templates as queries
from storage.queries.templates import TemplateRow

log = logging.getLogger(__name__)

BY_HAND = ""  # the version of a template whose id stands in survey.yaml
STOPPED = ("rejected", "paused", "disabled", "gone")


# --- may it be used? ------------------------------------------------------------------------------


def usable(
    connection: Connection,
    installation: Installation,
    survey_id: int,
    message: str,
    language: str,
) -> Template | str:
    """Return the template to say a message with outside the window, or in words why there is none.

    The approved one of the current words comes first, then the one in survey.yaml. Another language
    is taken only where there is none of the person's own: a paused one is not replaced by another.
    A demo installation has no approved templates; there the message's own name stands for one.
    """
    survey = installation.surveys.by_id(connection, survey_id).survey
    by_hand = survey.settings.templates.get(message, {})
    languages = languages_for(survey, message, language)
    # What the operator has had approved counts in whatever language they say it is in.
    languages = tuple(dict.fromkeys((*([language] if language in by_hand else []), *languages)))
    if installation.demo:
        one = next((code for code in languages if code in by_hand), None)
        if one is None:
            return Template(f"demo:{message}", survey.settings.default_language)
        return Template(by_hand[one], one)
    reason = f"message {message} has no approved template in {language!r}"
    for place, code in enumerate(languages):
        rows = queries.of_message(connection, survey_id, installation.via.channel, message, code)
        found = choose(survey, rows, message, code)
        if isinstance(found, Template):
            return found
        if rows or code in by_hand:
            return found
        reason = found if place == 0 else reason
    return reason


def in_language(
    connection: Connection, installation: Installation, survey_id: int, message: str, language: str
) -> Template | str:
    """Return the template in exactly this language, or why there is none: what a launch needs."""
    survey = installation.surveys.by_id(connection, survey_id).survey
    rows = queries.of_message(connection, survey_id, installation.via.channel, message, language)
    return choose(survey, rows, message, language)


def choose(
    survey: Survey, rows: Iterable[TemplateRow], message: str, language: str
) -> Template | str:
    """Choose among the templates of one message in one language; `rows` the last attempt first."""
    wording = wordings(survey).get((message, language))
    current = [one for one in rows if wording is not None and one.version == wording.version]
    for row in current:
        if row.status == "approved" and row.fault is None:
            assert wording is not None
            return Template(row.provider_id, language, wording.names)
    by_hand = survey.settings.templates.get(message, {}).get(language)
    if any(one.provider_id == by_hand and one.version != BY_HAND for one in rows):
        by_hand = None  # it is one of ours, and is judged as such
    stopped = next((one for one in rows if one.provider_id == by_hand and stops(one)), None)
    if by_hand is not None and stopped is None:
        return Template(by_hand, language)
    what = f"template {message} in {language!r}"
    if current:
        return f"{what} is {_in_words(current[0])}"
    if stopped is not None:
        return f"{what}, {stopped.provider_id} in survey.yaml, is {_in_words(stopped)}"
    if any(one.version != BY_HAND for one in rows):
        return f"{what} has new words that are not approved; run `tautan templates sync`"
    return f"message {message} has no approved template in {language!r}"


def stops(row: TemplateRow) -> bool:
    """Whether a template must not be used, however its operator came by it."""
    return row.status in STOPPED or row.fault is not None


def _in_words(row: TemplateRow) -> str:
    if row.fault is not None and row.status == "approved":
        return f"approved, but {TEMPLATE_FAULTS.get(row.fault, 'refused')} (error {row.fault})"
    said = f"{row.status} by WhatsApp" if row.status in STOPPED[:3] else row.status
    return f"{said}: {row.reason}" if row.reason else said


def take_by_hand(connection: Connection, installation: Installation, published: Published) -> None:
    """Watch the templates in survey.yaml too; the operator says that they are approved."""
    channel = installation.via.channel
    rows = queries.of_survey(connection, published.id, channel)
    for message, by_language in published.survey.settings.templates.items():
        for language, provider_id in by_language.items():
            place = [one for one in rows if (one.message, one.language) == (message, language)]
            if any(one.provider_id == provider_id for one in place):
                continue
            attempts = [one.attempt for one in place if one.version == BY_HAND]
            queries.add(
                connection,
                new_row(published.id, channel, message, language, BY_HAND)
                | {"attempt": max(attempts, default=0) + 1, "provider_id": provider_id},
            )


def new_row(
    survey_id: int, channel: str, message: str, language: str, version: str
) -> dict[str, Any]:
    """Return the columns of a template of which nothing is known yet."""
    return {
        "survey_id": survey_id,
        "channel": channel,
        "message": message,
        "language": language,
        "version": version,
        "name": "",
        "category": "",
        "given": "",
        "status": "unsubmitted",
        "reason": "",
    }


# --- watching -------------------------------------------------------------------------------------


def watch(installation: Installation, channel: Channel) -> int:
    """Ask how the templates of all open surveys stand; return how many have changed.

    Safe to run in any number of processes: each change is told once.
    """
    if not isinstance(channel, HasTemplates):
        return 0

    def work(connection: Connection) -> list[str]:
        for published in installation.surveys.every(connection):
            if published.closed_at is None:
                take_by_hand(connection, installation, published)
        return queries.watched(connection, installation.via.channel)

    changed: list[str] = []
    ids = installation.database.write(work)
    for error in refresh(installation, channel.templates, ids, changed):
        log.warning("the state of templates could not be fetched: %s", error)
    return len(changed)


def fault(
    connection: Connection, installation: Installation, template_id: str, code: int | None
) -> bool:
    """Take in that a message sent with a template came back with this error.

    Returns whether the template is stopped by it; other errors say nothing of the template. What
    WhatsApp has paused, rejected or disabled goes on when its state changes; what it does not find
    or finds to be another waits for an operator (`tautan templates sync` or `submit --again`).
    """
    if code is None or code not in TEMPLATE_FAULTS:
        return False
    rows = queries.of_provider(connection, template_id)
    if not rows:
        for published in installation.surveys.every(connection):
            if published.closed_at is None:
                take_by_hand(connection, installation, published)
        rows = queries.of_provider(connection, template_id)
    said = TEMPLATE_FAULTS[code]
    now = installation.now()
    if said in STOPPED:
        # WhatsApp's own word, with its reason, may have been fetched already.
        fresh = [one for one in rows if one.status != said]
        _note(connection, now, fresh, TemplateState(said, reason=f"error {code}"))
    elif fresh := [one for one in rows if one.fault is None]:
        queries.set_state(connection, [one.id for one in fresh], fault=code)
        _tell(connection, now, fresh, f"{said} (error {code})")
    return bool(rows)


def refresh(
    installation: Installation,
    templates: Templates,
    ids: Iterable[str],
    changed: list[str] | None = None,
) -> list[str]:
    """Fetch and store the state of templates; return what went wrong, `changed` what is new."""
    errors: list[str] = []
    for provider_id in ids:
        try:
            state = templates.state(provider_id)
        except SendError as error:
            errors.append(str(error))
            if error.outcome == "refused":
                continue
            break  # the provider, or our way to it, will not be better for the next one

        def work(
            connection: Connection, provider_id: str = provider_id, state: TemplateState = state
        ) -> bool:
            rows = queries.of_provider(connection, provider_id)
            return _note(connection, installation.now(), rows, state)

        if installation.database.write(work) and changed is not None:
            changed.append(provider_id)
    return errors


def _note(
    connection: Connection, now: datetime, rows: list[TemplateRow], state: TemplateState
) -> bool:
    """Store a state; tell of it where it is another. `rows` are locked and share a template."""
    values = {
        "status": state.status[:20],
        "given": (state.category or (rows[0].given if rows else ""))[:20],
        "reason": state.reason,
    }
    other = [
        one
        for one in rows
        if (one.status, one.reason) != (values["status"], values["reason"])
        or values["given"] not in (one.given, one.category)
    ]
    queries.set_state(connection, [one.id for one in rows], checked_at=now, **values)
    if not other:
        return False
    before, after = other[0].status, values["status"]
    what = after if before == after else f"{before} -> {after}"
    asked = other[0].category
    if values["given"] and asked and values["given"] != asked:
        what += f", {values['given']} instead of {asked}"
    _tell(connection, now, other, f"{what}: {state.reason}" if state.reason else what)
    return True


def _tell(connection: Connection, now: datetime, rows: list[TemplateRow], what: str) -> None:
    names = ", ".join(dict.fromkeys(f"{one.message} ({one.language})" for one in rows))
    audit.record(connection, now, "template", f"{names} {rows[0].provider_id}: {what}")
    log.warning("template %s, %s: %s", names, rows[0].provider_id, what)
