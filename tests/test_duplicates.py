"""Who stands on a roster twice: found, told, decided, and interviewed once."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sqlalchemy import insert

from bot.intake.tables import InputError
from bot.interview import codes
from bot.interview.surveys import publish
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from bot.outreach.roster.decisions import Keep, decide
from bot.outreach.roster.duplicate_report import Duplicate, listed, read_decisions, write_duplicates
from bot.outreach.roster.duplicates import settle
from storage.models import Audit, Conversation, Link, RosterDuplicate, RosterNumber, RosterRow
from tests import short_survey
from tests.fake_twilio_person import Person
from tests.lists import Listed, name, number, take_in
from tests.respondents import Respondent, question_in
from tests.rows import count, rows
from tests.setup import add_unit
from tests.whatsapp import Office, office

NAME = "integritas"


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url) as opened:
        yield opened


def with_settings(place: Office, more: str = "", **of_groups: str) -> None:
    """Publish a short survey with further settings; `internal="once_per: unit"` for a group."""
    files = short_survey.files(place.clock.now)
    text = files["survey.yaml"] + more
    for group, line in of_groups.items():
        text = text.replace(f"\n  {group}:\n", f"\n  {group}:\n    {line}\n", 1)
    files["survey.yaml"] = text
    place.published = publish(place.installation, files)


def told(place: Office, **only: Any) -> set[tuple[Any, ...]]:
    """Return what the report says: kind, hint, who was first, where the other stands."""
    return {
        (
            *(one.kind, one.hint, one.first.name, one.first.unit, one.other.name),
            *(one.other.unit, one.other.group, one.other.line),
        )
        for one in listed(place.installation, NAME, **only)
    }


def only(place: Office) -> Duplicate:
    (one,) = listed(place.installation, NAME)
    return one


def keep(place: Office, one: Duplicate, keep: Keep) -> None:
    decide(place.installation, NAME, {one.id: keep})


def row_place(place: Office) -> list[tuple[int, str]]:
    """Return where the rows that count stand."""
    return [(r.unit_id, r.grp) for r in rows(place.installation, RosterRow) if not r.removed]


def attempt(place: Office, person: Person, group: str, text: str) -> bool:
    """Let somebody try to take part; return whether they have been through the questions."""
    flow = place.published.survey.for_group(group)
    got = person.say(text)
    for _ in range(4):
        if not got:
            return False
        if question_in(flow, got[-1]) is not None:
            one = Respondent(person, flow, "", random.Random(text))
            one.answer(got[-1])
            return one.finished
        got = person.say("SETUJU" if "SETUJU" in got[-1] else "1")
    return False


def poster(place: Office, group: str, unit_id: int | None = None) -> str:
    return codes.link_text("Survei", place.code(group, unit_id))


def personal(place: Office, phone: str) -> str:
    """Make the personal link of the row with a number, and return what it sends."""
    here = place.installation
    (row,) = rows(here, RosterRow, address_hmac=here.keys.digest("address", phone))
    code = codes.new_code(personal=True)
    values = {
        "code": code,
        "survey_id": place.published.id,
        "unit_id": row.unit_id,
        "grp": row.grp,
        "roster_row_id": row.id,
        "cap": 1,
    }
    here.database.write(lambda c: c.execute(insert(Link).values(values)))
    return codes.link_text("Survei", code)


# all of it together


def test_nobody_answers_twice_and_the_report_names_each_duplicate(database_url):
    with office(database_url) as place:
        with_settings(place)
        here, unit_a = place.installation, place.unit_id
        unit_b = add_unit(here, "Dinas Kedua", code="U2")
        staff = [Listed(unit_a, "internal", number(i), name(i)) for i in range(100)]
        both = [Listed(unit_b, "eksternal", number(i), name(i).upper()) for i in range(5)]
        visitors = [Listed(unit_b, "eksternal", number(i), name(i)) for i in range(100, 195)]
        twice = [
            Listed(unit_b, "eksternal", number(300), "Drs. H. Melati Kenanga, M.Si"),
            Listed(unit_b, "eksternal", number(301), "Kenanga Melati"),
            Listed(unit_b, "eksternal", number(302), "Flamboyan Cempaka"),
            Listed(unit_b, "eksternal", number(303), "F. Cempaka, S.Sos."),
        ]
        officer = [Listed(unit_b, "eksternal", number(310), name(i)) for i in range(310, 314)]
        family = [Listed(unit_b, "eksternal", number(320), one + " Nasution") for one in ("A", "B")]
        take_in(here, place.published, "pegawai.csv", staff)
        second = [*both, *visitors, *twice, *officer, *family]
        _, settled = take_in(here, place.published, "pengunjung.csv", second)
        assert (settled.same_number, settled.shared_number, settled.same_person) == (5, 4, 2)
        assert settled.waiting == 3, "an officer's number is nobody's for sure"
        assert told(place) == {
            *(
                ("same_number", "", name(i), "U1", name(i).upper(), "U2", "eksternal", i + 2)
                for i in range(5)
            ),
            ("same_person", "", twice[0].name, "U2", twice[1].name, "U2", "eksternal", 0),
            ("same_person", "", twice[2].name, "U2", twice[3].name, "U2", "eksternal", 0),
            *(
                ("shared_number", "officer", name(310), "U2", name(i), "U2", "eksternal", i - 204)
                for i in range(311, 314)
            ),
            ("shared_number", "family", "A Nasution", "U2", "B Nasution", "U2", "eksternal", 111),
        }

        def user_id(index: int) -> str:
            return f"ID.{4_000_000_000_000_000 + index}"

        hidden = {
            i: place.twilio.person(phone=number(i), bsuid=user_id(i)) for i in (0, 1, 100, 101)
        }
        for person in hidden.values():
            person.shows_phone = False
        answered = dict.fromkeys((*range(5), 100, 101, 300, 302, 310, 320), 0)
        # Two come by a poster before anybody is invited, their numbers hidden.
        answered[0] += attempt(place, hidden[0], "internal", poster(place, "internal"))
        answered[100] += attempt(
            place, hidden[100], "eksternal", poster(place, "eksternal", unit_b)
        )
        suggested = [one for one in listed(here, NAME) if one.kind == "same_person"]
        decide(here, NAME, {one.id: "first" for one in suggested})
        done = launch(here, NAME, per_day=1000)
        assert done.invited == 100 + 95 + 2 + 1, "not the officer's number, nor the second ones"
        # Two more after they were invited.
        answered[1] += attempt(place, hidden[1], "internal", poster(place, "internal"))
        answered[101] += attempt(
            place, hidden[101], "eksternal", poster(place, "eksternal", unit_b)
        )
        # From now on the provider names their phones too.
        phones = dict(hidden)
        for i in answered.keys() - phones.keys():
            phones[i] = place.twilio.person(phone=number(i))
        second_phones = {
            300: place.twilio.person(phone=number(301)),
            302: place.twilio.person(phone=number(303)),
        }
        ways = [("internal", unit_a), ("eksternal", unit_b), ("eksternal", unit_a)]
        answered[300] += attempt(
            place, second_phones[300], "eksternal", poster(place, "eksternal", unit_b)
        )
        for i, person in phones.items():
            person.shows_phone = True
            group = "internal" if i < 100 else "eksternal"
            answered[i] += attempt(place, person, group, "1")
            for wanted, unit_id in ways:
                answered[i] += attempt(place, person, wanted, poster(place, wanted, unit_id))
            if i in second_phones:
                answered[i] += attempt(place, second_phones[i], group, poster(place, group, unit_b))
        assert answered == dict.fromkeys(answered, 1)
        finished = count(here, Conversation, status="finished")
        assert finished == len(answered)


# what is found


def test_the_same_list_again_finds_nothing_new_and_undoes_no_decision(place):
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    lists = [
        ("a.csv", [Listed(place.unit_id, "internal", number(1), "Melati Kenanga")]),
        ("b.csv", [Listed(other, "internal", number(1), "Melati Kenanga")]),
    ]
    for file, lines in lists:
        take_in(place.installation, place.published, file, lines)
    keep(place, only(place), "other")
    before = only(place)
    assert before.counts == "other"
    for file, lines in lists:
        take_in(place.installation, place.published, "again " + file, lines)
    assert only(place) == before
    assert row_place(place) == [(other, "internal")]


def test_settling_twice_changes_nothing(place):
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    take_in(
        place.installation,
        place.published,
        "a.csv",
        [Listed(place.unit_id, "internal", number(1), "Melati Kenanga", (number(7),))],
    )
    lines = [Listed(other, "ahli", number(1), name(i)) for i in range(3)]
    lines += [Listed(other, "ahli", number(i), "Cempaka Flamboyan") for i in (2, 3)]
    import_id, first = take_in(place.installation, place.published, "b.csv", lines)
    before = [rows(place.installation, one) for one in (RosterDuplicate, RosterNumber, RosterRow)]
    assert settle(place.installation, place.published, import_id) == first
    after = [rows(place.installation, one) for one in (RosterDuplicate, RosterNumber, RosterRow)]
    assert after == before
    assert (first.shared_number, first.same_person) == (3, 1)


def test_two_people_with_one_phone_are_told_apart_from_one_on_two_lists(place):
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    first = [
        Listed(place.unit_id, "internal", number(1), "Drs. Melati Kenanga"),
        Listed(place.unit_id, "internal", number(2), "Anggrek Bulan"),
        Listed(place.unit_id, "internal", number(3), "Mawar Lubis"),
        Listed(place.unit_id, "internal", number(4), ""),
    ]
    second = [
        Listed(other, "internal", number(1), "Kenanga, Melati"),
        Listed(other, "internal", number(2), "Teratai Putih"),
        Listed(other, "internal", number(3), "Seruni Lubis"),
        Listed(other, "internal", number(4), "Dahlia Merah"),
    ]
    take_in(place.installation, place.published, "a.csv", first)
    take_in(place.installation, place.published, "b.csv", second)
    found = {(one.other.line, one.kind, one.hint) for one in listed(place.installation, NAME)}
    assert found == {
        (2, "same_number", ""),
        (3, "shared_number", "two_people"),
        (4, "shared_number", "family"),
        (5, "same_number", ""),
    }


def test_one_name_in_two_units_or_on_many_people_is_no_suggestion(place):
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    lines = [Listed(place.unit_id, "internal", number(1), "Melati Kenanga")]
    lines += [Listed(other, "internal", number(2), "Melati Kenanga")]
    lines += [Listed(other, "internal", number(10 + i), "Siti Aminah") for i in range(6)]
    take_in(place.installation, place.published, "a.csv", lines)
    assert listed(place.installation, NAME) == []


# the policy


def test_by_priority_the_group_that_comes_first_gets_the_number(place):
    with_settings(place, "duplicates: {policy: priority, order: [ahli, internal]}\n")
    here, unit = place.installation, place.unit_id
    other = add_unit(here, "Dinas Kedua", code="U2")
    text = personal_after(place, Listed(unit, "internal", number(1), "Melati Kenanga"))
    take_in(
        here, place.published, "b.csv", [Listed(other, "eksternal", number(1), "Melati Kenanga")]
    )
    assert row_place(place) == [(unit, "internal")]
    take_in(here, place.published, "c.csv", [Listed(other, "ahli", number(1), "M. Kenanga")])
    assert row_place(place) == [(other, "ahli")]
    assert {(one.decision, one.counts) for one in listed(here, NAME)} == {
        ("priority", "first"),
        ("priority", "other"),
    }
    (link,) = rows(here, Link, roster_row_id=rows(here, RosterRow)[0].id)
    assert (link.unit_id, link.grp) == (other, "ahli"), "the personal link leads there too"
    assert attempt(place, place.twilio.person(phone=number(1)), "ahli", text)


def personal_after(place: Office, one: Listed) -> str:
    take_in(place.installation, place.published, "a.csv", [one])
    return personal(place, one.phone)


def test_where_somebody_is_asked_nobody_is_invited_before_the_decision(database_url):
    with office(database_url) as place:
        with_settings(place, "duplicates: {policy: ask}\n")
        here = place.installation
        other = add_unit(here, "Dinas Kedua", code="U2")
        lines = [Listed(place.unit_id, "internal", number(i), name(i)) for i in range(3)]
        lines += [Listed(place.unit_id, "internal", number(9), name(2))]
        take_in(here, place.published, "a.csv", lines)
        take_in(here, place.published, "b.csv", [Listed(other, "internal", number(0), name(0))])
        assert told(place, only_open=True) == told(place)
        plan = plan_launch(here, NAME)
        assert (plan.to_invite, plan.open_duplicates) == (2, 2)
        assert launch(here, NAME).invited == 2
        by_kind = {one.kind: one for one in listed(here, NAME)}
        assert {one.counts for one in by_kind.values()} == {"neither", "first"}
        keep(place, by_kind["same_number"], "other")
        with pytest.raises(InputError, match="has been invited"):
            keep(place, by_kind["same_person"], "apart")
        assert launch(here, NAME).invited == 1
        assert plan_launch(here, NAME).open_duplicates == 1
        (talk,) = rows(here, Conversation, unit_id=other)
        assert talk.status == "invited"


# decisions


def pair(place: Office, **of_groups: str) -> int:
    """Put one person on the lists of two units; return the second unit."""
    with_settings(place, **of_groups)
    other = add_unit(place.installation, "Dinas Kedua", code="U2")
    for file, unit, group in (("a.csv", place.unit_id, "internal"), ("b.csv", other, "eksternal")):
        line = Listed(unit, group, number(1), "Melati Kenanga")
        take_in(place.installation, place.published, file, [line])
    return other


def test_a_decision_is_taken_back_by_the_opposite_one(place):
    other = pair(place)
    here = place.installation
    before = rows(here, RosterRow)[0]
    found = only(place)
    for _ in range(2):
        keep(place, found, "other")
        assert row_place(place) == [(other, "eksternal")]
        assert (only(place).first, only(place).other) == (found.first, found.other)
        assert (only(place).counts, only(place).decision) == ("other", "other")
        keep(place, found, "first")
        now = rows(here, RosterRow)[0]
        assert (now.unit_id, now.grp, now.import_id) == (
            before.unit_id,
            before.grp,
            before.import_id,
        )
        assert only(place).counts == "first"


def test_of_three_places_one_has_the_number_whatever_the_order_of_decisions(place):
    with_settings(place)
    here = place.installation
    units = [place.unit_id, *(add_unit(here, f"Dinas {i}", code=f"U{i}") for i in (2, 3))]
    for unit in units:
        line = Listed(unit, "internal", number(1), "Melati Kenanga")
        take_in(here, place.published, f"{unit}.csv", [line])
    second, third = listed(here, NAME)
    choices: tuple[tuple[Duplicate, Keep, int], ...] = (
        (second, "other", units[1]),
        (third, "other", units[2]),
        (second, "other", units[1]),
        (second, "first", units[0]),
        (third, "other", units[2]),
        (third, "first", units[0]),
    )
    for one, choice, wanted in choices:
        keep(place, one, choice)
        assert row_place(place) == [(wanted, "internal")]
        everywhere = {one.first.unit for one in listed(here, NAME)} | {
            one.other.unit for one in listed(here, NAME)
        }
        assert everywhere == {"U1", "U2", "U3"}


def test_both_count_only_where_one_person_may_be_asked_in_both(place):
    pair(place)
    with pytest.raises(InputError, match="nobody may be interviewed in both"):
        keep(place, only(place), "both")
    with_settings(place, eksternal="once_per: unit")
    keep(place, only(place), "both")
    assert len(row_place(place)) == 2
    assert only(place).counts == "both"
    keep(place, only(place), "first")
    assert row_place(place) == [(place.unit_id, "internal")]
    keep(place, only(place), "both")
    assert launch(place.installation, NAME).invited == 2


def test_nothing_is_decided_about_somebody_who_is_invited_and_all_or_nothing(place):
    pair(place)
    here = place.installation
    take_in(
        here,
        place.published,
        "c.csv",
        [Listed(place.unit_id, "internal", number(i), "Cempaka Flamboyan") for i in (5, 6)],
    )
    same_number, same_person = listed(here, NAME)
    with pytest.raises(InputError, match="there is no such duplicate"):
        decide(here, NAME, {same_number.id: "other", 999: "first"})
    assert only_first(place)
    decide(here, NAME, {same_number.id: "other", same_person.id: "other"})
    assert launch(here, NAME).invited == 2
    for one in (same_number, same_person):
        with pytest.raises(InputError, match="has been invited"):
            keep(place, one, "first")
    details = [json.loads(row.detail) for row in rows(here, Audit, what="roster duplicates")]
    assert details == [{"survey": NAME, "other": 2, "ids": [same_number.id, same_person.id]}]


def only_first(place: Office) -> bool:
    return listed(place.installation, NAME)[0].counts == "first"


def test_two_numbers_of_one_person_become_one_row_and_two_again(place):
    with_settings(place)
    here = place.installation
    lines = [Listed(place.unit_id, "internal", number(i), "Cempaka Flamboyan") for i in (5, 6)]
    take_in(here, place.published, "c.csv", lines)
    found = only(place)
    assert (found.decision, found.counts) == ("open", "both")
    keep(place, found, "first")
    assert len(row_place(place)) == 1
    assert count(here, RosterNumber) == 1
    keep(place, found, "other")
    assert [row.removed for row in rows(here, RosterRow)] == [True, False]
    keep(place, found, "apart")
    assert (len(row_place(place)), count(here, RosterNumber)) == (2, 0)
    assert launch(here, NAME).invited == 2


# as a workbook


def test_the_workbook_comes_back_with_decisions(place, tmp_path: Path):
    other = pair(place)
    here = place.installation
    file = tmp_path / "ganda.xlsx"
    write_duplicates(listed(here, NAME), file)
    assert file.stat().st_mode & 0o077 == 0
    assert read_decisions(file) == {}
    book = openpyxl.load_workbook(file)
    sheet = book.worksheets[0]
    titles = [cell.value for cell in sheet[1]]
    assert [sheet.cell(2, titles.index(one) + 1).value for one in ("other_line", "other_name")] == [
        2,
        "Melati Kenanga",
    ]
    sheet.cell(2, titles.index("keep") + 1).value = " Other "
    book.save(file)
    decide(here, NAME, read_decisions(file))
    assert row_place(place) == [(other, "eksternal")]
    sheet.cell(2, titles.index("keep") + 1).value = "beide"
    book.save(file)
    with pytest.raises(InputError, match="write first, other, both or apart"):
        read_decisions(file)
    file.write_text("id;keep")
    with pytest.raises(InputError, match="not a workbook"):
        read_decisions(file)
