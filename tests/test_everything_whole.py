"""Nine people in the survey with everything: through the webhook, mixed, exported, compared."""

from __future__ import annotations

import csv
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import openpyxl
import pytest

from bot.flow.question import Question
from bot.flow.state import Answer, State
from bot.interview import closing, fetching, mixing
from bot.interview.surveys import publish
from bot.reporting.anonymity.audit import audit
from bot.reporting.export.writing import export
from storage.models import Attachment, Conversation
from tests.everything import everything_files
from tests.fake_twilio_person import Person
from tests.media_files import jpeg, ogg, pdf, png
from tests.respondents import Vector, stored_vectors
from tests.rows import count, rows
from tests.whatsapp import Office, office

PEOPLE, K = 9, 3
FILES, FILE = ("foto", "cerita", "surat"), "file"
BYTES: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "image": (jpeg, "image/jpeg"),
    "audio": (ogg, "audio/ogg"),
    "file": (pdf, "application/pdf"),
}
TYPED: Mapping[str, tuple[str, Answer]] = {
    "date": ("2/5/2020", "2020-05-02"),
    "time": ("jam 7 pagi", "07:00"),
    "range": ("4,5", 4.5),
    "geopoint": ("-2.2, 113.9", "-2.20 113.90"),
}


@pytest.fixture
def place(database_url: str) -> Iterator[Office]:
    """An office with the survey; three people hide each other."""
    with office(database_url, statuses=()) as one:
        files = everything_files()
        files["survey.yaml"] += f"anonymity: {{k: {K}, wait_hours: 0}}\nmin_answer_seconds: 0\n"
        media = {"peta.png": png(), "map.jpg": jpeg(), "peta.ogg": ogg()}
        one.published = publish(one.installation, files, media=media)
        yield one


def states(place: Office) -> list[State]:
    """Return the states of all conversations, oldest first."""
    here = place.installation
    found = sorted(rows(here, Conversation), key=lambda row: row.id)

    def work(connection):
        keys = ((row, here.keys.by_id(connection, row.key_id)) for row in found)
        return [State.from_json(key.open(row.sealed, f"state:{row.id}")) for row, key in keys]

    return here.database.read(work)


class Somebody:
    """Answers by chance what is on the screen; keeps what ought to be stored."""

    def __init__(self, place: Office, number: int) -> None:
        self.place, self.chance = place, random.Random(number)
        self.person: Person = place.twilio.person(phone=f"+62812000{number:05d}")
        self.answers: dict[str, Answer] = {}

    def begin(self) -> None:
        for text in (self.place.link_text(), "1", "setuju"):
            self.place.clock.move(seconds=8)
            self.person.say(text)
        # What has a picture goes out by REST, at the sender's pace, which is of real time.
        end = time.monotonic() + 30
        while "Provinsi?" not in self.person.inbox[-1]:
            assert time.monotonic() < end, self.person.inbox
            time.sleep(0.05)
            self.place.sweep("deliver")
            self.place.twilio.settle()

    def choose(self, question: Question, shown: str) -> None:
        """Answer one question, by the numbers that stand in its message."""
        self.place.clock.move(seconds=8)
        kind, chance = question.type, self.chance
        answer: Answer
        if kind in BYTES:
            self.send(question)
            return
        if kind in TYPED:
            said, answer = TYPED[kind]
        elif kind == "integer":
            answer = chance.choice([17, 25, 40])
            said = str(answer)
        elif kind == "decimal":
            said, answer = chance.choice([("1,5", 1.5), ("2,5", 2.5), ("1.000,25", 1000.25)])
        elif kind == "text":
            answer = f"kata {chance.randrange(10**9)}"
            said = str(answer)
            if question.name == "nama" and chance.random() < 0.3:
                said, answer = "OK", "Warga"
        else:
            said, answer = self.of_choices(question, shown)
        self.answers[question.name] = answer
        self.person.say(said)

    def of_choices(self, question: Question, shown: str) -> tuple[str, Answer]:
        numbers = {label: number for number, label in re.findall(r"(?m)^(\d+)\. (.+)$", shown)}
        names = {one.label["id"]: one.name for one in question.choices}
        labels = [label for label in numbers if names[label]]
        if question.type == "select_one":
            label = self.chance.choice(labels)
            return numbers[label], names[label]
        if question.type == "rank":
            self.chance.shuffle(labels)
            return ", ".join(numbers[one] for one in labels), tuple(names[one] for one in labels)
        chosen = {"Gergaji", self.chance.choice(labels)}
        written = tuple(one.name for one in question.choices if one.label["id"] in chosen)
        return ", ".join(numbers[one] for one in chosen), written

    def send(self, question: Question) -> None:
        make, mime = BYTES[question.type]
        form = self.person.form(kind="image") | {"MediaContentType0": mime}
        file = self.place.twilio.store.files[form["MediaUrl0"].rpartition("/")[2]]
        file.content, file.type = make(), mime
        self.answers[question.name] = FILE
        self.person.post(form)

    def to_the_page(self) -> None:
        flow = self.place.published.survey.for_group("internal")
        for _ in range(40):
            state = states(self.place)[-1]
            if state.question is None:
                assert self.person.inbox[-1].count("→") > 5, self.person.inbox[-1]
                return
            self.choose(flow.by_name[state.question], self.person.inbox[-1])

    def correct(self) -> None:
        """Change the mark on the page of answers, as it stands there."""
        for _ in range(5):
            if "Nilai?" in self.person.inbox[-1]:
                break
            self.person.say("lagi")
        (number,) = re.findall(r"(?m)^\*(\d+)\.\* Nilai\?$", self.person.inbox[-1])
        self.person.say(f"ubah {number}")
        self.person.say("3,5")
        self.answers["nilai"] = 3.5
        assert states(self.place)[-1].question is None

    def expected(self) -> tuple[tuple[str, str], ...]:
        told = dict(self.answers)
        told["tetap"] = 21
        told["sapaan"] = told.get("nama") or "Bapak/Ibu"
        if "gaji" in told:
            told["setahun"] = round(float(told["gaji"]) * 12, 1)  # type: ignore[arg-type]
        if int(told["usia"]) < 30:  # type: ignore[arg-type]
            told["muda"] = "muda"
        return tuple(sorted((name, mixing.to_text(value)) for name, value in told.items()))


def test_nine_people_leave_exactly_their_answers_and_files(place: Office, tmp_path: Path) -> None:
    people = []
    for number in range(PEOPLE):
        one = Somebody(place, number)
        people.append(one)
        one.begin()
        one.to_the_page()
        if number % 3 == 0:
            one.correct()
        one.person.say("KIRIM")
        if number % 5 == 0:
            one.person.say("isi ulang")
            one.answers = {}
            one.to_the_page()
            one.person.say("KIRIM")
        assert states(place)[-1].status == "finished", one.person.inbox[-1]
    assert place.twilio.errors == []
    while fetching.fetch_due(place.installation, place.service.channels):
        pass
    sent = sum(value == FILE for one in people for value in one.answers.values())
    here, name = place.installation, place.published.name
    assert count(here, Attachment) == sent
    closing.close(here, name)
    assert audit(here, name).found == ()
    expected = Counter(one.expected() for one in people)
    assert Counter(map(without_names, stored_vectors(here).elements())) == expected
    for kind in ("csv", "xlsx"):
        done = export(here, name, kind, tmp_path / f"jawaban.{kind}")
        assert (done.rows, done.files) == (PEOPLE, sent)
    assert Counter(map(without_names, in_csv(tmp_path / "jawaban.csv"))) == in_words(expected)
    assert len(list((tmp_path / "jawaban.files").iterdir())) == sent
    sheet = openpyxl.load_workbook(tmp_path / "jawaban.xlsx")["data"]
    heads, *lines = sheet.iter_rows(values_only=True)
    years = [line[heads.index("setahun")] for line in lines]
    assert any(years)
    assert all(one is None or isinstance(one, int | float) for one in years), "no texts"


def without_names(pairs: Iterable[tuple[str, str]]) -> Vector:
    """Return answers with one name for all files."""
    return tuple((name, FILE if name in FILES else value) for name, value in pairs)


def in_words(vectors: Counter[Vector]) -> Counter[Vector]:
    """Return stored answers as a table shows them: several names parted by blanks."""
    shown: Counter[Vector] = Counter()
    for vector, times in vectors.items():
        pairs = (
            (name, re.sub(r'[\[\]"]', "", value.replace('","', " "))) for name, value in vector
        )
        shown[tuple(pairs)] += times
    return shown


def in_csv(path: Path) -> list[Vector]:
    """Return the answers of every row of a table."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        table = list(csv.DictReader(stream))
    start = list(table[0]).index("tetap")
    return [
        tuple(sorted((name, row[name]) for name in list(row)[start:] if row[name])) for row in table
    ]
