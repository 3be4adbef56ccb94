"""From what a flow file lists to its single questions: sections and blocks are taken apart here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.flow.chance import Shuffle
from bot.flow.choices import OTHER
from bot.flow.compile.checker import Checker
from bot.flow.expressions import names_in_braces, renamed, renamed_in_text, suggest
from bot.flow.question import Question
from bot.flow.schema.flow_file import (
    AnyItem,
    AnyQuestion,
    BlockPart,
    ChoicePart,
    FlowFile,
    SectionPart,
    SelectMultiplePart,
    SelectOnePart,
    TextPart,
)
from bot.flow.schema.shared_file import SharedFile
from bot.flow.source import Path, Source

_EXPRESSIONS = ("relevant", "constraint", "end_if", "choice_filter", "calculation")
_TEXTS = ("label", "hint", "constraint_message")

LONGEST_NAME = 48

_OTHER_LABEL = {"id": "Lainnya", "en": "Other"}
_OTHER_QUESTION = {"id": "Apa itu? Mohon disebutkan.", "en": "What else? Please say which."}


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the files."""

    source: Source
    path: Path


@dataclass(frozen=True, slots=True)
class Around:
    """A section as it is written, with its place and the sections around it, outermost first."""

    place: Place
    part: SectionPart
    outer: tuple[Around, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A question as it is written, with its place and the sections around it, outermost first.

    `together` is the same for neighbours that stay together when a section is shuffled: those of a
    block, and a question with the one that asks what "other" is.
    """

    place: Place
    part: AnyQuestion
    sections: tuple[Around, ...] = ()
    together: str = ""


@dataclass(slots=True)
class Sections:
    """Takes a flow apart, keeping what is wrong with its sections and blocks in the checker."""

    source: Source
    flow: FlowFile
    shared: tuple[Source, SharedFile]
    checker: Checker
    found: dict[str, Around] = field(default_factory=dict)

    def items(self) -> tuple[Item, ...]:
        """Return all questions in the order in which they are written."""
        listed = self._items(self.source, ("questions",), self.flow.questions, (), (), {}, "")
        return tuple(listed)

    def _items(
        self,
        source: Source,
        path: Path,
        parts: Sequence[AnyItem],
        sections: tuple[Around, ...],
        blocks: tuple[str, ...],
        names: Mapping[str, str],
        together: str,
    ) -> Iterator[Item]:
        """Yield questions; `blocks` are those that are being taken, `names` what they rename."""
        for index, written in enumerate(parts):
            place = Place(source, (*path, index))
            if isinstance(written, BlockPart):
                yield from self._block(place, written, sections, blocks, names, together)
                continue
            part = _renamed(written, names) if names else written
            if isinstance(part, SectionPart):
                section = Around(place, part, sections)
                self._know(section)
                inside = (*sections, section)
                yield from self._items(
                    source, (*place.path, "questions"), part.questions, inside, blocks, names, ""
                )
                continue
            yield Item(place, part, sections, together or part.name)
            if isinstance(part, SelectOnePart | SelectMultiplePart) and part.or_other:
                yield Item(place, self._other(place, part), sections, together or part.name)

    def _know(self, section: Around) -> None:
        name = section.part.name
        if name in self.found:
            self.checker.add(
                section.place.source,
                (*section.place.path, "name"),
                f"a second section `{name}`",
                "rename one",
                rule="duplicate-name",
            )
        self.found[name] = section

    def _block(
        self,
        place: Place,
        part: BlockPart,
        sections: tuple[Around, ...],
        blocks: tuple[str, ...],
        outer: Mapping[str, str],
        together: str,
    ) -> Iterator[Item]:
        shared, at = self.shared[1].blocks, (*place.path, "block")
        block = shared.get(part.block)
        if block is None:
            fix = suggest(part.block, shared) or "add `blocks:` to shared.yaml"
            what = f"no block `{part.block}`"
            self.checker.add(place.source, at, what, fix, rule="unknown-name")
            return
        if part.block in blocks:
            what = f"the block `{part.block}` takes itself"
            fix = "write the questions out"
            self.checker.add(place.source, at, what, fix, rule="block-in-itself")
            return
        names = {}
        for name in _names(block, shared, (part.block,)):
            new = part.prefix + name
            names[name] = outer.get(new, new)
            if len(names[name]) > LONGEST_NAME >= len(name):
                what = f"`{names[name]}` is longer than {LONGEST_NAME} letters"
                fix = "shorten the prefix"
                self.checker.add(place.source, place.path, what, fix, rule="wrong-value")
        yield from self._items(
            self.shared[0],
            ("blocks", part.block),
            block,
            sections,
            (*blocks, part.block),
            {name: new for name, new in names.items() if name != new},
            together or f"block {place.path}",
        )

    def _other(self, place: Place, part: SelectOnePart | SelectMultiplePart) -> TextPart:
        """Return the question that asks what "other" is."""
        several = isinstance(part, SelectMultiplePart)
        name = f"{part.name}_{OTHER}"
        if len(name) > LONGEST_NAME:
            what = f"`{name}`, which `or_other` adds, is longer than {LONGEST_NAME} letters"
            path: Path = (*place.path, "name")
            self.checker.add(place.source, path, what, "shorten the name", rule="wrong-value")
        return TextPart.model_construct(
            type="text",
            name=name,
            code=f"{part.code}_{OTHER}" if part.code else "",
            label=dict(self.other_words("question")),
            relevant=f"'{OTHER}' in {part.name}" if several else f"{part.name} == '{OTHER}'",
        )

    def other_words(self, which: str) -> Mapping[str, str]:
        """Return the words of the choice "other" (`label`), or of the `question` after it."""
        own = self.shared[1].other
        if own is not None:
            texts: dict[str, str] = getattr(own, which)
            return texts
        return _OTHER_LABEL if which == "label" else _OTHER_QUESTION

    # what is left to chance

    def shuffles(self, items: Sequence[Item], questions: Sequence[Question]) -> tuple[Shuffle, ...]:
        """Return what is shuffled, inner sections first; what cannot be goes to the checker."""
        found = [
            (len(section.outer), shuffle)
            for section in self.found.values()
            if section.part.randomize and (shuffle := self._within(section, items)) is not None
        ]
        found.sort(key=lambda one: -one[0])
        shuffles = [shuffle for _, shuffle in found]
        among = self._among(items)
        if among is not None:
            shuffles.append(among)
        for shuffle in shuffles:
            self._check_readers(shuffle, items, questions)
        return tuple(shuffles)

    def _within(self, section: Around, items: Sequence[Item]) -> Shuffle | None:
        """Return the places of a section's questions; notes at its head stay there."""
        depth = len(section.outer)
        inside = [index for index, item in enumerate(items) if _is_in(item, section)]
        parts: list[tuple[int, int]] = []
        before = ""
        for index in inside:
            item = items[index]
            deeper = item.sections[depth + 1 :]
            unit = f"section {deeper[0].part.name}" if deeper else item.together
            if item.part.type == "note" and not deeper:
                if parts:
                    what = "this note would lose its place among shuffled questions"
                    fix = "put it first in the section, or say it in a question"
                    self.checker.add(
                        item.place.source, item.place.path, what, fix, rule="random-order"
                    )
                continue
            if parts and unit == before:
                parts[-1] = (parts[-1][0], index + 1)
            else:
                parts.append((index, index + 1))
            before = unit
        return Shuffle(section.part.name, tuple(parts)) if len(parts) > 1 else None

    def _among(self, items: Sequence[Item]) -> Shuffle | None:
        """Return the places of the sections that exchange them."""
        parts: list[tuple[int, int]] = []
        around: set[str | None] = set()
        for index, name in enumerate(self.flow.random_sections):
            path: Path = ("random_sections", index)
            section = self.found.get(name)
            if section is None:
                fix = suggest(name, self.found)
                what = f"no section `{name}`"
                self.checker.add(self.source, path, what, fix, rule="unknown-name")
                continue
            around.add(section.outer[-1].part.name if section.outer else None)
            inside = [index for index, item in enumerate(items) if _is_in(item, section)]
            if not inside:
                continue  # of blocks that there are not
            if (inside[0], inside[-1] + 1) in parts or len(around) > 1:
                what = f"`{name}` stands twice, or in another section than the others"
                fix = "sections side by side can be exchanged"
                self.checker.add(self.source, path, what, fix, rule="random-order")
                continue
            parts.append((inside[0], inside[-1] + 1))
        if len(self.flow.random_sections) == 1:
            self.checker.add(
                self.source,
                ("random_sections",),
                "one section has no other order",
                "name two",
                rule="random-order",
            )
        return Shuffle("", tuple(sorted(parts))) if len(parts) > 1 else None

    def _check_readers(
        self, shuffle: Shuffle, items: Sequence[Item], questions: Sequence[Question]
    ) -> None:
        """Refuse what might read an answer that would be given later."""
        first, last = shuffle.parts[0][0], shuffle.parts[-1][1]
        places = {question.name: question.index for question in questions}
        for question in questions[first:last]:
            own = _part_of(shuffle, question.index)
            item = items[question.index]
            titles = (text for one in item.sections for text in (one.part.label or {}).values())
            for name in _all_reads(question).union(*map(names_in_braces, titles)):
                at = places.get(name, -1)
                other = _part_of(shuffle, at)
                if first <= at < last and own != other:
                    place = item.place
                    what = f"`{question.name}` reads `{name}`, but chance may ask it first"
                    fix = f"keep what reads `{name}` out of what is shuffled"
                    self.checker.add(place.source, place.path, what, fix, rule="random-order")


def _part_of(shuffle: Shuffle, index: int) -> int:
    """Return which part of a shuffle a position is in; -1 for what stands between."""
    return next((n for n, (start, end) in enumerate(shuffle.parts) if start <= index < end), -1)


def _all_reads(question: Question) -> set[str]:
    """Return all names that a question reads, in conditions and texts."""
    conditions = (
        *(question.relevant, question.constraint, question.end_if),
        *(question.choice_filter, question.calculation),
    )
    names = {name for one in conditions if one is not None for name in one.names}
    texts = [*question.label.values(), *(question.hint or {}).values()]
    texts += (question.constraint_message or {}).values()
    texts += (text for choice in question.choices for text in choice.label.values())
    for text in texts:
        names |= set(names_in_braces(text))
    return names - {question.name}


def _is_in(item: Item, section: Around) -> bool:
    return any(one.part.name == section.part.name for one in item.sections)


def _names(
    parts: Sequence[AnyItem], blocks: Mapping[str, Sequence[AnyItem]], taken: tuple[str, ...]
) -> Iterator[str]:
    """Yield the names of all questions and sections of a block, nested blocks' with prefixes."""
    for part in parts:
        if isinstance(part, BlockPart):
            if part.block in blocks and part.block not in taken:
                inner = _names(blocks[part.block], blocks, (*taken, part.block))
                yield from (part.prefix + name for name in inner)
            continue
        yield part.name
        if isinstance(part, SectionPart):
            yield from _names(part.questions, blocks, taken)
        elif isinstance(part, SelectOnePart | SelectMultiplePart) and part.or_other:
            yield f"{part.name}_{OTHER}"


def _renamed(
    part: AnyQuestion | SectionPart, names: Mapping[str, str]
) -> AnyQuestion | SectionPart:
    """Return a question or section of a block with the names of the block's questions changed."""
    changed: dict[str, Any] = {"name": names.get(part.name, part.name)}
    for key in _EXPRESSIONS:
        if (condition := getattr(part, key, None)) is not None:
            changed[key] = renamed(condition, names)
    for key in _TEXTS:
        if (texts := getattr(part, key, None)) is not None:
            changed[key] = {code: renamed_in_text(text, names) for code, text in texts.items()}
    choices = getattr(part, "choices", None)
    if isinstance(choices, tuple):
        changed["choices"] = tuple(_renamed_choice(choice, names) for choice in choices)
    return part.model_copy(update=changed)


def _renamed_choice(choice: ChoicePart, names: Mapping[str, str]) -> ChoicePart:
    label = {code: renamed_in_text(text, names) for code, text in choice.label.items()}
    return choice.model_copy(update={"label": label})
