"""Links of places and of persons: made once, counted, and written for whoever hands them out."""

import csv
import json
import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest
from sqlalchemy import insert, select

from bot.intake.tables import InputError
from bot.interview import codes
from bot.outreach.link_files import Link, write_links
from bot.outreach.links import (
    LinksReport,
    create_links,
    create_personal_links,
    export_links,
    links,
    personal_links,
    wa_me,
)
from bot.outreach.roster.importing import import_roster
from storage.models import Audit, RosterImport, RosterRow
from storage.models import Link as DbLink
from storage.queries import links as queries
from tests.rows import change, rows
from tests.setup import MONDAY, add_unit, installation, publish_bundled

NUMBER = "+6281200000001"


@pytest.fixture
def place(some_url):
    with installation(some_url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        add_unit(made, "Dinas Kedua", code="U2")
        yield made


@pytest.fixture
def local(sqlite_url):
    """SQLite alone, for rules whose statements other tests run on both."""
    with installation(sqlite_url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


def sheet_rows(path):
    """Return a workbook's cells, row by row."""
    sheet = openpyxl.load_workbook(path).worksheets[0]
    return [list(row) for row in sheet.iter_rows()]


def add_people(place, tmp_path, count=3):
    path = tmp_path / "daftar.csv"
    lines = [f"internal,Orang {n},0812000001{n:02},a{n}@contoh.id,U1" for n in range(count)]
    path.write_text("kelompok,nama,hp_wa,email,unit\n" + "\n".join(lines))
    import_roster(place, path, "integritas")


def every(place, source=links):
    return place.database.read(lambda one: list(source(one, place, "integritas", NUMBER)))


def by_place(place):
    return {(link.unit, link.group, link.note): link.code for link in every(place)}


def test_every_unit_and_group_gets_a_link_and_keeps_it(place):
    assert create_links(place, "integritas") == LinksReport(created=6, reused=0)
    before = by_place(place)
    assert len(set(before.values())) == 6
    assert create_links(place, "integritas") == LinksReport(created=0, reused=6)
    assert by_place(place) == before


def test_a_note_makes_another_link_of_the_same_place(local):
    for note in ("Loket 1", "  Loket\n2 ", "Loket 1"):
        create_links(local, "integritas", units=["own:U1"], groups=["eksternal"], note=note)
    assert sorted(by_place(local)) == [
        ("U1", "eksternal", "Loket 1"),
        ("U1", "eksternal", "Loket 2"),
    ]


def test_the_address_opens_a_chat_with_a_text_that_people_understand(local):
    create_links(local, "integritas", units=["U1"], groups=["ahli"])
    link = every(local)[0]
    address = urlsplit(link.url)
    assert (address.scheme, address.netloc, address.path) == ("https", "wa.me", "/6281200000001")
    text = parse_qs(address.query)["text"][0]
    assert text == f"Saya mau mengisi Survei Integritas Kota Contoh. Kode: {link.code}"
    assert "+" not in address.query
    assert " " not in address.query
    assert codes.find(text, strict=True).code == link.code
    row = local.database.read(lambda one: queries.find(one, link.code))
    assert (row.grp, row.starts, row.cap) == ("ahli", 0, None)


def test_signs_in_a_text_survive_the_address():
    text = "Survei R&D 100% + #1? é 🙂"
    url = wa_me("whatsapp:+6281200000001", text)
    assert url.startswith("https://wa.me/6281200000001?text=")
    assert url.isascii()
    assert parse_qs(urlsplit(url).query)["text"] == [text]


def test_starts_are_counted_to_the_cap_and_not_beyond_by_anybody(place):
    create_links(place, "integritas", units=["U1"], groups=["ahli"], cap=5)
    code = every(place)[0].code
    link = place.database.read(lambda one: queries.find(one, code))
    results = []

    def start():
        results.append(place.database.write(lambda one: queries.count_start(one, link.id)))

    threads = [threading.Thread(target=start) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False] * 7 + [True] * 5
    assert place.database.read(lambda one: queries.find(one, code)).starts == 5


def test_a_link_without_a_cap_takes_everybody(local):
    create_links(local, "integritas", units=["U1"], groups=["ahli"])
    link = local.database.read(lambda one: queries.find(one, every(local)[0].code))
    assert all(
        local.database.write(lambda one: queries.count_start(one, link.id)) for _ in range(3)
    )


def test_cap_and_expiry_of_an_old_link_can_be_renewed_but_not_below_its_starts(place):
    create_links(place, "integritas", units=["U1"], groups=["ahli"], cap=2)
    link = place.database.read(lambda one: queries.find(one, every(place)[0].code))
    for _ in range(2):
        place.database.write(lambda one: queries.count_start(one, link.id))
    until = MONDAY + timedelta(days=5)
    create_links(place, "integritas", units=["U1"], groups=["ahli"], cap=3, expires_at=until)
    renewed = place.database.read(lambda one: queries.find(one, link.code))
    assert (renewed.cap, renewed.starts, renewed.expires_at) == (3, 2, until)
    with pytest.raises(InputError, match="use a higher cap"):
        create_links(place, "integritas", units=["U1"], groups=["ahli"], cap=1)


def test_links_that_get_another_cap_or_last_day_are_counted_and_noted(place):
    create_links(place, "integritas", units=["U1"])
    until = MONDAY + timedelta(days=5)
    assert create_links(place, "integritas", groups=["ahli"], expires_at=until) == LinksReport(
        created=1, reused=0, changed=1
    )
    again = create_links(place, "integritas", units=["U1"], expires_at=until)
    assert again == LinksReport(created=0, reused=1, changed=2)
    noted = [json.loads(row.detail) for row in rows(place, Audit) if row.what == "links"]
    assert noted[-1] == {"survey": "integritas", "created": 0, "reused": 1, "changed": 2}


def test_no_past_day_takes_the_life_of_links_that_hang(place, tmp_path):
    add_people(place, tmp_path)
    until = MONDAY + timedelta(days=60)
    create_links(place, "integritas", expires_at=until)
    past = MONDAY - timedelta(seconds=1)
    for make in (create_links, create_personal_links):
        with pytest.raises(InputError, match="over already"):
            make(place, "integritas", expires_at=past)
    assert {link.expires_at for link in every(place)} == {until}
    assert every(place, personal_links) == []


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"groups": ["intern"]}, "did you mean 'internal'"),
        ({"units": ["own:U3"]}, "there is no unit 'own:U3'"),
        ({"cap": 0}, "lets nobody in"),
        ({"note": "x" * 201}, "201 characters"),
        ({"expires_at": MONDAY}, "the last day is over already.*; use today or a later day"),
        ({"expires_at": datetime(2027, 1, 1)}, "no time zone"),  # noqa: DTZ001
    ],
)
def test_wrong_wishes_are_refused_and_make_nothing(local, wishes, message):
    with pytest.raises(InputError, match=message):
        create_links(local, "integritas", **wishes)
    assert every(local) == []


def test_a_survey_without_units_says_what_to_do(sqlite_url):
    with installation(sqlite_url) as made:
        publish_bundled(made)
        with pytest.raises(InputError, match="import the units first"):
            create_links(made, "integritas")


def test_two_runs_at_once_make_one_link_per_place(place):
    reports = []
    threads = [
        threading.Thread(target=lambda: reports.append(create_links(place, "integritas")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.created for report in reports) == 6
    assert len(every(place)) == 6


def test_every_person_on_the_roster_gets_one_single_use_link(place, tmp_path):
    add_people(place, tmp_path)
    assert create_personal_links(place, "integritas") == LinksReport(created=3, reused=0)
    before = every(place, personal_links)
    assert create_personal_links(place, "integritas") == LinksReport(created=0, reused=3)
    assert every(place, personal_links) == before
    assert {link.cap for link in before} == {1}
    assert all(codes.normalise(link.code) == link.code and len(link.code) == 11 for link in before)
    assert [(link.name, link.email, link.phone) for link in before] == [
        (f"Orang {n}", f"a{n}@contoh.id", f"+62812000001{n:02}") for n in range(3)
    ]
    assert every(place) == []


def test_personal_links_are_made_in_chunks(local, tmp_path, monkeypatch):
    monkeypatch.setattr("bot.outreach.links.CHUNK", 2)
    add_people(local, tmp_path, count=5)
    assert create_personal_links(local, "integritas").created == 5


def test_people_added_later_get_links_too(place, tmp_path):
    add_people(place, tmp_path, count=2)
    create_personal_links(place, "integritas")
    add_people(place, tmp_path, count=4)
    assert create_personal_links(place, "integritas") == LinksReport(created=2, reused=2)


def test_links_of_places_are_written_as_csv_json_and_workbook(local, tmp_path):
    create_links(local, "integritas", units=["U1"])
    wanted = [(link.unit, link.group, link.code, link.url) for link in every(local)]
    names = ("unit", "group", "code", "url")
    path = tmp_path / "tautan.csv"
    assert export_links(local, "integritas", NUMBER, path, "csv") == 3
    rows = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [tuple(row[name] for name in names) for row in rows] == wanted
    assert "name" not in rows[0]
    assert "starts" not in rows[0]
    path = tmp_path / "tautan.json"
    export_links(local, "integritas", NUMBER, path, "json")
    found = json.loads(path.read_text("utf-8"))
    assert [tuple(row[name] for name in names) for row in found] == wanted
    path = tmp_path / "tautan.xlsx"
    export_links(local, "integritas", NUMBER, path, "xlsx")
    head, *lines = [[cell.value for cell in row] for row in sheet_rows(path)]
    assert [tuple(line[head.index(name)] for name in names) for line in lines] == wanted


@pytest.mark.parametrize("form", ["csv", "xlsx", "json"])
def test_a_file_with_people_is_private_and_its_making_is_noted(local, tmp_path, form):
    add_people(local, tmp_path)
    create_personal_links(local, "integritas")
    path = tmp_path / f"orang.{form}"
    assert export_links(local, "integritas", NUMBER, path, form, personal=True) == 3
    assert path.stat().st_mode & 0o777 == 0o600
    noted = select(Audit.what, Audit.detail).order_by(Audit.id)
    events = local.database.read(lambda one: one.execute(noted).all())
    assert events[-1].what == "personal links export"
    assert "Orang" not in repr(events)


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_file_of_personal_links_is_a_mail_merge_as_it_is(local, tmp_path, form):
    path = tmp_path / "daftar.csv"
    path.write_text(
        "kelompok,nama,hp_wa,email,unit,bahasa\n"
        "ahli,Siti Aminah,,siti@contoh.example,U1,\n"
        "ahli,John Doe,,john@contoh.example,U1,en\n"
        "ahli,,,tanpa@contoh.example,U1,bjn\n"
    )
    import_roster(local, path, "integritas")
    create_personal_links(local, "integritas", expires_at=MONDAY + timedelta(days=2))
    merged = tmp_path / f"surat.{form}"
    export_links(local, "integritas", NUMBER, merged, form, personal=True)
    if form == "csv":
        found = list(csv.DictReader(merged.read_text("utf-8-sig").splitlines()))
    else:
        head, *lines = [[cell.value for cell in row] for row in sheet_rows(merged)]
        found = [dict(zip(head, line, strict=True)) for line in lines]
    assert [(one["salutation"], one["language"], one["until"]) for one in found] == [
        ("Yth. Bapak/Ibu Siti Aminah", "id", "25 November 2026"),
        ("Dear John Doe", "en", "25 November 2026"),
        ("Yth. Bapak/Ibu", "id", "25 November 2026"),
    ]
    assert found[1]["survey"] == "Contoh City Integrity Survey"
    assert found[1]["organiser"] == "Contoh City Inspectorate"
    assert found[0]["number"].lstrip("'") == "+62 812-0000-0001"
    assert found[0]["code"] in found[0]["text"]


def test_rows_of_a_list_that_does_not_count_get_no_links(place, tmp_path):
    add_people(place, tmp_path)
    first, second, third = (row.id for row in rows(place, RosterRow))
    values = {"survey_id": 1, "name": "x", "digest": b"x" * 32, "started_at": MONDAY}

    def imported(status):
        statement = insert(RosterImport).values(status=status, **values).returning(RosterImport.id)
        return place.database.write(lambda one: one.execute(statement).scalar_one())

    active, staging = imported("active"), imported("staging")
    change(place, RosterRow, {"import_id": staging}, id=first)
    change(place, RosterRow, {"import_id": active, "gone_id": staging}, id=second)
    change(place, RosterRow, {"gone_id": active}, id=third)
    assert create_personal_links(place, "integritas") == LinksReport(created=1, reused=0)
    assert [row.roster_row_id for row in rows(place, DbLink)] == [second]
    change(place, RosterRow, {"removed": True}, id=second)
    assert every(place, personal_links) == []


def test_a_name_is_never_a_formula(tmp_path):
    link = Link("own", "U1", "=1+1", "ahli", "K7M2-9QPX", "u", "t", name="@SUM(A1)")
    path = tmp_path / "a.csv"
    write_links([link], path, "csv", personal=True)
    row = next(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert (row["unit_name"], row["name"]) == ("'=1+1", "'@SUM(A1)")
    path = tmp_path / "a.xlsx"
    write_links([link], path, "xlsx", personal=True)
    cells = [cell for row in sheet_rows(path) for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert "=1+1" in {cell.value for cell in cells}


def test_a_file_for_people_has_the_last_local_day_and_one_for_programs_the_time(local, tmp_path):
    midnight = datetime(2027, 1, 20, 17, tzinfo=UTC)  # in Jakarta: the 20th is the last day
    create_links(local, "integritas", groups=["ahli"], expires_at=midnight)
    create_links(local, "integritas", groups=["internal"])
    path = tmp_path / "tautan.csv"
    export_links(local, "integritas", NUMBER, path, "csv")
    found = list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
    assert [(one["group"], one["last_day"]) for one in found] == [
        ("ahli", "2027-01-20"),
        ("internal", ""),
    ]
    assert "expires_at" not in found[0]
    path = tmp_path / "tautan.json"
    export_links(local, "integritas", NUMBER, path, "json")
    first = json.loads(path.read_text("utf-8"))[0]
    assert (first["last_day"], first["expires_at"]) == ("2027-01-20", "2027-01-20T17:00:00+00:00")


def test_no_links_are_still_a_whole_file(tmp_path):
    path = tmp_path / "a.json"
    assert write_links([], path, "json", personal=False) == 0
    assert json.loads(path.read_text("utf-8")) == []


def test_times_in_files_are_iso_8601():
    link = Link(
        "own", "U1", "A", "ahli", "c", "u", "t", expires_at=datetime(2027, 1, 1, tzinfo=UTC)
    )
    assert link.to_dict()["expires_at"] == "2027-01-01T00:00:00+00:00"
