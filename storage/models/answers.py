"""Mixed answers: with no path back to a person, and counts of cells."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, Uuid, text
from sqlalchemy.orm import Mapped, mapped_column

from storage.models.base import Base, Id


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
