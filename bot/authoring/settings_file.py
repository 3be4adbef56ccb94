"""survey.yaml of a new survey: sensible settings, and [brackets] where the owner's words go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta

from bot.authoring.xlsform.rows import language_name
from bot.authoring.yamltext import inline, one_text

_OPENS_IN = timedelta(days=30)
_OPEN_FOR = timedelta(days=27)

_TO_FILL_IN: Mapping[str, Mapping[str, str]] = {
    "instansi": {"id": "[NAMA INSTANSI]", "en": "[NAME OF THE INSTITUTION]"},
    "penyelenggara": {"id": "[NAMA PENYELENGGARA]", "en": "[WHO HOLDS THE SURVEY]"},
    "kontak_luar": {"id": "[PIHAK LUAR DAN NOMORNYA]", "en": "[SOMEBODY OUTSIDE, WITH NUMBER]"},
}
_SOURCE = {"id": "[DAFTAR ASAL NOMOR]", "en": "[THE LIST THAT NUMBERS ARE FROM]"}

# What is behind the names that the bundled messages use.
_MEANING: Mapping[str, str] = {
    "instansi": "who is asked about",
    "penyelenggara": "who asks",
    "situs_resmi": "your official site, where CEK sends people",
    "url": "the page about their data and their rights",
    "telp_resmi": "a telephone in your office",
    "nomor_resmi": "the number that the messages come from",
    "kode_verif": "a short code of yours, on the site and the posters too",
    "kontak_luar": "for people who are put under pressure",
}

_SETTINGS = """\

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
    reason: {reason:<22}  # {reasons}
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


def settings_text(
    *,
    name: str,
    title: Mapping[str, str],
    languages: Sequence[str],
    group: str,
    flow: str,
    label: Mapping[str, str],
    reasons: Sequence[str],
    texts: Collection[str],
    today: date,
) -> str:
    """Return the settings of a survey that opens in a month, for one group of people.

    `languages` has the default first; `reasons` are the lines under `alasan` in messages.yaml, and
    `texts` the names of the owner's words that the messages speak of.
    """
    owners = {
        key: in_words(languages, _TO_FILL_IN[key], "…")
        if key in _TO_FILL_IN
        else f"[{key.upper()}]"
        for key in texts
    }
    return _SETTINGS.format(
        name=name,
        title=inline(dict(title)),
        languages=inline(languages),
        default=languages[0],
        language_names=inline({code: language_name(code) for code in languages}),
        opens=(today + _OPENS_IN).isoformat(),
        closes=(today + _OPENS_IN + _OPEN_FOR).isoformat(),
        group=group,
        flow=flow,
        label=inline(dict(label)),
        reason=reasons[0],
        reasons=f"why they are asked: {', '.join(reasons)}; see messages.yaml",
        source=inline(in_words(languages, _SOURCE, "[SOURCE]")),
        texts="\n".join(_word(key, text) for key, text in owners.items()),
    )


def _word(key: str, text: Mapping[str, str] | str) -> str:
    """Return one of the owner's words as a line, with what it means where that is known."""
    line = f"  {one_text(key)}: {inline(text)}"
    return f"{line:<32}  # {_MEANING[key]}" if key in _MEANING else line


def in_words(languages: Collection[str], words: Mapping[str, str], instead: str) -> dict[str, str]:
    """Return words in these languages, with something else where there are none."""
    return {code: words.get(code, instead) for code in languages}
