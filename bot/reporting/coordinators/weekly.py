"""Messages of the week and of the end: for coordinators, for the leadership, and the last one.

On the week's day this message takes the place of the day's, so that nobody gets two. Its picture
goes along where free text may be sent; elsewhere the template opens the conversation first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.flow.turn import Message
from bot.reporting import words
from bot.reporting.coordinators import digest, pictures
from bot.reporting.coordinators.digest import PACE_DAYS, Report
from bot.reporting.publication import change

LEADER, CLOSING = "leader_weekly", "closing"


def message(report: Report, post: str = "admin") -> tuple[str, Message]:
    """Return what a kind of post gets with this report, after the name of it: daily, weekly, leader
    or closing."""
    if report.final:
        return "closing", closing_message(report)
    if post == "pimpinan":
        return "leader", leader_message(report)
    if digest.looks_back(report):
        return "weekly", weekly_message(report)
    return "daily", digest.message(report)


def weekly_message(report: Report) -> Message:
    """Return the week in a picture and a caption: numbers per group, pace and where it leads."""
    survey = report.survey
    values = digest.values(report) | {"periode": _period(report)}
    # The change since yesterday would be taken for the week's.
    before = replace(report, earlier=())
    parts = [words.say(survey, "weekly", values), "\n".join(digest.group_lines(before))]
    parts.append("\n".join([*digest.weeks_pace(report), *digest.outlook(report)]))
    single = len(report.hierarchy.within(report.unit_id)) == 1
    parts.append(
        words.say(survey, "unit_nudge" if single else "weekly_more", values | _unit(report))
    )
    said = Message(
        "\n\n".join(part for part in parts if part),
        language=words.LOCALE,
        attachment=pictures.attachment(report),
    )
    return digest.with_template(report, said, digest.TEMPLATE, {})


def leader_message(report: Report) -> Message:
    """Return the week for the leadership: one picture, one sentence, one request."""
    values = digest.values(report) | {
        "periode": _period(report),
        "kalimat": sentence(report),
        "permintaan": request(report),
    }
    said = Message(
        words.say(report.survey, LEADER, values),
        language=words.LOCALE,
        attachment=pictures.attachment(report),
    )
    return digest.with_template(report, said, LEADER, values)


def closing_message(report: Report) -> Message:
    """Return the last message: that the survey is closed, and the final published numbers."""
    survey = report.survey
    count = report.snapshot.count(report.hierarchy.within(report.unit_id))
    if count.kind != "number":
        return digest.message(report)
    values = {
        "tgl": words.day(report.published.last_day),
        "total": words.number(count.value),
        "n_min": words.number(survey.settings.k),
    }
    last = replace(report, earlier=())
    head = words.say(survey, CLOSING, digest.values(report) | values)
    said = Message("\n\n".join([head, "\n".join(digest.group_lines(last))]), language=words.LOCALE)
    return digest.with_template(report, said, CLOSING, values)


def forward_message(report: Report) -> Message:
    """Return what a unit's coordinator may pass on to the colleagues, for the word BAGIKAN.

    The poster is added by whoever knows posters. Nothing in it tells how many have answered.
    """
    survey = report.survey
    if len(report.hierarchy.within(report.unit_id)) != 1:
        return Message(words.words(survey, "no_forward"), language=words.LOCALE)
    values = digest.values(report) | _unit(report)
    values["batas"] = words.day(report.published.last_day)
    return Message(words.say(survey, "unit_forward", values), language=words.LOCALE)


def sentence(report: Report) -> str:
    """Say in one sentence, without the full stop, how far the survey is."""
    survey = report.survey
    units = report.hierarchy.within(report.unit_id)
    now = report.snapshot.count(units)
    if now.kind != "number" or now.share is None:
        return words.say(survey, "leader_sentence_shown", {"isi": words.shown(survey, now)})
    week = [one for one in report.earlier if (report.snapshot.day - one.day).days <= PACE_DAYS]
    rise = change(now, week[-1].count(units)) if week else None
    percent = digest.foreseen(report)
    ends = words.day_of_year(report.published.last_day)
    ahead = ""
    if percent is not None:
        name = "leader_forecast_met" if percent == 100 else "leader_forecast"
        said = {"perkiraan": words.number(percent), "tgl_tutup": ends}
        ahead = words.say(survey, name, said)
    return words.say(
        survey,
        "leader_sentence",
        {
            "isi": words.number(now.value),
            "target": words.number(now.target or 0),
            "pct": words.percent(now.share),
            "naik": words.say(survey, "leader_rise", {"selisih": words.number(rise)})
            if rise
            else "",
            "perkiraan": ahead,
        },
    )


def request(report: Report) -> str:
    """Ask for one thing: never for answers, and never from anybody by name."""
    if digest.forecast(report) == 1:
        return words.words(report.survey, "leader_request_met")
    needy = len(digest.needing_word(report))
    name = "leader_request_units" if needy else "leader_request"
    return words.say(report.survey, name, {"jumlah": words.number(needy)})


def _unit(report: Report) -> dict[str, str]:
    unit = report.hierarchy.units.get(report.unit_id) if report.unit_id is not None else None
    return {"unit": unit.name if unit else ""}


def _period(report: Report) -> str:
    """Return the seven days that were over when the numbers were taken."""
    last = report.snapshot.day - timedelta(days=1)
    opens = report.survey.settings.opens
    first = max(last - timedelta(days=PACE_DAYS - 1), min(opens, last))
    return words.period(first, last)
