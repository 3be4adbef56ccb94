"""Reading a survey: the text of its files in, a compiled `Survey` or all problems at once out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from bot.flow.compile.survey import compile_survey
from bot.flow.compile.words import template_names
from bot.flow.media import FOLDER, media_of
from bot.flow.schema.files import AnyFile, read_part
from bot.flow.schema.flow_file import FlowFile
from bot.flow.schema.messages_file import MessagesFile
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile, WeekPart
from bot.flow.source import FlowError, Problem, Source, read_source
from bot.flow.survey import Survey

SETTINGS_FILE = "survey.yaml"
"""The file with the settings, which are always current; all others make up a version."""


def load_survey(files: Mapping[str, str], *, older: bool = False) -> Survey:
    """Compile a survey from its files, by file name. Raises FlowError with every problem found.

    Only the YAML files at the top count, and of the folder `media` a line for each file (see
    `bot.flow.media`); transcripts in folders below are left alone. To use
    current settings with an older version of the questions, pass that mixture and `older`: groups
    and templates that the version does not know yet are then left out.
    """
    return _loaded(_counting(files), older)


def _counting(files: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, files[name]) for name in sorted(files) if _counts(name))


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The files of a survey as they are written, each with its places."""

    survey: tuple[Source, SurveyFile]
    messages: tuple[Source, MessagesFile]
    shared: tuple[Source, SharedFile] | None
    flows: list[tuple[Source, FlowFile]]


def load_parts(files: Mapping[str, str]) -> Parts:
    """Read a survey's files without compiling them. Raises FlowError with every problem found."""
    return _parts(_counting(files))


def _counts(name: str) -> bool:
    return name.startswith(FOLDER) or ("/" not in name and name.endswith((".yaml", ".yml")))


@lru_cache(maxsize=16)
def _loaded(files: tuple[tuple[str, str], ...], older: bool) -> Survey:
    """Compile once what was compiled before: a survey never changes."""
    parts = _parts(files)
    survey = parts.survey
    if older:
        flows = [part for _, part in parts.flows]
        survey = (survey[0], _known_to(survey[1], parts.messages[1], flows))
    media = media_of(dict(files))
    return compile_survey(
        survey, parts.messages, parts.shared, parts.flows, older=older, media=media
    )


def _parts(files: tuple[tuple[str, str], ...]) -> Parts:
    problems: list[Problem] = []
    parts: list[tuple[Source, AnyFile]] = []
    for name, text in files:
        if name.startswith(FOLDER):
            continue
        try:
            parts.append(_part(name, text))
        except FlowError as error:
            problems.extend(error.problems)
    if problems:
        raise FlowError(problems)
    survey = _only(parts, SurveyFile, "survey", problems)
    messages = _only(parts, MessagesFile, "messages", problems)
    shared = [(source, part) for source, part in parts if isinstance(part, SharedFile)]
    flows = [(source, part) for source, part in parts if isinstance(part, FlowFile)]
    for source, _ in shared[1:]:
        problems.append(
            source.problem(
                ("kind",), "a second `kind: shared`", "join the two", rule="duplicate-file"
            )
        )
    if not flows and (survey is None or survey[1].mode != "official-support"):
        problems.append(
            Problem(
                SETTINGS_FILE, 1, 1, "no flow", "add a file with `kind: flow`", rule="missing-file"
            )
        )
    if problems or survey is None or messages is None:
        raise FlowError(problems)
    return Parts(survey, messages, shared[0] if shared else None, flows)


@lru_cache(maxsize=64)
def _part(name: str, text: str) -> tuple[Source, AnyFile]:
    """Read once what many editions share: most change one file."""
    source = read_source(name, text)
    return source, read_part(source)


def _known_to(part: SurveyFile, messages: MessagesFile, flows: list[FlowFile]) -> SurveyFile:
    """Return the settings without what came later than these messages and flows."""
    names = {flow.name for flow in flows}
    reasons = messages.messages.alasan
    templates = template_names(messages)
    groups = {
        name: group
        for name, group in part.groups.items()
        if (group.flow is None or group.flow in names) and group.reason in reasons
    }
    return part.model_copy(
        update={
            "groups": groups,
            "hours": _of_groups(part.hours, groups),
            "seasons": tuple(
                one.model_copy(update={"hours": _of_groups(one.hours, groups)})
                for one in part.seasons
            ),
            "plan": part.plan.model_copy(
                update={"groups": {k: v for k, v in part.plan.groups.items() if k in groups}}
            ),
            "templates": {k: v for k, v in part.templates.items() if k in templates},
        }
    )


def _of_groups(hours: Mapping[str, WeekPart], groups: Mapping[str, object]) -> dict[str, WeekPart]:
    return {name: week for name, week in hours.items() if name == "default" or name in groups}


_Part = TypeVar("_Part", SurveyFile, MessagesFile)


def _only(
    parts: list[tuple[Source, AnyFile]], model: type[_Part], kind: str, problems: list[Problem]
) -> tuple[Source, _Part] | None:
    """Return the one file of a kind, or say that there is none or more than one."""
    found = [(source, part) for source, part in parts if isinstance(part, model)]
    if not found:
        file = f"{kind}.yaml"
        problems.append(
            Problem(file, 1, 1, f"no file with `kind: {kind}`", f"add {file}", rule="missing-file")
        )
        return None
    for source, _ in found[1:]:
        problems.append(
            source.problem(
                ("kind",), f"a second `kind: {kind}`", "keep one of them", rule="duplicate-file"
            )
        )
    return found[0]
