"""A whole Tautan behind a fake Twilio, without a server: what most tests of the webhook need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import insert

from bot.config import Settings
from bot.interview import codes
from bot.interview.installation import Clock, Installation
from bot.interview.surveys import Published
from bot.scheduler import Sweeps
from bot.service import Service
from bot.web.app import create_app
from storage.models import Link
from tests.fake_twilio import FakeTwilio, wsgi_fetch, wsgi_post
from tests.setup import FLOWS, SECRET, TestClock, add_unit, publish_bundled
from tests.tables import make_tables

BASE = "https://survei.contoh.test"


def settings_for(url: str, twilio: FakeTwilio, **changes: Any) -> Settings:
    """Return settings that send to the fake."""
    values: dict[str, Any] = {
        "database_url": url,
        "public_base_url": BASE,
        "tautan_secret_key": SECRET,
        "flows_dir": FLOWS,
        "twilio_account_sid": twilio.account_sid,
        "twilio_auth_tokens": tuple(twilio.auth_tokens),
        "twilio_whatsapp_from": twilio.sender,
        "twilio_api_base_url": twilio.base_url,
    }
    return Settings(**(values | changes))


@dataclass
class Office:
    """Tautan with one published survey and one unit, and the Twilio it talks to."""

    service: Service
    app: Flask
    twilio: FakeTwilio
    clock: TestClock
    published: Published
    unit_id: int
    sweeps: Sweeps
    links: dict[tuple[int, str], str] = field(default_factory=dict)

    @property
    def installation(self) -> Installation:
        """The opened installation."""
        return self.service.installation

    def code(self, group: str = "internal", unit_id: int | None = None) -> str:
        """Return the code of a poster for a group of a unit."""
        unit = unit_id or self.unit_id
        if (unit, group) not in self.links:
            code = codes.new_code()
            values = {
                "code": code,
                "survey_id": self.published.id,
                "unit_id": unit,
                "grp": group,
            }
            self.installation.database.write(lambda c: c.execute(insert(Link).values(values)))
            self.links[unit, group] = code
        return self.links[unit, group]

    def link_text(self, group: str = "internal") -> str:
        """Return what somebody sends who follows that poster."""
        return codes.link_text("Survei Integritas Kota Contoh", self.code(group))

    def sweep(self, name: str) -> None:
        """Run one sweep now."""
        self.sweeps.jobs[name]()


@contextmanager
def office(
    url: str,
    *,
    clock: TestClock | None = None,
    statuses: tuple[str, ...] = ("sent", "delivered", "read"),
    questions: int | None = None,
    **settings: str,
) -> Iterator[Office]:
    """Open an installation with the bundled survey published and one unit in WIB.

    `settings` replace lines of survey.yaml. Answers may follow at once (min_answer_seconds 0)
    unless they say otherwise. `statuses` are the callbacks that come for each message of ours.
    `questions` leaves so many first ones of each flow.
    """
    clock = clock or TestClock()
    with FakeTwilio(clock=clock, statuses=statuses) as twilio:
        config = settings_for(url, twilio)
        service = Service(config, serving=True, clock=Clock(clock), durable=False)
        make_tables(service.database)
        sweeps = Sweeps(service)

        def hurry() -> None:
            """Send by REST before the webhook answers: no turn of a test waits for a thread."""
            sweeps.jobs["deliver"]()

        app = create_app(config, service=service, hurry=hurry)
        twilio.webhook_url = f"{BASE}/whatsapp"
        twilio._post = wsgi_post(app, BASE)
        twilio._fetcher = wsgi_fetch(app, BASE)
        try:
            published = publish_bundled(
                service.installation,
                questions=questions,
                **({"min_answer_seconds": "0"} | settings),
            )
            unit = add_unit(service.installation)
            yield Office(service, app, twilio, clock, published, unit, sweeps)
        finally:
            twilio.settle(60)  # thousands of callbacks on a busy machine
            service.close()
