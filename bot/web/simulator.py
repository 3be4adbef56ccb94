"""A chat in the browser: invented people talk to the real bot, on this machine only.

Everybody who can open the page can speak for the invented people and, in a demo, move its time.
So it is served to loopback alone, under a loopback name (another site's name that points here is
not one), not through a proxy, and it takes POSTs from its own page only.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Request, Response, abort, jsonify, render_template, request

from bot.channels.simulator import REFUSALS, Entry
from bot.flow.turn import Choice, Kind
from bot.interview.chats import Chats, Said, say
from bot.interview.files.media_links import File
from bot.outreach.demo import advance, everybody, starts
from bot.outreach.demo.personas import COORDINATOR, Persona, Start
from bot.scheduler import Sweeps
from bot.service import Service
from bot.web.media import as_response

ADVANCES = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "3d": timedelta(days=3)}
ZONES = ("Asia/Jakarta", "Asia/Makassar", "Asia/Jayapura")
LETTERS = dict(zip(ZONES, ("WIB", "WITA", "WIT"), strict=True))
MAX_TEXT = 4096  # what WhatsApp lets a person write
KINDS: tuple[Kind, ...] = ("text", "media", "edited", "location", "contact", "reaction")
PLACE = (-2.21361, 113.91278)  # what a location of an invented person shows
FILES = ("image", "audio", "document")
TOKEN_HEADER = "X-Simulator-Token"

_NAMES = {"localhost", "127.0.0.1", "::1"}
# Each of them says that somebody else asked, and this machine only passed it on.
_PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        " object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}

QUICK = (
    "0",
    "9",
    "KEMBALI",
    "ULANG",
    "NANTI",
    "CEK",
    "BANTUAN",
    "BAHASA",
    "BERHENTI",
    "HAPUS DATA",
)
COORDINATOR_QUICK = ("PROGRES", "RINCIAN", "GRAFIK", "BAGIKAN", "PANDUAN", "JEDA", "AKTIF")


@dataclass(frozen=True, slots=True)
class Simulator:
    """What the pages need. `move_clock` moves business time and runs what falls due; it is None
    where the installation is not marked demo."""

    people: Sequence[Persona]
    chats: Chats
    say: Callable[[Persona, Said], object]
    starts: Callable[[], Mapping[str, Sequence[Start]]]
    file: Callable[[str], File | None] = lambda _what: None
    move_clock: Callable[[timedelta], None] | None = None

    def now(self) -> datetime:
        """Return business time, aware UTC."""
        return self.chats.installation.now()

    def newest(self) -> dict[str, int]:
        """Return the id of the newest message of everybody who has any, by the person's key."""
        return self.chats.newest({person.key: person.addresses for person in self.people})


def simulator_routes(service: Service, sweeps: Sweeps | None) -> Blueprint:
    """Return the pages for a service without Twilio. Nothing is opened before the first request."""

    @cache
    def simulator() -> Simulator:
        installation = service.installation
        chats = Chats(installation)
        desk = service.desk

        def move_clock(by: timedelta) -> None:
            advance(installation, by, sweeps.run_once if sweeps else lambda: None)

        return Simulator(
            people=everybody(),
            chats=chats,
            say=lambda person, said: say(desk, chats, person.addresses, said),
            starts=lambda: starts(installation),
            file=service.file,
            move_clock=move_clock if installation.demo else None,
        )

    return simulator_pages(simulator)


def simulator_pages(simulator: Callable[[], Simulator]) -> Blueprint:
    """Return the pages under /simulator. Only for installations without Twilio's credentials."""
    token = secrets.token_urlsafe(32)
    pages = Blueprint(
        "simulator",
        __name__,
        url_prefix="/simulator",
        template_folder="templates",
        static_folder="static/simulator",
        static_url_path="/static",
    )

    @pages.before_request
    def guard() -> None:
        if not local(request):
            abort(404)
        if request.method == "POST" and not own(request, token):
            abort(403)

    @pages.after_request
    def headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @pages.get("")
    def page() -> str:
        return _page(simulator(), token)

    @pages.get("/<person>/messages")
    def messages(person: str) -> Response:
        entry_id = request.args.get("after", 0, type=int)
        return jsonify(_news(simulator(), _known(simulator(), person), entry_id))

    @pages.get("/<person>/files/<int:entry_id>")
    def attachment(person: str, entry_id: int) -> Response:
        return _file(simulator(), _known(simulator(), person), entry_id)

    @pages.post("/<person>")
    def write(person: str) -> Response:
        simulator().say(_known(simulator(), person), _said(request.get_json()))
        return jsonify({})

    @pages.post("/clock")
    def clock() -> Response:
        return jsonify(_advance(simulator(), request.get_json()))

    return pages


def local(asked: Request) -> bool:
    """Whether the request was made on this machine, under a name of this machine."""
    try:
        remote = ipaddress.ip_address(asked.remote_addr or "")
        name = urlsplit(f"//{asked.headers.get('Host', '')}").hostname
    except ValueError:
        return False
    remote = getattr(remote, "ipv4_mapped", None) or remote
    # Browsers speak at least HTTP/1.1; proxies that add no header of theirs often 1.0.
    direct = asked.environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
    direct = direct and not any(header in asked.headers for header in _PROXY_HEADERS)
    return bool(remote.is_loopback and name in _NAMES and direct)


def own(asked: Request, token: str) -> bool:
    """Whether a POST comes from our own page: its origin, its token, and JSON."""
    origin = asked.headers.get("Origin")
    site = asked.headers.get("Sec-Fetch-Site", "same-origin")
    given = asked.headers.get(TOKEN_HEADER, "")
    return (
        origin in (None, asked.host_url.rstrip("/"))
        and site == "same-origin"
        and asked.is_json
        and hmac.compare_digest(given.encode(), token.encode())
    )


def _known(simulator: Simulator, key: str) -> Persona:
    person = next((one for one in simulator.people if one.key == key), None)
    if person is None:
        abort(404)
    return person


def _page(simulator: Simulator, token: str) -> str:
    beginnings = simulator.starts()
    data = {
        "token": token,
        "tokenHeader": TOKEN_HEADER,
        "people": [_person(person, beginnings.get(person.key, ())) for person in simulator.people],
        "newest": simulator.newest(),
        "now": simulator.now().isoformat(),
        "zones": [[zone, LETTERS[zone]] for zone in ZONES],
        "refusals": {str(code): text for code, text in REFUSALS.items()},
        "canMove": simulator.move_clock is not None,
        "coordinator": next((p.key for p in simulator.people if p.group == COORDINATOR), None),
    }
    return render_template("simulator/page.html", data=data, without_whatsapp=True)


def _person(person: Persona, starts: Sequence[Start]) -> dict[str, Any]:
    return {
        "key": person.key,
        "name": person.name,
        "line": person.line,
        "lineEn": person.line_en,
        "address": _address_line(person),
        "group": person.group,
        "zone": person.zone,
        "leading": person.leading,
        "starts": [{"label": s.label, "labelEn": s.label_en, "text": s.text} for s in starts],
        "quick": list(COORDINATOR_QUICK if person.group == COORDINATOR else QUICK),
    }


def _address_line(person: Persona) -> str:
    """Say what WhatsApp tells about this person."""
    kinds = {address.kind: address.value for address in person.addresses}
    return " · ".join(kinds.get(kind, "") for kind in ("phone", "bsuid") if kind in kinds)


def _news(simulator: Simulator, person: Persona, entry_id: int) -> dict[str, Any]:
    return {
        "messages": [_entry(e) for e in simulator.chats.after(person.addresses, entry_id)],
        "newest": simulator.newest(),
        "now": simulator.now().isoformat(),
    }


def _file(simulator: Simulator, person: Persona, entry_id: int) -> Response:
    """Hand out what goes with one message of a chat, as the phone would have it."""
    entries = simulator.chats.after(person.addresses, entry_id - 1)[:1]
    message = entries[0].bubble.message if entries and entries[0].id == entry_id else None
    if message is None or message.attachment is None:
        abort(404)
    file = simulator.file(message.attachment.what)
    if file is None:
        abort(404)
    return as_response(file)


def _entry(entry: Entry) -> dict[str, Any]:
    bubble = entry.bubble
    attachment = bubble.message.attachment
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "mine": bubble.author == "person",
        "sid": bubble.sid,
        "text": bubble.message.text,
        "choices": _pairs(bubble.message.choices),
        "footer": bubble.message.footer,
        "buttons": _pairs(bubble.message.buttons),
        "taps": None
        if bubble.taps is None
        else {"label": bubble.taps.label, "options": _pairs(bubble.taps.options)},
        "kind": bubble.kind,
        "attachment": attachment and {"kind": attachment.kind, "name": attachment.name},
        "template": bubble.template,
        "error": bubble.error,
        "replyTo": bubble.reply_to,
    }


def _pairs(choices: Sequence[Choice]) -> list[list[str]]:
    return [[choice.value, choice.label] for choice in choices]


def _said(body: Any) -> Said:
    """Read what the page posts: {text} or {text, option} or {kind}, each perhaps with {quote}.

    A kind may also be that of a file, of which a sample is sent.
    """
    if not isinstance(body, dict):
        abort(400, "an object is wanted")
    texts = {name: body.get(name) for name in ("text", "option", "quote", "kind")}
    if any(value is not None and not isinstance(value, str) for value in texts.values()):
        abort(400, "text, option, quote and kind are texts")
    text = texts["text"] or ""
    kind: Any = texts["kind"] or "text"
    file = kind if kind in FILES else None
    kind = "media" if file else kind
    if kind not in KINDS or len(text) > MAX_TEXT or (kind == "text" and not text.strip()):
        wanted = ", ".join((*KINDS, *FILES))
        abort(400, f"wanted: a text of 1 to {MAX_TEXT} characters, or one of {wanted}")
    place = PLACE if kind == "location" else None
    return Said(text, texts["option"], texts["quote"], kind, place, file)


def _advance(simulator: Simulator, body: Any) -> dict[str, Any]:
    """Move business time and tell who got how many messages by that."""
    step = ADVANCES.get(str(body.get("advance"))) if isinstance(body, dict) else None
    if simulator.move_clock is None:
        abort(404)
    if step is None:
        abort(400, f"advance is one of {', '.join(ADVANCES)}")
    before = simulator.newest()
    simulator.move_clock(step)
    after = simulator.newest()
    sent = {
        person.key: len(simulator.chats.after(person.addresses, before.get(person.key, 0)))
        for person in simulator.people
        if after.get(person.key, 0) > before.get(person.key, 0)
    }
    return {"now": simulator.now().isoformat(), "sent": sent}
