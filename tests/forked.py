"""Processes of our own that start at once: copies of one that has imported Tautan already.

A test that kills programs starts them again and again, and most of a start is importing. These are
processes like any other, with memory, connections and a death of their own. What operators start
themselves (`tautan run`, granian) is started by tests as they do it: see `tests.processes`.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).parent.parent
PATIENCE = 40.0  # seconds

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["tests.served", "tests.setup", "tests.soak.campaign", "bot.outreach.launch.launching"]
)

# Two threads that ask at once what became of a process read the answer away from each other, and
# starting one asks about all.
_ASKING = threading.Lock()


class Forked:
    """The `main` of a module with these words, in a process and a session of its own.

    What it says goes into the file `log`, or where the words of this process go.
    """

    def __init__(
        self,
        module: str,
        *words: str,
        env: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        log: Path | None = None,
    ) -> None:
        place = (dict(os.environ if env is None else env), folder, log)
        self._start(_be_module, module, words, place)

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        self._process = _FORKS.Process(target=target, args=arguments, daemon=True)
        with _ASKING:
            self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        with _ASKING:
            return self._process.is_alive()

    def kill(self) -> None:
        """`kill -9` it, and return when it is dead."""
        self._process.kill()
        self.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Return its exit code when it has ended."""
        wait([self._process.sentinel], seconds)
        with _ASKING:
            code = self._process.exitcode
        assert code is not None, f"process {self.pid} does not end"
        return code


class Script(Forked):
    """A text that runs as by `python -c`; what it says is read from `stdout`."""

    def __init__(self, text: str, *words: str) -> None:
        theirs_in, ours_in = _FORKS.Pipe(duplex=False)
        ours_out, theirs_out = _FORKS.Pipe(duplex=False)
        with theirs_in, ours_in, ours_out, theirs_out:
            self.stdin: TextIO = os.fdopen(os.dup(ours_in.fileno()), "w", encoding="utf-8")
            self.stdout: TextIO = os.fdopen(os.dup(ours_out.fileno()), encoding="utf-8")
            self._start(_be_script, text, words, dict(os.environ), theirs_in, theirs_out)

    def await_word(self, word: str = "ready") -> None:
        """Return when it has said this word."""
        said = self.stdout.readline()
        assert said == f"{word}\n", said

    def go(self) -> None:
        """Send it the line that it waits for."""
        self.stdin.write("\n")
        self.stdin.flush()

    def rest(self) -> str:
        """Return what else it says until it ends."""
        said = self.stdout.read()
        self.wait()
        return said

    def __enter__(self) -> Script:
        return self

    def __exit__(self, *_: object) -> None:
        """End it, if it has not, and close its pipes."""
        self.kill()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.stdout.close()


@contextlib.contextmanager
def ready_together(count: int, text: str, *words: str) -> Iterator[list[Script]]:
    """Yield scripts that have all said "ready" and wait for `go`; end them after the block."""
    with contextlib.ExitStack() as stack:
        scripts = [stack.enter_context(Script(text, *words)) for _ in range(count)]
        for one in scripts:
            one.await_word()
        yield scripts


# --- in the copy ----------------------------------------------------------------------------------


def _be_module(
    module: str, words: tuple[str, ...], place: tuple[dict[str, str], Path, Path | None]
) -> None:
    env, folder, log = place
    if log:
        with log.open("ab") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
    _settle_in(folder, env, module, words)
    importlib.import_module(module).main(*words)


def _be_script(
    text: str,
    words: tuple[str, ...],
    env: dict[str, str],
    theirs_in: Connection,
    theirs_out: Connection,
) -> None:
    for number, pipe in enumerate((theirs_in, theirs_out)):
        os.dup2(pipe.fileno(), number)
        pipe.close()
    _settle_in(ROOT, env, "-c", words)
    exec(compile(text, "<script>", "exec"), {"__name__": "__main__"})


def _settle_in(folder: Path, env: dict[str, str], name: str, words: tuple[str, ...]) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    sys.argv = [name, *words]
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, closefd=False)
