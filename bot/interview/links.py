"""Following a link: from a code to the conversation that it leads to, or to words why not."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.turn import Message
from bot.interview import claims, codes, contexts, erasure, identity
from bot.interview.conversations import create
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from storage.queries import consents, people, turns
from storage.queries import conversations as queries
from storage.queries import links as link_queries
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

    Somebody whom we do not know yet becomes a contact here, once the link is known to be good.
    """
    link = link_queries.find(connection, found.code) if found.code is not None else None
    if link is None:
        shown = found.code or found.mistyped or ""
        return contexts.word(connection, installation, None, "code_wrong", {"kode": shown})
    published = installation.surveys.by_id(connection, link.survey_id)
    refusal = contexts.refusal(installation, published)
    now = installation.now()
    if refusal is None and link.expires_at is not None and link.expires_at <= now:
        refusal = "link_used"
    if refusal is not None:
        own = {"kode": link.code}
        return contexts.word(connection, installation, published, refusal, own)
    fresh = contact_id is None and not identity.find(connection, installation, inbound.addresses)
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


def _keep_basis(
    connection: Connection, installation: Installation, link: link_queries.LinkRow, contact_id: int
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
    link: link_queries.LinkRow,
    contact_id: int,
    scope: int,
) -> int | Message | None:
    """Start a conversation and return its id, or the words where the link does not start one.

    Who has answered before, on whatever way, hears what everybody hears after the end.
    """
    settings = published.survey.settings
    language = people.language(connection, contact_id) or settings.default_language
    over = contexts.word(connection, installation, published, "over", {}, language)
    over = replace(over, once_a_day="over") if over is not None else None
    if erasure.answered_before(connection, installation, published.id, contact_id):
        return over
    try:
        row_id = claims.place(
            connection, link.survey_id, contact_id, scope, link.unit_id, link.roster_row_id
        )
    except claims.Taken:
        return over
    if not link_queries.count_start(connection, link.id):
        own = {"kode": link.code}
        return contexts.word(connection, installation, published, "link_used", own, language)
    conversation_id = create(
        connection, installation, published, contact_id, link.unit_id, link.grp, scope, None
    )
    if conversation_id is not None and row_id is not None:
        people.claim_roster_row(connection, row_id, conversation_id)
    return conversation_id
