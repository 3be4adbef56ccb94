"""No number, user id, name or answer in any log line, nor anywhere in the database but sealed."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import LargeBinary, String, Text, select

from bot.interview import closing, erasure
from bot.interview.failures import trace
from bot.interview.surveys import Surveys
from bot.outreach.launch.launching import launch
from bot.outreach.links import create_personal_links
from bot.outreach.roster.importing import import_roster
from bot.reporting.coordinators.lists import import_coordinators
from storage.models import Answer, Base, Conversation, FlowVersion, Outbox
from tests.respondents import Respondent
from tests.rows import change, count, rows
from tests.whatsapp import Office, office

MIXED = (Answer.__table__.c.value,)
"""Where answers may be read: they belong to nobody there."""


class Told:
    """What people told us or are, by kind; none of it may be found where it is looked for."""

    def __init__(self) -> None:
        self.secrets: dict[str, set[str]] = {
            kind: set() for kind in ("phone", "id", "name", "text")
        }

    def person(self, place: Office, number: int, **attributes: Any) -> Any:
        phone, bsuid = f"+62812000075{number:02}", f"ID.77000000000000{number:02}"
        name = f"Bu Zulaikha{number:02}"
        self.secrets["phone"] |= {phone[1:], phone[3:]}
        self.secrets["id"].add(bsuid[3:])
        self.secrets["name"].add(name)
        return place.twilio.person(phone=phone, bsuid=bsuid, name=name, **attributes)

    def text(self, words: str) -> str:
        self.secrets["text"].add(words)
        return words

    def found_in(self, data: bytes, *kinds: str) -> list[str]:
        wanted = [one for kind in kinds or self.secrets for one in self.secrets[kind]]
        return sorted(one for one in wanted if one.encode() in data)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """Collect every line of every logger, as LOG_LEVEL=DEBUG would write it."""
    written: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Keep()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)
    root.setLevel(before)


def columns() -> list[Any]:
    """Return every column that can hold words or bytes."""
    return [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, String | Text | LargeBinary)
    ]


def stored(place: Office, column: Any) -> bytes:
    """Return everything in a column, one after the other."""
    found = place.installation.database.read(
        lambda c: list(c.execute(select(column).where(column.is_not(None))).scalars())
    )
    return b"\n".join(one if isinstance(one, bytes) else str(one).encode() for one in found)


def files(url: str) -> dict[str, bytes]:
    """Return the bytes of a SQLite file and of what lies beside it."""
    path = Path(url.removeprefix("sqlite:///"))
    return {one.name: one.read_bytes() for one in path.parent.glob(path.name + "*")}


def answer_all(place: Office, told: Told, person: Any, group: str, seed: int) -> Respondent:
    """Hold an interview in which words of one's own are remembered."""
    flow = place.published.survey.for_group(group)
    one = Respondent(person, flow, place.code(group), random.Random(seed))
    one.interview()
    for answer in one.answers.values():
        if isinstance(answer, str) and len(answer) > 8:
            told.text(answer)
    return one


def strangers_and_oddities(place: Office, told: Told) -> None:
    stranger = told.person(place, 1)
    stranger.say(told.text("siapakah gerangan nomor ini"))
    stranger.say("", kind="image", fields={"MediaUrl0": "https://api.twilio.com/media/MEzulaikha"})
    told.text("MEzulaikha")
    stranger.say(told.text("kode: ZZZZ-ZZZZ tolong"))
    stranger.say("", kind="location", fields={"Label": told.text("Rumah Kami Nomor Tujuh")})
    hidden = told.person(place, 2, shows_phone=False)
    hidden.say(place.link_text())
    hidden.say(told.text("aneh sekali pilihannya"))
    hidden.say("😀", kind="reaction")


def office_work(place: Office, told: Told, folder: Path) -> None:
    """Load a roster and a coordinator, invite, and make personal links."""
    roster = "kelompok,nama,hp_wa,unit\n"
    for number in (10, 11, 12):
        person = told.person(place, number)
        roster += f"internal,{person.name},{person.phone},own:U1\n"
    path = folder / "daftar.csv"
    path.write_text(roster + "internal,Tanpa Nomor,08xx,own:U1\n", "utf-8")
    here, name = place.installation, place.published.name
    assert import_roster(here, path, name).counts
    create_personal_links(here, name)
    coordinator = told.person(place, 13)
    posts = folder / "koordinator.csv"
    posts.write_text(f"hp_wa,unit,jam,nama\n{coordinator.phone},own:U1,08:00,{coordinator.name}\n")
    import_coordinators(here, name, posts)
    coordinator.say("PROGRES")
    launch(here, name, per_day=50)
    for _ in range(3):
        place.clock.move(days=1)
        for sweep in ("wake", "report", "deliver", "reconcile", "replay", "purge"):
            place.sweep(sweep)
        place.twilio.settle()


def failures(place: Office, told: Told) -> None:
    """Break a state, a version and the provider, so that every path that logs an error is taken."""
    here = place.installation
    ani = told.person(place, 20)
    for text in (place.link_text(), "1", "SETUJU", told.text("jawaban yang tak terbaca sama")):
        ani.say(text)
    place.twilio.settle()
    (whole,) = [row.content for row in rows(here, FlowVersion)]
    change(here, FlowVersion, {"content": '{"internal.yaml": "kind: ["}'})
    here.surveys = Surveys()
    ani.say(told.text("ini ditulis ketika semuanya rusak"))
    place.clock.move(minutes=5)
    place.sweep("replay")
    change(here, Conversation, {"wake_at": here.now()}, status="asking")
    place.sweep("wake")
    change(here, FlowVersion, {"content": whole})
    place.clock.move(hours=3)
    place.sweep("replay")
    (broken, *_) = [row for row in rows(here, Conversation) if row.status == "asking"]
    change(here, Conversation, {"sealed": b"\0" * 60}, id=broken.id)
    ani.say(told.text("dan ini dengan keadaan yang rusak"))
    place.clock.move(minutes=5)
    place.sweep("replay")
    place.sweep("mix")
    change(here, Conversation, {"sealed": broken.sealed}, id=broken.id)
    for fault in ("500", "drop_before", "429", "html", "problem", "500_after"):
        place.twilio.faults.next(fault)
        place.clock.move(minutes=40)
        for sweep in ("replay", "deliver", "reconcile"):
            place.sweep(sweep)
    ani.failure = 63024
    ani.say(told.text("apa kabar setelah itu"))
    place.twilio.settle()
    forged = ani.form(told.text("ini pesan palsu"))
    place.app.test_client().post("/whatsapp", data=forged)


def test_nobody_is_in_any_line_or_table(lines, sqlite_url, tmp_path):
    told = Told()
    with office(sqlite_url) as place:
        run(place, told, tmp_path, lines, sqlite_url)


def run(place: Office, told: Told, folder: Path, lines: list[str], url: str) -> None:
    strangers_and_oddities(place, told)
    office_work(place, told, folder)
    for number in range(30, 36):
        answer_all(place, told, told.person(place, number), "ahli", number)
    failures(place, told)
    gone = told.person(place, 40)
    answer_all(place, told, gone, "eksternal", 40)
    gone.say("HAPUS DATA")
    place.twilio.settle()
    assert len(told.secrets["text"]) > 10
    assert count(place.installation, Conversation) > 8
    log = "\n".join(lines).encode()
    assert len(lines) > 10, "there is something to look into"
    assert told.found_in(log) == []
    for column in columns():
        assert told.found_in(stored(place, column)) == [], str(column)
    for name, data in files(url).items():
        assert told.found_in(data) == [], name
    closing.close(place.installation, place.published.name)
    erasure.purge(place.installation)
    for name, data in files(url).items():
        assert told.found_in(data, "phone", "id", "name") == [], name
    for column in columns():
        if column not in MIXED:
            assert told.found_in(stored(place, column)) == [], str(column)
    assert told.found_in("\n".join(lines).encode()) == []


def test_looking_for_them_would_find_them(lines, sqlite_url):
    """The search above can fail: what is written plainly is seen in each of the three places."""
    told = Told()
    with office(sqlite_url) as place:
        ani = told.person(place, 50)
        ani.say(place.link_text())
        assert ani.phone is not None
        logging.getLogger("bot.anything").debug("from %s", ani.phone)
        change(place.installation, FlowVersion, {"content": json.dumps({"x": ani.name})})
        assert told.found_in("\n".join(lines).encode()) == sorted({ani.phone[1:], ani.phone[3:]})
        hit = [str(one) for one in columns() if told.found_in(stored(place, one))]
        assert hit == ["flow_version.content"]
        assert any(told.found_in(data) for data in files(sqlite_url).values())


def test_the_trace_of_a_failure_says_where_and_what_kind_and_not_what_about():
    def fail() -> None:
        try:
            int("jawaban rahasia")
        except ValueError as error:
            raise KeyError("nomor rahasia") from error

    with pytest.raises(KeyError) as caught:
        fail()
    text = trace(caught.value)
    assert "rahasia" not in text.replace('int("jawaban rahasia")', "").replace(
        'raise KeyError("nomor rahasia") from error', ""
    )
    assert text.index("ValueError") < text.index("KeyError")
    assert "test_logs.py" in text


def test_old_words_are_gone_a_day_after_they_arrived(sqlite_url):
    with office(sqlite_url) as place:
        ani = place.twilio.person()
        ani.say(place.link_text())
        place.twilio.settle()
        place.clock.move(timedelta(days=2))
        place.sweep("purge")
        assert all(row.sealed is None for row in rows(place.installation, Outbox))
