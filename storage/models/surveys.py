"""Surveys with their versions, and the places and targets that they are about."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Digest, Id, UtcDateTime


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
