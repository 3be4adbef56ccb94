"""Ways through sections, filters and calculations: each goes so in the engine."""

from __future__ import annotations

import pytest

from bot.flow.drawing.graph import graph, mermaid
from bot.flow.rehearsal.ways import Ways
from tests.structured import paged, structured, survey_of

CASCADE = """\
  - name: prov
    type: select_one
    label: Provinsi?
    na: none
    choices: [{name: a, label: A}, {name: b, label: B}, {name: c, label: C}]
  - name: kota
    type: select_one
    label: Kota?
    na: none
    choice_filter: "di == prov"
    choices:
      - {name: a1, label: A1, attributes: {di: a}}
      - {name: a2, label: A2, attributes: {di: a}}
      - {name: b1, label: B1, attributes: {di: b}}
  - {name: skor, type: calculate, calculation: "(kota == 'a1') | int + (prov == 'c') | int * 2"}
  - {name: akhir, type: text, label: Akhir?, relevant: "skor >= 1"}
"""


def test_choices_that_are_filtered_out_lead_nowhere():
    ways = Ways(survey_of(CASCADE), "internal")
    assert ways.proved
    courses = {
        tuple((asked.question.name, asked.answers) for asked in way.asked)
        for way in ways.spread(100)
    }
    for way in ways.spread(100):
        ways.play(way)
    assert {tuple(name for name, _ in course) for course in courses} == {
        ("prov", "kota"),
        ("prov", "kota", "akhir"),
        ("prov", "akhir"),
    }
    assert (("prov", ("c",)), ("akhir", ("Jawaban",))) in courses


@pytest.mark.parametrize("survey", [structured, paged])
def test_every_way_through_all_structure_goes_so_in_the_engine(survey):
    ways = Ways(survey(), "internal")
    assert ways.proved
    assert ways.count <= 200
    lengths = {ways.play(way).questions for way in ways.spread(200)}
    assert min(lengths) == ways.play(ways.way("shortest")).questions
    assert max(lengths) == ways.play(ways.way("longest")).questions


def test_sections_and_calculations_stand_in_the_picture():
    drawn = graph(structured().for_group("internal"), "id")
    rows = {row.name: row for row in drawn.rows}
    work = "Tentang pekerjaan (changes places by chance)"
    assert rows["alat"].sections == (work,)
    assert rows["b_puas"].sections[1] == "Sedikit lagi"
    assert "(in any order)" in rows["b_puas"].sections[0]
    assert rows["mulai_usia"].label == "= usia - lama"
    assert rows["mulai_usia"].number == 0
    assert rows["kota"].more == ("offers those for which 1 provinsi is prov",)
    text = mermaid(drawn)
    assert text.count("subgraph") == 3
    assert text.count("\n    end\n") == 3
