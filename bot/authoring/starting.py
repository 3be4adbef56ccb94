"""A new survey to start from: settings to fill in, and two questions that already work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from bot.authoring.folder import GROUP, LABEL, Model, shared_text
from bot.authoring.settings_file import in_words, settings_text
from bot.authoring.yamltext import inline, one_text
from bot.flow.source import FlowError, Problem

FLOW = "kuesioner"

_CHOICES: tuple[Mapping[str, str], ...] = (
    {"id": "Sangat tidak puas", "en": "Very dissatisfied"},
    {"id": "Tidak puas", "en": "Dissatisfied"},
    {"id": "Puas", "en": "Satisfied"},
    {"id": "Sangat puas", "en": "Very satisfied"},
)
_SATISFIED = {
    "id": "Seberapa puas Bapak/Ibu dengan layanan {{instansi}}?",
    "en": "How satisfied are you with the service of {{instansi}}?",
}
_SUGGESTION = {
    "id": "Adakah saran untuk kami? Bila tidak ada, balas *lewati*.",
    "en": "Do you have a suggestion for us? If not, reply *skip*.",
}

_SETTINGS_HEAD = """\
# Settings of the survey. What stands in [square brackets] is yours to fill in.
# Every key, with an example: flows/README.md.
"""
_FLOW = """\
# The questions, in the order in which they are asked. These two are examples: write your own in
# their place. Every key, with an example: flows/README.md.

kind: flow
name: {name}
title: {title}
minutes: "1"                      # how long it takes; people are told so

questions:

  - name: layanan                 # small letters, digits and _; a column of the results
    type: select_one              # one choice
    label:
{satisfied}
    choices: PUAS                 # a list of shared.yaml

  - name: saran
    type: text                    # words of one's own
    label:
{suggestion}
    required: false               # may be left out
"""


def model_languages(model: Model, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the languages of a new survey, the default first: all of the model's if none is named.

    Raises FlowError for one in which the model's messages are not complete.
    """
    known = model.languages() - {"*"}
    every = [code for code in model.settings.languages if code in known]
    unknown = [code for code in wanted if code not in known]
    if unknown:
        what = f"the messages are not there in `{'`, `'.join(unknown)}`"
        fix = f"take some of `{', '.join(every)}` and add the others with `tautan translate` later"
        raise FlowError([Problem("messages.yaml", 1, 1, what, fix)])
    return tuple(dict.fromkeys(wanted)) or tuple(every)


def start_folder(
    name: str,
    model: Model,
    languages: Sequence[str],
    titles: Mapping[str, str],
    group: str,
    today: date,
) -> dict[str, str]:
    """Return the files of a new survey by name.

    `titles` may lack languages: those get a title in brackets, to be filled in as the rest.
    """
    title = {code: titles.get(code, "[TITLE OF THE SURVEY]") for code in languages}
    if "id" in languages:
        title["id"] = titles.get("id", "[JUDUL SURVEI]")
    settings = settings_text(
        name=name,
        title=title,
        languages=languages,
        group=group,
        flow=FLOW,
        label=_group_label(group, languages),
        reasons=tuple(model.messages.messages.alasan),
        texts=tuple(model.settings.texts),
        today=today,
    )
    scale = [
        {"name": str(number), "label": in_words(languages, words, f"[{number}]")}
        for number, words in enumerate(_CHOICES, 1)
    ]
    flow = _FLOW.format(
        name=FLOW,
        title=inline(title),
        satisfied=_lines(in_words(languages, _SATISFIED, "[QUESTION]")),
        suggestion=_lines(in_words(languages, _SUGGESTION, "[QUESTION]")),
    )
    return {
        "survey.yaml": _SETTINGS_HEAD + settings,
        f"{FLOW}.yaml": flow,
        "shared.yaml": shared_text(model, languages, {"PUAS": {"choices": scale}}),
        "messages.yaml": model.messages_text,
    }


def _group_label(group: str, languages: Sequence[str]) -> dict[str, str]:
    """Return how a group is called in reports: its own name, until the owner says it better."""
    own = group.replace("_", " ").capitalize()
    return in_words(languages, LABEL, own) if group == GROUP else dict.fromkeys(languages, own)


def _lines(texts: Mapping[str, str]) -> str:
    return "\n".join(f"      {code}: {one_text(text)}" for code, text in texts.items())
