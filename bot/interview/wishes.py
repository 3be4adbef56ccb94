"""Wishes about being contacted that come from outside an interview: from people whom no
conversation knows, and from the provider where it acts on STOP and START itself."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.keywords import AGAIN, Command, Keywords, Phase, normalise
from bot.flow.turn import Event, Reply
from bot.interview import contexts, erasure, identity
from bot.interview.failures import trace
from bot.interview.installation import Installation
from bot.interview.states import survey_of
from storage.database import Conflict, Unavailable
from storage.queries import outbox, people
from storage.queries.turns import TurnRow

log = logging.getLogger(__name__)

_BARE = Keywords.of({Command.BERHENTI: ("stop",)})
"""What is understood where a survey's own words cannot be read."""


def stop(connection: Connection, installation: Installation, row: TurnRow) -> None:
    """Take over a STOP on which the provider acts: it lets nothing of ours through, whatever for.

    An answer of ours would be refused (Twilio, error 21610); the provider has given its own.
    """
    identity.opt_out(connection, installation, row.contact_id)
    if row.coordinator:
        identity.opt_out(connection, installation, row.contact_id, "coordinator")
    outbox.drop_queued(connection, address_id=row.address_id)


def start(connection: Connection, installation: Installation, row: TurnRow) -> None:
    """Take over a START on which the provider acts: what we send arrives again."""
    identity.opt_in(connection, installation, row.contact_id)
    if row.coordinator:
        identity.opt_in(connection, installation, row.contact_id, "coordinator")


def begins(event: Event) -> bool:
    """Whether somebody asks to begin in so many words: that takes an opt-out back."""
    if not isinstance(event, Reply):
        return False
    if event.option is not None:
        return event.option == Command.MULAI.value
    return normalise(event.text) in AGAIN


def stop_unknown(
    connection: Connection, installation: Installation, digests: Sequence[bytes]
) -> None:
    """Never write to somebody of whom we know nothing but that wish; no contact is made."""
    today = installation.now().date()
    for one in digests:
        people.add_opt_out(connection, one, "respondent", today)


def start_unknown(connection: Connection, digests: Sequence[bytes]) -> None:
    """Take that wish back."""
    people.drop_opt_outs(connection, digests, "respondent")


def heed(
    connection: Connection,
    installation: Installation,
    inbound: Inbound,
    digests: Sequence[bytes],
    row: TurnRow | None,
    asked: str,
) -> None:
    """Record a STOP or BERHENTI of a message that cannot be processed yet.

    Which of our messages it was about, and what becomes of the interview, shows when it is
    replayed; until then it is about all of them, but of a coordinator only what waits is dropped.
    `asked` is the question that was open; where that
    takes somebody's own words, the word may belong to them and is left for the replay.
    """
    if inbound.opt_out != "STOP" and not _says_stop(connection, installation, inbound, row, asked):
        return
    if row is None:
        stop_unknown(connection, installation, digests)
    elif row.coordinator and inbound.opt_out != "STOP":
        # What a coordinator wants to end shows when it is replayed; nothing that waits goes out.
        outbox.drop_queued(connection, address_id=row.address_id)
    else:
        stop(connection, installation, row)


def _says_stop(
    connection: Connection,
    installation: Installation,
    inbound: Inbound,
    row: TurnRow | None,
    asked: str,
) -> bool:
    if inbound.option is not None:
        return inbound.option == Command.BERHENTI.value
    keywords, own_words = _BARE, False
    try:
        if row is not None and row.conversation_id is not None:
            survey = survey_of(connection, installation, row)
            question = survey.for_group(row.grp or "").by_name.get(asked)
            own_words = question is not None and question.own_words
            keywords = survey.words.keywords
        elif (published := contexts.running(connection, installation)) is not None:
            keywords = published.survey.words.keywords
    except (Unavailable, Conflict):
        raise
    except Exception as error:
        # It may be the survey itself that we fail on.
        log.error("a kept message is only searched for BERHENTI and STOP\n%s", trace(error))
    return not own_words and keywords.find(inbound.text, Phase.OWN_WORDS) is Command.BERHENTI


def of_stranger(
    connection: Connection,
    installation: Installation,
    text: str,
    digests: Sequence[bytes],
    contact_id: int | None,
) -> str | None:
    """Carry out BERHENTI, HAPUS DATA or MULAI of somebody in no interview; return the message that
    says so, or the one that LAPOR asks for.

    They may stand on a roster that has not been launched, be a coordinator, or have been erased
    before. After "erased" nothing is left of them but opt-outs.
    """
    said = contexts.command(connection, installation, text, Phase.OVER)
    if said is Command.HAPUS_DATA:
        if contact_id is not None:
            erasure.erase(connection, installation, contact_id)
        else:
            erasure.erase_unmet(connection, digests)
        return "erased"
    if said is Command.HAPUS_OR_BATAL:
        return "erase_how"
    if said is Command.LAPOR:
        return "report"
    if said is Command.BERHENTI:
        if contact_id is not None:
            identity.opt_out(connection, installation, contact_id)
        stop_unknown(connection, installation, digests)
        return "stop"
    if said is Command.MULAI and normalise(text) in AGAIN:
        if contact_id is not None and identity.opted_out(connection, installation, contact_id):
            identity.opt_in(connection, installation, contact_id)
            return "opted_in"
        if people.opted_out(connection, digests, "respondent"):
            start_unknown(connection, digests)
            return "opted_in"
    return None
