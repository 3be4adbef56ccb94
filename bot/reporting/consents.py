"""The log of consents: what can be shown when somebody asks on what basis we wrote to people.

UU 27/2022 article 24: who processes data must be able to show the consent; article 20: on what
basis. The log of a survey counts; one person's part is shown by address, and the look is audited.
A consent is kept for a year after its survey's end, the rest as long as the contact.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.interview import identity
from bot.interview.installation import Installation
from storage.queries import audit
from storage.queries import consents as queries
from storage.queries.consents import BasisRow, ConsentCount, ConsentRow, WayCount


@dataclass(frozen=True, slots=True)
class ConsentLog:
    """A survey's consents by version of the words, language and day; and on which ways its contacts
    came, with the source and basis that their offices named."""

    survey: str
    consents: tuple[ConsentCount, ...]
    ways: tuple[WayCount, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the log as plain data; days as ISO 8601."""
        return {
            "survey": self.survey,
            "consents": _plain(self.consents),
            "ways": _plain(self.ways),
        }


@dataclass(frozen=True, slots=True)
class PersonsConsents:
    """What one person agreed to, how we came by them, and whether they want to hear nothing."""

    known: bool
    opted_out: bool = False
    consents: tuple[ConsentRow, ...] = ()
    ways: tuple[BasisRow, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data; days as ISO 8601."""
        return {
            "known": self.known,
            "opted_out": self.opted_out,
            "consents": _plain(self.consents),
            "ways": _plain(self.ways),
        }


def consent_log(installation: Installation, survey: str) -> ConsentLog:
    """Return the consent log of a survey. Raises UnknownSurvey."""

    def work(connection: Connection) -> ConsentLog:
        published = installation.surveys.named(connection, survey)
        return ConsentLog(
            published.name,
            tuple(queries.consent_counts(connection, published.id)),
            tuple(queries.way_counts(connection, published.id)),
        )

    return installation.database.read(work)


def consents_of(installation: Installation, address: Address) -> PersonsConsents:
    """Return what one person agreed to and on which ways they came; the look is audited."""

    def work(connection: Connection) -> PersonsConsents:
        what = "one person's consents and basis were shown"
        audit.record(connection, installation.now(), "consents", what)
        contact_id = identity.find(connection, installation, [address])
        if contact_id is None:
            mac = identity.digest(installation, address)
            return PersonsConsents(False, identity.digest_opted_out(connection, mac))
        return PersonsConsents(
            True,
            identity.opted_out(connection, installation, contact_id),
            tuple(queries.consents_of(connection, contact_id)),
            tuple(queries.bases_of(connection, contact_id)),
        )

    return installation.database.write(work)


def _plain(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [
        {
            name: value.isoformat() if hasattr(value, "isoformat") else value
            for name, value in row._asdict().items()
        }
        for row in rows
    ]
