"""The simulator's chats: kept sealed in the database, and written into as WhatsApp would.

`say` does to an invented person's message what WhatsApp and Twilio do to a real one, and no more:
everything behind it is the code that serves real people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from bot.channels.base import Address, Inbound
from bot.channels.simulator import Bubble, Entry, delivered, fresh_sid
from bot.channels.simulator_files import sample
from bot.flow.answers.places import Coordinates
from bot.flow.turn import Kind, Message
from bot.interview import identity
from bot.interview.desk import Desk
from bot.interview.installation import Installation
from bot.interview.receiving import receive
from bot.interview.sending import contents, fates
from storage.queries import people
from storage.queries import simulator as queries
from storage.queries.simulator import MessageRow

__all__ = ["Bubble", "Chats", "Entry", "Said", "say"]

PLACE = "simulator"
AT_ONCE = 300  # bubbles that one look at a chat returns at most


class Chats:
    """What was said in the simulator. Addresses that belong to one person share a chat."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation

    def add(self, address: Address, bubble: Bubble) -> None:
        """Put a bubble at the end of a person's chat, at the present business time."""
        at = self.installation.now()

        def work(connection: Connection) -> None:
            key = self.installation.keys.installation(connection)
            queries.add(
                connection,
                address_hmac=identity.digest(self.installation, address),
                at=at,
                sealed=key.seal(bubble.to_json(), PLACE),
                key_id=key.id,
            )

        self.installation.database.write(work)

    def since(self, address: Address, moment: datetime) -> list[Entry]:
        """List a person's chat from a business time on, oldest first."""

        def work(connection: Connection) -> list[Entry]:
            digests = self._all_of(connection, address)
            return self._open(connection, queries.since(connection, digests, moment))

        return self.installation.database.read(work)

    def after(self, addresses: Sequence[Address], entry_id: int) -> list[Entry]:
        """List what stands behind an entry of a person's chat (0: all of it), oldest first."""
        digests = [identity.digest(self.installation, one) for one in addresses]
        return self.installation.database.read(
            lambda connection: self._open(
                connection, queries.after(connection, digests, entry_id, AT_ONCE)
            )
        )

    def newest(self, people_by_key: Mapping[str, Sequence[Address]]) -> dict[str, int]:
        """Return the id of the newest entry of each person who has a chat, by the same keys."""
        newest: dict[str, int] = {}
        keys = {
            identity.digest(self.installation, address): key
            for key, addresses in people_by_key.items()
            for address in addresses
        }
        rows = self.installation.database.read(queries.newest)
        for digest, entry_id in rows:
            key = keys.get(digest)
            if key is not None:
                newest[key] = max(entry_id, newest.get(key, 0))
        return newest

    def _all_of(self, connection: Connection, address: Address) -> list[bytes]:
        """Return the digests of all addresses known to be the same person's."""
        mine = identity.digest(self.installation, address)
        known = people.addresses(connection, [mine])
        others = people.addresses_of(connection, [row.contact_id for row in known])
        return [mine, *(row.hmac for row in others if row.hmac != mine)]

    def _open(self, connection: Connection, rows: Iterable[MessageRow]) -> list[Entry]:
        keys = self.installation.keys
        return [
            Entry(
                row.id,
                row.at,
                Bubble.from_json(keys.by_id(connection, row.key_id).open(row.sealed, PLACE)),
            )
            for row in rows
        ]


@dataclass(frozen=True, slots=True)
class Said:
    """What a person does in a chat: writes, taps a button, quotes, or sends a picture.

    `option` is the value behind a tapped button, `reply_to` the sid of a tapped or quoted message,
    `place` what a location shows.
    """

    text: str = ""
    option: str | None = None
    reply_to: str | None = None
    kind: Kind = "text"
    place: Coordinates | None = None
    file: str | None = None  # of what is no text: image, audio or document


def say(desk: Desk, chats: Chats, addresses: Sequence[Address], said: Said) -> Bubble | None:
    """Send one message as this person; a reply that comes at once goes into the chat, and back.

    `addresses` are all that WhatsApp would tell about the person, the one it comes from first.
    """
    sid = fresh_sid()
    chats.add(
        addresses[0],
        Bubble("person", sid, Message(said.text), kind=said.kind, reply_to=said.reply_to),
    )
    receipt = receive(
        desk,
        Inbound(
            channel=desk.installation.via.channel,
            sender=desk.installation.via.sender,
            sid=sid,
            addresses=tuple(addresses),
            text=said.text,
            option=said.option,
            reply_to=said.reply_to,
            kind=said.kind,
            place=said.place,
            attached=sample(said.file) if said.file is not None else None,
        ),
    )
    if receipt.message is None:
        return None
    reply = Bubble("us", fresh_sid(), receipt.message, taps=contents.taps_of(receipt.message))
    chats.add(addresses[0], reply)
    if receipt.outbox_id is not None:
        # As a status callback would tell it: the message stands on the person's screen.
        fates.record_status(
            desk.installation, receipt.outbox_id, delivered(reply.sid, addresses[0])
        )
    return reply
