"""Before publishing: what changes, whom it touches, and that nobody's answers break unasked."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from bot.flow.carrying import Policy
from bot.flow.source import FlowError
from bot.interview import closing
from bot.interview.moving import move_due
from bot.interview.publishing import (
    Number,
    PolicyNeeded,
    UnknownVersion,
    difference,
    publish_edition,
    version_number,
)
from bot.interview.surveys import UnknownSurvey, publish
from storage.models import Conversation, FlowVersion, Response
from tests.media_files import lines
from tests.respondents import Respondent
from tests.rows import change, count, rows
from tests.versions import edited, files_of, under_way, without
from tests.whatsapp import Office, office

NAME = "integritas"
SUPERVISORS = '{id: "Pengawas/administrator", en: "Supervisor/administrator"}'
NO_SUPERVISORS = (f'      - name: "3"\n        label: {SUPERVISORS}\n', "")
REWORDED = ("diumumkan secara terbuka dan mudah", "diumumkan terbuka dan mudah")
AT_TRS_01 = ("1", "2", "3")


@pytest.fixture
def place(either_url: str) -> Iterator[Office]:
    with office(either_url, questions=4, k="3", wait_hours="0") as opened:
        yield opened


@pytest.fixture
def both(database_url: str) -> Iterator[Office]:
    with office(database_url, questions=4, k="3", wait_hours="0") as opened:
        yield opened


def finish(place: Office, people: int) -> None:
    flow = place.published.survey.for_group("internal")
    for seed in range(people):
        person = place.twilio.person()
        Respondent(person, flow, place.code(), random.Random(seed)).interview()


def test_a_picture_that_no_question_uses_makes_no_other_version(both):
    here = both.installation
    under_way(both, *AT_TRS_01)
    same = files_of(here)
    assert difference(here, NAME, files=same).begun == 0
    assert difference(here, NAME, files=same | lines(lama_png=("image/png", 9))).begun == 0


def test_what_changes_and_whom_it_touches(both):
    here = both.installation
    under_way(both, *AT_TRS_01, people=4)
    under_way(both, "1", people=3)
    under_way(both, "2")  # screened out: over
    found = difference(here, NAME, files=edited(here, NO_SUPERVISORS, REWORDED))
    assert [(one.kind, one.question) for one in found.changes] == [
        ("break", "prf_01"),
        ("wording", "trs_01"),
    ]
    assert (found.old, found.new, found.begun, found.breaks) == ("version 1", "the files", 7, True)
    prf, trs = found.touched["internal", "prf_01"], found.touched["internal", "trs_01"]
    assert (prf.at, prf.answers, prf.invalid) == (Number(3, exact=False), Number(4), Number(4))
    assert trs.at == Number(4)
    assert trs.answers == trs.invalid == Number(3, exact=False)
    assert prf.waiting == Number(0), "nobody has finished"
    assert prf.pooled == 0


def test_a_number_that_could_be_somebodys_answer_is_not_told(place):
    """By files without one choice after the other, one person's answer could be found."""
    here = place.installation
    under_way(place, *AT_TRS_01, people=2)
    told = set()
    for label in ('{id: "Non-ASN", en: "Non-ASN (contract) staff"}', SUPERVISORS):
        number = "3" if label is SUPERVISORS else "4"
        files = edited(here, (f'      - name: "{number}"\n        label: {label}\n', ""))
        told.add(difference(here, NAME, files=files).touched["internal", "prf_01"].invalid)
    assert told == {Number(3, exact=False)}


def test_finished_and_pooled_answers_are_counted_too(both):
    here = both.installation
    finish(both, 6)
    finished = count(here, Conversation, status="finished")
    found = difference(here, NAME, files=without(here, "prf_01"))
    assert found.touched["internal", "prf_01"].waiting == Number(finished)
    assert found.begun == 0
    change(here, Conversation, {"mix_at": here.now()}, status="finished")
    both.sweep("mix")
    mixed = count(here, Response)
    assert mixed >= 3
    after = difference(here, NAME, files=without(here, "prf_01")).touched["internal", "prf_01"]
    assert after.pooled == mixed
    closing.close(here, NAME)
    closed = difference(here, NAME, files=without(here, "prf_01")).touched["internal", "prf_01"]
    assert closed.waiting == Number(0)


def test_two_versions_are_compared_by_their_numbers(place):
    here = place.installation
    publish(here, edited(here, REWORDED))
    third = publish(here, edited(here, NO_SUPERVISORS))
    assert version_number(here, third) == 3
    found = difference(here, NAME, old=1, new=2)
    assert (found.old, found.new) == ("version 1", "version 2")
    assert [one.question for one in found.changes] == ["trs_01"]
    assert [one.kind for one in difference(here, NAME, old=2, new=3).changes] == ["break"]
    assert len(difference(here, NAME, old=1).changes) == 2
    assert difference(here, NAME).changes == ()
    with pytest.raises(UnknownVersion, match="there is no version 4: there are 1 to 3"):
        difference(here, NAME, new=4)
    with pytest.raises(UnknownSurvey, match="did you mean 'integritas'"):
        difference(here, "integrita")


def test_people_of_the_version_that_the_files_are_already_are_not_touched(place):
    """Back to what was published before: who never left it has nothing to fear."""
    here = place.installation
    first = files_of(here)
    under_way(place, *AT_TRS_01, people=3)
    publish(here, edited(here, NO_SUPERVISORS))
    under_way(place, *AT_TRS_01[:2], people=4)
    assert difference(here, NAME, files=first).begun == 4
    assert difference(here, NAME, new=2).begun == 3


def test_a_break_without_a_policy_is_refused_and_explained(both):
    here = both.installation
    under_way(both, *AT_TRS_01)
    files = edited(here, NO_SUPERVISORS)
    with pytest.raises(PolicyNeeded) as caught:
        publish_edition(here, files)
    said = str(caught.value)
    assert "1 person is under way" in said
    assert "internal.prf_01: no choice `3` any more" in said
    assert all(f"--policy {policy}" in said for policy in ("finish-old", "move", "re-ask"))
    assert len(rows(here, FlowVersion)) == 1, "nothing was published"


@pytest.mark.parametrize("policy", ["finish-old", "move", "re-ask"])
def test_with_a_policy_it_is_published(place, policy: Policy):
    here = place.installation
    under_way(place, *AT_TRS_01)
    new = publish_edition(here, edited(here, NO_SUPERVISORS), policy)
    kept = {row.id: row.move_policy for row in rows(here, FlowVersion)}
    expected = None if policy == "finish-old" else policy
    assert kept == {place.published.flow_version_id: expected, new.flow_version_id: None}


def test_what_breaks_nothing_needs_no_policy(place):
    here = place.installation
    under_way(place, *AT_TRS_01)
    publish_edition(here, edited(here, REWORDED))
    assert move_due(here).moved == 0, "who is under way finishes the old one"


def test_nor_does_a_break_that_nobody_is_under_way_to_feel(place):
    here = place.installation
    under_way(place, "2")
    publish_edition(here, edited(here, NO_SUPERVISORS))
    files = files_of(here)
    files["survey.yaml"] = files["survey.yaml"].replace(f"name: {NAME}", "name: lain")
    assert publish_edition(here, files).name == "lain"


def test_files_that_do_not_hold_are_refused_before_anything(place):
    here = place.installation
    under_way(place, *AT_TRS_01)
    for policy in (None, "move"):
        with pytest.raises(FlowError):
            publish_edition(here, edited(here, ("kind: flow", "kind: [")), policy)
    assert len(rows(here, FlowVersion)) == 1


def test_the_codebook_keeps_every_version(place):
    from bot.reporting.export.codebook import read_codebook

    here = place.installation
    under_way(place, *AT_TRS_01)
    publish_edition(here, edited(here, NO_SUPERVISORS), "re-ask")

    def read(connection):
        published = here.surveys.named(connection, NAME)
        return read_codebook(connection, here, published, "id")

    book = here.database.read(read)
    variable = next(one for one in book.variables if one.question == "prf_01")
    assert [len(meaning.choices) for _, meaning in variable.meanings] == [6, 5]
