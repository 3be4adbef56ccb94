"""Editing a published survey: what tests of versions and of moving people have in common."""

from __future__ import annotations

from sqlalchemy import Connection

from bot.flow.state import State
from bot.interview.installation import Installation
from bot.interview.surveys import SETTINGS, stored_files
from storage.models import Conversation
from tests.fake_twilio_person import Person
from tests.rows import rows
from tests.whatsapp import Office

FLOW = "internal.yaml"


def files_of(here: Installation, name: str = "integritas") -> dict[str, str]:
    """Return the files of the current version, the settings among them."""

    def work(connection: Connection) -> dict[str, str]:
        published = here.surveys.named(connection, name)
        settings, files = stored_files(connection, published.id, published.flow_version_id)
        return {SETTINGS: settings, **files}

    return here.database.read(work)


def edited(here: Installation, *edits: tuple[str, str], file: str = FLOW) -> dict[str, str]:
    """Return the current files with some texts of one replaced; each must be there."""
    files = files_of(here)
    for old, new in edits:
        assert old in files[file], old
        files[file] = files[file].replace(old, new, 1)
    return files


def question_block(files: dict[str, str], name: str) -> str:
    """Return the lines of a question in the internal flow."""
    start = files[FLOW].index(f"  - name: {name}\n")
    end = files[FLOW].find("\n  - name: ", start + 1)
    return files[FLOW][start : len(files[FLOW]) if end < 0 else end + 1]


def without(here: Installation, *names: str) -> dict[str, str]:
    """Return the current files without some questions."""
    files = files_of(here)
    for name in names:
        files[FLOW] = files[FLOW].replace(question_block(files, name), "")
    return files


def states_of(here: Installation) -> dict[int, State]:
    """Open every state there is, by the conversation's id."""

    def work(connection: Connection) -> dict[int, State]:
        return {
            row.id: State.from_json(
                here.keys.by_id(connection, row.key_id).open(row.sealed, f"state:{row.id}")
            )
            for row in stored
            if row.sealed is not None
        }

    stored = rows(here, Conversation)
    return here.database.read(work)


def under_way(place: Office, *answers: str, people: int = 1) -> list[Person]:
    """Let people begin the staff's interview and answer so far; they speak Indonesian."""
    found = []
    for _ in range(people):
        person = place.twilio.person()
        for text in (place.link_text(), "1", "SETUJU", *answers):
            person.say(text)
        found.append(person)
    return found
