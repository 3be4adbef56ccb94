"""Ten thousand contacts in the middle of an interview, and what they post, signed beforehand."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from urllib.parse import quote_plus, urlsplit

from sqlalchemy import Connection, insert

from bot.channels.base import Address
from bot.flow.state import State, Status
from bot.interview.installation import Installation, open_installation
from bot.interview.surveys import Published
from storage.database import Database
from storage.keys import Secret
from storage.migrate import migrate
from storage.models import Address as AddressTable
from storage.models import Contact, Conversation, Window
from tests.setup import SECRET, add_unit, publish_bundled

CONTACTS = 10_000
TOKEN = "0123456789abcdef0123456789abcdef"
ACCOUNT = "AC" + "0" * 32
SENDER = "whatsapp:+6281200000999"
FIRST = "trs_01"  # the question that everybody is at


def phone(index: int) -> str:
    """Return an invented number."""
    return f"+6281200{100_000 + index:06d}"


def fill(url: str) -> int:
    """Make the installation and its people; return the survey's id."""
    database = Database(url)
    migrate(database)
    here = open_installation(database, Secret(SECRET))
    published = publish_bundled(here, min_answer_seconds="0")
    unit = add_unit(here)
    for start in range(0, CONTACTS, 1000):
        here.database.write(partial(_people, here, published, unit, start))
    database.close()
    return published.id


def _people(
    here: Installation, published: Published, unit: int, start: int, connection: Connection
) -> None:
    now = here.now()
    began = now - timedelta(minutes=1)
    mine = here.keys.installation(connection)
    theirs = here.keys.survey(connection, published.id)
    closes = published.survey.settings.plan("internal").closes
    for index in range(start, start + 1000):
        contact = int(
            connection.execute(
                insert(Contact).values(language="id").returning(Contact.id)
            ).scalar_one()
        )
        address = Address("phone", phone(index))
        made_address = insert(AddressTable).returning(AddressTable.id)
        address_id = connection.execute(
            made_address,
            {
                "contact_id": contact,
                "kind": "phone",
                "hmac": here.keys.digest("address", address.value),
                "sealed": mine.seal(address.value, "address"),
                "key_id": mine.id,
            },
        ).scalar_one()
        # They wrote a minute ago, as people do in the middle of an interview.
        connection.execute(
            insert(Window),
            {"address_id": address_id, "sender": SENDER, "last_inbound_at": began},
        )
        state = State(
            status=Status.ASKING,
            language="id",
            question=FIRST,
            answers={"sar_01": "1", "sar_02": "2", "prf_01": "1"},
            asks=4,
            last_turn_at=now,
            began_at=began,
        )
        made = insert(Conversation).values(
            survey_id=published.id,
            contact_id=contact,
            unit_id=unit,
            grp="internal",
            status=state.status.value,
            flow_version_id=published.flow_version_id,
            wake_at=closes,
        )
        conversation = int(connection.execute(made.returning(Conversation.id)).scalar_one())
        sealed = theirs.seal(state.to_json(), f"state:{conversation}")
        connection.execute(
            Conversation.__table__.update()  # type: ignore[attr-defined]
            .where(Conversation.id == conversation)
            .values(sealed=sealed, key_id=theirs.id)
        )
        connection.execute(
            Contact.__table__.update()  # type: ignore[attr-defined]
            .where(Contact.id == contact)
            .values(active_conversation_id=conversation)
        )


def posts(base: str, path: str, people: Sequence[int], first_sid: int) -> list[bytes]:
    """Return whole HTTP requests: each of these people answers "2", a message id each."""
    host = urlsplit(base).netloc
    return [
        _request(base + path, path, host, phone(index), first_sid + number)
        for number, index in enumerate(people)
    ]


def _request(url: str, path: str, host: str, number: str, sid: int) -> bytes:
    """The sixteen fields of a real WhatsApp message, signed."""
    name = f"SM{sid:032x}"
    form = {
        "SmsMessageSid": name,
        "NumMedia": "0",
        "ProfileName": "Warga",
        "MessageType": "text",
        "SmsSid": name,
        "WaId": number[1:],
        "SmsStatus": "received",
        "Body": "2",
        "To": SENDER,
        "NumSegments": "1",
        "ReferralNumMedia": "0",
        "MessageSid": name,
        "AccountSid": ACCOUNT,
        "From": f"whatsapp:{number}",
        "Forwarded": "false",
        "ApiVersion": "2010-04-01",
    }
    text = url + "".join(key + form[key] for key in sorted(form))
    mac = hmac.digest(TOKEN.encode(), text.encode(), hashlib.sha1)
    body = "&".join(f"{key}={quote_plus(value)}" for key, value in form.items()).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"X-Twilio-Signature: {base64.b64encode(mac).decode()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
