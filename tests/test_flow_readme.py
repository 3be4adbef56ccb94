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
from bot.flow.schema import KINDS, MessagesPart, QuestionPart, SurveyFile
from bot.flow.source import read_source
from bot.flow.transcript import Transcript, play, read_transcript, rewrite
from tests.surveys import BUNDLED, bundled, bundled_files

README = (BUNDLED.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)
SPANS = re.findall(r"`([^`\n]+)`", PROSE)

# Questions that examples speak of without writing them.
BEFORE = """\
- {name: tgs_01, type: select_one, label: {id: Seberapa sering?, en: How often?}, choices: F5N}
- {name: sar_01, type: select_one, label: {id: Kerja di sini?, en: Working here?}, choices: YA_P}
"""


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield every model that an annotation means, and those within it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for part in typing.get_args(annotation):
        yield from models_in(part)


MODELS = list(dict.fromkeys(one for kind in KINDS.values() for one in models_in(kind)))
TRANSCRIPT = list(dict.fromkeys(models_in(Transcript)))


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


EXAMPLES = sorted({span for span in SPANS if re.fullmatch(r"\w+: (?!.*\.\.\.)[^…]+", span)})


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


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][:40])
def test_every_block_works(block: str) -> None:
    transcript = isinstance(yaml.load(block, Loader=yaml.CBaseLoader), dict) and "script:" in block
    if transcript:
        # Without the bot's lines, as one writes it first: they are filled in.
        played = play(bundled(), read_transcript("README.md", block), as_text)
        whole = rewrite(block, played)
        assert play(bundled(), read_transcript("README.md", whole), as_text).passed
        wanted = read_transcript("README.md", block).end
        assert wanted is not None
        assert (wanted.status, played.end["answers"]) == (played.end["status"], {})
        return
    files = with_block(block)
    assert [str(one) for one in lint(files) if one.severity == "error"] == []


def with_block(block: str) -> dict[str, str]:
    """Return the bundled survey with what a block shows."""
    files = bundled_files()
    data = yaml.load(block, Loader=yaml.CBaseLoader)
    if isinstance(data, list):
        names = {item.get("name") for item in data}
        before = [one for one in yaml.load(BEFORE, yaml.CBaseLoader) if one["name"] not in names]
        return merged(files, "internal.yaml", {"questions": [*before, *data]})
    if data.get("kind") == "flow":
        return files | {"internal.yaml": block}
    if "kind" in data:
        return merged(files, f"{data['kind']}.yaml", data)
    if set(data) <= set(SurveyFile.model_fields):
        return merged(files, "survey.yaml", data)
    keys = {
        name for model in MODELS if issubclass(model, QuestionPart) for name in model.model_fields
    }
    assert set(data) <= keys
    question = {"name": "contoh", "type": "text", "label": {"id": "Contoh?", "en": "Example?"}}
    if isinstance(data.get("label"), str):
        files = merged(files, "survey.yaml", {"languages": ["id"]})
    return merged(files, "internal.yaml", {"questions": [question | data]})


def merged(files: Mapping[str, str], name: str, data: Mapping[str, Any]) -> dict[str, str]:
    """Return the files with this added to one of them, its tables joined."""
    old = read_source(name, files[name]).data
    return {**files, name: yaml.safe_dump(joined(old, data), allow_unicode=True, sort_keys=False)}


def joined(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{key: joined(old.get(key), value) for key, value in new.items()}}
    return new
