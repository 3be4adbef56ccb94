"""Installations for tests: migrated, with a secret and a clock of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.interview.installation import SIMULATED, Clock, Installation, Via, open_installation
from bot.interview.surveys import Published, publish, read_files
from storage.database import Database
from storage.keys import Secret
from tests.tables import make_tables

SECRET = "a secret for tests, long enough to be one"
FLOWS = Path(__file__).parent.parent / "flows"
# A Monday, 10.00 WIB: within everybody's hours, the bundled survey open.
MONDAY = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


class TestClock:
    """A source of time that stands still until it is moved."""

    __test__ = False

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def move(self, by: timedelta | None = None, **parts: float) -> None:
        """Move time, by a timedelta or by its parts (`hours=3`)."""
        self.now += by if by is not None else timedelta(**parts)


@contextmanager
def installation(
    url: str,
    *,
    clock: Callable[[], datetime] | None = None,
    serving: bool = True,
    demo: bool = False,
    via: Via = SIMULATED,
) -> Iterator[Installation]:
    """Migrate a database and yield its installation."""
    database = Database(url, serving=serving, durable=False)
    make_tables(database)
    try:
        yield open_installation(
            database, Secret(SECRET), demo=demo, clock=Clock(clock or TestClock()), via=via
        )
    finally:
        database.close()


def bundled_files() -> dict[str, str]:
    """Return the files of the bundled survey."""
    return read_files(FLOWS / "integritas")


def publish_bundled(
    installation: Installation, *, questions: int | None = None, **changes: str
) -> Published:
    """Publish the bundled survey, `changes` replacing lines "key: value" of settings and texts.

    `questions` leaves so many first ones of each flow, for tests that need few.
    """
    files = bundled_files()
    for name in ("internal.yaml", "eksternal.yaml", "ahli.yaml") if questions else ():
        files[name] = "\n  - name: ".join(files[name].split("\n  - name: ")[: (questions or 0) + 1])
    for name, value in changes.items():
        lines = files["survey.yaml"].split("\n")
        starts = (f"{name}:", f"  {name}:")
        found = [number for number, line in enumerate(lines) if line.startswith(starts)]
        if not found:
            raise KeyError(f"survey.yaml has no line {name}:")
        indent = lines[found[0]].removesuffix(lines[found[0]].lstrip())
        lines[found[0]] = f"{indent}{name}: {value}"
        files["survey.yaml"] = "\n".join(lines)
    return publish(installation, files)


def add_unit(
    installation: Installation,
    name: str = "Dinas Contoh",
    *,
    code: str = "U1",
    parent_id: int | None = None,
    zone: str = "Asia/Jakarta",
) -> int:
    """Store a unit and return its id."""
    from sqlalchemy import insert

    from storage.models import Unit

    values = {
        "code_list": "own",
        "code": code,
        "name": name,
        "parent_id": parent_id,
        "zone": zone,
    }
    return installation.database.write(
        lambda connection: int(
            connection.execute(insert(Unit).values(values).returning(Unit.id)).scalar_one()
        )
    )
