"""How likely chance alone would do this: the yardstick of every attack on anonymity. Pure.

Small numbers are computed exactly; large ones by the normal approximation, whose error is far from
mattering at `ALPHA`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

ALPHA = 1e-6
"""Rarer than this is no chance: an audit of a clean survey, some dozen tests, is wrong once in
tens of thousands of runs, and an order that is kept shows from ten people on."""

# Up to so many elements the distribution of inversions is computed exactly.
_EXACT = 60
# Up to so many people the distribution of agreements is.
_EXACT_LABELS = 400


def order_p(sequences: Sequence[Sequence[int]]) -> float:
    """Return how likely sequences are as sorted, or as reversed, as these, by chance.

    Kendall's test on the inversions of all sequences together, two-sided; elements are distinct.
    """
    sizes = [len(one) for one in sequences if len(one) > 1]
    if not sizes:
        return 1.0
    found = sum(inversions(one) for one in sequences)
    most = sum(size * (size - 1) // 2 for size in sizes)
    if sum(sizes) <= _EXACT:
        ways = _inversion_counts(sizes)
        extreme = min(found, most - found)
        tail = sum(ways[: extreme + 1])
        return min(1.0, 2 * tail / sum(ways))
    variance = sum(size * (size - 1) * (2 * size + 5) for size in sizes) / 72
    return math.erfc(abs(found - most / 2) / math.sqrt(variance) / math.sqrt(2))


def inversions(sequence: Sequence[int]) -> int:
    """Return how many pairs stand in the wrong order."""
    ranks = {value: rank for rank, value in enumerate(sorted(sequence), 1)}
    tree = [0] * (len(sequence) + 1)
    found = 0
    for seen, value in enumerate(sequence):
        rank = ranks[value]
        smaller, place = 0, rank
        while place:
            smaller += tree[place]
            place &= place - 1
        found += seen - smaller
        place = rank
        while place < len(tree):
            tree[place] += 1
            place += place & -place
    return found


def _inversion_counts(sizes: Sequence[int]) -> list[int]:
    """Return how many arrangements of all sequences together have 0, 1, 2, … inversions."""
    ways = [1]
    for size in sizes:
        for width in range(2, size + 1):
            # Inserting the next element makes 0 … width-1 inversions: a sliding sum.
            wider = [0] * (len(ways) + width - 1)
            window = 0
            for place in range(len(wider)):
                window += ways[place] if place < len(ways) else 0
                window -= ways[place - width] if place >= width else 0
                wider[place] = window
            ways = wider
    return ways


def alignment_p(pairs: Sequence[tuple[Sequence[Hashable], Sequence[Hashable]]]) -> float:
    """Return how likely two labellings, place by place, agree as much by chance.

    `pairs` are strata, each two equally long sequences of labels. For the label that splits both
    sides best the number of agreements is hypergeometric; one-sided, over all labels (Bonferroni).
    """
    labels = {label for left, right in pairs for label in (*left, *right)}
    tests = [p for label in labels if (p := _one_label_p(pairs, label)) is not None]
    return min(1.0, min(tests, default=1.0) * max(1, len(tests)))


def _one_label_p(
    pairs: Sequence[tuple[Sequence[Hashable], Sequence[Hashable]]], label: Hashable
) -> float | None:
    """Test one label: the sum over strata of independent hypergeometric numbers."""
    strata = []
    found = 0
    for left, right in pairs:
        mine, theirs = left.count(label), right.count(label)
        if 0 < mine < len(left) and 0 < theirs < len(left):
            strata.append((len(left), mine, theirs))
            found += sum(one == other == label for one, other in zip(left, right, strict=True))
    if not strata:
        return None
    if sum(size for size, _, _ in strata) > _EXACT_LABELS:
        mean = sum(mine * theirs / size for size, mine, theirs in strata)
        variance = sum(
            mine * theirs * (size - mine) * (size - theirs) / (size**2 * (size - 1))
            for size, mine, theirs in strata
        )
        return math.erfc((found - 0.5 - mean) / math.sqrt(2 * variance)) / 2
    chances = [1.0]
    for size, mine, theirs in strata:
        ways = [
            math.comb(mine, both) * math.comb(size - mine, theirs - both) if theirs >= both else 0
            for both in range(min(mine, theirs) + 1)
        ]
        chances = _convolved(chances, [one / math.comb(size, theirs) for one in ways])
    return min(1.0, math.fsum(chances[found:]))


def _convolved(left: Sequence[float], right: Sequence[float]) -> list[float]:
    result = [0.0] * (len(left) + len(right) - 1)
    for place, one in enumerate(left):
        for other_place, other in enumerate(right):
            result[place + other_place] += one * other
    return result


def range_p(values: Sequence[int], size: int) -> float:
    """Return how likely so many values, drawn evenly from `size`, lie so close together."""
    number = len(values)
    if number < 2:
        return 1.0
    share = min(1.0, (max(values) - min(values) + 1) / size)
    return min(1.0, number * share ** (number - 1))
