"""Orders drawn from a conversation's seed: nothing here is random, the same seed draws the same.

The seed itself is drawn by chance where a conversation begins, lives in its encrypted state and
goes with it. Seed 0 is no chance at all: everything stands as it was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shuffle:
    """Parts of a flow that exchange their places: spans of positions, the ends exclusive.

    The parts do not overlap and stand in order. What lies between two of them stays.
    """

    name: str
    parts: tuple[tuple[int, int], ...]


def by_chance(items: Sequence[T], names: Sequence[str], seed: int, what: str) -> tuple[T, ...]:
    """Return items in the order of a seed; `names` tell them apart, `what` one order from another.

    An item that is added or left out does not change the order of the others.
    """
    if not seed:
        return tuple(items)

    def drawn(place: int) -> bytes:
        return hashlib.sha256(f"{seed}:{what}:{names[place]}".encode()).digest()

    return tuple(items[place] for place in sorted(range(len(items)), key=drawn))


def arrangement(length: int, shuffles: Sequence[Shuffle], seed: int) -> tuple[int, ...]:
    """Return the positions 0 to `length` - 1 in the order of a seed.

    Inner shuffles come first in `shuffles`, those around them later.
    """
    order = list(range(length))
    for shuffle in shuffles:
        pieces = [order[start:end] for start, end in shuffle.parts]
        names = [str(start) for start, _ in shuffle.parts]
        drawn = by_chance(pieces, names, seed, shuffle.name)
        arranged: list[int] = order[: shuffle.parts[0][0]]
        for place, piece in enumerate(drawn):
            arranged += piece
            until = shuffle.parts[place + 1][0] if place + 1 < len(shuffle.parts) else length
            arranged += order[shuffle.parts[place][1] : until]
        order = arranged
    return tuple(order)
