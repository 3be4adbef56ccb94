"""Decimals, scales, days, times, orders and places in a conversation, from file to export."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from bot.channels.base import as_text
from bot.flow.answers.domains import NEEDED, Moment
from bot.flow.answers.reading import Lexicon, read_rank
from bot.flow.asking import Turn
from bot.flow.carrying import invalid
from bot.flow.editions import compare
from bot.flow.lint import lint
from bot.flow.load import load_survey
from bot.flow.rehearsal.domains_to_try import values_to_try
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.rehearsal.ways import Ways
from bot.flow.source import FlowError
from bot.flow.state import Answer, Status
from bot.flow.survey import Flow, Survey
from bot.flow.tapping import tappable
from bot.flow.terms import term, uses
from bot.flow.turn import Answered, Kind, Reply
from bot.interview.mixing import holds, to_text
from tests.surveys import LAND_FLOW as FLOW
from tests.surveys import SMALL_SURVEY, Chat, bundled_files, small_files

THROUGH = ("2,5", "8", "26/7/2025", "14.30", "2, 1, 3", "-3.31987, 114.59075", "0")


@cache
def land(languages: str = "id") -> Survey:
    survey = SMALL_SURVEY.replace("languages: [id, en]", f"languages: [{languages}]")
    return load_survey(small_files(internal=FLOW, survey=survey))


def flow() -> Flow:
    return land().for_group("internal")


def asking(*said: str) -> Chat:
    chat = Chat(land()).asking()
    chat.all(*said)
    return chat


def problems(old: str, new: str) -> list[str]:
    assert old in FLOW
    with pytest.raises(FlowError) as caught:
        load_survey(small_files(internal=FLOW.replace(old, new, 1)))
    return [str(one) for one in caught.value.problems]


def test_an_interview_goes_through_all_types() -> None:
    chat = asking(*THROUGH)
    assert chat.state.status is Status.FINISHED
    assert chat.state.answers == {
        "luas": 2.5,
        "puas": 8,
        "layanan": "2025-07-26",
        "jam": "14:30",
        "utama": ("2", "1", "3"),
        "letak": "-3.320 114.591",
    }
    assert chat.state.left_out == ("akhir",)


def test_answers_are_repeated_in_words() -> None:
    asked = asking("1.000,5", *THROUGH[1:-1]).text
    assert "Luas 1.000,5, nilai 8, 14.30, Biaya, Waktu, Sikap, -3.320, 114.591." in asked
    assert "Pada 26 Juli 2025, jam berapa?" in asking(*THROUGH[:3]).text


def test_each_question_says_what_can_be_typed() -> None:
    chat = asking()
    assert "misalnya *2,5*. (min. 0)\n(1/7) Balas angkanya." in chat.text
    assert "Balas satu angka: 0–10.\n" in chat.say("2,5")
    assert "*kemarin* atau *hari ini*. (min. 1 Januari 2020)\n(3/7) *KEMBALI*" in chat.say("8")
    assert "*14.30* atau *jam 2 siang*. (min. 07.00)\n(4/7)" in chat.say("kemarin")
    assert "Urutkan 3 pilihan" in chat.say("08.00")
    assert "misalnya *2, 1, 3*.\n0. Tidak tahu" in chat.text.replace("0 Tidak", "0. Tidak")
    assert "pilih *Lokasi*" in chat.say("3 2 1")


def test_a_foreigner_reads_it_in_english() -> None:
    chat = Chat(land("id, en"), language="en").asking()
    chat.say("agree")
    assert "for example *2.5*" in chat.text
    chat.all("2.5", "8")
    assert "That date can mean *4 March 2025* / *3 April 2025*." in chat.say("3/4/2025")
    assert "On 3 April 2025, at what time?" in chat.say("3 April 2025")


def test_two_meanings_are_named_until_one_is_chosen() -> None:
    chat = asking()
    for _ in range(4):
        assert "bisa berarti *1 koma 234* / *1234*" in chat.say("1.234")
    chat.say("1 koma 234")
    assert chat.state.answers == {"luas": 1.234}


def test_the_constraint_decides_between_two_days() -> None:
    """The 26th of July to come is after today; the one before is not."""
    chat = asking("2,5", "8")
    chat.say("26 Juli")
    assert chat.state.answers["layanan"] == "2026-07-26"


def test_days_know_which_day_it_is_where_the_person_is() -> None:
    """Late in the evening in Jakarta it is tomorrow already in Jayapura."""
    for zone, day in (("Asia/Jakarta", "2026-11-24"), ("Asia/Jayapura", "2026-11-25")):
        chat = Chat(land(), zone=zone).asking()
        chat.all("2,5", "8")
        chat.now = chat.now.replace(hour=16, minute=30)
        chat.say("ulang")
        chat.say("hari ini")
        assert chat.state.answers["layanan"] == day


@pytest.mark.parametrize(
    ("before", "said", "words"),
    [
        ((), "banyak", "Mohon balas dengan angka saja"),
        ((), "-1", "di luar batas"),
        ((), "0,12345", "Mohon dibulatkan"),
        (("1",), "11", "tidak ada di skala ini. Mohon balas salah satu: 0–10."),
        (("1",), "empat atau lima", "Mohon balas dengan angka saja"),
        (("1", "1"), "dulu sekali", "tanggalnya belum terbaca"),
        (("1", "1"), "minggu lalu", "Tanggal berapa tepatnya?"),
        (("1", "1"), "besok", "Tanggal itu belum tiba."),
        (("1", "1"), "1/1/2019", "Tanggal itu belum tiba."),
        (("1", "1"), "lewati", "tidak bisa dilewati"),
        (("1", "1", "kemarin"), "siang", "jamnya belum terbaca"),
        (("1", "1", "kemarin"), "jam 8", "bisa berarti *08.00* / *20.00*"),
        (("1", "1", "kemarin"), "02.00", "di luar batas pertanyaan ini"),
        (("1", "1", "kemarin", "0"), "1, 2", "3 angka dari pilihan, masing-masing satu kali"),
        (("1", "1", "kemarin", "0"), "1, 2, 2", "masing-masing satu kali"),
        (("1", "1", "kemarin", "0"), "semua", "masing-masing satu kali"),
        (("1", "1", "kemarin", "0", "1 2 3"), "di sawah", "lokasinya belum kami terima"),
    ],
)
def test_what_is_no_answer_is_asked_again_kindly(
    before: tuple[str, ...], said: str, words: str
) -> None:
    chat = asking(*before)
    open_now = chat.state.question
    assert words in chat.say(said)
    assert chat.state.question == open_now
    assert chat.state.attempts == 1
    chat.say(said)
    assert "*BERHENTI* agar tidak dihubungi lagi" in chat.say(said) or words in chat.text


def test_a_location_is_the_answer_to_a_question_for_a_place() -> None:
    chat = asking(*THROUGH[:5])
    chat.turn(Reply(kind="location", place=(-3.3198765, 114.5907512)))
    assert chat.effects == (Answered("letak"),)
    assert chat.state.answers["letak"] == "-3.320 114.591"
    chat.turn(Reply(kind="location", about="letak", place=(-2.2, 113.9)))
    assert chat.state.answers["letak"] == "-2.200 113.900"
    assert chat.state.question == "akhir"


def test_a_location_is_no_answer_elsewhere() -> None:
    chat = asking()
    chat.turn(Reply(kind="location", place=(-2.2, 113.9)))
    assert chat.said("not_text")
    chat.all(*THROUGH[:2])
    chat.turn(Reply(kind="location", place=(-2.2, 113.9)))
    assert chat.said("not_text_words")
    assert chat.state.question == "layanan"
    chat.all(*THROUGH[2:5])
    kinds: tuple[Kind, ...] = ("media", "location")
    for kind in kinds:
        chat.turn(Reply(kind=kind))
        assert chat.said("not_a_place")


def test_going_back_and_changing_work_as_everywhere() -> None:
    chat = asking(*THROUGH[:5])
    assert "jam berapa" not in chat.text
    assert "Mana yang paling perlu?" in chat.say("KEMBALI")
    assert "jam berapa?" in chat.say("kembali")
    chat.say("jam 9 pagi")
    assert "Berapa hektare?" in chat.say("UBAH 1")
    chat.say("0")
    assert chat.state.question == "akhir", "a place is asked only for land"
    assert chat.state.answers["jam"] == "09:00"


def test_a_word_that_is_a_command_elsewhere_is_a_day_here() -> None:
    files = small_files(
        internal=FLOW.replace('    constraint: "value <= today"\n', "", 1).replace(
            "    constraint_message: {id: Tanggal itu belum tiba., en: That day is yet to come.}\n",
            "",
        )
    )
    chat = Chat(load_survey(files), language="id").asking()
    chat.all("2,5", "8", "besok")
    assert chat.state.answers["layanan"] == "2026-11-25"
    assert chat.state.pending is None
    chat.say("besok")  # no time of day: the command for a pause
    assert chat.state.pending == "pause"


def test_the_readmes_questions_can_be_asked() -> None:
    readme = (Path(__file__).parent.parent / "flows" / "README.md").read_text(encoding="utf-8")
    part = readme[readme.index("### Numbers, dates and places") :]
    block = re.search(r"```yaml\n(.*?)```", part, re.DOTALL)
    assert block is not None
    head = FLOW[: FLOW.index("  - name: luas")]
    chat = Chat(load_survey(small_files(internal=head + block[1])), language="id").asking()
    chat.all("1.000", "7", "26 Juli 2025")
    assert "Pada 26 Juli 2025, pukul berapa? " in chat.text.replace("\n", " ")
    chat.all("jam 2", "3, 1, 2", "lewati")
    assert chat.state.status is Status.FINISHED
    assert dict(chat.state.answers) == {
        "luas": 1000.0,
        "puas": 7,
        "dilayani": "2025-07-26",
        "pukul": "14:00",
        "perlu": ("3", "1", "2"),
    }


ORDER = ("1", "2", "3")
TOOLS = Lexicon.of(
    (
        ("1", ("Palu", "Hammer")),
        ("2", ("Gergaji", "Saw")),
        ("3", ("Obeng", "Screwdriver")),
        ("0", ("Tidak tahu", "Don't know")),
    )
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2,1,3", "213"),
        ("2, 1, 3", "213"),
        ("2 1 3", "213"),
        ("213", "213"),
        ("2-1-3", "213"),
        ("2 > 1 > 3", "213"),
        ("2.1.3", "213"),
        ("dua, satu, tiga", "213"),
        ("gergaji, palu, obeng", "213"),
        ("Gergaji\nPalu\nObeng", "213"),
        ("1. Gergaji 2. Palu 3. Obeng", "213"),
        ("1) gergaji\n2) palu\n3) obeng", "213"),
        ("２，１，３", "213"),
        ("tidak tahu", "0"),
        ("0", "0"),
    ],
)
def test_an_order_is_read_as_people_write_it(text: str, names: str) -> None:
    assert read_rank(TOOLS, ORDER, text, 3).answer == tuple(names)


@pytest.mark.parametrize(
    "text", ["", "1", "1,2", "1,1,2", "1,2,3,1", "1,2,0", "4,1,2", "1-3", "112", "palu", "semua"]
)
def test_what_is_no_whole_order_is_none(text: str) -> None:
    assert read_rank(TOOLS, ORDER, text, 3).trouble == "rank_wrong"


def test_only_the_first_ones_may_be_asked_for() -> None:
    files = small_files(internal=FLOW.replace("    na: dont_know\n", "    max_choices: 2\n", 1))
    chat = Chat(load_survey(files), language="id").asking()
    chat.all(*THROUGH[:4])
    assert "Urutkan 2 pilihan" in chat.text
    assert "misalnya *2, 1*." in chat.text
    chat.say("3, 1, 2")
    assert chat.state.question == "utama"
    chat.say("3, 1")
    assert chat.state.answers["utama"] == ("3", "1")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("min: 0", "min: banyak", "flow.yaml"),
        ("    min: 0\n", "    min: 5\n    max: 2\n", "2 is below the least, 5"),
        ("    end: 10\n", "", "`end` is missing"),
        ("end: 10", "end: -3", "-3 is not above the start, 0"),
        ("end: 10", "end: 10\n    step: 3", "steps of 3 from 0 do not reach 10"),
        ("end: 10", "end: 9000", "more than 1000 steps"),
        ("min: 2020-01-01", "min: kemarin", "kemarin"),
        ("min: 2020-01-01", "min: 2020-01-01\n    max: 2019-01-01", "below the least"),
        ('min: "07:00"', 'min: "7 pagi"', "7 pagi"),
        ("na: dont_know", "max_choices: 4", "below the least"),
        ("luas > 0", "layanan > 2025-12-31", "in quotes: '2025-12-31'"),
        ("luas > 0", "layanan > '2025-7-1'", "'2025-7-1' is no day"),
        ("luas > 0", "layanan > '2025-02-30'", "'2025-02-30' is no day"),
        ("luas > 0", "jam > '7:30'", "'7:30' is no time of day"),
        ("na: dont_know", "good: '1'", "good"),
        ("places: 3\n    relevant", "places: 9\n    relevant", "5"),
        ("name: puas", "name: today", "the name of something else"),
        ('relevant: "luas > 0', 'relevant: "today > 0', "unknown name `today`"),
        ("choices:", "min_choices: 2\n    choices:", "unknown key `min_choices`"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(old: str, new: str, words: str) -> None:
    if words == "flow.yaml":
        words = "internal.yaml:9:10"
    found = problems(old, new)
    assert any(words in one for one in found), found
    assert all(one.startswith("internal.yaml:") for one in found)


@pytest.mark.parametrize("kind", sorted(NEEDED))
def test_the_words_of_a_type_must_be_there_where_it_is_used(kind: str) -> None:
    messages = bundled_files()["messages.yaml"]
    missing = NEEDED[kind][-1]
    gone = messages.replace(f"  {missing}:\n", "  spare:\n", 1)
    assert gone != messages
    start = gone.index("  spare:\n")
    gone = gone[:start] + gone[gone.index("\n\n", start) + 2 :]
    with pytest.raises(FlowError) as caught:
        load_survey(small_files(internal=FLOW, messages=gone))
    line = FLOW[: FLOW.index(f"type: {kind}")].count("\n") + 1
    told = [one for one in caught.value.problems if f"`{kind}`" in one.what]
    assert [(one.file, one.line) for one in told] == [("internal.yaml", line)]
    assert missing in told[0].fix
    load_survey(small_files(messages=gone))  # without this type they are not needed


def test_a_question_to_be_tapped_may_repeat_any_answer() -> None:
    """What is tapped is made before anybody has answered anything."""
    told = " ".join(f"{{{{{name}}}}}" for name in ("luas", "puas", "layanan", "jam", "letak"))
    last = FLOW[FLOW.index("  - name: akhir") :]
    tapped = f'''  - name: benar
    type: select_one
    label: {{id: "{told}, benar?", en: "{told}, right?"}}
    choices: [{{name: "1", label: {{id: Ya, en: Y}}}}, {{name: "2", label: {{id: Tidak, en: N}}}}]
    na: none
    appearance: buttons
'''
    survey = load_survey(small_files(internal=FLOW.replace(last, tapped)))
    assert {one.severity for one in lint(small_files(internal=FLOW.replace(last, tapped)))} <= {
        "warning"
    }
    assert any(message.question == "benar" for message in tappable(survey))
    chat = Chat(survey, language="id").asking()
    chat.all(*THROUGH[:-1])
    assert "2,5 8 26 Juli 2025 14.30 -3.320, 114.591, benar?" in chat.text
    assert chat.message is not None
    assert chat.message.taps is not None


def test_a_day_is_counted_from_when_it_was_written() -> None:
    """Also where the message is taken in only on the next day."""
    chat = asking("1", "1")
    wrote_at = chat.now
    chat.now += timedelta(hours=20)
    context = replace(chat.context(), wrote_at=wrote_at)
    turn = Turn(chat.flow, chat.state, context)
    assert turn.read(turn.question, "hari ini").answer == "2026-11-24"
    late = Turn(chat.flow, chat.state, chat.context())
    assert late.read(late.question, "hari ini").answer == "2026-11-25"


def test_a_transcript_sends_a_place() -> None:
    text = """\
survey: coba
group: internal
script:
- open: true
- user: setuju
- user: 2,5
- user: '8'
- user: kemarin
- user: lewati
- user: 1 2 3
- send: location
  place: -3.31987 114.59075
- user: tidak ada
end: {status: finished}
"""
    played = play(land(), read_transcript("a.yaml", text), as_text)
    assert {"send": "location", "place": "-3.31987 114.59075"} in played.script
    assert played.end["answers"] == {
        "luas": "2.5",
        "puas": "8",
        "layanan": "2026-11-01",
        "utama": ["1", "2", "3"],
        "letak": "-3.320 114.591",
        "akhir": "tidak ada",
    }
    with pytest.raises(FlowError):
        read_transcript("a.yaml", text.replace("send: location", "send: media"))
    with pytest.raises(FlowError, match="latitude and longitude"):
        read_transcript("a.yaml", text.replace("-3.31987 114.59075", "Banjarmasin"))


def test_paths_are_tried_with_answers_of_every_type() -> None:
    ways = Ways(land(), "internal")
    assert ways.proved
    assert ways.play(ways.way("longest")).questions == 7
    assert ways.play(ways.way("shortest")).questions == 6
    for way in ways.spread(ways.count):
        ways.play(way)


def test_both_sides_of_a_condition_are_tried() -> None:
    text = FLOW.replace("luas > 0 and '1' in utama", "luas > 2.5 and luas < 2.6").replace(
        "name: akhir\n    type: text",
        "name: akhir\n    relevant: \"layanan < '2024-05-01'\"\n    type: text",
    )
    survey = load_survey(small_files(internal=text))
    ways = Ways(survey, "internal")
    assert ways.proved
    assert ways.play(ways.way("longest")).questions == 7
    assert ways.play(ways.way("shortest")).questions == 5


@pytest.mark.parametrize("kind", ["decimal", "range", "date", "time", "geopoint"])
def test_what_is_tried_is_typed_and_read_as_itself(kind: str) -> None:
    (question,) = [one for one in flow().asked if one.type == kind]
    assert question.domain is not None
    conditions = ["luas > 2.5 and puas < 7", "layanan >= '2025-07-01' and jam < '12:30'"]
    tried, why = values_to_try(question.domain, uses(list(map(term, conditions)), question.name))
    assert tried
    assert why == ""
    now = Moment(date(2026, 11, 29), "id")
    for answer in tried:
        assert question.domain.holds(answer)
        typed = question.domain.typed(answer, "id")
        assert question.domain.read(typed, True, now).answer == answer


def test_mixing_knows_which_answers_a_version_could_hold() -> None:
    stored = dict(asking(*THROUGH).state.answers)
    assert all(holds(flow(), name, answer) for name, answer in stored.items())
    wrong: dict[str, Answer] = {
        "luas": -1.0,
        "puas": 11,
        "layanan": "1999-01-01",
        "jam": "06:00",
        "letak": "x",
    }
    assert not any(holds(flow(), name, answer) for name, answer in wrong.items())
    assert not holds(flow(), "utama", ("1", "4"))
    assert {name: to_text(answer) for name, answer in stored.items()} == {
        "luas": "2.5",
        "puas": "8",
        "layanan": "2025-07-26",
        "jam": "14:30",
        "utama": '["2","1","3"]',
        "letak": "-3.320 114.591",
    }


def test_an_order_is_typed_by_the_numbers_that_are_shown() -> None:
    names = FLOW
    for number, name in (("1", "waktu"), ("2", "biaya"), ("3", "sikap")):
        names = names.replace(f'name: "{number}", label', f"name: {name}, label")
    names = names.replace("'1' in utama", "'waktu' in utama").replace(
        "na: dont_know", "na: dont_know\n    randomize: true"
    )
    survey = load_survey(small_files(internal=names))
    seen = set()
    for seed in range(8):
        chat = Chat(survey, language="id").asking()
        chat.state = replace(chat.state, seed=seed)
        chat.all(*THROUGH[:4])
        assert chat.message is not None
        labels = {choice.value: choice.label for choice in chat.message.choices}
        assert set(labels) == {"1", "2", "3"}
        assert "misalnya *2, 1, 3*" in chat.text
        chat.say("3, 1, 2")
        wanted = tuple(labels[number].split()[0].casefold() for number in "312")
        assert chat.state.answers["utama"] == wanted
        seen.add(wanted)
    assert len(seen) > 1


def test_answers_of_every_type_can_be_offered() -> None:
    offered = FLOW.replace("min: 0\n", "min: 0\n    default: 2,5\n", 1)
    offered = offered.replace("end: 10\n", 'end: 10\n    default: "7"\n')
    offered = offered.replace("min: 2020-01-01\n", "min: 2020-01-01\n    default: 2026-11-01\n")
    offered = offered.replace('min: "07:00"\n', 'min: "07:00"\n    default: "14.30"\n')
    offered = offered.replace("na: dont_know\n", 'na: dont_know\n    default: ["2", "1", "3"]\n')
    chat = Chat(load_survey(small_files(internal=offered)), language="id").asking()
    assert "2,5" in chat.text.split("hektare?")[1]
    for _ in range(5):
        assert "*OK*" in chat.text
        chat.say("ok")
    assert chat.state.answers == {
        "luas": 2.5,
        "puas": 7,
        "layanan": "2026-11-01",
        "jam": "14:30",
        "utama": ("2", "1", "3"),
    }


def test_a_day_that_is_offered_is_the_same_every_day() -> None:
    found = problems("min: 2020-01-01\n", "min: 2020-01-01\n    default: kemarin\n")
    assert any("`kemarin` could not be answered here" in one for one in found)
    found = problems("na: dont_know\n", 'na: dont_know\n    default: ["2", "1"]\n')
    assert any("2 of 3 places" in one for one in found)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    min: 0\n", "", ("addition", "`min` was 0, is none")),
        ("min: 0", "min: 1", ("break", "`min` was 0, is 1")),
        ("    places: 3\n", "", ("break", "`places` was 3, is none")),
        ("end: 10", "end: 20", ("break", "`end` was 10, is 20")),
        ("min: 2020-01-01", "min: 2019-01-01", ("addition", "`min` was 2020-01-01, is 2019-01-01")),
        ('min: "07:00"', 'min: "08:00"', ("break", "`min` was 07:00:00, is 08:00:00")),
    ],
)
def test_an_edit_of_limits_is_told(old: str, new: str, told: tuple[str, str]) -> None:
    newer = load_survey(small_files(internal=FLOW.replace(old, new, 1)))
    before = load_survey(small_files(internal=FLOW))
    assert [(one.kind, one.what) for one in compare(before, newer)] == [told]


def test_answers_outside_new_limits_are_invalid() -> None:
    text = FLOW.replace("min: 0", "min: 3", 1).replace("end: 10", "end: 5")
    newer = load_survey(small_files(internal=text)).for_group("internal")
    stored = dict(asking(*THROUGH).state.answers)
    assert sorted(invalid(flow(), newer, stored)) == ["luas", "puas"]


def test_what_was_true_of_today_is_no_reason_to_ask_again() -> None:
    """A constraint with another answer in it is looked at anew when that one changes."""
    text = FLOW.replace("value <= today", "value <= today and luas > 0")
    chat = Chat(load_survey(small_files(internal=text)), language="id").asking()
    chat.all(*THROUGH[:4], "UBAH 1", "3")
    assert chat.state.answers["layanan"] == "2025-07-26"
    chat.all("UBAH 1", "0")
    assert "layanan" not in chat.state.answers
