"""Corrections that are typed: "3*", "*3", "eh 3", "maaf, 3" put another answer for the last one.

    the answer can be read as that of    and then
    the last question                    it replaces that answer, and the person is told which
    the open question, where the last    it answers the open one: what was wrong was said there
      message was no answer to it or
      it is open to be corrected
    both, and the last answer is that    we ask which of the two is meant
      already
    neither                              it is an ordinary text
A correction that would end the interview opens its question instead: a stray star must not.
Own words can be anything: they are corrected by KEMBALI, UBAH or a quoted question.
"""

from __future__ import annotations

from dataclasses import replace

from bot.flow.answers.reading import Reading
from bot.flow.asking import Turn, is_being_corrected, last_answered, reopen, take
from bot.flow.question import Question
from bot.flow.route import count
from bot.flow.turn import Step

PENDING = "correct"
"""In `State.pending`: we have asked which of two questions an answer is for."""


def correct(turn: Turn, meant: str, attempts: int) -> Step | None:
    """Take `meant` as a correction; None where it can be none. `attempts` are those before it."""
    state = turn.state
    open_one = None if state.question is None else turn.question
    here = None if open_one is None else _read(turn, open_one, meant)
    if attempts or is_being_corrected(turn):
        return None if open_one is None or here is None else take(turn, open_one, here)
    last = last_answered(turn)
    there = None if last is None else _read(turn, last, meant)
    if last is None or there is None:
        return None if open_one is None or here is None else take(turn, open_one, here)
    if here is None or state.answers.get(last.name) != there.answer:
        return reopen(turn, last) if _would_end(turn, last, there) else take(turn, last, there)
    number = str(count(turn.flow, last, state.answers)[0])
    if "correct_which" not in turn.flow.words.messages:
        return turn.show_after("asked_again")
    asked = turn.to(replace(state, pending=PENDING, extra={**state.extra, "said": meant}))
    return asked.say("correct_which", {"no": number})


def settle(turn: Turn, said: str) -> Step | None:
    """Answer our question back: 1 is the last question, 2 the open one; None for all else."""
    question = {"1": last_answered(turn), "2": turn.question}.get(said)
    if question is None:
        return None
    meant = turn.state.extra.get("said", "")
    return take(turn, question, turn.read(question, meant))


def _would_end(turn: Turn, question: Question, reading: Reading) -> bool:
    answers = {**turn.state.answers, question.name: reading.answer}
    return question.end_if is not None and question.end_if.holds(answers)


def _read(turn: Turn, question: Question, meant: str) -> Reading | None:
    """Return a reading that is an answer; own words are none."""
    if question.own_words:
        return None
    reading = turn.read(question, meant)
    return reading if reading.trouble is None else None
