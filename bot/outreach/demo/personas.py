"""The invented people of a demo. None of their addresses belongs to anybody."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.channels.base import Address
from bot.outreach.unit_files import ZONES

FOLDER = Path(__file__).parent  # the CSV files lie beside this module
COORDINATOR = "koordinator"  # the group of those who get counts

_USABLE = re.compile(r"08\d{10}")  # a few rows of the roster are to be mended


@dataclass(frozen=True, slots=True)
class Persona:
    """Somebody invented, who writes in the simulator.

    `addresses` are all that WhatsApp would tell about this person, the one messages come from
    first: no phone number where it is hidden. `zone` is a tz database name.
    """

    key: str
    name: str
    line: str
    line_en: str
    group: str
    unit: str
    zone: str
    addresses: tuple[Address, ...]
    leading: bool = False  # one of the few that the simulator introduces


@dataclass(frozen=True, slots=True)
class Start:
    """A way to begin a chat: what it is called, and the text that it makes WhatsApp send."""

    label: str
    label_en: str
    text: str


def rows(name: str) -> Iterator[dict[str, str]]:
    """Yield the rows of one of the demo's CSV files."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def leading() -> list[Persona]:
    """Return the people whom the simulator introduces by name."""
    zones = _zones()
    return [
        Persona(
            key=row["key"],
            name=row["name"],
            line=row["line"],
            line_en=row["line_en"],
            group=row["group"],
            unit=row["unit"],
            zone=zones[row["unit"]],
            addresses=_addresses(row),
            leading=True,
        )
        for row in rows("people.csv")
    ]


def everybody() -> list[Persona]:
    """Return the leading people, then everybody else on the invented lists."""
    people = leading()
    known = {address for persona in people for address in persona.addresses}
    others = [*_coordinators(), *_listed()]
    return people + [p for p in others if not known.intersection(p.addresses)]


def _coordinators() -> Iterator[Persona]:
    """Yield who gets counts, and the deputies."""
    names = {row["kode"]: row["nama"] for row in rows("units.csv")}
    top = next(iter(names))
    zones = _zones()
    for row in rows("coordinators.csv"):
        place = names.get(row["kode_unit"], "semua unit")
        leads = row["jenis"] == "pimpinan"
        kinds = {
            "": ("Pimpinan" if leads else "Koordinator", "gets counts" + " weekly" * leads),
            "-pengganti": ("Pengganti koordinator", "stands in while somebody is away"),
        }
        for suffix, (line, line_en) in kinds.items():
            number = row["pengganti" if suffix else "hp_wa"]
            if not number:
                continue
            yield Persona(
                key=row["key"] + suffix,
                name=row["nama_pengganti" if suffix else "nama"],
                line=f"{line}, {place}",
                line_en=line_en,
                group=COORDINATOR,
                unit=row["kode_unit"] or top,
                zone=zones[row["kode_unit"] or top],
                addresses=(_phone(number),),
            )


def _listed() -> Iterator[Persona]:
    zones = _zones()
    names = {row["kode"]: row["nama"] for row in rows("units.csv")}
    for number, row in enumerate(rows("roster.csv"), start=1):
        if not _USABLE.fullmatch(row["hp_wa"]):
            continue
        unit = row["kode_unit"]
        yield Persona(
            key=f"p{number:03}",
            name=row["nama"],
            line=f"{ROLES[row['kelompok']]}, {names[unit]}",
            line_en=f"{row['kelompok']}, on the invented roster",
            group=row["kelompok"],
            unit=unit,
            zone=zones[unit],
            addresses=(_phone(row["hp_wa"]),),
        )


def _phone(number: str) -> Address:
    return Address.parse("+62" + number.removeprefix("0"))


ROLES = {"internal": "Pegawai", "eksternal": "Pengguna layanan", "ahli": "Narasumber"}
"""What people of each group are called."""


WALK_IN = 500  # the invented numbers below this one are the lists'


def walk_ins(first: int, count: int, unit: str) -> list[Persona]:
    """Return people on no list, who may scan a poster; `first` is how many there are already."""
    zone = _zones()[unit]
    return [
        Persona(
            key=f"w{number:03}",
            name=f"Pengunjung {number}",
            line="Memindai poster di loket",
            line_en="scanned a poster at the counter",
            group="eksternal",
            unit=unit,
            zone=zone,
            addresses=(
                Address("phone", f"+62812000{WALK_IN + number:05}"),
                Address("bsuid", f"ID.1000000000{WALK_IN + number:06}"),
            ),
        )
        for number in range(first + 1, first + count + 1)
    ]


def _zones() -> dict[str, str]:
    return {row["kode"]: ZONES[row["zona"]] for row in rows("units.csv")}


def _addresses(row: dict[str, str]) -> tuple[Address, ...]:
    return tuple(Address.parse(row[kind]) for kind in ("phone", "bsuid") if row[kind])
