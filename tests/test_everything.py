"""A survey with all that a flow can have: where its parts meet, and what is left of its answers."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.flow.asking import RENEWED
from bot.flow.expressions import text_expression, worked_out
from bot.flow.review import is_open
from bot.flow.route import count
from bot.flow.state import Status
from bot.flow.survey import Survey
from bot.flow.turn import Lost, Reply, Sent, SentKind
from tests.everything import everything
from tests.surveys import Chat

TYPED = {
    "integer": "40",
    "text": "jalan rusak",
    "date": "2/5/2020",
    "time": "07.30",
    "decimal": "2,5",
    "range": "4,5",
    "rank": "2 1 3",
    "geopoint": "-2.2, 113.9",
    "select_multiple": "1, 2",
}
FILES: dict[str, SentKind] = {"image": "image", "audio": "audio", "file": "pdf"}


@pytest.fixture(scope="module")
def survey() -> Survey:
    """The survey with everything."""
    return everything()


def send(chat: Chat, name: str, kind: SentKind) -> str:
    """Send a file."""
    chat.now += timedelta(seconds=30)
    chat.turn(Reply(kind="media", file=Sent(name, kind)))
    return chat.text


def through(survey: Survey, said: dict[str, str], seed: int = 3) -> Chat:
    """Answer everything up to the page of all answers."""
    chat = Chat(survey, language="id")
    chat.state = replace(chat.state, seed=seed)
    chat.asking()
    for _ in range(40):
        name = chat.state.question
        if name is None:
            break
        kind = chat.flow.by_name[name].type
        if kind in FILES:
            send(chat, f"{name}1", FILES[kind])
        else:
            chat.say(said.get(name) or TYPED.get(kind, "1"))
    assert is_open(chat.state)
    return chat


def number_of(chat: Chat, name: str) -> int:
    """Return the number under which a question stands on the page of all answers."""
    flow = chat.flow.arranged(chat.state.seed)
    return count(flow, flow.by_name[name], chat.state.answers)[0]


def test_a_file_that_is_lost_twice_while_all_answers_are_shown_leaves_them_shown(
    survey: Survey,
) -> None:
    chat = through(survey, {})
    chat.turn(Lost("surat", "surat1"))
    assert chat.state.question == "surat"
    send(chat, "surat2", "pdf")
    assert is_open(chat.state)
    chat.turn(Lost("surat", "surat2"))
    assert (chat.message, is_open(chat.state)) == (None, True)
    assert "surat" in chat.state.left_out
    chat.say("kirim")
    assert chat.state.status is Status.FINISHED


def test_suara_at_the_page_of_answers_shows_it_again(survey: Survey) -> None:
    chat = through(survey, {})
    page = chat.text
    assert chat.tap("SUARA") == page


def test_what_is_sent_to_a_question_that_nobody_has_seen_is_no_answer_to_it(
    survey: Survey,
) -> None:
    chat = through(survey, {"a_puas": "kecewa"})
    for name, event in (
        ("foto", Reply(kind="media", file=Sent("f9", "image"))),
        ("letak", Reply(kind="location", place=(-2.2, 113.9))),
    ):
        answers = {key: value for key, value in chat.state.answers.items() if key != name}
        chat.state = replace(chat.state, answers=answers, question=name, pending=RENEWED)
        chat.now += timedelta(seconds=30)
        chat.turn(event)
        assert chat.said("renewed")
        assert name not in chat.state.answers
        chat.now += timedelta(seconds=30)
        chat.turn(event)
        assert name in chat.state.answers


def test_another_answer_far_back_takes_what_hung_on_it_along(survey: Survey) -> None:
    chat = through(survey, {"a_puas": "kecewa", "usia": "25"})
    held = dict(chat.state.answers)
    assert (held["muda"], held["setahun"]) == ("muda", 30.0)
    assert {"masuk", "urut", "foto", "letak", "a_sebab"} < set(held)
    chat.say(f"ubah {number_of(chat, 'usia')}")
    chat.say("17")
    work = {"masuk", "keluar", "jam", "gaji", "setahun", "alat", "urut"}
    assert set(held) - set(chat.state.answers) == work
    assert is_open(chat.state)
    assert chat.state.answers["usia"] == 17


def test_a_condition_that_no_longer_holds_for_a_day_asks_for_that_day_again(
    survey: Survey,
) -> None:
    chat = through(survey, {"keluar": "3/5/2020"})
    chat.say("4/5/2020", about="masuk")
    assert chat.state.question == "keluar"
    assert chat.said("changed")
    assert "Sejak 4 Mei 2020 sampai kapan?" in chat.text


def test_the_language_can_change_on_any_page(survey: Survey) -> None:
    chat = through(survey, {})
    chat.say("bahasa")
    chat.say("2")
    assert is_open(chat.state)
    assert "Province?\n→ South Kalimantan" in chat.text
    chat.say("kirim")
    assert chat.state.status is Status.FINISHED
    assert "Bye, jalan rusak." in chat.text


def test_other_is_offered_whatever_is_filtered(survey: Survey) -> None:
    chat = Chat(survey, language="id").asking()
    chat.say("3")
    assert "Kota?\n\n1. Lainnya\n\n" in chat.text
    assert "Balas *OK* bila" not in chat.text, "what is offered there is not in this province"
    chat.say("1")
    assert chat.state.question == "kota_other"
    chat.all("Palangka Raya", "40")
    assert "di Lainnya?" in chat.text


def caches(survey: Survey) -> Iterator[tuple[str, object]]:
    """Yield what every cache of the rooms and of the survey's expressions knows a call by."""
    rooms = [module for name, module in sys.modules.items() if name.startswith("bot.")]
    found = [value for module in rooms for value in vars(module).values()]
    for question in survey.for_group("internal").questions:
        keys = ("relevant", "constraint", "end_if", "choice_filter", "calculation")
        found += [one.run_cached for key in keys if (one := getattr(question, key)) is not None]
        sources = (one for text in question.label.values() for one in worked_out(text))
        found += [text_expression(source).run_cached for source in sources]
    for one in found:
        if type(one).__name__ == "_lru_cache_wrapper":
            for kept in gc.get_referents(one):
                if isinstance(kept, dict):
                    yield from ((one.__qualname__, key) for key in kept)


def test_no_words_of_anybody_stay_in_a_cache(survey: Survey) -> None:
    words = {
        "nama": "Sulaiman",
        "a_sebab": "berjubelan",
        "b_sebab": "bersungut",
        "rinci_muda": "sumringah",
    }
    chat = through(survey, words | {"a_puas": "kecewa", "b_puas": "kecewa"})
    chat.all("lagi", "kirim")
    assert chat.state.status is Status.FINISHED
    assert "Sulaiman" in chat.text
    held = list(caches(survey))
    assert held
    texts = {*words.values(), "-2.20 113.90", "2020-05-02"}
    texts |= {text.casefold() for text in texts}
    for name, kept in held:
        shown = repr(kept).casefold()
        assert not [one for one in texts if one in shown], name


def test_a_constraint_says_its_own_words_at_every_type(survey: Survey) -> None:
    chat = through(survey, {})
    chat.say(f"ubah {number_of(chat, 'alat')}")
    chat.say("palu, tang")
    assert "Palu atau tang.\n\nAlat apa?" in chat.text
    assert chat.state.answers["alat"] != ("palu", "tang")
