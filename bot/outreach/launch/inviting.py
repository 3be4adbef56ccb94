"""Inviting many people with few statements: a chunk is one transaction.

A chunk holds its launch's row, so that two processes that launch at once take turns, and that a
launch which is paused or stopped meanwhile is seen. What it has invited is in the database with it:
killed at any moment, the next run goes on behind it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection

from bot.flow.engine import begin
from bot.flow.state import State
from bot.interview import answered, contexts, seeds
from bot.interview.installation import Installation
from bot.interview.states import seal
from bot.interview.surveys import Published
from bot.outreach.launch.slots import Slots
from bot.outreach.roster.importing import open_person
from storage.keys import DataKey
from storage.queries import launching as queries
from storage.queries import waves as wave_queries
from storage.queries.launching import InvitableRow
from storage.queries.waves import WaveRow

CHUNK = 1000
# SQLite has one writer: a chunk keeps webhooks waiting for as long as it takes.
SQLITE_CHUNK = 150

Fate = Literal["invited", "in_conversation", "too_late", "not_wanted"]
Start = tuple[bytes, int]
START: Start = (b"", 0)


class Row(NamedTuple):
    """Somebody to invite, opened."""

    row: InvitableRow
    slot: datetime | None
    phone: str
    language: str  # of the list, "" where it does not say


@dataclass(frozen=True, slots=True)
class People:
    """Who the people of a chunk are, as far as we have met them: by digest, or by contact.

    `barred` are addresses that opted out, or have answered and were erased since; `talking` are
    (scope, unit) of conversations, by contact; `undecided` are rows. `scope_of` says of a group and
    a unit what its people are interviewed once in.
    """

    contacts: Mapping[bytes, int]
    languages: Mapping[bytes, str | None]
    addresses: Mapping[int, Sequence[bytes]]
    barred: set[bytes]
    talking: Mapping[int, Sequence[tuple[int, int]]]
    undecided: set[int]
    scope_of: Callable[[str, int], int]

    def may_invite(self, row: InvitableRow) -> bool:
        """Whether the person of a row may be invited."""
        if row.id in self.undecided or row.address_hmac in self.barred:
            return False
        contact_id = self.contacts.get(row.address_hmac)
        if contact_id is None:
            return True
        if any(mac in self.barred for mac in self.addresses.get(contact_id, ())):
            return False
        scope = self.scope_of(row.grp, row.unit_id)
        return not any(
            other == scope or unit_id == row.unit_id
            for other, unit_id in self.talking.get(contact_id, ())
        )


@dataclass(slots=True)
class Invited:
    """What a run of the launch has done so far. `after` is the last row that it looked at."""

    fates: Counter[Fate] = field(default_factory=Counter)
    after: Start = START
    first_at: datetime | None = None
    last_at: datetime | None = None
    ended: bool = False


class Inviter:
    """Invites the people of one launch, chunk by chunk."""

    def __init__(
        self,
        installation: Installation,
        published: Published,
        wave: WaveRow,
        unit_ids: Sequence[int] | None,
        groups: Sequence[str] | None,
        per_day: int,
    ) -> None:
        self._installation = installation
        self._published = published
        self._wave = wave
        self._unit_ids = unit_ids
        self._groups = groups
        self._per_day = per_day
        self._beginnings: dict[str, State] = {}
        self._slots: Slots | None = None
        self._people = -1  # of the launch, when the slots were counted
        self.done = Invited()

    def chunk(self) -> bool:
        """Invite some more people; False when there are none left or the launch was stopped."""
        database = self._installation.database
        size = min(CHUNK, SQLITE_CHUNK) if database.is_sqlite else CHUNK
        done, slots, people = database.write(lambda connection: self._take(connection, size))
        self.done, self._slots, self._people = done, slots, people
        return not done.ended

    def _take(self, connection: Connection, size: int) -> tuple[Invited, Slots, int]:
        """Invite a chunk. Changes nothing of this object: a lost race runs it again."""
        wave = wave_queries.lock(connection, self._wave.id)
        slots = self._current_slots(connection, wave)
        done = replace(self.done, fates=Counter(self.done.fates))
        if wave.state == "stopped":
            done.ended = True
            return done, slots, wave.people
        rows = queries.unclaimed(
            connection,
            self._published.id,
            done.after,
            size,
            unit_ids=self._unit_ids,
            groups=self._groups,
        )
        done.ended = len(rows) < size
        filters = json.loads(wave.filters)
        wanted = filters["wanted"]
        people = self._people_of(connection, rows)
        free = [row for row in rows if people.may_invite(row)]
        chosen = _choose(free, wanted)
        done.fates["not_wanted"] += len(free) - len(chosen)
        opened = self._open(connection, chosen, slots, paused=wave.state == "paused")
        invited = self._invite(connection, wave.id, opened, people)
        for one in opened:
            if one.row.id in invited:
                _count(done, one.slot, wanted, one.row)
        done.fates["in_conversation"] += len(opened) - len(invited)
        done.fates["too_late"] += len(chosen) - len(opened)
        if rows:
            done.after = (rows[-1].address_hmac, rows[-1].id)
        if wanted is not None and not any(left for _, _, left in wanted):
            done.ended = True
        total = wave.people + len(invited)
        values: dict[str, Any] = {"people": total, "filters": json.dumps(filters)}
        wave_queries.change(connection, wave.id, **values)
        return done, slots, total

    def _current_slots(self, connection: Connection, wave: WaveRow) -> Slots:
        """Return the times as they were left, or counted anew where somebody else took some."""
        if self._slots is not None and wave.people == self._people:
            return self._slots.copy()
        settings = self._published.survey.settings
        slots = Slots(settings, self._installation.now(), self._per_day)
        slots.count(queries.planned(connection, self._published.id))
        return slots

    def _open(
        self, connection: Connection, rows: Sequence[InvitableRow], slots: Slots, *, paused: bool
    ) -> list[Row]:
        """Open rows and give each its time; who is too late for one is left out.

        Of a paused launch nobody gets a time: they are handed out when it goes on.
        """
        opened = []
        for row in rows:
            slot = None if paused else slots.next(row.grp, row.zone)
            if slot is None and not paused:
                continue
            known = open_person(self._installation, connection, row)
            opened.append(Row(row, slot, known["phone"], known.get("language", "")))
        return opened

    # --- people -----------------------------------------------------------------------------------

    def _people_of(self, connection: Connection, rows: Sequence[InvitableRow]) -> People:
        """Look everybody up at once who stands on these rows."""
        survey_id = self._published.id
        met = queries.known(connection, [row.address_hmac for row in rows])
        contacts = {one.hmac: one.contact_id for one in met}
        addresses = queries.addresses_of(connection, list(contacts.values()))
        every = [row.address_hmac for row in rows]
        every += [mac for macs in addresses.values() for mac in macs]
        stopped = queries.opted_out(connection, every)
        barred = set(stopped)
        if queries.anybody_answered(connection, survey_id):
            digests = {
                answered.digest(connection, self._installation, survey_id, mac): mac
                for mac in every
            }
            barred |= {digests[one] for one in queries.answered(connection, list(digests))}
        return People(
            contacts=contacts,
            languages={one.hmac: one.language for one in met},
            addresses=addresses,
            barred=barred,
            talking=queries.talking(connection, survey_id, list(contacts.values())),
            undecided=queries.undecided(connection, survey_id),
            scope_of=self._published.survey.settings.scope,
        )

    def _invite(
        self, connection: Connection, wave_id: int, rows: Sequence[Row], people: People
    ) -> set[int]:
        """Make conversations; return the roster rows whose people had none yet."""
        if not rows:
            return set()
        contacts, spoken = self._contacts(connection, rows, people)
        ids = queries.next_ids(connection, "conversation", len(rows))
        key = self._installation.keys.survey(connection, self._published.id)
        stored = queries.add_conversations(
            connection,
            [
                self._conversation(key, wave_id, number, one, contacts, spoken)
                for number, one in zip(ids, rows, strict=True)
            ],
        )
        taken = [(n, one) for n, one in zip(ids, rows, strict=True) if n in stored]
        queries.add_bases(connection, [self._basis(one, contacts) for _, one in taken])
        queries.settle(
            connection,
            [
                {
                    "row": one.row.id,
                    "contact": contacts[one.row.address_hmac],
                    "conversation": number,
                }
                for number, one in taken
            ],
        )
        return {one.row.id for _, one in taken}

    def _contacts(
        self, connection: Connection, rows: Sequence[Row], people: People
    ) -> tuple[dict[bytes, int], dict[bytes, str]]:
        """Return everybody's contact and language by digest; who has no contact gets one.

        A language that somebody chose comes before that of the list.
        """
        phones = {one.row.address_hmac: one.phone for one in rows}
        listed = {one.row.address_hmac: one.language for one in rows}
        spoken = {hmac: people.languages.get(hmac) or listed[hmac] for hmac in phones}
        silent = {
            people.contacts[hmac]: language
            for hmac, language in listed.items()
            if language and hmac in people.contacts and people.languages[hmac] is None
        }
        queries.set_languages(connection, silent)
        new = [hmac for hmac in phones if hmac not in people.contacts]
        ids = queries.next_ids(connection, "contact", len(new)) if new else []
        fresh = dict(zip(new, ids, strict=True))
        key = self._installation.keys.installation(connection)
        queries.add_people(
            connection,
            [{"id": one, "language": spoken[hmac] or None} for hmac, one in fresh.items()],
            [
                {
                    "contact_id": one,
                    "kind": "phone",
                    "hmac": hmac,
                    "sealed": key.seal(phones[hmac], "address"),
                    "key_id": key.id,
                }
                for hmac, one in fresh.items()
            ],
        )
        return {**people.contacts, **fresh}, spoken

    def _conversation(
        self,
        key: DataKey,
        wave_id: int,
        number: int,
        one: Row,
        contacts: Mapping[bytes, int],
        spoken: Mapping[bytes, str],
    ) -> dict[str, Any]:
        installation, published = self._installation, self._published
        seed = seeds.draw(installation, number)
        state = replace(
            self._beginning(one.row.grp),
            language=spoken[one.row.address_hmac],
            wake_at=one.slot,
            seed=seed,
        )
        return {
            "id": number,
            "survey_id": published.id,
            "contact_id": contacts[one.row.address_hmac],
            "scope": published.survey.settings.scope(one.row.grp, one.row.unit_id),
            "unit_id": one.row.unit_id,
            "grp": one.row.grp,
            "flow_version_id": published.flow_version_id,
            "status": state.status.value,
            "wake_at": one.slot,
            "version": 1,
            "sealed": seal(key, number, state),
            "key_id": key.id,
            "wave_id": wave_id,
        }

    def _beginning(self, group: str) -> State:
        """Return how a conversation of this group begins."""
        state = self._beginnings.get(group)
        if state is None:
            survey = self._published.survey
            world = contexts.at_start(self._installation, survey, group)
            state = self._beginnings[group] = begin(survey.for_group(group), world)
        return state

    def _basis(self, one: Row, contacts: Mapping[bytes, int]) -> dict[str, Any]:
        return {
            "contact_id": contacts[one.row.address_hmac],
            "survey_id": self._published.id,
            "how": "roster",
            "source": one.row.source,
            "basis": one.row.basis,
            "link_id": None,
            "recorded_on": self._installation.now().date(),
        }


def _choose(rows: Sequence[InvitableRow], wanted: list[list[Any]] | None) -> list[InvitableRow]:
    """Return those of the rows that the launch still wants, first come, first served."""
    if wanted is None:
        return list(rows)
    left = {(unit_id, group): number for unit_id, group, number in wanted}
    chosen = []
    for row in rows:
        place = (row.unit_id, row.grp)
        if left.get(place, 0) > 0:
            left[place] -= 1
            chosen.append(row)
    return chosen


def _count(
    done: Invited, slot: datetime | None, wanted: list[list[Any]] | None, row: InvitableRow
) -> None:
    """Count somebody who was invited, also off what the launch still wants."""
    done.fates["invited"] += 1
    if slot is not None:
        done.first_at = min(done.first_at or slot, slot)
        done.last_at = max(done.last_at or slot, slot)
    for place in wanted or ():
        if place[:2] == [row.unit_id, row.grp]:
            place[2] -= 1
