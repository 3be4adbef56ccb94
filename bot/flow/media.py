"""Pictures and recordings that go with questions: files beside the flow, known here by name alone.

A survey's files, as `load_survey` takes them, have for each file of the folder `media` a line with
its type (as its bytes say), its size and its SHA-256. The bytes themselves are kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MediaKind = Literal["image", "audio"]

FOLDER = "media/"
_MEGABYTE = 1024 * 1024
MOST_BYTES: Mapping[MediaKind, int] = {"image": 5 * _MEGABYTE, "audio": 16 * _MEGABYTE}
TYPES: Mapping[MediaKind, tuple[str, ...]] = {
    "image": ("image/jpeg", "image/png"),
    "audio": ("audio/ogg", "audio/mpeg", "audio/aac", "audio/amr", "audio/mp4"),
}
"""What WhatsApp takes (Meta, "Cloud API, Media: supported media types"); an ogg must be Opus."""

_ATTACHED = "question:"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """One file of the folder; `type` is "" for one that nothing here knows."""

    name: str
    type: str
    size: int
    digest: str

    @property
    def line(self) -> str:
        """The file as a survey's files have it; `read_line` gives an equal one back."""
        return f"{self.type or '-'} {self.size} {self.digest}"

    @property
    def what(self) -> str:
        """The name under which a message carries it (see `Attachment.what`)."""
        return _ATTACHED + self.digest


@dataclass(frozen=True, slots=True, eq=False)
class QuestionMedia:
    """What goes with one question, by language: a picture, and question and choices read aloud."""

    image: Mapping[str, MediaFile] = field(default_factory=dict)
    audio: Mapping[str, MediaFile] = field(default_factory=dict)


def read_line(name: str, line: str) -> MediaFile:
    """Read what `MediaFile.line` wrote. Raises ValueError."""
    kind, size, digest = line.split()
    return MediaFile(name, "" if kind == "-" else kind, int(size), digest)


def media_of(files: Mapping[str, str]) -> dict[str, MediaFile]:
    """Return the files of the folder `media` by their names in it."""
    return {
        name.removeprefix(FOLDER): read_line(name.removeprefix(FOLDER), line)
        for name, line in files.items()
        if name.startswith(FOLDER)
    }


def yaml_files(files: Mapping[str, str]) -> dict[str, str]:
    """Return the YAML files of a survey, without the lines of its folder `media`."""
    return {name: text for name, text in files.items() if not name.startswith(FOLDER)}


def digest_of(what: str) -> str | None:
    """Return the digest of the file that an attachment names; None where it is no question's."""
    return what.removeprefix(_ATTACHED) if what.startswith(_ATTACHED) else None
