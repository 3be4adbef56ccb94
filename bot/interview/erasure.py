"""Deleting people (`HAPUS DATA`, `tautan forget`) and what has outlived its purpose.

Answers that are mixed belong to nobody and stay; everything that leads to a person goes. Two things
stay on purpose, both named in the consent page: opt-outs, so that nobody writes again, and an
undated digest of (survey, address) of people who had answered, so that nobody answers twice; the
latter under the survey's own key, which ends with the survey.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.flow.state import Status
from bot.interview import answered, identity
from bot.interview.files import attachments
from bot.interview.installation import Installation
from bot.interview.sending.alerts import alert
from bot.interview.states import unseal
from storage import leftovers
from storage.keys import KeyDestroyed, WrongSecret
from storage.queries import (
    audit,
    claims,
    consents,
    coordinators,
    inbound,
    media,
    media_links,
    outbox,
    people,
    senders,
    surveys,
    units,
)
from storage.queries import erasure as queries
from storage.queries.people import ConversationRow

KEEP_INBOUND = timedelta(days=30)  # the provider repeats a webhook for hours, not for weeks
KEEP_WINDOW = timedelta(hours=24)
KEEP_FIRST_WRITES = timedelta(hours=24)  # so long the provider's limit counts them
KEEP_WORDS = timedelta(days=1)  # of messages whose fate is settled
KEEP_CONSENT = timedelta(days=365)  # after the survey's end, to be able to prove it
KEEP_MEDIA = timedelta(days=30)
STEP = 2_000  # rows to mend that are opened at a time
REJECT = "roster_reject"
"""The place for which a row to mend is sealed."""


@dataclass(frozen=True, slots=True)
class ForgetReport:
    """What was deleted of one person. `mixed` interviews had answers that nobody can take back;
    `roster_rows` counts rows to mend too."""

    known: bool = False
    conversations: int = 0
    mixed: int = 0
    roster_rows: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """How many rows had outlived their purpose; `clean` is False when the log of SQLite could not
    be truncated because somebody was reading."""

    inbound: int
    windows: int
    marks: int
    keys: int
    payloads: int
    consents: int
    media: int
    clean: bool


def erase(
    connection: Connection,
    installation: Installation,
    contact_id: int,
    survey_id: int | None = None,
) -> ForgetReport:
    """Delete a person, or only what one survey has of them, inside the caller's transaction.

    Gone afterwards: states and answers still tied, roster rows, personal links, addresses, windows,
    messages, consents, how we came by them, kept forms, simulated chats and coordinator's posts;
    of a post that stays empty by that, operators hear.
    """
    rows = [
        row
        for row in people.conversations_of(connection, [contact_id])
        if survey_id in (None, row.survey_id)
    ]
    addresses = people.addresses_of(connection, [contact_id])
    macs = [row.hmac for row in addresses]
    address_ids = [row.id for row in addresses]
    # They may have come by another number than the one that the roster has of them.
    listed = claims.numbers_of(connection, [row.id for row in rows])
    for row in rows:
        if _had_answered(connection, installation, row):
            with contextlib.suppress(
                KeyDestroyed, WrongSecret
            ):  # closed: nobody can answer any more
                known = [*macs, *listed.get(row.id, ())]
                answered.remember(connection, installation, row.survey_id, known)
    ids = [row.id for row in rows]
    roster_rows = queries.delete_roster_rows(connection, macs, ids, survey_id)
    numbers = {mac for some in (macs, *listed.values()) for mac in some}
    roster_rows += queries.delete_rejects(connection, sorted(numbers), survey_id)
    consents.delete_bases(connection, contact_id, survey_id)
    messages = queries.delete_outbox(connection, address_ids, survey_id)
    for row in rows:
        if row.mixed:
            queries.let_go(connection, row.id)
        else:
            people.delete_conversation(connection, row.id)
    if survey_id is None:
        inbound.drop_held(connection, macs)
        messages += queries.delete_bubbles(connection, macs)
        _tell_of_posts(connection, installation, contact_id)
        queries.delete_contact(connection, contact_id, address_ids)
    mixed = sum(row.mixed for row in rows)
    return ForgetReport(True, len(rows), mixed, roster_rows, messages)


def erase_unmet(connection: Connection, macs: Sequence[bytes]) -> ForgetReport:
    """Delete what is known of addresses that belong to no contact: the digests are those of
    `identity`."""
    inbound.drop_held(connection, list(macs))
    rows = queries.delete_roster_rows(connection, macs, [])
    return ForgetReport(
        roster_rows=rows + queries.delete_rejects(connection, macs),
        messages=queries.delete_bubbles(connection, macs),
    )


def _tell_of_posts(connection: Connection, installation: Installation, contact_id: int) -> None:
    """Tell operators which posts are empty now, so that a unit does not stay without anybody."""
    for post in coordinators.posts_of(connection, contact_id):
        survey = surveys.by_id(connection, post.survey_id)
        if survey is None or survey.closed_at is not None:
            continue
        unit = units.by_id(connection, post.unit_id) if post.unit_id is not None else None
        where = unit.name if unit is not None else "the whole survey"
        what = (
            f"{survey.name}: a coordinator's post for {where} is empty, as its holder was erased on"
            " request: name somebody with `tautan coordinators import` if nobody else is there"
        )
        alert(connection, f"post:{post.id}", what, installation.now())


def _had_answered(connection: Connection, installation: Installation, row: ConversationRow) -> bool:
    """Whether a person has finished this interview, be it that it was opened again since.

    A pilot's answers are no answers.
    """
    if row.pilot:
        return False
    if row.mixed or row.status == Status.FINISHED.value:
        return True
    if row.sealed is None or row.key_id is None or row.status == Status.INVITED.value:
        return False
    try:
        key = installation.keys.by_id(connection, row.key_id)
    except KeyDestroyed:
        return False
    return unseal(key, row.id, row.sealed).earlier is not None


def forget(installation: Installation, address: Address, *, opt_out: bool = False) -> ForgetReport:
    """Delete the person with an address, roster rows of people never met included.

    With `opt_out` none of the person's addresses is ever written to again.
    """

    def work(connection: Connection) -> ForgetReport:
        mac = identity.digest(installation, address)
        now = installation.now()
        contact_id = identity.find(connection, installation, [address])
        if opt_out:
            people.add_opt_out(connection, mac, "respondent", now.date())
            if contact_id is not None:
                identity.opt_out(connection, installation, contact_id)
        if contact_id is not None:
            report = erase(connection, installation, contact_id)
        else:
            report = erase_unmet(connection, [mac])
        audit.record(connection, now, "forget", "a person's data was deleted on request")
        return report

    _name_rejects(installation)
    report = installation.database.write(work)
    leftovers.wipe(installation.database)
    return report


def _name_rejects(installation: Installation) -> None:
    """Give rows to mend that older versions stored the digest of their number, where they have one:
    by it an erasure finds them."""
    after: int | None = 0
    while after is not None:
        found, after = installation.database.read(partial(_numbers, installation, after))
        if found:
            installation.database.write(partial(queries.name_rejects, hmacs=found))


def _numbers(
    installation: Installation, after: int, connection: Connection
) -> tuple[dict[int, bytes], int | None]:
    """Return the digests of some nameless rows to mend, and the last id; None where no more come.

    One that cannot be opened any more has nothing to be erased, and keeps none of the others back.
    """
    found: dict[int, bytes] = {}
    rows = queries.nameless_rejects(connection, after, STEP)
    for row in rows:
        with contextlib.suppress(KeyDestroyed):
            key = installation.keys.by_id(connection, row.key_id)
            phone = json.loads(key.open(row.sealed, REJECT)).get("person", {}).get("phone")
            if phone:
                found[row.id] = installation.keys.digest("address", phone)
    return found, rows[-1].id if rows else None


def purge(installation: Installation) -> PurgeReport:
    """Delete what has outlived its purpose; for every night, and harmless at any time.

    Days are UTC days, as for the marks of what an address was told today.
    """
    now = installation.now()
    today = now.date()

    def work(connection: Connection) -> tuple[int, int, int, int, int, int, int]:
        keys = 0
        for scope in queries.day_scopes(connection):
            if date.fromisoformat(scope.removeprefix("day:")) < today:
                installation.keys.destroy(connection, scope)
                keys += 1
        queries.delete_late_outbox(connection, outbox.FINAL)
        attachments.tidy(connection, installation)
        media_links.delete_expired(connection, now)
        senders.forget_first_writes(connection, now - KEEP_FIRST_WRITES)
        return (
            queries.delete_inbound(connection, today - KEEP_INBOUND),
            queries.delete_windows(connection, now - KEEP_WINDOW),
            inbound.forget_days_before(connection, today),
            keys,
            queries.wipe_final(connection, outbox.FINAL, now - KEEP_WORDS),
            queries.delete_consents(connection, now - KEEP_CONSENT),
            media.remove_before(connection, today - KEEP_MEDIA),
        )

    _name_rejects(installation)
    numbers = installation.database.write(work)
    return PurgeReport(*numbers, clean=leftovers.wipe(installation.database))
