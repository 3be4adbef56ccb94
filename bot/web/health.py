"""`GET /health`: this process answers. `GET /ready`: it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from bot.service import Service
from storage.migrate import is_current


def health_routes(service: Service) -> Blueprint:
    """Return the two routes."""
    routes = Blueprint("health", __name__)

    @routes.get("/health")
    def health() -> Response:
        return jsonify(status="ok")

    @routes.get("/ready")
    def ready() -> tuple[Response, int]:
        installation = service.installation  # an error handler turns what it raises into 503
        if not is_current(installation.database):
            return jsonify(status="not ready", reason="run `tautan migrate`"), 503
        return jsonify(
            status="ready", channel=installation.via.channel, demo=installation.demo
        ), 200

    return routes
