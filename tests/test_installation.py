"""Opening an installation: its secret, its mark as a demo, and its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.config import Settings
from bot.interview.installation import Clock, DemoMismatch, open_installation, real_now
from bot.service import Service
from storage.database import Database
from storage.keys import Secret, WrongSecret
from storage.migrate import migrate
from storage.models import Installation as InstallationTable
from tests.respondents import all_at_once
from tests.rows import change, count, rows
from tests.setup import MONDAY, SECRET, TestClock, installation

OTHER = "another secret, which is long enough too"


@pytest.fixture
def database(empty_url):
    opened = Database(empty_url)
    migrate(opened)
    yield opened
    opened.close()


def test_the_first_start_marks_the_database_with_its_secret(database):
    opened = open_installation(database, Secret(SECRET))
    assert not opened.demo
    assert count(opened, InstallationTable) == 1
    assert SECRET.encode() not in rows(opened, InstallationTable)[0].check_sealed


def test_another_secret_stops_the_start_with_words_how_to_mend_it(database):
    open_installation(database, Secret(SECRET))
    with pytest.raises(WrongSecret) as caught:
        open_installation(database, Secret(OTHER))
    said = str(caught.value)
    assert "TAUTAN_SECRET_KEY" in said
    assert "tautan.key" in said
    assert OTHER not in said
    open_installation(database, Secret(SECRET))


def test_a_demo_is_one_for_ever_and_a_real_one_never_becomes_one(database, tmp_path):
    assert open_installation(database, Secret(SECRET), demo=True).demo
    assert open_installation(database, Secret(SECRET)).demo, "whatever it is asked for"
    assert open_installation(database, Secret(SECRET), demo=False).demo
    with installation(f"sqlite:///{tmp_path / 'real.db'}") as real:
        with pytest.raises(DemoMismatch, match=r"DATABASE_URL=sqlite:///demo\.db"):
            open_installation(real.database, Secret(SECRET), demo=True)
        assert not open_installation(real.database, Secret(SECRET)).demo


def test_a_demo_takes_no_credentials_of_twilio(tmp_path):
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    with installation(url, demo=True):
        pass
    settings = Settings(
        database_url=url,
        public_base_url="https://survei.contoh.test",
        tautan_secret_key=SECRET,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_tokens=("0" * 32,),
        twilio_whatsapp_from="whatsapp:+6281200000999",
    )
    service = Service(settings, serving=True)
    with pytest.raises(DemoMismatch, match="unset the TWILIO_ variables"):
        _ = service.installation
    service.close()


def test_starts_at_the_same_moment_make_one_installation(database):
    def start() -> None:
        open_installation(database, Secret(SECRET))

    all_at_once([start] * 8)
    opened = open_installation(database, Secret(SECRET))
    assert count(opened, InstallationTable) == 1


def test_time_is_moved_in_a_demo_and_stays_so_after_a_restart(database):
    clock = TestClock()
    demo = open_installation(database, Secret(SECRET), demo=True, clock=Clock(clock))
    assert demo.now() == MONDAY
    assert demo.move_clock(timedelta(days=2)) == MONDAY + timedelta(days=2)
    assert demo.move_clock(timedelta(hours=1)) == demo.now()
    clock.move(minutes=5)
    again = open_installation(database, Secret(SECRET), clock=Clock(clock))
    assert again.now() == MONDAY + timedelta(days=2, hours=1, minutes=5)
    with pytest.raises(ValueError, match="forward only"):
        demo.move_clock(timedelta(seconds=-1))
    assert again.now() == demo.now()


def test_time_is_not_moved_anywhere_else(database):
    real = open_installation(database, Secret(SECRET), clock=Clock(TestClock()))
    with pytest.raises(ValueError, match="marked demo"):
        real.move_clock(timedelta(days=1))
    # Not even by somebody who writes into the table.
    change(real, InstallationTable, {"clock_offset": 86_400})
    again = open_installation(database, Secret(SECRET), clock=Clock(TestClock()))
    assert again.now() == MONDAY


def test_real_time_is_aware_and_utc():
    assert abs(real_now() - datetime.now(UTC)) < timedelta(seconds=5)
    assert real_now().utcoffset() == timedelta(0)
    assert Clock().now().tzinfo is UTC


def test_a_service_opens_nothing_before_it_is_used(tmp_path):
    settings = Settings(database_url=f"sqlite:///{tmp_path / 'none.db'}", tautan_secret_key=SECRET)
    service = Service(settings, serving=True)
    assert list(tmp_path.iterdir()) == []
    service.close()
    assert list(tmp_path.iterdir()) == []
