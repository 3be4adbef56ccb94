"""A whole survey folder around the questions of a form, with sensible settings to fill in."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

from bot.authoring.importing import Imported, import_form
from bot.authoring.remarks import Remark
from bot.authoring.xlsforms import Form, language_name
from bot.authoring.yamltext import inline, one_text, write
from bot.flow.media import yaml_files
from bot.flow.schema import MessagePart, MessagesFile, SharedFile, SurveyFile, read_part
from bot.flow.source import FlowError, Problem, read_source
from bot.flow.wording import FILLED_ALWAYS

GROUP = "responden"
_OPENS_IN = timedelta(days=30)
_OPEN_FOR = timedelta(days=27)

_TO_FILL_IN: Mapping[str, Mapping[str, str]] = {
    "instansi": {"id": "[NAMA INSTANSI]", "en": "[NAME OF THE INSTITUTION]"},
    "penyelenggara": {"id": "[NAMA PENYELENGGARA]", "en": "[WHO HOLDS THE SURVEY]"},
    "kontak_luar": {"id": "[PIHAK LUAR DAN NOMORNYA]", "en": "[SOMEBODY OUTSIDE, WITH NUMBER]"},
}
_LABEL = {"id": "Responden", "en": "Respondents"}
_SOURCE = {"id": "[DAFTAR ASAL NOMOR]", "en": "[THE LIST THAT NUMBERS ARE FROM]"}

_SETTINGS = """\
# Settings of the survey. What stands in [square brackets] is yours to fill in.
# Made of {form} by `tautan flow import`; see {report} for what could not be taken over.

kind: survey
name: {name}
mode: own                         # or owner, official-support: see flows/README.md
title: {title}
languages: {languages}
default_language: {default}
language_names: {language_names}
zone: Asia/Jakarta                # WITA is Asia/Makassar, WIT Asia/Jayapura
opens: {opens}
closes: {closes}                # the last day, until midnight
once_per: survey                  # one interview for each person

groups:
  {group}:
    flow: {flow}
    label: {label}
    reason: {reason}
    source: {source}

# Your words in messages and questions.
texts:
{texts}

anonymity: {{k: 10, wait_hours: 48}}

# When first contacts and reminders may go out, local time. Replies go out at any hour.
hours:
  default:
    mon: ["08:30-11:45", "13:15-16:00"]
    tue: ["08:30-11:45", "13:15-16:00"]
    wed: ["08:30-11:45", "13:15-16:00"]
    thu: ["08:30-11:45", "13:15-16:00"]
    fri: ["08:30-11:00", "14:00-16:00"]

holidays: {{calendar: ID}}
"""


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
    languages = made.languages
    owners = {
        key: _in(languages, _TO_FILL_IN[key], "…") if key in _TO_FILL_IN else f"[{key.upper()}]"
        for key in model.settings.texts
    }
    return _SETTINGS.format(
        form=form.name,
        report=report,
        name=name,
        title=inline(_plain(made.title)),
        languages=inline(languages),
        default=languages[0],
        language_names=inline({code: language_name(code) for code in languages}),
        opens=(today + _OPENS_IN).isoformat(),
        closes=(today + _OPENS_IN + _OPEN_FOR).isoformat(),
        group=GROUP,
        flow=flow,
        label=inline(_in(languages, _LABEL, "Responden")),
        reason=next(iter(model.messages.messages.alasan)),
        source=inline(_in(languages, _SOURCE, "[SOURCE]")),
        texts="\n".join(f"  {one_text(key)}: {inline(text)}" for key, text in owners.items()),
    )


def _plain(texts: Mapping[str, str]) -> dict[str, str]:
    """Return texts on one line each."""
    return {code: " ".join(text.split()) for code, text in texts.items()}


def _in(languages: Collection[str], words: Mapping[str, str], instead: str) -> dict[str, str]:
    return {code: words.get(code, instead) for code in languages}


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
    na = model.na()
    known = {*form.languages.values()}
    content: dict[str, Any] = {
        "kind": "shared",
        "na": {
            key: {
                "name": number,
                "label": {code: text for code, text in na[key].items() if code in known},
            }
            for key, number in (("dont_know", "0"), ("refuse", "9"))
        },
    }
    if made.lists:
        content["choice_lists"] = {one.name: {"choices": one.choices} for one in made.lists}
    return "# Choice lists, and the two ways of not answering.\n\n" + write(content)
