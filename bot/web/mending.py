"""`/perbaiki/<token>`: a coordinator uploads one file, and takes the rows to mend home.

The token in the address is all that is asked for: whoever does not have it gets the 404 of a page
that never was. Looking at the page uses nothing up, since WhatsApp itself looks at links.
"""

from __future__ import annotations

import io

from flask import Blueprint, Response, abort, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response as Answer

from bot.flow.answers.dates import day_in_words
from bot.intake.tables import InputError
from bot.outreach.mending import taking, upload_pages, words
from bot.outreach.mending.upload_pages import Page
from bot.reporting.words import zone_letters
from bot.service import Service

# The file with what a browser writes around it.
MOST_BYTES = taking.MOST_BYTES + 64 * 1024
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def mending_routes(service: Service) -> Blueprint:
    """Return the routes. Nothing is opened before the first request."""
    pages = Blueprint(
        "mending",
        __name__,
        url_prefix=upload_pages.PATH.rstrip("/"),
        template_folder="templates",
        static_folder="static/mending",
        static_url_path="/static",
    )

    @pages.after_request
    def headers(response: Response) -> Response:
        response.headers.update(_HEADERS)
        return response

    @pages.get("/<token>")
    def page(token: str) -> str:
        return _shown(_page(service, token), token)

    @pages.post("/<token>")
    def upload(token: str) -> tuple[str, int] | Answer:
        if request.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
            abort(403)
        found = _page(service, token)
        request.max_content_length = MOST_BYTES
        if (request.content_length or 0) > MOST_BYTES:
            refused = words.say(found.published.survey, "file_refused")
            return _shown(found, token, refused), 413
        file = request.files.get("berkas")
        content = file.read() if file is not None else b""
        if not content:
            return _shown(found, token, "Mohon pilih berkas dahulu."), 400
        wrong = upload_pages.upload(service.installation, token, content)
        if wrong is not None:
            return _shown(_page(service, token), token, wrong), 409
        return redirect(url_for("mending.page", token=token), 303)

    @pages.get("/<token>/perbaikan.xlsx")
    def rows(token: str) -> Response:
        found = _page(service, token)
        try:
            with upload_pages.rows_to_mend(service.installation, found) as path:
                content = io.BytesIO(path.read_bytes())
        except InputError:
            abort(404)
        return send_file(content, mimetype=XLSX, as_attachment=True, download_name="perbaikan.xlsx")

    return pages


def _page(service: Service, token: str) -> Page:
    found = upload_pages.look(service.installation, token)
    if found is None:
        abort(404)
    return found


def _shown(page: Page, token: str, wrong: str = "") -> str:
    survey = page.published.survey
    until = page.expires_at.astimezone(survey.settings.zone)
    day = day_in_words(until.date(), words.LOCALE)
    return render_template(
        "mending/page.html",
        page=page,
        token=token,
        wrong=wrong,
        title=words.say(survey, "page_title"),
        done=taking.in_words(page.published, page.taken, chat=False) if page.taken else "",
        late=words.say(survey, "mend_too_late").replace("*", "") if page.late else "",
        to_mend=words.number(page.to_mend),
        until=f"{day} pukul {until:%H.%M} {zone_letters(survey.settings.zone, until)}",
    )
