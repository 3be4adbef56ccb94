"""What is counted of links by day: starts and finished interviews of posters, refused attempts."""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Date,
    Integer,
    Select,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.models import Conversation, Id, Link, LinkDay
from storage.queries import links

_COLUMNS = ("link_id", "day", "starts", "finishes", "refused")


class DayRow(NamedTuple):
    """What was counted of a link on a day, and where the link leads."""

    link_id: int
    code: str
    unit_id: int
    grp: str
    note: str
    personal: bool
    day: date
    starts: int
    finishes: int
    refused: int


def start(connection: Connection, link_id: int, day: date) -> bool:
    """Count one start, of the link and of its day; False, and nothing, when the cap is reached.

    On PostgreSQL it is one statement, as it is only one without the day.
    """
    if connection.dialect.name == "sqlite":
        done = links.count_start(connection, link_id)
        if done:
            row = select(literal(link_id, Id), literal(day, Date), *_numbers(1, 0, 0)).where(true())
            connection.execute(_adding(connection, row, "starts"))
        return done
    started = links.starting(link_id).returning(Link.id).cte("started")
    row = select(started.c.id, literal(day, Date), *_numbers(1, 0, 0))
    noted = _adding(connection, row, "starts").returning(literal_column("1")).cte("noted")
    whole = select(func.count()).select_from(started).add_cte(noted)
    return int(connection.execute(whole).scalar_one()) == 1


def finish(connection: Connection, conversation_id: int, day: date) -> None:
    """Count a finished interview for the poster that it began at, if it began at one."""
    row = select(Conversation.link_id, literal(day, Date), *_numbers(0, 1, 0)).where(
        Conversation.id == conversation_id, Conversation.link_id.is_not(None)
    )
    connection.execute(_adding(connection, row, "finishes"))


def refuse(connection: Connection, link_id: int, day: date) -> None:
    """Count an attempt on a code that was used up or over."""
    row = select(literal(link_id, Id), literal(day, Date), *_numbers(0, 0, 1)).where(true())
    connection.execute(_adding(connection, row, "refused"))


def before(connection: Connection, survey_id: int, day: date) -> list[DayRow]:
    """Return what was counted of a survey's links on the days before one, by link and day."""
    statement = (
        select(
            Link.id,
            Link.code,
            Link.unit_id,
            Link.grp,
            Link.note,
            Link.roster_row_id.is_not(None),
            LinkDay.day,
            LinkDay.starts,
            LinkDay.finishes,
            LinkDay.refused,
        )
        .join(Link, Link.id == LinkDay.link_id)
        .where(Link.survey_id == survey_id, LinkDay.day < day)
        .order_by(Link.unit_id, Link.grp, Link.note, Link.id, LinkDay.day)
    )
    return [DayRow._make(row) for row in connection.execute(statement)]


def _numbers(*values: int) -> list[Any]:
    return [literal(value, Integer) for value in values]


def _adding(connection: Connection, row: Select[Any], name: str) -> Any:
    """Store one row of counts, or add its `name` to what is there."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(LinkDay).from_select(list(_COLUMNS), row)
    column = LinkDay.__table__.c[name]
    return statement.on_conflict_do_update(
        index_elements=["link_id", "day"], set_={name: column + statement.excluded[name]}
    )
