"""Files as offices really send them: read right, every row in one class, rows in are rows out."""

from collections import Counter

import pytest

from bot.intake.phones import read_phone
from bot.intake.tables import open_table
from bot.outreach.roster.headings import understand_headings
from bot.outreach.roster.importing import Options, check_roster
from bot.outreach.roster.rows import COLUMNS
from tests.messy import MESSES
from tests.setup import add_unit, installation, publish_bundled


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('messy') / 'tautan.db'}"
    with installation(url) as made:
        publish_bundled(made)
        add_unit(made, "Dinas Contoh", code="U1")
        yield made


@pytest.mark.parametrize("mess", MESSES, ids=str)
def test_every_cell_and_line_is_found(mess, tmp_path):
    path = tmp_path / mess.name
    mess.write(path)
    with open_table(path, COLUMNS, guess=True) as table:
        found = {}
        for row in table.rows():
            phone = read_phone(row.get("hp_wa") or row.get("hp_lain"))
            found[row.place] = None if row.broken else phone.e164
            assert row.broken or row.get("nama").startswith(("Contoh", "Renée", "B"))
        left_out = {(one.sheet, one.line) for one in (*table.skipped, *table.left_out)}
    assert found == mess.rows
    assert left_out == mess.left_out
    assert {" ".join(one.heading.split()) for one in table.guesses} == mess.guesses


@pytest.mark.parametrize("mess", MESSES, ids=str)
def test_every_row_ends_in_exactly_one_class(mess, place, tmp_path):
    path = tmp_path / mess.name
    mess.write(path)
    headings = understand_headings(place, path).headings()
    report = check_roster(place, path, "integritas", Options(headings=headings))
    assert report.rows == len(mess.rows) == sum(report.counts.values())
    usable = Counter("accepted" if number else "unusable" for number in mess.rows.values())
    assert report.counts == dict(usable)
    assert len(report.left_out) == len(mess.left_out)
