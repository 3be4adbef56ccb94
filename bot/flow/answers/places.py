"""Places: what WhatsApp sends as a location, or somebody copies from a map."""

from __future__ import annotations

import re

Coordinates = tuple[float, float]
"""Latitude and longitude in degrees, south and west negative (WGS 84)."""

MAX_PLACES = 5
"""Decimals that a place is stored with at most: about a metre."""

_PAIR = re.compile(
    r"\(?\s*([+-]?[0-9]{1,2}\.[0-9]{1,15})\s*[,; ]\s*([+-]?[0-9]{1,3}\.[0-9]{1,15})\s*\)?"
)


def coordinates(latitude: object, longitude: object) -> Coordinates | None:
    """Return what a channel says of a place, if it is one on this earth."""
    try:
        place = float(str(latitude)), float(str(longitude))
    except ValueError:
        return None
    return place if abs(place[0]) <= 90 and abs(place[1]) <= 180 else None


def read_place(text: str) -> Coordinates | None:
    """Read "-3.31987, 114.59075", as maps show it; nothing else that is typed is a place."""
    match = _PAIR.fullmatch(text.strip())
    return coordinates(match[1], match[2]) if match else None


def stored(place: Coordinates, places: int) -> str:
    """Return a place as it is stored, "latitude longitude", with so many decimals at most."""
    return " ".join(f"{round(one, places) + 0.0:.{places}f}" for one in place)
