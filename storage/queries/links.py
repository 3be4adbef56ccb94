"""Links: the codes in wa.me texts and on posters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Update, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.models import Link, RosterRow
from storage.queries.rosters import CHANGED, NOW, counting


class LinkRow(NamedTuple):
    """A link as stored. `cap` None is any number of starts; `note` is empty without one."""

    id: int
    code: str
    survey_id: int
    unit_id: int
    grp: str
    roster_row_id: int | None
    cap: int | None
    starts: int
    expires_at: datetime | None
    note: str


class PersonalRow(NamedTuple):
    """A personal link with the sealed roster row that it belongs to."""

    link: LinkRow
    sealed: bytes
    key_id: int


class RosterPlace(NamedTuple):
    """A roster row's id and where its person belongs."""

    id: int
    unit_id: int
    grp: str


class Basis(NamedTuple):
    """Where a roster has a person from, and on what basis."""

    source: str | None
    basis: str | None


_CHANGED = CHANGED[0]
# A personal link leads to where its row's person belongs now.
_COLUMNS = (
    Link.id,
    Link.code,
    Link.survey_id,
    func.coalesce(_CHANGED.c.unit_id, Link.unit_id),
    func.coalesce(_CHANGED.c.grp, Link.grp),
    Link.roster_row_id,
    Link.cap,
    Link.starts,
    Link.expires_at,
    Link.note,
)
_LINKS = (
    select(*_COLUMNS).select_from(Link).outerjoin(_CHANGED, _CHANGED.c.row_id == Link.roster_row_id)
)


def find(connection: Connection, code: str) -> LinkRow | None:
    """Return the link with this code, written as `codes` writes it. Expiry is the caller's."""
    row = connection.execute(_LINKS.where(Link.code == code)).first()
    return LinkRow._make(row) if row else None


def count_start(connection: Connection, link_id: int) -> bool:
    """Count one start; False, and nothing is counted, when the cap is reached."""
    return int(connection.execute(starting(link_id)).rowcount) == 1


def starting(link_id: int) -> Update:
    """Return the statement that counts one start where the cap allows it."""
    return (
        update(Link)
        .where(Link.id == link_id, (Link.cap.is_(None)) | (Link.starts < Link.cap))
        .values(starts=Link.starts + 1)
    )


def basis(connection: Connection, roster_row_id: int) -> Basis | None:
    """Return where the roster has the person of a personal link from."""
    row = connection.execute(
        select(NOW.source, NOW.basis)
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .where(RosterRow.id == roster_row_id)
    ).first()
    return Basis._make(row) if row else None


def of_places(connection: Connection, survey_id: int) -> list[LinkRow]:
    """Return a survey's links that are not personal, oldest first."""
    statement = _LINKS.where(Link.survey_id == survey_id, Link.roster_row_id.is_(None))
    return [LinkRow._make(row) for row in connection.execute(statement.order_by(Link.id))]


def add(connection: Connection, links: Sequence[Mapping[str, Any]]) -> int:
    """Store links, leaving out those whose place, person or code is taken; return how many."""
    if not links:
        return 0
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(Link).on_conflict_do_nothing().returning(Link.id)
    return len(connection.execute(statement, [dict(link) for link in links]).all())


def change(
    connection: Connection, link_id: int, *, cap: int | None, expires_at: datetime | None
) -> None:
    """Give a link another cap and expiry."""
    connection.execute(
        update(Link).where(Link.id == link_id).values(cap=cap, expires_at=expires_at)
    )


def rows_without(
    connection: Connection, survey_id: int, after: int, limit: int
) -> list[RosterPlace]:
    """Return roster rows with ids above `after` that have no personal link yet, by id."""
    statement = (
        select(RosterRow.id, NOW.unit_id, NOW.grp)
        .select_from(RosterRow)
        .outerjoin(*CHANGED)
        .outerjoin(Link, Link.roster_row_id == RosterRow.id)
        .where(
            RosterRow.survey_id == survey_id,
            RosterRow.id > after,
            counting(),
            Link.id.is_(None),
        )
        .order_by(RosterRow.id)
        .limit(limit)
    )
    return [RosterPlace._make(row) for row in connection.execute(statement)]


def count_personal(connection: Connection, survey_id: int) -> int:
    """Return how many roster rows of a survey have a personal link."""
    statement = select(func.count()).where(
        Link.survey_id == survey_id, Link.roster_row_id.is_not(None)
    )
    return int(connection.execute(statement).scalar_one())


def personal(connection: Connection, survey_id: int) -> Iterator[PersonalRow]:
    """Yield a survey's personal links with their sealed roster rows, by row."""
    statement = (
        select(*_COLUMNS, NOW.sealed, NOW.key_id)
        .select_from(Link)
        .join(RosterRow, Link.roster_row_id == RosterRow.id)
        .outerjoin(*CHANGED)
        .where(Link.survey_id == survey_id, counting())
        .order_by(RosterRow.id)
        .execution_options(yield_per=500)
    )
    for row in connection.execute(statement):
        values = tuple(row)
        yield PersonalRow(LinkRow._make(values[:-2]), values[-2], values[-1])
