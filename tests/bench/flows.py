"""`make bench ARGS=flows`: reading and checking a large survey, and a step beside a look-up.

The large survey is the bundled one with 300 questions in four languages in place of its first flow,
with conditions as long questionnaires have them. Beside it, in the same run: PyYAML's own parser on
the same files, below which no reader that keeps places can come. All times are the processor's.
"""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from rich.console import Console
from rich.table import Table

from bot.flow.engine import begin, step
from bot.flow.lint import lint
from bot.flow.load import load_survey
from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.flow.turn import Context, Open, Reply

ROOT = Path(__file__).parent.parent.parent
BUNDLED = ROOT / "flows" / "integritas"
LANGUAGES = ("id", "en", "bjn", "jv")
QUESTIONS = 300
READ_WITHIN = 1.0  # seconds, with the linter
STEP_WITHIN = 100e-6  # seconds
ROUNDS = 5
out = Console()


def files() -> dict[str, str]:
    """Return the bundled survey with one flow of 300 questions, all in four languages."""
    made = {path.name: path.read_text(encoding="utf-8") for path in BUNDLED.glob("*.yaml")}
    spoken = f"languages: [{', '.join(LANGUAGES)}]"
    made["survey.yaml"] = made["survey.yaml"].replace("languages: [id, en]", spoken)
    made = {name: _translated(text) for name, text in made.items()}
    made["internal.yaml"] = _HEAD + "".join(_question(number) for number in range(QUESTIONS))
    return made


def _translated(text: str) -> str:
    """Say in the other languages what is said in English; drafts that are there make way."""
    data = yaml.load(text, Loader=yaml.CBaseLoader)
    return yaml.dump(_said(data), Dumper=yaml.CSafeDumper, allow_unicode=True, sort_keys=False)


def _said(data: Any) -> Any:
    if isinstance(data, list):
        return [_said(one) for one in data]
    if not isinstance(data, dict):
        return data
    found = {key: _said(value) for key, value in data.items()}
    if {"id", "en"} <= found.keys():
        others = {code: _other(found["en"], code) for code in LANGUAGES[2:]}
        found = {**found, **others}
    return found


def _other(words: Any, code: str) -> Any:
    """Return words that are not the same as the English ones, placeholders left as they are."""
    if isinstance(words, list):
        return [_other(one, code) for one in words]
    return re.sub(r"\.$", f" ({code}).", words) if words.endswith(".") else words


_HEAD = """\
kind: flow
name: internal
title: {id: Panjang, en: Long, bjn: Panjang, jv: Dawa}
minutes: "90"
questions:
"""


def _question(number: int) -> str:
    words = f"Pertanyaan {number}, kira-kira sepanjang pertanyaan yang biasa?"
    section = number - number % 10
    lines = [f"name: q{number}", f"label: {_texts(words)}"]
    match number % 10:
        case 0:
            lines += ["type: select_one", "choices: YA_P"]
        case 3:
            lines += ["type: integer", "min: 0", "max: 120", f"relevant: q{section} == '1'"]
        case 6:
            choices = [
                f'{{name: "{one}", label: {_texts(f"Pilihan {one}")}}}' for one in range(1, 7)
            ]
            lines += ["type: select_multiple", f"choices: [{', '.join(choices)}]", "max_choices: 3"]
        case 7:
            lines += ["type: text", "required: false", f"relevant: \"'6' in q{section + 6}\""]
        case 9:
            adult = f"q{section + 3} is not none and q{section + 3} >= 17"
            either = f"{adult} or q{section + 5} in ['4', '5']"
            lines += ["type: select_one", "choices: F5N", f'relevant: "{either}"']
        case _:
            scale = "F5P" if number % 2 else "F5N"
            lines += ["type: select_one", f"choices: {scale}", "scored: true", "dimension: TGS"]
    return "  - " + "\n    ".join(lines) + "\n"


def _texts(words: str) -> str:
    return "{" + ", ".join(f'{code}: "{words} ({code})"' for code in LANGUAGES) + "}"


def flows() -> bool:
    """Print both tables; return whether the targets are met."""
    read = _reading()
    moved = _steps()
    return read and moved


def _best(run: Callable[[], object], *, rounds: int = ROUNDS) -> float:
    """Return the shortest of several times in seconds; the others were the machine's."""
    times = []
    for _ in range(rounds):
        gc.collect()
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def _reading() -> bool:
    """Measure in processes of their own: a process reads and compiles the same thing once."""
    runs = [_in_a_process() for _ in range(ROUNDS)]
    bare, loaded, checked = (min(times) for times in zip(*runs, strict=True))
    size = sum(map(len, files().values()))
    title = f"{QUESTIONS} questions in {len(LANGUAGES)} languages, {size / 1000:,.0f} kB"
    table = Table("what", "ms", "of bare", title=title, title_justify="left")
    for name, seconds in (
        ("yaml.parse alone (libyaml)", bare),
        ("read and compiled", loaded),
        ("read, compiled and linted", checked),
    ):
        table.add_row(name, f"{seconds * 1000:,.0f}", f"{seconds / bare:.1f}")
    out.print(table)
    met = checked < READ_WITHIN
    out.print("target met" if met else f"TARGET MISSED: under {READ_WITHIN:g} s")
    return met


def _in_a_process() -> tuple[float, float, float]:
    """Return the seconds of a fresh process: to parse, to compile, and to check as well."""
    command = [sys.executable, "-m", "tests.bench.flows"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    bare, loaded, checked = map(float, done.stdout.split())
    return bare, loaded, checked


def _read_once() -> None:
    """Print those times of this process. Modules are imported, nothing else is done before."""
    made = files()
    start = time.process_time()
    for text in made.values():
        for _ in yaml.parse(text, Loader=yaml.CBaseLoader):
            pass
    parsed = time.process_time()
    load_survey(made)
    loaded = time.process_time()
    wrong = [str(one) for one in lint(made)]
    checked = time.process_time()
    if wrong:
        raise SystemExit("\n".join(wrong))
    sys.stdout.write(f"{parsed - start} {loaded - parsed} {checked - parsed}\n")


def _steps() -> bool:
    """Measure a step of each bundled flow, an answer to a question in its middle."""
    survey = load_survey({p.name: p.read_text(encoding="utf-8") for p in BUNDLED.glob("*.yaml")})
    answers: Mapping[str, str] = {f"q{number}": str(number) for number in range(100)}
    number = 20_000

    def look() -> None:
        for _ in range(number):
            answers["q50"]

    bare = _best(look) / number
    table = Table("flow", "a step, µs", "look-ups", title="A step", title_justify="left")
    table.add_row("a bare look-up in a dict", f"{bare * 1e6:.3f}", "1")
    met = True
    for group in survey.groups:
        seconds = _step(survey, group)
        table.add_row(group, f"{seconds * 1e6:.1f}", f"{seconds / bare:,.0f}")
        met &= seconds < STEP_WITHIN
    out.print(table)
    out.print("target met" if met else f"TARGET MISSED: under {STEP_WITHIN * 1e6:g} µs")
    return met


def _step(survey: Survey, group: str) -> float:
    """Return the mean time of a step over one whole interview, at best, in seconds."""
    flow = survey.for_group(group)
    plan = survey.settings.plan(group)
    context = Context(
        now=plan.opens,
        zone=ZoneInfo("Asia/Jakarta"),
        plan=plan,
        texts=survey.settings.texts,
        min_answer_seconds=0,
    )
    state = step(flow, begin(flow, context, language="id"), Open(), context).state
    turns: list[tuple[State, Reply]] = []
    state = step(flow, state, Reply(text="setuju"), context).state
    while state.status is Status.ASKING:
        reply = Reply(text="3" if not flow.by_name[state.question or ""].own_words else "Tidak ada")
        after = step(flow, state, reply, context).state
        if after.question == state.question:
            reply = Reply(text="1")
            after = step(flow, state, reply, context).state
        turns.append((state, reply))
        state = after

    def whole() -> None:
        for before, said in turns:
            step(flow, before, said, context)

    return _best(whole, rounds=200) / len(turns)


if __name__ == "__main__":
    _read_once()
