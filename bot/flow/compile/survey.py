"""From the shapes of all files to a `Survey`, with every check that needs more than one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bot.flow.blanks import blanks
from bot.flow.compile.checker import Checker
from bot.flow.compile.domains import lacking_words
from bot.flow.compile.media import check_media_words, media_advice, used_media
from bot.flow.compile.plan import plan_advice
from bot.flow.compile.questions import QuestionCompiler
from bot.flow.compile.settings import by_language, compile_settings
from bot.flow.compile.templates import template_advice, template_problems
from bot.flow.compile.words import compile_words, template_names
from bot.flow.expressions import suggest
from bot.flow.limits import MESSAGE_CHARS
from bot.flow.media import MediaFile
from bot.flow.modes import lacking_disclaimer, own_advice
from bot.flow.review import FRAME_CHARS
from bot.flow.schema.flow_file import FlowFile
from bot.flow.schema.messages_file import MessagesFile
from bot.flow.schema.shared_file import SharedFile
from bot.flow.schema.survey_file import SurveyFile
from bot.flow.settings import Settings
from bot.flow.source import FlowError, Problem, Source
from bot.flow.survey import Flow, Survey, order_of_questions
from bot.flow.turn import Context
from bot.flow.wording import Voice, longest_before, message_chars
from bot.flow.words import Words

_Flows = Sequence[tuple[Source, FlowFile]]


def compile_survey(
    survey: tuple[Source, SurveyFile],
    messages: tuple[Source, MessagesFile],
    shared: tuple[Source, SharedFile] | None,
    flows: _Flows,
    *,
    older: bool = False,
    media: Mapping[str, MediaFile] | None = None,
) -> Survey:
    """Return the compiled survey. Raises FlowError with every problem found.

    An older version was approved under the rules of its time: its templates are not checked again.
    """
    problems: list[Problem] = []
    settings = compile_settings(*survey, problems, older=older)
    if settings is None:
        raise FlowError(problems)
    checker = Checker(settings, survey[1].texts, media)
    words = compile_words(*messages, checker)
    shared = shared or (survey[0], SharedFile(kind="shared"))
    for key in ("dimensions", "indicators"):
        for name, texts in getattr(shared[1], key).items():
            checker.texts(shared[0], (key, name), texts, ())
    questions = {
        part.name: _questions(QuestionCompiler(source, part, shared, checker))
        for source, part in flows
    }
    sources = {source.file: source for source, _ in (shared, *flows)}
    for found in questions.values():
        checker.problems += lacking_words(found["questions"], sources, messages[1])
    _check_names(survey, messages, flows, checker)
    every = [question for found in questions.values() for question in found["questions"]]
    check_media_words(messages[0], words, every, checker)
    _check_review(messages, flows, checker)
    wrong = checker.problems + checker.missing.pop(settings.default_language, [])
    if wrong:
        raise FlowError(wrong)
    compiled = _assemble(settings, words, shared[1], flows, questions, checker)
    late = list(_too_long(compiled, sources))
    if not older:
        late += template_problems(compiled, messages, survey)
    if late:
        raise FlowError(late)
    return replace(
        compiled,
        advice=(
            *template_advice(compiled, messages),
            *_mode_advice(compiled, survey, messages),
            *media_advice(compiled, checker.media, sources),
        ),
        blanks=tuple(blanks(survey[0])),
        media=used_media(compiled),
    )


def _questions(compiler: QuestionCompiler) -> dict[str, Any]:
    """Return what a `Flow` holds of its questions."""
    questions = order_of_questions(compiler.questions())
    return {**questions, "sections": compiler.titles(), "shuffles": compiler.shuffles}


def _assemble(
    settings: Settings,
    words: Words,
    shared: SharedFile,
    parts: _Flows,
    questions: Mapping[str, Mapping[str, Any]],
    checker: Checker,
) -> Survey:
    default = settings.default_language
    languages = tuple(code for code in settings.languages if code not in checker.missing)
    flows: dict[str, Flow] = {}
    for _, part in parts:
        flows[part.name] = Flow(
            name=part.name,
            title=by_language(part.title, default),
            minutes=part.minutes,
            words=words,
            settings=settings,
            languages=languages,
            review=part.review,
            **questions[part.name],
            files=tuple(one.name for one in questions[part.name]["questions"] if one.takes_file),
        )
    no_questions = Flow(
        name="",
        title=settings.title,
        minutes="",
        questions=(),
        by_name={},
        words=words,
        settings=settings,
        languages=languages,
        asked=(),
        conditional=(),
    )
    return Survey(
        settings=settings,
        flows=flows,
        groups={
            name: replace(flows.get(group.flow) or no_questions, group=group)
            for name, group in settings.groups.items()
        },
        words=words,
        languages=languages,
        dimensions={key: by_language(text, default) for key, text in shared.dimensions.items()},
        indicators={key: by_language(text, default) for key, text in shared.indicators.items()},
        scoring=shared.scoring,
        categories=shared.categories,
        missing=tuple(problem for found in checker.missing.values() for problem in found),
    )


def _check_names(
    survey: tuple[Source, SurveyFile],
    messages: tuple[Source, MessagesFile],
    flows: _Flows,
    checker: Checker,
) -> None:
    """Check what one file calls by a name that another file gives."""
    names = Counter(part.name for _, part in flows)
    for source, part in flows:
        if names[part.name] > 1:
            checker.add(
                source,
                ("name",),
                f"two files hold a flow `{part.name}`",
                "rename one",
                rule="duplicate-name",
            )
    source, settings = survey
    reasons = messages[1].messages.alasan
    for name, group in settings.groups.items():
        if group.flow is not None and group.flow not in names:
            fix = suggest(group.flow, names)
            checker.add(
                source,
                ("groups", name, "flow"),
                f"no flow `{group.flow}`",
                fix,
                rule="unknown-name",
            )
        if group.reason not in reasons:
            what = f"messages.alasan has no `{group.reason}`"
            fix = suggest(group.reason, reasons)
            checker.add(source, ("groups", name, "reason"), what, fix, rule="unknown-name")
    if settings.mode == "official-support" and messages[1].messages.official is None:
        what = "`official` is missing: what somebody hears who wants to answer here"
        fix = "say that only the official survey itself takes answers, and how to check it"
        checker.add(messages[0], ("messages",), what, fix, at_key=True, rule="missing-key")
    templates = template_names(messages[1])
    for name in settings.templates:
        if name not in templates:
            what = f"no message `{name}` with `template: true`"
            checker.add(
                source,
                ("templates", name),
                what,
                suggest(name, templates),
                at_key=True,
                rule="unknown-name",
            )


def _check_review(messages: tuple[Source, MessagesFile], flows: _Flows, checker: Checker) -> None:
    """A page of answers needs words around it, and room for the answers."""
    said = messages[1].messages
    for source, part in flows:
        if part.review and (said.review is None or said.review_more is None):
            what = "the page of answers has no words: `review` and `review_more` are missing"
            checker.add(source, ("review",), what, "add both to messages.yaml", rule="review-words")
    for code, text in said.review.texts.items() if said.review is not None else ():
        if "{{daftar_jawaban}}" not in text.replace(" ", ""):
            what, fix = "the answers have no place", "write {{daftar_jawaban}} where they belong"
            path = ("messages", "review", code)
            checker.add(messages[0], path, what, fix, rule="review-words")
        elif len(text) > FRAME_CHARS:
            what = f"{len(text)} characters around the answers"
            checker.add(
                messages[0],
                ("messages", "review", code),
                what,
                f"at most {FRAME_CHARS}: shorten it",
                rule="review-words",
            )


def _mode_advice(
    survey: Survey, settings: tuple[Source, SurveyFile], messages: tuple[Source, MessagesFile]
) -> Iterator[Problem]:
    """Find what a survey of our own may do, but should not."""
    for what, fix in own_advice(survey.settings):
        yield settings[0].problem(("opens",), what, fix, rule="official-months")
    yield from plan_advice(*settings)
    for code in lacking_disclaimer(survey.settings, survey.words.messages["invite"].texts):
        what = f"the invitation does not say in `{code}` that this is not KPK's survey"
        fix = "write `bukan survei KPK`, or `mode: owner` in survey.yaml if it is the owner's"
        yield messages[0].problem(("messages", "invite"), what, fix, rule="no-disclaimer")


def _too_long(survey: Survey, sources: Mapping[str, Source]) -> Iterator[Problem]:
    """Find questions that do not fit into one message at their longest, in any language.

    At their longest: after the longest words that can come before, with the notes before them and
    the full line below. Placeholders are filled with the settings' own words.
    """
    for group, flow in survey.groups.items():
        context = Context(
            now=datetime(2026, 9, 30, tzinfo=UTC),  # a day with a long name; any would do
            zone=survey.settings.zone,
            plan=survey.settings.plan(group),
            texts=survey.settings.texts,
        )
        for code in survey.languages:
            voice = Voice(flow, code, context)
            before = longest_before(voice)
            notes: list[str] = []
            for question in flow.questions:
                if question.type == "note":
                    notes.append(voice.note(question))
                    continue
                if question.type == "calculate":
                    continue
                message = voice.question(
                    question,
                    (99, 99),
                    full=True,
                    before=(before, *notes),
                    sections=flow.around(question.section),
                )
                notes = []
                if (chars := message_chars(message)) > MESSAGE_CHARS:
                    what = f"up to {chars} characters in `{code}` with what can stand around it"
                    path = (*question.path, "label", code)
                    fix = f"shorten it: a message holds {MESSAGE_CHARS}"
                    yield sources[question.file].problem(path, what, fix, rule="body-too-long")
