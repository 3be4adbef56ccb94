"""What every use case needs: the database, the keys, the clock and the compiled surveys."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection

from bot.interview.spending import Spending
from bot.interview.surveys import Surveys
from storage.database import Database
from storage.keys import CHECK, DataKey, KeyDestroyed, Secret, WrongSecret
from storage.queries import keys as queries


def real_now() -> datetime:
    """Return the time now, aware UTC."""
    return datetime.now(UTC)


class Clock:
    """Business time: the real time, moved only where the installation is marked demo."""

    def __init__(self, source: Callable[[], datetime] = real_now) -> None:
        self._source = source
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return business time, aware UTC."""
        return self._source() + self.offset


class Keyring:
    """The opened data keys of this process, by id and by scope ("installation", "survey:7")."""

    def __init__(self, secret: Secret) -> None:
        self.secret = secret
        self._by_id: dict[int, DataKey] = {}
        self._by_scope: dict[str, DataKey] = {}
        self._made: dict[str, weakref.ref[Any]] = {}

    def scoped(self, connection: Connection, scope: str) -> DataKey:
        """Return the key of a scope, made on first use. Raises KeyDestroyed, WrongSecret."""
        key = self._by_scope.get(scope)
        if key is None:
            row = queries.by_scope(connection, scope)
            if row is None:
                fresh = AESGCM.generate_key(256)
                mine = queries.insert_key(connection, scope, self.secret.wrap(fresh, scope))
                row = queries.by_scope(connection, scope)
                assert row is not None
                transaction = connection.get_transaction()
                if mine and transaction is not None:
                    self._made[scope] = weakref.ref(transaction)
            key = self._open(row)
            self._remember(connection, scope, key)
        return key

    def by_id(self, connection: Connection, key_id: int) -> DataKey:
        """Return the key that sealed something. Raises KeyDestroyed, WrongSecret."""
        key = self._by_id.get(key_id)
        if key is None:
            row = queries.by_id(connection, key_id)
            if row is None:
                raise KeyDestroyed(f"there is no data key {key_id}")
            key = self._open(row)
            self._remember(connection, row.scope, key)
        return key

    def installation(self, connection: Connection) -> DataKey:
        """Return the key for addresses, rosters and raw forms."""
        return self.scoped(connection, "installation")

    def survey(self, connection: Connection, survey_id: int) -> DataKey:
        """Return the key for a survey's states and outbox."""
        return self.scoped(connection, f"survey:{survey_id}")

    def destroy(self, connection: Connection, scope: str) -> None:
        """Make everything sealed under a scope's key unreadable for ever.

        In backups too, unless one keeps the old `data_key` table with the secret.
        """
        queries.destroy(connection, scope)
        key = self._by_scope.pop(scope, None)
        if key is not None:
            self._by_id.pop(key.id, None)

    def digest(self, purpose: str, value: str) -> bytes:
        """Return the keyed HMAC of a value for look-up."""
        return self.secret.digest(purpose, value)

    def _remember(self, connection: Connection, scope: str, key: DataKey) -> None:
        """Keep an opened key, unless this very transaction made it: it may still be undone."""
        made = self._made.get(scope)
        if made is not None:
            if made() is connection.get_transaction():
                return
            self._made.pop(scope, None)
        self._by_id[key.id] = key
        self._by_scope[scope] = key

    def _open(self, row: queries.KeyRow) -> DataKey:
        if row.wrapped is None:
            raise KeyDestroyed(f"the key of {row.scope} was destroyed")
        return DataKey.of(row.id, self.secret.unwrap(row.wrapped, row.scope))


@dataclass(frozen=True, slots=True)
class Via:
    """Where a message goes: the channel's name and our number there."""

    channel: str
    sender: str


SIMULATED = Via("simulator", "whatsapp:+62000000000")


class Installation:
    """One installation of Tautan: database, keys, clock, compiled surveys.

    `via` is the channel by which it writes first, `base_url` where our pages are reached from
    outside, if they are. Make it with `open_installation`.
    """

    def __init__(
        self,
        database: Database,
        secret: Secret,
        clock: Clock | None = None,
        *,
        demo: bool = False,
        via: Via = SIMULATED,
        base_url: str | None = None,
    ) -> None:
        self.database = database
        self.keys = Keyring(secret)
        self.clock = clock or Clock()
        self.demo = demo
        self.via = via
        self.base_url = base_url.rstrip("/") if base_url else None
        self.surveys = Surveys()
        self.spending = Spending()

    def now(self) -> datetime:
        """Return business time, aware UTC."""
        return self.clock.now()

    def move_clock(self, by: timedelta) -> datetime:
        """Move business time forward and return it. Raises ValueError unless marked demo."""
        if not self.demo:
            raise ValueError("business time is moved only in an installation marked demo")
        if by < timedelta():
            raise ValueError("business time moves forward only")
        offset = self.clock.offset + by
        self.database.write(
            lambda connection: queries.set_clock_offset(connection, int(offset.total_seconds()))
        )
        self.clock.offset = offset
        return self.now()


class DemoMismatch(Exception):
    """A real installation cannot become a demo, nor a demo a real one."""


def open_installation(
    database: Database,
    secret: Secret,
    *,
    demo: bool | None = None,
    clock: Clock | None = None,
    via: Via = SIMULATED,
    base_url: str | None = None,
) -> Installation:
    """Open a migrated database: check the secret, or mark a fresh database with it.

    `demo` True marks a fresh installation for ever and refuses a real one; None takes what is
    there. Raises WrongSecret, DemoMismatch, Unavailable.
    """

    def work(connection: Connection) -> queries.InstallationRow:
        row = queries.installation(connection)
        if row is None:
            check = secret.wrap(CHECK, "check")
            queries.create_installation(connection, demo=bool(demo), check_sealed=check)
            row = queries.installation(connection)
            assert row is not None
        return row

    row = database.write(work)
    if secret.unwrap(row.check_sealed, "check") != CHECK:
        raise WrongSecret("the secret does not fit this database")
    if demo and not row.demo:
        raise DemoMismatch(
            "this database belongs to a real installation and cannot become a demo:"
            " give --demo a database of its own, e.g. DATABASE_URL=sqlite:///demo.db"
        )
    clock = clock or Clock()
    clock.offset = timedelta(seconds=row.clock_offset if row.demo else 0)
    return Installation(database, secret, clock, demo=row.demo, via=via, base_url=base_url)
