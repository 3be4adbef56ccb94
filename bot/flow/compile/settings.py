"""From the shape of survey.yaml to `Settings`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.flow.compile.plan import check_plan, compile_hours, reminders
from bot.flow.expressions import suggest
from bot.flow.question import Texts
from bot.flow.schema.parts import ANY_LANGUAGE
from bot.flow.schema.survey_file import GroupPart, SurveyFile
from bot.flow.settings import Duplicates, Group, Pace, Rates, Settings
from bot.flow.source import Path, Problem, Source


def compile_settings(
    source: Source, part: SurveyFile, problems: list[Problem], *, older: bool = False
) -> Settings | None:
    """Return the settings, or None where `problems` has grown so that none can be made.

    `older` ones were published already: what has been forbidden since is taken, and the engine
    keeps to its floors.
    """
    before = len(problems)
    _check(source, part, problems)
    if not older:
        check_plan(source, part, problems)
    if len(problems) > before:
        return None
    default = part.default_language
    return Settings(
        name=part.name,
        mode=part.mode,
        title=by_language(part.title, default),
        languages=part.languages,
        default_language=default,
        language_names=part.language_names,
        zone=ZoneInfo(part.zone),
        opens=part.opens,
        closes=part.closes,
        duplicates=_duplicates(part),
        min_answer_seconds=part.min_answer_seconds,
        groups={name: _group(name, group, part) for name, group in part.groups.items()},
        texts=_owners_texts(part),
        k=part.anonymity.k,
        wait=timedelta(hours=part.anonymity.wait_hours),
        templates=part.templates,
        snapshot_at=part.snapshot_at,
        appearance=part.appearance,
        pace=Pace(**dict(part.pace)),
        rates=Rates(**dict(part.rates)) if part.rates else None,
        budget=part.budget.amount if part.budget else None,
    )


def by_language(texts: Mapping[str, str], default: str) -> Texts:
    """Return texts by language; a plain string is in the default language."""
    return {default if code == ANY_LANGUAGE else code: text for code, text in texts.items()}


def _check(source: Source, part: SurveyFile, problems: list[Problem]) -> None:
    default = part.default_language
    if default not in part.languages:
        fix = suggest(default, part.languages)
        problems.append(
            source.problem(("default_language",), "not one of `languages`", fix, rule="languages")
        )
    for code, times in Counter(part.languages).items():
        if times > 1:
            problems.append(
                source.problem(
                    ("languages",), f"`{code}` is listed twice", "once is enough", rule="languages"
                )
            )
        if len(part.languages) > 1 and code not in part.language_names:
            fix = f"add `{code}:` as its speakers call it"
            problems.append(
                source.problem(("language_names",), f"no name for `{code}`", fix, rule="languages")
            )
    if part.mode != "official-support":
        for name, group in part.groups.items():
            if group.flow is None:
                fix = "name the flow; only `mode: official-support` has groups without questions"
                problems.append(
                    source.problem(("groups", name), "`flow` is missing", fix, rule="missing-key")
                )
    if part.closes < part.opens:
        problems.append(
            source.problem(
                ("closes",), "the survey closes before it opens", "swap them", rule="date-order"
            )
        )
    for name in part.groups:
        if name not in part.hours and "default" not in part.hours:
            problems.append(
                source.problem(
                    ("hours",), f"no hours for `{name}`", "add `default:`", rule="no-hours"
                )
            )
    _check_duplicates(source, part, problems)
    _check_texts(source, part, problems)


def _check_duplicates(source: Source, part: SurveyFile, problems: list[Problem]) -> None:
    for place, name in enumerate(part.duplicates.order):
        path: Path = ("duplicates", "order", place)
        if name not in part.groups:
            fix = suggest(name, list(part.groups))
            problems.append(source.problem(path, f"no group `{name}`", fix, rule="unknown-name"))
        elif name in part.duplicates.order[:place]:
            problems.append(
                source.problem(
                    path, f"`{name}` is listed twice", "once is enough", rule="duplicate-name"
                )
            )
    if part.duplicates.policy == "priority" and not part.duplicates.order:
        what, fix = "no order of the groups", "add `order:` with the group first that goes first"
        problems.append(source.problem(("duplicates",), what, fix, rule="duplicates-order"))


def _check_texts(source: Source, part: SurveyFile, problems: list[Problem]) -> None:
    default = part.default_language
    texts: list[tuple[Path, Mapping[str, str]]] = [(("title",), part.title)]
    texts += [(("texts", name), words) for name, words in part.texts.items()]
    for name, group in part.groups.items():
        texts.append((("groups", name, "label"), group.label))
        texts.append((("groups", name, "source"), group.source))
    for path, words in texts:
        if default not in words and ANY_LANGUAGE not in words:
            problems.append(
                source.problem(
                    path, f"no text in `{default}`", f"add `{default}:`", rule="missing-translation"
                )
            )


def _owners_texts(part: SurveyFile) -> dict[str, dict[str, str]]:
    texts: dict[str, dict[str, str]] = {code: {} for code in part.languages}
    for name, words in part.texts.items():
        for code in part.languages:
            said = words.get(code, words.get(ANY_LANGUAGE))
            if said is not None:
                texts[code][name] = said
    return texts


def _group(name: str, part: GroupPart, survey: SurveyFile) -> Group:
    default = survey.default_language
    return Group(
        name=name,
        flow=part.flow or "",
        label=by_language(part.label, default),
        reason=part.reason,
        source=by_language(part.source, default),
        reminders=reminders(name, survey),
        hours=compile_hours(name, survey),
        once_per=part.once_per or survey.once_per,
    )


def _duplicates(part: SurveyFile) -> Duplicates:
    """Groups that the order does not name come after those that it does."""
    order = tuple(dict.fromkeys((*part.duplicates.order, *part.groups)))
    return Duplicates(part.duplicates.policy, order)
