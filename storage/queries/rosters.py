"""Roster rows: the people that offices named, sealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from sqlalchemy import ColumnElement, Connection, Dialect, and_, any_, bindparam, case, or_, select
from sqlalchemy.types import UserDefinedType

from storage.models import (
    RosterChange,
    RosterImport,
    RosterRow,
)
from storage.queries.upsert import insert_ignore


class StoredRow(NamedTuple):
    """A row as an import must know it."""

    id: int
    unit_id: int
    grp: str
    address_hmac: bytes | None
    email_hmac: bytes | None
    sealed: bytes
    key_id: int
    source: str | None
    basis: str | None
    removed: bool
    scope: int
    kind: str
    import_id: int | None
    institution_id: int | None  # whose list it came with
    gone: bool
    claimed: bool


PENDING = select(RosterImport.id).where(RosterImport.status != "active").scalar_subquery()
"""Imports that hold for nobody: staged, or failed."""

_CHANGED = select(RosterChange).where(RosterChange.import_id.not_in(PENDING)).subquery("changed")


def counting() -> ColumnElement[bool]:
    """Say whether a row counts: on an active list, not gone from it, not taken off.

    Who was invited before stays, and so does somebody whom an active import brings back.
    """
    return and_(
        RosterRow.removed.is_(False),
        or_(RosterRow.import_id.is_(None), RosterRow.import_id.not_in(PENDING)),
        or_(
            RosterRow.gone_id.is_(None),
            RosterRow.gone_id.in_(PENDING),
            RosterRow.conversation_id.is_not(None),
            RosterRow.id.in_(select(_CHANGED.c.row_id)),
        ),
    )


def counts_now(connection: Connection, row_id: int) -> bool:
    """Whether a row counts."""
    statement = select(RosterRow.id).where(RosterRow.id == row_id, counting())
    return connection.execute(statement).first() is not None


class Current(NamedTuple):
    """A row's columns as they hold now: the active import's, where they wait to be folded in."""

    unit_id: ColumnElement[int]
    grp: ColumnElement[str]
    sealed: ColumnElement[bytes]
    key_id: ColumnElement[int]
    source: ColumnElement[str | None]
    basis: ColumnElement[str | None]


def _current(name: str) -> Any:
    own, new = getattr(RosterRow, name), _CHANGED.c[name]
    return case((_CHANGED.c.row_id.is_not(None), new), else_=own).label(name)


NOW = Current(*[_current(name) for name in Current._fields])
CHANGED = _CHANGED, _CHANGED.c.row_id == RosterRow.id
"""What `NOW` needs: `.outerjoin(*CHANGED)`."""

_GONE = and_(
    RosterRow.gone_id.is_not(None),
    RosterRow.gone_id.not_in(PENDING),
)
_COLUMNS = (
    RosterRow.id,
    RosterRow.unit_id,
    RosterRow.grp,
    RosterRow.address_hmac,
    RosterRow.email_hmac,
    RosterRow.sealed,
    RosterRow.key_id,
    RosterRow.source,
    RosterRow.basis,
    RosterRow.removed,
    RosterRow.scope,
    RosterRow.kind,
    RosterRow.import_id,
    RosterImport.unit_id.label("institution_id"),
    _GONE.label("gone"),
    RosterRow.conversation_id.is_not(None).label("claimed"),
)


def known(
    connection: Connection, survey_id: int, addresses: Sequence[bytes], emails: Sequence[bytes]
) -> list[StoredRow]:
    """Return a survey's rows that have one of these digests, removed and gone ones too."""
    found: list[StoredRow] = []
    for column, digests in ((RosterRow.address_hmac, addresses), (RosterRow.email_hmac, emails)):
        if not digests:
            continue
        statement = (
            select(*_COLUMNS)
            .outerjoin(RosterImport, RosterImport.id == RosterRow.import_id)
            .where(RosterRow.survey_id == survey_id, _among(connection, column, digests))
        )
        found += [StoredRow._make(row) for row in connection.execute(statement)]
    return found


def add(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Store a row; False when its digest is known already."""
    return insert_ignore(connection, RosterRow.__table__, dict(row)) == 1


def ids_of(
    connection: Connection, survey_id: int, column: Literal["address", "email"], digests: _Digests
) -> dict[tuple[bytes, int], int]:
    """Return the row of each digest and scope."""
    digest = RosterRow.address_hmac if column == "address" else RosterRow.email_hmac
    statement = select(digest, RosterRow.scope, RosterRow.id).where(
        RosterRow.survey_id == survey_id, _among(connection, digest, digests)
    )
    found = connection.execute(statement)
    return {(bytes(row[0] or b""), row[1]): row[2] for row in found}


_Digests = Sequence[bytes]


def _among(connection: Connection, column: Any, digests: _Digests) -> ColumnElement[bool]:
    """One array is a parameter on PostgreSQL, which thousands of them would not be cheaply."""
    if connection.dialect.name == "sqlite":
        return cast("ColumnElement[bool]", column.in_(list(digests)))
    array = bindparam("digests", list(digests), type_=_ByteaArray())
    return cast("ColumnElement[bool]", column == any_(array))


class _ByteaArray(UserDefinedType[Sequence[bytes]]):
    """PostgreSQL's array of digests, written out: the driver needs ten times as long for it."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        """Return the type's name."""
        return "BYTEA[]"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Return what writes an array as PostgreSQL reads it."""
        return lambda digests: "{" + ",".join(['"\\\\x' + one.hex() + '"' for one in digests]) + "}"
