"""Rules about names: what nothing uses, what a survey must not be called."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.flow.lint.subject import Subject
from bot.flow.source import Path, Problem

_OFFICIAL = re.compile(
    r"\b(SPI|KPK|Survei Penilaian Integritas|Komisi Pemberantasan Korupsi)\b", re.IGNORECASE
)


def unused(subject: Subject) -> Iterator[Problem]:
    """Find choice lists and blocks that nothing takes, and flows that no group is asked."""
    places = [place for flow in subject.survey.flows for place in subject.places(flow)]
    used = {place.list_name for place in places}
    if subject.shared is not None:
        source, shared = subject.shared
        for name in shared.choice_lists:
            if name not in used:
                what, path = f"no question takes the list `{name}`", ("choice_lists", name)
                fix = f"write `choices: {name}` at a question, or remove it"
                yield source.problem(path, what, fix, rule="unused-list", at_key=True)
        for name in shared.blocks:
            if not any(
                place.source is source and place.path[:2] == ("blocks", name) for place in places
            ):
                what, path = f"no flow takes the block `{name}`", ("blocks", name)
                fix = f"write `- block: {name}` among its questions, or remove it"
                yield source.problem(path, what, fix, rule="unused-block", at_key=True)
    asked = {group.flow for group in subject.survey.settings.groups.values()}
    for name, (source, _) in subject.flows.items():
        if name not in asked:
            fix = f"write `flow: {name}` at a group of survey.yaml, or remove the file"
            what = f"no group is asked the flow `{name}`"
            yield source.problem(("name",), what, fix, rule="unused-flow")


def official_name(subject: Subject) -> Iterator[Problem]:
    """Find a survey of one's own that borrows the name of the official one."""
    source, part = subject.settings
    if part.mode != "own":
        return
    named: list[tuple[Path, str]] = [(("name",), part.name.replace("_", " "))]
    named += [(("title", code), title) for code, title in part.title.items()]
    for path, text in named:
        if found := _OFFICIAL.search(text):
            what = f"a survey of one's own that calls itself {found[0]}: people take it for KPK's"
            fix = "choose another name, or write `mode: owner` if it is the official one"
            yield source.problem(path, what, fix, rule="official-name")
