"""Following a link: from a code to the conversation that it leads to, or to words why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.turn import Message
from bot.interview import answered, claims, codes, contexts, identity
from bot.interview.conversations import create
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from storage.database import Conflict
from storage.queries import consents, ledger, people, rosters, turns
from storage.queries import conversations as queries
from storage.queries import links as link_queries
from storage.queries.links import LinkRow
from storage.queries.turns import TurnRow


def follow(
    connection: Connection,
    installation: Installation,
    inbound: Inbound,
    found: codes.Found,
    address_id: int | None,
    contact_id: int | None,
) -> TurnRow | Message | None:
    """Return the conversation that a link leads to, started if need be, or the words why not.

    Somebody whom we do not know yet becomes a contact here, once the link is known to be good. Who
    has begun by a link goes on by it, be it over or used up since.
    """
    link = link_queries.find(connection, found.code) if found.code is not None else None
    if link is None:
        shown = found.code or found.mistyped or ""
        return contexts.word(connection, installation, None, "code_wrong", {"kode": shown})
    published = installation.surveys.by_id(connection, link.survey_id)
    now = installation.now()
    refusal = contexts.refusal(installation, published)
    if refusal is not None:
        own = {"kode": link.code}
        return contexts.word(connection, installation, published, refusal, own)
    fresh = contact_id is None and not identity.find(connection, installation, inbound.addresses)
    if fresh and _over(installation, link):
        return _refuse(connection, installation, published, link)
    if contact_id is None:
        met = identity.person(connection, installation, inbound.addresses)
        contact_id = met.contact_id
        address_id = met.addresses[inbound.addresses[0]]
        people.saw_inbound(connection, address_id, inbound.sender, inbound.came_at or now)
    scope = published.survey.settings.scope(link.grp, link.unit_id)
    conversation_id = queries.of_contact(
        connection, link.survey_id, contact_id, scope, link.unit_id
    )
    if conversation_id is None:
        started = _start(connection, installation, published, link, contact_id, scope)
        if not isinstance(started, int):
            if fresh:
                # Who cannot take part leaves no trace.
                people.delete_contact(connection, contact_id)
            return started
        conversation_id = started
        _keep_basis(connection, installation, link, contact_id)
    queries.activate(connection, contact_id, conversation_id)
    rows = turns.turn_of(connection, conversation_id)
    return next((one for one in rows if one.address_id == address_id), rows[0])


def _over(installation: Installation, link: LinkRow) -> bool:
    return link.expires_at is not None and link.expires_at <= installation.now()


def _refuse(
    connection: Connection,
    installation: Installation,
    published: Published,
    link: LinkRow,
    language: str | None = None,
) -> Message | None:
    """Count an attempt on a link that starts nobody any more, and return the words for it."""
    ledger.refuse(connection, link.id, _today(installation, published))
    own = {"kode": link.code}
    return contexts.word(connection, installation, published, "link_used", own, language)


def _today(installation: Installation, published: Published) -> date:
    """Return the day in the survey's own zone."""
    return published.survey.settings.day(installation.now())


def _keep_basis(
    connection: Connection, installation: Installation, link: LinkRow, contact_id: int
) -> None:
    """Keep by which link somebody came; a personal one came from a roster's row."""
    row = link_queries.basis(connection, link.roster_row_id) if link.roster_row_id else None
    consents.add_basis(
        connection,
        contact_id,
        "poster" if link.roster_row_id is None else "link",
        installation.now().date(),
        survey_id=link.survey_id,
        source=row.source if row else None,
        basis=row.basis if row else None,
        link_id=link.id,
    )


def _start(
    connection: Connection,
    installation: Installation,
    published: Published,
    link: LinkRow,
    contact_id: int,
    scope: int,
) -> int | Message | None:
    """Start a conversation and return its id, or the words where the link does not start one.

    Who has answered before, on whatever way, hears what everybody hears after the end. Raises
    Conflict when another message of the same person has just started it.
    """
    settings = published.survey.settings
    language = people.language(connection, contact_id) or settings.default_language
    over = contexts.word(connection, installation, published, "over", {}, language)
    over = replace(over, once_a_day="over") if over is not None else None
    today = _today(installation, published)
    if answered.before(connection, installation, published.id, contact_id):
        return over
    personal = link.roster_row_id is not None
    gone = personal and not rosters.counts_now(connection, link.roster_row_id or 0)
    if gone or _over(installation, link):
        return _refuse(connection, installation, published, link, language)
    try:
        row_id = claims.place(
            connection, link.survey_id, contact_id, scope, link.unit_id, link.roster_row_id
        )
    except claims.Taken:
        if personal:
            ledger.refuse(connection, link.id, today)
        return over
    if personal:
        counted = link_queries.count_start(connection, link.id)
    else:
        counted = ledger.start(connection, link.id, today)
    if not counted:
        return _refuse(connection, installation, published, link, language)
    conversation_id = create(
        connection,
        installation,
        published,
        contact_id,
        link.unit_id,
        link.grp,
        scope,
        None,
        # What is personal is nobody's ledger.
        link_id=None if personal else link.id,
    )
    if conversation_id is None:
        # The start that was counted must not be: the whole turn is taken again.
        raise Conflict("another message of this person has started the conversation")
    if row_id is not None:
        people.claim_roster_row(connection, row_id, conversation_id)
    return conversation_id
