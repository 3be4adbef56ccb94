"""Pictures and recordings of questions: found, checked against WhatsApp's limits, or named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from bot.flow.compile.checker import Checker
from bot.flow.expressions import suggest
from bot.flow.media import FOLDER, MOST_BYTES, TYPES, MediaFile, MediaKind, QuestionMedia
from bot.flow.question import Question
from bot.flow.schema.flow_file import MediaPart
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.source import Path, Problem, Source
from bot.flow.survey import Survey
from bot.flow.words import Words

_NAMES: Mapping[MediaKind, str] = {
    "image": "a JPEG or PNG picture",
    "audio": "a recording in ogg (Opus), mp3, aac, m4a or amr",
}


def compile_media(
    source: Source, path: Path, part: MediaPart | None, checker: Checker
) -> QuestionMedia | None:
    """Return what goes with a question; what is wrong with it goes to the checker."""
    if part is None:
        return None
    default = checker.settings.default_language
    image = _files(source, path, "image", part.image, checker)
    audio = _files(source, path, "audio", part.audio, checker)
    # A picture that a language has none of its own for is shown as in the default one. A recording
    # in a language that somebody does not speak is no help.
    if default in image:
        image = dict.fromkeys(checker.settings.languages, image[default]) | image
    return QuestionMedia(image, audio)


def _files(
    source: Source, path: Path, kind: MediaKind, names: Mapping[str, str], checker: Checker
) -> dict[str, MediaFile]:
    files: dict[str, MediaFile] = {}
    for code, name in names.items():
        at = (*path, kind, code)
        if code != ANY_LANGUAGE and code not in checker.settings.languages:
            what = f"`{code}` is no language of this survey"
            fix = suggest(code, checker.settings.languages)
            checker.add(source, at, what, fix, at_key=True, rule="unknown-name")
        file = _file(source, at, kind, name, checker)
        if file is not None:
            files[checker.settings.default_language if code == ANY_LANGUAGE else code] = file
    return files


def _file(
    source: Source, path: Path, kind: MediaKind, name: str, checker: Checker
) -> MediaFile | None:
    file = checker.media.get(name)
    if file is None:
        fix = suggest(name, checker.media) or f"put it into the folder `{FOLDER}` beside this file"
        checker.add(source, path, f"there is no {FOLDER}{name}", fix, rule="media-missing")
        return None
    if file.type not in TYPES[kind]:
        what = f"{FOLDER}{name} is not {_NAMES[kind]}, whatever its name says"
        checker.add(source, path, what, "save it anew in one of these formats", rule="media-type")
    elif file.size > MOST_BYTES[kind]:
        most = MOST_BYTES[kind] // (1024 * 1024)
        what = f"{FOLDER}{name} has {file.size / 1024 / 1024:.1f} MB; WhatsApp takes {most}"
        fix = "make it smaller: phones pay for every megabyte"
        checker.add(source, path, what, fix, rule="media-too-large")
    return file


def check_media_words(
    messages: Source, words: Words, questions: Iterable[Question], checker: Checker
) -> None:
    """Check that what is said around recordings, and where files are the answers, is there."""
    why: dict[str, str] = {}
    for question in questions:
        if question.media is not None and question.media.audio:
            why |= dict.fromkeys(("audio_line", "audio_none"), "has a recording")
        if question.takes_file:
            names = (f"send_{question.type}", "wrong_file", "file_lost")
            why |= dict.fromkeys(names, "is answered with a file")
    for name, reason in why.items():
        if name not in words.messages:
            what = f"`{name}` is missing, and a question {reason}"
            fix = "see integritas/messages.yaml"
            checker.add(messages, ("messages",), what, fix, at_key=True, rule="media-words")


def used_media(survey: Survey) -> tuple[MediaFile, ...]:
    """Return every file that a question of a survey uses, once, by name."""
    found = {
        file.name: file
        for flow in survey.flows.values()
        for question in flow.questions
        if question.media is not None
        for file in (*question.media.image.values(), *question.media.audio.values())
    }
    return tuple(found[name] for name in sorted(found))


def media_advice(
    survey: Survey, files: Mapping[str, MediaFile], sources: Mapping[str, Source]
) -> Iterator[Problem]:
    """Find files that no question uses, and flows whose answers may show people."""
    used = {file.name for file in used_media(survey)}
    for name in sorted(files.keys() - used):
        what, fix = "no question uses this file", "remove it, or use it"
        yield Problem(FOLDER + name, 1, 1, what, fix, rule="unused-media")
    for flow in survey.flows.values():
        asked = next((question for question in flow.asked if question.takes_file), None)
        if asked is not None:
            what = "what people send may show who they are: a voice, a face, a place"
            fix = "tell them in the question not to show anybody, and look before you publish"
            source, path = sources[asked.file], (*asked.path, "type")
            yield source.problem(path, what, fix, rule="files-show-people")
