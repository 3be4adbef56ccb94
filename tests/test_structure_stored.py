"""What a flow's structure leaves behind: columns for what was worked out, nothing of the order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.flow.state import State, Status
from bot.interview import seeds
from bot.interview.installation import Installation
from bot.interview.mixing import FAST_SECONDS, mix_due
from bot.interview.surveys import publish
from bot.reporting.export.codebook import read_codebook
from bot.reporting.export.writing import export
from storage.models import Answer
from tests.counts import respond
from tests.crowd import Crowd
from tests.setup import add_unit, installation
from tests.structured import structured, structured_files
from tests.surveys import Chat

K = 3


@pytest.fixture
def house(some_url: str) -> Iterator[Installation]:
    with installation(some_url) as opened:
        yield opened


def interview(seed: int) -> State:
    """Return a finished interview: the same answers in the order of a seed."""
    chat = Chat(structured(), language="id")
    chat.state = replace(chat.state, seed=seed)
    chat.asking()
    while (name := chat.state.question) is not None:
        typed = {"alat": "Obeng, Lainnya", "alat_other": "bor", "saluran": "2"}
        by_type = {"integer": "40" if name == "usia" else "12", "text": "jalan rusak"}
        chat.say(typed.get(name) or by_type.get(chat.flow.by_name[name].type) or "1")
    assert chat.state.status is Status.FINISHED
    return chat.state


def published_in(house: Installation):
    files = structured_files()
    files["survey.yaml"] += f"anonymity: {{k: {K}, wait_hours: 0}}\n"
    return publish(house, files)


def test_the_order_that_somebody_saw_does_not_reach_the_mixed_answers(house):
    published = published_in(house)
    crowd = Crowd(house, published.id, published.flow_version_id, add_unit(house), K)
    states = [interview(seed) for seed in range(1, 2 * K + 1)]
    assert len({tuple(state.answers) for state in states}) > 1, "they were asked in other orders"

    def work(connection):
        for state in states:
            crowd.person(connection, answers=state.answers, seed=state.seed)

    house.database.write(work)
    assert mix_due(house).mixed == K
    stored: dict[object, dict[str, str]] = {}
    for row in house.database.read(lambda connection: connection.execute(select(Answer)).all()):
        stored.setdefault(row.response_id, {})[row.question] = row.value
    assert len(stored) == K
    first = next(iter(stored.values()))
    assert all(answers == first for answers in stored.values())
    assert json.loads(first["alat"]) == ["obeng", "other"]
    assert (first["mulai_usia"], first["dewasa"]) == ("28", "matang")
    assert "seed" not in first


def test_what_was_worked_out_and_what_other_is_have_columns(house):
    published = published_in(house)
    unit = add_unit(house)
    respond(house, published, unit, "internal", {"mulai_usia": "28", "alat_other": "bor"})
    stream = io.BytesIO()
    export(house, "coba", "csv", stream, labels=True)
    (row,) = csv.DictReader(io.StringIO(stream.getvalue().decode("utf-8-sig")))
    assert (row["mulai_usia"], row["alat_other"], row["dewasa"]) == ("28", "bor", "")
    assert "pengantar" not in row
    book = house.database.read(lambda connection: read_codebook(connection, house, published, "en"))
    meanings = {one.question: one.newest for one in book.variables}
    assert (meanings["usia"].limits, meanings["lama"].limits) == ("17–99", "0–80")
    assert (meanings["mulai_usia"].type, meanings["mulai_usia"].label) == (
        "calculate",
        "mulai_usia",
    )
    assert [choice.name for choice in meanings["alat"].choices] == [
        *("palu", "gergaji", "obeng", "other", "0", "9")
    ]
    assert meanings["alat_other"].label.startswith("What else?")


def test_what_was_worked_out_took_nobody_any_time(house):
    published = published_in(house)
    crowd = Crowd(house, published.id, published.flow_version_id, add_unit(house), K)
    answers = interview(0).answers
    assert {"mulai_usia", "dewasa"} < set(answers)
    ended = house.now() - timedelta(hours=1)
    began = ended - timedelta(seconds=FAST_SECONDS * (len(answers) - 2))

    def work(connection):
        for _ in range(2 * K):
            crowd.person(connection, answers=answers, began_at=began, last_turn_at=ended)

    house.database.write(work)
    mix_due(house)
    (cell,) = crowd.cells().values()
    assert (cell["mixed"], cell["fast"]) == (K, 0)


def test_seeds_are_drawn_and_follow_from_nothing(house):
    drawn = {seeds.draw(house, 7) for _ in range(50)}
    assert len(drawn) == 50
    assert all(0 < seed < 2**32 for seed in drawn)


def test_a_demo_plays_the_same_again(some_url: str):
    with installation(some_url, demo=True) as house:
        assert seeds.draw(house, 7) == seeds.draw(house, 7)
        assert len({seeds.draw(house, number) for number in range(50)}) == 50
