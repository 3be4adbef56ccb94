"""The published files come back byte for byte, and never over what somebody has changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.interview.installation import Installation
from bot.interview.publishing import UnknownVersion
from bot.interview.pulling import Pulled, WouldOverwrite, pull
from bot.interview.surveys import UnknownSurvey, publish, read_files, read_media
from tests.media_files import png
from tests.setup import bundled_files, installation, publish_bundled
from tests.surveys import small_files

NAME = "integritas"
ODD = "# Ada enter ala Windows.\r\n# Dan huruf é, 漢, 🙏.\n"


@pytest.fixture
def here(either_url: str) -> Iterator[Installation]:
    with installation(either_url) as opened:
        yield opened


def test_files_come_back_byte_for_byte(here, tmp_path: Path):
    files = bundled_files()
    files["internal.yaml"] = ODD + files["internal.yaml"]
    files["survey.yaml"] += "# an end without a line break"
    publish(here, files)
    folder = tmp_path / "new" / NAME
    done = pull(here, NAME, folder)
    assert done == Pulled(1, tuple(sorted(files)), (), ())
    assert {one.name for one in folder.iterdir()} == set(files)
    for name, text in files.items():
        assert (folder / name).read_bytes() == text.encode()
    assert publish(here, read_files(folder)).flow_version_id == 1, "it is the same version"


def test_pictures_come_back_into_their_folder(here, tmp_path: Path):
    files = small_files()
    old = "    label: {id: Usia?, en: Age?}\n"
    assert old in files["internal.yaml"]
    files["internal.yaml"] = files["internal.yaml"].replace(
        old, old + "    media: {image: kartu.png}\n"
    )
    first = tmp_path / "first"
    (first / "media").mkdir(parents=True)
    for name, text in files.items():
        (first / name).write_bytes(text.encode())
    (first / "media" / "kartu.png").write_bytes(png())
    publish(here, read_files(first), media=read_media(first))
    done = pull(here, "coba", tmp_path / "second")
    assert "media/kartu.png" in done.written
    assert read_files(tmp_path / "second") == read_files(first)
    assert read_media(tmp_path / "second") == read_media(first)
    assert pull(here, "coba", first).written == ()
    (first / "media" / "kartu.png").write_bytes(b"another")
    with pytest.raises(WouldOverwrite, match=r"media/kartu\.png says something else"):
        pull(here, "coba", first)


def test_nothing_is_written_over_what_was_changed(here, tmp_path: Path):
    publish_bundled(here)
    pull(here, NAME, tmp_path)
    (tmp_path / "internal.yaml").write_text("mine", "utf-8")
    (tmp_path / "ahli.yaml").unlink()
    with pytest.raises(WouldOverwrite, match=r"internal\.yaml says something else.*--force"):
        pull(here, NAME, tmp_path)
    assert (tmp_path / "internal.yaml").read_text("utf-8") == "mine"
    assert not (tmp_path / "ahli.yaml").exists(), "nor is anything else"
    done = pull(here, NAME, tmp_path, force=True)
    assert done.written == ("ahli.yaml", "internal.yaml")
    assert "eksternal.yaml" in done.unchanged
    assert "mine" not in (tmp_path / "internal.yaml").read_text("utf-8")


def test_files_that_do_not_belong_to_the_version_are_named_and_stay(here, tmp_path: Path):
    publish_bundled(here)
    (tmp_path / "warga.yaml").write_text("kind: flow", "utf-8")
    (tmp_path / "catatan.txt").write_text("x", "utf-8")
    (tmp_path / "lain.yml").write_text("kind: flow", "utf-8")
    assert pull(here, NAME, tmp_path).others == ("lain.yml", "warga.yaml")
    assert (tmp_path / "warga.yaml").exists()


def test_an_older_version_comes_with_the_settings_of_today(here, tmp_path: Path):
    first = bundled_files()
    publish(here, first)
    second = dict(first)
    second["internal.yaml"] += "# changed\n"
    second["survey.yaml"] += "# changed\n"
    publish(here, second)
    assert pull(here, NAME, tmp_path / "old", version=1).version == 1
    assert (tmp_path / "old" / "internal.yaml").read_text("utf-8") == first["internal.yaml"]
    assert (tmp_path / "old" / "survey.yaml").read_text("utf-8") == second["survey.yaml"]
    assert pull(here, NAME, tmp_path / "new").version == 2
    with pytest.raises(UnknownVersion, match="there are 1 to 2"):
        pull(here, NAME, tmp_path, version=3)
    with pytest.raises(UnknownSurvey):
        pull(here, "x", tmp_path)
