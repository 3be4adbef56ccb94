"""Surveys to test with: the bundled one, and a small one that has every type of question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.channels.base import as_text
from bot.flow.engine import begin, step
from bot.flow.load import load_survey
from bot.flow.state import Answer, State, Status
from bot.flow.survey import Flow, Survey
from bot.flow.turn import Context, Effect, Event, Kind, Message, Open, Reply, Step, Wake

BUNDLED = Path(__file__).parent.parent / "flows" / "integritas"

# A Tuesday, ten in the morning in Jakarta, within everybody's hours.
MORNING = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)

SMALL_FLOW = """\
kind: flow
name: internal
title: {id: Coba, en: Trial}
minutes: "2"
questions:
  - {name: halo, type: note, label: {id: Catatan awal., en: A first note.}}
  - name: setuju_kah
    type: select_one
    label: {id: Setuju?, en: Agreed?}
    choices: [{name: "1", label: {id: Ya, en: "Yes"}}, {name: "2", label: {id: Tidak, en: "No"}}]
    na: none
    end_if: "setuju_kah == '2'"
  - name: usia
    type: integer
    label: {id: Usia?, en: Age?}
    min: 0
    max: 120
  - name: alat
    type: select_multiple
    label: {id: Alat apa?, en: Which tools?}
    choices:
      - {name: "1", label: {id: Palu, en: Hammer}}
      - {name: "2", label: {id: Gergaji, en: Saw}}
      - {name: "3", label: {id: Obeng, en: Screwdriver}}
      - {name: "4", label: {id: Lainnya, en: Other}}
    max_choices: 3
  - name: alat_lain
    type: text
    label: {id: Apa lainnya?, en: Which other?}
    relevant: "'4' in alat"
    max_chars: 40
  - name: dewasa
    type: note
    label: {id: "Dua pertanyaan untuk usia {{usia}}.", en: "Two questions at age {{usia}}."}
    relevant: "usia >= 17"
  - name: anak
    type: integer
    label: {id: Berapa anak?, en: How many children?}
    relevant: "usia >= 17"
    required: false
    min: 1
    constraint: "value < usia"
    constraint_message: {id: Sebanyak itu?, en: That many?}
  - name: kerja
    type: select_one
    label: {id: Bekerja?, en: Working?}
    relevant: "usia >= 17"
    choices: [{name: "1", label: {id: Ya, en: "Yes"}}, {name: "2", label: {id: Tidak, en: "No"}}]
    na: refuse
  - name: saran
    type: text
    label: {id: Saran?, en: A suggestion?}
    required: false
  - {name: akhir, type: note, label: {id: Catatan akhir., en: A last note.}}
"""

LAND_FLOW = """\
kind: flow
name: internal
title: {id: Lahan, en: Land}
minutes: "3"
questions:
  - name: luas
    type: decimal
    label: {id: Berapa hektare?, en: How many hectares?}
    min: 0
    places: 3
  - name: puas
    type: range
    label: {id: "Seberapa puas, dari 0 sampai 10?", en: "How satisfied, from 0 to 10?"}
    start: 0
    end: 10
  - name: layanan
    type: date
    label: {id: Kapan dilayani?, en: When were you served?}
    min: 2020-01-01
    constraint: "value <= today"
    constraint_message: {id: Tanggal itu belum tiba., en: That day is yet to come.}
  - name: jam
    type: time
    label: {id: "Pada {{layanan}}, jam berapa?", en: "On {{layanan}}, at what time?"}
    required: false
    min: "07:00"
  - name: utama
    type: rank
    label: {id: Mana yang paling perlu?, en: What is most needed?}
    choices:
      - {name: "1", label: {id: Waktu, en: Time}}
      - {name: "2", label: {id: Biaya, en: Cost}}
      - {name: "3", label: {id: Sikap, en: Manners}}
    na: dont_know
  - name: letak
    type: geopoint
    label: {id: Di mana lahannya?, en: Where is the land?}
    places: 3
    relevant: "luas > 0 and '1' in utama"
  - name: akhir
    type: text
    label: {id: "Luas {{luas}}, nilai {{puas}}, {{jam}}, {{utama}}, {{letak}}. Lagi?", en: Else?}
    required: false
"""
"""A flow with the types that the small one lacks."""

SMALL_SURVEY = """\
kind: survey
name: coba
mode: owner
title: {id: Survei Coba, en: Trial Survey}
languages: [id, en]
default_language: id
language_names: {id: Bahasa Indonesia, en: English}
zone: Asia/Jakarta
opens: 2026-11-01
closes: 2027-01-31
groups:
  internal:
    flow: internal
    label: {id: Internal, en: Internal}
    reason: acak
    source: {id: daftar pegawai, en: the staff list}
texts:
  instansi: Kota Contoh
  penyelenggara: Inspektorat Kota Contoh
  situs_resmi: survei.contoh.go.id
  url: survei.contoh.go.id/hak
  telp_resmi: 0812-0000-0001
  nomor_resmi: 0812-0000-0002
  kode_verif: KC-2741
  kontak_luar: Pusat Studi Contoh
hours:
  default: {mon: ["08:30-11:45", "13:15-16:00"], tue: ["08:30-11:45", "13:15-16:00"],
    wed: ["08:30-11:45", "13:15-16:00"], thu: ["08:30-11:45", "13:15-16:00"],
    fri: ["08:30-11:00", "14:00-16:00"]}
"""


def bundled_files() -> dict[str, str]:
    """Return the bundled survey's files by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in BUNDLED.glob("*.yaml")}


def small_files(**changed: str) -> dict[str, str]:
    """Return the files of the small survey, with the bundled messages and scales."""
    bundled = bundled_files()
    files = {
        "survey.yaml": SMALL_SURVEY,
        "internal.yaml": SMALL_FLOW,
        "messages.yaml": bundled["messages.yaml"],
        "shared.yaml": bundled["shared.yaml"],
    }
    return files | {f"{name}.yaml": text for name, text in changed.items()}


@cache
def bundled() -> Survey:
    """Return the bundled survey."""
    return load_survey(bundled_files())


@cache
def small() -> Survey:
    """Return the small survey."""
    return load_survey(small_files())


@cache
def small_in_one_language() -> Survey:
    """Return the small survey in Indonesian only."""
    one = SMALL_SURVEY.replace("languages: [id, en]", "languages: [id]")
    return load_survey(small_files(survey=one))


class Chat:
    """One conversation; the state goes through its stored form between any two turns."""

    def __init__(
        self,
        survey: Survey,
        group: str = "internal",
        *,
        now: datetime = MORNING,
        zone: str = "Asia/Jakarta",
        language: str = "",
        texts: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.survey, self.now, self.zone = survey, now, ZoneInfo(zone)
        self.flow: Flow = survey.for_group(group)
        self.plan = survey.settings.plan(group)
        self.texts = texts if texts is not None else survey.settings.texts
        self.state: State = begin(self.flow, self.context(), language=language)
        self.message: Message | None = None
        self.effects: tuple[Effect, ...] = ()

    def context(self) -> Context:
        return Context(
            now=self.now, zone=self.zone, plan=self.plan, texts=self.texts, request_code="AB12"
        )

    def turn(self, event: Event) -> Step:
        """Move by one event, now."""
        result = step(self.flow, State.from_json(self.state.to_json()), event, self.context())
        self.state = State.from_json(result.state.to_json())
        assert self.state == result.state
        self.message, self.effects = result.message, result.effects
        return result

    def say(self, text: str, *, after: timedelta = timedelta(seconds=30), about: str = "") -> str:
        """Type something after a while, and return what the bot says ("" for nothing)."""
        self.now += after
        self.turn(Reply(text=text, about=about or None))
        return self.text

    def tap(self, option: str, *, after: timedelta = timedelta(seconds=30)) -> str:
        """Tap a button."""
        self.now += after
        self.turn(Reply(option=option))
        return self.text

    def send(self, kind: Kind, text: str = "") -> str:
        """Send what is no text, with one below it."""
        self.now += timedelta(seconds=30)
        self.turn(Reply(text=text, kind=kind))
        return self.text

    def open(self) -> str:
        """Follow a link."""
        self.now += timedelta(seconds=30)
        self.turn(Open())
        return self.text

    def wake(self, at: datetime | None = None) -> str:
        """Let the timer go off, when it is due or at some other time."""
        moment = at or self.state.wake_at
        assert moment is not None
        self.now = moment
        self.turn(Wake())
        return self.text

    def all(self, *texts: str) -> str:
        """Type several things, one after the other."""
        for text in texts:
            self.say(text)
        return self.text

    @property
    def text(self) -> str:
        """The bot's last message as people see it."""
        return "" if self.message is None else as_text(self.message)

    def said(self, name: str) -> bool:
        """Whether the bot's last message has the words of this message in it."""
        words = self.flow.words.messages[name].texts[self.flow.spoken(self.state.language)]
        return words.split("{{")[0] in self.text and words.split("}}")[-1] in self.text

    def asking(self) -> Chat:
        """Come by a link, take the default language and agree."""
        self.open()
        if self.state.status == "language":
            self.say("1")
        self.say("setuju")
        return self


def counted_answers(state: State) -> Mapping[str, Answer] | None:
    """Return the answers that count: finished ones, or those not yet replaced by ISI ULANG."""
    if state.status is Status.FINISHED:
        return state.answers or None
    return state.earlier or None
