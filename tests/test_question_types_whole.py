"""Dates and places from the webhook to the export, on both databases."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta

import openpyxl
import pytest

from bot.flow.state import State
from bot.interview.surveys import Surveys, publish
from bot.reporting.export.writing import export
from storage.models import Conversation, FlowVersion
from tests.counts import respond
from tests.fake_twilio_person import Person
from tests.rows import change, rows
from tests.setup import bundled_files
from tests.surveys import LAND_FLOW
from tests.whatsapp import Office, office

PLACE = {"Latitude": "-3.3198765", "Longitude": "114.5907512"}


@pytest.fixture
def land(some_url: str) -> Iterator[Office]:
    """An office whose staff are asked about land."""
    with office(some_url) as opened:
        files = bundled_files() | {"internal.yaml": LAND_FLOW}
        settings = files["survey.yaml"]
        files["survey.yaml"] = settings.replace("min_answer_seconds: 2", "min_answer_seconds: 0")
        opened.published = publish(opened.installation, files)
        yield opened


def begun(land: Office, *said: str) -> Person:
    ani = land.twilio.person(phone="+6281200000301", bsuid="ID.1000000000000301")
    for text in (land.link_text(), "1", "SETUJU", *said):
        ani.say(text)
    land.twilio.settle()
    return ani


def state(land: Office) -> State:
    (row,) = rows(land.installation, Conversation)
    with_key = land.installation.database.read(
        lambda connection: land.installation.keys.by_id(connection, row.key_id)
    )
    return State.from_json(with_key.open(row.sealed, f"state:{row.id}"))


def test_a_location_from_whatsapp_is_an_answer(land: Office) -> None:
    ani = begun(land, "2,5", "8", "26/7/2025", "jam 2 siang", "2, 1, 3")
    assert "pilih *Lokasi*" in ani.inbox[-1]
    (reply,) = ani.say("", kind="location", fields=PLACE)
    assert "Biaya, Waktu, Sikap, -3.320, 114.591" in reply
    assert state(land).answers["letak"] == "-3.320 114.591"


def test_a_day_without_blanks_is_no_code_gone_wrong(land: Office) -> None:
    begun(land, "2,5", "8", "26juli2025")
    assert state(land).answers["layanan"] == "2025-07-26"


def test_what_failed_yesterday_means_yesterdays_day(land: Office) -> None:
    land.clock.move(timedelta(hours=11))  # 21:00 in Jakarta
    ani = begun(land, "2,5", "8")
    (version,) = [row for row in rows(land.installation, FlowVersion) if "luas" in row.content]
    change(land.installation, FlowVersion, {"content": '{"internal.yaml": "kind: ["}'})
    land.installation.surveys = Surveys()
    today = land.installation.now().date()
    assert ani.say("hari ini") == []
    change(land.installation, FlowVersion, {"content": version.content})
    land.clock.move(timedelta(hours=5))
    land.sweep("replay")
    assert state(land).answers["layanan"] == today.isoformat()


def test_what_is_stored_can_be_counted(land: Office) -> None:
    answers = {
        "luas": "1000.5",
        "puas": "8",
        "layanan": "2025-07-26",
        "jam": "14:30",
        "utama": '["2","1","3"]',
        "letak": "-3.320 114.591",
    }
    respond(land.installation, land.published, land.unit_id, "internal", answers)
    stream = io.BytesIO()
    export(land.installation, "integritas", "csv", stream)
    (row,) = csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8-sig")))
    plain = {name: row[f"internal.{name}"] for name in answers}
    assert plain == answers | {"utama": "2 1 3"}
    stream = io.BytesIO()
    export(land.installation, "integritas", "jsonl", stream, labels=True)
    told = json.loads(stream.getvalue())["answers"]
    assert told["internal.luas"] == 1000.5
    assert told["internal.utama"] == ["Biaya", "Waktu", "Sikap"]
    stream = io.BytesIO()
    export(land.installation, "integritas", "xlsx", stream)
    sheet = openpyxl.load_workbook(io.BytesIO(stream.getvalue()))
    lines = [[cell.value for cell in line] for line in sheet["data"]]
    told = dict(zip(lines[0], lines[1], strict=True))
    assert told["internal.luas"] == 1000.5
    assert told["internal.letak"] == "-3.320 114.591"
    book = {line[0].value: line for line in sheet["codebook"]}
    headings = [cell.value for cell in book["column"]]
    puas = dict(zip(headings, (cell.value for cell in book["internal.puas"]), strict=True))
    assert (puas["type"], puas["value"]) == ("range", "0–10")
