"""`tautan paths`: every way through a flow, that each of them ends, and how long it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import typer

from bot.commands.common import JSON, err, fail, faults, out, report, table
from bot.commands.cost import money, number
from bot.commands.flows import survey_folder, survey_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.flow.rehearsal.playing import Talk
    from bot.flow.rehearsal.ways import Asked, Ending, Way, Ways
    from bot.flow.state import Answer
    from bot.flow.survey import Survey

PLAYED_AT_MOST, ANSWERS_AT_MOST = 200, 6_000
"""So many ways are played through the engine to check what was counted, and so many answers given
on them: a few seconds."""

_SHOWN = 8  # answers of one question on a line of a list


def paths(
    survey: str = typer.Argument(..., help="Name of a folder in FLOWS_DIR, or a path."),
    group: str | None = typer.Argument(None, help="Only the questions of this group."),
    listed: int = typer.Option(
        0, "--list", min=0, help="Show so many ways, answer by answer; spread evenly among many."
    ),
    as_json: bool = JSON,
) -> None:
    """Count all ways through a flow, prove that each ends, and say how long they are."""

    with faults():
        compiled = survey_in(survey_folder(survey))
        groups = compiled.settings.groups
        if group is not None and group not in groups:
            fail(f"no group {group!r}; there are: {', '.join(groups)}")
        if not compiled.settings.takes_answers:
            fail(f"{compiled.settings.name} takes no answers, so that there are no ways")
        found = [_read(compiled, name, listed) for name in ([group] if group else groups)]
        value = {"survey": compiled.settings.name, "groups": [one.to_dict() for one in found]}

        def show() -> None:
            for one in found:
                one.show()

        report(as_json, value, show)
        if not all(one.fine for one in found):
            raise typer.Exit(1)


@dataclass(slots=True)
class _Group:
    """The ways of one group, for a program and for a person."""

    survey: Survey
    group: str
    ways: Ways
    played: int
    talks: dict[str, Talk]
    listed: list[Way]
    astray: str

    @property
    def fine(self) -> bool:
        """Whether every way is known to end, and the engine goes as was counted."""
        return not (self.ways.open_ends or self.astray)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain data; money as texts."""
        ways = self.ways
        return {
            "group": self.group,
            "flow": ways.flow.name,
            "ways": ways.count,
            "all_counted": not ways.unproved,
            "all_end": not ways.open_ends,
            "not_tried_in_full": ways.unproved,
            "not_proved_to_end": ways.open_ends,
            "played": self.played,
            "astray": self.astray or None,
            "endings": [
                {
                    "kind": one.kind,
                    "question": one.question,
                    "ways": one.count,
                    "questions": [one.least, one.most],
                }
                for one in ways.endings
            ],
            "finished": {name: self._length(talk) for name, talk in self.talks.items()},
            "minutes_in_file": ways.flow.minutes,
            "list": [
                {
                    "ending": way.ending.kind,
                    "answers": [
                        {
                            "question": asked.question.name,
                            "decides": asked.decides,
                            "answers": list(asked.answers),
                        }
                        for asked in way.asked
                    ],
                }
                for way in self.listed
            ],
        }

    def _length(self, talk: Talk) -> dict[str, Any]:
        price = self._price(talk)
        return {
            "questions": talk.questions,
            "received": talk.received,
            "sent": talk.sent,
            "minutes": round(talk.seconds / 60, 1),
            "price": None if price is None else str(price),
        }

    def _price(self, talk: Talk) -> Decimal | None:
        from bot.flow.rehearsal.billing import price

        rates = self.survey.settings.rates
        return None if rates is None else price(talk, rates)

    def show(self) -> None:
        """Print sentences and tables."""
        ways = self.ways
        name = f"{self.survey.settings.name}, {self.group}"
        asked = len(ways.flow.asked)
        out.print(f"{name}: {asked} questions, {_many(ways.count, 'way')}", style="bold")
        self._say_whether_all_end()
        rows = [
            [self._ending(one), number(one.count), _span(one.least, one.most)]
            for one in ways.endings
        ]
        out.print(table("How they end", ["ending", "ways", "questions"], rows))
        self._show_lengths()
        for place, way in enumerate(self.listed, start=1):
            out.print(f"\n{place}. {self._line(way)}", markup=False, soft_wrap=True)
        out.print()

    def _say_whether_all_end(self) -> None:
        ways = self.ways
        kinds = _many(len(ways.endings), "kind")
        if not ways.open_ends:
            every = f"Every one of these {number(ways.count)}"
            which = {1: "It", 2: "Both of them"}.get(ways.count, every)
            verb = "end" if ways.count == 2 else "ends"
            out.print(f"{which} {verb}; {kinds} of ending.", soft_wrap=True)
        else:
            err.print("It is not proved that every way ends:", style="red")
            for question, why in ways.open_ends.items():
                err.print(f"  {question}: {why}", style="red", markup=False, soft_wrap=True)
        left = {name: why for name, why in ways.unproved.items() if name not in ways.open_ends}
        if left:
            out.print("These were not tried in full, and there may be more ways:", style="yellow")
            for question, why in left.items():
                out.print(f"  {question}: {why}", style="yellow", markup=False, soft_wrap=True)
        if self.astray:
            said = f"The engine goes another way: {self.astray}"
            err.print(said, style="red", markup=False, soft_wrap=True)
        elif self.played == ways.count:
            out.print("Each was played through the engine.", soft_wrap=True)
        else:
            out.print(
                f"{self.played} of them, spread evenly, were played through the engine.",
                soft_wrap=True,
            )
        out.print("Answers that no condition tells apart count as one.", soft_wrap=True)
        flow = ways.flow
        if flow.shuffles or any(question.randomize for question in flow.questions):
            out.print("What is left to chance stands as it is written.", soft_wrap=True)
        out.print()

    def _ending(self, ending: Ending) -> str:
        if ending.question is None:
            return "finished"
        question = self.ways.flow.by_name[ending.question]
        words = "screened out after" if ending.kind == "screened_out" else "STUCK at"
        return f"{words} {question.number} {question.name}"

    def _show_lengths(self) -> None:
        if not self.talks:
            out.print("No way is ever finished: look at `end_if`.", style="red")
            return
        rates = self.survey.settings.rates
        columns = ["finished", "questions", "messages in", "out", "minutes"]
        rows: list[list[Any]] = []
        for name, talk in self.talks.items():
            row: list[Any] = [name, talk.questions, talk.received, talk.sent]
            row.append(f"{talk.seconds / 60:.1f}")
            if rates is not None:
                row.append(money(self._price(talk) or Decimal(0), rates, fine=True))
            rows.append(row)
        if rates is not None:
            columns.append("cost")
        out.print(table("How long they are", columns, rows))
        pace = self.survey.settings.pace
        out.print(
            f"Minutes: {pace.words_per_minute:g} words a minute, {pace.seconds_per_answer:g}"
            f" seconds for an answer, {pace.seconds_per_text:g} for one in own words (`pace` in"
            f" survey.yaml). {self._compared()}",
            soft_wrap=True,
        )

    def _compared(self) -> str:
        said = self.ways.flow.minutes
        limits = [float(one) for one in re.findall(r"\d+(?:\.\d+)?", said.replace(",", "."))]
        minutes = self.talks["typical"].seconds / 60
        if not limits:
            return f"The flow's `minutes` says {said!r}."
        fits = min(limits) - 1 <= minutes <= max(limits) + 1
        verdict = "which fits" if fits else f"but a typical interview takes about {minutes:.0f}"
        return f"The flow's `minutes` says {said}, {verdict}."

    def _line(self, way: Way) -> str:
        ending = self._ending(way.ending)
        return " → ".join([*map(_answered, way.asked), ending])


def _read(survey: Survey, group: str, listed: int) -> _Group:
    from bot.flow.rehearsal.ways import Ways

    ways = Ways(survey, group)
    played, astray = 0, ""
    try:
        most = min(PLAYED_AT_MOST, 1 + ANSWERS_AT_MOST // max(1, len(ways.flow.asked)))
        for way in ways.spread(most):
            ways.play(way)
            played += 1
        talks = (
            {"shortest": ways.play(ways.way("shortest"))}
            | {"typical": ways.play(ways.way("typical"))}
            | {"longest": ways.play(ways.way("longest"))}
            if ways.finished
            else {}
        )
    except RuntimeError as error:
        astray, talks = str(error), {}
    return _Group(survey, group, ways, played, talks, list(ways.spread(listed)), astray)


def _many(count: int, word: str) -> str:
    return f"{number(count)} {word}{'' if count == 1 else 's'}"


def _span(least: int, most: int) -> str:
    return str(least) if least == most else f"{least}–{most}"


def _answered(asked: Asked) -> str:
    """Return one answer of a way: which of them lead along it, where others lead elsewhere."""
    if not asked.decides:
        return asked.question.name
    return f"{asked.question.name} {' / '.join(_in_order(asked.answers))}"


def _in_order(answers: Sequence[Answer | None]) -> list[str]:
    """Return answers as words, numbers that follow each other as "17–120"."""
    numbers = sorted(one for one in answers if isinstance(one, int))
    runs: list[list[int]] = []
    for one in numbers:
        if runs and runs[-1][-1] == one - 1:
            runs[-1].append(one)
        else:
            runs.append([one])
    words = [_span(run[0], run[-1]) for run in runs]
    words += sorted(_word(one) for one in answers if one is not None and not isinstance(one, int))
    words += ["(left out)"] if None in answers else []
    more = len(words) - _SHOWN
    return [*words[:_SHOWN], f"{more} more"] if more > 0 else words


def _word(answer: Answer) -> str:
    from bot.flow.rehearsal.answers_to_try import WORDS

    if answer == WORDS:
        return "(other words)"
    return "+".join(answer) if isinstance(answer, tuple) else str(answer)
