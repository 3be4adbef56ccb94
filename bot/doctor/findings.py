"""What a check of the installation comes to: a verdict, what was seen, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the examination. `fix` says what to do, and where to click; `paste` is what to
    put in there."""

    check: str
    verdict: Verdict
    what: str
    fix: str = ""
    paste: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def ok(check: str, what: str) -> Finding:
    """Return a check that found nothing wrong."""
    return Finding(check, "ok", what)


def warning(check: str, what: str, fix: str, paste: str = "") -> Finding:
    """Return something that works and should be better, or must be known."""
    return Finding(check, "warning", what, fix, paste)


def error(check: str, what: str, fix: str, paste: str = "") -> Finding:
    """Return something without which no conversation goes well."""
    return Finding(check, "error", what, fix, paste)
