"""Random walks through every flow: what must hold whatever people do and whenever they do it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.flow.choices import still_offered
from bot.flow.engine import step
from bot.flow.limits import CAPTION_CHARS, MESSAGE_CHARS
from bot.flow.load import load_survey
from bot.flow.route import count, first_open, matters, prune
from bot.flow.schedule import next_allowed
from bot.flow.state import Answer, State, Status
from bot.flow.survey import Survey
from bot.flow.turn import (
    Answered,
    Dropped,
    Effect,
    Event,
    Kind,
    Lost,
    Open,
    OptIn,
    OptOut,
    Reopened,
    Reply,
    Sent,
    SentKind,
    Step,
    Wake,
)
from bot.flow.wording import message_chars
from tests.everything import everything
from tests.structured import paged, structured
from tests.surveys import (
    LAND_FLOW,
    SMALL_FLOW,
    Chat,
    bundled,
    counted_answers,
    small,
    small_files,
    small_in_one_language,
)

REVIEWED = SMALL_FLOW.replace('minutes: "2"\n', 'minutes: "2"\nreview: true\n')

WORDS = [
    *(
        "1",
        "2",
        "3",
        "4",
        "5",
        "0",
        "9",
        "1 3",
        "40",
        "12",
        "setuju",
        "tidak",
        "jarang",
        "usul saya",
    ),
    *("mulai", "kembali", "KEMBALI", "ubah", "ubah 2", "ubah 9", "ulang", "nanti", "lanjut", "cek"),
    *("siapa ini", "bantuan", "bahasa", "bukan", "hapus", "HAPUS DATA", "lapor", "isi ulang", "ok"),
    *("3*", "*2", "eh 1", "maaf, 2", "salah 40", "maksud saya 3", "kirim", "lagi", "sudah benar"),
    *("lagi", "samarinda", "banjarbaru", "kalimantan timur", "kecewa", "lainnya", "1 2", "118"),
    *("1.000", "2,5", "dua koma lima", "2, 1, 3", "kemarin", "besok", "hari ini", "26 juli"),
    *("26/7/2025", "minggu lalu", "jam 2", "14.30", "lewati", "-2.2, 113.9"),
    *("berhenti", "terima kasih", "🙏", "", "?", "x" * 900, "2️⃣", "english"),
]
TAPS = [
    "MULAI",
    "CEK",
    "BERHENTI",
    "SETUJU",
    "TIDAK",
    "LANJUT",
    "KEMBALI",
    "language:en",
    "1",
    "x:1",
    "KIRIM",
    "LAGI",
    "SUARA",
    "OK",
]
SENSIBLE = {
    "text": "usul",
    "integer": "40",
    "select_multiple": "1, 2",
    "date": "kemarin",
    "time": "14.30",
    "rank": "3 1 2",
    "geopoint": "-2.2, 113.9",
    "decimal": "2,5",
    "range": "3",
}
FILES: dict[str, SentKind] = {"image": "image", "audio": "audio", "file": "pdf"}
KINDS: list[Kind] = ["media", "edited", "reaction", "location", "contact", "unsupported"]
PAUSES = st.sampled_from(
    [timedelta(seconds=s) for s in (0, 1, 5, 5, 30, 30, 60)]
    + [timedelta(hours=h) for h in (11, 13, 50, 200)]
)


def changed(before: Mapping[str, Answer], after: Mapping[str, Answer]) -> tuple[set[str], set[str]]:
    """Return the names of what was set and of what was removed."""
    put = {name for name, answer in after.items() if before.get(name) != answer}
    return put, set(before) - set(after)


class Walk(RuleBasedStateMachine):
    """One person doing anything at any time. Subclasses say in which survey."""

    survey: Survey
    groups: tuple[str, ...]

    @initialize(
        data=st.data(),
        language=st.sampled_from(["", "id", "en"]),
        far=st.integers(0, 40),
        seed=st.integers(0, 2**32 - 1),
    )
    def meet(self, data: st.DataObject, language: str, far: int, seed: int) -> None:
        """Meet somebody who is not yet begun, somewhere on the way, or at the end of it."""
        group = data.draw(st.sampled_from(self.groups))
        self.chat = Chat(self.survey, group, language=language)
        self.chat.state = replace(self.chat.state, seed=seed)
        self.sent: list[str] = []
        if far > 5:
            self.chat.asking()
            self.answer_sensibly(far - 5)

    def answer_sensibly(self, many: int) -> None:
        for _ in range(many):
            name = self.chat.state.question
            if self.chat.state.status is not Status.ASKING:
                return
            if name is None:
                self.go(Reply(text="kirim"), timedelta(seconds=20))
                return
            kind = self.chat.flow.by_name[name].type
            ends = name == "sar_02"  # its first answer screens out
            by_name = {"lama": "12", "muda": "8"}
            if kind in FILES:
                file = Sent(f"f{len(self.chat.state.answers)}", FILES[kind])
                self.go(Reply(kind="media", file=file), timedelta(seconds=20))
                continue
            typed = by_name.get(name) or SENSIBLE.get(kind, "2" if ends else "1")
            self.go(Reply(text=typed), timedelta(seconds=20))

    def go(self, event: Event, pause: timedelta) -> None:
        chat = self.chat
        chat.now += pause
        before = chat.state
        result = chat.turn(event)
        again = step(chat.flow, State.from_json(before.to_json()), event, chat.context())
        assert again == result, "the same input gives the same output"
        self.check_answers(before, result)
        self.check_ends(before, result)
        self.check_what_was_changed(before, event, result)
        self.check_message(before, event, result)

    def check_answers(self, before: State, result: Step) -> None:
        put, removed = changed(before.answers, result.state.answers)
        answered = {effect.question for effect in result.effects if isinstance(effect, Answered)}
        dropped = {
            name
            for effect in result.effects
            if isinstance(effect, Dropped)
            for name in effect.questions
        }
        assert put <= answered, "answers change only as effects name"
        assert removed <= dropped
        assert dropped & set(result.state.answers) == set()
        assert answered <= set(result.state.answers) | dropped
        for name, answer in result.state.answers.items():
            question = self.chat.flow.by_name[name]
            names = answer if isinstance(answer, tuple) else (answer,)
            assert not question.choices or question.lexicon.names >= set(names)
            assert question.domain is None or question.domain.holds(answer)
            assert matters(question, result.state.answers)
            assert still_offered(question, answer, result.state.answers)
        counts = result.state.status is Status.FINISHED and result.state.answers
        if result.state.status is Status.ASKING or counts:
            flow = self.chat.flow.arranged(result.state.seed)
            settled = prune(flow, result.state.answers, result.state.left_out)
            assert settled.answers == result.state.answers, "calculations follow their answers"

    def check_ends(self, before: State, result: Step) -> None:
        kinds: set[type[Effect]] = {type(effect) for effect in result.effects}
        if before.status.over and not result.state.status.over:
            assert Reopened in kinds, "over stays over"
        if Reopened in kinds:
            assert before.status in (Status.FINISHED, Status.STOPPED)
        if result.state.status is Status.STOPPED and before.status is not Status.STOPPED:
            assert OptOut in kinds or result.state.answers == {}
        if OptIn in kinds:
            assert before.status is Status.STOPPED or before.extra
        assert (result.state.wake_at is None) == result.state.status.over

    def check_what_was_changed(self, before: State, event: Event, result: Step) -> None:
        """Nothing is finished unseen, and who changes another answer is told which."""
        state = result.state
        flow = self.chat.flow.arranged(state.seed)
        finishes = state.status is Status.FINISHED and before.status is not Status.FINISHED
        if finishes and flow.review and (before.answers or before.left_out):
            assert before.status is Status.ASKING
            assert before.question is None, "all answers were shown before"
            assert isinstance(event, Reply)
        if before.status is not Status.ASKING or state.status is not Status.ASKING:
            return
        other = [
            effect.question
            for effect in result.effects
            if isinstance(effect, Answered)
            and effect.question != before.question
            and flow.by_name[effect.question].is_asked
        ]
        for name in other:
            number, _ = count(flow, flow.by_name[name], state.answers)
            said = flow.words.messages["changed"].texts[flow.spoken(state.language)]
            assert result.message is not None
            told = said.split("{{no}}")[0] + str(number)
            assert result.message.text.startswith(told)

    def check_message(self, before: State, event: Event, result: Step) -> None:
        message = result.message
        if isinstance(event, Wake):
            assert (message is None) or message.step not in self.sent
            assert len(result.state.sent) - len(before.sent) == (message is not None)
            if message is not None:
                assert message.step is not None
                self.sent.append(message.step)
                assert message.template is not None
                assert not any("\n" in value for value in message.variables.values())
                chat = self.chat
                hours = chat.plan.hours
                assert next_allowed(hours, chat.zone, chat.now, chat.plan.closes) == chat.now
        elif isinstance(event, Lost):
            assert message is None or result.state.question == event.question
        elif not before.status.over and not (isinstance(event, Reply) and event.kind == "reaction"):
            assert message is not None, "who is not over is always answered"
        if message is not None:
            captioned = message.attachment is not None and message.attachment.kind == "image"
            assert 0 < message_chars(message) <= (CAPTION_CHARS if captioned else MESSAGE_CHARS)
            assert "{{" not in message.text + message.footer

    @rule(word=st.sampled_from(WORDS), pause=PAUSES)
    def types_a_word(self, word: str, pause: timedelta) -> None:
        self.go(Reply(text=word), pause)

    @rule(many=st.integers(1, 30))
    def goes_along(self, many: int) -> None:
        self.answer_sensibly(many)

    @rule(text=st.text(max_size=40), pause=PAUSES)
    def types_anything(self, text: str, pause: timedelta) -> None:
        self.go(Reply(text=text), pause)

    @rule(data=st.data(), value=st.sampled_from("0123459"), pause=PAUSES, quoting=st.booleans())
    def answers_any_question(
        self, data: st.DataObject, value: str, pause: timedelta, quoting: bool
    ) -> None:
        name = data.draw(st.sampled_from(list(self.chat.flow.by_name)))
        choices = self.chat.flow.by_name[name].lexicon.names
        if choices and not quoting:
            value = data.draw(st.sampled_from(sorted({value, *choices})))
        reply = Reply(text=value, about=name) if quoting else Reply(option=f"{name}:{value}")
        self.go(reply, pause)

    @rule(data=st.data())
    def changes_an_answer(self, data: st.DataObject) -> None:
        """Tap another choice of a question that was answered long ago."""
        by_name = self.chat.flow.by_name
        names = [name for name in self.chat.state.answers if by_name[name].choices]
        if names and not self.chat.state.status.over:
            question = by_name[data.draw(st.sampled_from(names))]
            choice = data.draw(st.sampled_from(sorted(question.lexicon.names)))
            self.go(Reply(option=f"{question.name}:{choice}"), timedelta(seconds=20))

    @rule(option=st.sampled_from(TAPS), pause=PAUSES)
    def taps(self, option: str, pause: timedelta) -> None:
        self.go(Reply(option=option), pause)

    @rule(word=st.sampled_from(["isi ulang", "mulai", "berhenti", "hapus", "1", "2"]))
    def wants_more_after_the_end(self, word: str) -> None:
        if self.chat.state.status.over:
            self.go(Reply(text=word), timedelta(seconds=20))

    @rule(kind=st.sampled_from(KINDS), pause=PAUSES)
    def sends_something_else(self, kind: Kind, pause: timedelta) -> None:
        self.go(Reply(kind=kind), pause)

    @rule(latitude=st.floats(-90, 90), longitude=st.floats(-180, 180), pause=PAUSES)
    def sends_a_place(self, latitude: float, longitude: float, pause: timedelta) -> None:
        self.go(Reply(kind="location", place=(latitude, longitude)), pause)

    @rule(kind=st.sampled_from(["image", "audio", "pdf", "other"]), data=st.data(), pause=PAUSES)
    def sends_a_file(self, kind: SentKind, data: st.DataObject, pause: timedelta) -> None:
        flow = self.chat.flow
        about = data.draw(st.sampled_from([None, *flow.files])) if flow.files else None
        name = f"{kind}{self.chat.now.timestamp()}"
        self.go(Reply(kind="media", file=Sent(name, kind), about=about), pause)

    @rule(data=st.data())
    def a_file_cannot_be_used(self, data: st.DataObject) -> None:
        state = self.chat.state
        held = [
            name
            for name in self.chat.flow.files
            if name in {*state.answers, *(state.earlier or {})}
        ]
        if held:
            name = data.draw(st.sampled_from(held))
            answer = state.answers.get(name, (state.earlier or {}).get(name))
            self.go(Lost(name, str(answer)), timedelta(seconds=1))

    @rule(pause=PAUSES)
    def follows_a_link(self, pause: timedelta) -> None:
        self.go(Open(), pause)

    @rule(pause=PAUSES)
    def the_timer_goes_off_at_any_time(self, pause: timedelta) -> None:
        self.go(Wake(), pause)

    @rule(late=PAUSES)
    def the_timer_goes_off_when_it_is_due(self, late: timedelta) -> None:
        due = self.chat.state.wake_at
        if due is not None:
            self.go(Wake(), max(due - self.chat.now, timedelta()) + late)

    @invariant()
    def what_is_open_fits_the_status(self) -> None:
        state = self.chat.state if hasattr(self, "chat") else None
        if state is None:
            return
        if state.status is Status.ASKING:
            self.what_is_open_can_be_answered(state)
        if state.status.over:
            assert state.question is None
        assert len(set(state.sent)) == len(state.sent)
        assert not set(state.left_out) & set(state.answers)
        if state.status is Status.FINISHED:
            assert state.earlier is None
            assert counted_answers(state) == (state.answers or None)

    def what_is_open_can_be_answered(self, state: State) -> None:
        flow = self.chat.flow.arranged(state.seed)
        for question in flow.asked:
            answer = state.answers.get(question.name)
            if answer is not None:
                assert matters(question, state.answers), "what is irrelevant is dropped"
                assert question.still_fits(answer, state.answers), "and what does not fit"
        if state.question is None:
            assert flow.review
            assert first_open(flow, state.answers, state.left_out) is None
        else:
            assert matters(flow.by_name[state.question], state.answers)

    def teardown(self) -> None:
        """Every path ends: left alone, the conversation closes by itself."""
        if not hasattr(self, "chat"):
            return
        for _ in range(6):
            due = self.chat.state.wake_at
            if due is None:
                break
            self.go(Wake(), max(due - self.chat.now, timedelta()))
        assert self.chat.state.status.over


def walk_in(name: str, survey: Survey, walks: int = 150) -> type:
    """Return the test case of walks in one survey."""
    machine = type(name, (Walk,), {"survey": survey, "groups": tuple(survey.groups)})
    case: type = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(  # type: ignore[attr-defined]
        max_examples=walks,
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    return case


TestBundled = walk_in("BundledWalk", bundled())
TestLand = walk_in("LandWalk", load_survey(small_files(internal=LAND_FLOW)))
TestSmall = walk_in("SmallWalk", small(), walks=100)
TestReviewed = walk_in("ReviewedWalk", load_survey(small_files(internal=REVIEWED)), walks=80)
TestOneLanguage = walk_in("OneLanguageWalk", small_in_one_language(), walks=60)
TestStructured = walk_in("StructuredWalk", structured(), walks=100)
TestEverything = walk_in("EverythingWalk", everything(), walks=25)
TestPaged = walk_in("PagedWalk", paged(), walks=30)


@pytest.mark.parametrize("survey", [bundled(), small()], ids=["bundled", "small"])
def test_every_question_of_every_flow_can_be_reached_and_left(survey: Survey) -> None:
    """Answer every way at random, but along the way only: each flow shows all of its questions."""
    for group in survey.groups:
        reached: set[str] = set()
        for choice in range(1, 5):
            for first in ("1", "2"):
                chat = Chat(survey, group, language="id").asking()
                for turn in range(60):
                    question = chat.state.question
                    if question is None:
                        break
                    reached.add(question)
                    typed = "40" if question == "usia" else first if turn == 0 else str(choice)
                    chat.say(typed if chat.flow.by_name[question].read(typed, {}).answer else "1")
                assert chat.state.status.over
        assert reached == {question.name for question in survey.for_group(group).asked}
