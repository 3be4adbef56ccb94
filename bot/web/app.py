"""The Flask application: routes, and what an error becomes on the wire."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask import Flask, Response, jsonify

from bot.config import Settings
from bot.scheduler import Sweeps
from bot.service import CANNOT_WORK, Service
from bot.web.authenticity import authenticity_routes
from bot.web.cloud import cloud_routes
from bot.web.health import health_routes
from bot.web.media import media_routes
from bot.web.mending import mending_routes
from bot.web.metrics import Metrics, metrics_routes
from bot.web.sender import Sender
from bot.web.simulator import simulator_routes
from bot.web.webhook import webhook_routes

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024  # a webhook's form is a few kilobytes


def create_app(
    settings: Settings,
    *,
    service: Service | None = None,
    sweeps: Sweeps | None = None,
    hurry: Callable[[], None] | None = None,
) -> Flask:
    """Return the application. Nothing is opened before the first request.

    `hurry` has the outbox looked at now; without one a thread of this process does that.

    Without a service it makes its own and, on SQLite, where web and timers share one process, also
    starts the sweeps with the first request.
    """
    own = service is None
    service = service or Service(settings, serving=True)
    if own and service.database.is_sqlite:
        sweeps = Sweeps(service)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    metrics = Metrics(service)
    app.register_blueprint(health_routes(service))
    app.register_blueprint(authenticity_routes(service))
    app.register_blueprint(metrics_routes(metrics))
    sender = Sender(service)
    app.register_blueprint(webhook_routes(service, metrics, sweeps, hurry or sender.wake))
    app.register_blueprint(cloud_routes(service, metrics, sweeps, sender))
    app.register_blueprint(mending_routes(service))
    app.register_blueprint(media_routes(service))
    if service.provider is None:
        app.register_blueprint(simulator_routes(service, sweeps))
    _errors(app)
    app.extensions["tautan"] = service
    app.extensions["tautan.sender"] = sender
    return app


def _errors(app: Flask) -> None:
    def unavailable(error: Exception) -> tuple[Response, int]:
        """503: the provider tries again, and an operator reads why."""
        log.warning("503: %s", error)
        return jsonify(error="unavailable", reason=str(error)), 503

    for kind in CANNOT_WORK:
        app.register_error_handler(kind, unavailable)
