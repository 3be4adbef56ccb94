"""Names as people write them on lists, and which of them may be one person's.

Titles and degrees are no part of a name (Drs., H., S.Sos., M.Si); order, initials and one spelling
may differ. Alike is a hint, never a proof.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product

from rapidfuzz import fuzz

Name = tuple[str, ...]
"""The words of a name as they are compared, in alphabetical order."""

COMMON = 3  # a name that stands more often in a unit says nothing about who is who
_BLOCK = 50  # names that are compared with one another; more are parted by more letters
_LIKES = 2  # a name that is like more others is as good as any of them
_LIKE = 84  # of 100: "rahman" and "rachmann", not "aminah" and "aminatun"

_TITLES = frozenset(
    """
    dr drs dra ir prof h hj haji hajah kh tn ny nn bpk bapak ibu sdr sdri rr rd
    sh se st sp ssos skom spd spdi sag sip skm ssi stp sked skep sst sstp sthi spt shut sikom
    spsi sfarm sgz sei strkeb strkep str mm msi mh mt mp mkes mpd mpdi map mkom mhum mph msc msos
    mip mmpd magr ma mba amd amk amdkeb amdkep ama sptk apt ns phd lc ak ca cpa
    """.split()  # noqa: SIM905
)
_MUHAMMAD = "muh moh mhd muhamad mohamad mohammad mochamad mochammad muchamad muchammad"
_SAME = dict.fromkeys(_MUHAMMAD.split(), "muhammad") | {"abd": "abdul", "achmad": "ahmad"}
_SPELLINGS = (("oe", "u"), ("dj", "j"), ("tj", "c"), ("ch", "h"), ("kh", "h"), ("'", ""))


def name_of(text: str) -> Name:
    """Return a name as it is compared; empty where there is none."""
    words: list[str] = []
    for part in re.split(r"[\s,;/]+", text.casefold()):
        if re.sub(r"[^\w']", "", part) in _TITLES - {"h"}:
            continue
        for word in re.split(r"[^\w']+", part):
            # "H. Ahmad" is Haji Ahmad, "Ahmad H." has an initial.
            if word and word not in (_TITLES if not words else _TITLES - {"h"}):
                words.append(_spelt(word))
    return tuple(sorted(words))


def alike(one: Name, other: Name) -> bool:
    """Whether two names may be one person's: all words but one are the same, and that one is
    missing, an initial, or spelt a little differently. Two initials may stand for two words, and
    two words may be written as one."""
    if one == other:
        return bool(one)
    left, right = _without(one, other), _without(other, one)
    lengths = (len(left), len(right))
    if lengths in {(1, 2), (2, 1)}:
        return sorted("".join(left)) == sorted("".join(right))
    shared = [word for word in one if word in other and len(word) > 2]
    if not shared:
        return False
    if lengths == (1, 1):
        a, b = left[0], right[0]
        return _initial(a, b) or (min(len(a), len(b)) > 3 and fuzz.ratio(a, b) >= _LIKE)
    if lengths == (2, 2):
        return all(_initial(a, b) for a, b in zip(left, right, strict=True))
    return lengths in {(0, 1), (1, 0)} and len(shared) > 1


def pairs(names: Sequence[tuple[int, Name]]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of ids, the smaller first, whose names are alike; each once.

    Only names with a word in common are compared, so that this stays fast for tens of thousands. A
    name that more than COMMON people bear is left out, and so is what is like too many others.
    """
    bearers: dict[Name, list[int]] = {}
    for number, name in names:
        if name:
            bearers.setdefault(name, []).append(number)
    rare = {name: ids for name, ids in bearers.items() if len(ids) <= COMMON}
    for ids in rare.values():
        yield from combinations(sorted(ids), 2)
    found = {
        (one, other)
        for block in _blocks(rare)
        for one, other in combinations(block, 2)
        if abs(len(one) - len(other)) < 2 and alike(one, other)
    }
    likes = Counter(name for pair in found for name in pair)
    for one, other in sorted(found):
        if max(likes[one], likes[other]) <= _LIKES:
            for a, b in product(rare[one], rare[other]):
                yield min(a, b), max(a, b)


def _blocks(names: Iterable[Name]) -> Iterator[list[Name]]:
    """Yield names, in one order, that share a whole word and the beginning of another.

    Where these are too many, they share more of the other word.
    """
    blocks: dict[tuple[str, str], list[Name]] = {}
    for name in sorted(names):
        for key in _keys(name):
            blocks.setdefault(key, []).append(name)
    for (word, _), block in blocks.items():
        if len(block) <= _BLOCK:
            yield block
            continue
        finer: dict[str, list[Name]] = {}
        for name in block:
            for other in name:
                if other != word:
                    finer.setdefault(other[:4], []).append(name)
        yield from (part for part in finer.values() if len(part) <= 10 * _BLOCK)


def _keys(name: Name) -> set[tuple[str, str]]:
    keys = {(word, other[0]) for word in name if len(word) > 2 for other in name if other != word}
    if len(name) <= 2:
        keys.add(("".join(sorted("".join(name))), "+"))  # written as one word or as two
    return keys


def _without(one: Name, other: Name) -> list[str]:
    """Return the words of a name that another has not, doubled ones counted."""
    rest = list(other)
    left = []
    for word in one:
        if word in rest:
            rest.remove(word)
        else:
            left.append(word)
    return left


def _initial(one: str, other: str) -> bool:
    return min(len(one), len(other)) == 1 and one[0] == other[0] and one != other


def _spelt(word: str) -> str:
    word = _SAME.get(word, word)
    for old, new in _SPELLINGS:
        word = word.replace(old, new)
    return re.sub(r"(.)\1+", r"\1", word)
