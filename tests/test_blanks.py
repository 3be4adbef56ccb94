"""What is still in [BRACKETS]: a survey may be tried so, and no real person sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.doctor.surveys import examine
from bot.flow.blanks import unfilled
from bot.flow.load import load_survey
from bot.intake.tables import InputError
from bot.outreach import posters
from bot.outreach.launch.launching import launch
from bot.outreach.launch.plan import plan_launch
from bot.outreach.links import create_links, create_personal_links
from bot.outreach.mail.mailing import plan_mail
from bot.outreach.posters import Order, lay_out
from bot.outreach.roster.importing import import_roster
from storage.models import Conversation, Link
from tests.rows import count, rows
from tests.setup import add_unit, bundled_files, installation, publish_bundled

NUMBER = "whatsapp:+6281200000999"
BLANK = '{id: "[NAMA INSTANSI]", en: "…"}'
LINE = next(
    number
    for number, line in enumerate(bundled_files()["survey.yaml"].split("\n"), 1)
    if line.startswith("  instansi:")
)
SAID = rf"^integritas: survey\.yaml, line {LINE}: \[NAMA INSTANSI\] is not filled .* \(and 1 more\)"


@pytest.fixture
def here(sqlite_url: str, tmp_path: Path):
    with installation(sqlite_url) as made:
        publish_bundled(made, instansi=BLANK)
        add_unit(made, "Dinas Contoh", code="U1")
        path = tmp_path / "daftar.csv"
        path.write_text("kelompok,hp_wa,unit,email\ninternal,081200000101,U1,a@contoh.example\n")
        import_roster(made, path, "integritas")
        yield made


def test_a_survey_whose_words_are_all_there_has_no_blanks() -> None:
    survey = load_survey(bundled_files())
    assert (survey.blanks, unfilled(survey)) == ((), None)


def test_a_single_blank_is_not_called_one_of_several() -> None:
    files = bundled_files()
    text = files["survey.yaml"].replace("instansi: ", 'instansi: "[X]" #', 1)
    found = unfilled(load_survey(files | {"survey.yaml": text}))
    assert found is not None
    assert "more" not in found.what


def test_nobody_is_invited_while_a_word_is_in_brackets(here) -> None:
    with pytest.raises(InputError, match=SAID):
        launch(here, "integritas")
    assert count(here, Conversation) == 0
    (missing,) = plan_launch(here, "integritas").missing
    assert missing.fix.endswith("then `tautan publish integritas`")
    publish_bundled(here)
    assert launch(here, "integritas").invited == 1


def test_no_link_is_made_while_a_word_is_in_brackets(here) -> None:
    for make in (create_links, create_personal_links):
        with pytest.raises(InputError, match=SAID):
            make(here, "integritas")
    assert count(here, Link) == 0


@pytest.mark.parametrize("address", ["", "https://survei.contoh.example"])
def test_no_poster_is_printed_while_a_word_is_in_brackets(here, address: str) -> None:
    with pytest.raises(InputError, match=SAID):
        lay_out(here, "integritas", NUMBER, Order(address=address))


def test_no_poster_of_an_old_link_is_drawn_either(here) -> None:
    publish_bundled(here)
    create_links(here, "integritas", groups=["ahli"])
    (link,) = rows(here, Link)
    assert posters.picture(here, link.code, NUMBER) is not None
    publish_bundled(here, instansi=BLANK)
    assert posters.picture(here, link.code, NUMBER) is None


def test_no_letter_is_written_while_a_word_is_in_brackets(here) -> None:
    with pytest.raises(InputError, match=SAID):
        plan_mail(here, "integritas", ["internal"])


def test_the_doctor_names_the_place_once_and_calls_the_survey_not_ready(here) -> None:
    found = [one for one in examine(here, None, None) if "brackets" in one.what or "[" in one.what]
    assert [(one.check, one.verdict) for one in found] == [("survey", "error")]
    assert f"not ready: survey.yaml, line {LINE}: [NAMA INSTANSI]" in found[0].what
