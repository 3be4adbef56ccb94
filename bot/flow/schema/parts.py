"""What the parts of all flow files are made of: names, texts, hours, prices, and strictness."""

from __future__ import annotations

import re
from datetime import time
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

ANY_LANGUAGE = "*"
"""The language of a text that is given as a plain string: the survey's only one."""


def as_texts(value: object) -> object:
    return {ANY_LANGUAGE: value} if isinstance(value, str) else value


_ZONES = "write Asia/Jakarta for WIB, Asia/Makassar for WITA, Asia/Jayapura for WIT"


def _as_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PydanticCustomError(
            "zone", "unknown time zone `{zone}`", {"zone": value, "fix": _ZONES}
        ) from None
    return value


def _as_span(value: object) -> object:
    parts = value.split("-") if isinstance(value, str) else []
    if len(parts) != 2:
        raise PydanticCustomError(
            "span",
            "not a span of hours: `{text}`",
            {"text": str(value), "fix": 'write "08:30-11:45"'},
        )
    return tuple(part.strip() for part in parts)


def _as_file_name(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", value):
        raise PydanticCustomError(
            "file_name",
            "no name for a file of the folder `media`",
            {"fix": "rename it: letters, digits, `.`, `-` and `_`, 80 at most"},
        )
    return value


def _ordered(span: tuple[time, time]) -> tuple[time, time]:
    if span[0] >= span[1]:
        raise PydanticCustomError(
            "span", "the span ends before it begins", {"fix": "write the earlier hour first"}
        )
    return span


Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
LANGUAGE = r"^([a-z]{2,3}|\*)$"
Language = Annotated[str, Field(pattern=LANGUAGE)]
Line = Annotated[str, Field(min_length=1)]
Texts = Annotated[
    dict[Language, Line],
    BeforeValidator(as_texts, json_schema_input_type=Line | dict[Language, Line]),
    Field(min_length=1),
]
Zone = Annotated[str, AfterValidator(_as_zone)]
Hours = Annotated[str, Field(pattern=r"^\s*\d\d:\d\d\s*-\s*\d\d:\d\d\s*$")]
Span = Annotated[
    tuple[time, time],
    AfterValidator(_ordered),
    BeforeValidator(_as_span, json_schema_input_type=Hours),
]
Days = Annotated[float, Field(ge=0, le=366)]
Price = Annotated[Decimal, Field(ge=0, le=10**9, decimal_places=6)]
ChoiceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,48}$")]
Prefix = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,23}$")]
ButtonLabel = Annotated[str, Field(min_length=1, max_length=20)]
# What the provider knows a template by: Twilio's ContentSid, or Meta's name.
ContentSid = Annotated[str, Field(pattern="^(HX[0-9a-f]{32}|[a-z0-9_]{1,512})$")]
FileName = Annotated[str, AfterValidator(_as_file_name)]
FileNames = Annotated[
    dict[Language, FileName],
    BeforeValidator(as_texts, json_schema_input_type=FileName | dict[Language, FileName]),
]
Na = Literal["both", "dont_know", "refuse", "none"]
SentFileKind = Literal["image", "audio", "pdf"]
Appearance = Literal["text", "buttons", "list"]
Mode = Literal["official-support", "own", "owner"]
OncePer = Literal["survey", "unit"]


class Part(BaseModel):
    """A mapping in a file. Keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)
