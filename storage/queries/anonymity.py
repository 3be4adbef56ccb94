"""What somebody who has the whole database can lay hands on: rows, their order, strange columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    Column,
    Connection,
    Date,
    DateTime,
    MetaData,
    Result,
    Table,
    Time,
    func,
    inspect,
    literal_column,
    select,
)
from sqlalchemy.exc import OperationalError

from storage.models import (
    Address,
    Answer,
    AnsweredOnce,
    Attachment,
    Base,
    Cell,
    Consent,
    Contact,
    Conversation,
    Inbound,
    Outbox,
    Response,
    RosterRow,
    SimulatorMessage,
)

TIMES = (Date, DateTime, Time)
# Alembic's own table; everything else that the models do not know is strange.
_NOT_OURS = frozenset({"alembic_version"})


class ResponseRow(NamedTuple):
    """A response. `release` is the transaction that wrote it, where the database keeps that."""

    id: UUID
    unit_id: int
    grp: str
    language: str | None
    flow_version_id: int | None
    release: int | None


class PersonRow(NamedTuple):
    """A mixed conversation and its person."""

    id: int
    unit_id: int
    grp: str
    contact_id: int | None
    flow_version_id: int
    version: int
    language: str | None
    timed: bool  # some time of the interview is still there
    linked: bool  # so is the poster whose ledger counted it
    sealed: bytes | None
    key_id: int | None
    release: int | None


class SealedText(NamedTuple):
    """Something sealed, and where."""

    where: str
    place: str
    sealed: bytes
    key_id: int


def _release(connection: Connection, table: str) -> Any:
    if connection.dialect.name == "sqlite":
        return literal_column("NULL")
    return literal_column(f"{table}.xmin::text::bigint")


def keeps_order(connection: Connection, table: str) -> bool:
    """Whether SQLite numbers the rows of a table in the order of their coming."""
    if connection.dialect.name != "sqlite":
        return False
    try:
        connection.execute(
            select(literal_column("rowid")).select_from(Table(table, MetaData())).limit(1)
        ).first()
    except OperationalError:
        return False
    return True


def responses(connection: Connection, survey_id: int) -> list[ResponseRow]:
    """Return responses in the order in which the database keeps them."""
    statement = select(
        Response.id,
        Response.unit_id,
        Response.grp,
        Response.language,
        Response.flow_version_id,
        _release(connection, "response"),
    ).where(Response.survey_id == survey_id)
    if connection.dialect.name != "sqlite":
        statement = statement.order_by(literal_column("response.ctid"))
    elif keeps_order(connection, "response"):
        statement = statement.order_by(literal_column("response.rowid"))
    return [ResponseRow(*row) for row in connection.execute(statement)]


def people(connection: Connection, survey_id: int) -> list[PersonRow]:
    """Return the mixed conversations in the order in which they were begun."""
    statement = (
        select(
            Conversation.id,
            Conversation.unit_id,
            Conversation.grp,
            Conversation.contact_id,
            Conversation.flow_version_id,
            Conversation.version,
            func.coalesce(Consent.language, Contact.language),
            Conversation.wake_at.is_not(None) | Conversation.mix_at.is_not(None),
            Conversation.link_id.is_not(None),
            Conversation.sealed,
            Conversation.key_id,
            _release(connection, "conversation"),
        )
        .outerjoin(Contact, Contact.id == Conversation.contact_id)
        .outerjoin(Consent, Consent.conversation_id == Conversation.id)
        .where(Conversation.survey_id == survey_id, Conversation.mixed.is_(True))
        .order_by(Conversation.id)
    )
    return [PersonRow._make(row) for row in connection.execute(statement)]


def answers(connection: Connection, survey_id: int) -> Iterator[tuple[UUID, str, str]]:
    """Yield (response, question, value)."""
    rows = connection.execute(
        select(Answer.response_id, Answer.question, Answer.value)
        .join(Response, Response.id == Answer.response_id)
        .where(Response.survey_id == survey_id),
        execution_options={"yield_per": 2000},
    )
    for row in rows:
        yield row[0], row[1], row[2]


def counted(connection: Connection, survey_id: int) -> dict[tuple[int, str], int]:
    """Return how many responses the counters say each cell has."""
    rows = connection.execute(
        select(Cell.unit_id, Cell.grp, Cell.mixed).where(Cell.survey_id == survey_id)
    )
    return {(row[0], row[1]): int(row[2]) for row in rows}


def outbox_of_mixed(connection: Connection, survey_id: int) -> int:
    """Return how many mixed conversations still have messages, whose times tell of their turns."""
    statement = (
        select(func.count(func.distinct(Conversation.id)))
        .join(Outbox, Outbox.conversation_id == Conversation.id)
        .where(Conversation.survey_id == survey_id, Conversation.mixed.is_(True))
    )
    return int(connection.execute(statement).scalar_one())


def files_of_mixed(connection: Connection, survey_id: int) -> int:
    """Return how many mixed conversations still have files."""
    statement = (
        select(func.count(func.distinct(Conversation.id)))
        .join(Attachment, Attachment.conversation_id == Conversation.id)
        .where(Conversation.survey_id == survey_id, Conversation.mixed.is_(True))
    )
    return int(connection.execute(statement).scalar_one())


def left_sealed(connection: Connection, survey_id: int) -> dict[str, int]:
    """Return what is still sealed or remembered of a survey, by table and column."""
    of = {
        "conversation.sealed": select(func.count()).where(
            Conversation.survey_id == survey_id, Conversation.sealed.is_not(None)
        ),
        "outbox.sealed": select(func.count()).where(
            Outbox.survey_id == survey_id, Outbox.sealed.is_not(None)
        ),
        "answered_once": select(func.count()).where(AnsweredOnce.survey_id == survey_id),
        "attachment": select(func.count()).where(Attachment.survey_id == survey_id),
    }
    return {name: int(connection.execute(one).scalar_one()) for name, one in of.items()}


def addresses(connection: Connection) -> Iterator[tuple[bytes, int]]:
    """Yield every address, sealed."""
    yield from _sealed_pairs(connection, select(Address.sealed, Address.key_id))


def roster(connection: Connection) -> Iterator[tuple[bytes, int]]:
    """Yield every roster row, sealed."""
    yield from _sealed_pairs(connection, select(RosterRow.sealed, RosterRow.key_id))


def _sealed_pairs(connection: Connection, statement: Any) -> Iterator[tuple[bytes, int]]:
    rows = connection.execute(statement, execution_options={"yield_per": 2000})
    for row in rows:
        yield bytes(row[0]), int(row[1])


def sealed_texts(connection: Connection, *, bubbles: bool) -> Iterator[SealedText]:
    """Yield what can hold somebody's words besides the states: messages, kept forms, chats."""
    streaming = {"yield_per": 2000}
    for row in connection.execute(
        select(Outbox.id, Outbox.sealed, Outbox.key_id).where(
            Outbox.sealed.is_not(None), Outbox.key_id.is_not(None)
        ),
        execution_options=streaming,
    ):
        yield SealedText("outbox.sealed", f"outbox:{row[0].hex}", bytes(row[1]), row[2])
    for row in connection.execute(
        select(Inbound.sealed, Inbound.key_id).where(Inbound.sealed.is_not(None)),
        execution_options=streaming,
    ):
        if row[0] is not None and row[1] is not None:
            yield SealedText("inbound.sealed", "inbound", row[0], row[1])
    if bubbles:
        for row in connection.execute(
            select(SimulatorMessage.sealed, SimulatorMessage.key_id),
            execution_options=streaming,
        ):
            yield SealedText("simulator_message.sealed", "simulator", bytes(row[0]), row[1])


# columns that nobody told us of


def tables(connection: Connection) -> list[Table]:
    """Return the tables as the database has them, which may be more than we know."""
    inspector = inspect(connection)
    return [
        Table(
            name,
            MetaData(),
            *(
                Column(column["name"], column["type"], nullable=column["nullable"])
                for column in inspector.get_columns(name)
            ),
        )
        for name in sorted(inspector.get_table_names())
        if name not in _NOT_OURS
    ]


def strange_columns(found: Sequence[Table]) -> list[tuple[str, str, bool]]:
    """Return (table, column, whether it is a time) of what the models do not know."""
    known = {
        (table.name, column.name)
        for table in Base.metadata.sorted_tables
        for column in table.columns
    }
    return [
        (table.name, column.name, isinstance(column.type, TIMES))
        for table in found
        for column in table.columns
        if (table.name, column.name) not in known
    ]


def values(connection: Connection, table: Table) -> Iterator[Sequence[Any]]:
    """Yield every row of a table, whatever is in it."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    # Read raw: the types of a strange column may be wrong, too.
    rows: Result[Any] = connection.execute(
        select(literal_column(columns)).select_from(Table(table.name, MetaData())),
        execution_options={"yield_per": 2000},
    )
    for row in rows:
        yield tuple(row)


def count(connection: Connection, table: str) -> int:
    """Return how many rows a table has."""
    statement = select(func.count()).select_from(Table(table, MetaData()))
    return int(connection.execute(statement).scalar_one())
