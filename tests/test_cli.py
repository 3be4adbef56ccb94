"""The `tautan` command: every command on good and on bad input, its exit codes and its words."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import typer.main
import yaml
from sqlalchemy import insert
from typer.testing import CliRunner, Result

from bot.channels.twilio_urls import webhook_urls
from bot.cli import app
from bot.interview.sending.alerts import alert
from storage.models import DailyMark
from tests.fake_smtp import FakeSmtp
from tests.fake_twilio import FakeTwilio
from tests.fake_twilio_rules import Record
from tests.lists import Listed, number, take_in
from tests.media_files import png
from tests.setup import FLOWS, SECRET, installation
from tests.tables import sqlite_file
from tests.versions import under_way
from tests.whatsapp import office

ROOT = Path(__file__).parent.parent
UNITS = """\
code_list,code,name,zone,target_ahli
own,U1,Dinas Contoh,WIB,20
own,U2,Badan Contoh,WITA,30
"""
ROSTER = (
    "kelompok,nama,hp_wa,unit\ninternal,Ani,081200000101,own:U1\nahli,Budi,081200000102,own:U2\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Go to an empty folder, with an environment that sets only the secret."""
    for name in os.environ:
        if name.startswith(("TWILIO_", "TAUTAN_", "CLOUD_")) or name in {
            "DATABASE_URL",
            "FLOWS_DIR",
        }:
            monkeypatch.delenv(name)
    monkeypatch.setenv("TAUTAN_SECRET_KEY", SECRET)
    monkeypatch.setenv("FLOWS_DIR", str(FLOWS))
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ready(folder: Path) -> Path:
    """Return a folder with a migrated database, the bundled survey and two units."""
    (folder / "tautan.db").write_bytes(sqlite_file())
    good("publish", "integritas")
    (folder / "units.csv").write_text(UNITS, "utf-8")
    good("units", "import", "units.csv", "--survey", "integritas")
    return folder


def run(*arguments: str, said: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=said)


def good(*arguments: str, said: str | None = None) -> str:
    done = run(*arguments, said=said)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return done.stdout


def data(*arguments: str) -> Any:
    """Run a command with --json; its standard output is JSON and nothing else."""
    return json.loads(good(*arguments, "--json"))


def bad(*arguments: str, code: int = 1) -> str:
    """Run a command that must fail, and return what it says, in one line of words."""
    done = run(*arguments)
    assert done.exit_code == code, done.output + repr(done.exception)
    assert "Traceback" not in done.output
    assert done.stderr.strip(), "what is wrong is said on standard error"
    return " ".join(done.stderr.split())


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, "utf-8")
    return name


def commands() -> dict[str, Any]:
    """Return every command by what is typed for it."""
    group: Any = typer.main.get_command(app)
    found = {}
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None:
            found[name] = command
        else:
            found |= {f"{name} {key}": value for key, value in inner.items()}
    return found


# all of them


def test_every_command_says_what_it_does(folder):
    for name, command in commands().items():
        assert command.help, name
        assert command.help.strip().split("\n")[0].endswith((".", "`.")), name
        shown = good(*name.split(), "--help")
        assert command.help.split()[0] in shown
    assert list(folder.iterdir()) == []


def test_every_option_has_one_line_of_help():
    for name, command in commands().items():
        for one in command.params:
            if one.param_type_name == "option":
                assert getattr(one, "help", None), f"{name} {one.name}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["publish"],
        ["launch", "integritas", "--per-day", "many"],
        ["launch", "integritas", "--per-day", "0"],
        ["export", "integritas", "--format", "pdf"],
        ["links", "integritas", "--expires", "yesterday"],
        ["roster", "import", "x.csv"],
        ["units", "nonsense"],
        ["purge", "--nonsense"],
        ["demo", "--days", "0"],
    ],
)
def test_wrong_usage_is_exit_2(folder, arguments):
    bad(*arguments, code=2)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", sorted(set(commands()) - {"check", "schema", "test", "chat"}))
def test_settings_that_cannot_work_stop_every_command_with_a_name(folder, monkeypatch, name):
    monkeypatch.setenv("PORT", "nonsense")
    wanted = [one for one in commands()[name].params if one.required]
    arguments = []
    for one in wanted:
        value = "1" if one.name == "post" else "x"  # a post's number
        arguments += [one.opts[0], value] if one.param_type_name == "option" else [value]
    assert "PORT must be a whole number" in bad(*name.split(), *arguments)
    assert list(folder.iterdir()) == []


OPENING = {
    "publish": ["integritas"],
    "diff": ["integritas"],
    "pull": ["integritas"],
    "links": ["integritas"],
    "mail": ["integritas"],
    "launch": ["integritas"],
    "pilot": ["integritas"],
    "progress": ["integritas"],
    "reports": ["integritas"],
    "export": ["integritas"],
    "close": ["integritas"],
    "audit-anonymity": ["integritas"],
    "forget": ["081200000101"],
    "purge": [],
}


@pytest.mark.parametrize("name", OPENING)
def test_what_needs_a_database_says_when_there_is_none_yet(folder, name):
    assert "run `tautan migrate`" in bad(name, *OPENING[name])


@pytest.mark.parametrize("name", OPENING)
def test_another_secret_stops_every_command(ready, monkeypatch, name):
    monkeypatch.setenv("TAUTAN_SECRET_KEY", "another secret, long enough to be one")
    said = bad(name, *OPENING[name])
    assert "TAUTAN_SECRET_KEY" in said
    assert "as it was when the database was made" in said


@pytest.mark.parametrize("name", sorted(set(OPENING) - {"publish", "forget", "purge"}))
def test_an_unknown_survey_is_named_with_the_nearest(ready, name):
    more = ["--number", "+6281200000999"] if name == "links" else []
    assert "did you mean 'integritas'?" in bad(name, "integrita", *more)
    assert not list(ready.glob("integrita.*"))


def test_a_database_that_is_away_is_said(folder, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    for name in ("migrate", "purge"):
        assert "onnection" in bad(name)


def test_a_folder_for_the_database_that_is_not_there_is_said(folder, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "sqlite:///no/such/folder/tautan.db")
    said = bad("migrate")
    assert said.startswith("no/such/folder/tautan.db: there is no folder /")
    assert said.endswith("no/such/folder; make it, or change DATABASE_URL")
    for name in ("purge", "publish"):
        bad(name, *(["integritas"] if name == "publish" else []))


def test_a_file_where_the_database_cannot_be_is_said(folder, monkeypatch):
    (folder / "tautan.db").mkdir()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///tautan.db")
    said = bad("migrate")
    assert said.startswith("tautan.db: unable to open database file; may this user write in /")
    assert "DATABASE_URL" in said


# flows


def test_check_finds_nothing_wrong_with_the_bundled_survey(folder):
    assert "no error found" in good("check")
    found = data("check", str(FLOWS / "integritas"))
    assert (found["findings"], len(found["surveys"])) == ([], 1)


def test_check_says_file_line_column_what_and_how(folder):
    shutil.copytree(FLOWS / "integritas", folder / "rusak")
    flow = folder / "rusak" / "internal.yaml"
    flow.write_text(flow.read_text("utf-8").replace("questions:", "question:", 1), "utf-8")
    said = bad("check", "rusak")
    assert re.search(r"rusak/internal\.yaml:\d+:\d+: error: \[missing-key\] .+;", said)
    done = run("check", "rusak", "--json")
    assert done.exit_code == 1
    found = json.loads(done.stdout)
    assert (found["errors"], len(found["findings"])) == (2, 2)
    assert {one["file"] for one in found["findings"]} == {"rusak/internal.yaml"}
    assert set(found["findings"][0]) == {
        *("file", "line", "column", "rule", "severity", "what", "fix")
    }
    assert "no survey.yaml" in bad("check", "nowhere")
    assert "rusak/internal.yaml:" in bad("check", "rusak/survey.yaml")
    write(folder, "README.md", "words")
    assert "README.md: belongs to no survey" in bad("check", "README.md")


def test_check_finds_a_file_that_is_not_utf_8(folder):
    shutil.copytree(FLOWS / "integritas", folder / "latin")
    (folder / "latin" / "ahli.yaml").write_bytes(b"kind: flow\ntitle: {id: Caf\xe9}\n")
    assert "latin/ahli.yaml:2:16: error: [not-yaml] this letter" in bad("check", "latin")


def test_check_looks_into_the_folder_of_pictures(folder):
    shutil.copytree(FLOWS / "integritas", folder / "gambar")
    flow = folder / "gambar" / "internal.yaml"
    text = flow.read_text("utf-8").replace(
        "choices: F5N\n", "choices: F5N\n    media: {image: kartu.png}\n", 1
    )
    flow.write_text(text, "utf-8")
    line = text[: text.index("media:")].count("\n") + 1
    said = bad("check", "gambar")
    assert f"gambar/internal.yaml:{line}:20: error: [media-missing]" in said
    (folder / "gambar" / "media").mkdir()
    (folder / "gambar" / "media" / "kartu.png").write_bytes(png())
    assert "no error found" in good("check", "gambar")
    (folder / "gambar" / "media" / "lain.png").write_bytes(png())
    assert "gambar/media/lain.png:1:1: warning: [unused-media]" in good("check", "gambar")
    (folder / "gambar" / "media" / "kartu.png").write_bytes(b"no picture")
    assert f"gambar/internal.yaml:{line}:20: error: [media-type]" in bad("check", "gambar")


def test_check_notes_what_stays_numbered_text_and_finds_it_good_all_the_same(folder):
    shutil.copytree(FLOWS / "integritas", folder / "tombol")
    flow = folder / "tombol" / "internal.yaml"
    text = flow.read_text("utf-8").replace(
        "choices: F5N\n", "choices: F5N\n    appearance: buttons\n"
    )
    flow.write_text(text, "utf-8")
    said = good("check", "tombol")
    place = text[: text.index("appearance:")].count("\n") + 1
    where = f"tombol/internal.yaml:{place}:17: warning: [too-many-buttons]"
    assert f"{where} 7 buttons, WhatsApp shows 1 to 3" in said
    assert "no error found" in said


def test_the_schema_for_editors_is_printed_or_written(folder):
    printed = good("schema")
    assert json.loads(printed)["properties"]["kind"]["enum"][0] == "survey"
    good("schema", "-o", "schema.json")
    assert (folder / "schema.json").read_text("utf-8") == printed
    assert "nowhere" in bad("schema", "-o", "nowhere/schema.json")


def test_check_lists_its_rules(folder):
    assert "unreachable-question" in good("check", "--rules")
    listed = data("check", "--rules")["rules"]
    assert {"name": "unused-flow", "severity": "warning"}.items() <= {
        key: value for one in listed if one["name"] == "unused-flow" for key, value in one.items()
    }.items()


def test_publishing_makes_buttons_which_are_listed_and_the_server_makes_the_rest(
    ready, monkeypatch
):
    shutil.copytree(FLOWS / "integritas", ready / "tombol")
    settings = ready / "tombol" / "survey.yaml"
    text = settings.read_text("utf-8").replace("appearance: text ", "appearance: buttons ")
    settings.write_text(text, "utf-8")
    with FakeTwilio() as twilio:
        monkeypatch.setenv("PUBLIC_BASE_URL", "https://survei.contoh.test")
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", twilio.account_sid)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", twilio.auth_token)
        monkeypatch.setenv("TWILIO_WHATSAPP_FROM", twilio.sender)
        monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.base_url)
        twilio.faults.next("503", on="content")
        assert data("publish", "tombol")["taps"] == 0
        listed = data("contents")["contents"]
        assert listed
        assert {one["id"] for one in listed} == {None}
        assert data("publish", "tombol")["taps"] == 0, "what failed waits a little"
        shutil.rmtree(ready / "tombol" / "tests")
        (ready / "tautan.db").unlink()
        good("migrate")
        assert data("publish", "tombol")["taps"] == len(listed) == len(twilio.contents)
        assert "buttons and lists" in good("contents")
        assert {one["id"] for one in data("contents")["contents"]} == set(twilio.contents)


def test_transcripts_are_played_and_rewritten(folder):
    assert re.search(r"\d\d transcripts played, 0 differ", good("test"))
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    file = folder / "mine" / "tests" / "declined.yaml"
    whole = file.read_text("utf-8")
    file.write_text(whole.replace("Terima kasih", "Terima kasi", 1), "utf-8")
    assert "declined.yaml" in bad("test", "mine")
    assert json.loads(run("test", "mine", "--json").stdout)["failures"]
    good("test", "mine", "--update")
    good("test", "mine")


def test_comments_are_not_lost_when_a_transcript_is_rewritten(folder):
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    file = folder / "mine" / "tests" / "declined.yaml"
    text = file.read_text("utf-8").replace("end:", "# So ends who declines.\nend:")
    file.write_text(text.replace("Terima kasih", "Terima kasi"), "utf-8")
    good("test", "mine", "--update")
    assert file.read_text("utf-8") == text
    strange = "survey: integritas\ngroup: ahli\nscript: [{open: true}, # hello\n  {user: x}]\n"
    file.write_text(strange, "utf-8")
    assert "line 3: `# hello` would be lost" in bad("test", "mine", "--update")
    assert file.read_text("utf-8") == strange


def test_what_no_transcript_visits_is_listed(folder):
    assert "100%" in good("test", "--coverage", "--fail-under", "100")
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    (folder / "mine" / "tests" / "screened-new-staff.yaml").unlink()
    shown = good("test", "mine", "--coverage")
    lines = (folder / "mine" / "internal.yaml").read_text("utf-8").splitlines()
    line = 1 + next(n for n, text in enumerate(lines) if 'end_if: "sar_02' in text)
    told = f"mine/internal.yaml:{line}:5: sar_02: `end_if` never ends an interview"
    assert told in shown
    assert "97.1% visited, and 100% are wanted" in bad("test", "mine", "--fail-under", "100")
    good("test", "mine", "--fail-under", "97")
    found = json.loads(run("test", "mine", "--coverage", "--json").stdout)["coverage"]
    by_flow = {one["flow"]: one for one in found}
    assert by_flow["internal"]["branches"] == {"visited": 9, "of": 10}
    assert [one["line"] for one in by_flow["internal"]["missing"]] == [line]
    assert by_flow["ahli"]["missing"] == []


def test_a_chat_can_be_kept_as_a_transcript(folder):
    shown = good(
        "chat", "integritas", "internal", "--record", "talk.yaml", said="1\nSETUJU\n/end\n"
    )
    assert "Silakan pilih bahasa" in shown
    kept = (folder / "talk.yaml").read_text("utf-8")
    assert "SETUJU" in kept
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    shutil.copy(folder / "talk.yaml", folder / "mine" / "tests" / "talk.yaml")
    good("test", "mine")
    told = bad("chat", "integritas", "internal", "--record", "talk.yaml")
    assert "talk.yaml: exists already" in told
    assert "there are: internal, eksternal, ahli" in bad("chat", "integritas", "warga")
    assert "is it a survey's folder?" in bad("chat", "nowhere", "internal")


TALK = """\
1
SETUJU
/tap sar_01:1
2
/send media
/send location
kembali
3
ubah 1
/tap sar_01:1
/quote sar_02 4

/wait 3d
/wait 999999999d
/quote sar_99 4
/tap
/nonsense
/send nothing
/end
"""


def test_what_is_wrong_in_a_file_is_told_with_its_path_by_every_command(folder):
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    file = folder / "mine" / "internal.yaml"
    assert "no error found" in good("check", str(file)), "a file stands for its folder"
    file.write_text(file.read_text("utf-8").replace("choices: F5N", "choices: F5M", 1), "utf-8")
    place = re.compile(r"mine/internal\.yaml:\d+:\d+: (error: \[unknown-name\] )?no choice list")
    for command in ("check", "test", "paths"):
        assert place.search(bad(command, "mine")), command
    for command in ("chat", "cost"):
        assert place.search(bad(command, "mine", "internal")), command
    assert place.search(bad("graph", "mine", "internal", "-o", "x.svg"))


def test_a_talk_with_everything_in_it_passes_as_a_transcript(folder):
    shown = good("chat", "integritas", "internal", "--record", "talk.yaml", said=TALK)
    assert "Kelompok jabatan" in shown or "kelompok jabatan" in shown
    kept = (folder / "talk.yaml").read_text("utf-8")
    lines = yaml.safe_load(kept)["script"]
    assert lines[0] == {"open": True}
    assert [line for line in lines if "bot" not in line][1:] == [
        {"user": "1"},
        {"user": "SETUJU"},
        {"tap": "sar_01:1"},
        {"user": "2"},
        {"send": "media"},
        {"send": "location"},
        {"user": "kembali"},
        {"user": "3"},
        {"user": "ubah 1"},
        {"tap": "sar_01:1"},
        {"user": "4", "about": "sar_02"},
        {"wait": "3d"},
    ]
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    shutil.move(folder / "talk.yaml", folder / "mine" / "tests" / "talk.yaml")
    good("test", "mine")
    assert (folder / "mine" / "tests" / "talk.yaml").read_text("utf-8") == kept


def test_publish_takes_files_or_leaves_what_was_there(ready):
    first = data("publish", "integritas")
    assert first["survey"] == "integritas"
    shutil.copytree(FLOWS / "integritas", ready / "rusak")
    (ready / "rusak" / "ahli.yaml").write_text("kind: flow\n", "utf-8")
    said = bad("publish", "rusak")
    assert "rusak/ahli.yaml:" in said
    assert "Nothing was published" in said
    ahli = (FLOWS / "integritas" / "ahli.yaml").read_text("utf-8")
    never = ahli + "    relevant: \"sar_01 == '1' and sar_01 == '2'\"\n"
    (ready / "rusak" / "ahli.yaml").write_text(never, "utf-8")
    assert "[unreachable-question]" in bad("publish", "rusak")
    assert data("publish", "integritas") == first
    assert "is it a survey's folder?" in bad("publish", "nowhere")


# the field


def test_a_language_that_is_not_complete_is_one_line_and_said_to_be_missing(ready):
    shutil.copytree(FLOWS / "integritas", ready / "banyak")
    settings = ready / "banyak" / "survey.yaml"
    text = settings.read_text("utf-8").replace("languages: [id, en]", "languages: [id, en, bjn]")
    text = text.replace("en: English}", "en: English, bjn: Banjar}")
    settings.write_text(text.replace("id: Pemerintah Kota Contoh", 'id: "[X]"'), "utf-8")
    found = data("check", "banyak")
    lacking = [one for one in found["findings"] if one["rule"] == "missing-translation"]
    assert len(lacking) > 100
    shown = good("check", "banyak").splitlines()
    (line,) = [one for one in shown if "no text in `bjn`" in one]
    first = min(lacking, key=lambda one: (one["file"], one["line"]))
    assert line.startswith(f"{first['file']}:{first['line']}:")
    assert f"and at {len(lacking) - 1} more places: " in line
    assert "`tautan check --all` lists every place" in line
    assert good("check", "banyak", "--all").count("no text in `bjn`") == len(lacking)
    done = run("publish", "banyak")
    assert done.stderr.count("no text in `bjn`") == 1
    said = " ".join(done.stdout.split())
    assert "languages id, en (bjn not offered: texts are missing)" in said
    assert said.endswith("nobody is invited while 1 place is to fill in")
    found = data("publish", "banyak")
    assert (found["not_offered"], found["to_fill_in"]) == (["bjn"], 1)
    assert len(found["warnings"]) > len(lacking)


def test_units_are_imported_once(ready):
    found = data("units", "import", "units.csv", "--survey", "integritas")
    assert found["unchanged"] == 2
    name = write(ready, "bad.csv", "code_list,code,name,zone\nown,U3,Dinas Baru,Mars\n")
    assert "bad.csv:2" in bad("units", "import", name)
    assert "none.csv" in bad("units", "import", "none.csv")


def test_duplicates_are_listed_and_decided_by_number_or_by_workbook(ready):
    with installation(f"sqlite:///{ready / 'tautan.db'}", serving=False) as here:
        published = here.database.read(lambda c: here.surveys.named(c, "integritas"))
        for file, unit in (("a.csv", 1), ("b.csv", 2)):
            take_in(here, published, file, [Listed(unit, "internal", number(1), "Melati")])
    (one,) = data("roster", "duplicates", "integritas")["duplicates"]
    assert (one["kind"], one["counts"], one["other"]["file"]) == ("same_number", "first", "b.csv")
    assert data("roster", "duplicates", "integritas", "--open", "--names") == {"duplicates": []}
    shown = good("roster", "duplicates", "integritas")
    assert "Melati" in shown
    assert "line 2" in shown
    decided = data("roster", "decide", "integritas", str(one["id"]), "--keep", "other")
    assert decided == {"decided": 1, "unchanged": 0}
    good("roster", "duplicates", "integritas", "-o", "ganda.xlsx")
    book = openpyxl.load_workbook(ready / "ganda.xlsx")
    book.worksheets[0].cell(2, book.worksheets[0].max_column).value = "first"
    book.save(ready / "ganda.xlsx")
    assert "decided: 1" in good("roster", "decide", "integritas", "--file", "ganda.xlsx")
    assert data("roster", "duplicates", "integritas")["duplicates"][0]["counts"] == "first"
    assert ".xlsx" in bad("roster", "duplicates", "integritas", "-o", "ganda.csv")
    assert "no such duplicate" in bad("roster", "decide", "integritas", "99", "--keep", "first")
    for wrong in (["1"], ["--keep", "first"], ["1", "--keep", "beide"]):
        assert run("roster", "decide", "integritas", *wrong).exit_code == 2


def test_a_roster_is_checked_without_being_stored_and_imported_once(ready):
    write(ready, "roster.csv", ROSTER)
    good("roster", "check", "roster.csv", "--survey", "integritas")
    assert "0 rows" not in good("roster", "check", "roster.csv")
    first = data("roster", "import", "roster.csv", "-s", "integritas")
    again = data("roster", "import", "roster.csv", "-s", "integritas")
    assert first["counts"] != again["counts"]
    name = write(ready, "half.csv", ROSTER + "internal,Cici,08xx,own:U1\n")
    shown = run("roster", "check", name, "--rejects", "rejects.csv")
    assert "half.csv:4" in shown.stderr
    assert "Cici" in (ready / "rejects.csv").read_text("utf-8-sig")
    assert "none.csv" in bad("roster", "check", "none.csv")
    assert "nothing" in bad("roster", "import", "roster.csv", "-s", "nothing")


def test_what_is_odd_in_a_row_that_counts_is_shown_without_a_flood(ready):
    head = "kelompok,nama,hp_wa,hp_lain,email,unit\n"
    lines = [f"ahli,N{n},0812000004{n:02},,bukan-email,own:U1" for n in range(12)]
    lines += ["ahli,Asing,+6591234567,,,own:U1", "ahli,Lain,,081200000431,,own:U1"]
    name = write(ready, "list.csv", head + "\n".join(lines) + "\n")
    done = run("roster", "check", name)
    assert done.stderr.splitlines() == [
        (
            "look at list.csv:2:5: email: not an e-mail address; it was left out; write name@domain"
            " (also lines 3, 4, 5, 6 and 7 more)"
        ),
        "look at list.csv:14:3: hp_wa: another country's number; check that it is meant",
        (
            "look at list.csv:15:4: hp_lain: the only number of the row; it was taken; put it into"
            " hp_wa"
        ),
    ]
    assert "an import would add 14, change 0 and take 0 off the list" in done.stdout
    assert "list.csv: 14 rows" in done.stdout
    many = [f"ahli,N{n},0812000004{n:02},,,own:U1,bahasa {n}" for n in range(12)]
    text = head.replace("unit\n", "unit,bahasa\n") + "\n".join(many)
    done = run("roster", "import", write(ready, "b.csv", text), "-s", "integritas")
    assert len(done.stderr.splitlines()) == 11
    assert "and 2 other kinds of remarks; --json lists all" in done.stderr
    assert "added 12, changed 0, gone 0" in done.stdout


def test_what_is_missing_is_called_what_the_guide_calls_it(ready):
    name = write(ready, "a.csv", "a,b\n1,2\n")
    said = bad("units", "import", name)
    for column in ("daftar_kode", "kode", "nama"):
        assert f"no column '{column}'; add a column with the heading '{column}'" in said
    assert "no column 'hp'" in bad("coordinators", "import", name, "-s", "integritas")
    name = write(ready, "b.csv", "hp_wa\n081200000101\n")
    said = bad("roster", "check", name)
    assert "one group for all rows with --group" in said
    assert "one for all rows with --unit" in said
    name = write(ready, "c.csv", "")
    assert "c.csv:1:1: the file is empty" in bad("units", "import", name)
    assert "c.csv:1:1: the file is empty" in bad("roster", "check", name)


def test_files_with_rows_to_mend_are_csv(ready):
    name = write(ready, "list.csv", ROSTER)
    assert "end the name in .csv" in bad("roster", "check", name, "--rejects", "perbaikan.xlsx")
    assert not (ready / "perbaikan.xlsx").exists()


def test_a_guess_at_a_heading_is_confirmed_and_remembered(ready):
    text = "kelompok,nama,Nomer WA aktif,unit\ninternal,Ani,081200000101,own:U1\n"
    name = write(ready, "list.csv", text)
    said = bad("roster", "import", name, "-s", "integritas")
    assert '--map "Nomer WA aktif=hp_wa"' in said
    assert data("roster", "check", name, "--yes")["counts"] == {"accepted": 1}
    bad("roster", "check", name, "--map", "Nomer WA aktif")
    shown = run(
        *("roster", "import", name, "-s", "integritas", "--institution", "own:U1"),
        *("--map", "Nomer WA aktif=hp_wa"),
    )
    assert shown.exit_code == 0, shown.output
    assert "1 heading remembered for Dinas Contoh" in shown.stderr
    shown = run("roster", "check", name, "--institution", "own:U1")
    assert "confirmed before" in shown.stderr


def test_lines_that_are_nobodys_rows_are_named(ready):
    name = write(ready, "list.csv", ROSTER + "Jumlah,2,,\n")
    assert "line 4: a sum" in run("roster", "check", name).stderr
    assert data("roster", "check", name)["left_out"] == [{"sheet": "", "line": 4, "why": "a sum"}]


def test_a_template_is_written(ready):
    assert "Petunjuk" in good("roster", "template", "-o", "templat.xlsx", "-s", "integritas")
    assert (ready / "templat.xlsx").stat().st_size > 5000
    assert ".xlsx" in bad("roster", "template", "-o", "templat.csv")


def test_coordinators_are_imported(ready):
    text = "hp_wa,unit,jam,nama\n081200000201,own:U1,08:00,Dodi\n"
    name = write(ready, "posts.csv", text)
    good("coordinators", "import", name, "--survey", "integritas")
    data("coordinators", "import", name, "--survey", "integritas")
    wrong = write(ready, "wrong.csv", text.replace("08:00", "25:00"))
    assert "wrong.csv:2" in bad("coordinators", "import", wrong, "--survey", "integritas")


def test_coordinators_are_listed_exported_edited_and_replaced(ready):
    text = "nomer whatsap,unit,jam,nama\n081200000201,own:U1,08:00,Dodi\n081200000202,,08:00,Ani\n"
    name = write(ready, "posts.csv", text)
    assert "is probably phone" in bad("coordinators", "import", name, "-s", "integritas")
    assert "added: 2" in good("coordinators", "import", name, "-s", "integritas", "--yes")
    listed = data("coordinators", "list", "integritas")["posts"]
    assert [(one["unit"], one["state"]) for one in listed] == [("", "active"), ("own:U1", "active")]
    shown = good("coordinators", "list", "integritas")
    assert "Dodi" not in shown
    assert "8120000" not in shown
    post = str(listed[1]["post"])
    assert "changed: phone, hour" in good(
        *("coordinators", "edit", post, "--phone", "081200000203", "--hour", "09:00")
    )
    away = ("--away", "2027-01-04..2027-01-15", "--deputy", "0812-0000-0204")
    assert data("coordinators", "edit", post, *away)["changed"] == [
        *("away_from", "away_until", "deputy")
    ]
    assert "there is no such post" in bad("coordinators", "edit", "99", "--hour", "09:00")
    assert "2 posts" in good("coordinators", "export", "integritas", "-o", "out.xlsx")
    assert ".xlsx or .csv" in bad("coordinators", "export", "integritas", "-o", "out.pdf")
    assert not (ready / "out.pdf").exists()
    done = data("coordinators", "import", "out.xlsx", "-s", "integritas", "--replace")
    assert (done["unchanged"], done["gone"]) == (2, 0)
    assert "removed" in good("coordinators", "edit", post, "--remove")
    assert run("coordinators", "import", "out.xlsx", "-s", "integritas").exit_code == 1
    name = write(ready, "one.csv", "phone\n081200000205\n")
    done = run("coordinators", "import", name, "-s", "integritas")
    assert "--replace removes them" in " ".join(done.stderr.split())
    change_opt_outs()
    done = run("coordinators", "list", "integritas")
    assert "wants no reports" in done.stdout
    assert "cannot be reached" in done.stderr


def change_opt_outs():
    """Let every coordinator have written BERHENTI to a report."""
    from sqlalchemy import insert, select

    from bot.config import Settings
    from storage.database import Database
    from storage.models import Address, OptOut

    database = Database(Settings.from_env().database_url, serving=False)
    macs = database.read(lambda c: list(c.execute(select(Address.hmac)).scalars()))
    values = [{"hmac": one, "purpose": "coordinator", "since": date(2026, 11, 23)} for one in macs]
    database.write(lambda c: c.execute(insert(OptOut), values))
    database.close()


def test_how_clean_a_roster_is_and_rows_that_come_back(ready):
    write(ready, "roster.csv", ROSTER)
    good("roster", "import", "roster.csv", "-s", "integritas")
    done = data("roster", "report", "integritas", "-o", "perbaikan")
    assert done["usable"] == 2
    assert done["units"][0]["fields"] == {"hp_wa": 1, "email": 0, "tmt": 0}
    assert "Rosters of integritas" in good("roster", "report", "integritas", "--unit", "own:U1")
    assert "own:U9" in bad("roster", "report", "integritas", "--unit", "own:U9")
    back = write(ready, "kembali.csv", "nama,perbaikan,rujukan\nAni,081200000101,1-AAAA\n")
    assert data("roster", "mend", back, "-s", "integritas")["counts"] == {"damaged": 1}
    assert "damaged" in good("roster", "mend", back, "-s", "integritas")


def test_links_are_made_once_and_written(ready):
    first = data("links", "integritas", "--number", "+6281200000999")
    assert first["created"] == 6
    assert all(one["url"].startswith("https://wa.me/6281200000999?") for one in first["links"])
    shown = good("links", "integritas", "--output", "links.csv", "--number", "+6281200000999")
    assert "0 new, 6 kept" in shown
    assert (ready / "links.csv").stat().st_size > 100
    number = ("--number", "+6281200000999")
    assert ".csv, .xlsx or .json" in bad("links", "integritas", "-o", "links.pdf", *number)
    assert "own:U9" in bad("links", "integritas", "--unit", "own:U9", *number)
    assert "TWILIO_WHATSAPP_FROM" in bad("links", "integritas")
    day = f"{datetime.now(UTC) + timedelta(days=60):%Y-%m-%d}"
    dated = good("links", "integritas", "--expires", day, "--unit", "own:U1", *number)
    assert "links: 0 new, 0 kept, 3 changed (cap or last day)" in dated
    over = bad("links", "integritas", "--expires", "2020-01-01", *number)
    assert "over already" in over
    assert "today or a later day" in over


@pytest.mark.parametrize(
    "written", ["0812-0000-0999", "+62 812 0000 0999", "whatsapp:+6281200000999"]
)
def test_our_number_is_read_as_people_write_it(ready, written):
    first = data("links", "integritas", "--number", written)["links"][0]
    assert first["url"].startswith("https://wa.me/6281200000999?")


def test_our_number_may_be_a_landline_and_what_is_none_is_named(ready):
    first = data("links", "integritas", "--number", "+62 21 5550 0100")["links"][0]
    assert first["url"].startswith("https://wa.me/622155500100?")
    for wrong in ("81", "nomor kantor", "0812-0000-0999 / 0812-0000-0998"):
        assert f"--number {wrong}: no telephone number" in bad(
            "links", "integritas", "--number", wrong
        )


def test_personal_links_go_to_a_file_only_its_owner_reads(ready):
    write(ready, "roster.csv", ROSTER)
    good("roster", "import", "roster.csv", "-s", "integritas")
    shown = good("links", "integritas", "--personal", "-o", "p.csv", "--number", "+6281200000999")
    assert "2 written" in shown
    assert (ready / "p.csv").stat().st_mode & 0o077 == 0
    assert "wa.me" not in shown, "nobody's link is shown on a screen"


def test_posters_are_printed_and_codes_written_alone(ready):
    number = ("--number", "+6281200000999")
    group = ("--group", "eksternal", "--unit", "own:U1")
    printed = data("posters", "integritas", *group, "-o", "p.pdf", "--format", "tent", *number)
    assert (printed["posters"], printed["created"], printed["left_out"]) == (1, 1, [])
    assert (ready / "p.pdf").read_bytes()[:5] == b"%PDF-"
    shown = good("posters", "integritas", *group, "-o", "qr", "--format", "svg", *number)
    assert "1 written to qr; links: 0 new, 1 kept" in shown
    assert len(list((ready / "qr").glob("own-U1-eksternal-*.svg"))) == 1
    other = ("--qr-text", "https://spi.contoh.example/isi", "--language", "id")
    assert data("posters", "integritas", *other, "-o", "o.pdf")["created"] == 0
    assert "end the name in .pdf" in bad("posters", "integritas", "-o", "p.png", *number)
    assert "no words in 'bjn'" in bad(
        "posters", "integritas", "-o", "x.pdf", "--language", "bjn", *number
    )
    assert "TWILIO_WHATSAPP_FROM" in bad("posters", "integritas", "-o", "x.pdf")
    bad("posters", "integritas", "-o", "x.pdf", "--format", "a3", *number, code=2)
    assert not (ready / "x.pdf").exists()


def test_the_ledger_of_a_fresh_survey_is_empty(ready):
    found = data("links", "ledger", "integritas")
    assert (found["posters"], found["personal"]) == ([], [])
    assert "posters before" in good("links", "ledger", "integritas")
    assert "did you mean" in bad("links", "ledger", "integrita")


def test_e_mails_are_a_dry_run_until_they_are_meant(ready, monkeypatch):
    text = "kelompok,nama,hp_wa,email,unit\nahli,Ahli Satu,,satu@contoh.example,own:U1\n"
    write(ready, "roster.csv", text)
    good("roster", "import", "roster.csv", "-s", "integritas")
    assert data("mail", "integritas")["people"] == 1
    assert "Nothing was written" in good("mail", "integritas", "--dry-run")
    number = ("--number", "+6281200000999")
    assert "set SMTP_HOST" in bad("mail", "integritas", "--yes", *number)
    bad("mail", "integritas", "--yes", "--dry-run", code=2)
    with FakeSmtp() as server:
        monkeypatch.setenv("SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("SMTP_PORT", str(server.port))
        monkeypatch.setenv("SMTP_SECURITY", "none")
        monkeypatch.setenv("SMTP_FROM", "Survei <survei@contoh.go.id>")
        good("mail", "integritas", "--to", "saya@contoh.example", *number)
        fast = ("--per-minute", "6000", *number)
        server.fail("drop", at="dot")
        said = run("mail", "integritas", "--yes", *fast).stderr
        assert "1 may have arrived or not" in said
        assert "@contoh.go.id>" in said
        done = data("mail", "integritas", "--yes", "--again", *fast)
        assert (done["sent"], done["unknown"]) == (1, 0)
        assert data("mail", "integritas")["by_status"] == {"sent": 1}
        assert [one.recipient for one in server.letters] == [
            "saya@contoh.example", "satu@contoh.example", "satu@contoh.example",
        ]  # fmt: skip
        server.fail("drop", at="connect")
        assert "cannot be used" in bad("mail", "integritas", "--yes", *fast)
    assert "no more e-mail" in good("mail", "integritas", "--stop", "satu@contoh.example")
    assert "--stop foo: no e-mail address" in bad("mail", "integritas", "--stop", "foo")


def test_publishing_says_what_is_allowed_and_unwise(ready):
    shutil.copytree(ROOT / "flows" / "integritas", ready / "integritas")
    settings = (ready / "integritas" / "survey.yaml").read_text("utf-8")
    write(ready, "integritas/survey.yaml", settings.replace("opens: 2026-11", "opens: 2026-10"))
    (told,) = data("publish", "./integritas")["warnings"]
    assert "August to October" in told


def test_a_launch_is_a_dry_run_until_it_is_meant(ready):
    write(ready, "roster.csv", ROSTER)
    good("roster", "import", "roster.csv", "-s", "integritas")
    plan = data("launch", "integritas")
    assert plan["to_invite"] == 2
    assert data("launch", "integritas")["to_invite"] == 2
    assert "Nothing was written" in good("launch", "integritas")
    assert data("launch", "integritas", "--dry-run")["limit"] is None
    assert "Nobody has finished a pilot" in bad("launch", "integritas", "--go")
    said = good("launch", "integritas", "--go", "--yes")
    when = r"20\d\d-\d\d-\d\d at \d\d\.\d\d"
    assert re.search(
        rf"^Wave 1: 2 people are invited; the first .* {when}, the last on {when} \(Asia/Jak", said
    )
    after = good("launch", "integritas")
    assert "to invite 0; invited before or in a conversation 2 (2 and 0);" in after
    assert "invited or in conversation" in after
    assert "Nobody is invited" in good("launch", "integritas", "--go", "--yes")


def test_a_launch_goes_in_waves_that_can_be_held_up(ready):
    write(ready, "roster.csv", ROSTER)
    good("roster", "import", "roster.csv", "-s", "integritas")
    for wrong in (["--share", "0"], ["--share", "20%", "--people", "1"], ["--go", "--pause"]):
        assert run("launch", "integritas", *wrong).exit_code == 2
    plan = data("launch", "integritas", "--people", "1", "--response", "50%")
    assert (plan["to_invite"], plan["wanted"]) == (1, {"people": 1})
    assert plan["estimate"]["expected"]["response"] == 0.5
    assert data("launch", "integritas", "--people", "1", "--go", "--yes")["wave"] == 1
    assert "wave 1 is paused: 1 invitation waits; replies" in good(
        "launch", "integritas", "--pause"
    )
    assert data("launch", "integritas", "--resume")["invitations"] == 1
    assert "paused" not in good("launch", "integritas", "--waves")
    stopped = data("launch", "integritas", "--stop", "--wave", "1")
    assert (stopped["state"], stopped["invitations"]) == ("stopped", 1)
    assert data("launch", "integritas", "--waves")["waves"][0]["people"] == 0
    assert data("launch", "integritas")["to_invite"] == 2
    assert "there is no wave 9" in bad("launch", "integritas", "--stop", "--wave", "9")


def test_colleagues_try_a_survey_out_and_are_forgotten(ready):
    assert "who tries it out?" in bad("launch", "integritas", "--pilot")
    asked = ("launch", "integritas", "--pilot", "--groups", "ahli", "--to")
    assert "this is no mobile phone number" in bad(*asked, "Ani:12")
    assert "Pilot 1: 1 colleague is invited. `tautan" in good(*asked, "Ani:+6281200000701")
    assert data("launch", "integritas", "--waves")["waves"][0]["kind"] == "pilot"
    (ani,) = data("pilot", "integritas")["people"]
    assert (ani["name"], ani["status"]) == ("Ani", "invited")
    assert "Ani" in good("pilot", "integritas")
    assert "the answers of 1 person are gone" in good("pilot", "integritas", "--wipe")
    assert "Nobody." in good("pilot", "integritas")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("launch", "integritas", "--units", "own:U9"), "units: "),
        (("launch", "integritas", "--groups", "lain"), "groups: there is no group 'lain'"),
        (("launch", "integritas", "--pause"), "integritas: no wave is running; `--waves` lists"),
        (("launch", "integritas", "--resume"), "integritas: no wave is paused;"),
        (("launch", "integritas", "--stop"), "integritas: no wave is running or paused;"),
        (("senders", "set", "+6281200000999", "--per-second", "1"), "senders: +6281200000999 is"),
        (("coordinators", "edit", "99", "--name", "Ani"), "post 99: "),
        (("links", "integritas", "--number", "+6281200000999", "--unit", "x"), "integritas: "),
        (("kit", "integritas", "-o", "units.csv"), "units.csv: there is a file of this name"),
        (("kit", "integritas", "-o", "x", "--language", "zz"), "--language: the kit has no words"),
    ],
)
def test_what_is_no_file_has_no_line_and_column(ready, arguments, said):
    shown = bad(*arguments)
    assert shown.startswith(said)
    assert ":1:1" not in shown


def test_progress_shows_the_published_counts(ready):
    assert "no snapshot yet" in good("progress", "integritas")
    assert data("progress", "integritas")["day"] is None


def test_reports_tells_what_coordinators_were_shown(ready):
    assert "0 reports" in good("reports", "integritas")
    assert data("reports", "integritas", "--day", "2026-11-23")["reports"] == []
    assert "write a date as" in bad("reports", "integritas", "--day", "today")


def test_export_writes_what_is_mixed_with_its_codebook(ready):
    assert "0 responses" in good("export", "integritas", "--format", "csv")
    assert (ready / "integritas.csv").exists()
    found = data("export", "integritas", "--format", "jsonl", "-o", "out.jsonl", "--labels")
    assert found["rows"] == 0
    said = bad("export", "integritas", "-o", "no/such/folder/x.xlsx")
    assert said.startswith("no/such/folder/x.xlsx: there is no such file or folder")
    assert "integritas.csv, in place of the file" in good(
        "export", "integritas", "-o", "integritas.csv"
    )
    assert "in place" not in good("export", "integritas")


def test_a_file_is_what_its_name_says(ready):
    write(ready, "x.csv", "mine\n")
    assert "x.csv: --format xlsx writes no .csv" in bad(
        "export", "integritas", "--format", "xlsx", "-o", "x.csv"
    )
    assert "end the name in .csv, .jsonl, .xlsx" in bad("export", "integritas", "-o", "x.txt")
    assert (ready / "x.csv").read_text("utf-8") == "mine\n"
    assert data("export", "integritas", "-o", "x.jsonl")["path"] == "x.jsonl"
    assert "no labels in 'zz'" in bad("export", "integritas", "--labels", "--language", "zz")


def test_what_commands_write_by_default_is_not_taken_for_code(ready):
    good("export", "integritas", "--format", "csv")
    good("export", "integritas", "--format", "jsonl")
    good("export", "integritas")
    new = sorted(one.name for one in ready.glob("integritas*"))
    assert len(new) == 4
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "check-ignore", *new, "integritas.files/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == [*new, "integritas.files/"]


def test_alerts_are_cleared_by_a_kind_that_there_is(ready):
    assert "none of the kind 'nope'; nothing waits" in bad("alerts", "--clear", "nope")
    with installation(f"sqlite:///{ready / 'tautan.db'}") as here:
        here.database.write(lambda c: alert(c, "code:63041", "A template is paused.", here.now()))
    said = bad("alerts", "--clear", "code:63040")
    assert said == "alerts: there is none of the kind 'code:63040'; there are: code:63041"
    assert "Nothing to mend" in good("alerts", "--clear", "code:63041")
    assert "Nothing to mend" in good("alerts", "--clear", "all")


def test_the_audit_of_an_empty_survey_links_nobody(ready):
    assert "nobody is linked" in good("audit-anonymity", "integritas")
    assert data("audit-anonymity", "integritas")["found"] in ([], ())
    assert "none.log" in bad("audit-anonymity", "integritas", "--log", "none.log")


def test_closing_warns_first_and_can_be_repeated(ready):
    assert "Nothing was done" in good("close", "integritas")
    said = good("close", "integritas", "--yes")
    assert "integritas is closed: 0 finished answers mixed in 0 lots, 0 deleted" in said
    assert "The survey's key is destroyed." in said
    assert "Traces" not in said
    for words in (["close", "integritas"], ["close", "integritas", "--yes"]):
        assert good(*words).startswith("integritas is closed already; there")
    assert data("close", "integritas", "--yes")["before"] is True
    said = bad("publish", "integritas", "--policy", "move")
    assert "integritas is closed, since" in said
    assert "closed for good: integritas" in good("doctor")


def test_forgetting_takes_a_number_as_people_write_it(ready):
    write(ready, "roster.csv", ROSTER)
    good("roster", "import", "roster.csv", "-s", "integritas")
    assert data("forget", "0812-0000-0101")["roster_rows"] == 1
    assert data("forget", "ID.1000000000000001", "--opt-out")["known"] is False
    said = bad("forget", "12")
    assert "08…, +62… or ID.…" in said
    bad("forget", "Ani")


def test_consents_are_counted_for_a_survey_and_shown_for_one_person(ready):
    log = data("consents", "integritas")
    assert log == {"survey": "integritas", "consents": [], "ways": []}
    assert "Consents to integritas" in good("consents", "integritas")
    assert data("consents", "--address", "0812-0000-0101")["known"] is False
    assert "no contact has this address" in good("consents", "--address", "+6281200000101")
    assert "08…, +62… or ID.…" in bad("consents", "--address", "12")
    assert "nothing" in bad("consents", "nothing")
    bad("consents", code=2)
    bad("consents", "integritas", "--address", "+6281200000101", code=2)


def test_redaction_says_that_it_has_not_run_where_there_is_no_provider(ready):
    assert data("redaction", "--run") == {"emptied": 0, "senders": []}
    assert "has not run yet" in good("redaction")
    assert "Twilio is not set up" in bad("redaction", "--since", "2026-11-01")


def test_redaction_empties_from_a_day_on_and_shows_until_when(ready, monkeypatch):
    with FakeTwilio() as twilio:
        for name, value in {
            "TWILIO_ACCOUNT_SID": twilio.account_sid,
            "TWILIO_AUTH_TOKEN": twilio.auth_token,
            "TWILIO_WHATSAPP_FROM": twilio.sender,
            "TWILIO_API_BASE_URL": twilio.base_url,
            "PUBLIC_BASE_URL": "https://survei.contoh.test",
        }.items():
            monkeypatch.setenv(name, value)
        long_ago = datetime.now(UTC) - timedelta(days=4)
        sid = "SM" + "1" * 32
        twilio.messages[sid] = Record(
            sid, "inbound", "whatsapp:+6281200000101", twilio.sender, "halo", long_ago, "received"
        )
        day = f"{long_ago - timedelta(days=1):%Y-%m-%d}"
        found = data("redaction", "--since", day, "--run")
        assert found["emptied"] == 1
        assert twilio.messages[sid].body == ""
        assert found["senders"][0]["since"].startswith(day)
        assert 3600 <= found["senders"][0]["behind_seconds"] < 3700
        assert f"{twilio.sender}: nothing is left of {day}" in good("redaction")


def test_purging_says_what_it_deleted(ready):
    assert good("purge") == "Nothing had outlived its purpose.\n"
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with installation(f"sqlite:///{ready / 'tautan.db'}") as here:
        here.database.write(
            lambda one: one.execute(insert(DailyMark).values(hmac=bytes(32), day=yesterday))
        )
    assert good("purge") == "Deleted: 1 marks of what an address was told on a day.\n"
    assert data("purge")["clean"] is True


# processes


def test_templates_need_whatsapp(ready):
    for name in ("sync", "submit", "status"):
        assert "set TWILIO_ACCOUNT_SID" in bad("templates", name, "integritas")


def test_templates_go_from_words_to_approval(ready, monkeypatch):
    with FakeTwilio() as twilio:
        monkeypatch.setenv("PUBLIC_BASE_URL", "https://survei.contoh.test")
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", twilio.account_sid)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", twilio.auth_token)
        monkeypatch.setenv("TWILIO_WHATSAPP_FROM", twilio.sender)
        monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.base_url)
        assert "no survey 'integrtas'" in bad("templates", "sync", "integrtas")
        assert "run `tautan templates sync`" in good("templates", "status", "integritas")
        assert "run `tautan templates sync`" in bad("templates", "submit", "integritas")
        shown = good("templates", "sync", "integritas")
        assert "made: 12, submitted: 0" in shown
        assert "run `tautan templates submit`" in shown
        assert data("templates", "submit", "integritas")["submitted"] == 12
        for sid, content in twilio.contents.items():
            english = content.language == "en"
            twilio.judge(sid, "rejected" if english else "approved", "bahasa" if english else "")
        lines = data("templates", "status", "integritas")["lines"]
        assert {(one["language"], one["status"], one["usable"]) for one in lines} == {
            ("id", "approved", True),
            ("en", "rejected", False),
        }
        shown = good("templates", "status", "integritas")
        assert "is rejected by WhatsApp: bahasa; change the words" in shown
        assert "MARKETING" in shown
        assert "made: 4, submitted: 4" in good("templates", "submit", "integritas", "--again")
        twilio.faults.next("503", on="content")
        assert "Twilio" in bad("templates", "status", "integritas")
        assert "template invite in 'en' is received" in bad("launch", "integritas")


def test_migrate_does_it_once(folder):
    assert "brought to this version" in good("migrate")
    assert "Nothing to do" in good("migrate")


def test_a_worker_is_not_for_sqlite(ready):
    assert "one process serves the file" in bad("worker")


def test_a_demo_refuses_credentials_and_real_installations(ready, monkeypatch):
    assert "cannot become a demo" in bad("demo", "--days", "1")
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://survei.contoh.test")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "0" * 32)
    monkeypatch.setenv("TWILIO_WHATSAPP_FROM", "whatsapp:+6281200000999")
    assert "Twilio" in bad("demo", "--days", "1")
    bad("run", "--demo", code=2)


def test_a_demo_refuses_credentials_of_meta_too(folder, monkeypatch):
    monkeypatch.setenv("CLOUD_ACCESS_TOKEN", "x")
    monkeypatch.setenv("CLOUD_PHONE_NUMBER_ID", "106540352242922")
    monkeypatch.setenv("CLOUD_APP_SECRET", "x")
    monkeypatch.setenv("CLOUD_VERIFY_TOKEN", "x")
    assert "CLOUD_" in bad("demo", "--days", "1")
    bad("run", "--demo", code=2)


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start(folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.Popen(
        [sys.executable, "-c", "from bot.cli import main; main()", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "FLOWS_DIR": str(FLOWS), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def served(tmp_path: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    process = start(tmp_path, "run", PORT=str(port))
    with process:
        try:
            yield process
        finally:
            process.kill()


def ask(port: int, path: str) -> tuple[int, str]:
    end = time.monotonic() + 40
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def test_run_makes_its_key_serves_says_where_and_ends_in_order(served, port, tmp_path):
    assert ask(port, "/ready")[0] == 200
    assert (tmp_path / "tautan.key").stat().st_mode & 0o077 == 0
    assert ask(port, "/simulator")[0] == 200
    served.send_signal(signal.SIGTERM)
    out, err = served.communicate(timeout=40)
    assert served.returncode == 0, err
    assert f"http://127.0.0.1:{port}/simulator" in out
    assert "Traceback" not in err


def test_a_second_run_on_one_database_is_refused_with_words(served, port, tmp_path):
    ask(port, "/ready")
    second = start(tmp_path, "run", PORT=str(port + 1 if port < 65535 else port - 1))
    out, err = second.communicate(timeout=40)
    assert second.returncode == 1, out + err
    assert f"process {served.pid} already serves tautan.db" in err
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_said(served, port, tmp_path):
    ask(port, "/ready")
    other = start(tmp_path, "run", PORT=str(port), DATABASE_URL="sqlite:///other.db")
    out, err = other.communicate(timeout=40)
    assert other.returncode == 1, out + err
    assert f"127.0.0.1:{port} cannot be listened on: another program has it." in err
    assert f"PORT={port + 1} tautan run" in err
    assert "Traceback" not in err


def test_a_worker_on_postgresql_works_and_ends_in_order(empty_postgres_url, tmp_path):
    environ = {"DATABASE_URL": empty_postgres_url, "TAUTAN_SECRET_KEY": SECRET}
    migrator = start(tmp_path, "migrate", **environ)
    migrator.communicate(timeout=40)
    assert migrator.returncode == 0
    worker = start(tmp_path, "worker", **environ)
    with worker:
        try:
            assert worker.stdout is not None
            assert "worker is running" in worker.stdout.readline()
            worker.send_signal(signal.SIGTERM)
            _, err = worker.communicate(timeout=40)
        finally:
            worker.kill()
    assert worker.returncode == 0, err
    assert "Traceback" not in err


# cost


RATES = """
rates:
  currency: {currency}
  service: 0.02
  utility: 0.02
  marketing: 0.0411
  provider_out: 0.005
  provider_in: 0.005
  free_service: 1000
"""


@pytest.fixture
def rated(folder: Path) -> str:
    """Return a copy of the bundled survey that has rates."""
    shutil.copytree(FLOWS / "integritas", folder / "rated")
    with (folder / "rated" / "survey.yaml").open("a", encoding="utf-8") as file:
        file.write(RATES.format(currency="USD"))
    return "rated"


def test_cost_counts_messages_without_rates(folder):
    shown = good("cost", "integritas", "internal")
    assert "write `rates` into survey.yaml" in shown
    found = data("cost", "integritas", "internal")
    assert found["rates"] is None
    assert found["proved"] is True
    assert found["interview"]["shortest"]["sent"] <= found["interview"]["longest"]["sent"]
    assert found["templates"]["invited, never begins"] == [
        "invite",
        "reminder",
        "reminder_2",
        "last_call",
    ]


def test_cost_gives_money_as_indonesians_write_it(rated):
    found = data("cost", rated, "ahli", "--people", "2000")
    sent = found["interview"]["typical"]["sent"]
    assert float(found["interview"]["typical"]["price"]) == pytest.approx(sent * 0.03)
    assert found["total"]["free"] == 3000
    shown = good("cost", rated, "ahli", "--people", "2000")
    price = f"US${sent * 0.03:.4f}".replace(".", ",")
    assert price in shown
    assert "US$0,0250" in shown
    assert "US$0,0461" in shown
    assert "2.000 typical interviews" in shown
    total = sent * 2000 * 0.03 - 3000 * 0.02
    assert f"US${total:,.2f}".translate(str.maketrans(",.", ".,")) in shown


def test_cost_counts_no_sen(folder, rated):
    path = folder / rated / "survey.yaml"
    text = path.read_text("utf-8").replace("USD", "IDR").replace("service: 0.02", "service: 356.65")
    path.write_text(text, "utf-8")
    assert re.search(r"Rp\d\.\d{3}\b(?!,)", good("cost", rated, "internal"))


def test_cost_fits_a_narrow_terminal(rated, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = good("cost", rated, "internal")
    assert "…" not in shown


# paths


def test_paths_proves_that_every_way_of_the_bundled_survey_ends(folder):
    shown = good("paths", "integritas")
    assert "integritas, internal: 25 questions, 6 ways" in shown
    assert "Every one of these 6 ends; 3 kinds of ending." in shown
    assert "screened out after 2 sar_02" in shown
    assert shown.count("Each was played through the engine.") == 3
    assert "says 7–10, which fits" in shown
    for found in data("paths", "integritas")["groups"]:
        assert found["all_counted"]
        assert found["all_end"]
        assert found["played"] == found["ways"] == sum(one["ways"] for one in found["endings"])


def test_paths_lists_ways_as_answers(folder):
    shown = good("paths", "integritas", "ahli", "--list", "2")
    assert "1. sar_01 → sar_02 1 / 2 / 3 → trs_01 → " in shown
    assert "2. sar_01 → sar_02 4 → screened out after 2 sar_02" in shown
    (found,) = data("paths", "integritas", "ahli", "--list", "9")["groups"]
    assert [way["ending"] for way in found["list"]] == ["finished", "screened_out"]
    last = found["list"][1]["answers"][-1]
    assert last == {"question": "sar_02", "decides": True, "answers": ["4"]}


def test_paths_gives_money_where_there_are_rates(folder, rated):
    assert "cost" not in good("paths", "integritas", "ahli")
    assert re.search(r"typical .*US\$", good("paths", rated, "ahli"))
    (found,) = data("paths", rated, "ahli")["groups"]
    cost = data("cost", rated, "ahli")["interview"]
    assert found["finished"]["typical"]["price"] == cost["typical"]["price"]


def test_the_pace_of_reading_is_the_surveys(folder):
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    file = folder / "mine" / "survey.yaml"
    slow = "pace: {words_per_minute: 60, seconds_per_answer: 20}\n"
    file.write_text(file.read_text("utf-8") + slow, "utf-8")
    shown = good("paths", "mine", "ahli")
    assert "Minutes: 60 words a minute, 20 seconds for an answer, 30 for one in own" in shown
    assert re.search(r"says 5, but a typical interview takes about 1[2-8]", shown)


def test_paths_says_what_holds_people_for_ever(folder):
    shutil.copytree(FLOWS / "integritas", folder / "mine")
    file = folder / "mine" / "ahli.yaml"
    stuck = '    na: none\n    constraint: "sar_01 == \'1\'"\n    end_if: "sar_02'
    file.write_text(
        file.read_text("utf-8").replace('    na: none\n    end_if: "sar_02', stuck), "utf-8"
    )
    told = "sar_02: no answer was found that its constraint takes"
    assert f"It is not proved that every way ends: {told}" in bad("paths", "mine", "ahli")
    found = json.loads(run("paths", "mine", "ahli", "--json").stdout)["groups"][0]
    assert found["not_proved_to_end"] == {"sar_02": "no answer was found that its constraint takes"}
    assert [one["kind"] for one in found["endings"]] == ["finished", "screened_out", "stuck"]


def test_paths_needs_a_group_that_there_is(folder):
    assert "there are: internal, eksternal, ahli" in bad("paths", "integritas", "intern")
    bad("paths", "nothing")


# graph


def test_graph_draws_svg_png_and_mermaid(folder):
    for name, begin in (("a.svg", b"<svg"), ("a.png", b"\x89PNG"), ("a.mmd", b"flowchart TB")):
        assert f"written: {name}" in good("graph", "integritas", "ahli", "-o", name)
        assert (folder / name).read_bytes().startswith(begin)
    good("graph", "integritas", "ahli", "-o", "en.svg", "--language", "en")
    assert "Which area most urgently" in (folder / "en.svg").read_text("utf-8")


def test_graph_tells_what_it_cannot_draw(folder):
    graph = ("graph", "integritas")
    assert "there are: internal, eksternal, ahli" in bad(*graph, "intern", "-o", "a.svg")
    assert "there are: id, en" in bad(*graph, "ahli", "-o", "a.svg", "--language", "jv")
    assert "has to end in one of .svg, .png, .mmd" in bad(*graph, "ahli", "-o", "a.pdf")
    assert list(folder.iterdir()) == []


def test_cost_needs_a_group_that_there_is(folder):
    assert "there are: internal, eksternal, ahli" in bad("cost", "integritas", "intern")
    bad("cost", "nothing", "internal")


# doctor


def test_doctor_without_twilio_is_content_with_the_simulator(ready):
    shown = good("doctor")
    assert "the simulator is the only channel" in shown
    assert "Nothing is wrong; 1 to know." in shown
    found = data("doctor")
    assert (found["ok"], found["errors"], found["warnings"]) == (True, 0, 1)
    assert {"check", "verdict", "what", "fix", "paste"} == set(found["steps"][0])


def test_doctor_says_what_is_wrong_with_exit_1(folder):
    done = run("doctor")
    assert done.exit_code == 1
    assert "run `tautan migrate`" in done.stdout
    assert list(folder.iterdir()) == []
    done = run("doctor", "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["ok"] is False


def test_doctor_shows_an_address_to_paste_in_one_piece(ready, monkeypatch):
    base = "https://survei.dinas-komunikasi-dan-informatika.kota-contoh.invalid"
    with FakeTwilio() as twilio:
        monkeypatch.setenv("TWILIO_ACCOUNT_SID", twilio.account_sid)
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", twilio.auth_token)
        monkeypatch.setenv("TWILIO_WHATSAPP_FROM", twilio.sender)
        monkeypatch.setenv("TWILIO_API_BASE_URL", twilio.base_url)
        monkeypatch.setenv("PUBLIC_BASE_URL", base)
        monkeypatch.setenv("COLUMNS", "60")
        done = run("doctor")
    assert done.exit_code == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert webhook_urls(base).inbound in lines
    assert "to mend" in lines[-1]
    assert twilio.auth_token not in done.stdout + done.stderr


# editing a survey that is running

SUPERVISORS = (
    '      - name: "3"\n'
    '        label: {id: "Pengawas/administrator", en: "Supervisor/administrator"}\n'
)


@pytest.fixture
def running(folder: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Yield a folder of files of one's own; three people of its survey are at question four."""
    with office(sqlite_url, k="2") as place:
        under_way(place, "1", "2", "3", people=3)
        monkeypatch.setenv("DATABASE_URL", sqlite_url)
        monkeypatch.setenv("FLOWS_DIR", str(folder / "flows"))
        good("pull", "integritas")
        yield folder / "flows" / "integritas"


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "internal.yaml").read_text("utf-8")
    assert old in text
    (folder / "internal.yaml").write_text(text.replace(old, new, 1), "utf-8")


def test_diff_says_what_changed_and_whom_it_touches(running):
    assert "the files and version 1 say the same" in good("diff", "integritas")
    edit(running, SUPERVISORS, "")
    edit(running, "Seberapa setuju Bapak/Ibu", "Seberapa setuju Anda")
    said = good("diff", "integritas")
    assert "break     internal.prf_01: no choice `3` any more\n" in said
    assert "wording   internal.trs_01: the hint\n          3 people are at it; " in said
    assert "3 people are under way with another version, 0 invited." in said
    assert (
        "fewer than 2 people are at it; 3 have answered it; 3 stored answers would become invalid"
        in said
    )
    assert "choose --policy finish-old, move or re-ask" in said
    found = data("diff", "integritas")
    assert (found["from"], found["to"], found["breaks"]) == ("version 1", "the files", True)
    assert found["changes"][0] == {
        "kind": "break",
        "flow": "internal",
        "question": "prf_01",
        "what": "no choice `3` any more",
        "people_at_it": None,
        "answers": 3,
        "invalid_answers": 3,
        "invalid_waiting_answers": 0,
        "pooled_answers": 0,
    }


def test_a_break_is_published_only_with_a_policy_and_people_are_carried_over(running):
    edit(running, SUPERVISORS, "")
    said = bad("publish", "integritas")
    assert "Nothing was published" in said
    assert "--policy re-ask" in said
    assert data("diff", "integritas", "--to", "1")["changes"] == []
    assert "3 people carried over" in good("publish", "integritas", "--policy", "re-ask")
    assert data("publish", "integritas")["moved"] == 0
    found = data("diff", "integritas", "--from", "1", "--to", "2")
    assert [one["what"] for one in found["changes"]] == ["no choice `3` any more"]
    assert "there are 1 to 2" in bad("diff", "integritas", "--to", "3")
    assert "exclude" in bad("diff", "integritas", "--to", "1", "--files", "x", code=2)
    assert "not one of" in bad("publish", "integritas", "--policy", "nonsense", code=2)


def test_files_with_mistakes_are_named_with_their_place(running):
    edit(running, "type: select_one", "type: select_two")
    assert "internal.yaml:14:11: `select_two` is not known here" in bad("diff", "integritas")
    assert "is it a survey's folder?" in bad("diff", "integritas", "--files", "nowhere")


def test_pull_writes_what_is_published_and_nothing_over_ones_own_work(running):
    kept = (running / "internal.yaml").read_bytes()
    assert kept == (FLOWS / "integritas" / "internal.yaml").read_bytes()
    edit(running, SUPERVISORS, "")
    assert "--force replaces them" in bad("pull", "integritas")
    assert data("pull", "integritas", "-o", "elsewhere")["written"] == [
        *("ahli.yaml", "eksternal.yaml", "internal.yaml"),
        *("messages.yaml", "shared.yaml", "survey.yaml"),
    ]
    (running / "warga.yaml").write_text("kind: flow", "utf-8")
    done = run("pull", "integritas", "--force")
    assert done.exit_code == 0
    assert "warga.yaml does not belong to version 1" in done.stderr
    assert (running / "internal.yaml").read_bytes() == kept
    assert "there are 1 to 1" in bad("pull", "integritas", "--version", "2")
