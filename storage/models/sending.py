"""Messages on their way out: from which number, how fast, and what the provider keeps for us."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Digest, Id, UtcDateTime


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
    past_sids: Mapped[str | None] = mapped_column(Text)  # of the attempts that failed, by spaces
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


class Media(Base):
    """A file that somebody sent and something wanted, for 30 days. It names nobody."""

    __tablename__ = "media"
    id: Mapped[Any] = mapped_column(Uuid, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    key_id: Mapped[int] = mapped_column(Id, ForeignKey("data_key.id"))
    type: Mapped[str] = mapped_column(String(100))
    size: Mapped[int] = mapped_column(Integer)
    received_on: Mapped[date] = mapped_column(Date, index=True)


class MediaLink(Base):
    """An address by which the provider fetches one file of ours. The token is stored nowhere.

    `what` names the file for its maker; it is of a survey, a unit and a day, of no person.
    """

    __tablename__ = "media_link"
    digest: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    what: Mapped[str] = mapped_column(String(100))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


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
