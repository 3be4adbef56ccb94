"""Puts the parts together: the one place where real things are chosen.

A `Service` may be made before a process forks: database, keys and surveys are opened with its first
use, which on SQLite also takes the file for this process.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlalchemy import Connection

from bot.channels.base import Channel, Inbound
from bot.channels.cloud import CloudChannel
from bot.channels.simulator import SimulatorChannel
from bot.channels.twilio import TwilioChannel
from bot.config import ConfigError, Settings
from bot.flow.media import digest_of
from bot.flow.turn import Message
from bot.interview import chats
from bot.interview.desk import Desk, Unkept
from bot.interview.files import question_media
from bot.interview.files.media_links import File
from bot.interview.installation import (
    SIMULATED,
    Clock,
    DemoMismatch,
    Installation,
    Via,
    open_installation,
)
from bot.interview.sending.pace import Debits
from bot.outreach import posters
from bot.outreach.mending import chat as mending_chat
from bot.outreach.mending import counts as roster_counts
from bot.reporting.coordinators import asked, pictures
from storage.database import Conflict, Database, Unavailable
from storage.keys import WrongSecret
from storage.migrate import is_current


class NotMigrated(Exception):
    """The database does not have this version's tables."""


CANNOT_WORK: tuple[type[Exception], ...] = (
    Unavailable,
    Conflict,
    NotMigrated,
    WrongSecret,
    DemoMismatch,
    ConfigError,
)
"""What opening or using an installation raises while it waits for an operator, or the database."""


class Service:
    """One running Tautan: settings, database, channels and the desk that receives."""

    def __init__(
        self,
        settings: Settings,
        *,
        serving: bool,
        demo: bool | None = None,
        clock: Clock | None = None,
        durable: bool = True,
    ) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, serving=serving, durable=durable)
        self.twilio = _twilio(settings)
        self.cloud = _cloud(settings)
        self._demo = demo
        self._clock = clock
        self._guard = threading.Lock()
        self._debits = Debits()
        self._unkept = Unkept()
        self._installation: Installation | None = None
        self._channels: Mapping[str, Channel] = {}

    @property
    def installation(self) -> Installation:
        """The opened installation.

        Raises Unavailable, AlreadyServed, NotMigrated, WrongSecret, DemoMismatch, ConfigError.
        """
        if self._installation is None:
            with self._guard:
                if self._installation is None:
                    self._installation = self._open()
        return self._installation

    @property
    def provider(self) -> TwilioChannel | CloudChannel | None:
        """The channel that leads to real people; None where the simulator is the only one."""
        return self.twilio or self.cloud

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The channels that messages go out by, under the names that the outbox knows."""
        if not self._channels:
            installation = self.installation
            if self.provider is not None:
                self._channels = {self.provider.name: self.provider}
            else:
                simulator = SimulatorChannel(chats.Chats(installation), installation.now)
                self._channels = {simulator.name: simulator}
        return self._channels

    @property
    def desk(self) -> Desk:
        """What `receiving.receive` needs."""
        here, answer = self.installation, self._answer_coordinator
        if self.cloud is not None:
            # Meta takes no reply in the webhook's answer.
            return Desk(here, lambda _message: False, answer, direct=True)
        by_rest = self.twilio is not None
        return Desk(
            here,
            TwilioChannel.can_reply_inline,
            answer,
            taps_by_rest=by_rest,
            debits=self._debits,
            unkept=self._unkept,
        )

    def _answer_coordinator(
        self, connection: Connection, installation: Installation, contact_id: int, inbound: Inbound
    ) -> Message | None:
        """Answer a coordinator about counts, else about the roster that is being mended."""
        answered = asked.answer(connection, installation, contact_id, inbound, roster_counts.read)
        if answered is not None:
            return answered
        base = self.settings.public_base_url
        return mending_chat.answer(connection, installation, contact_id, inbound, base)

    def file(self, what: str) -> File | None:
        """Make a file that goes with a message: a picture of counts, a workbook, a poster, or
        what goes with a question."""
        digest = digest_of(what)
        if digest is not None:
            return question_media.file(self.installation, digest)
        kind, _, code = what.partition(":")
        if kind != pictures.POSTER:
            return pictures.file(self.installation, what)
        content = posters.picture(self.installation, code, self.installation.via.sender)
        return File(content, "image/png", "poster.png") if content is not None else None

    def close(self) -> None:
        """Finish what is queued and close the database."""
        self.database.close()

    def _open(self) -> Installation:
        secret = self.settings.secret(create=False)
        self.database.claim()
        if not is_current(self.database):
            raise NotMigrated(
                "the database does not have this version's tables: run `tautan migrate`"
            )
        provider = self.provider
        via = Via(provider.name, provider.sender) if provider else SIMULATED
        installation = open_installation(
            self.database,
            secret,
            demo=self._demo,
            clock=self._clock,
            via=via,
            base_url=self.settings.public_base_url,
        )
        if installation.demo and provider is not None:
            names = ("Twilio", "TWILIO_") if self.twilio else ("Cloud API", "CLOUD_")
            raise DemoMismatch(
                f"this installation is marked demo and takes no {names[0]} credentials:"
                f" unset the {names[1]} variables or use another database"
            )
        return installation


def _twilio(settings: Settings) -> TwilioChannel | None:
    if not settings.twilio:
        return None
    assert settings.twilio_account_sid is not None
    return TwilioChannel(
        settings.twilio_account_sid,
        settings.twilio_auth_tokens,
        public_base_url=settings.public_base_url or "",
        sender=settings.twilio_whatsapp_from,
        messaging_service_sid=settings.twilio_messaging_service_sid,
        api_base_url=settings.twilio_api_base_url,
    )


def _cloud(settings: Settings) -> CloudChannel | None:
    if not settings.cloud:
        return None
    return CloudChannel(
        settings.cloud_access_token or "",
        settings.cloud_phone_number_id or "",
        settings.cloud_app_secrets,
        settings.cloud_verify_token or "",
        api_base_url=settings.cloud_api_base_url,
    )
