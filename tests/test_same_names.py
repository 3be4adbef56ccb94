"""One person with two numbers, looked for in a whole survey when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.interview.surveys import publish
from bot.outreach.roster.decisions import decide
from bot.outreach.roster.duplicate_report import listed
from bot.outreach.roster.same_names import suggest
from storage.models import RosterDuplicate, RosterNumber
from tests import short_survey
from tests.lists import Listed, name, number, take_in
from tests.rows import count, rows
from tests.setup import add_unit
from tests.whatsapp import Office, office

NAME = "integritas"


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def long_lists(place: Office) -> int:
    """Take lists in as if they were long: two pairs by name in two units; return the second."""
    here, other = place.installation, add_unit(place.installation, "Dinas Kedua", code="U2")
    one = [Listed(place.unit_id, "internal", number(i), name(i)) for i in range(3)]
    one.append(Listed(place.unit_id, "internal", number(10), "Drs. Melati Kenanga, M.Si"))
    two = [Listed(place.unit_id, "internal", number(11), "Kenanga Melati", (number(40),))]
    two += [Listed(other, "internal", number(20), "Flamboyan Cempaka")]
    two += [Listed(other, "internal", number(21), "F. Cempaka, S.Sos.")]
    two += [Listed(other, "internal", number(22), "Melati Kenanga")]  # in another unit: nobody's
    take_in(here, place.published, "satu.csv", one, suggest=False)
    take_in(here, place.published, "dua.csv", two, suggest=False)
    return other


def pairs_of(place: Office) -> set[tuple[str, str, bool]]:
    return {(one.first.name, one.other.name, one.holds) for one in listed(place.installation, NAME)}


def test_all_names_of_a_survey_are_compared_unit_by_unit(place):
    long_lists(place)
    assert pairs_of(place) == set()
    assert count(place.installation, RosterNumber) == 0
    told: list[tuple[int, int]] = []
    assert suggest(place.installation, NAME, lambda *done: told.append(done)) == 2
    assert told == [(1, 2), (2, 2)]
    assert pairs_of(place) == {
        ("Drs. Melati Kenanga, M.Si", "Kenanga Melati", False),
        ("Flamboyan Cempaka", "F. Cempaka, S.Sos.", False),
    }
    assert count(place.installation, RosterNumber) == 1


def test_what_was_decided_stays_when_names_are_compared_again(place):
    long_lists(place)
    suggest(place.installation, NAME)
    ids = [one.id for one in listed(place.installation, NAME)]
    decide(place.installation, NAME, dict.fromkeys(ids, "apart"))
    assert suggest(place.installation, NAME) == 0
    assert {row.decision for row in rows(place.installation, RosterDuplicate)} == {"apart"}


def test_suggestions_wait_where_the_survey_says_ask(place):
    files = short_survey.files(place.clock.now)
    files["survey.yaml"] += "\nduplicates:\n  policy: ask\n"
    place.published = publish(place.installation, files)
    long_lists(place)
    suggest(place.installation, NAME)
    assert {holds for *_, holds in pairs_of(place)} == {True}
