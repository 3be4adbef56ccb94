"""Attacks on a survey's anonymity by its rows: what anybody with the database and the keys can try.

Each attack yields what it found; what could be chance is measured against chance. The promise to
break is: of the responses of every release nobody's can be told among fewer than `k`.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500, RFC_4122, UUID, uuid5

from sqlalchemy import Connection, Table

from bot.flow.survey import Survey
from bot.interview.installation import Installation
from bot.interview.states import opens
from bot.interview.surveys import Published
from bot.reporting.anonymity import chance
from bot.reporting.anonymity.traces import Traces
from storage.keys import KeyDestroyed, WrongSecret
from storage.queries import anonymity as queries
from storage.queries.anonymity import PersonRow, ResponseRow


@dataclass(frozen=True, slots=True)
class Finding:
    """One way to somebody's answers, without naming anybody.

    `kind` is stable for programs: count, sub_cell, release, version, id, order, time, column,
    leftover, outbox, number, answer, file, log, key. `people` is how many it touches, 0 if unknown.
    """

    kind: str
    where: str
    what: str
    people: int = 0

    def __str__(self) -> str:
        """Return it as a line for a terminal."""
        return f"{self.where}: {self.what} [{self.kind}]"


@dataclass(frozen=True, slots=True)
class Case:
    """All that the attacks share."""

    connection: Connection
    installation: Installation
    published: Published
    responses: Sequence[ResponseRow]
    people: Sequence[PersonRow]
    versions: Mapping[int, Survey]
    tables: Sequence[Table]
    traces: Traces

    @property
    def k(self) -> int:
        """The smallest crowd."""
        return self.published.survey.settings.k


Attack = Callable[[Case], Iterator[Finding]]


def small_crowds(case: Case) -> Iterator[Finding]:
    """Look for responses that share unit, group, version and language with fewer than k - 1."""
    marked = Counter((row.unit_id, row.grp) for row in case.responses)
    for (unit, grp), size in marked.items():
        if size < case.k:
            where = f"response, unit {unit}, group {grp}"
            yield Finding("sub_cell", where, f"only {size} responses (k is {case.k})", size)
    finer = Counter(
        (row.unit_id, row.grp, row.flow_version_id, row.language) for row in case.responses
    )
    for (unit, grp, version, language), size in finer.items():
        if size < case.k <= marked[unit, grp]:
            where = f"response, unit {unit}, group {grp}"
            mark = f"version {version or 'none'}, language {language or 'none'}"
            yield Finding("sub_cell", where, f"only {size} responses have {mark}", size)


def small_releases(case: Case) -> Iterator[Finding]:
    """Look for transactions that wrote fewer than k responses: their people are that few, too."""
    releases = Counter(row.release for row in case.responses if row.release is not None)
    for size in releases.values():
        if size < case.k:
            what = f"{size} responses were written by themselves (k is {case.k})"
            yield Finding("release", "response.xmin", what, size)


def wrong_counts(case: Case) -> Iterator[Finding]:
    """Compare the counters with the responses: a difference is somebody's row."""
    stored = Counter((row.unit_id, row.grp) for row in case.responses)
    counted = queries.counted(case.connection, case.published.id)
    for cell in stored.keys() | counted.keys():
        if stored[cell] != counted.get(cell, 0):
            what = f"counts {counted.get(cell, 0)} responses, and there are {stored[cell]}"
            difference = abs(stored[cell] - counted.get(cell, 0))
            yield Finding("count", f"cell, unit {cell[0]}, group {cell[1]}", what, difference)


def tell_tale_questions(case: Case) -> Iterator[Finding]:
    """Look for answers to what only the version of a few people asks."""
    had: dict[str, Counter[int]] = defaultdict(Counter)
    for person in case.people:
        had[person.grp][person.flow_version_id] += 1
    for grp, versions in had.items():
        flows = {
            version: survey.groups[grp]
            for version, survey in case.versions.items()
            if grp in survey.groups
        }
        for version, size in versions.items():
            if size >= case.k or version not in flows:
                continue
            others = [flows[one].by_name for one in versions if one != version and one in flows]
            own = {name for name in flows[version].by_name if not any(name in q for q in others)}
            mine = {row.id for row in case.responses if row.grp == grp}
            answered = {
                response
                for response, question, _ in queries.answers(case.connection, case.published.id)
                if question in own and response in mine
            }
            if answered:
                what = f"{len(answered)} responses answer what only {size} people were asked"
                yield Finding("version", "conversation.flow_version_id", what, size)


# Bits of an id in which a counter or a clock would stand; the fixed ones of version 4 are left out.
_WINDOWS = (0, 16, 32, 80, 96, 112)


def telling_ids(case: Case) -> Iterator[Finding]:
    """Look for ids of responses that are not random: made from people, a counter or a clock."""
    ids = [row.id for row in case.responses]
    odd = sum(one.version != 4 or one.variant != RFC_4122 for one in ids)
    if odd:
        yield Finding("id", "response.id", f"{odd} ids are not random (version 4)", odd)
    close = [
        start
        for start in _WINDOWS
        if chance.range_p([one.int >> (112 - start) & 0xFFFF for one in ids], 1 << 16)
        < chance.ALPHA / len(_WINDOWS)
    ]
    if close:
        what = f"bits {close[0]} to {close[0] + 15} lie closer together than chance would have them"
        yield Finding("id", "response.id", what, len(ids))
    derived = _derived(case) & set(ids)
    if derived:
        what = f"{len(derived)} ids can be computed from a conversation or contact"
        yield Finding("id", "response.id", what, len(derived))


def _derived(case: Case) -> set[UUID]:
    """Return ids that somebody careless could have made from what people's rows hold."""
    found: set[UUID] = set()
    for person in case.people:
        for number in (person.id, person.contact_id or 0):
            text = str(number)
            digests = [
                hashlib.new(name, text.encode(), usedforsecurity=False).digest()
                for name in ("md5", "sha1", "sha256")
            ]
            digests += [
                case.installation.keys.digest(purpose, text)
                for purpose in ("response", "conversation", "contact", "seed", "mix")
            ]
            digests.append(number.to_bytes(16, "big"))
            for digest in digests:
                found |= {UUID(bytes=digest[:16]), UUID(bytes=digest[:16], version=4)}
            for space in (NAMESPACE_DNS, NAMESPACE_OID, NAMESPACE_URL, NAMESPACE_X500):
                found.add(uuid5(space, text))
    return found


def kept_order(case: Case) -> Iterator[Finding]:
    """Look for an order of responses that is not chance's: by id, by place, by what is known."""
    for table in ("response", "answer"):
        if queries.keeps_order(case.connection, table):
            what = "SQLite keeps the order in which these rows came: it is not WITHOUT ROWID"
            yield Finding("order", table, what, len(case.responses))
    by_place = queries.keeps_order(case.connection, "response")
    if any(row.release is not None for row in case.responses):
        by_place = True
        stored = _by(case.responses, lambda row: row.release)
        p = chance.order_p([[row.id.int for row in rows] for rows in stored.values()])
        if p < chance.ALPHA:
            what = f"ids rise or fall with the place in the table (chance: {p:.1e})"
            yield Finding("order", "response.ctid", what, len(case.responses))
    if by_place:
        yield from _aligned(case, "place in the table", case.responses)
    yield from _aligned(case, "id", sorted(case.responses, key=lambda row: row.id))


def _aligned(case: Case, by: str, responses: Sequence[ResponseRow]) -> Iterator[Finding]:
    """Lay responses in some order beside people in theirs, and compare what both sides tell."""
    people = _by(case.people, lambda row: (row.release, row.unit_id, row.grp))
    mine = _by(responses, lambda row: (row.release, row.unit_id, row.grp))
    pairs = []
    for key, rows in mine.items():
        persons = people.get(key, [])
        if len(persons) == len(rows):
            pairs.append(([row.language for row in rows], [one.language for one in persons]))
    p = chance.alignment_p(pairs)
    if p < chance.ALPHA:
        what = f"in the order of their {by} responses fit people in the order of theirs ({p:.1e})"
        yield Finding("order", "response", what, sum(len(one) for one, _ in pairs))


Key = TypeVar("Key")
Row = TypeVar("Row")


def _by(rows: Sequence[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def strange_columns(case: Case) -> Iterator[Finding]:
    """Look for columns that the schema does not know, on responses above all."""
    for table, column, is_time in queries.strange_columns(case.tables):
        where = f"{table}.{column}"
        if table in {"response", "answer", "answer_file"}:
            kind = "time" if is_time else "column"
            what = "the schema does not know this column of responses"
            yield Finding(kind, where, what, len(case.responses))
        elif is_time:
            yield Finding("time", where, "the schema does not know this time")


def conversations(case: Case) -> Iterator[Finding]:
    """Look for what mixed conversations still have: states, times, the number of their turns."""
    sealed = [row for row in case.people if row.sealed is not None]
    if sealed:
        opened = sum(_opens(case, row) for row in sealed)
        what = f"{len(sealed)} mixed conversations still have a state, {opened} of them readable"
        yield Finding("leftover", "conversation.sealed", what, len(sealed))
    timed = sum(row.timed for row in case.people)
    if timed:
        what = f"{timed} mixed conversations still have a time of their interview"
        yield Finding("time", "conversation.wake_at, mix_at", what, timed)
    linked = sum(row.linked for row in case.people)
    if linked:
        what = f"{linked} mixed conversations still tell which poster they came by"
        yield Finding("leftover", "conversation.link_id", what, linked)
    versioned = sum(row.version != 0 for row in case.people)
    if versioned:
        what = f"{versioned} mixed conversations still tell how many turns they took"
        yield Finding("leftover", "conversation.version", what, versioned)
    sent = queries.files_of_mixed(case.connection, case.published.id)
    if sent:
        what = f"{sent} mixed conversations still have files that their people sent"
        yield Finding("leftover", "attachment", what, sent)
    told = queries.outbox_of_mixed(case.connection, case.published.id)
    if told:
        what = f"{told} mixed conversations still have messages, whose times tell of their turns"
        yield Finding("outbox", "outbox", what, told)


def _opens(case: Case, row: PersonRow) -> bool:
    if row.sealed is None or row.key_id is None:
        return False
    try:
        key = case.installation.keys.by_id(case.connection, row.key_id)
    except KeyDestroyed:
        return False
    return opens(key, row.id, bytes(row.sealed))


# Where our own texts are: their words are no person's.
_OWN_TEXTS = frozenset({"flow_version", "survey", "unit", "question_media"})

_WHAT = {
    "number": "{0} rows hold a known person's number or id in plain text",
    "answer": "{0} rows hold somebody's own words, which stand in a response too",
    "response": "{0} rows name a response",
}


def plain_traces(case: Case) -> Iterator[Finding]:
    """Search every column of every table for people's numbers, their words and ids of responses."""
    for table in case.tables:
        if table.name == "response" or table.name in _OWN_TEXTS:
            continue
        names = [column.name for column in table.columns]
        answers = table.name == "answer"  # where own words and ids of responses belong
        found: Counter[tuple[str, str]] = Counter()
        for row in queries.values(case.connection, table):
            for name, value in zip(names, row, strict=True):
                kinds = case.traces.kinds_in(value, words=not answers)
                if answers:
                    kinds.discard("response")
                found.update((name, kind) for kind in kinds)
        for (name, kind), size in sorted(found.items()):
            label = "number" if kind == "number" else "leftover"
            yield Finding(label, f"{table.name}.{name}", _WHAT[kind].format(size), size)


def sealed_traces(case: Case) -> Iterator[Finding]:
    """Open what the keys open, and search it for words that stand in a response."""
    found: Counter[str] = Counter()
    bubbles = not case.installation.demo
    for text in queries.sealed_texts(case.connection, bubbles=bubbles):
        try:
            key = case.installation.keys.by_id(case.connection, text.key_id)
            plain = key.open(text.sealed, text.place)
        except (KeyDestroyed, WrongSecret):
            continue
        if case.traces.kinds_in(plain, numbers=False):
            found[text.where] += 1
    for where, size in found.items():
        what = f"{size} rows, opened, hold somebody's own words, which stand in a response too"
        yield Finding("leftover", where, what, size)


def what_outlived(case: Case) -> Iterator[Finding]:
    """Look for what a closed survey should not have any more."""
    if case.published.closed_at is None:
        return
    left = queries.left_sealed(case.connection, case.published.id)
    for where, size in left.items():
        if size:
            yield Finding("leftover", where, f"{size} rows outlived the survey's end", size)
    try:
        case.installation.keys.survey(case.connection, case.published.id)
    except KeyDestroyed:
        return
    what = "the survey is closed and its key still exists: close it again"
    yield Finding("key", "data_key", what)


ROWS: tuple[Attack, ...] = (
    small_crowds,
    small_releases,
    wrong_counts,
    tell_tale_questions,
    telling_ids,
    kept_order,
    strange_columns,
    conversations,
    plain_traces,
    sealed_traces,
    what_outlived,
)
