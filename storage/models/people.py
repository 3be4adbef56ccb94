"""People we can reach, by which address, and on what basis; never what they answered."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Digest, Id, UtcDateTime


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
            "uq_contact_basis_way", "contact_id", text("coalesce(survey_id, 0)"), "how", unique=True
        ),
        CheckConstraint("how IN ('roster', 'link', 'poster', 'wrote_first')", name="how"),
    )


class DailyMark(Base):
    """What an address was already told today, under a key that is destroyed at midnight."""

    __tablename__ = "daily_mark"
    hmac: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    day: Mapped[date] = mapped_column(Date, index=True)
