"""How clean a survey's rosters are: rows by unit and class, filled fields, and how that changed.

`record` is called after every import, `move` with every row that is mended; both write one row per
unit and day. Counts are of lists, not of people's doings: nothing here says who was invited,
answered, or asked to be left alone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection

from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.roster.diff import open_person
from storage.queries import quality as queries
from storage.queries import units as unit_queries

PAGE = 2000
FIELDS = ("hp_wa", "email", "tmt")
"""Fields whose completeness is told: WhatsApp number, e-mail, start date (of either kind)."""


@dataclass(frozen=True, slots=True)
class UnitQuality:
    """One unit's rows. `classes` add up to `rows`, which are `usable`, `to_mend` and duplicates.

    `fields` counts usable rows that have the field; `history` is (day, share usable), oldest first.
    `unit` is list:code; "" for rows that name no known unit.
    """

    unit_id: int | None
    unit: str
    name: str
    classes: Mapping[str, int]
    usable: int
    to_mend: int
    fields: Mapping[str, int]
    history: tuple[tuple[date, float], ...] = ()

    @property
    def rows(self) -> int:
        """All rows, each in exactly one class."""
        return sum(self.classes.values())

    @property
    def share(self) -> float:
        """The share of usable rows among those that are or should be, 0 to 1."""
        return share(self.usable, self.to_mend)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; days as ISO 8601."""
        return {
            "unit": self.unit,
            "name": self.name,
            "rows": self.rows,
            "usable": self.usable,
            "to_mend": self.to_mend,
            "share": self.share,
            "classes": dict(self.classes),
            "fields": dict(self.fields),
            "history": [{"day": day.isoformat(), "share": one} for day, one in self.history],
        }


@dataclass(frozen=True, slots=True)
class QualityReport:
    """A survey's rosters, unit by unit, in the order in which the units came."""

    survey: str
    units: tuple[UnitQuality, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        units = [one.to_dict() for one in self.units]
        totals = {name: sum(one[name] for one in units) for name in ("rows", "usable", "to_mend")}
        whole = share(totals["usable"], totals["to_mend"])
        return {"survey": self.survey, **totals, "share": whole, "units": units}


def report(
    installation: Installation, survey: str, units: Collection[int] | None = None
) -> QualityReport:
    """Count a survey's rosters, of all units or of some. Raises UnknownSurvey, KeyDestroyed.

    Every usable row is opened for its fields: 100,000 take about two seconds.
    """
    read = installation.database.read
    published = read(lambda connection: installation.surveys.named(connection, survey))
    counts = read(lambda connection: _counts(connection, published))
    fields: dict[int, Counter[str]] = {}
    for unit_id in [None] if units is None else sorted(units):
        fields.update(_fields(installation, published, unit_id))
    days = read(lambda connection: _history(connection, published.id))
    made = []
    for unit in read(unit_queries.every):
        if unit.id in counts and (units is None or unit.id in units):
            names = f"{unit.code_list}:{unit.code}", unit.name
            of_unit = counts[unit.id]
            history = tuple(days.get(unit.id, ()))
            made.append(of_unit.told(unit.id, *names, fields.get(unit.id, Counter()), history))
    if units is None and None in counts:
        made.append(counts[None].told(None, "", "", Counter(), ()))
    return QualityReport(survey, tuple(made))


def record(installation: Installation, published: Published, units: Collection[int]) -> None:
    """Write today's counts of some units; for the end of an import."""
    day = published.survey.settings.day(installation.now())
    counts = installation.database.read(lambda connection: _counts(connection, published))
    for unit_id in sorted(units):
        found = counts.get(unit_id, _Tally())
        fields = _fields(installation, published, unit_id).get(unit_id, Counter())
        kept = {"usable": dict(found.usable), "to_mend": dict(found.to_mend), "fields": fields}

        def work(connection: Connection, unit: int = unit_id, text: str = json.dumps(kept)) -> None:
            queries.store(connection, published.id, unit, day, text)

        installation.database.write(work)


def move(
    connection: Connection,
    survey_id: int,
    unit_id: int,
    day: date,
    was: str,
    now: str,
    gained: Collection[str],
) -> None:
    """Count one row that was to be mended and is usable now, in the day's counts.

    A unit of which no counts were ever written has none to move.
    """
    text = queries.newest(connection, survey_id, unit_id)
    if text is None:
        return
    kept = json.loads(text)
    to_mend, usable, fields = (
        Counter(kept.get(one, {})) for one in ("to_mend", "usable", "fields")
    )
    to_mend[was] -= 1
    usable[now] += 1
    fields.update(gained)
    new = {"usable": dict(usable), "to_mend": dict(+to_mend), "fields": dict(fields)}
    queries.store(connection, survey_id, unit_id, day, json.dumps(new))


def filled(person: Mapping[str, Any]) -> list[str]:
    """Return the fields of `FIELDS` that a person has."""
    details = person.get("details", {})
    there = {
        "hp_wa": person.get("phone"),
        "email": person.get("email"),
        "tmt": details.get("tmt_unit") or details.get("tmt_instansi"),
    }
    return [name for name in FIELDS if there[name]]


def share(usable: int, to_mend: int) -> float:
    """Return the usable share, rounded to four places; 1 where there is nothing."""
    return round(usable / (usable + to_mend), 4) if usable + to_mend else 1.0


# --- inside -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """One unit's rows by class."""

    usable: Counter[str] = field(default_factory=Counter)
    to_mend: Counter[str] = field(default_factory=Counter)
    double: Counter[str] = field(default_factory=Counter)

    def told(
        self,
        unit_id: int | None,
        unit: str,
        name: str,
        fields: Counter[str],
        history: tuple[tuple[date, float], ...],
    ) -> UnitQuality:
        # "empty" among the usable is a person with an e-mail address only.
        usable = {"email_only" if kind == "empty" else kind: n for kind, n in self.usable.items()}
        classes = Counter(usable) + self.to_mend + self.double
        numbers = self.usable.total(), self.to_mend.total()
        told = {one: fields[one] for one in FIELDS}
        return UnitQuality(unit_id, unit, name, classes, *numbers, told, history)


def _counts(connection: Connection, published: Published) -> dict[int | None, _Tally]:
    counts: dict[int | None, _Tally] = {}
    for name, found in (
        ("usable", queries.usable(connection, published.id)),
        ("to_mend", queries.to_mend(connection, published.id)),
        ("double", queries.duplicates(connection, published.id)),
    ):
        for one in found:
            getattr(counts.setdefault(one.unit_id, _Tally()), name)[one.kind] += one.rows
    return counts


def _fields(
    installation: Installation, published: Published, unit_id: int | None
) -> dict[int, Counter[str]]:
    """Count filled fields by unit, a page of rows in memory at a time."""
    found: dict[int, Counter[str]] = {}
    after = 0
    while True:

        def work(connection: Connection, start: int = after) -> int:
            rows = queries.sealed_rows(connection, published.id, unit_id, start, PAGE)
            for row in rows:
                person = open_person(installation, connection, row)
                found.setdefault(row.unit_id, Counter()).update(filled(person))
            return rows[-1].id if len(rows) == PAGE else 0

        after = installation.database.read(work)
        if not after:
            return found


def _history(connection: Connection, survey_id: int) -> dict[int, list[tuple[date, float]]]:
    days: dict[int, list[tuple[date, float]]] = {}
    for unit_id, day, text in queries.days(connection, survey_id):
        kept = json.loads(text)
        numbers = (sum(kept.get(one, {}).values()) for one in ("usable", "to_mend"))
        days.setdefault(unit_id, []).append((day, share(*numbers)))
    return days
