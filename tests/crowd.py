"""Many invented people at once: a small survey, and conversations of theirs in any state."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import Connection, func, insert, select, update

from bot.flow.state import Answer, State, Status
from bot.interview.installation import Installation
from storage.models import (
    Address,
    Cell,
    Consent,
    Contact,
    Conversation,
    Outbox,
    Response,
    RosterRow,
    Unit,
)
from storage.models import Answer as AnswerRow
from storage.queries import surveys as survey_queries
from tests.setup import FLOWS

NAME = "kecil"
GROUP = "internal"
SCALE = tuple(f"q_{number}" for number in range(1, 10))

SETTINGS = """\
kind: survey
name: kecil
title: {{id: Survei Kecil, en: Small Survey}}
languages: [id, en]
default_language: id
language_names: {{id: Bahasa Indonesia, en: English}}
zone: Asia/Jakarta
opens: 2026-11-01
closes: 2027-01-31
groups:
  internal: {{flow: internal, label: {{id: Internal, en: Internal}}, reason: acak,
             source: {{id: daftar, en: a list}}}}
  eksternal: {{flow: internal, label: {{id: Eksternal, en: External}}, reason: acak,
              source: {{id: daftar, en: a list}}}}
texts:
  instansi: Dinas Contoh
  penyelenggara: Inspektorat Contoh
  situs_resmi: survei.contoh.go.id
  url: survei.contoh.go.id/hak
  telp_resmi: 0812-0000-0001
  nomor_resmi: 0812-0000-0002
  kode_verif: KC-2741
  kontak_luar: Ombudsman 137
anonymity: {{k: {k}, wait_hours: 48}}
hours:
  default: {{mon: ["08:30-16:00"]}}
templates: {{}}
"""

LABEL = '{{id: "Pertanyaan {0}", en: "Question {0}"}}'


def flow(extra: str = "") -> str:
    """Return the questionnaire: nine questions on one scale, a number, several choices, words."""
    head = 'kind: flow\nname: internal\ntitle: {id: Survei, en: Survey}\nminutes: "3"\nquestions:\n'
    scale = [
        f"  - {{name: {name}, type: select_one, label: {LABEL.format(name)},"
        " choices: F3N, scored: true}"
        for name in SCALE
    ]
    rest = [
        f"  - {{name: jumlah, type: integer, label: {LABEL.format('jumlah')}, min: 0, max: 99}}",
        f"  - {{name: pilih, type: select_multiple, label: {LABEL.format('pilih')}, choices: F3N}}",
        f"  - {{name: saran, type: text, label: {LABEL.format('saran')}, required: false}}",
    ]
    return head + "\n".join([*scale, *rest]) + "\n" + extra


SHARED = """\
kind: shared
na:
  dont_know: {name: "0", label: {id: Tidak tahu, en: Don't know}}
  refuse: {name: "9", label: {id: Tidak mau menjawab, en: Prefer not to say}}
choice_lists:
  F3N:
    good: "1"
    choices:
      - {name: "1", label: {id: Tidak pernah, en: Never}, score: 100}
      - {name: "2", label: {id: Kadang, en: Sometimes}, score: 50}
      - {name: "3", label: {id: Sering, en: Often}, score: 0}
"""


def vector(number: int) -> dict[str, Answer]:
    """Return answers that nobody else has."""
    chance = random.Random(number)
    answers: dict[str, Answer] = {name: chance.choice(["1", "2", "3", "0"]) for name in SCALE}
    answers |= {"q_1": "1", "q_2": "2"}  # nobody is straight by chance
    answers["jumlah"] = number % 100
    answers["pilih"] = tuple(chance.sample(["1", "2", "3"], 2))
    answers["saran"] = f"Saran nomor {number} tentang pelayanan yang lebih terbuka"
    return answers


@dataclass
class Crowd:
    """A published survey and its people."""

    installation: Installation
    survey_id: int
    version_id: int
    unit_id: int
    k: int
    number: int = 0
    given: dict[int, Mapping[str, Answer]] = field(default_factory=dict)

    def person(
        self,
        connection: Connection,
        *,
        unit_id: int | None = None,
        grp: str = GROUP,
        status: Status = Status.FINISHED,
        language: str = "id",
        version_id: int | None = None,
        waited: bool = True,
        **state: object,
    ) -> int:
        """Store one person with a conversation and all that hangs on it; return its id."""
        self.number += 1
        number = self.number
        keys = self.installation.keys
        now = self.installation.now()
        key = keys.installation(connection)
        contact = int(
            connection.execute(
                insert(Contact).values(language=language).returning(Contact.id)
            ).scalar_one()
        )
        phone = phone_of(number)
        mac = keys.digest("address", phone)
        address = {"contact_id": contact, "kind": "phone", "hmac": mac, "key_id": key.id}
        address_id = int(
            connection.execute(
                insert(Address)
                .values(sealed=key.seal(phone, "address"), **address)
                .returning(Address.id)
            ).scalar_one()
        )
        finished = status is Status.FINISHED
        conversation = int(
            connection.execute(
                insert(Conversation)
                .values(
                    survey_id=self.survey_id,
                    contact_id=contact,
                    unit_id=unit_id or self.unit_id,
                    grp=grp,
                    status=status.value,
                    flow_version_id=version_id or self.version_id,
                    version=14,
                    mix_at=now - timedelta(minutes=1 if waited else -60) if finished else None,
                )
                .returning(Conversation.id)
            ).scalar_one()
        )
        self.store(connection, conversation, number, status, language, **state)
        self._surroundings(connection, conversation, address_id, contact, mac, language)
        return conversation

    def store(
        self,
        connection: Connection,
        conversation: int,
        number: int,
        status: Status,
        language: str = "id",
        **changes: object,
    ) -> None:
        """Seal a state into a conversation."""
        now = self.installation.now()
        answers = vector(number) if status in {Status.FINISHED, Status.ASKING} else {}
        state = State(
            status=status,
            language=language,
            answers=answers,
            began_at=now - timedelta(hours=2),
            last_turn_at=now - timedelta(hours=1),
            seed=number,
        )
        state = replace(state, **changes)  # type: ignore[arg-type]
        key = self.installation.keys.survey(connection, self.survey_id)
        connection.execute(
            update(Conversation)
            .where(Conversation.id == conversation)
            .values(sealed=key.seal(state.to_json(), f"state:{conversation}"), key_id=key.id)
        )
        counted = state.answers if status is Status.FINISHED else state.earlier
        if counted is not None:
            self.given[conversation] = counted
        else:
            self.given.pop(conversation, None)

    def _surroundings(
        self,
        connection: Connection,
        conversation: int,
        address_id: int,
        contact: int,
        mac: bytes,
        language: str,
    ) -> None:
        now = self.installation.now()
        key = self.installation.keys.installation(connection)
        connection.execute(
            insert(Consent),
            {
                "id": uuid4(),
                "conversation_id": conversation,
                "text_version": "v1",
                "language": language,
                "given_on": now.date(),
            },
        )
        self.say(connection, conversation, address_id)
        connection.execute(
            insert(RosterRow),
            {
                "survey_id": self.survey_id,
                "unit_id": self.unit_id,
                "grp": GROUP,
                "address_hmac": mac,
                "sealed": key.seal_json({"nama": f"Orang {contact}"}, "roster_row"),
                "key_id": key.id,
                "conversation_id": conversation,
            },
        )
        connection.execute(
            update(Contact).where(Contact.id == contact).values(active_conversation_id=conversation)
        )

    def say(
        self, connection: Connection, conversation: int, address_id: int, status: str = "sent"
    ) -> None:
        """Store a message to somebody."""
        now = self.installation.now()
        outbox_id = uuid4()
        key = self.installation.keys.survey(connection, self.survey_id)
        connection.execute(
            insert(Outbox),
            {
                "id": outbox_id,
                "dedupe": hashlib.sha256(outbox_id.bytes).digest(),
                "address_id": address_id,
                "conversation_id": conversation,
                "survey_id": self.survey_id,
                "channel": "simulator",
                "sender": "whatsapp:+62000000000",
                "purpose": "reply",
                "status": status,
                "via": "rest",
                "sealed": key.seal('{"text":"Terima kasih"}', f"outbox:{outbox_id.hex}"),
                "key_id": key.id,
                "created_at": now - timedelta(hours=1),
                "not_before": now - timedelta(hours=1),
            },
        )

    def people(self, number: int, **values: object) -> list[int]:
        """Store many people alike."""

        def work(connection: Connection) -> list[int]:
            return [self.person(connection, **values) for _ in range(number)]  # type: ignore[arg-type]

        return self.installation.database.write(work)

    def version(self, extra: str, *, current: bool = True) -> int:
        """Publish another version of the questions and return its id."""
        return self.installation.database.write(
            lambda connection: _keep(connection, self.survey_id, flow(extra), self.installation)
        )

    def unit(self, name: str, parent_id: int | None = None) -> int:
        """Store a unit."""
        return self.installation.database.write(
            lambda connection: _unit(connection, name, parent_id)
        )

    # what is there

    def waiting(self) -> int:
        """Count conversations that still have a state."""
        return self._count(
            select(func.count()).select_from(Conversation).where(Conversation.sealed.is_not(None))
        )

    def mixed_ids(self) -> set[int]:
        """Return the conversations that are mixed."""
        return self.installation.database.read(
            lambda connection: set(
                connection.execute(
                    select(Conversation.id).where(Conversation.mixed.is_(True))
                ).scalars()
            )
        )

    def responses(self) -> dict[str, dict[str, str]]:
        """Return the answers of every response by its id."""

        def work(connection: Connection) -> dict[str, dict[str, str]]:
            found: dict[str, dict[str, str]] = {
                one.hex: {} for one in connection.execute(select(Response.id)).scalars()
            }
            for row in connection.execute(
                select(AnswerRow.response_id, AnswerRow.question, AnswerRow.value)
            ):
                found[row[0].hex][row[1]] = row[2]
            return found

        return self.installation.database.read(work)

    def vectors(self) -> Counter[str]:
        """Return the stored answer vectors with their number."""
        return Counter(canonical(one) for one in self.responses().values())

    def expected(self, ids: object = None) -> Counter[str]:
        """Return the vectors that these conversations (all, by default) were finished with."""
        chosen = self.given if ids is None else {one: self.given[one] for one in ids}  # type: ignore[attr-defined]
        return Counter(canonical(as_stored(one)) for one in chosen.values())

    def cells(self) -> dict[tuple[int, str], dict[str, int]]:
        """Return the counters of every cell."""

        def work(connection: Connection) -> dict[tuple[int, str], dict[str, int]]:
            rows = connection.execute(
                select(Cell.unit_id, Cell.grp, Cell.mixed, Cell.fast, Cell.straight, Cell.deleted)
            )
            return {
                (row[0], row[1]): {
                    "mixed": row[2],
                    "fast": row[3],
                    "straight": row[4],
                    "deleted": row[5],
                }
                for row in rows
            }

        return self.installation.database.read(work)

    def _count(self, statement: object) -> int:
        return self.installation.database.read(
            lambda connection: int(connection.execute(statement).scalar_one())  # type: ignore[call-overload]
        )


def phone_of(number: int) -> str:
    """Return an invented number."""
    return f"+628120000{number:04d}"


def as_stored(answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return answers as the table of answers has them."""
    return {
        name: json.dumps(list(value), separators=(",", ":"))
        if isinstance(value, tuple)
        else str(value)
        for name, value in answers.items()
    }


def canonical(answers: Mapping[str, str]) -> str:
    """Return answers as one text that equal answers share."""
    return json.dumps(dict(answers), sort_keys=True)


def gather(installation: Installation, k: int = 3) -> Crowd:
    """Publish the small survey and return its crowd, still empty."""
    text = SETTINGS.format(k=k)

    def work(connection: Connection) -> Crowd:
        survey_id = survey_queries.create(
            connection, NAME, text, hashlib.sha256(text.encode()).digest()
        )
        version = _keep(connection, survey_id, flow(), installation)
        unit = _unit(connection, "Dinas Contoh", None)
        return Crowd(installation, survey_id, version, unit, k)

    return installation.database.write(work)


def _keep(connection: Connection, survey_id: int, text: str, installation: Installation) -> int:
    messages = (FLOWS / "integritas" / "messages.yaml").read_text("utf-8")
    files = {"internal.yaml": text, "shared.yaml": SHARED, "messages.yaml": messages}
    content = json.dumps(files, ensure_ascii=False)
    at: datetime = installation.now()
    digest = hashlib.sha256(content.encode()).digest()
    return survey_queries.keep_version(connection, survey_id, digest, content, at)


def _unit(connection: Connection, name: str, parent_id: int | None) -> int:
    values = {
        "code_list": "own",
        "code": f"U{name}",
        "name": name,
        "parent_id": parent_id,
        "zone": "Asia/Jakarta",
    }
    return int(connection.execute(insert(Unit).values(values).returning(Unit.id)).scalar_one())
