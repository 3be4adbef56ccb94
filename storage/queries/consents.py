"""Consents, and how we came by each contact."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, select, update

from storage.models import Consent, ContactBasis, Conversation, Link, Survey
from storage.queries.upsert import insert_ignore


class ConsentCount(NamedTuple):
    """How many people agreed on a day to the words of one version and language."""

    version: str
    language: str
    given_on: date
    people: int


class WayCount(NamedTuple):
    """How many contacts came one way. `note` is what a poster's link says of its place."""

    how: str
    source: str | None
    basis: str | None
    note: str | None
    people: int


class ConsentRow(NamedTuple):
    """What one person agreed to."""

    survey: str
    version: str
    language: str
    given_on: date


class BasisRow(NamedTuple):
    """How one person came to us, and on what basis we write; `survey` None is none."""

    survey: str | None
    how: str
    source: str | None
    basis: str | None
    link: str | None
    recorded_on: date


def add_basis(
    connection: Connection,
    contact_id: int,
    how: str,
    on: date,
    *,
    survey_id: int | None = None,
    source: str | None = None,
    basis: str | None = None,
    link_id: int | None = None,
) -> None:
    """Keep how we came by a contact; the first time that it came this way stays."""
    values = {
        "contact_id": contact_id,
        "survey_id": survey_id,
        "how": how,
        "source": source,
        "basis": basis,
        "link_id": link_id,
        "recorded_on": on,
    }
    insert_ignore(connection, ContactBasis.__table__, values)


def move_bases(connection: Connection, gone: int, kept: int) -> None:
    """Give what is known of one contact's coming to another; of the same way the earlier stays."""
    statement = select(
        ContactBasis.id, ContactBasis.survey_id, ContactBasis.how, ContactBasis.recorded_on
    )
    mine = {
        (row.survey_id, row.how): row
        for row in connection.execute(statement.where(ContactBasis.contact_id == kept))
    }
    for row in connection.execute(statement.where(ContactBasis.contact_id == gone)).all():
        other = mine.get((row.survey_id, row.how))
        if other is not None:
            late = row if row.recorded_on >= other.recorded_on else other
            connection.execute(delete(ContactBasis).where(ContactBasis.id == late.id))
    connection.execute(
        update(ContactBasis).where(ContactBasis.contact_id == gone).values(contact_id=kept)
    )


def delete_bases(connection: Connection, contact_id: int, survey_id: int | None = None) -> None:
    """Forget how a contact came, or how it came to one survey."""
    statement = delete(ContactBasis).where(ContactBasis.contact_id == contact_id)
    if survey_id is not None:
        statement = statement.where(ContactBasis.survey_id == survey_id)
    connection.execute(statement)


def consent_counts(connection: Connection, survey_id: int) -> list[ConsentCount]:
    """Return the consents to a survey by version, language and day."""
    place = (Consent.text_version, Consent.language, Consent.given_on)
    statement = (
        select(*place, func.count())
        .join(Conversation, Conversation.id == Consent.conversation_id)
        .where(Conversation.survey_id == survey_id, Conversation.pilot.is_(False))
        .group_by(*place)
        .order_by(Consent.given_on, Consent.text_version, Consent.language)
    )
    return [ConsentCount._make(row) for row in connection.execute(statement)]


def way_counts(connection: Connection, survey_id: int) -> list[WayCount]:
    """Return how many contacts came to a survey on which way."""
    place = (ContactBasis.how, ContactBasis.source, ContactBasis.basis, Link.note)
    statement = (
        select(*place, func.count())
        .outerjoin(Link, Link.id == ContactBasis.link_id)
        .where(ContactBasis.survey_id == survey_id)
        .group_by(*place)
    )
    rows = [WayCount._make(row) for row in connection.execute(statement)]
    return sorted(rows, key=lambda row: tuple(one or "" for one in row[:4]))


def consents_of(connection: Connection, contact_id: int) -> list[ConsentRow]:
    """Return all consents of one person that are still kept."""
    statement = (
        select(Survey.name, Consent.text_version, Consent.language, Consent.given_on)
        .join(Conversation, Conversation.id == Consent.conversation_id)
        .join(Survey, Survey.id == Conversation.survey_id)
        .where(Conversation.contact_id == contact_id)
        .order_by(Consent.given_on, Survey.name)
    )
    return [ConsentRow._make(row) for row in connection.execute(statement)]


def bases_of(connection: Connection, contact_id: int) -> list[BasisRow]:
    """Return on which ways one person came to us."""
    statement = (
        select(
            Survey.name,
            ContactBasis.how,
            ContactBasis.source,
            ContactBasis.basis,
            Link.code,
            ContactBasis.recorded_on,
        )
        .outerjoin(Survey, Survey.id == ContactBasis.survey_id)
        .outerjoin(Link, Link.id == ContactBasis.link_id)
        .where(ContactBasis.contact_id == contact_id)
        .order_by(ContactBasis.recorded_on, ContactBasis.id)
    )
    return [BasisRow._make(row) for row in connection.execute(statement)]
