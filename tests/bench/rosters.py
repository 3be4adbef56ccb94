"""A million roster rows into PostgreSQL while people answer, beside what bare tools need for them.

In the same run, on the same machine: `csv` alone; csv + COPY + ON CONFLICT; `phonenumbers` on every
row (measured on some of them); the fast path for plain forms. Then the import by `tautan roster
import`, a process of its own, while a server answers webhooks; the same file again; and a newer
file in which one row in a hundred is another.
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
from tests.processes import BIN
from tests.setup import FLOWS, SECRET

UNITS = 500
GROUPS = ("internal", "eksternal", "ahli")
SECONDS, MEMORY, P99 = 60.0, 300.0, 100.0  # at most, for a million rows
SAMPLE = 20_000
RATE = 40  # webhooks a second while rows are read
out = Console()


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
        base, sid = f"http://127.0.0.1:{self._port}", 10**6
        while not self._over.is_set():
            start = time.perf_counter()
            people = [(sid + place) % CONTACTS for place in range(RATE)]
            measured = load.run(self._port, posts(base, "/whatsapp", people, sid), 2)
            sid += RATE
            self.latencies += measured.latencies
            self.failures += measured.failures
            self._over.wait(max(0.0, 1 - (time.perf_counter() - start)))

    def p99(self) -> float:
        """Return the 99th percentile, in ms."""
        ordered = sorted(self.latencies)
        return ordered[int(len(ordered) * 0.99)] * 1000 if ordered else 0.0


def run_import(path: Path, url: str, *more: str) -> tuple[float, float, float, dict[str, Any]]:
    """Import by the command; return seconds, those of CPU, the most memory in MB, the report."""
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "TAUTAN_SECRET_KEY": SECRET,
        "FLOWS_DIR": str(FLOWS),
    }
    command = [str(BIN / "tautan"), "roster", "import", str(path), "--survey", "integritas"]
    command += ["--institution", "own:D000", "--json", *more]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "report").open("w+") as told:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=told)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            raise SystemExit("the import failed")
        told.seek(0)
        cpu = usage.ru_utime + usage.ru_stime
        return seconds, cpu, usage.ru_maxrss / 1024, json.loads(told.read())


def rosters(rows: int) -> bool:
    """Measure; return whether the targets are met, in proportion to the rows."""
    from tests.bench.run import free_port, server

    with (
        running_postgres(durable=True) as admin,
        fresh_database(admin) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        first, second = Path(folder) / "first.csv", Path(folder) / "second.csv"
        write_roster(first, rows)
        write_roster(second, rows, newer=True)
        fill(url)
        _units(url)
        for what, seconds in bare(first, rows, url).items():
            out.print(f"{what}: {seconds:.1f} s")
        port = free_port()
        with server(url, port):
            with Webhooks(port) as webhooks:
                seconds, cpu, memory, report = run_import(first, url)
            out.print(
                f"import of {rows:,} rows: {seconds:.1f} s ({cpu:.1f} of CPU), {memory:.0f} MB,"
                f" {report['counts']}"
            )
            out.print(
                f"{len(webhooks.latencies)} webhooks meanwhile: p99 {webhooks.p99():.1f} ms,"
                f" {webhooks.failures} failed"
            )
        good = seconds < SECONDS * max(rows / 1_000_000, 0.1) and memory < MEMORY
        good = good and webhooks.p99() < P99 and not webhooks.failures
        again, _, _, report = run_import(first, url)
        out.print(f"the same file again: {again:.1f} s, {report['counts']}")
        newer, _, _, report = run_import(second, url)
        told = {name: report[name] for name in ("added", "changed", "gone")}
        out.print(f"a newer file: {newer:.1f} s, {told}")
        out.print("targets met" if good else "TARGETS MISSED")
        return good


def _units(url: str) -> None:
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
