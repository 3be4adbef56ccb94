"""What the plan will send, by day, and the lift of a reminder, as operators see them."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bot.interview.waking import wake_due
from bot.outreach.lift import Arm, lifts, newcombe, wilson
from bot.outreach.reminders import preview
from storage.models import Outbox
from storage.queries.reminders import DayRow
from tests.respondents import Respondent
from tests.rows import rows, statuses
from tests.setup import MONDAY
from tests.test_cli import run
from tests.test_conversations import begun, invite
from tests.test_reminding import RATES, pass_days, settle
from tests.whatsapp import Office, office


@pytest.fixture
def place(some_url: str) -> Iterator[Office]:
    with office(some_url) as opened:
        yield opened


# the preview


def test_the_preview_says_what_then_goes_out(place: Office) -> None:
    settle(place, more=RATES)
    for number in range(5):
        invite(place, f"+62812000009{number:02}", wake_at=MONDAY + timedelta(hours=number % 3))
    begun(place)
    before = preview(place.installation, "integritas")
    assert before.waiting == 6
    assert before.totals() == {"invitation": 5, "not begun": 10, "half-way": 1, "last call": 6}
    assert (before.least, before.most) == (22 * Decimal("0.03"), 22 * Decimal("0.05"))
    days = {one.day: one.total for one in before.days}
    assert days[date(2026, 11, 23)] == 5
    assert days[date(2027, 1, 29)] == 6
    pass_days(place, 75)
    went: dict[date, int] = {}
    for row in rows(place.installation, Outbox):
        if row.purpose != "reply":
            day = (row.created_at + timedelta(hours=7)).date()
            went[day] = went.get(day, 0) + 1
    assert went == days


def test_the_preview_takes_a_roster_for_launched_and_warns_of_the_limit(place: Office) -> None:
    for number in range(3):
        invite(place, f"+62812000009{number:02}")
    wake_due(place.installation)
    shown = preview(place.installation, "integritas", per_day=10)
    assert shown.totals()["invitation"] == 0
    assert shown.least is None
    assert date(2026, 12, 25) in shown.days_off
    assert "Who waits" not in " ".join(shown.warnings)


def test_who_fills_it_in_anew_gets_nothing_and_is_not_planned(place: Office) -> None:
    ani, flow = place.twilio.person(), place.published.survey.for_group("ahli")
    Respondent(ani, flow, place.code("ahli"), random.Random(1)).interview()
    for text in ("ISI ULANG", "SETUJU"):
        ani.say(text)
    assert statuses(place.installation) == ["asking"]
    shown = preview(place.installation, "integritas")
    assert (shown.waiting, shown.without, shown.days) == (0, 1, ())
    pass_days(place, 75)
    assert {row.purpose for row in rows(place.installation, Outbox)} == {"reply"}


def test_the_command_shows_a_table_json_and_a_calendar(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with office(sqlite_url) as place:
        invite(place)
        wake_due(place.installation)
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    monkeypatch.setenv("TAUTAN_SECRET_KEY", "a secret for tests, long enough to be one")
    picture = tmp_path / "plan.png"
    shown = run("reminders", "preview", "integritas", "--picture", str(picture))
    assert shown.exit_code == 0, shown.output
    assert "integritas: 1 people wait" in shown.output
    assert "write `rates`" in shown.output
    width, height = struct.unpack(">II", picture.read_bytes()[16:24])
    assert width == 720
    assert height > 1000
    plain = json.loads(run("reminders", "preview", "integritas", "--json").output)
    assert plain["waiting"] == 1
    assert run("reminders", "preview", "integritas", "--picture", "plan.gif").exit_code == 2
    assert "two days old" in run("reminders", "lift", "integritas").output


# the lift


def test_the_intervals_are_those_of_the_papers() -> None:
    # Newcombe 1998, table II, contrast (a): 56/70 and 48/80.
    first, second = Arm(70, 56), Arm(80, 48)
    assert wilson(first) == pytest.approx((0.6918, 0.8771), abs=2e-3)
    assert newcombe(first, second) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert newcombe(Arm(10, 9), Arm(10, 3)) == pytest.approx((0.1705, 0.8090), abs=5e-5)


def test_only_days_whose_two_days_are_over_count_for_a_lift() -> None:
    day = date(2026, 11, 23)
    sent = DayRow(day, "reminder", False, 900, 900, 90)
    held = DayRow(day, "reminder", True, 100, 100, 5)
    fresh = DayRow(day + timedelta(days=1), "reminder", False, 900, 900, 0)
    assert lifts([sent, held, fresh], day + timedelta(days=2)) == []
    (one,) = lifts([sent, held, fresh], day + timedelta(days=3))
    assert (one.sent, one.held) == (Arm(900, 90), Arm(100, 5))
    assert one.difference == pytest.approx(0.05)
    assert one.low is not None
    assert one.low < 0.05


@pytest.mark.parametrize("finished", [0, 4, 96, 100])
def test_numbers_under_five_are_not_shown(finished: int) -> None:
    day = date(2026, 11, 23)
    found = [
        DayRow(day, "reminder", False, 900, 900, 90),
        DayRow(day, "reminder", True, 100, 100, finished),
        DayRow(day, "invite", False, 1000, 1000, 90),
    ]
    (one,) = lifts(found, day + timedelta(days=3))
    assert one.to_dict() == {
        "step": "reminder",
        **dict.fromkeys(("sent", "held", "difference", "low", "high")),
    }
