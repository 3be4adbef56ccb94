"""Coordinators, and the counts that they are shown."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Digest, Id, UtcDateTime


class ProgressSnapshot(Base):
    """The published counts of one survey and day, as JSON; nothing else is shown to anybody."""

    __tablename__ = "progress_snapshot"
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    counts: Mapped[str] = mapped_column(Text)


class ProgressCount(Base):
    """Finished interviews of a cell, pilots left out, up to the last time changes were folded in.

    The count is this and the cell's rows of `progress_change`.
    """

    __tablename__ = "progress_count"
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"), primary_key=True)
    grp: Mapped[str] = mapped_column(String(40), primary_key=True)
    finished: Mapped[int] = mapped_column(Integer)


class ProgressChange(Base):
    """A conversation that came to, or left, the finished ones of a cell: +1 or -1.

    Written by triggers of `conversation` (migration 0014) and by a recount that found a
    difference. Only added and deleted, and without foreign keys: nobody waits for anybody's count.
    """

    __tablename__ = "progress_change"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id)
    unit_id: Mapped[int] = mapped_column(Id)
    grp: Mapped[str] = mapped_column(String(40))
    more: Mapped[int] = mapped_column(Integer)


class ReportLog(Base):
    """What a post was shown and when: the snapshot's day (NULL: there was none), and a SHA-256.

    The words themselves come from the day's snapshot. `coordinator_id` is the number of a post,
    which may be gone; `unit_id` NULL is the whole survey. A report has its message, which knows
    whether it went out, and whether as the words of `digest` or the template of `template_digest`;
    an answer has none.
    """

    __tablename__ = "report_log"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    unit_id: Mapped[int | None] = mapped_column(Id, ForeignKey("unit.id"))
    coordinator_id: Mapped[int] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(16))
    day: Mapped[date | None] = mapped_column(Date)
    digest: Mapped[bytes] = mapped_column(Digest)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    outbox_id: Mapped[Any | None] = mapped_column(Uuid)  # no key: whoever is erased leaves none
    template_digest: Mapped[bytes | None] = mapped_column(Digest)
    __table_args__ = (Index("ix_report_log_survey", "survey_id", "at"),)


class Coordinator(Base):
    """A post: who gets counts, of which unit (NULL: the whole survey), at which local hour.

    kind: admin (every day) or pimpinan (on its weekday, Monday is 0). From `away_from` to
    `away_until`, local days, it rests, and the posts that are `deputy_for` it take its place.
    `told_on` is the local day on which it last heard that somebody below cannot be reached.
    """

    __tablename__ = "coordinator"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id"), index=True)
    unit_id: Mapped[int | None] = mapped_column(Id, ForeignKey("unit.id"))
    kind: Mapped[str] = mapped_column(String(8), server_default=text("'admin'"))
    minute: Mapped[int] = mapped_column(SmallInteger)  # of the local day
    weekday: Mapped[int | None] = mapped_column(SmallInteger)
    paused: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    away_from: Mapped[date | None] = mapped_column(Date)
    away_until: Mapped[date | None] = mapped_column(Date)
    deputy_for: Mapped[int | None] = mapped_column(Id, ForeignKey("coordinator.id"), index=True)
    told_on: Mapped[date | None] = mapped_column(Date)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # name, for the operator's list
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    __table_args__ = (
        Index(
            "uq_coordinator_post",
            "survey_id",
            "contact_id",
            text("coalesce(unit_id, 0)"),
            unique=True,
        ),
        CheckConstraint("minute BETWEEN 0 AND 1439", name="minute"),
        CheckConstraint("kind IN ('admin', 'pimpinan')", name="kind"),
        CheckConstraint("(weekday IS NULL) = (kind = 'admin')", name="weekday_of_pimpinan"),
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("(away_from IS NULL) = (away_until IS NULL)", name="away_together"),
        CheckConstraint("away_from <= away_until", name="away_in_order"),
    )


class UnitQuestion(Base):
    """Units among which a coordinator was asked to choose by number, for a while.

    `dedupe` is that of the message which asked; `units` is JSON, ids in the order of the numbers.
    """

    __tablename__ = "unit_question"
    coordinator_id: Mapped[int] = mapped_column(
        Id, ForeignKey("coordinator.id", ondelete="CASCADE"), primary_key=True
    )
    command: Mapped[str] = mapped_column(String(12))
    units: Mapped[str] = mapped_column(Text)
    dedupe: Mapped[bytes] = mapped_column(Digest)
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
