"""An invented installation: units, targets, people, coordinators and links, really imported."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from bot.interview import contexts
from bot.interview.installation import Installation
from bot.interview.surveys import Published, UnknownSurvey, publish, read_files, read_media
from bot.outreach import links
from bot.outreach.demo.personas import FOLDER, Start, leading, rows
from bot.outreach.demo.playing import DAYS, Poster
from bot.outreach.launch.launching import launch
from bot.outreach.links import create_links, create_personal_links
from bot.outreach.roster.importing import Options, import_roster
from bot.outreach.units import import_units

SURVEY = "integritas"
CODE_LIST = "contoh"
COUNTERS = {
    "KC-03": ("Loket pelayanan", 28),
    "KC-05": ("Ruang tunggu", 16),
    "KC-06": ("Apotek", 26),
}
"""Where posters hang, by unit, and how many people of the played days scan each."""

PER_DAY = 40  # invitations: so few that one sees them spread over days

ImportCoordinators = Callable[[Installation, str, Path], object]
"""`reporting.coordinators.import_coordinators`, which outreach does not know."""


def prepare(
    installation: Installation,
    flows_dir: Path,
    coordinators: ImportCoordinators,
    opens_in: int = 0,
) -> Published:
    """Publish the bundled survey, open until `DAYS` days are over, and fill the installation.

    It opens in so many days; people are invited at once where that is today, else by `invite`. One
    that was prepared before stays as it is. Raises ValueError unless it is marked demo.
    """
    if not installation.demo:
        raise ValueError("only an installation marked demo is filled with invented people")
    try:
        published = installation.database.read(
            lambda connection: installation.surveys.named(connection, SURVEY)
        )
    except UnknownSurvey:
        files = read_files(flows_dir / SURVEY)
        zone = ZoneInfo(_setting(files["survey.yaml"], "zone"))
        opens = installation.now().astimezone(zone).date() + timedelta(days=opens_in)
        # The last of the days is that of the closing words.
        days = DAYS - opens_in - 1 if opens_in else DAYS
        media = read_media(flows_dir / SURVEY)
        published = publish(installation, dated(files, opens, days), media=media)
    if contexts.refusal(installation, published) != "closed":
        fill(installation, published, coordinators, invites=not opens_in)
    return published


def dated(files: Mapping[str, str], first: date, days: int) -> dict[str, str]:
    """Return a survey's files with its fieldwork moved to begin on `first`, for `days` days."""
    text = files["survey.yaml"]
    for name, day in (("opens", first), ("closes", first + timedelta(days=days - 1))):
        text = re.sub(rf"^{name}:.*$", f"{name}: {day.isoformat()}", text, flags=re.MULTILINE)
    return {**files, "survey.yaml": text}


def _setting(text: str, name: str) -> str:
    """Return the first word of a top-level setting."""
    found = re.search(rf"^{name}:\s*(\S+)", text, flags=re.MULTILINE)
    if found is None:
        raise ValueError(f"survey.yaml has no line {name}:")
    return found[1]


def fill(
    installation: Installation,
    published: Published,
    coordinators: ImportCoordinators,
    *,
    invites: bool = True,
) -> None:
    """Import the invented lists, make their links, plan their invitations; what is there stays."""
    name = published.name
    import_units(installation, FOLDER / "units.csv", name)
    import_roster(installation, FOLDER / "roster.csv", name, Options(region="ID"))
    with TemporaryDirectory() as folder:
        file = Path(folder) / "coordinators.csv"
        _write_coordinators(file, published.survey.settings.opens)
        coordinators(installation, name, file)
    create_links(installation, name)
    for code, (place, _) in COUNTERS.items():
        create_links(
            installation, name, units=[f"{CODE_LIST}:{code}"], groups=["eksternal"], note=place
        )
    create_personal_links(installation, name)
    if invites:
        invite(installation, published)


def invite(installation: Installation, published: Published, per_day: int = PER_DAY) -> None:
    """Plan the invitations of everybody on the lists."""
    launch(installation, published.name, per_day=per_day)


def _write_coordinators(file: Path, opens: date) -> None:
    """Write the list of coordinators for the importer; days off count from the opening."""
    ours = {"key", "nama_pengganti"}
    with file.open("w", encoding="utf-8", newline="") as opened:
        listed = list(rows("coordinators.csv"))
        out = csv.DictWriter(opened, [name for name in listed[0] if name not in ours])
        out.writeheader()
        for row in listed:
            kept = {name: cell for name, cell in row.items() if name not in ours}
            for name in ("cuti_dari", "cuti_sampai"):
                if kept[name]:
                    kept[name] = (opens + timedelta(days=int(kept[name]))).isoformat()
            out.writerow(kept)


def starts(installation: Installation) -> dict[str, list[Start]]:
    """Return how each leading person may begin: a poster, a group's link, a personal link."""
    return installation.database.read(lambda connection: _starts(connection, installation))


def _starts(connection: Connection, installation: Installation) -> dict[str, list[Start]]:
    found: dict[str, list[Start]] = defaultdict(list)
    sender = installation.via.sender
    for published in installation.surveys.every(connection):
        places = list(links.links(connection, installation, published.name, sender))
        personal = list(links.personal_links(connection, installation, published.name, sender))
        for persona in leading():
            hidden = all(address.kind != "phone" for address in persona.addresses)
            if hidden:
                theirs = [one for one in personal if one.name == persona.name]
                found[persona.key] += [Start(*PERSONAL, one.text) for one in theirs]
                continue
            for one in places:
                if (one.unit, one.group) != (persona.unit, persona.group):
                    continue
                if one.note:
                    start = Start(f"Pindai poster: {one.note}", "scan the poster", one.text)
                    found[persona.key].append(start)
                elif persona.group == "internal":
                    found[persona.key].append(Start(*GROUP, one.text))
    return dict(found)


PERSONAL = ("Buka tautan pribadi", "open the personal link")
GROUP = ("Buka tautan unit kerja", "open the unit's link")


def posters(installation: Installation, survey: str = SURVEY) -> list[Poster]:
    """Return the posters that the people of the played days scan."""
    sender = installation.via.sender
    rows = installation.database.read(
        lambda connection: list(links.links(connection, installation, survey, sender))
    )
    return [
        Poster(link.unit, link.text, COUNTERS[link.unit][1])
        for link in rows
        if link.group == "eksternal" and link.note and link.unit in COUNTERS
    ]
