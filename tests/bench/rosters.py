"""A million roster rows into PostgreSQL while people answer, beside what bare tools need for them.

In the same run, on the same machine: `csv` alone; csv + COPY + ON CONFLICT; `phonenumbers` on every
row (measured on some of them); the fast path for plain forms; webhooks while nothing else happens.
Then the import by `tautan roster import`, a process of its own, while a server answers the same
webhooks; the same file again; the same rows in another file; and a newer one in which one row in a
hundred is another. On SQLite a tenth of the rows, with how long each transaction holds the lock.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import phonenumbers
import psycopg
from rich.console import Console
from sqlalchemy import insert

from bot.intake.phones import read_phone
from bot.interview.installation import open_installation
from storage.database import Database
from storage.keys import Secret
from storage.models import Unit
from tests.bench import load
from tests.bench.prepare import CONTACTS, fill, posts
from tests.postgres import fresh_database, running_postgres
from tests.setup import FLOWS, SECRET

UNITS = 500
GROUPS = ("internal", "eksternal", "ahli")
SECONDS, MEMORY, P99 = 60.0, 300.0, 100.0  # at most, for a million rows
START = 1.0  # seconds to begin, of however short a list
SAMPLE = 20_000
RATE, BURSTS = 40, 10  # webhooks a second while rows are read, in so many bursts
QUIET = 10.0  # seconds of webhooks alone
LOCK = 0.15  # seconds that one transaction may hold SQLite's lock
out = Console(soft_wrap=True)


def write_roster(path: Path, rows: int, *, newer: bool = False) -> None:
    """Write an invented list; of a newer one one row in 300 is changed, gone and new each."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kelompok", "nama", "hp_wa", "email", "kode unit", "jabatan", "sumber"])
        for number in range(rows):
            kind = number % 300 if newer else 3
            name = f"Pegawai Contoh {number}{' S.E.' if kind == 0 else ''}"
            place = number + rows if kind == 1 else number
            mail = f"orang{number}@contoh.go.id" if number % 3 else ""
            phone = _written(number, place)
            unit = f"own:D{number % UNITS:03d}"
            writer.writerow([GROUPS[number % 3], name, phone, mail, unit, "Staf", "BKD"])


def _written(number: int, place: int) -> str:
    """Return an invented number as people write them: mostly plain, some not, some unusable."""
    digits = f"{place:08d}"
    if number % 50 == 7:
        return "0511 3301234"
    if number % 10 == 3:
        return f"+62 813-{digits[:4]}-{digits[4:]}"
    if number % 20 == 9:
        return f"813{digits}"
    return f"0813{digits}"


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare(path: Path, rows: int, url: str) -> dict[str, float]:
    """Return the seconds that bare tools take for the file."""

    def read() -> None:
        with path.open(encoding="utf-8", newline="") as file:
            for _ in csv.reader(file):
                pass

    def copy() -> None:
        with psycopg.connect(url.replace("+psycopg", "")) as connection, path.open() as file:
            columns = "a text, b text, c text, d text, e text, f text, g text"
            connection.execute(f"CREATE TEMP TABLE staged ({columns})")
            connection.execute(f"CREATE TABLE bare ({columns}, UNIQUE (c))")
            with connection.cursor() as cursor, cursor.copy("COPY staged FROM STDIN") as into:
                for row in csv.reader(file):
                    into.write_row(row)
            connection.execute("INSERT INTO bare SELECT * FROM staged ON CONFLICT DO NOTHING")
            connection.execute("DROP TABLE bare")

    phones = [_written(number, number) for number in range(min(SAMPLE, rows))]

    def library() -> None:
        for phone in phones:
            parsed = phonenumbers.parse(phone, "ID")
            if phonenumbers.is_valid_number(parsed):
                phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)

    plain = [f"0813{number:08d}" for number in range(1_000_000, 1_000_000 + len(phones))]

    def fast() -> None:
        for phone in plain:
            read_phone(phone)

    scale = rows / len(phones)
    return {
        "csv alone": _timed(read),
        "csv + COPY + ON CONFLICT": _timed(copy),
        f"phonenumbers (from {len(phones):,} rows)": _timed(library) * scale,
        f"fast path (from {len(phones):,} rows)": _timed(fast) * scale,
    }


class Webhooks:
    """People who answer all the while, at a steady pace."""

    sid = 10**6  # no message has the number of another

    def __init__(self, port: int) -> None:
        self._port = port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.latencies: list[float] = []
        self.failures = 0

    def __enter__(self) -> Webhooks:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        base = f"http://127.0.0.1:{self._port}"
        while not self._over.is_set():
            start = time.perf_counter()
            first, number = Webhooks.sid, RATE // BURSTS
            people = [(first + place) % CONTACTS for place in range(number)]
            measured = load.run(self._port, posts(base, "/whatsapp", people, first), 2)
            Webhooks.sid += number
            self.latencies += measured.latencies
            self.failures += measured.failures
            self._over.wait(max(0.0, 1 / BURSTS - (time.perf_counter() - start)))

    def told(self) -> str:
        """Return how many there were and how fast they were answered."""
        ordered = sorted(self.latencies)
        shown = [f"p{share} {1000 * _part(ordered, share):.1f}" for share in (50, 99, 100)]
        return f"{len(ordered)} webhooks: {', '.join(shown)} ms, {self.failures} failed"

    @property
    def good(self) -> bool:
        """Whether they were answered as they must be."""
        return 1000 * _part(sorted(self.latencies), 99) < P99 and not self.failures


def _part(ordered: list[float], share: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)] if ordered else 0.0


@dataclass(frozen=True)
class Imported:
    """One import: seconds, those of CPU, the most memory in MB, the report, and how long each
    transaction held the lock, in seconds (SQLite's)."""

    seconds: float
    cpu: float
    memory: float
    report: dict[str, Any]
    locks: list[float]

    def told(self) -> str:
        """Return what it took and what came of it."""
        counts = {name: self.report[name] for name in ("added", "changed", "gone")}
        return f"{self.seconds:.1f} s ({self.cpu:.1f} of CPU), {self.memory:.0f} MB, {counts}"


def run_import(path: Path, url: str) -> Imported:
    """Import by the command, in a process of its own."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(FLOWS.parent),
        "DATABASE_URL": url,
        "TAUTAN_SECRET_KEY": SECRET,
        "FLOWS_DIR": str(FLOWS),
    }
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "report").open("w+") as told:
        locks = Path(folder) / "locks"
        command = [sys.executable, "-m", "tests.bench.locks", str(locks)]
        command += ["roster", "import", str(path), "--survey", "integritas"]
        command += ["--institution", "own:D000", "--json"]
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=told)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit("the import failed")
        told.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        memory, *held = [float(line) for line in locks.read_text().split()]
        return Imported(seconds, cpu, memory / 1024, json.loads(told.read()), held)


def rosters(rows: int) -> bool:
    """Measure; return whether the targets are met, in proportion to the rows."""
    with tempfile.TemporaryDirectory() as folder:
        with running_postgres(durable=True) as admin, fresh_database(admin) as url:
            out.print("PostgreSQL")
            good = _measure(url, rows, Path(folder))
        out.print("SQLite")
        good &= _measure(f"sqlite:///{folder}/bench.db", max(rows // 10, 1000), Path(folder))
    out.print("targets met" if good else "TARGETS MISSED")
    return good


def _measure(url: str, rows: int, folder: Path) -> bool:
    from tests.bench.run import free_port, server

    first, same, newer = (folder / f"{name}.csv" for name in ("first", "same", "newer"))
    write_roster(first, rows)
    write_roster(newer, rows, newer=True)
    same.write_bytes(first.read_bytes() + b"\n")
    fill(url)
    add_units(url)
    if url.startswith("postgresql"):
        for what, seconds in bare(first, rows, url).items():
            out.print(f"  {what}: {seconds:.1f} s")
    port = free_port()
    with server(url, port):
        with Webhooks(port):  # the first ones find everything cold
            time.sleep(2)
        with Webhooks(port) as alone:
            time.sleep(QUIET)
        out.print(f"  nothing else: {alone.told()}")
        with Webhooks(port) as meanwhile:
            done = run_import(first, url)
        out.print(f"  import of {rows:,} rows: {done.told()}")
        out.print(f"  meanwhile: {meanwhile.told()}")
    if done.locks:
        shown = f"{1000 * _part(sorted(done.locks), 50):.0f}, at most {1000 * max(done.locks):.0f}"
        out.print(f"  {len(done.locks)} transactions held the lock for {shown} ms")
    out.print(f"  the same file again: {run_import(first, url).told()}")
    out.print(f"  the same rows in another file: {run_import(same, url).told()}")
    out.print(f"  a newer file: {run_import(newer, url).told()}")
    quick = done.seconds < SECONDS * rows / 1_000_000 + START
    short = max(done.locks, default=0.0) < LOCK
    return quick and short and done.memory < MEMORY and meanwhile.good


def add_units(url: str) -> None:
    """Add the units that the lists name."""
    database = Database(url)
    here = open_installation(database, Secret(SECRET))
    values = [
        {"code_list": "own", "code": f"D{n:03d}", "name": f"Dinas {n}", "zone": "Asia/Jakarta"}
        for n in range(UNITS)
    ]
    here.database.write(lambda connection: connection.execute(insert(Unit), values))
    database.close()


if __name__ == "__main__":
    sys.exit(0 if rosters(int(sys.argv[1])) else 1)
