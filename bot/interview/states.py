"""The sealed state of a conversation: opened and sealed here alone."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.flow.state import State, Status
from bot.flow.survey import Survey
from bot.interview.installation import Installation
from storage.keys import DataKey, WrongSecret
from storage.queries.turns import TurnRow


def unseal(key: DataKey, conversation_id: int, sealed: bytes) -> State:
    """Open a conversation's state. Raises WrongSecret when it was sealed for another one."""
    return State.from_json(key.open(sealed, _place(conversation_id)))


def opens(key: DataKey, conversation_id: int, sealed: bytes) -> bool:
    """Whether this key opens what is sealed there, be it a state or not."""
    try:
        key.open(sealed, _place(conversation_id))
    except (WrongSecret, ValueError):
        return False
    return True


def seal(key: DataKey, conversation_id: int, state: State) -> bytes:
    """Seal a conversation's state, which nothing but this conversation's place opens again."""
    return key.seal(state.to_json(), _place(conversation_id))


def _place(conversation_id: int) -> str:
    return f"state:{conversation_id}"


def survey_of(connection: Connection, installation: Installation, row: TurnRow) -> Survey:
    """Return the survey as a conversation has it: its own questions, the settings of today."""
    assert row.survey_id is not None
    assert row.settings_hash is not None
    assert row.flow_version_id is not None
    return installation.surveys.compiled(
        connection, row.survey_id, row.settings_hash, row.flow_version_id
    )


def load_state(
    connection: Connection, installation: Installation, row: TurnRow, survey: Survey
) -> State:
    """Open a conversation's state; one that was wiped is known by its status alone."""
    if row.sealed is not None and row.key_id is not None:
        assert row.conversation_id is not None
        key = installation.keys.by_id(connection, row.key_id)
        return unseal(key, row.conversation_id, row.sealed)
    assert row.status is not None
    language = row.contact_language or survey.settings.default_language
    return State(status=Status(row.status), language=language, mixed=bool(row.mixed))
