"""The tables, their constraints and indexes; no rules.

Three kinds of columns hold what a person wrote or is: `*_hmac` (keyed look-up, HMAC-SHA256),
`sealed` (AES-GCM, see `storage.keys`), and the mixed answers, which belong to nobody. Everything
else must be free of them. Times are aware UTC (`UtcDateTime`).
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}

# SQLite numbers rows by itself only for INTEGER keys.
Id = BigInteger().with_variant(Integer(), "sqlite")
Digest = LargeBinary(32)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; SQLite, which knows no zones, stores it naive."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times; they are a mistake of ours."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time was about to be stored; times are aware UTC")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back an aware UTC time."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Base(DeclarativeBase):
    """All tables share one metadata with stable constraint names."""

    metadata = MetaData(naming_convention=NAMES)


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


class Contact(Base):
    """A person we can reach."""

    __tablename__ = "contact"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    language: Mapped[str | None] = mapped_column(String(16))
    active_conversation_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("conversation.id", ondelete="SET NULL", use_alter=True), index=True
    )


class Address(Base):
    """A phone number or WhatsApp user id of a contact, never plain."""

    __tablename__ = "address"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        Id, ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    kind: Mapped[str] = mapped_column(String(12))
    hmac: Mapped[bytes] = mapped_column(Digest)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    __table_args__ = (
        UniqueConstraint("hmac"),
        CheckConstraint("kind IN ('phone', 'bsuid', 'parent_bsuid')", name="kind"),
    )


class Window(Base):
    """When an address last wrote to a sender: the 24-hour window. Deleted when it has closed."""

    __tablename__ = "window"
    address_id: Mapped[int] = mapped_column(
        Id, ForeignKey("address.id", ondelete="CASCADE"), primary_key=True
    )
    sender: Mapped[str] = mapped_column(String(160), primary_key=True)
    last_inbound_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class OptOut(Base):
    """Who must not be contacted; survives erasure, key destruction and restores."""

    __tablename__ = "opt_out"
    hmac: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(12), primary_key=True)
    since: Mapped[date] = mapped_column(Date)
    __table_args__ = (CheckConstraint("purpose IN ('respondent', 'coordinator')", name="purpose"),)


class Survey(Base):
    """A survey and its current settings (the text of its `survey.yaml`)."""

    __tablename__ = "survey"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    settings: Mapped[str] = mapped_column(Text)
    settings_hash: Mapped[bytes] = mapped_column(Digest)
    flow_version_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("flow_version.id", use_alter=True)
    )
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (UniqueConstraint("name"),)


class FlowVersion(Base):
    """Questions and texts of a survey, whole, by content hash; never changed.

    `move_to` and `move_policy` say to which version, and how, people under way with this one are
    carried; without them they finish it.
    """

    __tablename__ = "flow_version"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    content_hash: Mapped[bytes] = mapped_column(Digest)
    content: Mapped[str] = mapped_column(Text)  # JSON: file name -> text
    published_at: Mapped[datetime] = mapped_column(UtcDateTime)
    move_to: Mapped[int | None] = mapped_column(Id, ForeignKey("flow_version.id"))
    move_policy: Mapped[str | None] = mapped_column(String(8))
    __table_args__ = (
        UniqueConstraint("survey_id", "content_hash"),
        CheckConstraint("move_policy IN ('move', 're-ask')", name="move_policy"),
    )


class Unit(Base):
    """A place in the hierarchy: province, kabupaten/kota, OPD."""

    __tablename__ = "unit"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    code_list: Mapped[str] = mapped_column(String(40))  # kemendagri, bps, own: codes differ
    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(200))
    parent_id: Mapped[int | None] = mapped_column(Id, ForeignKey("unit.id"))
    zone: Mapped[str] = mapped_column(String(40))  # tz database name
    area: Mapped[str | None] = mapped_column(String(200))  # area of service
    __table_args__ = (UniqueConstraint("code_list", "code"),)


class Target(Base):
    """How many responses are wanted of a unit's group."""

    __tablename__ = "target"
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"), primary_key=True)
    grp: Mapped[str] = mapped_column(String(40), primary_key=True)
    target: Mapped[int] = mapped_column(Integer)
    __table_args__ = (CheckConstraint("target >= 0", name="not_negative"),)


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

    `sealed` is JSON: the cells as they were without identity numbers, and what is wrong. status:
    open, mended (by a later file, a chat or a page), gone (a later file does not have it).
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
            "status IN ('queued', 'claimed', 'sent', 'unknown', 'failed', 'dropped')",
            name="status",
        ),
    )


class Conversation(Base):
    """One person's way through one survey. `state` is sealed under the survey's key.

    `scope` is 0, or the unit's id where the group takes a person once per unit. `pilot`: a
    colleague tries the survey out; such answers are read, wiped, and never mixed.
    """

    __tablename__ = "conversation"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    contact_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("contact.id", ondelete="CASCADE"), index=True
    )
    scope: Mapped[int] = mapped_column(Id, server_default=text("0"))
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(16))
    flow_version_id: Mapped[int] = mapped_column(Id, ForeignKey("flow_version.id"))
    wake_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    mix_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # finished answers wait until
    version: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[int | None] = mapped_column(Id, ForeignKey("data_key.id"))
    wave_id: Mapped[int | None] = mapped_column(Id, ForeignKey("wave.id"))
    pilot: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    mixed: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))
    # Whose ledger counts it when it is finished; no foreign key, and gone once it is mixed.
    link_id: Mapped[int | None] = mapped_column(Id)
    # Why and since when no reminder reaches the person; whatever they write later undoes it.
    unreached: Mapped[str | None] = mapped_column(String(12))
    unreached_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        UniqueConstraint("survey_id", "contact_id", "scope"),
        # Nor twice in one unit, once for the survey and once for the unit.
        Index("uq_conversation_unit", "survey_id", "contact_id", "unit_id", unique=True),
        Index("ix_conversation_due", "wake_at"),
        Index("ix_conversation_mix", "survey_id", "unit_id", "grp", "mix_at"),
        Index("ix_conversation_count", "survey_id", "unit_id", "grp", "status"),
        Index("ix_conversation_wave", "wave_id", "status"),
        CheckConstraint("NOT mixed OR sealed IS NULL", name="mixed_has_no_state"),
        CheckConstraint("NOT (pilot AND mixed)", name="pilot_is_never_mixed"),
    )


class Pilot(Base):
    """A colleague who tries a survey out. `sealed` is JSON: name, and what was not understood.

    Under the survey's key; wiped with the conversation.
    """

    __tablename__ = "pilot"
    conversation_id: Mapped[int] = mapped_column(
        Id, ForeignKey("conversation.id", ondelete="CASCADE"), primary_key=True
    )
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))


class Response(Base):
    """Finished answers with no path back to a person. Ids are random; there is no time."""

    __tablename__ = "response"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"))
    grp: Mapped[str] = mapped_column(String(40))
    language: Mapped[str | None] = mapped_column(String(16))
    flow_version_id: Mapped[int | None] = mapped_column(Id, ForeignKey("flow_version.id"))
    # Without a rowid SQLite stores rows in the order of their random key, not of their coming.
    __table_args__ = (
        Index("ix_response_cell", "survey_id", "unit_id", "grp"),
        {"sqlite_with_rowid": False},
    )


class Answer(Base):
    """One answer of a response: a choice's name, a number, a text, or a JSON list of names."""

    __tablename__ = "answer"
    response_id: Mapped[Any] = mapped_column(
        Uuid, ForeignKey("response.id", ondelete="CASCADE"), primary_key=True
    )
    question: Mapped[str] = mapped_column(String(80), primary_key=True)
    value: Mapped[str] = mapped_column(Text)
    __table_args__ = ({"sqlite_with_rowid": False},)


class Cell(Base):
    """What is counted of a (survey, unit, group) without asking anybody's row."""

    __tablename__ = "cell"
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), primary_key=True)
    unit_id: Mapped[int] = mapped_column(Id, ForeignKey("unit.id"), primary_key=True)
    grp: Mapped[str] = mapped_column(String(40), primary_key=True)
    mixed: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    fast: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    straight: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    known_duplicates: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    deleted: Mapped[int] = mapped_column(Integer, server_default=text("0"))


class Inbound(Base):
    """Every provider message id seen, as HMAC and date. The form is kept only while unprocessed."""

    __tablename__ = "inbound"
    sid_hmac: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    received_on: Mapped[date] = mapped_column(Date, index=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_id: Mapped[int | None] = mapped_column(Id, ForeignKey("data_key.id"))
    address_hmac: Mapped[bytes | None] = mapped_column(Digest, index=True)
    order_no: Mapped[int | None] = mapped_column(BigInteger)
    open_question: Mapped[bytes | None] = mapped_column(LargeBinary)  # sealed with the form
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime, index=True)
    __table_args__ = (
        CheckConstraint("(sealed IS NULL) = (address_hmac IS NULL)", name="wiped_together"),
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


class Outbox(Base):
    """One message of ours, from wish to fate.

    status: queued, claimed, unknown, sent, delivered, failed, dropped, superseded. `sealed` is the
    message, gone once the status is final. Leases are in the database's own time: a queued row with
    one waits in a sender's hands, a claimed one may have been handed over (at `handed_at`), and an
    unknown one that kept it was in the hands of a sender that died.
    """

    __tablename__ = "outbox"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    dedupe: Mapped[bytes] = mapped_column(Digest)  # HMAC of what must happen once
    address_id: Mapped[int] = mapped_column(Id, ForeignKey("address.id", ondelete="CASCADE"))
    conversation_id: Mapped[int | None] = mapped_column(
        Id, ForeignKey("conversation.id", ondelete="CASCADE"), index=True
    )
    survey_id: Mapped[int | None] = mapped_column(Id, ForeignKey("survey.id"), index=True)
    channel: Mapped[str] = mapped_column(String(16))
    sender: Mapped[str] = mapped_column(String(160))
    purpose: Mapped[str] = mapped_column(String(12))  # reply, report, reminder, invitation
    priority: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))  # in that order
    status: Mapped[str] = mapped_column(String(12))
    via: Mapped[str] = mapped_column(String(8))  # twiml, rest
    template: Mapped[bool] = mapped_column(Boolean, server_default=text("false"))  # sent as one
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    about: Mapped[bytes | None] = mapped_column(LargeBinary)  # sealed name of the question asked
    key_id: Mapped[int | None] = mapped_column(Id, ForeignKey("data_key.id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    handed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    provider_sid: Mapped[str | None] = mapped_column(String(64), unique=True)
    past_sid: Mapped[str | None] = mapped_column(String(64))  # of an attempt that failed
    rank: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    error_code: Mapped[int | None] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(String(80))  # why it was dropped
    template_id: Mapped[str | None] = mapped_column(String(64))  # the provider's, last used
    __table_args__ = (
        UniqueConstraint("dedupe"),
        Index("ix_outbox_due", "status", "priority", "not_before"),
        Index("ix_outbox_address", "address_id", "status"),
        CheckConstraint(
            "status IN ('queued', 'claimed', 'unknown', 'sent', 'delivered', 'failed',"
            " 'dropped', 'superseded')",
            name="status",
        ),
    )


class Sender(Base):
    """A number, or messaging service, that we send from, and how fast it may.

    `portfolio` groups senders that share Meta's limit of people written to first in 24 hours;
    `people_per_day` NULL is no limit. Halted: nothing goes out; paused: no invitations and
    reminders; both until a time and for a reason.
    """

    __tablename__ = "sender"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    address: Mapped[str] = mapped_column(String(160))
    portfolio: Mapped[str] = mapped_column(String(40), server_default=text("'default'"))
    per_second: Mapped[float] = mapped_column(Float)
    campaign_per_second: Mapped[float] = mapped_column(Float)
    people_per_day: Mapped[int | None] = mapped_column(Integer)
    halted_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    paused_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(String(200), server_default=text("''"))
    __table_args__ = (
        UniqueConstraint("channel", "address"),
        CheckConstraint("per_second > 0 AND campaign_per_second > 0", name="pace"),
    )


class Pace(Base):
    """A token bucket as one time: when the next token is free, by the database's own clock."""

    __tablename__ = "pace"
    bucket: Mapped[str] = mapped_column(String(40), primary_key=True)  # <sender>:all, …:campaign
    free_at: Mapped[datetime] = mapped_column(UtcDateTime)


class FirstWrite(Base):
    """Whom we wrote to first, by template, in the last 24 hours: Meta limits these people."""

    __tablename__ = "first_write"
    portfolio: Mapped[str] = mapped_column(String(40), primary_key=True)
    address_id: Mapped[int] = mapped_column(
        Id, ForeignKey("address.id", ondelete="CASCADE"), primary_key=True
    )
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_first_write_at", "portfolio", "at"),)


class Alert(Base):
    """Something that an operator has to mend. One row per kind, until it is cleared."""

    __tablename__ = "alert"
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    times: Mapped[int] = mapped_column(Integer)
    what: Mapped[str] = mapped_column(String(400))


class Content(Base):
    """Buttons or a list that the provider keeps under `content_id` (NULL: wanted, not made yet).

    `hash` is over everything that is shown, the language and the survey. `taps` is that as JSON:
    the survey's own words, the same for everybody. The lease is in the database's own time.
    """

    __tablename__ = "content"
    hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), index=True)
    about: Mapped[str] = mapped_column(String(80))  # the question's name, or ""
    language: Mapped[str] = mapped_column(String(16))
    taps: Mapped[str] = mapped_column(Text)
    content_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    made_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    used_on: Mapped[date] = mapped_column(Date)  # last, or wanted since
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        CheckConstraint("(content_id IS NULL) = (made_at IS NULL)", name="made_together"),
    )


class AnsweredOnce(Base):
    """HMAC of (survey, address) of people whose data was erased after they had answered."""

    __tablename__ = "answered_once"
    hmac: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), index=True)


class Consent(Base):
    """Which words somebody agreed to (UU 27/2022 articles 22 and 24: be able to prove consent)."""

    __tablename__ = "consent"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    conversation_id: Mapped[int] = mapped_column(
        Id, ForeignKey("conversation.id", ondelete="CASCADE"), index=True
    )
    text_version: Mapped[str] = mapped_column(String(64))
    language: Mapped[str] = mapped_column(String(16))
    given_on: Mapped[date] = mapped_column(Date)


class ContactBasis(Base):
    """How we came by a contact, once per survey and way, and on what basis we write (article 20).

    how: roster (`source` and `basis` are the row's sumber_data and dasar_kontak), link (personal),
    poster (`link_id` says which), wrote_first (without any of these).
    """

    __tablename__ = "contact_basis"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    contact_id: Mapped[int] = mapped_column(Id, ForeignKey("contact.id", ondelete="CASCADE"))
    survey_id: Mapped[int | None] = mapped_column(Id, ForeignKey("survey.id"))
    how: Mapped[str] = mapped_column(String(12))
    source: Mapped[str | None] = mapped_column(String(80))
    basis: Mapped[str | None] = mapped_column(String(200))
    link_id: Mapped[int | None] = mapped_column(Id, ForeignKey("link.id", ondelete="SET NULL"))
    recorded_on: Mapped[date] = mapped_column(Date)
    __table_args__ = (
        Index(
            "uq_contact_basis_way",
            "contact_id",
            text("coalesce(survey_id, 0)"),
            "how",
            unique=True,
        ),
        CheckConstraint("how IN ('roster', 'link', 'poster', 'wrote_first')", name="how"),
    )


class Checkpoint(Base):
    """How far a sweep over the provider's own list has come, and until when it is somebody's turn.

    The lease is in the database's own time, as those of the outbox.
    """

    __tablename__ = "checkpoint"
    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Media(Base):
    """A file that somebody sent and something wanted, for 30 days. It names nobody."""

    __tablename__ = "media"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(Integer)
    received_on: Mapped[date] = mapped_column(Date, index=True)


class DailyMark(Base):
    """What an address was already told today, under a key that is destroyed at midnight."""

    __tablename__ = "daily_mark"
    hmac: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    day: Mapped[date] = mapped_column(Date, index=True)


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


class MediaLink(Base):
    """An address by which the provider fetches one file of ours. The token is stored nowhere.

    `what` names the file for its maker; it is of a survey, a unit and a day, of no person.
    """

    __tablename__ = "media_link"
    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    what: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class QuestionMedia(Base):
    """A picture or recording that goes with questions, by the SHA-256 of its bytes.

    Everybody who is asked may see it, so it is not sealed. `token` is its address for providers,
    always the same: a link made at each sending would tell when somebody was asked this question.
    """

    __tablename__ = "question_media"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    token: Mapped[str] = mapped_column(String(22), unique=True)
    type: Mapped[str] = mapped_column(String(100))
    content: Mapped[bytes] = mapped_column(LargeBinary)


class Attachment(Base):
    """A file that is the answer to a question, while the answer is still tied to its person.

    Under the survey's key: first where it is fetched (`due_at` is when), then its bytes, filled up
    so that the size says little. `id` is what the sealed state has as the answer.
    """

    __tablename__ = "attachment"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), index=True)
    conversation_id: Mapped[int] = mapped_column(
        Id, ForeignKey("conversation.id", ondelete="CASCADE"), index=True
    )
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    __table_args__ = (
        Index(
            "ix_attachment_due",
            "due_at",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )


class AnswerFile(Base):
    """A file among the mixed answers: a new random id, no time, and no way back to a person.

    All files of a lot are filled up to one size. `id` is the value of an `answer`.
    """

    __tablename__ = "answer_file"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    __table_args__ = ({"sqlite_with_rowid": False},)


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


class Audit(Base):
    """Who did what to the installation; never an answer, never a person's address."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    what: Mapped[str] = mapped_column(String(60))
    detail: Mapped[str] = mapped_column(Text)


class Template(Base):
    """One message in one language, as the provider has it for WhatsApp's approval.

    `version` is the hash of its words, empty for a template that was made by hand; messages with
    the same words share a `provider_id`. `status` is WhatsApp's word: unsubmitted, received,
    pending, approved, rejected, paused, disabled; or gone. `given` is the category it decided on,
    `fault` the error that a message sent with it came back with.
    """

    __tablename__ = "template"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    survey_id: Mapped[int] = mapped_column(Id, ForeignKey("survey.id"))
    channel: Mapped[str] = mapped_column(String(16))
    message: Mapped[str] = mapped_column(String(48))
    language: Mapped[str] = mapped_column(String(16))
    version: Mapped[str] = mapped_column(String(16))
    attempt: Mapped[int] = mapped_column(SmallInteger)
    provider_id: Mapped[str] = mapped_column(String(160), index=True)
    name: Mapped[str] = mapped_column(String(200))
    category: Mapped[str] = mapped_column(String(20))  # asked for
    given: Mapped[str] = mapped_column(String(20))
    status: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text)
    fault: Mapped[int | None] = mapped_column(Integer)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    checked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    __table_args__ = (
        UniqueConstraint("survey_id", "channel", "message", "language", "version", "attempt"),
    )


class SimulatorMessage(Base):
    """A bubble of an invented chat. Only installations marked demo have any."""

    __tablename__ = "simulator_message"
    id: Mapped[int] = mapped_column(Id, primary_key=True)
    address_hmac: Mapped[bytes] = mapped_column(Digest, index=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)  # JSON: from, text, choices, buttons
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
