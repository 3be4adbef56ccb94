"""An attacker with all reports of all days and levels, who computes what the texts do not say.

Two attacks. `Attack` (tests/attacker.py) reads the numbers out of the texts and excludes whatever
contradicts them. The twins need no understanding of a text: histories that the first attack calls
possible are let happen, and everything that anybody is shown must be the same, byte by byte. A new
text or picture is attacked by adding it to `SURFACES`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import delete, insert, select, update

from bot.channels.base import Address, Inbound
from bot.interview import identity
from bot.reporting import progress, snapshots, words
from bot.reporting.coordinators import asked, digest, pictures, recap, weekly
from bot.reporting.coordinators.lists import import_coordinators
from bot.reporting.publication import Count, publish
from bot.reporting.snapshots import Snapshot, publish_all
from bot.reporting.units import Hierarchy, read_hierarchy
from storage.models import Conversation, ProgressSnapshot, Target, Unit
from storage.queries.reports import UnitRow
from tests.attacker import Attack, Bounds, Cell, Fact, Rule, Track, read
from tests.setup import TestClock, add_unit, installation, publish_bundled

OPENS = date(2026, 11, 1)
GROUPS = ("internal", "eksternal", "ahli")


def _progress_lines(report: digest.Report) -> str:
    before = report.earlier[0] if report.earlier else None
    found = progress.lines(report.snapshot, before, report.hierarchy, GROUPS)
    return json.dumps([one.to_dict() for one in found])


# What is shown below the survey's owner: each is a function of one post's report. Whatever else is
# shown, text or picture, belongs in here.
SURFACES: dict[str, Callable[[digest.Report], str | bytes]] = {
    "digest": digest.text,
    "details": digest.details,
    "brief": digest.brief,
    "template": lambda report: digest.message(report).template_text or "",
    "progress": _progress_lines,
    "week": lambda report: weekly.weekly_message(report).text,
    "leader": lambda report: weekly.leader_message(report).text,
    "closing": lambda report: weekly.closing_message(report).text,
    "to share": lambda report: weekly.forward_message(report).text,
    "picture": lambda report: repr(pictures.chart(report)),  # all that it is drawn of
    "caption": lambda report: pictures.message(report).text,
    "workbook": lambda report: repr(list(recap.rows(report))),
}


# --- a survey's days ------------------------------------------------------------------------------

# A province over two kabupaten with two offices each; names are in the order of ids.
PARENTS = {1: None, 2: 1, 3: 1, 4: 2, 5: 2, 6: 3, 7: 3}
CELLS = [
    *((unit, "internal") for unit in (1, 2, 4, 5, 6, 7)),
    *((unit, "eksternal") for unit in (2, 3, 4, 6)),
    *((unit, "ahli") for unit in (1, 5, 7)),
]


@dataclass
class World:
    """What happens: counts, targets, people on the roster and the hierarchy of each day."""

    counts: dict[Cell, list[int]]
    targets: dict[Cell, list[int | None]]
    people: dict[Cell, int | None]
    parents: list[dict[int, int | None]]
    rule: Rule = publish
    snapshots: list[Snapshot] = field(default_factory=list)

    @property
    def days(self) -> int:
        return len(self.parents)

    def hierarchy(self, day: int) -> Hierarchy:
        """Return the hierarchy of a day."""
        rows = [
            UnitRow(unit, "own", str(unit), f"Dinas {unit}", parent, "Asia/Jakarta")
            for unit, parent in sorted(self.parents[day].items())
        ]
        children: dict[int, list[int]] = {}
        for row in rows:
            if row.parent_id is not None:
                children.setdefault(row.parent_id, []).append(row.id)
        below = {unit: tuple(found) for unit, found in children.items()}
        return Hierarchy({row.id: row for row in rows}, below)

    def take(self) -> None:
        """Take all snapshots."""
        before: Mapping[Cell, Count] = {}
        for day in range(self.days):
            there = self.parents[day]
            counted = {c: n[day] for c, n in self.counts.items() if n[day] and c[0] in there}
            wanted = {c: t[day] or 0 for c, t in self.targets.items() if t[day] and c[0] in there}
            people = {c: n for c, n in self.people.items() if n and c[0] in there}
            if self.rule is publish:
                before = publish_all(counted, wanted, people, before)
            else:
                before = {
                    cell: Count(
                        self.rule(
                            counted.get(cell, 0),
                            before[cell].value if cell in before else 0,
                            *self.bounds(cell)[day],
                        ),
                        wanted.get(cell),
                        people=self.bounds(cell)[day][1],
                    )
                    for cell in self.counts
                    if cell[0] in there
                }
            at = datetime(2026, 11, 1, 23, tzinfo=UTC) + timedelta(days=day)
            self.snapshots.append(Snapshot(1, OPENS + timedelta(days=day + 1), at, before))

    def bounds(self, cell: Cell) -> list[Bounds]:
        """Return what the attacker knows: targets, and the people on the roster."""
        found: list[Bounds] = []
        last: int | None = None
        for target in self.targets[cell]:
            found.append((target, self.people[cell] or (None if target else last)))
            last = target or last
        return found


def adversarial(seed: int, days: int, *, falls: bool, moves: bool) -> World:
    """Make days in which counts stop and start around every value that means something."""
    luck = random.Random(seed)
    counts, targets, people = {}, {}, {}
    for cell in CELLS:
        bound = luck.choice((None, 3, 6, 8, 9, 10, 13, 14, 17, 22, 30, 41, 60))
        census = luck.random() < 0.5
        people[cell] = bound if bound and luck.random() < 0.5 else None
        first = bound if census or people[cell] is None else None
        targets[cell] = [first] * days
        if first and luck.random() < 0.5:  # changed during fieldwork, to more people or to none
            changed = luck.choice((None, first + 1, first + 4, first + 9))
            since = luck.randrange(1, days)
            targets[cell][since:] = [changed] * (days - since)
        counts[cell] = list(_counts(luck, days, targets[cell], people[cell], falls=falls))
    parents: list[dict[int, int | None]] = [dict(PARENTS) for _ in range(days)]
    if moves:  # an office goes to another kabupaten, and one is there only later
        for day in range(days):
            if day >= days // 3:
                parents[day][5] = 3
            if day < days // 4:
                del parents[day][7]
        for cell in CELLS:
            if cell[0] == 7:
                late = days // 4
                counts[cell][:late] = [0] * late
                targets[cell][:late] = [None] * late
    return World(counts, targets, people, parents)


def _counts(
    luck: random.Random, days: int, targets: list[int | None], people: int | None, *, falls: bool
) -> Iterator[int]:
    count = most = 0
    for target in targets:
        most = max(most, target or 0, people or 0)
        top = most or 45
        steps = (0, 0, 0, 1, 1, 2, 4, 5, 6, 11)
        count = min(top, count + luck.choice(steps))
        if luck.random() < 0.1:
            count = max(count, top - luck.randrange(6))
        if falls and luck.random() < 0.15:
            count = max(0, count - luck.choice((1, 2, 6)))
        yield count


def reports(world: World, survey, day: int) -> Iterator[digest.Report]:
    """Yield the reports of posts of all levels."""
    recent = world.snapshots[day::-1][: digest.PACE_DAYS + 1]
    hierarchy = world.hierarchy(day)
    for unit in (None, 1, 2, 3, 4, 6, *(one for one in (5, 7) if one in hierarchy.units)):
        report = digest.make_report(survey, hierarchy, unit, recent)
        assert report is not None
        yield report


def facts(survey, report: digest.Report, text: str) -> Iterator[Fact]:
    """Turn what a text says into what it says of cells; the reader knows the hierarchy."""
    labels = {words.group_label(survey.survey, group): group for group in GROUPS}
    names = {row.name: row.id for row in report.hierarchy.units.values()}
    for said in read(text):
        if said.of_unit:
            units, group = frozenset({names[said.name]}), None
        elif said.name in labels:
            units, group = report.hierarchy.within(report.unit_id), labels[said.name]
        else:
            continue
        cells = frozenset(c for c in CELLS if c[0] in units and group in (None, c[1]))
        single = group is not None and len(units) == 1 and len(cells) == 1
        if cells and not (single and cells.isdisjoint(report.snapshot.cells)):
            yield Fact(cells, said.kind, said.value, single)


def progress_facts(report: digest.Report, text: str) -> Iterator[Fact]:
    """The same of `tautan progress --json`."""
    codes = {f"own:{row.code}": row.id for row in report.hierarchy.units.values()}
    for said in json.loads(text):
        units = report.hierarchy.within(codes[said["unit"]] if said["unit"] else None)
        group = said["group"]
        cells = frozenset(c for c in CELLS if c[0] in units and group in (None, c[1]))
        single = group is not None and len(units) == 1 and len(cells) == 1
        if cells:
            yield Fact(cells, said["shown"], said["value"], single)


def attack(world: World, survey, *, rises: bool) -> Attack:
    """Read every text of every post on every day."""
    attacker = Attack({cell: world.bounds(cell) for cell in CELLS}, rule=world.rule, rises=rises)
    for day in range(world.days):
        for report in reports(world, survey, day):
            for name in ("digest", "details", "week", "closing"):
                attacker.learn(day, facts(survey, report, str(SURFACES[name](report))))
        attacker.learn(day, progress_facts(report, str(SURFACES["progress"](report))))
    attacker.conclude()
    return attacker


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('attack') / 'tautan.db'}"
    with installation(url) as house:
        yield publish_bundled(house)


@pytest.mark.parametrize(
    ("seed", "days", "falls", "moves"),
    [(1, 30, False, True), (2, 8, True, False), (3, 10, False, False)],
)
def test_who_reads_all_reports_of_all_levels_and_days_computes_nothing(
    survey, seed, days, falls, moves
):
    world = adversarial(seed, days, falls=falls, moves=moves)
    world.take()
    attacker = attack(world, survey, rises=not falls)
    assert attacker.leaks() == []
    hidden = 0
    for cell, track in attacker.tracks.items():
        for day in range(days):
            assert world.counts[cell][day] in track.counts(day), "the attacker excluded the truth"
            hidden += len(track.counts(day)) > 1
    assert hidden > days, "nothing was hidden, so nothing was attacked"


# --- the attack finds what a worse rule tells ---------------------------------------------------


def as_it_is(count, before, target, people):
    return max(count, before)


def without_bounds(count, before, target, people):
    return publish(count, before, None)


def without_the_roster(count, before, target, people):
    return publish(count, before, target)


def almost_at_any_distance(count, before, target, people):
    value = publish(count, 0, target, people)
    return max(value, before) if value != count else publish(count, before, target, people)


@pytest.mark.parametrize(
    "rule", [as_it_is, without_bounds, without_the_roster, almost_at_any_distance]
)
def test_the_attack_finds_what_a_worse_rule_tells(survey, rule):
    world = adversarial(3, 8, falls=False, moves=False)
    world.rule = rule
    world.take()
    assert attack(world, survey, rises=True).leaks() != []


def test_a_reader_takes_numbers_out_of_a_text():
    text = (
        "📊 *Survei* — Dinas 4\nInternal: 1.280 dari 2.500 (51,2%), naik 34\nAhli: <5\n\n"
        "Perlu sosialisasi:\n• Dinas 5 (langsung): hampir lengkap\n• Dinas 6\ndan 2 unit lain"
    )
    said = [(one.of_unit, one.name, one.kind, one.value, one.rise) for one in read(text)]
    assert said == [
        (False, "Internal", "number", 1280, 34),
        (False, "Ahli", "few", None, None),
        (True, "Dinas 5", "almost", None, None),
        (True, "Dinas 6", "hidden", None, None),
    ]


def test_paths_are_possible_histories():
    track = Track([(10, None)] * 3)
    track.narrow(0, {0})
    track.narrow(1, {0})
    track.narrow(2, {6})
    track.solve()
    assert [track.counts(day) for day in range(3)] == [[0, 1, 2, 3, 4]] * 2 + [[6, 7, 8, 9, 10]]
    assert track.path(highest=False) == [0, 0, 6]
    assert track.path(highest=True) == [4, 4, 10]


# --- twins: other histories, the same texts -----------------------------------------------------


PHONES = {None: "+6281200000100", 2: "+6281200000102", 4: "+6281200000104"}


class Stage:
    """A real installation in which a world's days are played."""

    def __init__(self, house, clock, folder) -> None:
        self.house, self.clock = house, clock
        self.survey = publish_bundled(house)
        for unit, parent in PARENTS.items():
            assert add_unit(house, f"Dinas {unit}", code=str(unit), parent_id=parent) == unit
        rows = "".join(
            f"{phone},{f'own:{unit}' if unit else ''}\n" for unit, phone in PHONES.items()
        )
        path = folder / "coordinators.csv"
        path.write_text(f"phone,unit\n{rows}", "utf-8")
        import_coordinators(house, "integritas", path)

    def play(self, world: World) -> list[dict[str, str | bytes]]:
        """Return all that anybody is shown, day by day."""
        shown = []
        for day in range(world.days):
            self.house.database.write(partial(self._happen, world, day))
            self.clock.now = datetime(2026, 11, 1, 23, 0, tzinfo=UTC) + timedelta(days=day)
            assert snapshots.take_due(self.house) == 1
            shown.append(self.house.database.write(self._look))
            lines = progress.progress(self.house, "integritas")
            shown[-1]["progress --json"] = json.dumps(lines.to_dict())
        return shown

    def _happen(self, world, day, connection):
        for cell in CELLS:
            mine = {"survey_id": self.survey.id, "unit_id": cell[0], "grp": cell[1]}
            wanted = world.counts[cell][day]
            found = select(Conversation.id).filter_by(**mine)
            ids = list(connection.execute(found).scalars())
            row = mine | {"status": "finished", "flow_version_id": self.survey.flow_version_id}
            if len(ids) < wanted:
                connection.execute(insert(Conversation), [row] * (wanted - len(ids)))
            for one in ids[wanted:]:
                connection.execute(delete(Conversation).where(Conversation.id == one))
            connection.execute(delete(Target).filter_by(**mine))
            if world.targets[cell][day]:
                connection.execute(insert(Target), mine | {"target": world.targets[cell][day]})
        for unit, parent in world.parents[day].items():
            connection.execute(update(Unit).where(Unit.id == unit).values(parent_id=parent))

    def _look(self, connection):
        house = self.house
        shown: dict[str, str | bytes] = {}
        taken = snapshots.latest(connection, self.survey.id)
        assert taken is not None
        shown["stored"] = taken.to_json()
        for unit, phone in PHONES.items():
            contact = identity.find(connection, house, [Address("phone", phone)])
            assert contact is not None
            for word in ("PROGRES", "RINCIAN", "GRAFIK", "BAGIKAN"):
                inbound = Inbound("simulator", "us", word, (Address("phone", phone),), word)
                said = asked.answer(connection, house, contact, inbound)
                assert said is not None
                shown[f"{word} of {unit}"] = said.text
            report = digest.read_report(
                connection, self.survey, read_hierarchy(connection), unit, date.max
            )
            assert report is not None
            for name, write in SURFACES.items():
                shown[f"{name} of {unit}"] = write(report)
        return shown


def test_histories_that_an_attacker_cannot_tell_apart_give_the_same_texts_everywhere(
    either_url, tmp_path, survey
):
    """Every count of every cell is another one, as low or as high as can be, and nobody notices."""
    world = adversarial(5, 7, falls=False, moves=True)
    world.parents = [dict(PARENTS) | {5: 3 if day > 3 else 2} for day in range(7)]
    world.people = dict.fromkeys(CELLS)
    for cell in CELLS:
        most = max((one for one in world.targets[cell] if one), default=45)
        world.counts[cell] = [min(count, most) for count in world.counts[cell]]
    world.take()
    attacker = attack(world, survey, rises=True)
    assert attacker.leaks() == []
    twins = [world] + [
        World(
            {cell: track.path(highest=highest) for cell, track in attacker.tracks.items()},
            *(world.targets, world.people, world.parents),
        )
        for highest in (False, True)
    ]
    sums = [sum(counts[-1] for counts in twin.counts.values()) for twin in twins]
    assert sums[1] < sums[0] < sums[2], sums
    assert sums[2] - sums[1] > 20, sums
    clock = TestClock()
    shown = []
    with installation(either_url, clock=clock) as house:
        stage = Stage(house, clock, tmp_path)
        for twin in twins:
            house.database.write(lambda c: c.execute(delete(ProgressSnapshot)))
            shown.append(stage.play(twin))
    for day in range(world.days):
        assert shown[0][day] == shown[1][day] == shown[2][day]
