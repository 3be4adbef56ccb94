"""Wishes about being contacted that come from outside an interview: from people whom no
conversation knows, and from the provider where it acts on STOP and START itself."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from bot.flow.keywords import AGAIN, Command, Phase, normalise
from bot.flow.turn import Event, Reply
from bot.interview import contexts, erasure, identity
from bot.interview.installation import Installation
from storage.queries import outbox, people
from storage.queries.turns import TurnRow


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


def of_stranger(
    connection: Connection,
    installation: Installation,
    text: str,
    digests: Sequence[bytes],
    contact_id: int | None,
) -> str | None:
    """Carry out BERHENTI, HAPUS DATA or MULAI of somebody in no interview; return the message that
    says so.

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
