"""Buttons and lists that the provider keeps: made once, used, found again, cleaned up; and taps."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.interview.closing import close
from bot.interview.sending import contents
from bot.interview.surveys import publish
from storage.models import Content, Conversation, Outbox
from tests.fake_twilio_person import Person
from tests.rows import change, count, fates, rows
from tests.setup import bundled_files
from tests.surveys import SMALL_FLOW
from tests.whatsapp import Office, office

GREETING, CONSENT, FIRST = 0, 1, 2


@contextmanager
def place_with(
    url: str, appearance: str = "list", *, made: bool = True, whole: bool = False
) -> Iterator[Office]:
    """Open an office whose survey wants taps; all that is known beforehand is made.

    Most tests ask two or three questions: each flow has the first five, unless it is `whole`.
    """
    questions = None if whole else 5
    with office(url, appearance=appearance, questions=questions) as place:
        if made:
            contents.prepare(place.installation, place.published)
            make_all(place)
        yield place


def make_all(place: Office) -> int:
    made = 0
    while done := contents.make(place.installation, channel(place)):
        made += done
    return made


def channel(place: Office) -> Any:
    assert place.service.twilio is not None
    return place.service.twilio


def creations(place: Office) -> int:
    return len([one for one in place.twilio.requests if one == ("POST", "/v1/Content")])


def asked(place: Office, *more: str) -> Person:
    """Let somebody come by a link, choose Indonesian and agree."""
    ani = place.twilio.person()
    for text in (place.link_text(), "1", "SETUJU", *more):
        ani.say(text)
    return ani


def question(ani: Person) -> str:
    """Return what stands before the first line end of the newest message."""
    return ani.inbox[-1].split("\n")[0]


# making


def test_a_question_goes_with_a_list_and_a_tap_answers_it(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        first = ani.messages[-1]
        assert [option.id for option in first.options] == ["sar_01:1", "sar_01:2"]
        assert all(option.row for option in first.options)
        assert "1. Ya\n2. Tidak" in first.text, "the numbers are there all the same"
        (next_one,) = ani.say(tap="sar_01:1")
        assert next_one != first.text
        assert ani.say("1"), "and a number is still an answer"
        place.twilio.settle()
        assert set(fates(place.installation)) == {"delivered"}
        assert place.twilio.errors == []


def test_consent_and_language_are_buttons(either_url):
    with place_with(either_url, "buttons") as place:
        ani = place.twilio.person()
        ani.say(place.link_text())
        assert [option.id for option in ani.messages[-1].options] == ["language:id", "language:en"]
        ani.say(tap="Bahasa Indonesia")
        assert [option.title for option in ani.messages[-1].options] == ["SETUJU", "TIDAK"]
        ani.say(tap="SETUJU")
        assert [option.id for option in ani.messages[-1].options] == ["sar_01:1", "sar_01:2"]
        ani.say(tap="sar_01:1")
        assert ani.messages[-1].options == (), "with the ways not to answer there are four"
        assert "1. " in ani.inbox[-1]


def test_without_the_content_the_turn_does_not_wait_and_the_next_person_gets_it(either_url):
    with place_with(either_url, made=False) as place:
        place.twilio.faults.next("503", 50, on="content")
        ani = asked(place)
        assert [message.options for message in ani.messages] == [()] * 3
        assert creations(place) == 0, "nothing was asked of the Content API"
        assert {row.via for row in rows(place.installation, Outbox)} == {"twiml"}
        assert count(place.installation, Content, content_id=None) == 3
        place.twilio.faults.clear()
        place.sweep("contents")
        budi = asked(place)
        assert [bool(message.options) for message in budi.messages] == [True] * 3
        assert budi.inbox == ani.inbox, "in every form it says the same"


def test_one_content_serves_everybody_and_holds_nothing_of_anybody(either_url):
    with place_with(either_url, made=False) as place:
        for _ in range(3):
            asked(place, "1", "2", "3")
        make_all(place)
        stored = json.dumps([one.types for one in place.twilio.contents.values()])
        before = len(place.twilio.contents)
        for _ in range(3):
            asked(place, "1", "1", "1")
        make_all(place)
        assert len(place.twilio.contents) == before == count(place.installation, Content)
        assert "Dinas Contoh" not in stored
        assert "(2/" not in stored, "its number is a variable"


def test_many_makers_at_once_make_each_content_once(database_url):
    with place_with(database_url, made=False, whole=True) as place:
        wanted = contents.prepare(place.installation, place.published)
        assert contents.prepare(place.installation, place.published) == 0
        failures: list[BaseException] = []

        def work() -> None:
            try:
                make_all(place)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        make_all(place)
        assert creations(place) == len(place.twilio.contents) == wanted
        assert count(place.installation, Content, content_id=None) == 0


def test_a_content_whose_making_was_not_heard_of_is_found_again(either_url):
    with place_with(either_url, made=False) as place:
        asked(place)
        place.twilio.faults.next("drop_after", on="content")
        assert contents.make(place.installation, channel(place)) == 0
        assert len(place.twilio.contents) == 1
        change(place.installation, Content, {"lease_until": None})
        assert contents.make(place.installation, channel(place)) == 3
        assert len(place.twilio.contents) == 3, "the first is not there twice"
        stored = {row.content_id for row in rows(place.installation, Content)}
        assert stored == set(place.twilio.contents)


def test_what_a_lost_race_has_left_is_cleaned_up_and_what_is_not_ours_stays(database_url):
    with place_with(database_url, made=False) as place:
        asked(place)
        make_all(place)
        (row, *_) = rows(place.installation, Content)
        mine = place.twilio.contents[row.content_id]
        stray = place.twilio.content(mine.types, mine.variables, name=mine.friendly_name)
        other = place.twilio.content(mine.types, mine.variables, name="tautan_000000000000_1")
        assert contents.clean(place.installation, channel(place)) == 1
        assert stray not in place.twilio.contents
        assert {row.content_id, other} <= set(place.twilio.contents)
        assert contents.clean(place.installation, channel(place)) == 0


def test_the_provider_is_not_asked_again_at_once_when_it_is_away(database_url):
    with place_with(database_url, made=False) as place:
        asked(place)
        place.twilio.faults.next("503", on="content")
        assert contents.make(place.installation, channel(place)) == 0
        assert contents.make(place.installation, channel(place)) == 0
        assert len([one for one in place.twilio.requests if "/v1/Content" in one[1]]) == 1


# fallback


def test_a_content_that_is_gone_at_the_provider_costs_nobody_the_question(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        place.twilio.contents.clear()
        (reply,) = ani.say(tap="sar_01:1")
        assert ani.messages[-1].options == ()
        assert "1. " in reply
        assert count(place.installation, Content, content_id=None) == 1, "and is wanted again"
        make_all(place)
        ani.say("KEMBALI")
        ani.say("1")
        assert ani.messages[-1].options, "the next time it is there"


def test_a_list_that_could_not_be_delivered_goes_again_as_text(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        before = len(ani.messages)
        ani.failure = 63016
        with place.twilio.callbacks_held():
            assert ani.say(tap="sar_01:1") == []
        place.twilio.settle()
        (row,) = rows(place.installation, Outbox, status="queued")
        assert row.provider_sid is None
        ani.failure = None
        place.sweep("deliver")
        assert ani.messages[-1].options == ()
        assert len(ani.messages) == before + 1
        place.twilio.settle()
        assert rows(place.installation, Outbox, id=row.id)[0].status == "delivered"


def test_a_failure_that_is_told_before_we_know_the_message_is_not_overwritten(either_url):
    """The callback comes while the request is still being answered."""
    with place_with(either_url) as place:
        ani = asked(place)
        place.twilio.settle()
        ani.failure = 63016
        place.twilio.faults.slow_seconds = 0.3
        place.twilio.faults.next("slow")
        ani.say(tap="sar_01:1")
        place.twilio.settle()
        place.sweep("deliver")
        place.twilio.settle()
        sent = [one for one in place.twilio.outbound() if one.error_code == 63016]
        assert [bool(one.content_sid) for one in sent] == [True, False]


def test_what_fails_as_text_too_is_not_sent_for_ever(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        ani.failure = 63016
        ani.say(tap="sar_01:1")
        for _ in range(3):
            place.twilio.settle()
            place.sweep("deliver")
        sent = [one for one in place.twilio.outbound() if one.error_code == 63016]
        assert [bool(one.content_sid) for one in sent] == [True, False]
        assert "failed" in fates(place.installation)


def test_a_send_of_unknown_fate_is_found_by_its_words_and_not_repeated(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        place.twilio.settle()
        place.twilio.faults.next("callback_missing")
        place.twilio.faults.next("drop_after")
        ani.say(tap="sar_01:1")
        place.twilio.settle()
        (row,) = rows(place.installation, Outbox, status="unknown")
        place.clock.move(minutes=3)
        place.sweep("reconcile")
        assert rows(place.installation, Outbox, id=row.id)[0].status == "sent"
        assert len(place.twilio.outbound()) == 4


def test_who_stumbles_gets_plain_numbers(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        (sorry,) = ani.say("entahlah ya")
        assert ani.messages[-1].options == ()
        assert "1. Ya" in sorry
        assert rows(place.installation, Outbox, via="twiml")


def test_messages_with_taps_go_by_rest_and_all_others_in_the_answer(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        ani.say("CEK")
        found = {row.via for row in rows(place.installation, Outbox)}
        assert found == {"rest", "twiml"}
        assert len([one for one in place.twilio.outbound() if one.content_sid]) == 3


# taps, late and lost


def test_a_late_tap_changes_that_answer_and_shows_what_is_open(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        first = ani.messages[-1]
        ani.say(tap="sar_01:1")
        open_one = question(ani)
        ani.say("2")
        third = question(ani)
        assert third != open_one
        ani.say(tap="sar_01:1", quote=first)
        assert question(ani) == third, "the same answer changes nothing"
        ani.say(tap="sar_01:2", quote=first)
        assert rows(place.installation, Conversation)[0].status == "screened_out"


def test_a_tap_on_a_question_that_was_never_asked_only_shows_the_open_one(either_url):
    with place_with(either_url, whole=True) as place:
        ani = asked(place)
        (again,) = ani.say("Ya", tap="tgs_01:1")
        assert "sekali lagi" in again
        assert "1. Ya\n2. Tidak" in again
        (again,) = ani.say("Ya", tap="sar_01:7")
        assert "sekali lagi" in again


def test_a_tap_after_the_end_says_the_closing_words_once(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        first = ani.messages[-1]
        ani.say(tap="sar_01:2")
        assert rows(place.installation, Conversation)[0].status == "screened_out"
        (closing,) = ani.say(tap="sar_01:2", quote=first)
        assert "Terima kasih" in closing
        assert ani.say(tap="sar_01:1", quote=first) == []
        assert rows(place.installation, Conversation)[0].status == "screened_out"


@pytest.mark.parametrize("title", ["Ya", "Yes", "ya"])
def test_a_tap_that_comes_with_its_title_alone_is_matched_in_any_language(either_url, title):
    with place_with(either_url) as place:
        ani = asked(place)
        first = question(ani)
        form = ani.form(title) | {"MessageType": "interactive"}
        ani.post(form)
        assert question(ani) != first
        by_payload = asked(place)
        by_payload.say(title, tap=title)  # its payload is what stands on it
        assert question(by_payload) == question(ani)


def test_a_title_that_quotes_an_older_question_answers_that_one(either_url):
    with place_with(either_url) as place:
        ani = asked(place)
        first = ani.messages[-1]
        ani.say(tap="sar_01:1")
        ani.say("Tidak", quote=first)
        assert rows(place.installation, Conversation)[0].status == "screened_out"


def second_survey(place: Office) -> Person:
    """Let somebody who is asked by the bundled survey follow a link to another one."""
    files = bundled_files() | {"internal.yaml": SMALL_FLOW}
    files["survey.yaml"] = (
        files["survey.yaml"]
        .replace("name: integritas", "name: coba")
        .replace("appearance: text  ", "appearance: list  ")
        .replace("min_answer_seconds: 2", "min_answer_seconds: 0")
    )
    ani = asked(place)
    place.published = publish(place.installation, files)
    place.links.clear()
    contents.prepare(place.installation, place.published)
    make_all(place)
    for text in (place.link_text(), "SETUJU"):
        ani.say(text)
    assert "Setuju?" in ani.inbox[-1]
    return ani


@pytest.mark.parametrize("quoted", [True, False])
def test_a_tap_on_a_survey_that_is_not_the_active_one_belongs_to_that_one(either_url, quoted):
    with place_with(either_url) as place:
        ani = second_survey(place)
        old = next(m for m in ani.messages if m.options and m.options[0].id == "sar_01:1")
        if quoted:
            ani.say(tap="sar_01:1", quote=old)
        else:  # after seven days WhatsApp does not say any more what was tapped
            ani.post(ani.form("Ya") | {"ButtonPayload": "sar_01:1", "ButtonText": "Ya"})
        assert "Setuju?" not in ani.inbox[-1]
        assert "(2/" in ani.inbox[-1]
        ani.say("2")
        assert "(3/" in ani.inbox[-1], "what is typed next belongs to it too"
        ani.say(tap="setuju_kah:1")
        assert "Usia?" in ani.inbox[-1]


def test_a_tap_on_what_is_over_does_not_take_the_floor_from_what_is_open(either_url):
    with place_with(either_url) as place:
        ani = second_survey(place)
        old = next(m for m in ani.messages if m.options and m.options[0].id == "sar_01:1")
        ani.say(tap="sar_01:2", quote=old)
        assert "screened_out" in {row.status for row in rows(place.installation, Conversation)}
        ani.say(tap="setuju_kah:1")
        assert "Usia?" in ani.inbox[-1]
        ani.say(tap="sar_01:1", quote=old)
        ani.say("30")
        assert "Alat apa?" in ani.inbox[-1]


# cleaning


def test_what_nobody_uses_for_thirty_days_is_deleted_on_both_sides(either_url):
    with place_with(either_url, whole=True) as place:
        place.clock.move(days=20)
        asked(place)
        used = {one.content_sid for one in place.twilio.outbound()}
        assert len(used) == 3
        place.clock.move(days=11)
        assert contents.clean(place.installation, channel(place)) > 100
        assert set(place.twilio.contents) == used
        assert {row.content_id for row in rows(place.installation, Content)} == used


def test_a_closed_survey_keeps_no_contents(either_url):
    with place_with(either_url, whole=True) as place:
        assert place.twilio.contents
        close(place.installation, place.published.name)
        contents.clean(place.installation, channel(place))
        assert place.twilio.contents == {}
        assert count(place.installation, Content) == 0
        assert contents.make(place.installation, channel(place)) == 0


def test_cleaning_goes_on_where_the_provider_failed_it(either_url):
    with place_with(either_url, whole=True) as place:
        place.clock.move(timedelta(days=31))
        gone = rows(place.installation, Content)[0].content_id
        del place.twilio.contents[gone]  # somebody deleted it in Twilio's console
        place.twilio.faults.next("503", on="content")
        assert contents.clean(place.installation, channel(place)) == 0
        place.sweep("purge")
        assert place.twilio.contents == {}
        assert count(place.installation, Content) == 0


def test_a_channel_without_a_store_has_nothing_to_make(either_url):
    with place_with(either_url, made=False) as place:
        asked(place)

        class Other:
            name, sender = "other", "x"

        assert contents.make(place.installation, Other()) == 0  # type: ignore[arg-type]
        assert contents.clean(place.installation, Other()) == 0  # type: ignore[arg-type]
        assert creations(place) == 0


def test_no_error_tells_what_was_asked(either_url, caplog):
    with place_with(either_url, made=False) as place:
        asked(place)
        place.twilio.faults.next("500", on="content")
        contents.make(place.installation, channel(place))
        assert "a content was not made" in caplog.text
        assert "bekerja" not in caplog.text
