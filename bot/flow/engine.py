"""The engine: `step`, one pure function that moves a conversation by one turn.

Nothing here does I/O, reads a clock or draws a random number: the same flow, state, event and
context always give the same step. All that changes a conversation is in this folder; what a step
asks of the world outside is named by its effects.

    event            INVITED       LANGUAGE      CONSENT       ASKING          over
    Open             starts        shows again   shows again   shows again     closing words
    Reply: command   `commands.py`, each where `keywords.ACCEPTED` allows it
    Reply: other     info          a language    shows again   an answer       closing words
    Wake             invitation, reminder, last call, closing                  nothing
    Lost             -             -             -             asks again      asks again

Before any of these a survey whose time is up closes what is unfinished.
"""

from __future__ import annotations

from dataclasses import replace

from bot.flow import commands, corrections, review
from bot.flow.answers.domains import OUTSIDE
from bot.flow.asking import RENEWED, Turn, end, take
from bot.flow.files import asked_for, lost, read_file
from bot.flow.keywords import Command, Phase, less_polite, normalise
from bot.flow.question import Question
from bot.flow.schedule import SILENCE, due_now, held_out, passed, put_off, wake_at
from bot.flow.state import State, Status
from bot.flow.survey import Flow
from bot.flow.turn import Context, Event, Lost, Open, Reply, Step, Wake

_YES = frozenset({"1", "ya", "iya", "y", "yes"})
_TAPPED = {  # the buttons of our two questions back, as the numbers that can be typed
    ("stop", "BERHENTI"): "1",
    ("stop", "LANJUT"): "2",
    ("erase_or_correct", "KEMBALI"): "1",
    ("erase_or_correct", "HAPUS_DATA"): "2",
}
_ANY_TIME = frozenset({Command.BERHENTI, Command.HAPUS_DATA})  # come before a choice's own label


def begin(flow: Flow, context: Context, *, language: str = "", seed: int = 0) -> State:
    """Return a fresh conversation. Its timer stands on the invitation.

    Who came by a link, poster or code is never invited: an `Open` in the same transaction starts
    the interview before the timer can go off. `language` is "" where it is not known.
    """
    state = State(status=Status.INVITED, language=language, seed=seed)
    return replace(state, wake_at=wake_at(state, context))


def step(flow: Flow, state: State, event: Event, context: Context) -> Step:
    """Move a conversation by one turn. Pure; raises nothing for anything a person can send."""
    turn = Turn(flow.arranged(state.seed), state, context)
    match event:
        case Wake():
            result = _wake(turn)
        case Open():
            result = _open(turn)
        case Reply():
            result = _reply(turn, event)
        case Lost():
            result = lost(turn, event)
    timer = wake_at(result.state, context)
    if timer == result.state.wake_at:
        return result
    return replace(result, state=replace(result.state, wake_at=timer))


def _is_late(turn: Turn) -> bool:
    return turn.context.now >= turn.context.plan.closes and not turn.state.status.over


def _wake(turn: Turn) -> Step:
    """Send the step of the plan that is due, at most one; else only set the timer anew."""
    if _is_late(turn):
        return end(turn, Status.CLOSED, message=None)
    due = due_now(turn.state, turn.context)
    if due is None:
        return turn.quiet()
    later = put_off(turn.state, turn.context)
    if later is not None:
        return Step(replace(turn.state, put_off=later))
    held = held_out(turn.state, turn.context.plan, due)
    after = passed(turn.state, due, turn.context.now, held=held)
    if held:
        return Step(after)
    return Step(after, turn.voice.template(_template(due, turn.state), due))


def _template(due: str, state: State) -> str:
    if due == "invite":
        return "invite"
    if due == "last_call":
        return "reminder_last"
    return "reminder_first" if state.status is Status.INVITED else "reminder_partial"


def _open(turn: Turn) -> Step:
    if _is_late(turn):
        return end(turn, Status.CLOSED, message="closed")
    if turn.state.status.over:
        return commands.closing_words(turn)
    turn = turn.to(_heard(turn))
    return commands.start(turn) if turn.state.status is Status.INVITED else turn.show()


def _reply(turn: Turn, reply: Reply) -> Step:
    if reply.kind == "reaction":
        return turn.quiet()
    if _is_late(turn):
        late = turn.to(end(turn, Status.CLOSED, message=None).state)
        command = _command(late, reply, Phase.OVER)
        closed = Step(late.state, turn.voice.message("closed"))
        if command is None or command is Command.MULAI:
            return closed
        # Who was under way hears at least that the survey has ended.
        result = commands.run(late, command, reply)
        return result if result.message is not None else closed
    if reply.kind in ("media", "edited"):
        # What is wished for below a picture counts; other words there may be about the picture.
        wish = turn.flow.words.keywords.find(reply.text, Phase.OVER)
        if wish is not None and wish in _ANY_TIME:
            return commands.run(turn.to(_heard(turn)), wish, reply)
    if turn.state.status.over:
        return _after_the_end(turn, reply)
    if reply.kind != "text":
        return _sent(turn, turn.to(_heard(turn)), reply)
    match turn.state.status:
        case Status.ASKING:
            return _asking(turn, reply)
        case Status.LANGUAGE:
            return _language(turn, reply)
        case Status.CONSENT:
            return _consent(turn, reply)
        case _:
            return _invited(turn, reply)


def _heard(turn: Turn) -> State:
    """Return the state after a turn of the person: what was pending is settled by it."""
    now = turn.context.now
    return replace(turn.state, last_turn_at=now, reminded=False, interrupted=False, pending=None)


def _command(turn: Turn, reply: Reply, phase: Phase) -> Command | None:
    """Return the command that was tapped or typed. Tapped ones say themselves what they mean."""
    if reply.option is not None:
        if reply.option in Command.__members__:
            return Command(reply.option)
        if ":" in reply.option:
            return None
        # A button whose id was lost says what stands on it.
        return turn.flow.words.keywords.find(reply.text or reply.option, phase)
    return turn.flow.words.keywords.find(reply.text, phase)


def _sent(before: Turn, turn: Turn, reply: Reply) -> Step:
    """Take a location to the question that asks for one, open or quoted; else it is no answer."""
    if before.state.pending == RENEWED and _is_about_the_open(turn, reply):
        return _after_renewal(turn, reply)
    if reply.place is not None and turn.state.status is Status.ASKING:
        question = _answerable(turn, reply.about or turn.state.question or "")
        if question is not None and question.type == "geopoint":
            return take(turn, question, turn.place(question, reply.place))
    return _not_text(turn, reply)


def _not_text(turn: Turn, reply: Reply) -> Step:
    if turn.state.status is Status.INVITED:
        return turn.show()
    if reply.kind == "edited":
        return turn.show_after("edited")
    asking = turn.state.status is Status.ASKING and not review.is_open(turn.state)
    if turn.state.status is Status.ASKING and reply.kind == "media":
        question = asked_for(turn, reply)
        if question is not None:
            return take(turn, question, read_file(question, reply))
    if asking and turn.question.takes_file:
        return turn.show_after("wrong_file")
    if asking and turn.question.type == "geopoint":
        return turn.show_after("not_a_place")
    in_words = asking and (turn.question.own_words or turn.question.type in ("date", "time"))
    asks_for_number = turn.state.status is not Status.CONSENT and not in_words
    return turn.show_after("not_text" if asks_for_number else "not_text_words")


def _invited(turn: Turn, reply: Reply) -> Step:
    heard = turn.to(_heard(turn))
    settled = _settle(turn, heard, reply)
    if settled is not None:
        return settled
    command = _command(turn, reply, Phase.INVITED)
    return heard.show() if command is None else commands.run(heard, command, reply)


def _language(turn: Turn, reply: Reply) -> Step:
    heard = turn.to(_heard(turn))
    settled = _settle(turn, heard, reply)
    if settled is not None:
        return settled
    language = _named_language(turn, reply)
    if language is not None:
        return commands.choose_language(heard, language)
    command = _command(turn, reply, Phase.LANGUAGE)
    return heard.show() if command is None else commands.run(heard, command, reply)


def _named_language(turn: Turn, reply: Reply) -> str | None:
    """Return the language that was tapped, or typed as its number, code or name."""
    languages = turn.flow.languages
    if reply.option is not None:
        code = reply.option.removeprefix("language:")
        return code if code in languages else None
    said = normalise(reply.text)
    words = set(said.split())
    found = [
        code
        for number, code in enumerate(languages, start=1)
        if said in (str(number), code)
        or (words and words <= set(normalise(turn.flow.settings.language_names[code]).split()))
    ]
    return found[0] if len(found) == 1 else None


def _consent(turn: Turn, reply: Reply) -> Step:
    heard = turn.to(_heard(turn))
    settled = _settle(turn, heard, reply)
    if settled is not None:
        return settled
    if reply.option is not None and reply.option.startswith("language:"):
        language = _named_language(turn, reply)
        return heard.show() if language is None else commands.choose_language(heard, language)
    command = _command(turn, reply, Phase.CONSENT)
    if command is not None:
        return commands.run(heard, command, reply)
    again = heard.to(replace(heard.state, attempts=heard.state.attempts + 1))
    return again.show_after("consent_again" if again.state.attempts < 2 else "help")


def _asking(turn: Turn, reply: Reply) -> Step:
    heard = turn.to(_heard(turn))
    settled = _settle(turn, heard, reply)
    if settled is not None:
        return settled
    if turn.state.pending == RENEWED and _is_about_the_open(turn, reply):
        return _after_renewal(heard, reply)
    if reply.option is not None:
        return _tapped(heard, reply)
    if review.is_open(turn.state):
        return _reviewing(turn, heard, reply)
    question = turn.question
    phase = Phase.OWN_WORDS if question.own_words else Phase.ASKING
    keywords = turn.flow.words.keywords
    command = keywords.find(reply.text, phase, commands.possible(turn))
    if command is not None and (command in _ANY_TIME or not _is_answer(heard, reply.text)):
        return commands.run(heard, command, reply)
    number = None if question.own_words else keywords.numbered(reply.text)
    if number is not None:
        return commands.change(heard, number)
    if reply.about is not None:
        return _about(heard, reply)
    if _has_lost_the_thread(turn):
        return heard.show_after("asked_again")
    # Quicker than a question is read: that is how people correct what they have just typed.
    corrected = _corrected(turn, heard, reply.text)
    if corrected is not None:
        return corrected
    if _came_too_fast(turn):
        return turn.show_after("asked_again")
    return take(heard, question, heard.read(question, reply.text))


def _is_answer(turn: Turn, text: str) -> bool:
    """Whether a command's word is an answer to the open question, as "besok" is a day."""
    question = turn.question
    if question.domain is None:
        return turn.offer.lexicon.exact(text) is not None
    reading = turn.read(question, text)
    read = reading.answer is not None or bool(reading.readings)
    return read or reading.trouble in OUTSIDE


def _reviewing(turn: Turn, heard: Turn, reply: Reply) -> Step:
    """Take what is said to the page of all answers: KIRIM, another page, or what to change."""
    keywords = turn.flow.words.keywords
    command = keywords.find(reply.text, Phase.REVIEW)
    unseen = _has_lost_the_thread(turn) or _came_too_fast(turn)
    if command is Command.KIRIM and unseen and not _is_the_word(command, reply.text):
        return heard.show()  # an "ok" is about what is before the person
    if command is not None:
        return commands.run(heard, command, reply)
    if reply.about is not None:
        return _about(heard, reply)
    said = reply.text.strip().rstrip(".")
    number = int(said) if said.isdecimal() and len(said) <= 3 else keywords.numbered(reply.text)
    if number is not None:
        return commands.change(heard, number)
    return _corrected(turn, heard, reply.text) or heard.show()


def _is_the_word(command: Command, text: str) -> bool:
    return normalise(text) == normalise(command.word)


def _corrected(turn: Turn, heard: Turn, text: str) -> Step | None:
    """Take a text that corrects the answer before it; None where it is no such text."""
    meant = turn.flow.words.keywords.corrected(text)
    if meant is None:
        return None
    if not review.is_open(turn.state) and (
        turn.question.own_words or turn.offer.lexicon.exact(text) is not None
    ):
        return None
    return corrections.correct(heard, meant, turn.state.attempts)


def _is_about_the_open(turn: Turn, reply: Reply) -> bool:
    """Whether a reply is an answer, and to the open question as far as it says."""
    if reply.option is not None:
        name, colon, _ = reply.option.partition(":")
        if reply.option in Command.__members__ or name == "language":
            return False
        about = name if colon else reply.about
    else:
        about = reply.about
    return about is None or about == turn.state.question


def _after_renewal(turn: Turn, reply: Reply) -> Step:
    """Obey a command; all else was said to a question that is not the one that is open now."""
    if reply.option is None and reply.kind == "text":
        own_words = not review.is_open(turn.state) and turn.question.own_words
        keywords = turn.flow.words.keywords
        command = keywords.find(reply.text, Phase.OWN_WORDS if own_words else Phase.ASKING)
        if command is not None:
            return commands.run(turn, command, reply)
        number = keywords.numbered(reply.text)
        if number is not None:
            return commands.change(turn, number)
    known = RENEWED in turn.flow.words.messages
    return turn.show_after(RENEWED if known else "asked_again")


def _has_lost_the_thread(turn: Turn) -> bool:
    """Whether the question is no longer before the person: a reminder, another survey's message, a
    pause, a long time."""
    state = turn.state
    if state.reminded or state.interrupted or state.pending == "pause":
        return True
    return state.last_turn_at is not None and turn.context.now - state.last_turn_at >= SILENCE


def _came_too_fast(turn: Turn) -> bool:
    """Whether nobody can have read the open question yet."""
    last = turn.state.last_turn_at
    if last is None:
        return False
    return (turn.context.now - last).total_seconds() < turn.context.min_answer_seconds


def _tapped(turn: Turn, reply: Reply) -> Step:
    """Take a tapped choice: to the open question, or to one that was answered before."""
    option = reply.option or ""
    if option in Command.__members__:
        return commands.run(turn, Command(option), reply)
    if option.startswith("language:"):
        language = _named_language(turn, reply)
        return turn.show() if language is None else commands.choose_language(turn, language)
    name, colon, value = option.partition(":")
    if not colon:
        name, value = reply.about or turn.state.question or "", option
    question = _answerable(turn, name)
    if question is not None and value in question.lexicon.names:
        return take(turn, question, turn.pick(question, value))
    if question is None or colon:
        return turn.show_after("asked_again")
    # An id that is none of ours: then what stands on the button counts, in any language.
    words = [text for text in (value, reply.text) if text and question.choices]
    readings = [turn.read(question, text) for text in words]
    found = next((one for one in readings if one.trouble is None), None)
    return take(turn, question, found or turn.pick(question, value))


def _about(turn: Turn, reply: Reply) -> Step:
    """Take a text that quotes a question as the answer to that one."""
    question = _answerable(turn, reply.about or "")
    if question is None:
        return turn.show_after("asked_again")
    return take(turn, question, turn.read(question, reply.text))


def _answerable(turn: Turn, name: str) -> Question | None:
    """Return the question of this name if it is open or was answered before."""
    state = turn.state
    if name == state.question or name in state.answers or name in state.left_out:
        question = turn.flow.by_name[name]
        return question if question.is_asked else None
    return None


def _settle(turn: Turn, heard: Turn, reply: Reply) -> Step | None:
    """Answer what was pending, if this reply does; None where it is an ordinary reply.

    "start": we have said "reply 1 to start" to somebody who has started.
    "change": we have asked for the number of an answer.
    "stop": BERHENTI was typed as an answer in one's own words.
    "erase": HAPUS DATA was typed, in other words, as an answer in one's own words.
    "erase_or_correct": we have asked which of the two is meant.
    "correct": we have asked which question a correction is for.
    """
    pending = turn.state.pending
    if pending in (None, "pause", RENEWED):
        return None
    if reply.option is not None:
        said = _TAPPED.get((pending or "", reply.option), "")
    elif reply.about is not None or _has_lost_the_thread(turn):
        return None
    else:
        said = normalise(reply.text)
    means = turn.flow.words.keywords.means
    match pending:
        case "start" if means(reply.text, Command.MULAI):
            return None if turn.state.status is Status.INVITED else heard.show()
        case "change" if said.isdecimal() and len(said) <= 3:
            return commands.change(heard, int(said))
        case "stop" if less_polite(said) in _YES or means(less_polite(said), Command.BERHENTI):
            return commands.stop(heard)
        case "stop" if said == "2":
            meant = turn.state.extra.get("said", "")
            return take(heard, turn.question, heard.read(turn.question, meant))
        case corrections.PENDING:
            return corrections.settle(heard, said)
        case "erase" if means(less_polite(said), Command.HAPUS_DATA):
            return commands.erase(heard)
        case "erase_or_correct" if said == "1":
            return commands.correct_last(heard)
        case "erase_or_correct" if said == "2":
            return commands.erase(heard)
    return None


def _after_the_end(turn: Turn, reply: Reply) -> Step:
    """Answer somebody whose interview is over. Over stays over, but for ISI ULANG and MULAI."""
    if reply.kind != "text":
        return turn.quiet()
    heard = turn.to(_heard(turn))
    settled = _settle(turn, heard, reply)
    if settled is not None:
        return settled
    command = _command(turn, reply, Phase.OVER)
    if command is None:
        return commands.after_the_end(heard, reply.text)
    return commands.run(heard, command, reply)
