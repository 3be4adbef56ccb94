"""The rules of the linter by name: how bad it is to break one, and what it is about.

Most are found while a survey is compiled, and then the files cannot be used whatever stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""An error keeps a survey from being published, a warning wants a look, a note can wait."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, how bad it is to break it, and a line about it."""

    name: str
    severity: Severity
    about: str


_READING = (
    Rule("not-yaml", "error", "a file is one YAML mapping, without anchors, aliases and tags"),
    Rule("duplicate-key", "error", "a key stands once in its place"),
    Rule("wrong-kind", "error", "`kind` is survey, flow, shared or messages"),
    Rule("unknown-key", "error", "only the keys of flows/README.md are read"),
    Rule("missing-key", "error", "what is always needed is there"),
    Rule("wrong-value", "error", "a value is of the form that its key wants"),
    Rule("missing-file", "error", "a survey has settings, messages and questions"),
    Rule("duplicate-file", "error", "there is one file of settings, messages and shared lists"),
)

_NAMES = (
    Rule("duplicate-name", "error", "two questions or flows do not have the same name"),
    Rule("reserved-name", "error", "no question has the name of a placeholder or of `value`"),
    Rule(
        "unknown-name", "error", "a list, flow, group, dimension or language that is named is there"
    ),
    Rule("block-in-itself", "error", "a block does not take itself"),
    Rule("unused-list", "warning", "each choice list is used by a question"),
    Rule("unused-block", "warning", "each block of questions is taken"),
    Rule("unused-flow", "warning", "each flow is asked of a group"),
    Rule("unused-media", "warning", "each file of the folder `media` goes with a question"),
    Rule("official-name", "warning", "a survey of one's own does not call itself SPI or KPK"),
    Rule("to-fill-in", "warning", "no word of survey.yaml is still in [BRACKETS]"),
)

_LOGIC = (
    Rule("bad-condition", "error", "a condition can be read, and speaks of earlier answers only"),
    Rule("unreachable-question", "error", "each question is asked of somebody"),
    Rule("condition-never-true", "error", "a condition can come true"),
    Rule("condition-always-true", "warning", "a condition does not hold whatever is answered"),
    Rule("unanswered-decides", "warning", "a condition does not fail for want of an answer alone"),
    Rule("message-without-constraint", "error", "a `constraint_message` has a `constraint`"),
    Rule("range-order", "error", "the smallest is not above the largest"),
    Rule("random-order", "error", "what chance moves is not read by what may come before it"),
    Rule("no-question", "error", "a flow asks something"),
)

_CHOICES = (
    Rule("duplicate-value", "error", "two choices do not have the same name"),
    Rule("duplicate-label", "error", "two choices of a question do not read the same"),
    Rule("choices-required", "error", "a question with choices is left out by `na` only"),
    Rule("no-na-words", "error", "“don't know” has words where a question offers it"),
    Rule("default-answer", "error", "an answer that is offered can be given"),
    Rule("reserved-word-as-answer", "warning", "no choice is a command, ours or the gateway's"),
    Rule("scale-order", "warning", "the scores of a scale only rise or only fall"),
    Rule("good-not-best", "warning", "`good` names the choice with the highest score"),
    Rule("scale-direction", "warning", "scales of one flow do not list the same words both ways"),
    Rule("scored-without-score", "warning", "what is scored has choices with scores"),
)

_TEXTS = (
    Rule("missing-translation", "warning", "a language is offered only when every text is there"),
    Rule("bad-placeholder", "error", "a placeholder is written {{name}} and is filled there"),
    Rule("placeholder-differs", "error", "a message has the same placeholders in every language"),
    Rule("gateway-word", "error", "no text tells people to reply a word that the gateway takes"),
    Rule("keyword", "error", "a command word is no answer, and not coordinators' and others' both"),
    Rule("abbreviation", "error", "an abbreviation of units is one word"),
    Rule("review-words", "error", "a page of answers has words, and a place for the answers"),
    Rule("message-buttons", "error", "a message has the buttons that it is there for"),
    Rule("mail-without-address", "error", "an e-mail says where to answer"),
)

_LIMITS = (
    Rule("body-too-long", "error", "a message has up to 1,600 characters, whatever fills it"),
    Rule("body-too-long-to-tap", "warning", "what is tapped has up to 1,024 characters"),
    Rule("too-many-buttons", "warning", "a question has up to 3 buttons"),
    Rule("too-many-rows", "warning", "a list has up to 10 rows"),
    Rule("label-too-long-for-button", "warning", "a button holds 20 characters"),
    Rule("label-too-long-for-row", "warning", "a row of a list holds 24 characters"),
    Rule("choices-differ", "warning", "what is tapped is the same for everybody"),
    Rule("picture-or-taps", "warning", "a question has a picture, or something to tap"),
    Rule(
        "body-too-long-for-picture", "warning", "what stands below a picture has 1,024 characters"
    ),
    Rule("label-not-fixed", "warning", "what stands on a button is one line without {{…}}"),
    Rule("stays-text", "note", "what the survey's `appearance` wants to be tapped can be"),
)

_FILES = (
    Rule("media-missing", "error", "a picture or recording lies in the folder `media`"),
    Rule("media-type", "error", "a picture or recording is of a kind that WhatsApp shows"),
    Rule("media-too-large", "error", "a picture has up to 5 MB, a recording up to 16 MB"),
    Rule("media-words", "error", "where there are recordings or files, messages speak of them"),
    Rule("files-show-people", "note", "who is asked for a file is told not to show anybody"),
)

_TEMPLATES = (
    Rule("template-edge", "error", "a template begins and ends with words"),
    Rule("template-label", "error", "a template does not begin with a label before a placeholder"),
    Rule("template-adjacent", "error", "between two placeholders of a template stands a word"),
    Rule("template-words", "error", "a template has enough words for its placeholders"),
    Rule("template-length", "error", "a template has up to 1,024 characters"),
    Rule("template-long", "note", "a template of up to 550 characters is taken sooner"),
    Rule("template-twice", "error", "two templates of other kind or buttons differ in their words"),
    Rule("template-button", "error", "a template's button has letters and digits only"),
    Rule("template-value", "error", "what fills a template is on one line"),
    Rule("template-language", "error", "one of the languages is one that WhatsApp has"),
    Rule("template-category", "error", "only a template has a category"),
)

_SETTINGS = (
    Rule("languages", "error", "each language is listed once, with its own name"),
    Rule("date-order", "error", "what ends does not end before it begins"),
    Rule("no-hours", "error", "each group has hours"),
    Rule("night-hours", "error", "nobody is written to at night"),
    Rule("friday-prayer", "warning", "Friday prayer is left free"),
    Rule("reminder-plan", "error", "reminders are 48 hours apart, by one plan a group"),
    Rule("too-many-reminders", "warning", "a plan has as many reminders as it allows, at most 3"),
    Rule("budget", "error", "a budget knows what messages cost, in the same currency"),
    Rule("duplicates-order", "error", "groups that go first are listed"),
    Rule("official-months", "warning", "one's own survey is not held in the official one's months"),
    Rule(
        "no-disclaimer", "warning", "the invitation to one's own survey says that it is not KPK's"
    ),
)

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for rules in (
        *(_READING, _NAMES, _LOGIC, _CHOICES, _TEXTS),
        *(_LIMITS, _FILES, _TEMPLATES, _SETTINGS),
    )
    for rule in rules
}
"""All rules by name, those that come first in the reading of a file first."""
