"""A whole survey folder around the questions of a form, with sensible settings to fill in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from bot.authoring.settings_file import in_words, settings_text
from bot.authoring.xlsform.importing import Imported, import_form
from bot.authoring.xlsform.remarks import Remark
from bot.authoring.xlsform.rows import Form
from bot.authoring.yamltext import write
from bot.flow.media import yaml_files
from bot.flow.schema.files import read_part
from bot.flow.schema.messages_file import MessagePart, MessagesFile
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.source import FlowError, Problem, read_source
from bot.flow.wording import FILLED_ALWAYS

GROUP = "responden"
LABEL = {"id": "Responden", "en": "Respondents"}


@dataclass(frozen=True, slots=True)
class Model:
    """The survey whose messages, and words for "don't know", a new one takes over."""

    settings: SurveyFile
    messages: MessagesFile
    shared: SharedFile
    messages_text: str

    @classmethod
    def of(cls, files: Mapping[str, str]) -> Model:
        """Read the files of a survey. Raises FlowError."""
        texts = yaml_files(files)
        parts = {name: read_part(read_source(name, text)) for name, text in texts.items()}
        messages = _only(parts, MessagesFile, "messages")
        text = next(files[name] for name, part in parts.items() if part is messages)
        shared = next((one for one in parts.values() if isinstance(one, SharedFile)), None)
        return cls(
            _only(parts, SurveyFile, "survey"), messages, shared or SharedFile(kind="shared"), text
        )

    def languages(self) -> set[str]:
        """Return the languages in which every message is there."""
        spoken = [set(self.settings.languages) | {"*"}]
        for name in type(self.messages.messages).model_fields:
            part = getattr(self.messages.messages, name)
            if isinstance(part, MessagePart):
                spoken.append(set(part.texts))
        every = set.union(*spoken)
        return {code for code in every if all(code in one or "*" in one for one in spoken[1:])}

    def na(self) -> dict[str, dict[str, str]]:
        """Return the words for not answering, by `dont_know` and `refuse` and language."""
        if self.shared.na is None:
            return {
                "dont_know": {"id": "Tidak tahu", "en": "Don't know"},
                "refuse": {"id": "Tidak mau menjawab", "en": "Prefer not to say"},
            }
        return {
            "dont_know": dict(self.shared.na.dont_know.label),
            "refuse": dict(self.shared.na.refuse.label),
        }


_Part = TypeVar("_Part")


def _only(parts: Mapping[str, Any], kind: type[_Part], name: str) -> _Part:
    for part in parts.values():
        if isinstance(part, kind):
            return part
    raise FlowError([Problem(f"{name}.yaml", 1, 1, f"no file with `kind: {name}`")])


def spoken_languages(form: Form, wanted: Sequence[str], model: Model) -> tuple[str, ...]:
    """Return the languages that a form's survey can speak, the default first.

    Raises FlowError where there is none in which all messages are there.
    """
    languages = list(dict.fromkeys(form.languages.values()))
    languages = [code for code in wanted if code in languages] or languages
    known = model.languages()
    spoken = tuple(code for code in languages if code in known)
    if not spoken:
        theirs, ours = ", ".join(languages), ", ".join(sorted(known - {"*"}))
        what = f"the form is in `{theirs}`, and the messages are in `{ours}`"
        fix = "say --language, where its columns name none; or translate the messages first"
        raise FlowError([Problem(form.name, 1, 1, what, fix)])
    return spoken


def make_folder(
    form: Form, name: str, model: Model, languages: Sequence[str], today: date, report: str
) -> tuple[dict[str, str], tuple[Remark, ...]]:
    """Return the files of a survey by name, and what of the form is not in them as it was."""
    taken = FILLED_ALWAYS | set(model.settings.texts)
    made = import_form(form, languages, taken, model.na())
    flow = "kuesioner"
    return {
        "survey.yaml": _settings(form, made, name, flow, model, today, report),
        f"{flow}.yaml": _flow(form, made, flow),
        "shared.yaml": _shared(form, made, model),
        "messages.yaml": model.messages_text,
    }, made.remarks


def _settings(
    form: Form, made: Imported, name: str, flow: str, model: Model, today: date, report: str
) -> str:
    head = (
        "# Settings of the survey. What stands in [square brackets] is yours to fill in.\n"
        f"# Made of {form.name} by `tautan flow import`; see {report} for what could not be taken"
        " over.\n"
    )
    return head + settings_text(
        name=name,
        title=_plain(made.title),
        languages=made.languages,
        group=GROUP,
        flow=flow,
        label=in_words(made.languages, LABEL, "Responden"),
        reasons=tuple(model.messages.messages.alasan),
        texts=tuple(model.settings.texts),
        today=today,
    )


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts on one line each."""
    return {code: " ".join(text.split()) for code, text in texts.items()}


def _flow(form: Form, made: Imported, name: str) -> str:
    head = f"# Made of {form.name} by `tautan flow import`.\n\n"
    return head + write(
        {
            "kind": "flow",
            "name": name,
            "title": _plain(made.title),
            "minutes": made.minutes,
            "questions": made.items,
        }
    )


def _shared(form: Form, made: Imported, model: Model) -> str:
    lists = {one.name: {"choices": one.choices} for one in made.lists}
    return shared_text(model, {*form.languages.values()}, lists)


def shared_text(model: Model, languages: Collection[str], lists: Mapping[str, Any]) -> str:
    """Return shared.yaml: the model's words for not answering, and choice lists by name."""
    na = model.na()
    content: dict[str, Any] = {
        "kind": "shared",
        "na": {
            key: {
                "name": number,
                "label": {code: text for code, text in na[key].items() if code in languages},
            }
            for key, number in (("dont_know", "0"), ("refuse", "9"))
        },
    }
    if lists:
        content["choice_lists"] = lists
    return "# Choice lists, and the two ways of not answering.\n\n" + write(content)
