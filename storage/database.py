"""The database: how a use case gets its transaction, on SQLite and on PostgreSQL alike.

`Database.write(work)` runs `work(connection)` in one transaction and returns its result. `work` may
be run again from the start (a lost race, a dropped connection), so it does nothing but talk to the
connection. On SQLite the serving process has one writer thread that commits many jobs at once, a
savepoint each, because contending SQLite writers sleep unfairly; other processes (commands) write
in short `BEGIN IMMEDIATE` transactions. On PostgreSQL every job is a transaction of its own, begun
by its first statement that needs one (see `storage.prepared`).
"""

from __future__ import annotations

import fcntl
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import (
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import SQLAlchemyError as DatabaseError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.compiled import COMPILED
from storage.prepared import begin

__all__ = ["AlreadyServed", "Conflict", "Database", "DatabaseError", "Unavailable"]

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Work = Callable[[Connection], Result]

TRIES = 6
WAL_TRIES = 100  # of 50 ms
BATCH = 64
# PostgreSQL: serialization failure, deadlock. Both mean "nothing happened, do it again".
_RETRY_STATES = {"40001", "40P01"}


class Conflict(Exception):
    """Somebody else was first; nothing was written and the work must start again."""


class Unavailable(Exception):
    """The database cannot be reached or cannot take the write now."""


class AlreadyServed(Unavailable):
    """Another process serves this SQLite file."""


class Database:
    """One database, by URL. Nothing is opened before the first use: it may be made before a fork.

    `serving` says that this process answers requests: on SQLite it then holds the lock file and the
    one writer thread. Without `durable` SQLite does not wait for the disk: for invented data only.
    """

    def __init__(
        self, url: str, *, serving: bool = False, pool_size: int = 20, durable: bool = True
    ) -> None:
        self.url = _with_driver(url)
        self.serving = serving
        self._durable = durable
        self.is_sqlite = make_url(self.url).get_backend_name() == "sqlite"
        self._pool_size = pool_size
        self._guard = threading.Lock()
        self._closed = False
        self._writing: Engine | None = None
        self._reading: Engine | None = None
        self._writer: _Writer | None = None

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None."""
        name = make_url(self.url).database
        return Path(name) if self.is_sqlite and name else None

    @property
    def engine(self) -> Engine:
        """The engine whose transactions may write."""
        engine = self._writing
        if engine is None:
            with self._guard:
                engine = self._writing = self._writing or self._open(write=True)
        return engine

    @property
    def _reader(self) -> Engine:
        if not self.is_sqlite:
            return self.engine
        engine = self._reading
        if engine is None:
            with self._guard:
                engine = self._reading = self._reading or self._open(write=False)
        return engine

    def reason(self, error: Exception) -> str:
        """Say why the database cannot be reached; of a file also which one, and what to do."""
        said = _short(error)
        if self.file is None or "unable to open database file" not in said:
            return said
        folder = self.file.absolute().parent
        if not folder.is_dir():
            return f"{self.file}: there is no folder {folder}; make it, or change DATABASE_URL"
        return f"{self.file}: {said}; may this user write in {folder}? (see DATABASE_URL)"

    def read(self, work: Work[Result]) -> Result:
        """Run `work` in a transaction that only reads. Raises Unavailable."""
        for attempt in range(TRIES):
            try:
                with self._reader.connect() as connection, connection.begin():
                    return work(connection)
            except (OperationalError, InterfaceError, PoolTimeout) as error:
                if not _was_dropped(error) or attempt == TRIES - 1:
                    raise Unavailable(self.reason(error)) from error
        raise AssertionError("unreachable")

    def write(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction and return its result once that is durable.

        Races (`Conflict`, a unique constraint, a deadlock) and a connection that was dropped before
        the commit start it again, up to six times in all. (If that was in a statement that commits
        by itself, it may have been stored: `work` must then see that it has nothing to do.)
        Raises what `work` raises, Unavailable, or the last Conflict.
        """
        for attempt in range(TRIES):
            last = attempt == TRIES - 1
            try:
                return self._write_once(work)
            except (Conflict, IntegrityError) as error:
                if last:
                    raise
                log.debug("a write starts again: %s", type(error).__name__)
            except DBAPIError as error:
                if getattr(error.orig, "sqlstate", None) in _RETRY_STATES:
                    if last:
                        raise Conflict(_short(error)) from error
                elif not isinstance(error, OperationalError | InterfaceError):
                    raise
                elif last or not _was_dropped(error):
                    raise Unavailable(self.reason(error)) from error
            except PoolTimeout as error:
                raise Unavailable(self.reason(error)) from error
            if not self.is_sqlite:
                time.sleep(0.005 * 2**attempt)
        raise AssertionError("unreachable")

    def _write_once(self, work: Work[Result]) -> Result:
        if self.is_sqlite and self.serving:
            return self._writer_thread().run(work)
        with self.engine.connect() as connection:
            transaction = connection.begin()
            try:
                result = work(connection)
            except BaseException:
                transaction.rollback()
                raise
            try:
                transaction.commit()
            except (OperationalError, InterfaceError) as error:
                if _was_dropped(error):
                    # It may have been stored: what is not known must not be done twice.
                    raise Unavailable(self.reason(error)) from error
                raise
            return result

    def _writer_thread(self) -> _Writer:
        writer = self._writer
        if writer is None:
            engine = self.engine
            with self._guard:
                self._check_open()  # since the engine was looked up, all may have been closed
                writer = self._writer = self._writer or _Writer(engine, self.file)
        return writer

    def claim(self) -> None:
        """Take the SQLite file for this serving process now. Raises AlreadyServed."""
        if self.is_sqlite and self.serving:
            self._writer_thread()

    def close(self) -> None:
        """Finish queued writes and close all connections, for good."""
        with self._guard:
            self._closed = True
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        with self._guard:
            engines = (self._writing, self._reading)
            self._writing = self._reading = None
        for engine in engines:
            if engine is not None:
                engine.dispose()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("this process has closed the database: it is ending")

    def _open(self, *, write: bool) -> Engine:
        self._check_open()
        if not self.is_sqlite:
            engine = create_engine(
                self.url,
                pool_size=self._pool_size,
                max_overflow=10,
                pool_timeout=5,
                pool_recycle=1800,
                pool_pre_ping=False,
                hide_parameters=True,
                # The driver begins nothing by itself: `_begin_first` does, when it is needed.
                isolation_level="AUTOCOMMIT",
                execution_options={"compiled_cache": COMPILED},
                connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"},
            )
            event.listen(engine, "before_cursor_execute", _begin_first)
            return engine
        engine = create_engine(
            self.url,
            hide_parameters=True,  # errors are logged, and parameters may be somebody's words
            execution_options={"compiled_cache": COMPILED},
            connect_args={"timeout": 10, "check_same_thread": False},
        )
        event.listen(engine, "connect", _sqlite_settings)
        if not self._durable:
            event.listen(engine, "connect", _sqlite_hurries)
        event.listen(engine, "begin", _begin_immediate if write else _begin_deferred)
        return engine


class _Job(NamedTuple):
    work: Work[Any]
    future: Future[Any]
    since: float  # monotonic


class _Writer:
    """The one thread that writes to a SQLite file: jobs queue, a batch is one commit."""

    def __init__(self, engine: Engine, file: Path | None) -> None:
        self._lock = _lock(file) if file else None
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._entry = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="sqlite-writer", daemon=True)
        self._thread.start()

    def run(self, work: Work[Result]) -> Result:
        """Do `work` in the next batch; return its result once that is durable."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("a write inside a write: pass the connection on instead")
        future: Future[Result] = Future()
        with self._entry:  # nothing may queue behind the end, where nobody would take it up
            if self._closed:
                raise Unavailable("this process has closed the database: it is ending")
            self._jobs.put(_Job(work, future, time.monotonic()))
        return future.result()

    def close(self) -> None:
        with self._entry:
            self._closed = True
            self._jobs.put(None)
        self._thread.join(timeout=30)
        if self._lock is not None:
            self._lock.close()

    def _loop(self) -> None:
        waiting: list[_Job] = []
        while True:
            if not waiting:
                job = self._jobs.get()
                if job is None:
                    return
                waiting = [job]
            waiting = self._commit([*waiting, *self._queued(BATCH - len(waiting))])

    def _queued(self, most: int) -> list[_Job]:
        """Take what waits, this many at most."""
        jobs: list[_Job] = []
        while len(jobs) < most:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
            if job is None:  # the end, behind which nothing queues
                self._jobs.put(None)
                break
            jobs.append(job)
        return jobs

    def _commit(self, batch: list[_Job]) -> list[_Job]:
        """Run a batch in one transaction; a job that fails undoes itself and harms nobody else.

        Return those that have queued meanwhile and go next, where they had to be looked at.
        """
        began, later = time.monotonic(), list[_Job]()
        done: list[tuple[Future[Any], Any]] = []
        failed: list[tuple[Future[Any], BaseException]] = []
        try:
            with self._engine.connect() as connection, connection.begin():
                for work, future, _ in batch:
                    connection.exec_driver_sql("SAVEPOINT job")
                    try:
                        done.append((future, work(connection)))
                    except BaseException as reason:
                        connection.exec_driver_sql("ROLLBACK TO job")
                        failed.append((future, reason))
                    connection.exec_driver_sql("RELEASE job")
        except BaseException as reason:
            # The commit itself failed: nobody's work is durable.
            if _is_locked(reason):
                # Who queued meanwhile has waited for the same lock. To wait as long once more would
                # be longer than a webhook's sender waits for an answer (contract 2: 15 seconds).
                now = time.monotonic()
                queued = self._queued(self._jobs.qsize())
                later = [one for one in queued if now - one.since < (now - began) / 3]
                batch = batch + queued[: len(queued) - len(later)]
            settled = {id(future) for future, _ in failed}
            failed += [(one.future, reason) for one in batch if id(one.future) not in settled]
            done = []
        for future, result in done:
            future.set_result(result)
        for future, cause in failed:
            future.set_exception(cause)
        return later


def _with_driver(url: str) -> str:
    """Return the URL with our driver named: psycopg 3, whatever short form was given."""
    for short in ("postgresql://", "postgres://"):
        if url.startswith(short):
            return "postgresql+psycopg://" + url.removeprefix(short)
    return url


def _sqlite_settings(connection: Any, record: Any) -> None:
    # The driver must not open transactions by itself; "begin" below does.
    connection.isolation_level = None
    cursor = connection.cursor()
    _into_wal(cursor)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted is overwritten: free pages must tell nothing
        "busy_timeout=10000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _into_wal(cursor: Any) -> None:
    """Switch to WAL; SQLite does not wait for a lock here, so we do (two processes, a new file)."""
    for attempt in range(WAL_TRIES):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if attempt == WAL_TRIES - 1:
                raise
            time.sleep(0.05)
        else:
            return


def _sqlite_hurries(connection: Any, record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


def _begin_first(connection: Connection, *told: Any) -> None:
    """Open the transaction before a statement that SQLAlchemy runs, and has a context for."""
    context = told[3]
    alone = connection.get_execution_options().get("isolation_level") == "AUTOCOMMIT"
    if context is not None and not alone:
        begin(connection)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin_deferred(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _lock(file: Path) -> IO[str]:
    """Hold `<file>.lock` for as long as this process serves. Raises AlreadyServed."""
    path = file.with_name(file.name + ".lock")
    try:
        handle = path.open("a+")
    except OSError as error:
        raise Unavailable(
            f"{path} cannot be opened: {error.strerror}. Make its folder, or mend DATABASE_URL"
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.seek(0)
        holder = handle.read().strip() or "unknown"
        handle.close()
        raise AlreadyServed(
            f"process {holder} already serves {file.name}: SQLite takes one server."
            " Stop that one, run a single process, or set DATABASE_URL to PostgreSQL."
        ) from None
    handle.truncate(0)
    handle.write(str(os.getpid()))
    handle.flush()
    return handle


def _is_locked(error: BaseException) -> bool:
    """Whether another program holds the SQLite file, and was waited for in vain."""
    original = getattr(error, "orig", None) or error
    code = getattr(original, "sqlite_errorcode", 0) & 0xFF  # without what extends it
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _was_dropped(error: Exception) -> bool:
    """Whether the connection that was used had ended, as after a restart of PostgreSQL: one of
    the pool that nobody looked at since. SQLAlchemy has thrown them all away then."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _short(error: Exception) -> str:
    """The driver's own words without the statement and its parameters, which may hold secrets."""
    original = getattr(error, "orig", None) or error
    return str(original).strip().split("\n")[0]
