"""The types of XLSForm: what each is in a flow, and why some are nothing there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.authoring.xlsform.condition_parts import Kind


@dataclass(frozen=True, slots=True)
class FormType:
    """A row's type: what it is, the list that it names, and whether `or_other` stands behind it."""

    name: str
    list_name: str = ""
    or_other: bool = False


@dataclass(frozen=True, slots=True)
class Without:
    """Why a type has no place in a chat, and what to do instead."""

    why: str
    fix: str


KINDS: Mapping[str, Kind] = {
    "select_one": "choice", "select_multiple": "several", "rank": "several",
    "integer": "number", "decimal": "number", "range": "number", "text": "text",
    "date": "date", "time": "text", "geopoint": "text", "image": "text", "audio": "text",
    "file": "text",
}  # fmt: skip
"""What expressions see of each of our types."""

_SPELLINGS = {
    "string": "text", "int": "integer", "photo": "image", "datetime": "dateTime",
    "date_time": "dateTime", "qrcode": "barcode", "trigger": "acknowledge", "location": "geopoint",
    "q_string": "text", "add_integer_prompt": "integer", "add_text_prompt": "text",
    "add_note_prompt": "note", "add_date_prompt": "date", "add_decimal_prompt": "decimal",
    "add_image_prompt": "image", "add_photo_prompt": "image", "add_audio_prompt": "audio",
    "add_video_prompt": "video", "add_file_prompt": "file", "add_location_prompt": "geopoint",
    "add_barcode_prompt": "barcode", "q_int": "integer", "numeric": "decimal",
}  # fmt: skip

_ABOUT_PEOPLE = Without(
    "a survey here keeps nothing about people but their answers",
    "delete the row; the export has the day, and units are known by the link",
)
_OUTSIDE = Without("a flow reads no other files", "put the list into the choices sheet")

CANNOT: Mapping[str, Without] = {
    **dict.fromkeys(
        ("start", "end", "today", "deviceid", "phonenumber", "username", "email", "simserial",
         "subscriberid", "imei", "audit", "start-geopoint", "background-audio",
         "background-geopoint", "get_today", "get_start_time", "get_end_time", "device_id"),
        _ABOUT_PEOPLE,
    ),
    **dict.fromkeys(
        ("select_one_from_file", "select_multiple_from_file", "select_one_external",
         "csv-external", "xml-external"),
        _OUTSIDE,
    ),
    "geotrace": Without("a chat sends one place, not a line", "ask for a geopoint, or in words"),
    "geoshape": Without("a chat sends one place, not an area", "ask for a geopoint, or in words"),
    "barcode": Without("a chat does not scan codes", "ask for the code as text"),
    "osm": Without("a chat draws no maps", "ask for a geopoint, or in words"),
    "video": Without("a survey takes no films", "ask for a picture, or for a recording (audio)"),
    "hidden": Without("a chat has no hidden fields", "use a calculation"),
    "begin_repeat": Without(
        "a chat does not ask the same questions over and over",
        "ask for a fixed number by questions of their own, or only for the most important one",
    ),
    "begin_loop": Without("a chat does not loop", "write the questions out"),
}  # fmt: skip

_ALWAYS = {"type", "name", "label", "relevant"}

READ: Mapping[str, set[str]] = {
    "begin_group": _ALWAYS,
    "calculate": _ALWAYS | {"calculation"},
    "note": _ALWAYS | {"hint"},
    "acknowledge": _ALWAYS | {"hint", "required"},
    # What these have besides is reported where they are taken apart.
    "dateTime": _ALWAYS | {"hint", "required", "constraint", "default"},
}
"""Columns that rows of some types are read for; others are read for all that XLSForm has."""

NO_PLACE: Mapping[str, Without] = {
    "appearance": Without(
        "a chat has its own form", "for buttons or a list see `appearance` in flows/README.md"
    ),
    "guidance_hint": Without("nobody stands beside the person", "write it into the hint"),
    "read_only": Without("what is asked can be answered", "make it a note"),
    "required_message": Without("one text says it for all", "see `required` in messages.yaml"),
    "repeat_count": Without("a chat does not repeat questions", ""),
    "trigger": Without("calculations are always up to date here", ""),
    "media": Without(
        "the file is not in the form", "put it into the folder `media`, see flows/README.md"
    ),
    "bind": Without("a flow has no XML", "say it by the columns of XLSForm, or leave it out"),
    "control": Without("a flow has no XML", "say it by the columns of XLSForm, or leave it out"),
    "instance": Without("a flow has no XML", ""),
    "save_to": Without("a flow has no entities", ""),
    "autoplay": Without("WhatsApp decides what is played", ""),
    "rows": Without("a chat has no boxes", ""),
    "compact_tag": Without("it belongs to forms by SMS", ""),
    "video": Without("a chat shows no video with a question", "describe it, or use a picture"),
}  # fmt: skip
"""Columns that a flow has nothing for."""

_SIMPLE = re.compile(r"(begin|end)[ _]+(group|repeat|loop|lgroup|looped group)\b")


def read_type(text: str) -> FormType:
    """Return what a cell of the column `type` says."""
    words = " ".join(text.split())
    if match := _SIMPLE.fullmatch(words.lower()):
        kind = {"lgroup": "repeat", "looped group": "repeat"}.get(match[2], match[2])
        return FormType(f"{match[1]}_{kind}")
    for alias, name in _selects():
        if words.lower().startswith(alias + " "):
            rest = words[len(alias) + 1 :].strip()
            other = re.search(r" (or_other|or specify other|or other)$", rest)
            rest = rest[: other.start()] if other else rest
            return FormType(name, rest, other is not None)
    plain = words.replace(" ", "_").lower()
    known = _SPELLINGS.get(plain, plain if plain in KINDS else words)
    return FormType(known if known in KINDS else _SPELLINGS.get(plain, plain))


@lru_cache(maxsize=1)
def _selects() -> list[tuple[str, str]]:
    """Return all ways to say `select_one` and the like, the longest first."""
    from pyxform import aliases

    ours = {"select one": "select_one", "select all that apply": "select_multiple", "rank": "rank"}
    outside = {"select_one_external": "select_one_external"} | {
        name: name.replace(" ", "_") for name in aliases.select_from_file
    }
    found = {name: outside.get(name) or ours.get(to, to) for name, to in aliases.select.items()}
    return sorted(found.items(), key=lambda one: -len(one[0]))
