"""Counts by unit and group over a million conversations, beside the GROUP BY that they stand for.

In the same run and database: the kept counts as a snapshot reads them, with as many changes waiting
as half an hour of a busy day brings; the bare GROUP BY over all conversations; the daily recount;
and what the triggers add to a turn, by the same updates with and without them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, func, select, text

from bot.reporting import recount
from storage.models import Conversation, ProgressChange
from storage.queries import progress, reports
from tests.postgres import fresh_database, running_postgres
from tests.setup import add_unit, installation, publish_bundled

UNITS = 500
WANTED = 50.0  # ms
WAITING = 5_000  # also how many turns are measured
TRIGGERS = ("conversation_came", "conversation_moved", "conversation_left")
out = Console()

# A third is finished, a few are pilots, the others are invited or half-way.
_ROW = (
    "INSERT INTO conversation (survey_id, unit_id, grp, status, flow_version_id, version, pilot)"
    " SELECT :survey, :unit + n % {units}, CASE n % 3 WHEN 0 THEN 'internal' WHEN 1 THEN"
    " 'eksternal' ELSE 'ahli' END, CASE n % 7 WHEN 0 THEN 'finished' WHEN 1 THEN 'finished' WHEN 2"
    " THEN 'asking' ELSE 'invited' END, :version, 0, n % 1000 = 999 FROM {numbers}"
)
_SQLITE = (
    "(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < :last)"
    " SELECT n FROM s)"
)
_POSTGRESQL = "generate_series(0, :last) AS s(n)"


def counts(number: int) -> bool:
    """Measure both databases with so many conversations; return whether the target is met."""
    met = True
    with tempfile.TemporaryDirectory() as folder:
        met &= _measure("SQLite", f"sqlite:///{folder}/bench.db", number)
    with running_postgres(durable=True) as admin, fresh_database(admin) as url:
        met &= _measure("PostgreSQL", url, number)
    out.print("target met" if met else f"TARGET MISSED: {WANTED:.0f} ms")
    return met


def _measure(name: str, url: str, number: int) -> bool:
    with installation(url) as here:
        survey = publish_bundled(here)
        first = next(add_unit(here, f"Dinas {one}", code=f"D{one}") for one in range(UNITS))
        values = {
            "survey": survey.id,
            "unit": first,
            "version": survey.flow_version_id,
            "last": number - 1,
        }
        numbers = _SQLITE if here.database.is_sqlite else _POSTGRESQL
        rows = text(_ROW.format(units=UNITS, numbers=numbers))
        here.database.write(lambda c: c.execute(rows, values))
        recount.keep(here)
        if not here.database.is_sqlite:
            here.database.write(lambda c: c.execute(text("ANALYZE")))
        with_triggers = _turns(here.database, WAITING)
        waiting = here.database.read(
            lambda c: c.execute(select(func.count()).select_from(ProgressChange)).scalar_one()
        )

        def kept(connection: Connection) -> Any:
            return reports.finished(connection, survey.id)

        def grouped(connection: Connection) -> Any:
            return _grouped(connection, survey.id)

        same = here.database.read(kept) == here.database.read(grouped)
        times = {
            f"kept counts, {waiting:,} changes waiting": _median(here.database, kept),
            "GROUP BY unit, group": _median(here.database, grouped, 5),
            "recount (once a day)": _median(here.database, progress.differing, 5),
        }
        for trigger in TRIGGERS:
            on = "" if here.database.is_sqlite else " ON conversation"
            drop = text(f"DROP TRIGGER {trigger}{on}")
            here.database.write(lambda c, drop=drop: c.execute(drop))  # type: ignore[misc]
        without = _turns(here.database, WAITING)
        _show(name, number, times, with_triggers, without, same)
        return same and times[next(iter(times))] < WANTED


def _grouped(connection: Connection, survey_id: int) -> dict[tuple[int, str], int]:
    rows = connection.execute(
        select(Conversation.unit_id, Conversation.grp, func.count())
        .where(
            Conversation.survey_id == survey_id,
            Conversation.status == "finished",
            Conversation.pilot.is_(False),
        )
        .group_by(Conversation.unit_id, Conversation.grp)
    )
    return {(unit_id, grp): int(number) for unit_id, grp, number in rows}


def _median(database: Any, work: Callable[[Connection], Any], times: int = 21) -> float:
    """Return how many ms it takes, the median."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        database.read(work)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def _turns(database: Any, number: int) -> dict[str, float]:
    """Return the µs of one update inside a transaction: a turn under way, and one that ends."""
    ids = database.read(
        lambda c: list(
            c.execute(
                select(Conversation.id).where(Conversation.status == "asking").limit(number)
            ).scalars()
        )
    )

    def run(connection: Connection, status: str) -> float:
        statement = text(
            f"UPDATE conversation SET status = '{status}', version = version + 1 WHERE id = :id"
        )
        began = time.perf_counter()
        for one in ids:
            connection.execute(statement, {"id": one})
        return (time.perf_counter() - began) * 1e6 / len(ids)

    database.write(lambda c: run(c, "asking"))  # warm
    return {
        "turn": database.write(lambda c: run(c, "asking")),
        "last turn": database.write(lambda c: run(c, "finished")),
    }


def _show(
    name: str,
    number: int,
    times: dict[str, float],
    with_triggers: dict[str, float],
    without: dict[str, float],
    same: bool,
) -> None:
    table = Table(title=f"{name}, {number:,} conversations", title_justify="left")
    table.add_column("what")
    table.add_column("ms", justify="right")
    for what, taken in times.items():
        table.add_row(what, f"{taken:.2f}")
    out.print(table)
    table = Table("update of a", "with triggers µs", "without µs")
    for what, taken in with_triggers.items():
        table.add_row(what, f"{taken:.1f}", f"{without[what]:.1f}")
    out.print(table)
    out.print("kept and true counts agree" if same else "THE KEPT COUNTS ARE WRONG")
