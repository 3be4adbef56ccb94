"""The soak of a whole campaign, in small: it comes to its end, and its judge can say no."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from tests.soak.campaign import campaign
from tests.soak.paper import Paper, week

OPENS = date(2026, 12, 1)


def at_noon(paper: Paper) -> Paper:
    """Let the program send when the judge's plan has no hours."""
    noon = week("11:50-13:10", "11:50-13:10", "11:50-13:10")
    groups = {name: replace(rules, week=noon) for name, rules in paper.groups.items()}
    return replace(paper, groups=groups)


def test_a_small_campaign_is_sent_as_planned(sqlite_url):
    verdict = campaign(sqlite_url, 24, days=9, opens=OPENS)
    assert verdict.wrong == {}, verdict.examples
    assert verdict.people == 24
    assert verdict.sent["invite"] >= 24
    assert verdict.sent["reminder"] > 0


def test_what_is_sent_outside_its_hours_or_not_at_all_is_found(sqlite_url):
    verdict = campaign(sqlite_url, 12, days=5, opens=OPENS, sabotage=at_noon)
    assert verdict.wrong["outside its window"] > 0
    assert not verdict.clean


def test_workers_that_are_killed_at_random_send_what_is_planned_and_nothing_twice(database_url):
    """Two processes on PostgreSQL and one on SQLite; what is killed starts again."""
    workers = 1 if database_url.startswith("sqlite") else 2
    verdict = campaign(
        database_url, 16, days=4, opens=OPENS, workers=workers, kills=0.2, most_kills=3
    )
    assert verdict.wrong == {}, verdict.examples
    assert verdict.sent["invite"] >= 16
    assert verdict.reports > 10
    assert verdict.kills == 3
