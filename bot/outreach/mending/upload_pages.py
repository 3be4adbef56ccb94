"""A page for one upload: a token that nobody stores, valid for a day, used once.

Whoever holds the link is taken for the coordinator who asked for it, so it opens little: the number
of rows, the rows to mend of the coordinator's own units, and one upload.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from bot.intake.tables import InputError
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.mending import files as mending_files
from bot.outreach.mending import taking
from bot.outreach.mending.rows import closed
from bot.outreach.mending.taking import OtherUnits, Post, Taken
from storage.queries import mending as queries

VALID = timedelta(hours=24)
PATH = "/perbaiki/"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page shows. `taken` is what came of the upload; `late`: people have been invited."""

    published: Published
    post: Post
    to_mend: int
    expires_at: datetime
    used: bool
    taken: Taken | None
    late: bool


def make(connection: Connection, installation: Installation, coordinator_id: int) -> str:
    """Make a page and return its token; only a digest of it is kept."""
    token = secrets.token_urlsafe(24)
    now = installation.now()
    queries.delete_pages(connection, now - VALID)
    queries.add_page(connection, _digest(installation, token), coordinator_id, now + VALID)
    return token


def look(installation: Installation, token: str) -> Page | None:
    """Return the page of a token; None when there is none, or it has expired."""

    def work(connection: Connection) -> Page | None:
        row = queries.page(connection, _digest(installation, token))
        if row is None or row.expires_at <= installation.now():
            return None
        published = installation.surveys.by_id(connection, row.survey_id)
        post = taking.post_of(connection, row.contact_id, row.survey_id)
        late = closed(connection, published)
        to_mend = 0 if late else queries.count_open(connection, row.survey_id, post.units)
        taken = Taken(**json.loads(row.summary)) if row.summary else None
        used = row.used_at is not None
        return Page(published, post, to_mend, row.expires_at, used, taken, late)

    return installation.database.read(work)


def upload(installation: Installation, token: str, content: bytes) -> str | None:
    """Take a page's one file; return why it was not taken, None when it was.

    A file that cannot be read leaves the page as it was.
    """
    digest, page = _digest(installation, token), look(installation, token)
    database, now = installation.database, installation.now()
    if page is None or not database.write(lambda c: queries.use_page(c, digest, now)):
        return "Halaman ini sudah dipakai atau sudah tidak berlaku."
    kind = ".xlsx" if content.startswith(b"PK\x03\x04") else ".csv"
    summary: str | None = None
    try:
        taken = taking.take(installation, page.published, content, kind, page.post)
        summary = json.dumps(asdict(taken))
        return None
    except (InputError, OtherUnits) as error:
        return taking.refusal(installation, page.published, error)
    finally:
        database.write(lambda c: queries.sum_up_page(c, digest, summary))


@contextmanager
def rows_to_mend(installation: Installation, page: Page) -> Iterator[Path]:
    """Yield a workbook with the page's rows to mend, which is gone afterwards."""
    with TemporaryDirectory(prefix="tautan-") as folder:
        path = Path(folder) / "perbaikan.xlsx"
        mending_files.write_file(installation, page.published, page.post.units, path)
        yield path


def _digest(installation: Installation, token: str) -> bytes:
    return installation.keys.digest("upload", token)
