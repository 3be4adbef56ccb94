"""`GET /cloud` and `POST /cloud`: what Meta's Cloud API asks and posts to us."""

from __future__ import annotations

import logging
import time
from uuid import UUID

from flask import Blueprint, Response, abort, request

from bot.channels.base import Address, Inbound, Renamed
from bot.channels.cloud import CloudChannel
from bot.channels.cloud_forms import Told
from bot.interview.desk import Desk
from bot.interview.failures import trace
from bot.interview.receiving import receive
from bot.interview.renaming import rename
from bot.interview.sending import fates
from bot.scheduler import Sweeps
from bot.service import CANNOT_WORK, Service
from bot.web.metrics import Metrics
from bot.web.sender import Sender
from storage.queries import outbox as outbox_queries

log = logging.getLogger(__name__)

MAX_BATCH = 3 * 1024 * 1024  # Meta: up to 1000 updates in a webhook
ENOUGH = 3  # the database is away: the rest of a batch need not wait for it too


def cloud_routes(
    service: Service, metrics: Metrics, sweeps: Sweeps | None, sender: Sender
) -> Blueprint:
    """Return the routes. Without the Cloud API's credentials they do not exist (404)."""
    routes = Blueprint("cloud", __name__)

    @routes.get("/cloud")
    def verification() -> Response:
        cloud = _channel(service)
        asked = request.args
        if not cloud.greets(asked.get("hub.mode"), asked.get("hub.verify_token")):
            metrics.refused.inc()
            abort(403)
        # Whoever asks chooses these words: they must not become a page of ours.
        words = Response(asked.get("hub.challenge", ""), mimetype="text/plain")
        words.headers["X-Content-Type-Options"] = "nosniff"
        return words

    @routes.post("/cloud")
    def events() -> Response:
        cloud = _channel(service)
        request.max_content_length = MAX_BATCH
        body = request.get_data(cache=False)
        if not cloud.verify(body, request.headers.get("X-Hub-Signature-256")):
            metrics.refused.inc()
            abort(403)
        if sweeps is not None:
            sweeps.start()
        try:
            batch = cloud.read(body)
        except ValueError as error:
            abort(400, str(error))
        if batch.unread or batch.foreign:
            log.warning(
                "of a webhook %d updates were not understood, %d are for another number",
                batch.unread,
                batch.foreign,
            )
        desk = service.desk
        taken = Taking(service, desk, metrics, sender)
        for event in batch.events:
            taken.take(event)
        if taken.heard:
            sender.wake()
        # Meta posts the whole batch again; what was taken in is recognised then.
        return Response(status=200 if taken.all else 503)

    return routes


def _channel(service: Service) -> CloudChannel:
    if service.cloud is None:
        abort(404)
    return service.cloud


class Taking:
    """One batch on its way in: each update for itself, so that none takes others down.

    Only what somebody wrote after a message that was not taken in waits for that one: it would
    answer another question. `all` is whether every update is stored by now, `heard` whether
    anybody wrote.
    """

    def __init__(self, service: Service, desk: Desk, metrics: Metrics, sender: Sender) -> None:
        self._service = service
        self._desk = desk
        self._metrics = metrics
        self._sender = sender
        self._away = 0  # updates in a row that the database was not there for
        self._behind: set[Address] = set()
        self.all = True
        self.heard = False

    def take(self, event: Inbound | Told | Renamed) -> None:
        """Take one update in."""
        if self._away >= ENOUGH:
            return
        if isinstance(event, Inbound) and not self._behind.isdisjoint(event.addresses):
            return
        try:
            if isinstance(event, Inbound):
                self._message(event)
            elif isinstance(event, Told):
                self._status(event)
            else:
                rename(self._service.installation, event)
        except CANNOT_WORK as error:
            self._missed(event)
            self._away += 1
            log.warning("an update was not taken in, Meta is asked to send it again: %s", error)
        except Exception as error:
            self._missed(event)
            log.error("an update was not taken in\n%s", trace(error))
        else:
            self._away = 0

    def _missed(self, event: Inbound | Told | Renamed) -> None:
        self.all = False
        if isinstance(event, Inbound):
            self._behind.update(event.addresses)

    def _message(self, inbound: Inbound) -> None:
        began = time.perf_counter()
        receipt = receive(self._desk, inbound)
        self.heard = True
        if receipt.message is not None:
            self._sender.say(inbound.addresses[0], receipt.message)
        self._metrics.turns.labels("answered" if receipt.message else "silent").inc()
        self._metrics.seconds.observe(time.perf_counter() - began)

    def _status(self, told: Told) -> None:
        installation = self._service.installation
        known = False
        outbox_id = _uuid(told.reference)
        if outbox_id is None:
            found = installation.database.read(
                lambda connection: outbox_queries.about(connection, told.event.sid)
            )
            outbox_id = found[0] if found else None
        if outbox_id is not None:
            known = fates.record_status(installation, outbox_id, told.event)
        self._metrics.statuses.labels(told.event.status if known else "unknown").inc()


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
