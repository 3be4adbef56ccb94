"""Published surveys: files in, the compiled form out, and people under way not disturbed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.flow.carrying import Policy
from bot.flow.source import FlowError
from bot.interview.closing import close
from bot.interview.surveys import SurveyClosed, Surveys, UnknownSurvey, publish, read_files
from storage.models import Audit, Conversation, FlowVersion, Survey
from tests.respondents import all_at_once, question_in
from tests.rows import change, count, rows
from tests.setup import FLOWS, bundled_files
from tests.whatsapp import Office, office

GROUP = """\
  warga:
    flow: warga
    label: {id: Warga, en: Resident}
    reason: layanan
    source: {id: daftar warga, en: the list of residents}
"""
FLOW = """\
kind: flow
name: warga
title: {id: Survei Warga, en: Residents}
minutes: "1"
questions:
  - name: puas
    type: integer
    label: {id: "Seberapa puas, 1 sampai 10?", en: "How satisfied, 1 to 10?"}
    min: 1
    max: 10
"""


@pytest.fixture
def place(some_url: str) -> Iterator[Office]:
    with office(some_url) as opened:
        yield opened


def changed(**replacements: str) -> dict[str, str]:
    """Return the bundled files with texts of survey.yaml replaced (old=new, by key of a line)."""
    files = bundled_files()
    files["survey.yaml"] = files["survey.yaml"].replace(
        "min_answer_seconds: 2", "min_answer_seconds: 0"
    )
    for key, line in replacements.items():
        lines = files["survey.yaml"].split("\n")
        (at,) = [number for number, one in enumerate(lines) if one.startswith(f"{key}:")]
        lines[at] = f"{key}: {line}"
        files["survey.yaml"] = "\n".join(lines)
    return files


def with_group() -> dict[str, str]:
    files = changed()
    settings = files["survey.yaml"].replace("groups:\n", f"groups:\n{GROUP}")
    hours = '  warga: {mon: ["09:00-20:00"]}\n'
    return files | {
        "survey.yaml": settings.replace("hours:\n", f"hours:\n{hours}"),
        "warga.yaml": FLOW,
    }


def begun(place: Office, group: str = "internal"):
    ani = place.twilio.person()
    for text in (place.link_text(group), "1", "SETUJU"):
        ani.say(text)
    return ani


def test_publishing_the_same_files_again_makes_no_new_version(place):
    here = place.installation
    first = publish(here, changed())
    again = publish(here, changed())
    assert (again.id, again.flow_version_id) == (first.id, first.flow_version_id)
    assert count(here, Survey) == 1
    assert count(here, FlowVersion) == 1
    assert {row.what for row in rows(here, Audit)} == {"publish"}


def test_broken_files_leave_what_was_published_before(place):
    here = place.installation
    files = changed()
    for name, text in (("internal.yaml", "kind: ["), ("survey.yaml", files["survey.yaml"][:200])):
        with pytest.raises(FlowError) as caught:
            publish(here, files | {name: text})
        assert str(caught.value).startswith(f"{name}:"), "it says where"
    survey = here.database.read(lambda c: here.surveys.named(c, "integritas"))
    assert survey.flow_version_id == place.published.flow_version_id
    assert begun(place).inbox[-1].count("?") >= 1


def test_a_survey_that_is_not_there_is_named_with_those_that_are(place):
    here = place.installation
    with pytest.raises(UnknownSurvey, match="did you mean 'integritas'"):
        here.database.read(lambda c: here.surveys.named(c, "integrita"))
    with pytest.raises(UnknownSurvey, match="published are: integritas"):
        here.database.read(lambda c: here.surveys.named(c, "xyz"))
    with pytest.raises(LookupError):
        here.database.read(lambda c: here.surveys.by_id(c, 99))
    with pytest.raises(LookupError):
        here.database.read(lambda c: here.surveys.version(c, 99, 1))


def test_people_under_way_keep_their_questions_and_get_the_current_settings(place):
    here = place.installation
    ani = begun(place)
    files = changed()
    old_label = place.published.survey.for_group("internal").asked[1].label["id"]
    assert old_label in files["internal.yaml"]
    files["internal.yaml"] = files["internal.yaml"].replace(old_label, "Kata-kata yang baru?")
    files["survey.yaml"] = files["survey.yaml"].replace("Inspektorat Kota Contoh", "Badan Lain")
    new = publish(here, files)
    assert new.flow_version_id != place.published.flow_version_id
    second = ani.say("1")[0]
    assert old_label.split("{{")[0] in second
    assert "Kata-kata yang baru?" not in second
    budi = begun(place)
    assert "Kata-kata yang baru?" in budi.say("1")[0]
    assert "Badan Lain" in budi.inbox[1]


def test_a_process_that_published_nothing_itself_sees_the_change_at_once(place):
    here = place.installation
    begun(place)
    files = changed(title="{id: Survei Lain, en: Other Survey}")
    elsewhere = Surveys()
    publish(here, files)
    for surveys in (here.surveys, elsewhere):
        found = here.database.read(lambda c, s=surveys: s.named(c, "integritas"))
        assert found.survey.settings.title["id"] == "Survei Lain"


def test_nothing_is_published_in_the_name_of_a_survey_that_is_closed(place):
    here = place.installation
    published = publish(here, changed())
    close(here, "integritas")
    policies: tuple[Policy, ...] = ("finish-old", "move")
    for files, policy in zip((changed(), changed(title="{id: Lain}")), policies, strict=True):
        with pytest.raises(
            SurveyClosed, match=r"integritas is closed, since 20.*a name of its own"
        ):
            publish(here, files, policy)
    (row,) = rows(here, Survey)
    assert row.flow_version_id == published.flow_version_id
    publish(here, changed(name="integritas_2"))


def test_a_group_that_is_added_later_does_not_disturb_those_under_way(place):
    here = place.installation
    ani = begun(place)
    flow = place.published.survey.for_group("internal")
    first = question_in(flow, ani.inbox[-1])
    new = publish(here, with_group())
    assert set(new.survey.settings.groups) == {"warga", "internal", "eksternal", "ahli"}
    here.surveys = Surveys()
    second = question_in(flow, ani.say("1")[0])
    assert second not in (None, first)
    assert place.twilio.errors == []
    older = here.database.read(
        lambda c: here.surveys.version(c, new.id, place.published.flow_version_id)
    )
    assert set(older.settings.groups) == {"internal", "eksternal", "ahli"}
    assert "Seberapa puas" in begun(place, "warga").inbox[-1]


def test_a_group_that_people_have_cannot_be_taken_away(place):
    here = place.installation
    begun(place, "ahli")
    files = changed()
    head, tail = files["survey.yaml"].split("  ahli:\n", 1)
    files["survey.yaml"] = head + tail.split("\n\n", 1)[1].join(["\n", ""])
    with pytest.raises(FlowError, match="the group `ahli` are still under way") as caught:
        publish(here, files)
    assert "keep the group" in str(caught.value)
    assert begun(place).inbox, "what was published before goes on"


def test_a_group_that_nobody_has_may_go(place):
    here = place.installation
    begun(place)
    files = changed()
    head, tail = files["survey.yaml"].split("  ahli:\n", 1)
    files["survey.yaml"] = head + "\n" + tail.split("\n\n", 1)[1]
    assert set(publish(here, files).survey.settings.groups) == {"internal", "eksternal"}


def test_words_that_an_older_version_still_says_cannot_be_taken_away(place):
    """The new questions do not need the owner's text any more, those of people under way do."""
    here = place.installation
    files = changed()
    files["survey.yaml"] = files["survey.yaml"].replace("texts:\n", "texts:\n  balai: Balai Kota\n")
    label = place.published.survey.for_group("internal").asked[0].label["id"]
    newer = files["internal.yaml"].replace(label, "Di {{balai}}: " + label)
    publish(here, files | {"internal.yaml": newer})
    begun(place)
    with pytest.raises(FlowError, match=r"still under way with version 2.*balai"):
        publish(here, changed())
    publish(here, files)


def test_changed_settings_wake_every_timer_and_unchanged_ones_none(place):
    here = place.installation
    begun(place)
    (before,) = [row.wake_at for row in rows(here, Conversation)]
    assert before > here.now() + timedelta(hours=1)
    publish(here, changed())
    assert [row.wake_at for row in rows(here, Conversation)] == [before]
    publish(here, changed(closes="2027-02-15"))
    assert [row.wake_at for row in rows(here, Conversation)] == [here.now()]


def test_settings_that_come_back_are_those_that_were_meant(place):
    """The compiled form is found by the settings' own words, not by when they were read."""
    here = place.installation
    for title in ("Satu", "Dua", "Satu"):
        publish(here, changed(title=f"{{id: {title}, en: X}}"))
        found = here.database.read(lambda c: here.surveys.named(c, "integritas"))
        assert found.survey.settings.title["id"] == title


def test_publishers_at_the_same_moment_leave_one_survey_with_one_current_version(some_url):
    with office(some_url) as place:
        here = place.installation
        names = [f"baru{number % 2}" for number in range(6)]

        def take(number: int):
            files = changed(name=names[number])
            label = place.published.survey.for_group("ahli").asked[0].label["id"]
            files["ahli.yaml"] = files["ahli.yaml"].replace(label, f"{label} {number}?")
            return lambda: publish(here, files)

        all_at_once([take(number) for number in range(6)], at_a_time=6)
        found = {row.name: row for row in rows(here, Survey)}
        assert set(found) == {"integritas", "baru0", "baru1"}
        versions = rows(here, FlowVersion)
        for name in ("baru0", "baru1"):
            mine = [row.id for row in versions if row.survey_id == found[name].id]
            assert len(mine) == 3
            assert found[name].flow_version_id in mine


def test_a_folder_is_read_as_a_survey_or_refused(tmp_path):
    assert set(read_files(FLOWS / "integritas")) >= {"survey.yaml", "internal.yaml"}
    with pytest.raises(FileNotFoundError, match=r"has no survey.yaml"):
        read_files(tmp_path)
    (tmp_path / "survey.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(FlowError, match=r"survey.yaml:1:1: .* not UTF-8"):
        read_files(tmp_path)


def test_servers_read_no_files(place, monkeypatch, tmp_path):
    """Only publishing does: a server goes on whatever happens to the folder."""
    monkeypatch.chdir(tmp_path)
    object.__setattr__(place.service.settings, "flows_dir", tmp_path / "none")
    place.installation.surveys = Surveys()
    assert begun(place).inbox[-1].count("?") >= 1


def test_a_damaged_version_is_an_error_with_its_place(place):
    here = place.installation
    change(here, FlowVersion, {"content": '{"internal.yaml": "kind: ["}'})
    here.surveys = Surveys()
    with pytest.raises(FlowError, match=r"internal.yaml:2"):
        here.database.read(lambda c: here.surveys.named(c, "integritas"))
