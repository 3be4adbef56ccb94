"""Failures of our own: one item of a sweep fails alone, and no log repeats what people said."""

from __future__ import annotations

import logging
import traceback
from types import TracebackType

from storage.database import Conflict, Unavailable

log = logging.getLogger(__name__)


class Alone:
    """Lets one item of a sweep, a transaction of its own, fail without those behind it.

    It is logged. What is no item's fault is raised: Conflict and Unavailable.
    """

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, Conflict | Unavailable):
            return False
        log.error("%s failed\n%s", self._what, trace(error))
        return True


def trace(error: BaseException) -> str:
    """Return where an exception came from, and of what kind it is, without what it says.

    The text of an exception may repeat what somebody wrote (`KeyError: 'my answer'`), and a log
    holds no answer, name or address.
    """
    lines: list[str] = []
    inner: BaseException | None = error
    while inner is not None:
        lines = [*traceback.format_tb(inner.__traceback__), f"{type(inner).__name__}\n", *lines]
        inner = inner.__cause__ or (None if inner.__suppress_context__ else inner.__context__)
    return "".join(lines).rstrip()
