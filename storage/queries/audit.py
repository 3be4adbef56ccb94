"""Who did what to the installation."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert

from storage.models import Audit


def record(connection: Connection, at: datetime, what: str, detail: str) -> None:
    """Note an operator's act. Never an answer, never a person's address."""
    connection.execute(insert(Audit), {"at": at, "what": what, "detail": detail})
