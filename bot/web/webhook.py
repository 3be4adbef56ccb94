"""`POST /whatsapp` and `POST /whatsapp/status/<outbox id>`: what Twilio posts to us."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, abort, request

from bot.channels.twilio import TwilioChannel
from bot.interview.receiving import receive
from bot.interview.sending.fates import Statuses
from bot.scheduler import Sweeps
from bot.service import Service
from bot.web.metrics import Metrics


def webhook_routes(
    service: Service, metrics: Metrics, sweeps: Sweeps | None, hurry: Callable[[], None]
) -> Blueprint:
    """Return the routes. Without Twilio's credentials they do not exist (404).

    `hurry` is called when a reply waits to go out by REST.
    """
    routes = Blueprint("whatsapp", __name__)
    statuses = Statuses()

    @routes.post("/whatsapp")
    def inbound() -> Response:
        began = time.perf_counter()
        twilio = _signed(service, metrics)
        if sweeps is not None:
            sweeps.start()
        try:
            message = twilio.read_inbound(request.form.to_dict())
        except ValueError as error:
            abort(400, str(error))
        if message is None:
            return _xml(twilio.twiml(None))
        receipt = receive(service.desk, message)
        action = twilio.status_url(receipt.outbox_id.hex) if receipt.outbox_id else None
        if receipt.queued:
            hurry()
        answered = receipt.message is not None or receipt.queued
        metrics.turns.labels("answered" if answered else "silent").inc()
        metrics.seconds.observe(time.perf_counter() - began)
        return _xml(twilio.twiml(receipt.message, action))

    @routes.post("/whatsapp/status/<reference>")
    def status(reference: str) -> Response:
        twilio = _signed(service, metrics)
        try:
            event = twilio.read_status(request.form.to_dict())
            known = statuses.record(service.installation, UUID(reference), event)
        except ValueError:
            # Old or foreign: the provider must not try again.
            known = False
        metrics.statuses.labels(event.status if known else "unknown").inc()
        return Response(status=204)

    return routes


def _signed(service: Service, metrics: Metrics) -> TwilioChannel:
    """Let only the provider's own requests through; the others leave nothing but a count."""
    twilio = service.twilio
    if twilio is None:
        abort(404)
    path = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path
    valid = twilio.verify(
        str(path).split("?", 1)[0],
        request.query_string,
        request.form.items(multi=True),
        request.headers.get("X-Twilio-Signature"),
        request.headers.get("X-Twilio-Webhooks-Signature-Settings"),
    )
    if not valid:
        metrics.refused.inc()
        abort(403)
    return twilio


def _xml(body: bytes) -> Response:
    return Response(body, mimetype="text/xml")
