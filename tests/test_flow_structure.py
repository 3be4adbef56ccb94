"""What structures a flow: filters, chance, sections, blocks, calculations, offers and pages."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import get_args

import pytest

from bot.channels.base import as_text
from bot.flow.chance import Shuffle, arrangement, by_chance
from bot.flow.choices import offered, shown
from bot.flow.limits import MESSAGE_CHARS
from bot.flow.lint import lint
from bot.flow.load import load_survey
from bot.flow.rehearsal.transcript import play, read_transcript
from bot.flow.rehearsal.ways import Ways, Which
from bot.flow.source import FlowError, Problem
from bot.flow.state import Answer, Status
from bot.flow.survey import Survey
from bot.flow.tapping import tappable
from bot.flow.turn import Answered, Dropped
from bot.flow.wording import message_chars
from tests.structured import FLOW, SHARED, files_of, paged, structured, structured_files, survey_of
from tests.surveys import BUNDLED, SMALL_FLOW, SMALL_SURVEY, Chat, small_files

README = BUNDLED.parent / "README.md"


def asking(*answers: str, seed: int = 0, survey: Survey | None = None) -> Chat:
    """Return a chat that has begun with a seed and given these answers."""
    chat = Chat(survey or structured(), language="id")
    chat.state = replace(chat.state, seed=seed)
    chat.asking()
    chat.all(*answers)
    return chat


def dropped(chat: Chat) -> tuple[str, ...]:
    """Return the answers that the last turn has removed."""
    return tuple(name for one in chat.effects if isinstance(one, Dropped) for name in one.questions)


def problems(files: Mapping[str, str]) -> tuple[Problem, ...]:
    with pytest.raises(FlowError) as caught:
        load_survey(files)
    return caught.value.problems


def only_problem(files: Mapping[str, str]) -> Problem:
    (found,) = problems(files)
    return found


def line_of(text: str, words: str) -> int:
    return text[: text.index(words)].count("\n") + 1


# numbers by which choices are shown and typed


def numbers(chat: Chat) -> dict[str, str]:
    """Return the numbers that are shown, by the names of their choices."""
    state = chat.state
    question = chat.flow.by_name[state.question or ""]
    return {one.choice.name: one.number for one in shown(question, state.answers, state.seed)}


def test_names_that_are_numbers_are_the_numbers() -> None:
    chat = asking("1", "1", "40", "0", "1", survey=structured())
    assert chat.state.question == "saluran"
    assert numbers(chat) == {"1": "1", "2": "2", "other": "3", "0": "0", "9": "9"}


def test_other_names_are_counted_from_one() -> None:
    assert numbers(asking()) == {"kalsel": "1", "kaltim": "2", "lain": "3"}
    assert asking("2").state.answers == {"provinsi": "kaltim"}
    assert asking("Kalimantan Timur").state.answers == {"provinsi": "kaltim"}


def test_the_name_that_is_stored_cannot_be_typed() -> None:
    assert asking("kaltim").state.answers == {}
    assert asking("provinsi lain").state.answers == {"provinsi": "lain"}


def list_of(many: int, na: str = "both", more: str = "") -> str:
    choices = "".join(
        f"      - {{name: c{number}, label: Pilihan ke{number}}}\n" for number in range(many)
    )
    return (
        f"  - name: panjang\n    type: select_one\n    label: Yang mana?\n    na: {na}\n"
        f"{more}    choices:\n{choices}"
    )


@pytest.mark.parametrize(("many", "refuse"), [(8, "9"), (9, "99"), (98, "99"), (99, "999")])
def test_prefer_not_to_say_keeps_clear_of_the_choices(many: int, refuse: str) -> None:
    chat = asking(survey=survey_of(list_of(many)))
    assert [numbers(chat)[name] for name in ("0", "9")] == ["0", refuse]
    assert f"{refuse} Tidak mau menjawab" in chat.text
    chat.say(refuse)
    assert chat.state.answers == {"panjang": "9"}


# filters


def test_a_filter_offers_only_what_fits_and_counts_it_anew() -> None:
    chat = asking("2")
    assert numbers(chat) == {"samarinda": "1", "balikpapan": "2", "bontang": "3", "9": "9"}
    assert "Banjarmasin" not in chat.text
    chat.say("banjarmasin")
    assert "kota" not in chat.state.answers
    chat.tap("kota:banjarmasin")
    assert "kota" not in chat.state.answers
    chat.say("balikpapan")
    assert chat.state.answers["kota"] == "balikpapan"


def test_a_choice_that_is_no_longer_offered_is_dropped_and_asked_again() -> None:
    chat = asking("2", "1", "40")
    chat.say("1", about="provinsi")
    assert chat.effects == (Answered("provinsi"), Dropped(("kota",)))
    assert chat.state.question == "kota"
    assert numbers(chat)["banjarbaru"] == "2"
    chat.say("2")
    assert chat.state.question == "lama"
    assert chat.state.answers == {"provinsi": "kalsel", "usia": 40, "kota": "banjarbaru"}


def test_a_choice_that_is_still_offered_stays() -> None:
    chat = asking("2", "9", "40")
    chat.say("1", about="provinsi")
    assert chat.effects == (Answered("provinsi"),)
    assert chat.state.answers["kota"] == "9"


def test_a_question_without_any_choice_left_is_not_asked() -> None:
    chat = asking("3")
    assert chat.state.question == "usia"
    assert "(2/13)" in chat.text
    chat = asking("2", "1")
    chat.say("3", about="provinsi")
    assert chat.effects == (Answered("provinsi"), Dropped(("kota",)))
    assert chat.state.question == "usia"


def test_fewer_choices_than_must_be_chosen_can_all_be_chosen() -> None:
    survey = survey_of(
        """\
  - {name: usia, type: integer, label: Usia?}
  - name: alat
    type: select_multiple
    label: Alat?
    na: none
    min_choices: 2
    choice_filter: "usia > 20 or muda == '1'"
    choices:
      - {name: palu, label: Palu, attributes: {muda: "1"}}
      - {name: gergaji, label: Gergaji}
"""
    )
    chat = asking("12", "1", survey=survey)
    assert chat.state.answers == {"usia": 12, "alat": ("palu",)}


# chance


def test_seed_nought_leaves_everything_as_it_is_written() -> None:
    assert by_chance("abc", "abc", 0, "x") == ("a", "b", "c")
    assert structured().for_group("internal").arranged(0) is structured().for_group("internal")


def test_an_order_is_that_of_its_seed_and_stays_when_something_is_left_out() -> None:
    orders = {by_chance("abcd", "abcd", seed, "x") for seed in range(1, 400)}
    assert len(orders) == 24
    for seed in range(1, 50):
        whole = by_chance("abcd", "abcd", seed, "x")
        assert by_chance("abd", "abd", seed, "x") == tuple(one for one in whole if one != "c")


def test_every_order_is_equally_likely() -> None:
    orders = [by_chance("abc", "abc", seed, "x") for seed in range(1, 6001)]
    assert all(900 < orders.count(order) < 1100 for order in set(orders))


def test_parts_exchange_their_places_and_what_lies_between_stays() -> None:
    shuffles = (Shuffle("in", ((1, 2), (2, 4))), Shuffle("", ((0, 4), (5, 6))))
    found = {arrangement(7, shuffles, seed) for seed in range(1, 200)}
    assert found == {
        (0, 1, 2, 3, 4, 5, 6),
        (0, 2, 3, 1, 4, 5, 6),
        (5, 4, 0, 1, 2, 3, 6),
        (5, 4, 0, 2, 3, 1, 6),
    }


def test_shuffled_choices_are_typed_by_the_number_that_is_seen() -> None:
    seen = set()
    for seed in range(1, 30):
        chat = asking("1", "1", "40", "9", seed=seed)
        while chat.state.question != "alat":
            chat.say("2")
        order = tuple(numbers(chat))
        seen.add(order)
        assert order[3:] == ("other", "0", "9"), "what is no answer of its own stands last"
        first, third = order[0], order[2]
        chat.say("3, 1")
        written = [name for name in ("palu", "gergaji", "obeng") if name in (first, third)]
        assert chat.state.answers["alat"] == tuple(written), "the order shown is not kept"
    assert len(seen) == 6


def test_a_flow_is_in_the_order_of_its_seed() -> None:
    flow = structured().for_group("internal")
    orders = set()
    for seed in range(1, 60):
        one = flow.arranged(seed)
        assert flow.arranged(seed) is one
        names = [question.name for question in one.asked]
        assert sorted(names) == sorted(question.name for question in flow.asked)
        assert [question.index for question in one.questions] == list(range(len(one.questions)))
        assert [question.number for question in one.asked] == list(range(1, len(names) + 1))
        for question in one.questions:
            assert all(one.by_name[name].index < question.index for name in question.reads)
        section = names.index("a_puas"), names.index("saluran"), names.index("b_puas")
        orders.add((names.index("alat") < min(section), sorted(section).index(section[0]), section))
    assert len({one[0] for one in orders}) == 2
    assert len({one[1:] for one in orders}) == 12


@pytest.mark.parametrize("seed", range(8))
def test_titles_stand_above_the_first_question_of_their_section(seed: int) -> None:
    chat = asking("2", "1", "40", "9", seed=seed)
    said = [chat.text]
    while chat.state.status is Status.ASKING:
        said.append(chat.say("1, 2" if chat.state.question == "alat" else "1"))
    for title in ("*Tentang pekerjaan*", "*Tentang layanan*", "*Sedikit lagi*"):
        assert sum(title in text for text in said) == 1
    (first,) = [text for text in said if "*Tentang layanan*" in text]
    assert first.index("Tentang layanan") < first.index("Beberapa pertanyaan")
    assert len(chat.state.answers) == 11


def test_a_title_is_not_said_again_after_a_mistake() -> None:
    chat = asking("2", "1", "40", "9")
    assert "*Tentang pekerjaan*" in chat.text
    assert "*Tentang pekerjaan*" not in chat.say("entah")
    assert "*Tentang pekerjaan*" in chat.say("ulang")


def test_a_section_that_is_not_relevant_is_not_asked() -> None:
    chat = asking("2", "1", "40", "0")
    assert "Tentang layanan" in chat.text
    assert "(5/11)" in chat.text
    asked = [question.name for question in chat.flow.asked if question.section == "kerja"]
    assert asked == ["alat", "alat_other", "muda"]


# calculations


def test_a_calculation_follows_the_answers_that_it_reads() -> None:
    chat = asking("2", "1", "40", "20")
    assert chat.effects == (Answered("lama"), Answered("mulai_usia"), Answered("dewasa"))
    assert chat.state.answers["mulai_usia"] == 20
    assert chat.state.answers["dewasa"] == "muda"
    chat.say("5", about="lama")
    assert chat.effects == (Answered("lama"), Answered("mulai_usia"), Answered("dewasa"))
    assert chat.state.answers["dewasa"] == "matang"
    chat.say("0", about="lama")
    assert dropped(chat) == ("dewasa",)


def test_a_calculation_is_nothing_that_people_can_answer() -> None:
    chat = asking("2", "1", "40", "20")
    open_question, answers = chat.state.question, chat.state.answers
    chat.tap("mulai_usia:7")
    assert (chat.effects, chat.said("asked_again")) == ((), True)
    chat.say("7", about="dewasa")
    assert (chat.effects, chat.said("asked_again")) == ((), True)
    assert (chat.state.question, chat.state.answers) == (open_question, answers)


def test_what_needs_no_answer_is_calculated_at_the_beginning() -> None:
    survey = survey_of(
        """\
  - {name: awal, type: calculate, calculation: "1 if usia_lalu is none else 2"}
  - {name: usia_lalu, type: integer, label: "Usia {{awal}}?"}
""".replace("1 if usia_lalu is none else 2", "3 * 7")
    )
    chat = asking(survey=survey)
    assert "Usia 21?" in chat.text
    assert Answered("awal") in chat.effects
    chat.all("5", "isi ulang")
    assert chat.state.answers == {"awal": 21}
    assert dropped(chat) == ("usia_lalu",)


@pytest.mark.parametrize(
    ("calculation", "value"),
    [
        ("usia / 4", 10.25),
        ("usia // 4", 10),
        ("usia > 40", 1),
        ("usia > 41", 0),
        ("'tua' if usia > 40 else 'muda'", "tua"),
        ("usia / 0", None),
        ("usia + 'x'", None),
        ("''", None),
        ("usia * 1e308 * 10", None),
        ("[1, 2]", None),
        ("['a', 'b']", ("a", "b")),
        ("nama | length", 6),
        ("nama * 1000 if usia > 40 else 'x'", "Budi S" * 83 + "Bu"),
    ],
)
def test_a_calculation_is_a_word_a_number_or_nothing(calculation: str, value: Answer) -> None:
    survey = survey_of(
        f"""\
  - {{name: nama, type: text, label: Nama?}}
  - {{name: usia, type: integer, label: Usia?}}
  - {{name: hasil, type: calculate, calculation: "{calculation}"}}
  - {{name: akhir, type: text, label: "Hasil: {{{{hasil}}}}"}}
"""
    )
    chat = asking("Budi S", "41", survey=survey)
    assert chat.state.answers.get("hasil") == value
    assert json.loads(chat.state.to_json())["answers"].get("hasil") == (
        list(value) if isinstance(value, tuple) else value
    )


# texts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ usia + 1 }}", "42"),
        ("{{ usia / 4 }}", "10,25"),
        ("{{ usia / 41 }}", "1"),
        ("{{ 'ya' if kerja == '1' else 'tidak' }}, {{kerja}}", "ya, Bekerja"),
        ("{{ kerja }} {{kerja}}", "Bekerja Bekerja"),
        ("{{ instansi if usia > 40 else unit }}", "Kota Contoh"),
        ("{{ nama }} {{ nama | upper }}", "{{usia}} {{USIA}}"),
        ("*{{ usia * 2 }}* orang, [b]x[/b]", "*82* orang, [b]x[/b]"),
        ("{{ usia + nama }}.", "."),
    ],
)
def test_texts_are_worked_out(text: str, said: str) -> None:
    survey = survey_of(
        f"""\
  - {{name: nama, type: text, label: Nama?}}
  - {{name: usia, type: integer, label: Usia?}}
  - name: kerja
    type: select_one
    label: Kerja?
    na: none
    choices: [{{name: "1", label: Bekerja}}, {{name: "2", label: Tidak}}]
  - name: akhir
    type: text
    label: "{text}"
"""
    )
    chat = asking("{{usia}}", "41", "1", survey=survey)
    assert chat.text.split("\n\n")[0] == said


# offered answers


def test_ok_takes_the_answer_that_is_offered() -> None:
    chat = asking("1")
    assert "Balas *OK* bila: Banjarmasin" in chat.text
    chat.say("oke")
    assert chat.effects == (Answered("kota"),)
    assert chat.state.answers["kota"] == "banjarmasin"


def test_an_answer_that_cannot_be_given_is_not_offered() -> None:
    chat = asking("2")
    assert "OK" not in chat.text
    chat.say("ok")
    assert "kota" not in chat.state.answers
    chat.tap("OK")
    assert "kota" not in chat.state.answers


def test_ok_is_an_offered_answer_even_in_ones_own_words() -> None:
    survey = survey_of(
        "  - {name: saran, type: text, label: Saran?, default: Tidak ada}\n"
        "  - {name: lagi, type: text, label: Lagi?}\n"
    )
    chat = asking("ok", "ok", survey=survey)
    assert chat.state.answers == {"saran": "Tidak ada", "lagi": "ok"}


# pages


def test_a_long_list_goes_out_in_pages() -> None:
    survey = paged()
    chat = asking("Budi", survey=survey)
    seen: list[str] = []
    texts = []
    for _ in range(12):
        assert chat.message is not None
        if chat.message.choices[0].value in seen:
            break
        assert message_chars(chat.message) <= MESSAGE_CHARS
        seen += [choice.value for choice in chat.message.choices]
        texts.append(chat.text)
        assert "dari 120. *LAGI*" in chat.text
        chat.say("lagi")
    assert seen == [str(n) for n in range(1, 121)]
    assert chat.text == texts[0], "after the last page comes the first"
    assert all("0 Tidak tahu · 999 Tidak mau menjawab" in text for text in texts)
    assert chat.state.attempts == 0


def test_any_number_is_understood_on_any_page() -> None:
    chat = asking("Budi", "lagi", "3", survey=paged())
    assert chat.state.answers["kecamatan"] == "k3"
    assert "page" not in chat.state.extra
    chat = asking("Budi", "118", survey=paged())
    assert chat.state.answers["kecamatan"] == "k118"


def test_a_mistake_shows_the_page_again_that_was_open() -> None:
    chat = asking("Budi", "lagi", survey=paged())
    assert chat.message is not None
    page = chat.message.choices
    chat.say("entah apa")
    assert chat.message.choices == page
    chat.all("bukan", "apa")
    assert "1–120, 0, 999" in chat.text
    assert message_chars(chat.message) <= MESSAGE_CHARS


def test_lagi_is_a_word_like_any_other_where_nothing_follows() -> None:
    chat = asking("lagi", survey=paged())
    assert chat.state.answers == {"nama": "lagi"}
    chat.tap("LAGI")
    assert "page" in chat.state.extra
    assert asking("lagi").state.attempts == 1
    chat = asking()
    chat.tap("LAGI")
    assert "Provinsi?" in chat.text
    assert chat.state.attempts == 0


# sections and blocks


def test_a_block_stands_in_a_flow_as_often_as_it_is_taken() -> None:
    flow = structured().for_group("internal")
    assert flow.by_name["a_sebab"].relevant is not None
    assert flow.by_name["a_sebab"].relevant.names == ("a_puas",)
    assert flow.by_name["b_sebab"].label["id"] == "Apa sebab *{{b_puas}}*?"
    assert flow.by_name["b_puas"].section == "dalam"
    assert flow.around("dalam") == ("layanan", "dalam")


def test_blocks_can_take_blocks_and_sections() -> None:
    shared = """\
blocks:
  luar:
    - {name: a, type: integer, label: A?}
    - name: bagian
      type: section
      relevant: "a > 1"
      questions: [{block: dalam, prefix: d_}]
    - {name: b, type: integer, label: "{{d_x}} {{ d_x + a }}?", constraint: "value > d_x"}
  dalam:
    - {name: x, type: integer, label: X?}
    - {name: y, type: integer, label: "{{x}}?", relevant: "x > 1 and 'x' != 'y'"}
"""
    survey = survey_of("  - {block: luar, prefix: p_}\n  - {block: luar}\n", shared=shared)
    flow = survey.for_group("internal")
    assert [one.name for one in flow.asked] == [
        *("p_a", "p_d_x", "p_d_y", "p_b"),
        *("a", "d_x", "d_y", "b"),
    ]
    inner = flow.by_name["p_d_y"]
    assert inner.relevant is not None
    assert inner.relevant.source == "(p_a > 1) and (p_d_x > 1 and 'x' != 'y')"
    assert inner.section == "p_bagian"
    assert flow.by_name["p_b"].label["id"] == "{{p_d_x}} {{ p_d_x + p_a }}?"


# other


def test_other_asks_what_it_is() -> None:
    chat = asking("2", "1", "40", "0", "1", "3")
    assert chat.state.answers["saluran"] == "other"
    assert chat.state.question == "saluran_other"
    assert chat.say("lewat pos").startswith("*Sedikit lagi*")
    assert chat.state.answers["saluran_other"] == "lewat pos"
    chat.say("1", about="saluran")
    assert Dropped(("saluran_other",)) in chat.effects


def test_the_words_of_other_are_the_surveys_own() -> None:
    own = "other: {label: Yang lain, question: Sebutkan.}\n"
    question = """\
  - name: alat
    type: select_one
    label: Alat?
    choices: [{name: palu, label: Palu}, {name: obeng, label: Obeng}]
    or_other: true
"""
    chat = asking(survey=survey_of(question, shared=own))
    assert "3. Yang lain" in chat.text
    assert chat.say("3").startswith("Sebutkan.")


# what can be tapped


def test_what_differs_from_person_to_person_stays_text() -> None:
    files = structured_files()
    files["survey.yaml"] = files["survey.yaml"].replace("zone:", "appearance: list\nzone:")
    survey = load_survey(files)
    (stays,) = [one for one in lint(files) if one.rule == "stays-text"]
    assert "internal/kota (its choices are not the same" in stays.what
    flow = survey.for_group("internal")
    tapped = {one.question: one for one in tappable(survey) if one.taps is not None}
    assert {"provinsi", "saluran", "a_puas", "b_puas"} <= set(tapped)
    assert not {"kota", "alat"} & set(tapped)
    assert flow.by_name["provinsi"].name in tapped
    bodies = {one.taps.body for one in tappable(survey) if one.question == "a_puas" and one.taps}
    assert any("*Tentang layanan*" in body for body in bodies)
    chat = asking("2", "1", "40", "0", survey=survey)
    assert chat.message is not None
    assert chat.message.taps is not None
    assert chat.message.taps.body in bodies
    assert [one.value for one in chat.message.taps.options][:2] == ["a_puas:puas", "a_puas:biasa"]


# transcripts


def test_a_transcript_draws_the_order_of_its_seed() -> None:
    def first(seed: str) -> str:
        text = (
            f"survey: coba\ngroup: internal\nlanguage: id\n{seed}script:\n- open: true\n"
            "- user: setuju\n- user: '2'\n- user: '1'\n- user: '40'\n- user: '12'\n"
        )
        result = play(structured(), read_transcript("t.yaml", text), as_text)
        return result.script[-1]["bot"]

    assert first("") == first("seed: 0\n")
    orders = {first(f"seed: {seed}\n") for seed in range(1, 40)}
    assert len(orders) == 6 + 3  # the tools in any order, or one of three that begin the other


# the ways through


def test_all_ways_through_are_searched() -> None:
    ways = Ways(structured(), "internal")
    lengths = {which: ways.play(ways.way(which)).questions for which in get_args(Which)}
    assert lengths["shortest"] == 7  # another province, never at work
    assert lengths["longest"] > lengths["typical"]


# mistakes


@pytest.mark.parametrize(
    ("old", "new", "at", "words"),
    [
        ("provinsi == prov", "provinsi == pulau", '"provinsi == pulau"', "unknown name `pulau`"),
        ("provinsi == prov", "provinsi == 'jabar'", "\"provinsi == 'jabar'\"", "can never be"),
        ("default: banjarmasin", "default: jakarta", "jakarta", "`jakarta` is no choice here"),
        ('default: "8"', 'default: "80"', '"80"', "could not be answered"),
        ('"usia - lama"', '"usia - lamanya"', '"usia - lamanya"', "unknown name `lamanya`"),
        ('"usia - lama"', '"usia - dewasa"', '"usia - dewasa"', "asked later"),
        ("{{ usia - 15 }} tahun", "{{ umur - 15 }} tahun", '"Paling lama', "unknown name `umur`"),
        ("{{ usia - 15 }} tahun", "{{ usia - }} tahun", '"Paling lama', "is not a condition"),
        ("{{ usia - 15 }} tahun", "{{ usia( }} tahun", '"Paling lama', "is not a condition"),
        (
            '"lama >= 1"\n    questions',
            '"lam >= 1"\n    questions',
            '"lam >=',
            "unknown name `lam`",
        ),
        ("{block: puas, prefix: a_}", "{block: puaz, prefix: a_}", "puaz", "no block `puaz`"),
        ("{block: puas, prefix: a_}", "{block: puas, prefiks: a_}", "prefiks", "unknown key"),
        ("prefix: b_", "prefix: a_", None, "a second question `a_puas`"),
        ("[layanan, kerja]", "[layanan, kerjo]", "kerjo", "no section `kerjo`"),
        ("[layanan, kerja]", "[layanan, dalam]", "dalam", "in another section"),
        ("[layanan, kerja]", "[layanan, layanan]", None, "`layanan` stands twice"),
        ("random_sections: [layanan, kerja]", "random_sections: [kerja]", None, "no other order"),
        ("name: dalam\n", "name: kerja\n", None, "a second section `kerja`"),
        ("name: dalam\n", "name: usia\n", None, "a second question `usia`"),
        ("type: section", "type: sektion", None, "`sektion` is not known here"),
        ("randomize: true\n    questions", "random: true\n    questions", "random:", "unknown key"),
        ("choice_filter: ", "choice_filters: ", "choice_filters", "unknown key"),
        ('calculation: "usia - lama"', "label: X", None, "`calculation` is missing"),
        ("- {block: puas, prefix: a_}", "- {prefix: a_}", None, "`type` is missing"),
        ("name: palu", "name: palu-palu", "palu-palu", "cannot be used"),
    ],
)
def test_mistakes_are_told_with_their_place(old: str, new: str, at: str | None, words: str) -> None:
    assert old in FLOW
    broken = FLOW.replace(old, new, 1)
    found = problems(structured_files(internal=broken))
    (said,) = [one for one in found if words in one.what]
    if at is not None:
        assert said.line == line_of(broken, at)
        assert broken.splitlines()[said.line - 1][said.column - 1 :].startswith(at)


def test_a_broken_calculation_is_told_once_where_it_stands() -> None:
    broken = FLOW.replace('"usia - lama"', '"usia - lamanya"')
    found = only_problem(structured_files(internal=broken))
    assert (found.file, found.line) == ("internal.yaml", line_of(broken, '"usia - lamanya"'))


def test_a_broken_block_is_told_once_however_often_it_is_taken() -> None:
    own = structured_files()["shared.yaml"]
    broken = own.replace("puas == 'kecewa'", "puas == 'marah'")
    files = structured_files(shared=broken)
    found = problems(files)
    assert {(one.file, one.line) for one in found} == {
        ("shared.yaml", line_of(broken, "puas == 'marah'"))
    }


@pytest.mark.parametrize(
    ("questions", "words"),
    [
        ("- {name: x, type: integer, label: X}\n", "reads `x`, but chance may ask it first"),
        ("- {name: x, type: note, label: X}\n", None),
    ],
)
def test_what_is_shuffled_may_not_lean_on_its_order(questions: str, words: str | None) -> None:
    flow = f"""\
  - name: bagian
    type: section
    randomize: true
    questions:
      {questions}      - {{name: y, type: integer, label: "{{{{x}}}}" }}
      - {{name: z, type: integer, label: Z}}
"""
    if words is None:
        flow = flow.replace("{{x}}", "Y")
        assert [one.parts for one in survey_of(flow).for_group("internal").shuffles] == [
            ((1, 2), (2, 3))
        ]
    else:
        assert words in only_problem(files_of(flow)).what


def test_a_note_among_shuffled_questions_is_refused() -> None:
    flow = """\
  - name: bagian
    type: section
    randomize: true
    questions:
      - {name: y, type: integer, label: Y}
      - {name: x, type: note, label: X}
      - {name: z, type: integer, label: Z}
"""
    found = only_problem(files_of(flow))
    assert "lose its place" in found.what
    assert found.line == line_of(files_of(flow)["internal.yaml"], "{name: x")


def test_what_stands_between_exchanged_sections_may_not_read_them() -> None:
    flow = """\
  - {name: s1, type: section, questions: [{name: a, type: integer, label: A}]}
  - {name: b, type: integer, label: "{{a}}"}
  - {name: s2, type: section, questions: [{name: c, type: integer, label: C}]}
  - {name: d, type: integer, label: "{{a}} {{ c }}"}
"""
    found = only_problem(files_of(flow, "random_sections: [s1, s2]\n"))
    assert "`b` reads `a`" in found.what


def test_a_title_may_not_read_an_exchanged_section() -> None:
    flow = """\
  - {name: s1, type: section, questions: [{name: a, type: integer, label: A}]}
  - {name: s2, type: section, label: "{{a}}", questions: [{name: c, type: integer, label: C}]}
"""
    found = only_problem(files_of(flow, "random_sections: [s1, s2]\n"))
    assert "`c` reads `a`" in found.what


def test_sections_without_any_question_are_told_for_what_they_lack() -> None:
    flow = """\
  - {name: s1, type: section, randomize: true, questions: [{block: nirgends}]}
  - {name: s2, type: section, questions: [{name: c, type: integer, label: C}]}
"""
    found = only_problem(files_of(flow, "random_sections: [s1, s2]\n"))
    assert "no block `nirgends`" in found.what


def test_names_may_not_grow_too_long() -> None:
    long = "n" * 46
    shared = f"blocks: {{b: [{{name: {long}, type: integer, label: N}}]}}\n"
    found = only_problem(files_of("  - {block: b, prefix: abc_}\n", "", shared))
    assert "longer than 48 letters" in found.what
    question = (
        f"  - {{name: {long}, type: select_one, label: N, or_other: true,"
        " choices: [{name: a, label: A}, {name: b, label: B}]}\n"
    )
    assert "longer than 48 letters" in only_problem(files_of(question)).what


def test_a_block_that_takes_itself_is_refused() -> None:
    shared = "blocks: {a: [{block: b}], b: [{block: a, prefix: x_}]}\n"
    found = only_problem(
        files_of("  - {name: q, type: text, label: Q}\n  - {block: a}\n", "", shared)
    )
    assert "takes itself" in found.what


def test_an_attribute_may_not_be_called_as_a_question() -> None:
    broken = SHARED.replace("prov:", "usia:")
    own = structured_files()["shared.yaml"].replace(SHARED, broken)
    found = problems(structured_files(shared=own))
    assert any("is an attribute of choices and a question too" in one.what for one in found)


def test_other_that_there_is_already_is_refused() -> None:
    broken = FLOW.replace('name: "2", label: {id: Daring', "name: other, label: {id: Daring")
    assert any("named `other`" in one.what for one in problems(structured_files(internal=broken)))


def test_a_language_without_words_for_other_is_not_offered() -> None:
    files = structured_files()
    files["survey.yaml"] = files["survey.yaml"].replace("[id, en]", "[id, bjn]")
    files["survey.yaml"] = files["survey.yaml"].replace("en: English", "bjn: Banjar")
    missing = load_survey(files).missing
    assert any("`other` in shared.yaml" in one.what for one in missing)


def test_the_small_flow_is_not_left_to_chance() -> None:
    assert "randomize" not in SMALL_FLOW
    flow = load_survey(small_files()).for_group("internal")
    assert flow.arranged(7) is flow
    assert offered(flow.asked[0], {}, 7) is offered(flow.asked[0], {}, 8)


# the guide


def guide() -> dict[str, list[str]]:
    """Return the YAML examples of flows/README.md by the section in which they stand."""
    text = README.read_text(encoding="utf-8")
    sections = re.split(r"^### (.*)\n", text, flags=re.MULTILINE)
    bodies = zip(sections[1::2], sections[2::2], strict=True)
    return {
        title: re.findall(r"```yaml\n(.*?)```", body.split("\n## ")[0], re.DOTALL)
        for title, body in bodies
    }


@pytest.mark.parametrize(
    "title",
    [
        "Choices that depend on answers",
        "Other",
        "Answers that are offered",
        "Calculations",
        "Texts that work something out",
        "Sections",
        "Left to chance",
        "Blocks of questions",
    ],
)
def test_the_examples_of_the_guide_work(title: str) -> None:
    examples = guide()[title]
    questions = "".join(one for one in examples if one.startswith("- "))
    keys = "".join(one for one in examples if one.startswith("random_sections"))
    shared = "".join(one for one in examples if one.startswith(("blocks:", "other:")))
    assert len(examples) == sum(map(bool, (questions, keys, shared)))
    files = files_of(questions, keys, shared or None)
    files["survey.yaml"] = SMALL_SURVEY
    survey = load_survey(files)
    assert survey.missing == ()
    for language in ("id", "en"):
        chat = Chat(survey, language=language).asking()
        for _ in range(20):
            question = chat.flow.by_name.get(chat.state.question or "")
            chat.say("20" if question is not None and question.type == "integer" else "1")
        assert chat.state.status is Status.FINISHED
    assert set(chat.state.answers) <= set(chat.flow.by_name)
