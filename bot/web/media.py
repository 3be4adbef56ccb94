"""`/media/<token>`: pictures and documents of ours, for the provider that carries them to a phone.

Whoever has no token that is valid now gets the 404 of an address that never was. There is no list.
"""

from __future__ import annotations

import re

from flask import Blueprint, Response, abort

from bot.interview.files import media_links
from bot.interview.files.media_links import File
from bot.service import Service


def media_routes(service: Service) -> Blueprint:
    """Return the route. Nothing is opened before the first request."""
    pages = Blueprint("media", __name__)

    @pages.get(f"{media_links.PATH}<token>")
    def fetch(token: str) -> Response:
        what = media_links.look(service.installation, token)
        file = service.file(what) if what is not None else None
        if file is None:
            abort(404)
        return as_response(file)

    @pages.after_request
    def headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    return pages


def as_response(file: File) -> Response:
    """Hand a file out under its own type: providers refuse one whose type is not what it says."""
    name = re.sub(r"[^\w.-]+", "_", file.name, flags=re.ASCII)
    response = Response(file.content, content_type=file.mime)
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return response


_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
}
