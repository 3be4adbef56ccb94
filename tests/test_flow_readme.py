"""flows/README.md is whole and right: every key is named in it, and every example works."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pytest
import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from bot.channels.base import as_text
from bot.flow.lint import lint
from bot.flow.media import FOLDER, MediaFile
from bot.flow.rehearsal.rewriting import rewrite
from bot.flow.rehearsal.transcript import Transcript, play, read_transcript
from bot.flow.schema.files import KINDS
from bot.flow.schema.flow_file import FlowFile, QuestionPart
from bot.flow.schema.messages_file import MessagesPart
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.source import read_source
from tests.media_files import lines
from tests.surveys import BUNDLED, bundled, bundled_files

README = (BUNDLED.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)

# Files that examples speak of: what a survey's files have of the folder `media`.
PICTURE, RECORDING = ("image/png", 90_000), ("audio/ogg", 90_000)
MEDIA = lines(kartu_png=PICTURE, card_png=PICTURE) | {
    f"{FOLDER}kartu-{code}.ogg": MediaFile(f"kartu-{code}.ogg", *RECORDING, code * 32).line
    for code in ("id", "en")
}

# Questions that examples speak of without writing them.
BEFORE = """\
- {name: tgs_01, type: select_one, label: {id: Seberapa sering?, en: How often?}, choices: F5N}
- {name: sar_01, type: select_one, label: {id: Kerja di sini?, en: Working here?}, choices: YA_P}
"""


def models_in(annotation: Any, found: dict[type[BaseModel], None]) -> dict[type[BaseModel], None]:
    """Add every model that an annotation means, and those within it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in found:
            return found
        found[annotation] = None
        for field in annotation.model_fields.values():
            models_in(field.annotation, found)
    for part in typing.get_args(annotation):
        models_in(part, found)
    return found


MODELS = list(models_in(tuple[tuple(KINDS.values())], {}))  # type: ignore[misc]
TRANSCRIPT = list(models_in(Transcript, {}))


def fields() -> Iterator[tuple[type[BaseModel], str, FieldInfo]]:
    for model in (*MODELS, *TRANSCRIPT):
        for name, field in model.model_fields.items():
            yield model, name, field


@pytest.mark.parametrize("model", [*MODELS, *TRANSCRIPT], ids=lambda model: model.__name__)
def test_every_key_is_named(model: type[BaseModel]) -> None:
    words = {word for code in (*SPANS, *BLOCKS) for word in re.findall(r"\w+", code)}
    known = words
    if model is MessagesPart:  # one by one in the bundled file, each with a note on when it is said
        known = words | set(
            re.findall(r"^  (\w+):", bundled_files()["messages.yaml"], re.MULTILINE)
        )
    keys = set(model.model_fields) - ({"texts"} if "MessagePart" in model.__name__ else set())
    assert keys - known == set()


EXAMPLES = sorted(
    {span for span in SPANS if re.fullmatch(r"\w+: (?!.*(?:\.\.\.|\bNAME\b))[^…]+", span)}
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_in_a_table_may_stand_where_it_says(example: str) -> None:
    assert accepted(example), "no key of this name takes this value"


def accepted(example: str) -> bool:
    """Whether some key of this name takes this value."""
    ((name, value),) = read_source("README.md", f"{example}\n").data.items()
    for _, key, field in fields():
        if key != name:
            continue
        try:
            kind: Any = Annotated[field.annotation, *field.metadata, None]
            TypeAdapter(kind).validate_python(value)
        except ValidationError:
            continue
        return True
    return False


def test_a_wrong_example_would_be_found() -> None:
    assert not accepted("na: maybe")
    assert not accepted("min: few")
    assert not accepted("relevnt: x")
    assert len(EXAMPLES) > 40


CHAPTERS = {
    chapter.split("\n")[0]: found
    for chapter in re.split(r"^#{2,3} ", README, flags=re.MULTILINE)
    if (found := re.findall(r"```yaml\n(.*?)```", chapter, re.DOTALL))
}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_examples_of_a_chapter_work_together(chapter: str) -> None:
    for block in CHAPTERS[chapter]:
        data = read(block)
        if isinstance(data, dict) and "script" in data:
            check_transcript(block)
        elif isinstance(data, dict) and set(data) <= QUESTION:
            assert errors(with_question(data)) == []
    assert errors(example(chapter)) == []


def example(chapter: str) -> dict[str, str]:
    """Return a survey with all that a chapter shows besides transcripts and single keys."""
    files = bundled_files()
    for block in CHAPTERS[chapter]:
        data = read(block)
        alone = isinstance(data, dict) and ("script" in data or set(data) <= QUESTION)
        files = files if alone else with_block(files, data)
    return files


def errors(files: Mapping[str, str]) -> list[str]:
    found = lint({**MEDIA, **files})
    return [str(one) for one in found if one.severity == "error"]


def read(block: str) -> Any:
    return yaml.load(block, Loader=yaml.CBaseLoader)


def check_transcript(block: str) -> None:
    """Play it without the bot's lines, as one writes it first; they are then filled in."""
    read = read_transcript("README.md", block)
    played = play(bundled(), read, as_text)
    whole = rewrite(block, played)
    assert play(bundled(), read_transcript("README.md", whole), as_text).passed
    assert read.end is not None
    assert read.end.status == played.end["status"]


def with_block(files: Mapping[str, str], data: Any) -> dict[str, str]:
    """Return a survey that has what a block shows as well."""
    if isinstance(data, list):
        old = read_source("internal.yaml", files["internal.yaml"]).data["questions"]
        if old == read_source("internal.yaml", bundled_files()["internal.yaml"]).data["questions"]:
            names = {item.get("name") for item in data}
            old = [one for one in read(BEFORE) if one["name"] not in names]
        return merged(files, "internal.yaml", {"questions": [*old, *data]})
    if data.get("kind") == "flow":
        return merged(files, "internal.yaml", data)
    if "kind" in data:
        return merged(files, f"{data['kind']}.yaml", data)
    for name, model in (
        ("survey.yaml", SurveyFile),
        ("shared.yaml", SharedFile),
        ("internal.yaml", FlowFile),
    ):
        if set(data) <= set(model.model_fields):
            return merged(files, name, data)
    raise AssertionError(f"where does this belong? {list(data)}")


QUESTION = {
    name for model in MODELS if issubclass(model, QuestionPart) for name in model.model_fields
} - {"default"}


def with_question(data: Mapping[str, Any]) -> dict[str, str]:
    """Return a survey with a question that has these keys."""
    files = bundled_files()
    label = {"id": "Contoh?", "en": "Example?"}
    question = {"name": "contoh", "type": "text", "label": label, **data}
    if isinstance(data.get("label"), str):
        files = merged(files, "survey.yaml", {"languages": ["id"]})
    return merged(files, "internal.yaml", {"questions": [question]})


def merged(files: Mapping[str, str], name: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the files with this added to one of them, its tables joined."""
    old = read_source(name, files[name]).data
    return {**files, name: yaml.safe_dump(joined(old, data), allow_unicode=True, sort_keys=False)}


def joined(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: joined(old.get(key), value) for key, value in new.items()}}
    return new
