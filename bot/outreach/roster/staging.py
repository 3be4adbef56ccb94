"""One import of a roster: staged in chunks, then active at once, or as if it had never been.

A process that dies leaves an import whose lease runs out; whoever comes next removes what it left.
After the activation changes are folded into their rows and older rows to mend are closed, in steps;
what a dying process leaves of that is done before the next import begins.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview.erasure import REJECT
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster import duplicates
from bot.outreach.roster.diff import (
    TO_MEND,
    Diff,
    Judged,
    changed_row,
    digest_of,
    digests,
    new_row,
    reject_row,
)
from bot.outreach.roster.duplicates import Other
from bot.outreach.roster.number_moves import person_digest
from bot.outreach.roster.rows import Person
from storage.database import Conflict
from storage.keys import DataKey
from storage.queries import imports, outbox
from storage.queries import rosters as queries

LEASE = timedelta(seconds=60)
SQLITE_PART = 1_000  # rows of one transaction there: webhooks wait for the one lock
STEP = 2_000  # rows of one transaction of cleaning up; SQLite's lock is held for some 100 ms
TRIES = 3
Item = TypeVar("Item")
Ready = TypeVar("Ready")
Work = Callable[[Connection], None]
Part = tuple[list[Judged], Work | None]
"""Rows that are stored in one transaction, and what does it, where that is prepared."""
_DOUBLE = {"duplicate_elsewhere", "duplicate_in_file"}


class ImportRunning(InputError):
    """Another import of this survey's roster is under way, or took this one for dead."""


@dataclass(slots=True)
class Staging:
    """An import under way. Make it with `begin`; end it with `activate` or `abandon`."""

    installation: Installation
    published: Published
    path: Path
    id: int
    institution_id: int | None
    header: tuple[str, ...]
    key: DataKey
    gone: int = 0
    _mended: dict[bytes, list[int]] = field(default_factory=dict)
    _closed: list[int] = field(default_factory=list)

    def prepared(self, diff: Diff, chunk: list[Judged]) -> list[Part]:
        """Compare a chunk with what is stored and seal its people. Returns what stores it.

        On SQLite that is done part by part between the transactions: it leaves the lock to others.
        """
        if not self.installation.database.is_sqlite:
            return [(chunk, self._compared(diff, chunk))]
        starts = range(0, len(chunk), SQLITE_PART)
        return [(chunk[start : start + SQLITE_PART], None) for start in starts]

    def store(self, diff: Diff, parts: list[Part]) -> None:
        """Stage a prepared chunk. Raises ImportRunning, Conflict."""
        for part, work in parts:
            self._store(diff, part, work)

    def _store(self, diff: Diff, chunk: list[Judged], work: Work | None) -> None:
        for attempt in range(TRIES):
            try:
                self.installation.database.write(work or self._compared(diff, chunk))
                break
            except Conflict:
                # Somebody else stored one of these people, as coordinators may by chat.
                if attempt == TRIES - 1:
                    raise
                work = None
        diff.note(chunk)
        self._note_mended(chunk)

    def _compared(self, diff: Diff, chunk: list[Judged]) -> Work:
        self.installation.database.read(lambda connection: diff.against_stored(connection, chunk))
        return self._work(chunk)

    def mark_gone(self, diff: Diff) -> None:
        """Note who is on the institution's earlier lists and not in the file."""
        if self.institution_id is None:
            return
        diff.sort()
        after, more = 0, True
        while more:
            ids, after = self.installation.database.write(partial(self._mark, diff, after))
            self.gone += len(ids)
            more = after > 0

    def activate(self, rows: int, counts: dict[str, Any]) -> None:
        """Let the whole import count, in one short transaction. Raises ImportRunning."""
        now = self.installation.now()
        text = json.dumps({**counts, "gone": self.gone})

        def work(connection: Connection) -> bool:
            return imports.activate(connection, self.id, now, rows, text)

        if not self.installation.database.write(work):
            raise _lost(self.path)

    def settle(self, rows: int) -> None:
        """Do what may take its time once the import counts; the next import would do it else."""
        survey = self.published.id
        for some in _slices(self._closed):
            self.installation.database.write(
                partial(imports.close_rejects, ids=some, status="mended")
            )
        _settle(self.installation, survey)
        duplicates.settle(
            self.installation, self.published, self.id, suggest=rows <= duplicates.SUGGEST_UP_TO
        )

    def abandon(self) -> None:
        """Remove what was staged."""
        found = self.installation.database.read(
            lambda connection: imports.staging(connection, self.published.id)
        )
        if found is not None and found.id == self.id:
            self.installation.database.write(lambda connection: imports.bury(connection, found))
            _clean(self.installation, self.published.id)

    # --- a chunk ----------------------------------------------------------------------------------

    def _work(self, chunk: list[Judged]) -> Work:
        """Seal a chunk's people and return what stores them: the lock is held for storing only."""
        survey, key = self.published.id, self.key
        rows = [
            new_row(key, survey, self.id, one)
            for one in chunk
            if one.outcome == "accepted" and one.stored is None
        ]
        changes = [
            changed_row(key, self.id, self.institution_id, one) for one in chunk if one.moves
        ]
        rejects = [
            reject_row(key, survey, self.id, self.header, one)
            for one in chunk
            if one.outcome in TO_MEND
        ]
        doubles = [one for one in chunk if one.outcome in _DOUBLE]

        def work(connection: Connection) -> None:
            if not imports.renew(connection, self.id, clock(connection) + LEASE):
                raise _lost(self.path)
            imports.add_rows(connection, rows)
            imports.add_changes(connection, changes)
            imports.add_rejects(connection, rejects)
            duplicates.record(
                connection, self.installation, self.id, self._doubles(connection, doubles)
            )

        return work

    def _doubles(self, connection: Connection, doubles: list[Judged]) -> list[Other]:
        """Return lines whose number counts already: elsewhere, or here under another name."""
        phones, _ = digests(doubles)
        ids = queries.ids_of(connection, self.published.id, "address", phones) if phones else {}
        here = [
            ids[one.digest, one.scope]
            for one in doubles
            if one.outcome == "duplicate_in_file" and (one.digest, one.scope) in ids
        ]
        names = duplicates.names_of(connection, self.installation, here)
        found = []
        for one in doubles:
            person, row_id = one.read.person, ids.get((one.digest, one.scope))
            if person is None or row_id is None:
                continue
            mine = person_digest(self.installation, person.sealed)
            if one.outcome != "duplicate_elsewhere" and names.get(row_id) == mine:
                continue  # the very same person twice
            found.append(
                Other(
                    row_id,
                    person.unit_id,
                    person.group,
                    one.read.row.line,
                    person.sealed,
                    person.source,
                    person.basis,
                    person.phone.kind,
                )
            )
        return found

    def _mark(self, diff: Diff, after: int, connection: Connection) -> tuple[list[int], int]:
        if not imports.renew(connection, self.id, clock(connection) + LEASE):
            raise _lost(self.path)
        ids, last = diff.gone(connection, self.id, after)
        imports.mark_gone(connection, self.id, ids)
        return ids, last

    # --- rows that were to mend ------------------------------------------------------------------

    def remember_rejects(self) -> None:
        """Learn which rows of earlier files wait to be mended."""
        after = 0
        while after >= 0:
            after = self.installation.database.read(partial(self._remember, after))

    def _remember(self, after: int, connection: Connection) -> int:
        rows = imports.open_rejects(connection, self.published.id, self.institution_id, after, STEP)
        for row in rows:
            key = self.installation.keys.by_id(connection, row.key_id)
            known = json.loads(key.open(row.sealed, REJECT)).get("person", {})
            print_ = self._print(known, row.unit_id, row.grp)
            if print_ is not None:
                self._mended.setdefault(print_, []).append(row.id)
        return rows[-1].id if rows else -1

    def _print(self, known: Any, unit_id: int | None, group: str | None) -> bytes | None:
        """Return what a person to mend is known by: the number, or a name in a unit's group."""
        keys = self.installation.keys
        if known.get("phone"):
            return keys.digest("address", known["phone"])
        if known.get("name") and unit_id is not None and group is not None:
            return _named(self.installation, known["name"], unit_id, group)
        return None

    def _note_mended(self, chunk: list[Judged]) -> None:
        if not self._mended:
            return
        for one in chunk:
            if one.read.person is not None:
                for print_ in _prints(self.installation, one.read.person):
                    self._closed += self._mended.pop(print_, [])


def begin(
    installation: Installation,
    published: Published,
    path: Path,
    digest: bytes,
    institution_id: int | None,
    header: tuple[str, ...],
) -> Staging:
    """Open an import, once what earlier ones left is settled. Raises ImportRunning."""
    database, survey = installation.database, published.id
    found = database.read(lambda connection: imports.staging(connection, survey))
    if found is not None:
        now = database.read(clock)
        alive = found.lease_until is not None and found.lease_until > now
        if alive or not database.write(lambda connection: imports.bury(connection, found)):
            since = f"{found.started_at:%Y-%m-%d %H:%M} UTC"
            what = f"another import into this survey is under way since {since}"
            fix = "wait until it ends; one whose process died is over after a minute"
            raise ImportRunning([Problem(path.name, 1, 1, what, fix)])
    _clean(installation, survey)
    _settle(installation, survey)

    def work(connection: Connection) -> tuple[int | None, DataKey]:
        values = {
            "survey_id": survey,
            "unit_id": institution_id,
            "name": path.name[:200],
            "digest": digest,
            "started_at": installation.now(),
            "lease_until": clock(connection) + LEASE,
        }
        key = installation.keys.installation(connection)
        if imports.unsettled(connection, survey):
            return None, key
        return imports.open_(connection, values), key

    import_id, key = database.write(work)
    if import_id is None:
        what = "another import into this survey has just begun"
        raise ImportRunning([Problem(path.name, 1, 1, what, "wait until it ends")])
    staging = Staging(installation, published, path, import_id, institution_id, header, key)
    staging.remember_rejects()
    return staging


def taken_in(
    installation: Installation, published: Published, digest: bytes, institution_id: int | None
) -> tuple[int, dict[str, Any]] | None:
    """Return rows and counts of the survey's last import, if it was of the very same file."""
    last = installation.database.read(
        lambda connection: imports.last_active(connection, published.id)
    )
    if last is None or last.digest != digest or last.unit_id != institution_id:
        return None
    return last.rows, json.loads(last.counts)


def file_digest(path: Path, *how: str) -> bytes:
    """Return the SHA-256 of a file and of all that decides how it is read."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256")
    for one in how:
        found.update(b"\0" + one.encode())
    return found.digest()


def clock(connection: Connection) -> datetime:
    """Return the time that leases are in: the database's own, where it has one."""
    return outbox.server_time(connection) or datetime.now(UTC)


def _clean(installation: Installation, survey_id: int) -> None:
    """Remove what dead imports left."""
    write = installation.database.write
    for one in installation.database.read(lambda c: imports.leftovers(c, survey_id)):
        while write(partial(imports.remove_some, import_id=one, limit=STEP)):
            pass
        write(partial(imports.finish, import_id=one))


def _settle(installation: Installation, survey_id: int) -> None:
    """Fold in the changes of active imports and close what their files do not have any more."""
    write = installation.database.write
    for one in installation.database.read(lambda c: imports.unsettled(c, survey_id)):
        while write(partial(imports.fold_some, import_id=one.id, limit=STEP)):
            pass
        if one.unit_id is not None:
            close = partial(
                imports.close_older_rejects,
                survey_id=survey_id,
                unit_id=one.unit_id,
                import_id=one.id,
                limit=STEP,
            )
            while write(close):
                pass
        write(partial(imports.finish, import_id=one.id))


def _prints(installation: Installation, person: Person) -> list[bytes]:
    """Return what a person may have been known by while the row was to mend."""
    prints = [digest_of(installation, person)]
    if person.sealed.get("name"):
        prints.append(_named(installation, person.sealed["name"], person.unit_id, person.group))
    return prints


def _named(installation: Installation, name: str, unit_id: int, group: str) -> bytes:
    tidy = " ".join(str(name).casefold().split())
    return installation.keys.digest("roster name", f"{unit_id}\0{group}\0{tidy}")


def in_stages(
    items: Iterator[Item], prepare: Callable[[Item], Ready], store: Callable[[Ready], object]
) -> Generator[Item, None, None]:
    """Yield the items that are stored. While one is, the next is prepared, and one more is made.

    All three wait for the database most of their time, or let others run while they count.
    """
    with ThreadPoolExecutor(1) as preparing, ThreadPoolExecutor(1) as storing:
        ahead: tuple[Item, Future[Ready]] | None = None
        behind: tuple[Item, Future[object]] | None = None
        for item in items:
            if behind is not None:
                behind[1].result()
                yield behind[0]
                behind = None
            if ahead is not None:
                behind = ahead[0], storing.submit(store, ahead[1].result())
            ahead = item, preparing.submit(prepare, item)
            del item  # three are held already
        if behind is not None:
            behind[1].result()
            yield behind[0]
        if ahead is not None:
            store(ahead[1].result())
            yield ahead[0]


def _slices(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + STEP] for start in range(0, len(ids), STEP)]


def _lost(path: Path) -> ImportRunning:
    what = "the import took so long that another one took it for dead"
    return ImportRunning([Problem(path.name, 1, 1, what, "run it again")])
