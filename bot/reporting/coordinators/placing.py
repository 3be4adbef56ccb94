"""Brings a survey's posts to what is wanted of them: holders, hours, absence, deputies.

Whoever loses a post gets nothing more from that moment, what waits to be sent included.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.channels.base import Address
from bot.flow.source import Problem
from bot.interview import identity
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.reporting.coordinators.coordinator_files import DAYS, DEFAULT_HOUR, Complain, Wanted
from bot.reporting.coordinators.posts import next_due, report_key
from bot.reporting.units import Hierarchy
from storage.keys import DataKey
from storage.queries import coordinators as queries
from storage.queries import people
from storage.queries.coordinators import CoordinatorRow

MONDAY = 0
"""The day of a `pimpinan` for whom none is said."""


_SHARED = ("unit_id", "minute", "kind", "weekday", "due_at")
"""What a deputy has from the post."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import of coordinators did.

    `replaced` are posts that went to another person (they are among the changed); `gone` are posts
    that the file does not have, by id, of which `removed` were removed.
    """

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    replaced: int = 0
    removed: int = 0
    gone: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, int]:
        """Return the plain form."""
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "replaced": self.replaced,
            "removed": self.removed,
            "gone": len(self.gone),
        }


def take_away(
    connection: Connection,
    installation: Installation,
    published: Published,
    posts: Collection[CoordinatorRow],
) -> None:
    """Remove posts and their deputies; nothing reaches any of them from this moment."""
    gone = {post.id for post in posts}
    for post in queries.posts_in(connection, published.id):
        if post.id in gone or post.deputy_for in gone:
            _silence(connection, installation, post)
    queries.remove_posts(connection, sorted(gone))


def _silence(connection: Connection, installation: Installation, post: CoordinatorRow) -> None:
    """Let nothing more reach who holds a post, today's report that still waits included."""
    queries.leave(connection, post.id)
    today = installation.now().date()
    for day in (today - timedelta(days=1), today, today + timedelta(days=1)):
        queries.drop_report(connection, installation.keys.digest("outbox", report_key(post, day)))


@dataclass(slots=True)
class PostEditor:
    """Brings a survey's posts to what is wanted of them, in one transaction."""

    connection: Connection
    installation: Installation
    published: Published
    hierarchy: Hierarchy
    problems: list[Problem] = field(default_factory=list)
    posts: dict[int, CoordinatorRow] = field(init=False)
    key: DataKey = field(init=False)
    seen: set[int] = field(default_factory=set)
    tally: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.posts = {one.id: one for one in queries.posts_in(self.connection, self.published.id)}
        self.key = self.installation.keys.installation(self.connection)

    def store(self, wanted: Wanted, complain: Complain) -> list[str]:
        """Add or change the post that a row is about; return the names of what changed."""
        contact_id = self._person(wanted.phone) if wanted.phone else None
        unit_id = self._unit(wanted)
        post = self._post(wanted, contact_id, unit_id, complain)
        if self.problems:
            return []
        holder = contact_id if contact_id is not None else (post.contact_id if post else None)
        assert holder is not None, "a row without a post has a phone"
        self._no_deputy(holder, unit_id)
        fresh = post is None
        values = self._values(wanted, post, holder, unit_id)
        changed = [] if post is None else self._differences(post, values, wanted)
        if post is None:
            post = self._add(values, wanted.name or "")
            if post is None:
                return []
        elif changed:
            self._change(post, values, wanted, changed)
        self.seen.add(post.id)
        if self._deputy(post.id, wanted.deputy, fresh or bool(changed), complain):
            changed.append("deputy")
        self._count("added" if fresh else "changed" if changed else "unchanged")
        self._count("replaced", "phone" in changed)
        return changed

    def finish(self, *, replace: bool) -> Imported:
        """Return the tally; with `replace` remove the posts that no row was about."""
        left = [
            one for one in self.posts.values() if one.id not in self.seen and not one.deputy_for
        ]
        if replace:
            take_away(self.connection, self.installation, self.published, left)
            self._count("removed", len(left))
        gone = tuple(one.id for one in left)
        return Imported(**self.tally, gone=gone)

    def shown(self, post: CoordinatorRow) -> dict[str, str]:
        """Return a post as a row of the export."""
        unit = self.hierarchy.units.get(post.unit_id) if post.unit_id is not None else None
        deputy = next((one for one in self.posts.values() if one.deputy_for == post.id), None)
        return {
            "post": str(post.id),
            "unit": f"{unit.code_list}:{unit.code}" if unit else "",
            "unit_name": unit.name if unit else "",
            "kind": post.kind,
            "weekday": DAYS[post.weekday] if post.weekday is not None else "",
            "hour": f"{post.minute // 60:02}:{post.minute % 60:02}",
            "phone": self._number(post.contact_id),
            "name": self._name(post.id),
            "away_from": post.away_from.isoformat() if post.away_from else "",
            "away_until": post.away_until.isoformat() if post.away_until else "",
            "deputy": self._number(deputy.contact_id) if deputy else "",
        }

    def _count(self, name: str, number: int = 1) -> None:
        self.tally[name] = self.tally.get(name, 0) + number

    def _person(self, phone: str) -> int:
        address = Address("phone", phone)
        return identity.person(self.connection, self.installation, [address]).contact_id

    def _unit(self, wanted: Wanted) -> int | None:
        """Return the unit that a row says; that of the post it names where it says none."""
        post = self.posts.get(wanted.post or 0)
        if wanted.keeps_unit and post is not None:
            return post.unit_id
        return wanted.unit.id if wanted.unit else None

    def _post(
        self, wanted: Wanted, contact_id: int | None, unit_id: int | None, complain: Complain
    ) -> CoordinatorRow | None:
        """Return the post that a row is about: the one it names, else the person's in the unit."""
        post = self.posts.get(wanted.post) if wanted.post is not None else None
        if wanted.post is not None and (post is None or post.deputy_for is not None):
            what = f"there is no post {wanted.post} in this survey"
            complain("post", what, "empty the cell to add a coordinator")
            return None
        holder = contact_id if contact_id is not None else (post.contact_id if post else None)
        same = self._of(holder, unit_id) if holder is not None else None
        if same is not None and same.deputy_for is not None:
            same = None
        if post is None:
            return same
        if same is not None and same.id != post.id:
            if contact_id is None or contact_id == post.contact_id:
                what = f"whoever holds post {post.id} holds post {same.id} of this unit already"
                complain("unit", what, "name another unit, or remove one of the two posts")
            else:
                what = f"this number holds post {same.id} of the same unit already"
                complain("phone", what, "remove one of the two")
        return post

    def _of(self, contact_id: int, unit_id: int | None) -> CoordinatorRow | None:
        key = contact_id, unit_id
        found = (one for one in self.posts.values() if (one.contact_id, one.unit_id) == key)
        return next(found, None)

    def _no_deputy(self, contact_id: int, unit_id: int | None) -> None:
        """Whoever gets a post of a unit is nobody's deputy there any more."""
        same = self._of(contact_id, unit_id)
        if same is not None and same.deputy_for is not None:
            self._remove(same.id)

    def _remove(self, post_id: int) -> None:
        take_away(self.connection, self.installation, self.published, [self.posts.pop(post_id)])

    def _values(
        self, wanted: Wanted, post: CoordinatorRow | None, holder: int, unit_id: int | None
    ) -> dict[str, Any]:
        """Return a post's columns as they should be, but for its name and its timer."""
        hour = int(DEFAULT_HOUR[:2]) * 60 + int(DEFAULT_HOUR[3:])
        kind = wanted.kind or (post.kind if post else "admin")
        weekday = wanted.weekday
        if weekday is None and kind == "pimpinan":
            weekday = post.weekday if post and post.weekday is not None else MONDAY
        kept: tuple[date | None, date | None] = wanted.away or (None, None)
        if wanted.away is None and post is not None and post.contact_id == holder:
            # Who takes over is not away because the one before was.
            kept = post.away_from, post.away_until
        return {
            "contact_id": holder,
            "unit_id": unit_id,
            "minute": wanted.minute
            if wanted.minute is not None
            else (post.minute if post else hour),
            "kind": kind,
            "weekday": weekday if kind == "pimpinan" else None,
            "away_from": kept[0],
            "away_until": kept[1],
        }

    def _differences(
        self, post: CoordinatorRow, values: Mapping[str, Any], wanted: Wanted
    ) -> list[str]:
        said = {"contact_id": "phone", "unit_id": "unit", "minute": "hour"}
        changed = [
            said.get(name, name) for name, value in values.items() if getattr(post, name) != value
        ]
        if wanted.name is not None and wanted.name != self._name(post.id):
            changed.append("name")
        return changed

    def _add(self, values: Mapping[str, Any], name: str) -> CoordinatorRow | None:
        post_id = queries.add_post(
            self.connection,
            survey_id=self.published.id,
            **values,
            **self._sealed(name),
            due_at=self._due(values),
        )
        return self._reread(post_id) if post_id is not None else None

    def _change(
        self, post: CoordinatorRow, values: Mapping[str, Any], wanted: Wanted, changed: list[str]
    ) -> None:
        new = dict(values)
        if "name" in changed or "phone" in changed:
            # Who takes over does not get the name of the one before.
            kept = wanted.name if wanted.name is not None else ""
            new |= self._sealed(kept)
        if {"hour", "weekday", "kind", "unit"} & set(changed) and post.due_at is not None:
            new["due_at"] = self._due(values)
        if {"phone", "unit"} & set(changed):
            _silence(self.connection, self.installation, post)
        if "phone" in changed:
            new |= {"paused": False, "told_on": None}
        queries.change_post(self.connection, post.id, **new)
        self._reread(post.id)

    def _deputy(self, post_id: int, phone: str | None, changed: bool, complain: Complain) -> bool:
        """Give a post its deputy, or none; return whether that is another one than before."""
        post = self.posts[post_id]
        now = next((one for one in self.posts.values() if one.deputy_for == post_id), None)
        wanted = now.contact_id if now else None
        if phone is not None:
            wanted = self._person(phone) if phone else None
        same = wanted == (now.contact_id if now else None)
        if same and not changed:
            return False
        if now is not None and not same:
            self._remove(now.id)
        if wanted is None:
            return not same
        other = self._of(wanted, post.unit_id)
        if other is not None and (now is None or other.id != now.id):
            what = "this number gets what the unit gets already"
            complain("deputy", what, "leave the cell empty, or name somebody else")
            return False
        values = {name: getattr(post, name) for name in _SHARED}
        if now is not None and same:
            if now.unit_id != post.unit_id:
                _silence(self.connection, self.installation, now)
            queries.change_post(self.connection, now.id, **values)
            self._reread(now.id)
            return False
        deputy_id = queries.add_post(
            self.connection,
            survey_id=self.published.id,
            contact_id=wanted,
            deputy_for=post_id,
            **values,
            **self._sealed(""),
        )
        if deputy_id is not None:
            self._reread(deputy_id)
        return True

    def _reread(self, post_id: int) -> CoordinatorRow:
        post = queries.by_id(self.connection, post_id)
        assert post is not None, "it was written a moment ago"
        self.posts[post_id] = post
        return post

    def _due(self, values: Mapping[str, Any]) -> datetime:
        unit = self.hierarchy.units.get(values["unit_id"] or 0)
        zone = ZoneInfo(unit.zone) if unit else self.published.survey.settings.zone
        return next_due(self.installation.now(), values["minute"], zone, values["weekday"])

    def _sealed(self, name: str) -> dict[str, Any]:
        return {"sealed": self.key.seal(name, "coordinator"), "key_id": self.key.id}

    def _name(self, post_id: int) -> str:
        sealed, key_id = queries.sealed_name(self.connection, post_id)
        return self.installation.keys.by_id(self.connection, key_id).open(sealed, "coordinator")

    def _number(self, contact_id: int) -> str:
        """Return a contact's phone, "" where there is none that we know."""
        rows = people.addresses_of(self.connection, [contact_id])
        row = next((one for one in rows if one.kind == "phone"), None)
        if row is None:
            return ""
        return identity.open_address(self.connection, self.installation, row).value
