"""Deciding about duplicates: visible, and to be taken back until the person has a conversation.

first: who was read first counts. other: the other one does. both: both do, where one person may be
interviewed in both places. apart: they are different people. Of two numbers of one person the one
that does not count becomes a further number of the row that does.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from bot.flow.source import Problem
from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster.number_moves import InTheWay, give_both, open_other, swap, together
from storage.queries import audit
from storage.queries import duplicates as queries
from storage.queries.duplicates import Found, Row

Keep = Literal["first", "other", "both", "apart"]
KEEPS: tuple[Keep, ...] = ("first", "other", "both", "apart")


@dataclass(frozen=True, slots=True)
class Decided:
    """How many decisions were taken, and how many had been taken so before."""

    decided: int
    unchanged: int

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return asdict(self)


class _Wrong(Exception):
    """Why a decision cannot be taken, and what to do: `args`."""


def decide(installation: Installation, survey: str, keeps: Mapping[int, Keep]) -> Decided:
    """Decide about duplicates by id, all of them or none.

    Raises InputError with everything that cannot be decided so, UnknownSurvey.
    """

    def work(connection: Connection) -> Decided:
        published = installation.surveys.named(connection, survey)
        known = {one.id for one in queries.by_ids(connection, published.id, list(keeps))}
        problems: list[Problem] = []
        done: Counter[str] = Counter()
        for number, keep in sorted(keeps.items()):
            try:
                if number not in known:
                    raise _Wrong("there is no such duplicate", "see `tautan roster duplicates`")
                if _decide(connection, installation, published, number, keep):
                    done[keep] += 1
            except _Wrong as error:
                what, fix = error.args
                problems.append(Problem.about(survey, f"duplicate {number}: {what}", fix))
        if problems:
            raise InputError(problems)
        if done:
            detail = json.dumps({"survey": survey, **done, "ids": sorted(keeps)[:200]})
            audit.record(connection, installation.now(), "roster duplicates", detail)
        return Decided(done.total(), len(keeps) - done.total())

    return installation.database.write(work)


def _decide(
    connection: Connection,
    installation: Installation,
    published: Published,
    number: int,
    keep: Keep,
) -> bool:
    """Take one decision; False where it was taken so before. Raises _Wrong."""
    (found,) = queries.by_ids(connection, published.id, [number])
    if found.decision == keep:
        return False
    ids = [one for one in (found.row_id, found.other_id) if one is not None]
    rows = queries.rows(connection, ids, lock=True)
    if any(row.conversation_id is not None for row in rows.values()):
        what = "somebody has been invited, or has begun, in one of the two places"
        raise _Wrong(what, "nothing: the one interview that this person has is the one that counts")
    row = rows[found.row_id]
    if keep == "both" and not together(
        published.survey.settings, (row.unit_id, row.grp), (found.unit_id, found.grp)
    ):
        fix = "keep first or other, or set `once_per: unit` for the group and publish"
        raise _Wrong("nobody may be interviewed in both of these places", fix)
    if found.kind == "same_person":
        _choose_row(connection, published, found, rows, keep)
    else:
        _choose_place(connection, installation, published, found, keep)
    queries.change(connection, number, decision=keep, decided_at=installation.now())
    return True


def _choose_row(
    connection: Connection,
    published: Published,
    found: Found,
    rows: Mapping[int, Row],
    keep: Keep,
) -> None:
    """Let one of two rows count, or both; whose number does not becomes a further one."""
    assert found.other_id is not None
    first, other = rows[found.row_id], rows[found.other_id]
    pairs = {"first": (first, other), "other": (other, first)}
    if found.decision in pairs:
        kept, gone = pairs[found.decision]
        queries.change_row(connection, gone.id, removed=False)
        if gone.address_hmac is not None:
            queries.drop_number(connection, kept.id, gone.address_hmac)
    if keep in pairs:
        kept, gone = pairs[keep]
        queries.change_row(connection, gone.id, removed=True)
        number = {
            "survey_id": published.id,
            "row_id": kept.id,
            "address_hmac": gone.address_hmac,
        }
        queries.add_numbers(connection, [number])


def _choose_place(
    connection: Connection,
    installation: Installation,
    published: Published,
    found: Found,
    keep: Keep,
) -> None:
    """Give a number to one of its places, or a row to each. Raises _Wrong."""
    if found.other_id is not None:
        queries.change(connection, found.id, other_id=None)
        queries.drop_row(connection, found.other_id)
    try:
        if keep == "other":
            _take_back_others(connection, installation, published, found)
        (found,) = queries.by_ids(connection, published.id, [found.id])
        row = queries.rows(connection, [found.row_id])[found.row_id]
        swapped = bool(open_other(connection, installation, found).get("swapped"))
        if keep in ("first", "other") and swapped != (keep == "other"):
            swap(connection, installation, published, row, found)
        elif keep == "both":
            second = give_both(connection, installation, published, row, found)
            queries.change(connection, found.id, other_id=second)
    except InTheWay:
        what = "the other list has this number in a row of its own"
        raise _Wrong(what, "decide about that one first") from None


def _take_back_others(
    connection: Connection, installation: Installation, published: Published, found: Found
) -> None:
    """Let a number go back to where it was read first before it goes to a third place."""
    for one in queries.siblings(connection, found.row_id):
        if one.id == found.id or one.sealed is None:
            continue
        if open_other(connection, installation, one).get("swapped"):
            row = queries.rows(connection, [one.row_id])[one.row_id]
            swap(connection, installation, published, row, one, decision="first")
