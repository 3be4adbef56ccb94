"""The demo: its people are invented, its lists really imported, its days really lived."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy import func, select

from bot.channels.simulator import SimulatorChannel, fresh_sid
from bot.config import Settings
from bot.flow.load import load_survey
from bot.flow.turn import Choice, Message
from bot.interview.chats import Bubble, Chats
from bot.interview.desk import Desk
from bot.interview.installation import Clock, Installation
from bot.interview.sending.delivering import deliver
from bot.interview.waking import wake_due
from bot.outreach.demo import advance, everybody, play, posters, prepare, starts
from bot.outreach.demo.clock import move_to, pass_time
from bot.outreach.demo.filling import COUNTERS, dated, invite
from bot.outreach.demo.leaving import leave
from bot.outreach.demo.personas import COORDINATOR, leading, rows, walk_ins
from bot.outreach.demo.playing import DAYS, Opening, Poster, Summary
from bot.outreach.demo.respondents import MANNERS, Manner, Respondent
from bot.reporting.coordinators.lists import import_coordinators
from bot.scheduler import Sweeps
from bot.service import Service
from storage.models import (
    Base,
    Conversation,
    Coordinator,
    Link,
    Outbox,
    RosterReject,
    RosterRow,
    Target,
    Unit,
)
from tests.setup import FLOWS, MONDAY, SECRET, TestClock, bundled_files, installation

WIB = ZoneInfo("Asia/Jakarta")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a filled database once, for all tests to copy."""
    file = tmp_path_factory.mktemp("demo") / "tautan.db"
    with installation(f"sqlite:///{file}", clock=TestClock(), demo=True) as opened:
        prepare(opened, FLOWS, import_coordinators)
    return file


@pytest.fixture
def demo(prepared: Path, tmp_path: Path) -> Iterator[Installation]:
    file = shutil.copy(prepared, tmp_path / "tautan.db")
    with installation(f"sqlite:///{file}", clock=TestClock(), demo=True) as opened:
        yield opened


def count(opened: Installation, table: type[Base]) -> int:
    return opened.database.read(
        lambda c: int(c.execute(select(func.count()).select_from(table)).scalar_one())
    )


# --- the people ---------------------------------------------------------------------------------


def test_no_address_of_the_demo_can_be_anybodys() -> None:
    """All are in one block that looks invented: +62 812 0000 0xxx and ID.1000000000xxxxxx."""
    for persona in [*everybody(), *walk_ins(0, 200, "KC-03")]:
        for address in persona.addresses:
            start = {"phone": "+628120000", "bsuid": "ID.1000000000"}[address.kind]
            assert address.value.startswith(start)
            assert len(address.value) == {"phone": 14, "bsuid": 19}[address.kind]


def test_everybody_is_somebody_else() -> None:
    people = [*everybody(), *walk_ins(0, 30, "KC-03"), *walk_ins(30, 40, "KC-06")]
    assert max(Counter(persona.key for persona in people).values()) == 1
    addresses = Counter(address for persona in people for address in persona.addresses)
    assert max(addresses.values()) == 1


def test_the_leading_people_show_every_way_of_taking_part() -> None:
    kinds = {one.key: {address.kind for address in one.addresses} for one in leading()}
    assert kinds["pegawai"] == {"phone"}
    assert kinds["warga"] == {"phone", "bsuid"}
    assert kinds["ahli"] == {"bsuid"}
    assert {one.group for one in leading()} == {"internal", "eksternal", "ahli", "koordinator"}
    assert {one.zone for one in leading()} == {"Asia/Jakarta", "Asia/Makassar"}


# --- filling ------------------------------------------------------------------------------------


def test_every_row_of_the_lists_is_taken(demo: Installation) -> None:
    assert count(demo, Unit) == len(list(rows("units.csv")))
    usable = [row for row in rows("roster.csv") if row["hp_wa"].startswith("08") or row["email"]]
    assert count(demo, RosterRow) == len(usable)
    assert count(demo, RosterReject) == len(list(rows("roster.csv"))) - len(usable) == 4
    listed = list(rows("coordinators.csv"))
    assert count(demo, Coordinator) == len(listed) + sum(bool(row["pengganti"]) for row in listed)
    assert count(demo, Conversation) == sum(bool(row["hp_wa"]) for row in usable)


def test_filling_again_changes_nothing(demo: Installation) -> None:
    tables = (Unit, Target, RosterRow, Coordinator, Conversation, Link, Outbox)
    before = [count(demo, table) for table in tables]
    prepare(demo, FLOWS, import_coordinators)
    assert [count(demo, table) for table in tables] == before


def test_the_survey_opens_today_and_stays_open_for_the_days_that_are_played(
    demo: Installation,
) -> None:
    (published,) = demo.database.read(demo.surveys.every)
    today = MONDAY.astimezone(WIB).date()
    assert published.survey.settings.opens == today
    assert published.survey.settings.closes == today + timedelta(days=DAYS - 1)


def test_a_survey_that_was_prepared_before_keeps_its_dates(demo: Installation) -> None:
    demo.move_clock(timedelta(days=10))
    published = prepare(demo, FLOWS, import_coordinators)
    assert published.survey.settings.opens == MONDAY.astimezone(WIB).date()


def test_moving_the_dates_changes_nothing_else() -> None:
    files = bundled_files()
    moved = dated(files, MONDAY.date(), 30)
    lines = zip(files["survey.yaml"].split("\n"), moved["survey.yaml"].split("\n"), strict=True)
    changed = [new.split(":")[0] for old, new in lines if old != new]
    assert changed == ["opens", "closes"]
    assert load_survey(moved).settings.closes == datetime(2026, 12, 22, tzinfo=UTC).date()
    assert {name: moved[name] for name in files if name != "survey.yaml"} == {
        name: files[name] for name in files if name != "survey.yaml"
    }


def test_a_real_installation_gets_no_invented_people(sqlite_url: str) -> None:
    with installation(sqlite_url, demo=False) as real:
        with pytest.raises(ValueError, match="marked demo"):
            prepare(real, FLOWS, import_coordinators)
        assert count(real, Unit) == 0


def test_each_leading_person_can_begin(demo: Installation) -> None:
    ways = starts(demo)
    assert [one.label for one in ways["warga"]] == ["Pindai poster: Loket pelayanan"]
    assert [one.label for one in ways["ahli"]] == ["Buka tautan pribadi"]
    assert [one.label for one in ways["pegawai"]] == ["Buka tautan unit kerja"]
    assert "koordinator" not in ways
    texts = [one.text for some in ways.values() for one in some]
    assert len(texts) == len(set(texts))


def test_every_counter_has_a_poster(demo: Installation) -> None:
    hanging = posters(demo)
    assert {one.unit: one.visitors for one in hanging} == {
        unit: visitors for unit, (_, visitors) in COUNTERS.items()
    }
    assert all("Kode:" in one.text for one in hanging)


# --- time ---------------------------------------------------------------------------------------


def test_time_stops_wherever_something_is_due(demo: Installation) -> None:
    """Each invitation of the next hours is written at its own time, not when time has passed."""
    begin = demo.now()
    slots = demo.database.read(
        lambda c: set(c.execute(select(Conversation.wake_at).distinct()).scalars())
    )
    soon = {slot for slot in slots if slot is not None and slot < begin + timedelta(hours=3)}
    assert len(soon) > 5
    looked: list[datetime] = []
    channel = SimulatorChannel(Chats(demo), demo.now)

    def sweep() -> None:
        looked.append(demo.now())
        wake_due(demo, 200)
        deliver(demo, {channel.name: channel}, 200)

    advance(demo, timedelta(hours=3), sweep)
    assert soon <= set(looked)
    assert looked[-1] == demo.now() == begin + timedelta(hours=3)
    written = demo.database.read(lambda c: set(c.execute(select(Outbox.created_at)).scalars()))
    assert soon <= written


def test_what_stays_undone_does_not_hold_the_clock(demo: Installation) -> None:
    """With sweeps that do nothing three days still pass, in few looks."""
    looks: list[datetime] = []
    begin = demo.now()
    advance(demo, timedelta(days=3), lambda: looks.append(demo.now()))
    assert demo.now() == begin + timedelta(days=3)
    assert len(looks) < 100
    assert looks == sorted(looks)


def test_moved_time_is_kept(demo: Installation) -> None:
    advance(demo, timedelta(days=2), lambda: None)
    file = demo.database.file
    demo.database.close()
    with installation(f"sqlite:///{file}", clock=TestClock(), demo=True) as again:
        assert again.now() == MONDAY + timedelta(days=2)


def test_time_never_goes_back(demo: Installation) -> None:
    move_to(demo, demo.now() - timedelta(days=1))
    pass_time(demo, demo.now() - timedelta(days=1))
    assert demo.now() == MONDAY


def test_time_of_a_real_installation_stands(sqlite_url: str) -> None:
    with installation(sqlite_url, demo=False) as real:
        with pytest.raises(ValueError, match="marked demo"):
            advance(real, timedelta(hours=1), lambda: None)
        with pytest.raises(ValueError, match="marked demo"):
            pass_time(real, MONDAY + timedelta(hours=1))


# --- how people behave --------------------------------------------------------------------------

INVITATION = Bubble(
    "us",
    fresh_sid(),
    Message("Selamat pagi", buttons=(Choice("MULAI", "Mulai"),)),
    template="invite",
)
QUESTION = Bubble(
    "us",
    fresh_sid(),
    Message(
        "Seberapa sering?", choices=tuple(Choice(str(n), "x") for n in range(1, 6)), footer="(4/25)"
    ),
)


def somebody(seed: int, manner: Manner = "prompt", zone: str = "Asia/Jakarta") -> Respondent:
    (persona,) = walk_ins(0, 1, "KC-03" if zone == "Asia/Jakarta" else "KC-08")
    return Respondent.draw(persona, random.Random(seed), manner)


@given(
    seed=st.integers(0, 10**6),
    minute=st.integers(0, 60 * 24 * 30),
    bubble=st.sampled_from([INVITATION, QUESTION]),
    zone=st.sampled_from(["Asia/Jakarta", "Asia/Makassar"]),
)
def test_nobody_answers_before_being_asked_or_in_the_night(
    seed: int, minute: int, bubble: Bubble, zone: str
) -> None:
    now = MONDAY + timedelta(minutes=minute)
    who = somebody(seed, zone=zone)
    reaction = who.react(bubble, now)
    assert reaction is not None
    moment, _ = reaction
    assert moment > now
    assert 6 <= moment.astimezone(ZoneInfo(who.persona.zone)).hour < 21


@given(st.integers(0, 10**6))
def test_the_same_seed_draws_the_same_person(seed: int) -> None:
    (persona,) = walk_ins(0, 1, "KC-03")
    one, other = (Respondent.draw(persona, random.Random(seed)) for _ in range(2))
    assert (one.manner, one.kindness, one.slips) == (other.manner, other.kindness, other.slips)
    assert one.manner in MANNERS


def test_manners_differ() -> None:
    assert somebody(1, "silent").react(INVITATION, MONDAY) is None
    late = somebody(1, "late")
    assert late.react(INVITATION, MONDAY) is None
    reminder = Bubble("us", fresh_sid(), Message("Masih dibuka"), template="reminder_first")
    answers = [late.react(reminder, MONDAY) is not None for _ in range(3)]
    assert answers[late.patience - 1 :] == [True] * (4 - late.patience)
    assert not any(answers[: late.patience - 1])
    stops = somebody(1, "stops").react(INVITATION, MONDAY)
    assert stops is not None
    assert stops[1].text == "berhenti"


def test_nobody_answers_what_never_arrived_or_what_asks_nothing() -> None:
    lost = Bubble("us", fresh_sid(), QUESTION.message, error=63016)
    thanks = Bubble("us", fresh_sid(), Message("Terima kasih."))
    own = Bubble("person", fresh_sid(), Message("1"))
    for bubble in (lost, thanks, own):
        assert somebody(1).react(bubble, MONDAY) is None


# --- playing ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Played:
    """Some days that were played with coordinators, the first people of the lists, six visitors."""

    service: Service
    summary: Summary
    told: list[tuple[int, int]]


@pytest.fixture(scope="module")
def played(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    file = shutil.copy(prepared, tmp_path_factory.mktemp("played") / "tautan.db")
    settings = Settings(database_url=f"sqlite:///{file}", tautan_secret_key=SECRET)
    clock = TestClock()
    service = Service(settings, serving=True, demo=True, clock=Clock(clock), durable=False)
    told: list[tuple[int, int]] = []
    (first, *_) = posters(service.installation)
    summary = play(
        service.desk,
        Sweeps(service).run_once,
        days=5,
        people=everybody()[:30],
        between_sweeps=timedelta(hours=1),
        posters=[Poster(first.unit, first.text, 6)],
        report=lambda day, of: told.append((day, of)),
    )
    yield Played(service, summary, told)
    service.close()


def test_played_days_bring_invitations_answers_reminders_and_counts(played: Played) -> None:
    summary = played.summary
    statuses: Counter[str] = Counter()
    for counts in summary.statuses.values():
        statuses.update(counts)
    assert (summary.days, summary.people) == (5, 22)
    assert statuses["finished"] >= 3
    assert summary.templates["invite"] >= 10
    assert summary.templates["reminder_first"] >= 1
    assert summary.turns > 50
    assert set(summary.to_dict()) >= {"days", "turns", "statuses"}


def test_the_passing_of_days_is_reported_to_the_end(played: Played) -> None:
    days = [day for day, _ in played.told]
    assert played.told[-1] == (5, 5)
    assert days == sorted(set(days))


def test_played_days_leave_chats_to_look_at_and_the_leading_people_silent(
    played: Played,
) -> None:
    chats = Chats(played.service.installation)
    newest = chats.newest({one.key: one.addresses for one in everybody()})
    assert len(newest) > 10
    for persona in leading():
        if persona.group != COORDINATOR:
            written = [e for e in chats.after(persona.addresses, 0) if e.bubble.author == "person"]
            assert not written
    coordinator = next(one for one in leading() if one.group == "koordinator")
    assert len(chats.after(coordinator.addresses, 0)) >= 5


def test_coordinators_get_reports_ask_and_are_shown_pictures(played: Played) -> None:
    chats = Chats(played.service.installation)
    summary = played.summary
    assert summary.coordinators == 10
    assert summary.templates["daily_template"] >= 10
    assert {"RINCIAN", "GRAFIK"} <= set(summary.asked)
    lead = next(one for one in leading() if one.key == "koordinator")
    ours = [e.bubble for e in chats.after(lead.addresses, 0) if e.bubble.author == "us"]
    pictures = [one.message.attachment for one in ours if one.message.attachment is not None]
    assert pictures
    assert any("Survei Integritas Kota Contoh" in one.message.text for one in ours)
    assert all(not any("\n" in v for v in one.message.variables.values()) for one in ours)


def test_what_is_left_can_be_opened(played: Played, tmp_path: Path) -> None:
    chats = Chats(played.service.installation)
    files = leave(played.summary, chats, played.service.file, tmp_path / "out")
    assert [one.name for one in files[:2]] == ["digests.txt", "counts.json"]
    told = files[0].read_text(encoding="utf-8")
    assert all(f"===== {one.name}" in told for one in everybody() if one.group == COORDINATOR)
    assert json.loads(files[1].read_text())["asked"] == played.summary.asked
    assert len(files) > 2
    for path in files[2:]:
        with Image.open(path) as picture:
            assert picture.width == 1080


def test_before_the_opening_coordinators_hear_of_their_lists_and_nobody_is_invited(
    sqlite_url: str,
) -> None:
    clock = Clock(TestClock(MONDAY - timedelta(days=1)))
    with installation(sqlite_url, clock=TestClock(), demo=True):
        pass  # makes the tables
    settings = Settings(database_url=sqlite_url, tautan_secret_key=SECRET)
    service = Service(settings, serving=True, demo=True, clock=clock, durable=False)
    try:
        here = service.installation
        published = prepare(here, FLOWS, import_coordinators, 4)
        opens = datetime.combine(published.survey.settings.opens, time(1), WIB)
        before: list[int] = []

        def open_now() -> None:
            before.append(count(here, Conversation))
            invite(here, published)

        summary = play(
            service.desk,
            Sweeps(service).run_once,
            days=5,
            people=[one for one in everybody() if one.group == COORDINATOR],
            opening=Opening(opens, open_now),
        )
        assert before == [0]
        assert count(here, Conversation) > 100
        assert summary.templates["roster_fix"] >= 3
        assert summary.asked["REKAP"] == 2
        lead = next(one for one in leading() if one.key == "koordinator")
        said = [e.bubble.message.text for e in Chats(here).after(lead.addresses, 0)]
        assert any("2 tanpa nomor, 1 telepon kantor, 1 nomor belum benar" in one for one in said)
    finally:
        service.close()


def test_a_demo_that_was_played_to_its_end_is_served_as_it_is(demo: Installation) -> None:
    tables = (Unit, RosterRow, Conversation)
    before = [count(demo, table) for table in tables]
    demo.move_clock(timedelta(days=DAYS + 1))
    prepare(demo, FLOWS, import_coordinators)
    assert [count(demo, table) for table in tables] == before


def test_nothing_that_was_played_failed_to_arrive(played: Played) -> None:
    """The window is kept and no text is too long: no bubble of ours is marked as refused."""
    chats = Chats(played.service.installation)
    people = [*everybody(), *walk_ins(0, 6, "KC-03")]
    entries = [e for one in people for e in chats.after(one.addresses, 0)]
    assert entries
    assert [e.bubble for e in entries if e.bubble.error is not None] == []


def test_first_contacts_and_reminders_keep_office_hours(played: Played) -> None:
    chats = Chats(played.service.installation)
    for persona in everybody():
        for entry in chats.after(persona.addresses, 0):
            if entry.bubble.template is not None and persona.group == "internal":
                local = entry.at.astimezone(ZoneInfo(persona.zone))
                assert local.weekday() < 5
                assert 8 <= local.hour < 16


def test_a_real_installation_is_not_played_with(sqlite_url: str) -> None:
    with installation(sqlite_url, demo=False) as real, pytest.raises(ValueError, match="demo"):
        play(Desk(real, lambda _message: True), lambda: None, days=1, people=[])
