"""What the repository itself promises: hashed locks, no machine's traces, one version."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
REQUIREMENT = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[a-z0-9.+!]+)(?: ; (?P<marker>[^\\]+))?"
    r"(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n"
)
# In pieces, so that this file passes its own test.
MACHINE_PATH = re.compile(
    r"(?<![\w.~}>)-])/(?:" + "|".join(("work", "root", "home", "Users")) + r")/\w"
)
REGISTRY_HOST = re.compile(
    "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("registry", "npmjs", "org"),
            ("registry", "yarnpkg", "com"),
        )
    )
)


def tracked_files() -> list[Path]:
    """List the files that git tracks here, whoever owns the checkout."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in files if path.is_file()]


def requirements(lock: str) -> dict[str, str]:
    """Return the versions in a lock file by name."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {found["name"]: found["version"] for found in REQUIREMENT.finditer(text)}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_versions_with_hashes_and_nothing_else(lock: str) -> None:
    """No index, host, path, option or comment: each line belongs to a hashed requirement."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert requirements(lock)
    assert REQUIREMENT.sub("", text) == ""


def test_locks_agree_and_cover_the_project() -> None:
    """Tests run with the versions that are delivered, and every dependency is locked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    runtime, dev = (requirements(lock) for lock in LOCKS)
    assert runtime.items() <= dev.items()

    def missing(declared: list[str], locked: dict[str, str]) -> set[str]:
        names = {re.split(r"[^A-Za-z0-9-]", item)[0].lower() for item in declared}
        return names - locked.keys() - {"tautan"}

    extras = project["project"]["optional-dependencies"]
    assert not missing(project["project"]["dependencies"], runtime)
    assert not missing(extras["build"], runtime)
    assert not missing(extras["dev"], dev)


@pytest.mark.parametrize(
    ("what", "pattern"), [("a machine's path", MACHINE_PATH), ("a registry's host", REGISTRY_HOST)]
)
def test_no_tracked_file_names(what: str, pattern: re.Pattern[str]) -> None:
    """What is true on one machine only does not belong in the repository."""
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}"
        for path in tracked_files()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1
        )
        if pattern.search(line)
    ]
    assert not found, f"{what} in:\n" + "\n".join(found)


def test_changelog_and_project_agree_on_the_version() -> None:
    """The changelog's first section is the version in pyproject.toml, released or not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", changelog, flags=re.MULTILINE)
    version = project["project"]["version"]
    assert headings[0] == f"[Unreleased] - {version}" or headings[0].startswith(f"[{version}] - ")
