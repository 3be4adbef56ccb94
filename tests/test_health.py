"""`/health`: this process answers. `/ready`: it can do its work."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text

from bot.config import Settings
from bot.service import Service
from bot.web.app import create_app
from storage.database import Database
from storage.migrate import migrate
from tests.setup import FLOWS, SECRET
from tests.whatsapp import office


def client_of(url: str):
    settings = Settings(database_url=url, tautan_secret_key=SECRET, flows_dir=FLOWS)
    service = Service(settings, serving=True)
    return service, create_app(settings, service=service).test_client()


def test_a_process_is_alive_whatever_its_database_does(tmp_path):
    service, client = client_of(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    answer = client.get("/health")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert client.get("/ready").status_code == 503
    service.close()


def test_it_is_ready_when_the_tables_are_there_and_says_by_which_channel(database_url):
    with office(database_url) as place:
        answer = place.app.test_client().get("/ready")
        assert answer.status_code == 200
        assert answer.json == {"status": "ready", "channel": "twilio", "demo": False}


def test_it_is_not_ready_before_the_migration_and_says_what_to_do(sqlite_url):
    service, client = client_of(sqlite_url)
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert "tautan migrate" in answer.json["reason"]
    service.close()


def test_it_becomes_ready_by_itself_when_somebody_migrates(empty_url):
    service, client = client_of(empty_url)
    assert client.get("/ready").status_code == 503
    other = Database(empty_url)
    migrate(other)
    other.close()
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["channel"]) == (200, "simulator")
    service.close()


def test_it_stops_being_ready_when_the_tables_are_not_those_of_this_version(database_url):
    with office(database_url) as place:
        change = text("UPDATE alembic_version SET version_num = 'newer'")
        place.installation.database.write(lambda c: c.execute(change))
        answer = place.app.test_client().get("/ready")
        assert (answer.status_code, "not ready" in answer.text) == (503, True)


def test_looking_starts_nothing_and_writes_no_file(tmp_path: Path):
    service, client = client_of(f"sqlite:///{tmp_path / 'x.db'}")
    client.get("/health")
    assert list(tmp_path.iterdir()) == []
    service.close()
