"""SQL that was made of statements, kept for all engines of this process."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Compiled, Dialect
from sqlalchemy.util import LRUCache


class CompiledStatements(LRUCache[Any, Compiled]):
    """What SQLAlchemy takes as `compiled_cache`: least used statements make way for new ones.

    It tells dialects apart as objects, and every engine has its own. Here those of one kind and
    version share, so that reading and writing engines compile a statement once between them.
    """

    __slots__ = ()

    def get(self, key: Any, default: Any = None) -> Any:
        """Return a compiled statement, or the default."""
        return super().get(_by_kind(key), default)

    def __getitem__(self, key: Any) -> Compiled:
        return super().__getitem__(_by_kind(key))

    def __setitem__(self, key: Any, value: Compiled) -> None:
        super().__setitem__(_by_kind(key), value)


def _by_kind(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_kind(part) if isinstance(part, Dialect) else part for part in key)


def _kind(dialect: Dialect) -> tuple[type[Dialect], Any]:
    return type(dialect), dialect.server_version_info


COMPILED = CompiledStatements(1000)
"""The statements of all engines that `storage.database` makes."""
