"""How a failure of our own is logged where people's words are at hand."""

from __future__ import annotations

import traceback


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
