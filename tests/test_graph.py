"""A flow as a picture: what stands on it, that nothing is cut off or hidden, and its words."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bot.flow.drawing.condition_words import in_words
from bot.flow.drawing.graph import REVIEW, Graph, graph, mermaid
from bot.flow.drawing.graph_svg import WIDTH, svg, width_of, wrapped
from bot.flow.load import load_survey
from tests.media_files import lines
from tests.surveys import bundled, small, small_files
from tests.test_billing import flow, one
from tests.test_question_types import land

DOCS = Path(__file__).parent.parent / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(survey=small, group: str = "internal", language: str = "id") -> Graph:
    return graph(survey().for_group(group), language)


def texts(picture: str) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(picture).iter(f"{SVG}text"))


def boxes(picture: str) -> list[tuple[float, float, float, float]]:
    """Return the boxes that hold one question each, as left, top, right, bottom."""
    found = []
    for box in ElementTree.fromstring(picture).iter(f"{SVG}rect"):
        if box.get("stroke") == "#8b98a1":
            keys = ("x", "y", "width", "height")
            x, y, width, height = (float(box.get(key, "0")) for key in keys)
            found.append((x, y, x + width, y + height))
    return found


# what stands on it


def test_rows_are_the_questions_in_order():
    rows = drawn().rows
    questions = small().for_group("internal").questions
    assert [row.name for row in rows] == [question.name for question in questions]
    assert [row.number for row in rows] == [0, 1, 2, 3, 4, 0, 5, 6, 7, 0]
    by_name = {row.name: row for row in rows}
    assert by_name["alat_lain"].condition == "3 alat has 4 (Lainnya)"
    assert by_name["setuju_kah"].ends == "1 setuju_kah is 2 (Tidak)"
    assert by_name["anak"].more == ("taken only if the answer < 2 usia",)
    assert by_name["dewasa"].label == "Dua pertanyaan untuk usia [usia]."
    kinds = ["note", "one of 2", "number 0–120", "several of 4", "own words"]
    assert [row.kind for row in rows][:5] == kinds


def test_what_follows_under_one_condition_is_one_detour():
    runs = drawn().runs
    assert [(run.condition, len(run.rows)) for run in runs] == [
        (None, 4),
        ("3 alat has 4 (Lainnya)", 1),
        ("2 usia ≥ 17", 3),
        (None, 2),
    ]


def test_every_type_is_called_by_name():
    rows = {row.name: row.kind for row in graph(land().for_group("internal"), "id").rows}
    assert rows == {
        "luas": "number min. 0",
        "puas": "scale 0–10",
        "layanan": "date min. 1 Januari 2020",
        "jam": "time min. 07.00",
        "utama": "order of 3",
        "letak": "place",
        "akhir": "own words",
    }


def test_the_owners_words_are_filled_in_and_marks_are_left_out():
    (row,) = [row for row in drawn(bundled).rows if row.name == "sar_01"]
    assert row.label == "Apakah Bapak/Ibu saat ini bekerja di Pemerintah Kota Contoh?"
    (row,) = [row for row in drawn(bundled, "eksternal").rows if row.name == "kpr_01"]
    assert row.label == "Saya percaya [unit] melayani masyarakat dengan jujur."
    (row,) = [row for row in drawn(bundled, "eksternal", "en").rows if row.name == "kpr_01"]
    assert row.label == "I trust [unit] to serve the public honestly."


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("a == '1'", "1 a is 1 (a1)"),
        ("a != '1'", "1 a is not 1 (a1)"),
        ("a in ['1', '2', '3']", "1 a is 1, 2 or 3"),
        ("a not in ['1', '2']", "1 a is not 1 or 2"),
        ("'1' in a and '2' not in a", "1 a has 1 (a1) and 1 a has not 2 (a2)"),
        ("n >= 17", "2 n ≥ 17"),
        ("17 <= n", "17 ≤ 2 n"),
        ("n + 1 > 2 * n", "2 n + 1 > 2 × 2 n"),
        ("n is none", "2 n is not answered"),
        ("n is not none", "2 n is answered"),
        ("not (a == '1' or n > 3)", "not (1 a is 1 (a1) or 2 n > 3)"),
        ("a == '1' and (n > 1 or n < 0)", "1 a is 1 (a1) and (2 n > 1 or 2 n < 0)"),
        ("a == '1' or a == '2' or n > 3", "1 a is 1 (a1) or 1 a is 2 (a2) or 2 n > 3"),
        ("a | length >= 2", "the number of choices in 1 a ≥ 2"),
        ("value < n", "the answer < 2 n"),
        ("1 < n < 4", "1 < n < 4"),
        ("a | first == '1'", "a | first == '1'"),
    ],
)
def test_conditions_are_said_in_words(source: str, words: str):
    number = "{name: n, type: integer, label: {id: n, en: n}}"
    survey = flow(one("a", choices=3), number)
    assert in_words(source, survey.for_group("internal"), "id") == words


# the picture


PICTURES = [(small, "internal"), *((bundled, group) for group in ("internal", "eksternal", "ahli"))]


@pytest.mark.parametrize(("survey", "group"), PICTURES)
def test_nothing_is_drawn_outside_or_over_one_another(survey, group: str):
    picture = svg(drawn(survey, group))
    height = float(ElementTree.fromstring(picture).get("height", "0"))
    found = boxes(picture)
    assert len(found) == len(survey().for_group(group).questions)
    for upper, lower in itertools.pairwise(found):
        assert upper[3] + 10 < lower[1]
    for text in texts(picture):
        x, y = float(text.get("x", "0")), float(text.get("y", "0"))
        wide = width_of(text.text or "", float(text.get("font-size", "0")))
        left = {"start": x, "middle": x - wide / 2, "end": x - wide}[text.get("text-anchor", "")]
        assert left >= 0
        assert left + wide <= WIDTH
        assert 0 < y < height


@pytest.mark.parametrize(("survey", "group"), PICTURES)
def test_every_question_can_be_read(survey, group: str):
    shown = " ".join(text.text or "" for text in texts(svg(drawn(survey, group))))
    for row in drawn(survey, group).rows:
        assert row.name in shown
        assert row.label.split("…")[0][:40] in shown


def test_a_long_flow_has_room_for_long_words():
    words = "Seberapa sering pegawai menerima uang atau barang dari orang yang mengurus layanan"
    long = [one(f"q{n}").replace(f"id: q{n}?", f"id: {' '.join([words] * 4)}") for n in range(60)]
    picture = svg(graph(flow(*long).for_group("internal"), "id"))
    assert len(boxes(picture)) == 60
    assert sum((text.text or "").endswith("…") for text in texts(picture)) == 60


def test_signs_of_the_language_of_pictures_stay_words():
    survey = flow(one("a").replace("id: a?", 'id: "<b>1 & 2</b> \\"x\\""'))
    found = [text.text for text in texts(svg(graph(survey.for_group("internal"), "id")))]
    assert '<b>1 & 2</b> "x"' in found
    assert "&lt;b&gt;1 &amp; 2&lt;/b&gt; &quot;x&quot;" in mermaid(
        graph(survey.for_group("internal"), "id")
    )


def test_lines_are_broken_between_words():
    assert wrapped("satu dua tiga", 10, width_of("satu dua", 10), 3) == ["satu dua", "tiga"]
    assert wrapped("satu dua tiga", 10, width_of("satu dua", 10), 1) == ["satu du…"]
    (cut,) = wrapped("x" * 99, 10, 100, 2)
    assert cut.endswith("…")
    assert width_of(cut, 10) <= 100


# Mermaid


def test_mermaid_has_every_question_and_both_ways_around():
    text = mermaid(drawn())
    for row in drawn().rows:
        assert re.search(rf"^    q_{row.name}[\[/]", text, re.MULTILINE)
    assert "    q_alat --> if_alat_lain\n" in text
    assert "    if_alat_lain -->|yes| q_alat_lain\n" in text
    assert "    q_alat_lain --> if_dewasa\n    if_alat_lain -->|no| if_dewasa\n" in text
    assert '    q_setuju_kah -->|"1 setuju_kah is 2 (Tidak)"| end_setuju_kah\n' in text
    assert "    q_akhir --> finish\n" in text


def test_names_that_mean_something_in_mermaid_are_no_trouble():
    files = small_files()
    files["internal.yaml"] = files["internal.yaml"].replace("setuju_kah", "end")
    text = mermaid(graph(load_survey(files).for_group("internal"), "id"))
    assert "    end\n" not in text
    assert '    q_end["<b>1 end</b>' in text


# what else people see


def test_pictures_and_the_page_of_all_answers_are_drawn():
    files = small_files()
    old = "    label: {id: Usia?, en: Age?}\n"
    assert old in files["internal.yaml"]
    more = "    media: {image: kartu.png, audio: {id: usia.ogg}}\n"
    files["internal.yaml"] = files["internal.yaml"].replace(old, old + more) + "review: true\n"
    files |= lines(kartu_png=("image/png", 900), usia_ogg=("audio/ogg", 900))
    found = graph(load_survey(files).for_group("internal"), "id")
    kinds = {row.name: row.kind for row in found.rows}
    assert kinds["usia"] == "number 0–120 · picture · recording"
    said = [text.text for text in texts(svg(found))]
    assert said.index(REVIEW) < said.index("finished")
    assert "    q_akhir --> review\n" in mermaid(found)
    assert "    review --> finish\n" in mermaid(found)
    assert REVIEW not in svg(drawn())


def test_the_picture_in_the_documentation_is_that_of_the_bundled_flow():
    wanted = svg(drawn(bundled, "eksternal"))
    kept = (DOCS / "images" / "flow-eksternal.svg").read_text("utf-8")
    assert kept == wanted, "draw it again: tautan graph integritas eksternal -o ..."
