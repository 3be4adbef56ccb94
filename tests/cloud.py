"""A whole Tautan behind a fake Cloud API, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import insert

from bot.config import Settings
from bot.interview import codes
from bot.interview.installation import Clock, Installation
from bot.interview.surveys import Published, publish
from bot.scheduler import Sweeps
from bot.service import Service
from bot.web.app import create_app
from bot.web.sender import Sender
from storage.models import Link
from tests import short_survey
from tests.fake_cloud import FakeCloud
from tests.fake_twilio import wsgi_post
from tests.setup import FLOWS, SECRET, TestClock, add_unit
from tests.tables import make_tables

BASE = "https://survei.contoh.test"


def settings_for(url: str, meta: FakeCloud, **changes: Any) -> Settings:
    """Return settings that send to the fake."""
    values: dict[str, Any] = {
        "database_url": url,
        "tautan_secret_key": SECRET,
        "flows_dir": FLOWS,
        "cloud_access_token": meta.access_token,
        "cloud_phone_number_id": meta.phone_number_id,
        "cloud_app_secrets": (meta.app_secret,),
        "cloud_verify_token": meta.verify_token,
        "cloud_api_base_url": meta.base_url,
    }
    return Settings(**(values | changes))


@dataclass
class Bureau:
    """Tautan with one short survey and one unit, and the Meta it talks to."""

    service: Service
    app: Flask
    meta: FakeCloud
    clock: TestClock
    published: Published
    sweeps: Sweeps
    code: str

    @property
    def installation(self) -> Installation:
        """The opened installation."""
        return self.service.installation

    @property
    def sender(self) -> Sender:
        """What sends replies at once."""
        sender: Sender = self.app.extensions["tautan.sender"]
        return sender

    def link_text(self) -> str:
        """Return what somebody sends who follows a poster of the unit."""
        return codes.link_text("Survei Integritas Kota Contoh", self.code)


@contextmanager
def bureau(
    url: str, *, templates: dict[str, str] | None = None, k: int = 10, **settings: Any
) -> Iterator[Bureau]:
    """Open an installation over the Cloud API with a short survey published and one unit."""
    clock = TestClock()
    with FakeCloud(clock=clock, webhook_url=f"{BASE}/cloud") as meta:
        config = settings_for(url, meta, **settings)
        service = Service(config, serving=True, clock=Clock(clock), durable=False)
        make_tables(service.database)
        app = create_app(config, service=service)
        place = None
        try:
            files = short_survey.files(clock.now, templates, k=k)
            published = publish(service.installation, files)
            unit, code = add_unit(service.installation), codes.new_code()
            values = {
                "code": code,
                "survey_id": published.id,
                "unit_id": unit,
                "grp": "internal",
            }
            service.database.write(lambda c: c.execute(insert(Link).values(values)))
            place = Bureau(service, app, meta, clock, published, Sweeps(service), code)
            meta._deliver = wsgi_post(app, BASE)
            meta.after = lambda: place.sender.settle(30)
            yield place
        finally:
            if place is not None:
                place.sender.stop()
            if service.cloud is not None:
                service.cloud.close()
            service.close()
