"""What each command word does, wherever in a conversation it is accepted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.flow import review
from bot.flow.asking import (
    PAGE,
    Turn,
    advance,
    back,
    calculate,
    end,
    finish,
    go_on,
    reopen,
    take,
)
from bot.flow.keywords import AGAIN, Command, normalise
from bot.flow.paging import ONE_PAGE
from bot.flow.route import nth
from bot.flow.state import NO_ANSWERS, State, Status
from bot.flow.turn import (
    Consented,
    Dropped,
    Effect,
    Erase,
    LanguageChosen,
    OptIn,
    OptOut,
    Reopened,
    Reply,
    Step,
    WrongPerson,
)
from bot.flow.wording import consent_version, verify_name

OPTED_OUT = "opted_out"
"""Key in `State.extra`: contact was forbidden after the interview had ended."""


def run(turn: Turn, command: Command, reply: Reply) -> Step:
    """Do what a command asks for. It has been found acceptable in this phase, or was tapped."""
    return _HANDLERS[command](turn, reply)


def start(turn: Turn) -> Step:
    """Begin: ask for the language where there is a choice and none is known, else for consent."""
    if turn.context.now < turn.context.plan.opens:
        return turn.say("not_open_yet")
    return turn.to(replace(turn.state, status=_first_status(turn))).show()


def _first_status(turn: Turn) -> Status:
    known = turn.state.language in turn.flow.languages or len(turn.flow.languages) < 2
    return Status.CONSENT if known else Status.LANGUAGE


def choose_language(turn: Turn, language: str) -> Step:
    """Speak this language from now on, and show what is open in it."""
    state = turn.state
    begun = state.question is not None or state.began_at is not None
    status = Status.ASKING if begun else Status.CONSENT
    chosen = turn.to(replace(state, language=language, status=status, attempts=0))
    return chosen.show(effects=(LanguageChosen(language),))


def after_the_end(turn: Turn, text: str) -> Step:
    """Say the closing words again, once a day; nothing to thanks, greetings and emoji."""
    silent = turn.flow.words.keywords.is_silent(text)
    return turn.quiet() if silent else closing_words(turn)


def closing_words(turn: Turn) -> Step:
    """Say the closing words again, once a day at most.

    After the survey's end they say that it has ended, whatever became of this interview: who looks
    over a shoulder must not see whether it was finished.
    """
    ended = turn.context.now >= turn.context.plan.closes
    message = turn.voice.message("closed" if ended else "over")
    return Step(turn.state, replace(message, once_a_day="over"))


def is_open(turn: Turn) -> bool:
    """Whether the survey takes answers at this moment."""
    return turn.context.plan.opens <= turn.context.now < turn.context.plan.closes


def consent(turn: Turn) -> Step:
    """Take the consent and ask the first question."""
    voice = turn.voice
    words = consent_version(turn.flow, voice.language, pilot=turn.context.pilot)
    version = Consented(words, voice.language)
    asking = replace(
        turn.state, status=Status.ASKING, language=voice.language, began_at=turn.context.now
    )
    begun, worked_out = calculate(turn.to(asking))
    return advance(begun, (version, *worked_out))


def stop(turn: Turn) -> Step:
    """Promise no further contact. Unfinished answers go; what is finished stays."""
    state = turn.state
    if not state.status.over:
        return end(turn, Status.STOPPED, (OptOut(),), message="stop")
    if state.status is not Status.STOPPED:
        state = replace(state, extra={**state.extra, OPTED_OUT: "1"})
    return Step(state, turn.voice.message("stop"), (OptOut(),))


def erase(turn: Turn) -> Step:
    """Let all data of this person go. The answers here go at once, earlier ones included."""
    state = turn.state
    gone = tuple(state.answers)
    said = turn.voice.message("erased", {"kode": turn.context.request_code})
    effects: tuple[Effect, ...] = (Erase(), *((Dropped(gone),) if gone else ()))
    if not state.status.over:
        state = end(turn, Status.STOPPED).state
    empty = replace(state, answers=NO_ANSWERS, earlier=None, left_out=(), pending=None, extra={})
    return Step(empty, said, effects)


def bar(state: State) -> State:
    """Return the interview ended of somebody who turns out to have answered before, without its
    answers; no way leads back in, but BERHENTI can be taken back."""
    stopped = state.status is Status.STOPPED or OPTED_OUT in state.extra
    return replace(
        state,
        status=Status.CLOSED,
        question=None,
        answers=NO_ANSWERS,
        left_out=(),
        attempts=0,
        pending=None,
        reminded=False,
        wake_at=None,
        ended_at=state.last_turn_at,
        extra={OPTED_OUT: "1"} if stopped else {},
    )


def fill_again(turn: Turn) -> Step:
    """Ask everything anew. The finished answers count until the new ones are complete."""
    state = turn.state
    taken_back = state.mixed or not state.answers  # mixed, or erased
    if state.status is not Status.FINISHED or taken_back or not is_open(turn):
        return closing_words(turn)
    fresh = replace(
        state,
        status=Status.ASKING,
        answers=NO_ANSWERS,
        earlier=dict(state.answers),
        left_out=(),
        asks=0,
        pending=None,
    )
    begun, worked_out = calculate(turn.to(fresh))
    gone = tuple(name for name in state.answers if name not in begun.state.answers)
    effects: tuple[Effect, ...] = (Reopened(), Dropped(gone), *worked_out)
    return advance(begun, effects, (turn.voice.text("fill_again"),))


def correct_last(turn: Turn) -> Step:
    """Correct the last answer, as "hapus" may mean: go back, or after the end ask anew."""
    if turn.state.status is Status.ASKING:
        return back(turn)
    return fill_again(turn) if turn.state.status.over else turn.show()


def change(turn: Turn, number: int) -> Step:
    """Open the question with this number again, if it has been answered."""
    state = turn.state
    question = nth(turn.flow, number, state.answers)
    if question is None or not (question.name in state.answers or question.name in state.left_out):
        return turn.show_after("change_impossible")
    return reopen(turn, question)


def possible(turn: Turn) -> frozenset[Command]:
    """Return the commands that only the open question makes possible."""
    question = turn.question
    if question.default is None and len(question.choices) <= ONE_PAGE:
        return frozenset()
    found = set()
    if question.offers_default(turn.state.answers, turn.moment):
        found.add(Command.OK)
    if turn.voice.pages(question) > 1:
        found.add(Command.LAGI)
    return frozenset(found)


def _next_page(turn: Turn, reply: Reply) -> Step:
    """LAGI: the next page of a long list or of all answers, after the last the first one again."""
    if review.is_open(turn.state):
        return turn.to(review.turned(turn.voice, turn.state)).show()
    if turn.state.status is not Status.ASKING or turn.state.question is None:
        return _show_or_over(turn, reply)
    pages = turn.voice.pages(turn.question)
    if pages < 2:
        return turn.show()
    page = (int(turn.state.extra.get(PAGE, "0")) + 1) % pages
    return turn.to(replace(turn.state, extra={**turn.state.extra, PAGE: str(page)})).show()


def _take_default(turn: Turn, reply: Reply) -> Step:
    """OK: the answer that the open question offers."""
    if turn.state.status is not Status.ASKING or turn.state.question is None:
        return _show_or_over(turn, reply)
    question, answers = turn.question, turn.state.answers
    if question.default is None or not question.offers_default(answers, turn.moment):
        return turn.show()
    return take(turn, question, question.accept(question.default, answers, turn.moment))


def _begin_or_show(turn: Turn, reply: Reply) -> Step:
    """MULAI: begins where a start is expected; after BERHENTI it takes that back."""
    state = turn.state
    if state.status is Status.INVITED:
        return start(turn)
    if not state.status.over:
        return turn.show()
    if not (reply.option or normalise(reply.text) in AGAIN):
        return after_the_end(turn, reply.text)
    if state.status is Status.STOPPED:
        return _come_back(turn)
    if OPTED_OUT in state.extra or turn.context.opted_out:
        extra = {key: value for key, value in state.extra.items() if key != OPTED_OUT}
        back_in = replace(state, extra=extra)
        return Step(back_in, turn.voice.message("opted_in"), (OptIn(),))
    return closing_words(turn)


def _come_back(turn: Turn) -> Step:
    """Take BERHENTI back: the interview begins anew where the survey still runs."""
    if not is_open(turn):
        return Step(turn.state, turn.voice.message("opted_in"), (OptIn(),))
    again = replace(turn.state, status=_first_status(turn), began_at=None, asks=0)
    return turn.to(again).show(turn.voice.text("opted_in"), effects=(OptIn(), Reopened()))


def _agree(turn: Turn, reply: Reply) -> Step:
    if turn.state.status is Status.CONSENT:
        return consent(turn)
    return _begin_or_show(turn, reply)


def _disagree(turn: Turn, reply: Reply) -> Step:
    if turn.state.status is Status.CONSENT:
        return end(turn, Status.DECLINED)
    return closing_words(turn) if turn.state.status.over else turn.show()


def _back(turn: Turn, reply: Reply) -> Step:
    return back(turn) if turn.state.status is Status.ASKING else _show_or_over(turn, reply)


def _go_on(turn: Turn, reply: Reply) -> Step:
    """LANJUT: on from a pause, into an interview, or back into one that was stopped."""
    match turn.state.status:
        case Status.ASKING:
            return go_on(turn)
        case Status.INVITED:
            return _begin_or_show(turn, reply)
        case Status.STOPPED:
            return _come_back(turn)
        case _:
            return _show_or_over(turn, reply)


def _show_or_over(turn: Turn, reply: Reply) -> Step:
    return after_the_end(turn, reply.text) if turn.state.status.over else turn.show()


def _change_which(turn: Turn, reply: Reply) -> Step:
    if turn.state.status is not Status.ASKING:
        return _show_or_over(turn, reply)
    return turn.to(replace(turn.state, pending="change")).say("change_which")


def _pause(turn: Turn, reply: Reply) -> Step:
    if turn.state.status.over:
        return after_the_end(turn, reply.text)
    return turn.to(replace(turn.state, pending="pause")).say("saved_pause")


def _check(turn: Turn, reply: Reply) -> Step:
    """CEK: how to check that this is real, or who we are and why we write, as was asked."""
    if turn.flow.words.keywords.asks_who(reply.text) and not turn.state.status.over:
        if turn.state.status.under_way:
            return turn.show_after("info_under_way")
        return turn.to(replace(turn.state, pending="start")).say("info")
    if turn.state.status.under_way:
        return turn.show_after("verify_under_way")
    return turn.say(verify_name(turn.flow.words, over=turn.state.status.over))


def _help(turn: Turn, reply: Reply) -> Step:
    if turn.state.status is Status.INVITED:
        info = turn.voice.message("info", after=turn.voice.text("help"))
        return Step(replace(turn.state, pending="start"), info)
    if not turn.state.status.under_way:
        return turn.say("help")
    asking = turn.state.status is Status.ASKING and not review.is_open(turn.state)
    if not asking or not turn.question.choices:
        return turn.show_after("help")
    return turn.show_after("help_question", {"daftar_angka": turn.voice.numbers(turn.question)})


def _language(turn: Turn, reply: Reply) -> Step:
    if turn.state.status.over:
        return after_the_end(turn, reply.text)
    if len(turn.flow.languages) < 2:
        return turn.show_after("language_only")
    if turn.state.status is Status.INVITED and not is_open(turn):
        return turn.say("not_open_yet")
    return turn.to(replace(turn.state, status=Status.LANGUAGE)).show()


def _aloud(turn: Turn, reply: Reply) -> Step:
    """SUARA: the open question read aloud in the language that is spoken, if that was recorded."""
    shown = turn.show()
    asking = turn.state.status is Status.ASKING and not review.is_open(turn.state)
    if not asking or shown.message is None:
        return shown
    recording = turn.voice.recording(turn.question)
    if recording is None:
        there = "audio_none" in turn.flow.words.messages
        return turn.show_after("audio_none") if there else shown
    return replace(shown, message=replace(shown.message, attachment=recording, taps=None))


def _wrong_person(turn: Turn, reply: Reply) -> Step:
    if turn.state.status.over or turn.state.began_at is not None:
        return _show_or_over(turn, reply)
    return end(turn, Status.WRONG_PERSON, (WrongPerson(),), message="wrong_person")


def _stop(turn: Turn, reply: Reply) -> Step:
    """BERHENTI. In an answer in one's own words the word may belong to it: that is asked first."""
    if _may_be_an_answer(turn, reply):
        extra = {**turn.state.extra, "said": reply.text}
        return turn.to(replace(turn.state, pending="stop", extra=extra)).say("stop_confirm")
    return stop(turn)


def _erase(turn: Turn, reply: Reply) -> Step:
    """HAPUS DATA. In an answer in one's own words only these very letters are it at once; to other
    ones we say how, and who then says it in whatever words means it."""
    if _may_be_an_answer(turn, reply) and reply.text.strip() != Command.HAPUS_DATA.word:
        return turn.to(replace(turn.state, pending="erase")).say("erase_how")
    return erase(turn)


def _may_be_an_answer(turn: Turn, reply: Reply) -> bool:
    """Whether a text may be an answer in somebody's own words."""
    asking = turn.state.status is Status.ASKING and not review.is_open(turn.state)
    return reply.option is None and asking and turn.question.own_words


def _erase_or_correct(turn: Turn, reply: Reply) -> Step:
    if turn.state.mixed or turn.state.status is Status.CLOSED:
        return turn.say("erase_how")  # there is nothing left to correct, and no state to ask twice
    return turn.to(replace(turn.state, pending="erase_or_correct")).say("erase_or_correct")


def _send(turn: Turn, reply: Reply) -> Step:
    """KIRIM: the answers that are shown are those that were meant."""
    return finish(turn) if review.is_open(turn.state) else _show_or_over(turn, reply)


_HANDLERS: Mapping[Command, Callable[[Turn, Reply], Step]] = {
    Command.MULAI: _begin_or_show,
    Command.SETUJU: _agree,
    Command.TIDAK: _disagree,
    Command.KEMBALI: _back,
    Command.UBAH: _change_which,
    Command.ULANG: _show_or_over,
    Command.LAGI: _next_page,
    Command.OK: _take_default,
    Command.NANTI: _pause,
    Command.LANJUT: _go_on,
    Command.CEK: _check,
    Command.BANTUAN: _help,
    Command.BAHASA: _language,
    Command.BUKAN: _wrong_person,
    Command.BERHENTI: _stop,
    Command.HAPUS_DATA: _erase,
    Command.HAPUS_OR_BATAL: _erase_or_correct,
    Command.LAPOR: lambda turn, reply: turn.say("report"),
    Command.ISI_ULANG: lambda turn, reply: fill_again(turn),
    Command.SUARA: _aloud,
    Command.KIRIM: _send,
}
