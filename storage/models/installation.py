"""The installation itself: its keys, who did what to it, and what operators have to mend."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, UtcDateTime


class Installation(Base):
    """Facts of this installation: one row. `demo` can be set and never unset."""

    __tablename__ = "installation"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    demo: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    clock_offset: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))  # seconds
    check_sealed: Mapped[bytes] = mapped_column(LargeBinary)  # tells a wrong secret at start
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)


class DataKey(Base):
    """Wrapped keys of the installation, a survey or a day. Destroyed ones keep no bytes."""

    __tablename__ = "data_key"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    scope: Mapped[str] = mapped_column(String(80))  # installation | survey:<id> | day:<date>
    wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    destroyed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    __table_args__ = (
        UniqueConstraint("scope"),
        CheckConstraint("destroyed = (wrapped IS NULL)", name="destroyed_has_no_bytes"),
    )


class Alert(Base):
    """Something that an operator has to mend. One row per kind, until it is cleared."""

    __tablename__ = "alert"
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(Integer)
    what: Mapped[str] = mapped_column(String(400))


class Checkpoint(Base):
    """How far a sweep over the provider's own list has come, and until when it is somebody's turn.

    The lease is in the database's own time, as those of the outbox.
    """

    __tablename__ = "checkpoint"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Audit(Base):
    """Who did what to the installation; never an answer, never a person's address."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    what: Mapped[str] = mapped_column(String(60))
    detail: Mapped[str] = mapped_column(Text)
