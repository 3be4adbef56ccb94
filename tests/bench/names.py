"""`tautan roster duplicates --names` on a long list: invented names, one person in 398 twice."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench import rosters
from tests.bench.prepare import fill
from tests.lists import word
from tests.postgres import fresh_database, running_postgres
from tests.setup import FLOWS, SECRET

GIVEN, FAMILY, TWICE = 1_499, 4_001, 398  # primes: nothing repeats within a unit


def write_named(path: Path, rows: int) -> None:
    """Write a list whose people have names of two or three words, some of them common."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kelompok", "nama", "hp_wa", "kode unit"])
        for number in range(rows):
            twin = number % TWICE == 0
            person = number + 1 if twin else number
            # Squares make some names common, as they are.
            parts = [word(person * person % GIVEN), word(GIVEN + person * 7919 % FAMILY)]
            if person % 3:
                parts.insert(1, word(GIVEN + FAMILY + person * 104_729 % FAMILY))
            name = f"Drs. {' '.join(parts).upper()}, M.Si" if twin else " ".join(parts)
            unit = f"own:D{(number // 2) % rosters.UNITS:03d}"
            writer.writerow(["internal", name, f"0813{number:08d}", unit])


def names(rows: int) -> bool:
    """Measure; return whether most of those who stand there twice were suggested."""
    out = rosters.out
    with (
        running_postgres(durable=True) as admin,
        fresh_database(admin) as url,
        tempfile.TemporaryDirectory() as folder,
    ):
        path = Path(folder) / "named.csv"
        write_named(path, rows)
        fill(url)
        rosters.add_units(url)
        out.print(f"import of {rows:,} names: {rosters.run_import(path, url).told()}")
        seconds, memory, said = _compare(url, folder)
        twice = rows // TWICE
        out.print(f"names compared: {seconds:.1f} s, {memory:.0f} MB, {said} ({twice} are twice)")
        return int(said.split()[0]) >= twice * 0.9


def _compare(url: str, folder: str) -> tuple[float, float, str]:
    environment = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "TAUTAN_SECRET_KEY": SECRET,
        "FLOWS_DIR": str(FLOWS),
    }
    command = [sys.executable, "-c", "from bot.cli import main; main()", "roster", "duplicates"]
    command += ["integritas", "--names", "--open", "--json"]
    with (Path(folder) / "said").open("w+") as said:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        said.seek(0)
        text = said.read().strip()
    if status:
        raise SystemExit(text)
    return seconds, usage.ru_maxrss / 1024, text
