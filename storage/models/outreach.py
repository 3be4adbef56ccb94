"""Reaching people: launches, links and what they bring, e-mails, and what reminders were due."""

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
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id, UtcDateTime


class Wave(Base):
    """One launch of a survey: whom it invites, how many a day, and whether it goes on.

    kind: real, pilot. state: running, paused (what has not gone out waits), stopped (it was
    withdrawn), done. `filters` is JSON: what was asked for, and the people wanted by unit and
    group. `planned_at` NULL: the launch is at work still, or was cut off. `finished` counts the
    interviews that were finished in a pilot before it was wiped.
    """

    __tablename__ = "wave"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    kind: Mapped[str] = mapped_column(String(8))
    number: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(8))
    per_day: Mapped[int] = mapped_column(Integer)
    filters: Mapped[str] = mapped_column(Text)
    people: Mapped[int] = mapped_column(Integer, server_default=text("0"))  # invited by it
    finished: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    planned_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        UniqueConstraint("survey_id", "kind", "number"),
        # One launch at a time is being planned for a survey; a second one joins it.
        Index(
            "uq_wave_planning",
            "survey_id",
            unique=True,
            sqlite_where=text("planned_at IS NULL AND state <> 'stopped'"),
            postgresql_where=text("planned_at IS NULL AND state <> 'stopped'"),
        ),
        CheckConstraint("kind IN ('real', 'pilot')", name="kind"),
        CheckConstraint("state IN ('running', 'paused', 'stopped', 'done')", name="state"),
    )


class Link(Base):
    """A code in a wa.me text or on a poster. `cap` NULL is any number of starts."""

    __tablename__ = "link"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code: Mapped[str] = mapped_column(String(16))
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str] = mapped_column(String(40))
    roster_row_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("roster_row.id", ondelete="CASCADE"), unique=True
    )
    cap: Mapped[int | None] = mapped_column(Integer)
    starts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str] = mapped_column(String(200), server_default=text("''"))  # where it hangs
    __table_args__ = (
        UniqueConstraint("code"),
        # A unit's group has one link per note; personal links are one per roster row.
        Index(
            "uq_link_place",
            "survey_id",
            "unit_id",
            "grp",
            "note",
            unique=True,
            sqlite_where=text("roster_row_id IS NULL"),
            postgresql_where=text("roster_row_id IS NULL"),
        ),
        CheckConstraint("cap IS NULL OR starts <= cap", name="within_cap"),
    )


class LinkDay(Base):
    """What was counted of a link on a day of the survey's zone; it names nobody.

    `starts` and `finishes` are of links of places only; `refused` are attempts on a code that was
    used up or over.
    """

    __tablename__ = "link_day"
    link_id: Mapped[int] = mapped_column(
        Id, ForeignKey("link.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    starts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    finishes: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    refused: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Mail(Base):
    """An invitation by e-mail to one person on the roster; address and words are not kept here.

    status: queued, claimed (in the hands of a run), sent, unknown (handed over, and the server did
    not say what became of it), failed, dropped. The lease is in the database's own time. `fault` is
    the server's reply code, never its words.
    """

    __tablename__ = "mail"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    roster_row_id: Mapped[int] = mapped_column(
        Id, ForeignKey("roster_row.id", ondelete="CASCADE"), unique=True
    )
    status: Mapped[str] = mapped_column(String(12))
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fault: Mapped[int | None] = mapped_column(Integer)
    __table_args__ = (
        Index("ix_mail_due", "survey_id", "status", "not_before"),
        CheckConstraint(
            "status IN ('queued', 'claimed', 'sent', 'unknown', 'failed', 'dropped')", name="status"
        ),
    )


class ReminderDay(Base):
    """How many people a step of the plan was due to on a day (of the survey's zone); names nobody.

    `held`: it was left out for them. `templates` of them would have got it, or got it, as one;
    `finished` did so in the two days that followed.
    """

    __tablename__ = "reminder_day"
    survey_id: Mapped[int] = mapped_column(
        Id, ForeignKey("survey.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    step: Mapped[str] = mapped_column(String(16), primary_key=True)
    held: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    people: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    templates: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    finished: Mapped[int] = mapped_column(Integer, server_default=text("0"))
