"""`GET /metrics`: counts for Prometheus; never a person, a unit or an answer."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, abort, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.service import CANNOT_WORK, Service
from storage.queries import alerts as alert_queries
from storage.queries import inbound as inbound_queries
from storage.queries import outbox as outbox_queries


class Metrics:
    """The counters of this process, and what the database says when it is asked."""

    def __init__(self, service: Service) -> None:
        self.registry = CollectorRegistry()
        self.turns = Counter(
            "tautan_turns", "Messages taken in, by outcome", ["outcome"], registry=self.registry
        )
        self.refused = Counter(
            "tautan_refused", "Requests without a valid signature", registry=self.registry
        )
        self.statuses = Counter(
            "tautan_statuses", "Status callbacks taken in", ["status"], registry=self.registry
        )
        self.seconds = Histogram(
            "tautan_turn_seconds",
            "Time from a message to its answer",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15),
            registry=self.registry,
        )
        self.registry.register(_Stored(service))


class _Stored(Collector):
    """Gauges read from the database at the moment of asking."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("tautan_database_up", "Whether the database can be used")
        try:
            installation = self._service.installation
            counts, oldest = installation.database.read(outbox_queries.backlog)
            held = installation.database.read(inbound_queries.held)
            alerts = installation.database.read(alert_queries.every)
        except CANNOT_WORK:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        rows = GaugeMetricFamily("tautan_outbox_rows", "Outbox rows by status", labels=["status"])
        for status, number in sorted(counts.items()):
            rows.add_metric([status], number)
        yield rows
        age = 0.0 if oldest is None else max(0.0, (installation.now() - oldest).total_seconds())
        yield GaugeMetricFamily(
            "tautan_outbox_oldest_seconds", "How late the oldest waiting message is", value=age
        )
        yield GaugeMetricFamily(
            "tautan_alerts", "What waits for an operator: `tautan alerts`", value=len(alerts)
        )
        yield GaugeMetricFamily(
            "tautan_held_messages", "Messages kept because our own code failed", value=held
        )


def metrics_routes(metrics: Metrics) -> Blueprint:
    """Return the route. It answers this machine only; a proxy must not pass it on."""
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def read() -> Response:
        forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
        if forwarded or request.remote_addr not in {"127.0.0.1", "::1"}:
            abort(404)
        return Response(generate_latest(metrics.registry), mimetype="text/plain; version=0.0.4")

    return routes
