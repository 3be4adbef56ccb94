"""The shape of shared.yaml: choice lists and the ways to say that one does not know."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from bot.flow.schema.flow_file import AnyItem, ChoicePart
from bot.flow.schema.parts import ChoiceName, Identifier, Part, Texts


class NaPart(Part):
    dont_know: ChoicePart
    refuse: ChoicePart


class ChoiceListPart(Part):
    good: ChoiceName | None = None
    choices: Annotated[tuple[ChoicePart, ...], Field(min_length=2)]


class OtherPart(Part):
    """The words of `or_other`: the choice, and the question that follows it."""

    label: Texts
    question: Texts


class SharedFile(Part):
    """What several flows share: scales, "don't know", blocks, areas, rules for the results."""

    kind: Literal["shared"]
    na: NaPart | None = None
    other: OtherPart | None = None
    choice_lists: dict[str, ChoiceListPart] = {}
    blocks: dict[Identifier, Annotated[tuple[AnyItem, ...], Field(min_length=1)]] = {}
    dimensions: dict[str, Texts] = {}
    indicators: dict[str, Texts] = {}
    scoring: dict[str, Any] = {}
    categories: dict[str, Any] = {}
