"""Looking into an installation's tables: rows, counts, and everything that is stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, func, select, update

from bot.interview.installation import Installation
from storage.models import Base, Conversation, Outbox


def rows(here: Installation, table: type[Base], **where: Any) -> list[Any]:
    """Return the rows of a table as named tuples, by primary key."""
    statement = select(*table.__table__.columns).filter_by(**where)
    statement = statement.order_by(*table.__table__.primary_key)
    return here.database.read(lambda connection: list(connection.execute(statement)))


def count(here: Installation, table: type[Base], **where: Any) -> int:
    """Return how many rows of a table have these values."""
    statement = select(func.count()).select_from(table).filter_by(**where)
    return here.database.read(lambda connection: int(connection.execute(statement).scalar_one()))


def counts(here: Installation) -> dict[str, int]:
    """Return the number of rows of every table that has any."""

    def work(connection: Connection) -> dict[str, int]:
        found = {
            table.name: int(
                connection.execute(select(func.count()).select_from(table)).scalar_one()
            )
            for table in Base.metadata.sorted_tables
        }
        return {name: number for name, number in found.items() if number}

    return here.database.read(work)


def change(here: Installation, table: type[Base], values: dict[str, Any], **where: Any) -> None:
    """Set values in the rows that have others."""
    statement = update(table).filter_by(**where).values(**values)
    here.database.write(lambda connection: connection.execute(statement))


def statuses(here: Installation) -> list[str]:
    """Return the statuses of all conversations."""
    return [row.status for row in rows(here, Conversation)]


def fates(here: Installation, **where: Any) -> list[str]:
    """Return the statuses of outbox rows, oldest first."""
    found = sorted(rows(here, Outbox, **where), key=lambda row: row.created_at)
    return [row.status for row in found]


@contextmanager
def statements(here: Installation) -> Iterator[list[str]]:
    """Yield a list that fills with the statements run meanwhile, without begin and savepoints."""
    ran: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.split(maxsplit=1)[0].upper() not in {
            "SAVEPOINT",
            "RELEASE",
            "BEGIN",
            "COMMIT",
        }:
            ran.append(statement)

    event.listen(here.database.engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(here.database.engine, "before_cursor_execute", note)
