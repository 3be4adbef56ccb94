"""What docs/architecture.md promises of the code: who imports whom, and what importing does.

The source is read, not run, except where the test says what happens on import.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "bot").rglob("*.py"), *(ROOT / "storage").rglob("*.py"), ROOT / "wsgi.py"])

# Each room and what of ours it may know; a name stands for itself and all that is below it.
SEAM = ("bot.channels.base",)
INTERVIEW = ("bot.interview", "bot.flow", "storage", *SEAM)
ABOVE = ("bot.intake", "bot.printing", *INTERVIEW)
ROOMS = {
    "storage": ("storage",),
    "bot.flow": ("bot.flow",),
    "bot.channels": (
        "bot.channels",
        "bot.flow.limits",
        "bot.flow.turn",
        "bot.flow.state",
        "bot.flow.answers.places",
    ),
    "bot.intake": ("bot.intake", "bot.flow.source"),
    "bot.authoring": ("bot.authoring", "bot.flow", "bot.intake"),
    "bot.printing": ("bot.printing",),
    "bot.interview": INTERVIEW,
    "bot.outreach": ("bot.outreach", "bot.printing", *ABOVE),
    "bot.reporting": ("bot.reporting", *ABOVE),
    "bot.config": ("storage.keys",),
    "bot.service": ("bot.config", "bot.channels", "bot.outreach", "bot.reporting", *ABOVE),
    "bot.doctor": (
        *("bot.doctor", "bot.config", "bot.service", "bot.channels"),
        *("bot.outreach", "bot.reporting"),
        *ABOVE,
    ),
    "bot.scheduler": ("bot.service", "bot.outreach", "bot.reporting", *ABOVE),
    "bot.web": ("bot", "storage"),
    "bot.commands": ("bot", "storage"),
    "bot.cli": ("bot", "storage"),
    "wsgi": ("bot.config", "bot.web.app"),
}
# What web, commands and cli know of one another.
NOT = {"bot.web": ("bot.commands", "bot.cli"), "bot.commands": ("bot.cli",)}

# One module, one reason: the simulator's bubbles are kept in the database, and the database is
# above the channels.
ALSO = {
    "bot.interview.chats": ("bot.channels.simulator", "bot.channels.simulator_files"),
}

# The modules of others that only these of ours may know.
VENDORS = {
    "twilio": ("bot.channels.twilio",),
    "requests": ("bot.channels.twilio", "bot.channels.cloud"),
    "apscheduler": ("bot.scheduler",),
    "flask": ("bot.web",),
    "werkzeug": ("bot.web",),
    "cheroot": ("bot.commands",),
    "typer": ("bot.commands", "bot.cli"),
    "dotenv": ("bot.config",),
    "pyxform": ("bot.authoring",),
    "segno": ("bot.printing",),
    "smtplib": ("bot.outreach.mail.smtp",),
    "typst": ("bot.printing",),
    "alembic": ("storage.migrate", "storage.migrations"),
}
# A pure room has no need of any of these.
IMPURE = {
    "alembic", "asyncio", "flask", "http", "io", "logging", "os", "pathlib", "random", "requests",
    "secrets", "shutil", "socket", "sqlalchemy", "sqlite3", "subprocess", "tempfile", "threading",
    "time", "twilio", "urllib",
}  # fmt: skip
CLOCKS = {"now", "today", "utcnow", "fromtimestamp"}


def name_of(path: Path) -> str:
    """Return a file's module name: bot/flow/__init__.py is bot.flow."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def imports(module: str) -> list[tuple[int, str]]:
    """Return the line and full name of everything imported, inside functions too."""
    return list(found_imports(module))


def found_imports(module: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: a relative import hides its target"
            source = node.module or ""
            for alias in node.names:
                full = f"{source}.{alias.name}"
                yield node.lineno, full if full in MODULES or source == "bot" else source


def within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


def room_of(module: str) -> str | None:
    return next((room for room in ROOMS if within(module, (room,))), None)


def test_every_module_belongs_to_a_room_and_every_room_has_modules() -> None:
    rooms = {module: room_of(module) for module in MODULES if module != "bot"}
    assert [module for module, room in rooms.items() if room is None] == []
    assert set(ROOMS) == set(rooms.values())


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_one_way(room: str) -> None:
    wrong = [
        f"{MODULES[module].relative_to(ROOT)}:{line}: {room} must not know {name}"
        for module in MODULES
        if room_of(module) == room
        for line, name in imports(module)
        if within(name, ("bot", "storage", "tests", "wsgi"))
        and (
            not within(name, (*ROOMS[room], *ALSO.get(module, ())))
            or within(name, NOT.get(room, ()))
        )
    ]
    assert wrong == []


def folder_of(module: str) -> str:
    """Return the folder in which a module lies: a package stands for itself."""
    return module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]


def test_folders_within_a_room_are_known_one_way() -> None:
    """Modules that lie in the room itself, beside the folders, may know them and be known."""
    edges = {
        (folder_of(module), folder_of(name)): (module, name)
        for module in MODULES
        for _, name in imports(module)
        if name in MODULES
        and folder_of(module).count(".") == 2
        and folder_of(name).count(".") == 2
        and folder_of(module) != folder_of(name)
        and room_of(module) == room_of(name)
    }
    assert len(edges) > 5
    assert [(edges[pair], edges[pair[::-1]]) for pair in edges if pair[::-1] in edges] == []


def test_every_exception_is_still_needed() -> None:
    unused = [
        (module, extra)
        for module, extras in ALSO.items()
        for extra in extras
        if not any(within(name, (extra,)) for _, name in imports(module))
    ]
    assert unused == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_one_place_knows_a_vendor(vendor: str) -> None:
    using = {module for module in MODULES for _, name in imports(module) if within(name, (vendor,))}
    # twilio_forms and twilio_codes belong to the channel as much as twilio itself.
    strange = [m for m in using if not any(m.startswith(place) for place in VENDORS[vendor])]
    assert sorted(strange) == []


def called(node: ast.AST) -> str | None:
    """Return the name of the method or function that a node calls."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else None


def test_statements_are_written_and_run_in_storage_alone() -> None:
    """Above storage SQLAlchemy gives types to annotate and columns to see; config reads URLs."""
    types = {"Boolean", "Column", "Connection", "Integer", "RootTransaction", "Table"}
    types |= {"make_url", "ArgumentError"}  # of config alone
    wrong = []
    for module in (name for name in MODULES if name.startswith("bot")):
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Import):
                wrong += [f"{module}:{node.lineno}" for a in node.names if "sqlalchemy" in a.name]
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
                names = [alias.name for alias in node.names]
                wrong += [f"{module}:{node.lineno}: {name}" for name in names if name not in types]
            elif called(node) in {"execute", "exec_driver_sql", "scalar", "scalars"}:
                wrong.append(f"{module}: .{called(node)}()")
        wrong += [
            f"{module}:{line}: {name}"
            for line, name in imports(module)
            if within(name, ("storage.models",))
        ]
    assert wrong == []


def test_the_flow_is_pure() -> None:
    """No file, network, log, chance or clock: the same turn gives the same step."""
    wrong = []
    for module in (m for m in MODULES if within(m, ("bot.flow",))):
        wrong += [
            f"{module}:{line}: {name}"
            for line, name in imports(module)
            if name.split(".")[0] in IMPURE
        ]
        wrong += [
            f"{module}:{node.lineno}: {called(node)}()"
            for node in ast.walk(tree(module))
            if isinstance(node, ast.Call) and called(node) in CLOCKS | {"open", "print", "input"}
        ]
    assert wrong == []


def reads_environment(module: str) -> list[int]:
    """Return the lines that read the process's environment."""
    lines = []
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "os" and node.attr in {"environ", "environb", "getenv", "putenv"}:
                lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            names = {alias.name for alias in node.names}
            if names & {"environ", "environb", "getenv", "putenv"}:
                lines.append(node.lineno)
    return lines


def test_only_config_reads_the_environment() -> None:
    assert [module for module in MODULES if reads_environment(module)] == ["bot.config"]


def test_a_module_says_what_it_is_for() -> None:
    assert [MODULES[module] for module in MODULES if not ast.get_docstring(tree(module))] == []


# --- what importing does ------------------------------------------------------------------------

# Alembic runs env.py by itself, inside a migration; it is no module that anybody imports.
IMPORTABLE = [module for module in MODULES if module not in {"wsgi", "storage.migrations.env"}]

# Refuses, during an import, what our own module-level code does by itself: the nearest frame that
# is ours must not be reached before one of the import system. pydantic looks for its own plug-ins
# when the first model is made.
WATCH = """
import importlib, sys, threading
from pathlib import Path

root, modules = sys.argv[1], sys.argv[2:]
events = {"open", "sqlite3.connect", "socket.connect", "socket.bind", "subprocess.Popen",
          "os.mkdir", "os.remove", "os.rename", "os.listdir", "os.scandir"}
done = []

def watch(event, args):
    if event not in events:
        return
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or "/pydantic/plugin/" in name:
            return
        if name.startswith(root + "/bot/") or name.startswith(root + "/storage/"):
            done.append(f"{name}:{frame.f_lineno}: {event} {args[0]!r}")
            return
        frame = frame.f_back

sys.addaudithook(watch)
for module in modules:
    importlib.import_module(module)
done += [f"a thread: {one.name}" for one in threading.enumerate() if one.name != "MainThread"]
print("\\n".join(done))
"""


def run(code: str, *arguments: str, folder: Path, **environ: str) -> str:
    """Run code in a fresh interpreter in an empty folder and return what it printed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_opens_nothing_and_starts_nothing(tmp_path: Path) -> None:
    names = [name for name in IMPORTABLE if re.fullmatch(r"[a-z0-9_.]+", name)]
    assert run(WATCH, str(ROOT), *names, folder=tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_the_watch_on_imports_would_notice(tmp_path: Path) -> None:
    """The check above can fail: a module that opens a file and starts a thread is seen."""
    package = tmp_path / "bot"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "bad.py").write_text(
        "import threading, time\n"
        "open('kept.txt', 'w').close()\n"
        "threading.Thread(target=time.sleep, args=(5,), daemon=True, name='early').start()\n"
    )
    code = WATCH.replace("import importlib", f"import sys; sys.path[0] = {str(tmp_path)!r}\n"
                         "import importlib")  # fmt: skip
    seen = run(code, str(tmp_path), "bot.bad", folder=tmp_path)
    assert "bad.py:2: open 'kept.txt'" in seen
    assert "a thread: early" in seen


def test_the_wsgi_module_may_be_loaded_before_a_fork(tmp_path: Path) -> None:
    """It has all routes, but no thread, no database file and no lock."""
    code = (
        "import threading, wsgi\n"
        "rules = {rule.rule for rule in wsgi.app.url_map.iter_rules()}\n"
        "assert {'/health', '/ready', '/whatsapp'} <= rules, rules\n"
        "print([one.name for one in threading.enumerate()])\n"
    )
    assert run(code, folder=tmp_path) == "['MainThread']"
    assert list(tmp_path.iterdir()) == []
