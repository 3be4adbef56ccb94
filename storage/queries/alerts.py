"""What operators have to mend."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, delete, select, update

from storage.models import Alert
from storage.queries.upsert import insert_ignore


class AlertRow(NamedTuple):
    """One alert."""

    kind: str
    since: datetime
    last_at: datetime
    times: int
    what: str


def raise_(connection: Connection, kind: str, what: str, now: datetime) -> bool:
    """Raise an alert, or count it once more; return whether it is new."""
    values = {"kind": kind, "since": now, "last_at": now, "times": 1, "what": what}
    if insert_ignore(connection, Alert.__table__, values) == 1:
        return True
    connection.execute(
        update(Alert)
        .where(Alert.kind == kind)
        .values(last_at=now, times=Alert.times + 1, what=what)
    )
    return False


def every(connection: Connection) -> list[AlertRow]:
    """Return all alerts, the oldest first."""
    columns = (Alert.kind, Alert.since, Alert.last_at, Alert.times, Alert.what)
    return [
        AlertRow._make(row) for row in connection.execute(select(*columns).order_by(Alert.since))
    ]


def clear(connection: Connection, kind: str | None = None) -> int:
    """Clear one alert, or all; return how many there were."""
    statement = delete(Alert)
    if kind is not None:
        statement = statement.where(Alert.kind == kind)
    return int(connection.execute(statement).rowcount)
