"""What coordinators write to mend their rosters: PERBAIKI, UNGGAH, a file, and the replies to rows.

A walk shows one row at a time: the line, the first words of the name, the unit, and what is wrong.
A number is never repeated. Words and files that belong to somebody else (a coordinator's report, an
interview that is under way) are left to them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from bot.channels.base import Inbound
from bot.flow.keywords import normalise
from bot.flow.state import UNDER_WAY
from bot.flow.turn import Message
from bot.interview.belonging import asks_for_file
from bot.interview.installation import Installation
from bot.interview.surveys import Published
from bot.outreach.mending import rows as mending
from bot.outreach.mending import sent_files, taking, upload_pages, words
from bot.outreach.roster.reasons import reason
from storage.queries import coordinators
from storage.queries import mending as queries
from storage.queries import units as unit_queries
from storage.queries.coordinators import CoordinatorRow
from storage.queries.mending import Reject, Walk

FORGOTTEN = timedelta(hours=24)
"""A walk that was left so long ago takes no reply any more."""

EVERY = 10  # rows between two lines about progress


def answer(
    connection: Connection,
    installation: Installation,
    contact_id: int,
    inbound: Inbound,
    base_url: str | None = None,
) -> Message | None:
    """Answer a coordinator who mends, or return None: then it is somebody else's to answer.

    `base_url` is where our pages are reached; None where they are not.
    """
    post = _post(connection, installation, contact_id)
    if post is None:
        return None
    turn = _MendingTurn(connection, installation, post, base_url)
    if inbound.file is not None:
        mine = asks_for_file(connection, installation, contact_id, inbound)
        return None if mine else turn.note(inbound)
    if inbound.kind != "text":
        return None
    asked = normalise(inbound.option or inbound.text)
    if asked == "perbaiki":
        return turn.begin()
    if asked == "unggah":
        return turn.page()
    walk = queries.walk(connection, post.id)
    if walk is None or installation.now() - walk.changed_at > FORGOTTEN:
        return None
    return turn.reply(walk, asked, inbound.text)


def _post(
    connection: Connection, installation: Installation, contact_id: int
) -> CoordinatorRow | None:
    """Return the newest post in a survey that is not over."""
    for post in coordinators.posts_of(connection, contact_id):
        if installation.surveys.by_id(connection, post.survey_id).closed_at is None:
            return post
    return None


@dataclass(slots=True)
class _MendingTurn:
    """One turn of a coordinator's."""

    connection: Connection
    installation: Installation
    post: CoordinatorRow
    base_url: str | None

    @property
    def published(self) -> Published:
        return self.installation.surveys.by_id(self.connection, self.post.survey_id)

    @property
    def units(self) -> frozenset[int] | None:
        return taking.post_of(self.connection, self.post.contact_id, self.post.survey_id).units

    def say(self, name: str, **values: str | int) -> str:
        return words.say(self.published.survey, name, values)

    def late(self) -> Message | None:
        if not mending.closed(self.connection, self.published):
            return None
        queries.end_walk(self.connection, self.post.id)
        return words.message(self.say("mend_too_late"))

    def note(self, inbound: Inbound) -> Message:
        late = self.late()
        if late is None:
            sent_files.note(self.connection, self.installation, self.post.id, inbound)
        return late or words.message(self.say("file_received"))

    def page(self) -> Message:
        late = self.late()
        if late is not None:
            return late
        if self.base_url is None:
            return words.message(self.say("page_none"))
        token = upload_pages.make(self.connection, self.installation, self.post.id)
        return words.message(self.say("page", url=f"{self.base_url}{upload_pages.PATH}{token}"))

    def begin(self) -> Message:
        late = self.late()
        if late is not None:
            return late
        number = self._left()
        if not number:
            queries.end_walk(self.connection, self.post.id)
            return words.message(self.say("mend_nothing"))
        walk = Walk(self.post.id, 0, 0, self.installation.now())
        return self._next(walk, self.say("mend_begin", jumlah=number))

    def reply(self, walk: Walk, asked: str, text: str) -> Message | None:
        """Take a reply to the row that was shown; None for what is no reply to it."""
        row = queries.reject(self.connection, walk.reject_id)
        wanted = self._wanted(row)
        # Under an interview, only what cannot be meant for it: a number as long as a telephone's.
        busy = coordinators.interview_under_way(self.connection, self.post.contact_id, UNDER_WAY)
        long = len(re.findall(r"\d", text)) >= 6 or "@" in text
        known = asked in ("lewati", "selesai", "pindah")
        other = bool(self.published.survey.words.keywords.words.get(asked))
        if not known and not long and (busy or other):
            return None
        late = self.late()
        if late is not None:
            return late
        match asked:
            case "selesai":
                return self._end(walk, "mend_end")
            case "lewati":
                return self._next(walk, self.say("mend_skipped"))
            case "pindah":
                if row is not None and row.status == "open" and mending.within(row, self.units):
                    mending.shut(self.connection, row, "gone")
                return self._next(walk, self.say("mend_moved"))
        if not long and wanted.startswith("nomor"):
            return words.message(self.say("mend_unclear", yang_benar=wanted))
        return self._correct(walk, text)

    def _correct(self, walk: Walk, text: str) -> Message:
        outcome = mending.mend_in(
            self.connection,
            self.installation,
            self.published,
            walk.reject_id,
            text,
            self.units,
        )
        match outcome.fate:
            case "mended":
                walk = walk._replace(done=walk.done + 1)
                said = self.say("mend_thanks")
                if walk.done % EVERY == 0:
                    said += " " + self.say("mend_progress", beres=walk.done, sisa=self._left())
                return self._next(walk, said)
            case "partly":
                again = walk._replace(reject_id=walk.reject_id - 1)
                return self._next(again, self.say("mend_partly"))
            case "duplicate":
                return words.message(self.say("mend_duplicate"))
            case "wrong":
                problems = [(one.what.partition(": ")[0], one.what, "") for one in outcome.problems]
                return words.message(self.say("mend_wrong", masalah=reason(problems, "")))
            case _:
                return self._next(walk, "")

    def _next(self, walk: Walk, said: str) -> Message:
        """Show the next row after what there is to say first, or end the walk."""
        survey_id, units = self.post.survey_id, self.units
        rows = queries.open_rejects(self.connection, survey_id, units, walk.reject_id, 1)
        if not rows:
            over = self._end(walk, "mend_over")
            return words.message(said, over.text)
        now = self.installation.now()
        queries.set_walk(self.connection, walk._replace(reject_id=rows[0].id, changed_at=now))
        return words.message(said, self._shown(rows[0]))

    def _shown(self, row: Reject) -> str:
        content = mending.opened(self.connection, self.installation, row)
        unit = unit_queries.by_id(self.connection, row.place) if row.place else None
        return self.say(
            "fix_one",
            no=str(row.line),
            nama_singkat=words.short_name(content.name),
            unit=unit.name if unit else "unit belum dikenal",
            masalah=reason(content.problems[:1], row.kind),
            yang_benar=words.wanted(content.problems),
        )

    def _wanted(self, row: Reject | None) -> str:
        if row is None or row.status != "open":
            return words.wanted(())
        return words.wanted(mending.opened(self.connection, self.installation, row).problems)

    def _end(self, walk: Walk, name: str) -> Message:
        queries.end_walk(self.connection, self.post.id)
        left = self._left()
        name = "mend_over_all" if name == "mend_over" and not left else name
        return words.message(self.say(name, beres=walk.done, sisa=left))

    def _left(self) -> int:
        return queries.count_open(self.connection, self.post.survey_id, self.units)
