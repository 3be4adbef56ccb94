"""Rosters: imports, people on them, rows to mend, duplicates, and how lists come back mended."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Digest, Id, UtcDateTime


class RosterImport(Base):
    """One file that was read into a survey's roster, from its first row to the moment it counts.

    status: staging (its rows count for nobody yet), active, failed. `unit_id` is whose list it is:
    people of that unit's earlier list who are not on it any more are gone. `digest` is of the
    file's bytes and of all that decides how they are read; `counts` is JSON, rows by class. The
    lease is that of the process that reads it, in the database's own time; an active import that
    has one has not been settled yet: changes wait to be folded in.
    """

    __tablename__ = "roster_import"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    unit_id: Mapped[int | None] = mapped_column(Id, ForeignKey("unit.id"))
    name: Mapped[str] = mapped_column(String(200))
    digest: Mapped[bytes] = mapped_column(Digest)
    status: Mapped[str] = mapped_column(String(12))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    activated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    rows: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    counts: Mapped[str] = mapped_column(Text, server_default=text("'{}'"))
    __table_args__ = (
        # One import at a time for a survey.
        Index(
            "uq_roster_import_staging",
            "survey_id",
            unique=True,
            sqlite_where=text("status = 'staging'"),
            postgresql_where=text("status = 'staging'"),
        ),
        CheckConstraint("status IN ('staging', 'active', 'failed')", name="status"),
    )


class RosterRow(Base):
    """One person on a list that an office gave us. A conversation claims it; it merges nobody.

    It counts when `import_id` is NULL or active, and no active import says it is gone (`gone_id`);
    who was invited before stays. `scope` is 0, or the unit's id where the group takes a person once
    per unit.
    """

    __tablename__ = "roster_row"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str] = mapped_column(String(40))
    scope: Mapped[int] = mapped_column(Id, server_default=text("0"))
    import_id: Mapped[int | None] = mapped_column(Id, ForeignKey("roster_import.id"))
    gone_id: Mapped[int | None] = mapped_column(Id, ForeignKey("roster_import.id"))
    address_hmac: Mapped[bytes | None] = mapped_column(Digest)
    email_hmac: Mapped[bytes | None] = mapped_column(Digest)  # only where there is no phone
    kind: Mapped[str] = mapped_column(String(16), server_default=text("'clean'"))  # of the phone
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # JSON: name, phone, email, ...
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    source: Mapped[str | None] = mapped_column(String(80))  # sumber_data
    basis: Mapped[str | None] = mapped_column(String(200))  # dasar_kontak
    conversation_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("conversation.id", ondelete="SET NULL"), unique=True
    )
    removed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    __table_args__ = (
        UniqueConstraint("survey_id", "address_hmac", "scope"),
        UniqueConstraint("survey_id", "email_hmac", "scope"),
        Index("ix_roster_row_import", "import_id"),
        # One unit's people are read again and again, of long lists unit by unit.
        Index("ix_roster_row_unit", "survey_id", "unit_id"),
        Index(
            "ix_roster_row_gone",
            "gone_id",
            sqlite_where=text("gone_id IS NOT NULL"),
            postgresql_where=text("gone_id IS NOT NULL"),
        ),
    )


class RosterChange(Base):
    """What an import will make of a row that is stored already; it holds once that is active.

    A row with an active change counts, also when it was gone. After the activation changes are
    folded into their rows, some at a time, and deleted.
    """

    __tablename__ = "roster_change"
    row_id: Mapped[int] = mapped_column(
        Id, ForeignKey("roster_row.id", ondelete="CASCADE"), primary_key=True
    )
    import_id: Mapped[int] = mapped_column(Id, ForeignKey("roster_import.id"), index=True)
    owner_id: Mapped[int | None] = mapped_column(Id, ForeignKey("roster_import.id"))
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    source: Mapped[str | None] = mapped_column(String(80))
    basis: Mapped[str | None] = mapped_column(String(200))


class RosterReject(Base):
    """A row that somebody has to mend before its person can be reached.

    `sealed` is JSON: the cells as they were without identity numbers, and what is wrong; empty once
    the row is not open. `address_hmac` is of its number, where one can be read: an erasure finds
    the row by it. status: open, mended (by a later file, a chat or a page), gone (a later file does
    not have it).
    """

    __tablename__ = "roster_reject"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    import_id: Mapped[int] = mapped_column(Id, ForeignKey("roster_import.id"), index=True)
    sheet: Mapped[str] = mapped_column(String(80), server_default=text("''"))
    line: Mapped[int] = mapped_column(Integer)
    unit_id: Mapped[int | None] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str | None] = mapped_column(String(40))
    kind: Mapped[str] = mapped_column(String(20))  # the class that the row ended in
    status: Mapped[str] = mapped_column(String(12), server_default=text("'open'"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    address_hmac: Mapped[bytes | None] = mapped_column(Digest, index=True)
    __table_args__ = (
        Index("ix_roster_reject_open", "survey_id", "status", "unit_id"),
        CheckConstraint("status IN ('open', 'mended', 'gone')", name="status"),
    )


class RosterDuplicate(Base):
    """Somebody who stands on the roster more than once: what was found, and what was decided.

    kind: same_number (two rows, units, groups or files), same_person (another number, like name),
    shared_number (one number on several people). `row_id` is the row that counts, `other_id` a
    second one that counts too, `sealed` the other one where it is no row (JSON: the person, source,
    basis, kind of phone). `unit_id` and `grp` are the place of the other one, `person_hmac` parts
    several of one place. decision: open, first, priority, other, both, apart. While it is open and
    `holds`, nobody that it is about is invited.
    """

    __tablename__ = "roster_duplicate"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    import_id: Mapped[int | None] = mapped_column(Id, ForeignKey("roster_import.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    row_id: Mapped[int] = mapped_column(Id, ForeignKey("roster_row.id", ondelete="CASCADE"))
    other_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("roster_row.id", ondelete="CASCADE"), index=True
    )
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str] = mapped_column(String(40))
    person_hmac: Mapped[bytes | None] = mapped_column(Digest)
    line: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[int | None] = mapped_column(Id, ForeignKey("data_key.id"))
    holds: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    decision: Mapped[str] = mapped_column(String(12), server_default=text("'open'"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        UniqueConstraint("row_id", "unit_id", "grp", "person_hmac"),
        Index("ix_roster_duplicate_survey", "survey_id", "decision"),
        CheckConstraint("kind IN ('same_number', 'same_person', 'shared_number')", name="kind"),
        CheckConstraint(
            "decision IN ('open', 'first', 'priority', 'other', 'both', 'apart')", name="decision"
        ),
    )


class RosterNumber(Base):
    """A further number of somebody on the roster: whoever writes from it may be that person."""

    __tablename__ = "roster_number"
    row_id: Mapped[int] = mapped_column(
        Id, ForeignKey("roster_row.id", ondelete="CASCADE"), primary_key=True
    )
    address_hmac: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    __table_args__ = (Index("ix_roster_number_address", "survey_id", "address_hmac"),)


class RosterQuality(Base):
    """How clean a unit's list was on a day: JSON, counts by class and of filled fields."""

    __tablename__ = "roster_quality"
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    counts: Mapped[str] = mapped_column(Text)


class KnownHeading(Base):
    """Which column an institution means by a heading, once somebody has confirmed it."""

    __tablename__ = "known_heading"
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"), primary_key=True)
    heading: Mapped[str] = mapped_column(String(120), primary_key=True)  # as names are compared
    column: Mapped[str] = mapped_column(String(40))  # "" : not read


class MendingWalk(Base):
    """A coordinator who mends rows in the chat: the row that was asked for last, and how far."""

    __tablename__ = "mending_walk"
    coordinator_id: Mapped[int] = mapped_column(
        Id, ForeignKey("coordinator.id", ondelete="CASCADE"), primary_key=True
    )
    reject_id: Mapped[int] = mapped_column(Id)  # no key: rows go away under a walk
    done: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UploadLink(Base):
    """A page on which a coordinator uploads one file. The token itself is stored nowhere.

    `summary` is JSON, how many rows ended in which class; it comes with `used_at`.
    """

    __tablename__ = "upload_link"
    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    coordinator_id: Mapped[int] = mapped_column(
        Id, ForeignKey("coordinator.id", ondelete="CASCADE"), index=True
    )
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    summary: Mapped[str | None] = mapped_column(Text)


class SentFile(Base):
    """A file that a coordinator sent into the chat, until it was read. `sealed` is its address."""

    __tablename__ = "sent_file"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    coordinator_id: Mapped[int] = mapped_column(
        Id, ForeignKey("coordinator.id", ondelete="CASCADE"), index=True
    )
    sender: Mapped[str] = mapped_column(String(160))
    channel: Mapped[str] = mapped_column(String(16))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
