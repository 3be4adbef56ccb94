"""Tautan's own programs as processes of their own, to be killed with -9 and started again.

Only processes that were started here are ever ended.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import urllib3
from sqlalchemy.engine import make_url

from tests.fake_twilio import FakeTwilio
from tests.forked import Forked
from tests.setup import FLOWS, SECRET

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
BASE = "https://survei.contoh.test"
START_SECONDS = 60.0


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def environment(database_url: str, twilio: FakeTwilio) -> dict[str, str]:
    """Return the settings of a Tautan that sends to the fake; nothing of our own goes along."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": database_url,
        "PUBLIC_BASE_URL": BASE,
        "TAUTAN_SECRET_KEY": SECRET,
        "FLOWS_DIR": str(FLOWS),
        "LOG_LEVEL": "WARNING",
        "TWILIO_ACCOUNT_SID": twilio.account_sid,
        "TWILIO_AUTH_TOKEN": twilio.auth_token,
        "TWILIO_WHATSAPP_FROM": twilio.sender,
        "TWILIO_API_BASE_URL": twilio.base_url,
    }


class Executed:
    """A program as operators start it, with all its children in a group of its own."""

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                env=env,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """`kill -9`, its children included."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(20)


class Program:
    """One program of ours that can be killed and started again, on the same port if it has one.

    `run` starts it, with its words going into a file.
    """

    def __init__(
        self, run: Callable[[Path], Executed | Forked], folder: Path, port: int | None = None
    ) -> None:
        self._run = run
        self.port = port
        self.log = folder / f"log-{id(self):x}.txt"
        self._process: Executed | Forked | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.alive

    def start(self) -> None:
        """Start it; `wait_until_ready` tells when it answers."""
        assert not self.alive
        self._process = self._run(self.log)

    def wait_until_ready(self) -> None:
        """Return when it answers `/health`. Raises AssertionError with its log when it ended."""
        end = time.monotonic() + START_SECONDS
        while self.alive and time.monotonic() < end:
            if self.port is None or self.get("/health")[0] == 200:
                return
            time.sleep(0.02)
        raise AssertionError(f"a program did not start:\n{self.log.read_text()[-3000:]}")

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of a page, status 0 where nobody answers."""
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            url = f"http://127.0.0.1:{self.port}{path}"
            got = urllib3.request("GET", url, retries=False, timeout=20)
            return got.status, got.data.decode()
        return 0, ""

    def kill(self) -> None:
        """`kill -9`, if it was started."""
        if self._process is not None:
            self._process.kill()


class Fleet:
    """Some programs that work on one database, and the front door to those that have a port."""

    def __init__(self, *programs: Program) -> None:
        self.programs = programs
        self.kills = 0
        self.whole_since: float | None = 0.0  # since when all run (monotonic), None when not
        self.answered = 0  # posts, about: it is counted without a lock
        self._shut: Callable[[], bool] | None = None  # whether nothing more may get through now
        self._pool = urllib3.PoolManager(maxsize=64, num_pools=64)

    def __enter__(self) -> Fleet:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._pool.clear()

    def start(self) -> None:
        """Start all that do not run and wait until they answer."""
        for program in self.programs:
            if not program.alive:
                program.start()
        for program in self.programs:
            program.wait_until_ready()

    def kill(self) -> None:
        """`kill -9` all."""
        for program in self.programs:
            program.kill()

    def whole_for(self, seconds: float) -> bool:
        """Whether all have been running for so long."""
        since = self.whole_since
        return since is not None and time.monotonic() >= since + seconds

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any, bytes]:
        """Post to any server that listens, as a proxy would: what FakeTwilio takes as `post`.

        A request that a server took and did not answer is not given to another one.
        """
        assert url.startswith(BASE), f"{url} is not below {BASE}"
        self.door()
        ports = [program.port for program in self.programs if program.port]
        for port in random.sample(ports, len(ports)):
            target = f"http://127.0.0.1:{port}{url.removeprefix(BASE)}"
            try:
                got = self._pool.request(
                    "POST", target, body=body, headers=dict(headers), retries=False, timeout=15
                )
            except urllib3.exceptions.NewConnectionError:
                continue
            except urllib3.exceptions.HTTPError as error:
                raise TimeoutError(str(error)) from error
            self.answered += 1
            return got.status, got.headers, got.data
        raise ConnectionRefusedError(url)

    def door(self) -> None:
        """Wait while the others are too far ahead of one that was killed and starts again."""
        end = time.monotonic() + START_SECONDS
        while (shut := self._shut) is not None and shut() and time.monotonic() < end:
            time.sleep(0.002)

    @contextlib.contextmanager
    def under_fire(
        self,
        progress: Callable[[], int],
        least: int,
        most: int,
        seed: int = 0,
        shots: int | None = None,
    ) -> Iterator[None]:
        """While the block runs, kill one at random now and then and start it again.

        A shot falls when `progress` has grown by a number from `least` to `most` since all ran, so
        that it hits work under way however fast the machine is. While one starts again the others
        go on by `least` at most, where `door` is asked: so there are as many shots on a machine
        that starts programs slowly. After `shots` of them no more fall. At the end all run. What
        goes wrong here is raised when the block ends.
        """
        chance = random.Random(seed)
        over = threading.Event()
        failures: list[BaseException] = []

        def fire() -> None:
            try:
                for _ in itertools.repeat(None) if shots is None else range(shots):
                    goal = progress() + chance.randint(least, most)
                    while progress() < goal:
                        if over.wait(0.002):
                            return
                    program = chance.choice(self.programs)
                    self.whole_since = None
                    program.kill()
                    self.kills += 1
                    far = progress() + least
                    self._shut = lambda far=far: progress() >= far
                    program.start()
                    program.wait_until_ready()
                    self.whole_since, self._shut = time.monotonic(), None
            except BaseException as failure:
                failures.append(failure)
            finally:
                self._shut = None

        thread = threading.Thread(target=fire, name="under-fire")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
        if failures:
            raise failures[0]

    def tell(self) -> str:
        """Return the ends of all logs, for the message of a test that failed."""
        return "\n\n".join(one.log.read_text()[-3000:] for one in self.programs)


def real_fleet(database_url: str, twilio: FakeTwilio, folder: Path) -> Fleet:
    """Return what operators run: `tautan run`, or on PostgreSQL two servers and a worker."""
    env = environment(database_url, twilio)
    if make_url(database_url).get_backend_name() == "sqlite":
        return Fleet(tautan_run(env, folder))
    worker = executed("tautan worker", env, folder)
    return Fleet(granian(env, folder), granian(env, folder), worker)


def busy_fleet(
    database_url: str,
    twilio: FakeTwilio,
    folder: Path,
    clock: Path,
    servers: int = 2,
    workers: int = 3,
) -> Fleet:
    """Return programs whose sweeps come often and whose time is that of a file.

    On SQLite one that does all; on PostgreSQL some servers and workers.
    """
    env = environment(database_url, twilio)
    if make_url(database_url).get_backend_name() == "sqlite":
        return Fleet(served(env, folder, clock, "web"))
    kinds = ["web"] * servers + ["worker"] * workers
    return Fleet(*[served(env, folder, clock, kind) for kind in kinds])


def tautan_run(env: Mapping[str, str], folder: Path) -> Program:
    """Return `tautan run` on a free port."""
    return executed("tautan run", env, folder, free_port())


def granian(env: Mapping[str, str], folder: Path) -> Program:
    """Return `wsgi:app` under granian on a free port."""
    port = free_port()
    words = f"--interface wsgi --host 127.0.0.1 --port {port} --blocking-threads 8 --no-ws wsgi:app"
    return executed(f"granian {words}", env, folder, port)


def executed(words: str, env: Mapping[str, str], folder: Path, port: int | None = None) -> Program:
    """Return a program of our environment as operators start it."""
    name, *arguments = words.split()
    settings = dict(env) | ({"PORT": str(port)} if port else {})
    argv = [str(BIN / name), *arguments]
    return Program(lambda log: Executed(argv, settings, folder, log), folder, port)


def served(env: Mapping[str, str], folder: Path, clock: Path, kind: str) -> Program:
    """Return `tests.served`, the server ("web") or worker whose clock can be moved."""
    port = free_port() if kind == "web" else None
    words = [str(clock), kind, *([str(port)] if port else [])]

    def run(log: Path) -> Forked:
        return Forked("tests.served", *words, env=env, folder=folder, log=log)

    return Program(run, folder, port)


class StoppablePostgres:
    """A server made by `running_postgres` that can be stopped as an operator would, and started.

    Leaving the block stops what was started here; the rest is up to `running_postgres`.
    """

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")
        with psycopg.connect(self._url) as connection:
            row = connection.execute("SHOW data_directory").fetchone()
        assert row is not None
        self._data = Path(str(row[0]))
        self._mine: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> StoppablePostgres:
        return self

    def __exit__(self, *_: object) -> None:
        if self._mine is not None:
            self.stop()

    def stop(self) -> None:
        """End it at once: who is connected loses the connection."""
        file = self._data / "postmaster.pid"
        os.kill(int(file.read_text().split("\n", 1)[0]), signal.SIGINT)
        end = time.monotonic() + 20
        while file.exists():
            assert time.monotonic() < end, "PostgreSQL did not stop"
            time.sleep(0.02)
        if self._mine is not None:
            self._mine.wait(20)
            self._mine = None

    def start(self) -> None:
        """Start it again, with the options it had, and wait until it answers."""
        owner = self._data.stat()
        as_owner: dict[str, Any] = (
            {} if os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid}
        )
        self._mine = subprocess.Popen(
            shlex.split((self._data / "postmaster.opts").read_text()),
            cwd=self._data,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **as_owner,
        )
        end = time.monotonic() + 20
        while True:
            try:
                psycopg.connect(self._url).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < end, "PostgreSQL did not start again"
                time.sleep(0.05)
