"""`GET /asli`: is this message real? A page for everybody, with what there is to compare.

It shows published settings only, and is kept in memory: a rush of visitors costs the database one
look a minute. A number that somebody types is looked at and forgotten: it is in no page, no log and
no cache. What a page says of it is one of four texts, so that there is nothing to render for it.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request
from markupsafe import Markup, escape
from sqlalchemy import Connection

from bot.flow.answers.dates import day_in_words
from bot.outreach.authenticity import Proof, Verdict, judge, proofs
from bot.service import CANNOT_WORK, Service

log = logging.getLogger(__name__)

LANGUAGES = ("id", "en")
FRESH = 60.0  # seconds until the published settings are looked at again
RETRY = 5.0  # the same, while the database cannot be used
MAX_AGE = 300  # seconds that browsers and proxies may keep a page

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_KEPT = f"public, max-age={MAX_AGE}"
_NOT_KEPT = "no-store"  # the answer to a typed number


@dataclass(frozen=True, slots=True)
class Page:
    """A page ready to be sent."""

    body: bytes
    etag: str
    status: int


@dataclass(slots=True)
class Snapshot:
    """What the database said a while ago, and the pages made of it so far."""

    proofs: Mapping[str, list[Proof]]  # by language
    rehearsal: bool  # messages reach nobody
    pages: dict[tuple[str | None, str, str], Page] = field(default_factory=dict)


class Snapshots:
    """The newest snapshot: one thread makes it anew, the others go on with the one before."""

    def __init__(
        self, load: Callable[[], Snapshot], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._guard = threading.Lock()
        self._newest: Snapshot | None = None
        self._until = 0.0

    def newest(self) -> Snapshot:
        """Return it. Raises what loading raises, but only where nothing is known yet."""
        known = self._newest
        if known is not None and self._clock() < self._until:
            return known
        if not self._guard.acquire(blocking=known is None):
            assert known is not None
            return known
        try:
            if self._newest is None or self._clock() >= self._until:
                self._renew()
            assert self._newest is not None
            return self._newest
        finally:
            self._guard.release()

    def _renew(self) -> None:
        try:
            self._newest = self._load()
        except CANNOT_WORK as error:
            if self._newest is None:
                raise
            log.warning("/asli shows what it knew before: %s", error)
            self._until = self._clock() + RETRY
        else:
            self._until = self._clock() + FRESH


def authenticity_routes(service: Service, snapshots: Snapshots | None = None) -> Blueprint:
    """Return the routes. Nothing is opened before the first request."""
    routes = Blueprint("authenticity", __name__, template_folder="templates")
    kept = snapshots or Snapshots(lambda: _look(service))
    region = service.settings.default_region
    host = urlsplit(service.settings.public_base_url or "").hostname or ""

    @routes.get("/asli")
    @routes.get("/asli/<name>")
    def page(name: str | None = None) -> Response:
        language = "en" if request.args.get("lang") == "en" else "id"
        typed = request.args.get("nomor")
        snapshot = kept.newest()
        known = snapshot.proofs[language]
        verdict: Verdict | None = None if typed is None else judge(typed, known, region)
        if name is not None and all(one.name != name for one in known):
            name, verdict = "?", None  # one page for all that is unknown
        key = (name, language, verdict or "")
        found = snapshot.pages.get(key)
        if found is None:
            found = snapshot.pages[key] = _render(snapshot, name, language, verdict, host)
        return _response(found, kept=typed is None)

    return routes


def _look(service: Service) -> Snapshot:
    installation, region = service.installation, service.settings.default_region

    def work(connection: Connection) -> dict[str, list[Proof]]:
        return {code: proofs(connection, installation, code, region) for code in LANGUAGES}

    return Snapshot(installation.database.read(work), rehearsal=service.provider is None)


def _response(page: Page, *, kept: bool) -> Response:
    response = Response(page.body, page.status, _HEADERS, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _policy()
    response.headers["Cache-Control"] = _KEPT if kept else _NOT_KEPT
    if kept:
        response.set_etag(page.etag)
        if request.if_none_match:
            response.make_conditional(request)
    return response


def _render(
    snapshot: Snapshot, name: str | None, language: str, verdict: Verdict | None, host: str
) -> Page:
    """Make a page: of one survey, of all (`name` None), or of one that nobody knows ("?")."""
    known = snapshot.proofs[language]
    running = [one for one in known if one.state != "over"]
    if name is None:
        # One survey needs no list of one.
        shown = running if len(running) == 1 else []
    else:
        shown = [one for one in known if one.name == name]
    page = render_template(
        "authenticity/page.html",
        id=language == "id",
        language=language,
        # Addresses are relative: a proxy may have put the pages below a path of its own.
        up="" if name is None else "../",
        name=name,
        proof=shown[0] if shown else None,
        running=running if name is None else [],
        over=[one for one in known if one.state == "over"] if name is None else [],
        contact=next(iter(shown or running or known), None),
        verdict=verdict,
        rehearsal=snapshot.rehearsal and not any(one.support for one in known),
        host=host,
        style=Markup(_style()),  # noqa: S704 # a file of ours
        day=lambda day: day_in_words(day, language),
        bubble=_bubble,
    )
    body = page.strip().encode()
    return Page(body, hashlib.sha256(body).hexdigest()[:16], 404 if name == "?" else 200)


def _bubble(text: str) -> Markup:
    """Return a message as WhatsApp shows it: `*words*` bold, lines kept."""
    safe = re.sub(r"\*([^*\n]+)\*", r"<b>\1</b>", str(escape(text)))
    return Markup(safe.replace("\n", "<br>"))  # noqa: S704 # escaped just above


@cache
def _style() -> str:
    path = Path(__file__).parent / "templates" / "authenticity" / "style.css"
    return path.read_text(encoding="utf-8")


@cache
def _policy() -> str:
    """Only our one style, named by its hash; no script, no picture, no other site."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    )
