"""Interviews under way: sealed, and tied to their person until they are mixed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Digest, Id, UtcDateTime


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
