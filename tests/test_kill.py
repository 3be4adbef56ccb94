"""Servers, workers and senders are killed with -9 at any moment, and nothing is lost or doubled."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.interview import closing
from bot.interview.installation import real_now
from bot.outreach.launch.launching import launch
from bot.outreach.roster.importing import import_roster
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import Conversation, Inbound, Outbox, Response
from storage.queries import progress
from tests import short_survey
from tests.fake_twilio import FakeTwilio
from tests.processes import BASE, busy_fleet, real_fleet
from tests.respondents import all_at_once, crowd, stored_vectors, strayed
from tests.served import FileClock
from tests.setup import MONDAY, installation
from tests.storms import number_of, prepare, settle, storm

PEOPLE = 200
INVITED = 60
COORDINATORS = 12
IN_HANDS = 15
WIB = ZoneInfo("Asia/Jakarta")


@pytest.fixture
def clock(tmp_path):
    moved = FileClock(tmp_path / "clock")
    moved.set(MONDAY)
    return moved


@contextmanager
def time_flies(fleet, clock):
    """Let finished answers become old enough to be mixed, now and then while all run.

    What was under way when a server was killed has been posted again by then.
    """
    over = threading.Event()

    def fly():
        while not over.wait(0.5):
            if fleet.whole_for(0.7):
                clock.move(seconds=2 * short_survey.WAIT.total_seconds())

    thread = threading.Thread(target=fly)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_no_answer_is_lost_or_doubled_when_servers_are_killed(database_url, tmp_path, clock):
    survey, posters = prepare(database_url, MONDAY)
    with (
        FakeTwilio(clock=clock) as twilio,
        busy_fleet(database_url, twilio, tmp_path, clock.path, workers=1) as fleet,
    ):
        twilio.webhook_url, twilio._post = f"{BASE}/whatsapp", fleet.post
        people = crowd(twilio, survey, posters.__getitem__, PEOPLE, seed=2)
        with fleet.under_fire(lambda: fleet.answered, 200, 350), time_flies(fleet, clock):
            all_at_once([way for _, way in people], at_a_time=8)
        fleet.kill()
        assert fleet.kills >= 3, "the crowd was faster than the killer"
        assert {one.code for one in twilio.errors} <= {11200}, twilio.errors[:3]
    with installation(database_url, clock=clock) as here:
        assert number_of(here, Conversation, Conversation.status == "finished") == PEOPLE
        assert number_of(here, Response) > 0, "nothing was mixed while servers were killed"
        assert here.database.read(progress.differing) == 0, "kept counts differ from a recount"
        closing.close(here, short_survey.NAME)
        stored = stored_vectors(here)
        told = strayed([one for one, _ in people], stored)
        assert stored == Counter(one.vector() for one, _ in people), told
        assert len(stored) == PEOPLE


def test_what_was_answered_with_200_is_stored(database_url, tmp_path):
    _, posters = prepare(database_url, real_now())
    text = f"Saya mau mengisi survei. Kode: {posters['internal']}"
    taken, lock, refused = set(), threading.Lock(), threading.Event()

    def write_until_refused(twilio, fleet, first):
        for number in itertools.count():
            person = twilio.person(phone=f"+62812001{first:01d}{number:05d}")
            form = person.form(text)
            try:
                answer = fleet.post(
                    twilio.webhook_url,
                    urlencode(form).encode(),
                    twilio.signed(twilio.webhook_url, form),
                )
            except OSError:
                refused.set()
            if refused.is_set():
                return
            assert answer[0] == 200
            with lock:
                taken.add(form["MessageSid"])

    with FakeTwilio() as twilio, real_fleet(database_url, twilio, tmp_path) as fleet:
        twilio.webhook_url = f"{BASE}/whatsapp"
        for round_ in range(2):
            refused.clear()
            with ThreadPoolExecutor(4) as pool:
                writers = range(round_ * 4, round_ * 4 + 4)
                jobs = [pool.submit(write_until_refused, twilio, fleet, one) for one in writers]
                while len(taken) < 80 * (round_ + 1) and not refused.is_set():
                    time.sleep(0.005)
                fleet.kill()
                for job in jobs:
                    job.result()
            fleet.start()
    assert len(taken) >= 160
    with installation(database_url, clock=real_now) as here:
        known = set(here.database.read(lambda c: c.execute(select(Inbound.sid_hmac)).scalars()))
        assert {here.keys.digest("sid", sid) for sid in taken} <= known
        assert number_of(here, Conversation) == len(known)


# --- invitations, reminders, reports --------------------------------------------------------------


def invite_people(url, clock, folder):
    """Launch the survey for INVITED people and let COORDINATORS have the day's counts."""
    with installation(url, clock=clock, serving=False) as here:
        roster, posts = folder / "roster.csv", folder / "coordinators.csv"
        people = [f"0812000{20_000 + number:06d},own:U1,internal" for number in range(INVITED)]
        roster.write_text("\n".join(["hp_wa,unit,group", *people]))
        import_roster(here, roster, short_survey.NAME)
        phones = [f"0812000{30_000 + number:06d},07:45" for number in range(COORDINATORS)]
        posts.write_text("\n".join(["hp_wa,jam", *phones]))
        import_coordinators(here, short_survey.NAME, posts)
        launched = launch(here, short_survey.NAME, per_day=100_000)
        assert launched.invited == INVITED


def sent(twilio, sid, day):
    """Return how often each address was sent a template on a local day."""
    return Counter(
        one.to
        for one in twilio.outbound()
        if one.content_sid == sid and one.at.astimezone(WIB).date() == day
    )


def everybody(first, count):
    """Return one message for each of so many people."""
    return Counter({f"whatsapp:+62812000{first + number:06d}": 1 for number in range(count)})


def test_every_invitation_reminder_and_report_goes_out_once(database_url, tmp_path, clock):
    with FakeTwilio(clock=clock) as twilio:
        templates = {
            name: twilio.content({"twilio/text": {"body": name}}, name=name)
            for name in short_survey.TEMPLATES
        }
        prepare(database_url, MONDAY, templates)
        invite_people(database_url, clock, tmp_path)
        for number in range(INVITED):
            twilio.person(phone=f"+62812000{20_000 + number:06d}")
        for number in range(COORDINATORS):
            twilio.person(phone=f"+62812000{30_000 + number:06d}")
        # Many are killed after Twilio took a message and before they heard of it.
        twilio.faults.slow_seconds = 0.05
        twilio.faults.chance("slow", 0.3)
        # A reminder that is more than half an hour late is spread over the hours that follow.
        expected = {"invite": timedelta(days=1), "reminder_first": timedelta(days=4, minutes=10)}
        # Before anybody runs: what is written earlier would be too old by then to be sent.
        clock.set(MONDAY + expected["invite"])
        fleet = busy_fleet(database_url, twilio, tmp_path, clock.path, servers=1)
        with fleet, installation(database_url, clock=clock, serving=False) as here:
            twilio.webhook_url, twilio._post = f"{BASE}/whatsapp", fleet.post
            for number, (name, after) in enumerate(expected.items(), start=1):
                clock.set(MONDAY + after)
                # Those that a sender held in its hands when it died come when all has settled.
                storm(fleet, here, twilio, number * (INVITED + COORDINATORS) - IN_HANDS)
                settle(fleet, here, clock)
                day = (MONDAY + after).astimezone(WIB).date()
                assert sent(twilio, templates[name], day) == everybody(20_000, INVITED)
                counts = sent(twilio, templates["daily_template"], day)
                assert counts == everybody(30_000, COORDINATORS)
            assert fleet.kills >= 4
            assert len(twilio.outbound()) == 2 * (INVITED + COORDINATORS)
            assert number_of(here, Outbox, Outbox.status == "failed") == 0
