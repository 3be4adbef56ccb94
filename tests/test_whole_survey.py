"""The main job end to end: two hundred people through the webhook, closed, mixed, and compared."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, select

from bot.interview import closing
from storage.models import Conversation
from tests.respondents import all_at_once, crowd, stored_vectors
from tests.whatsapp import office

PEOPLE = 200


def test_two_hundred_people_leave_exactly_their_answers(database_url):
    # No callbacks: they are four of five requests, and other tests have them.
    with office(database_url, statuses=()) as place:
        survey = place.published.survey
        for group in survey.settings.groups:
            place.code(group)
        people = crowd(place.twilio, survey, place.code, PEOPLE, seed=1)
        all_at_once([way for _, way in people], at_a_time=8)
        assert place.twilio.errors == []
        finished = select(func.count()).where(Conversation.status == "finished")
        here = place.installation
        assert here.database.read(lambda c: c.execute(finished).scalar_one()) == PEOPLE
        closing.close(here, place.published.name)
        assert stored_vectors(here) == Counter(one.vector() for one, _ in people)
