"""A survey of a few questions that is open now: what tests with real processes and real time need.

Its messages and settings are the bundled ones; first contacts may go out at any hour of any day.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from tests.setup import bundled_files

NAME = "integritas"
WAIT = timedelta(seconds=36)
GROUPS = ("internal", "eksternal", "ahli")
TEMPLATES = ("invite", "reminder_first", "reminder_partial", "reminder_last", "daily_template")

_SCALE = 'label: {{id: "{group}: seberapa sering {what}?", en: "{group}: how often {what}?"}}'
_WHATS = ("lambat", "berbelit", "mahal")


def files(
    now: datetime, templates: Mapping[str, str] | None = None, *, k: int = 10
) -> dict[str, str]:
    """Return the survey's files, open from a month before `now` until two months after it.

    Answers may follow at once. Finished ones wait for WAIT and for company: long enough that who
    did not hear the closing words, and is posted again, still does; once mixed nobody is known any
    more. `templates` are the ContentSids by the message's name.
    """
    made = bundled_files()
    made |= {f"{group}.yaml": _flow(group) for group in GROUPS}
    made["survey.yaml"] = _settings(made["survey.yaml"], now, templates or {}, k)
    return made


def _flow(group: str) -> str:
    scales = [
        f"  - name: {group[0]}_{number}\n    type: select_one\n"
        f"    {_SCALE.format(group=group, what=what)}\n    choices: F5N\n    scored: true\n"
        for number, what in enumerate(_WHATS)
    ]
    # The words make every person's answers different from all others'.
    return (
        f"kind: flow\nname: {group}\ntitle: {{id: Survei {group}, en: Survey {group}}}\n"
        'minutes: "1"\nquestions:\n'
        + "".join(scales)
        + f"  - {{name: {group[0]}_jumlah, type: integer, min: 0, max: 99,\n     label: {{id: "
        f'"{group}: berapa kali?", en: "{group}: how many times?"}}}}\n'
        f"  - {{name: {group[0]}_saran, type: text, required: true,\n     label: {{id: "
        f'"{group}: apa saran Anda?", en: "{group}: what do you suggest?"}}}}\n'
    )


def _settings(text: str, now: datetime, templates: Mapping[str, str], k: int) -> str:
    day = timedelta(days=1)
    sids = "".join(f"\n  {name}: {{id: {sid}, en: {sid}}}" for name, sid in templates.items())
    edits = (
        (r"^opens: .*$", f"opens: {(now - 30 * day).date()}"),
        (r"^closes: .*$", f"closes: {(now + 60 * day).date()}"),
        (r"^min_answer_seconds: .*$", "min_answer_seconds: 0"),
        (r"^  k: \d+", f"  k: {k}"),
        (r"^  wait_hours: \d+", f"  wait_hours: {WAIT / timedelta(hours=1)}"),
        (r"^(    (?:mon|tue|wed|thu|fri|sat|sun)): .*$", r'\1: ["07:00-21:00"]'),
        (r"^holidays:\n(?:  .*\n)+", ""),
        (r"^templates: .*$", f"templates:{sids or ' {}'}"),
    )
    for pattern, new in edits:
        text, found = re.subn(pattern, new, text, flags=re.MULTILINE)
        assert found, f"survey.yaml has no {pattern}"
    return text
