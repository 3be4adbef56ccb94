"""`make bench`: durable turns a second on both databases, beside what the server can do at most.

For each database and number of connections, in the same run and on the same server:

    bare     a Flask route that answers at once
    durable  the signature checked and one durable commit
    turn     a whole turn of the survey; the rows are counted afterwards

The ratio turn/durable is what to trust: the machine's speed cancels out.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, func, select

from storage.database import Database
from storage.models import Conversation, Inbound, Outbox
from tests.bench import load
from tests.bench.campaign import campaign
from tests.bench.counts import counts
from tests.bench.flows import flows
from tests.bench.load import Measured
from tests.bench.names import names
from tests.bench.prepare import ACCOUNT, CONTACTS, SENDER, TOKEN, fill, posts
from tests.bench.rosters import rosters
from tests.postgres import fresh_database, running_postgres
from tests.setup import FLOWS, SECRET

ROOT = Path(__file__).parent.parent.parent
CONNECTIONS = {1: 1_500, 16: 6_000, 64: 6_000}  # and how many requests of each kind
WANTED = 0.4  # of the bare durable commit's rate, at 16 connections
out = Console()


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(url: str, port: int) -> Iterator[None]:
    """Serve the database: SQLite by Tautan's own server, PostgreSQL by two processes of granian."""
    base = f"http://127.0.0.1:{port}"
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": url,
        "PUBLIC_BASE_URL": base,
        "TAUTAN_SECRET_KEY": SECRET,
        "FLOWS_DIR": str(FLOWS),
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_WHATSAPP_FROM": SENDER,
        "BENCH_APP": "1",
        "PYTHONUNBUFFERED": "1",
    }
    if url.startswith("sqlite"):
        command = [sys.executable, "-m", "tests.bench.serve", str(port)]
        environment.pop("BENCH_APP")
    else:
        command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--workers", "2", "--blocking-threads", "8"]
        command += ["--no-ws", "--log-level", "warning", "tests.bench.serve:app"]
    with tempfile.TemporaryDirectory() as folder:
        # An empty working folder: nobody's .env has a say.
        process = subprocess.Popen(command, env=environment, cwd=folder)
        try:
            _wait(base, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait(base: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            raise SystemExit("the server under measurement did not start")
        try:
            urllib.request.urlopen(f"{base}/health", timeout=2).read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the server under measurement does not answer")


def measure(url: str) -> list[tuple[int, str, Measured]]:
    """Measure one database."""
    fill(url)
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    rows: list[tuple[int, str, Measured]] = []
    sid, turns = 1, 0
    with server(url, port):
        load.run(port, posts(base, "/durable", range(500), 10**9), 8)  # warm
        for connections, number in CONNECTIONS.items():
            for kind, path in (("bare", "/bare"), ("durable", "/durable"), ("turn", "/whatsapp")):
                people = [(turns + index) % CONTACTS for index in range(number)]
                requests = posts(base, path, people, sid)
                sid += number
                rows.append((connections, kind, load.run(port, requests, connections)))
                if kind == "turn":
                    turns += number
    _count(url, turns)
    return rows


def _count(url: str, turns: int) -> None:
    """Every turn that was answered must be in the database, once. Raises SystemExit."""
    database = Database(url)
    try:
        for table in (Inbound, Outbox):
            found = database.read(partial(_rows, select(func.count()).select_from(table)))
            if found != turns:
                raise SystemExit(f"{table.__tablename__} has {found} rows after {turns} turns")
        versions = select(func.sum(Conversation.version))
        moved = database.read(partial(_rows, versions))
        if moved != turns:
            raise SystemExit(f"conversations moved {moved} times in {turns} turns")
    finally:
        database.close()


def _rows(query: Any, connection: Connection) -> int:
    return int(connection.execute(query).scalar_one())


def show(name: str, rows: list[tuple[int, str, Measured]]) -> bool:
    """Print one database's table; return whether the targets are met."""
    table = Table(title=name, title_justify="left")
    for column in ("connections", "what", "per second", "of durable", "p50 ms", "p99 ms", "failed"):
        table.add_column(column, justify="right")
    met = True
    durable = 1.0
    for connections, kind, one in rows:
        durable = one.rate if kind == "durable" else durable
        share = one.rate / durable if kind == "turn" else None
        table.add_row(
            str(connections),
            kind,
            f"{one.rate:,.0f}",
            f"{share:.2f}" if share is not None else "",
            f"{one.p50:.1f}",
            f"{one.p99:.1f}",
            str(one.failures),
        )
        if kind == "turn" and connections == 16:
            met = share is not None and share >= WANTED and one.p99 < 100
        met = met and one.failures == 0
    out.print(table)
    return met


def main() -> None:
    """Measure what the command line names, all if nothing."""
    parser = argparse.ArgumentParser()
    kinds = ["sqlite", "postgresql", "campaign", "rosters", "names", "counts", "flows"]
    parser.add_argument("what", nargs="*", choices=[*kinds, []])
    parser.add_argument("--rows", type=int, default=100_000, help="of the roster")
    parser.add_argument("--invitations", type=int, default=3_000, help="of the campaign")
    parser.add_argument("--conversations", type=int, default=1_000_000, help="of the counts")
    given = parser.parse_args()
    asked = given.what or kinds
    met = True
    if "sqlite" in asked:
        with tempfile.TemporaryDirectory() as folder:
            met &= show("SQLite", measure(f"sqlite:///{folder}/bench.db"))
    if "postgresql" in asked:
        with running_postgres(durable=True) as admin, fresh_database(admin) as url:
            met &= show("PostgreSQL", measure(url))
    if {"sqlite", "postgresql"} & set(asked):
        out.print("targets met" if met else "TARGETS MISSED: 0.4 of durable and p99 < 100 ms at 16")
    if "campaign" in asked:
        met &= campaign(given.invitations)
    if "rosters" in asked:
        met &= rosters(given.rows)
    if "counts" in asked:
        met &= counts(given.conversations)
    if "names" in asked:
        met &= names(given.rows)
    if "flows" in asked:
        met &= flows()
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
