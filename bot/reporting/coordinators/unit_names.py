"""Which unit somebody means: by name, code, usual abbreviation, initials, or a misspelling of them.

Only what is asked for decides: a unit is found where every word of the text belongs to it or to a
unit above it ("Dinkes Kobar"), at least one to the unit itself. What fits several units equally
well is for the asker to decide; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from rapidfuzz.distance import OSA

from bot.flow.keywords import normalise
from bot.reporting.units import Hierarchy
from storage.queries.reports import UnitRow

ABBREVIATIONS: Mapping[str, str] = MappingProxyType(
    {
        # kabupaten and kota of Kalteng and Kalsel
        "kobar": "kotawaringin barat",
        "kotim": "kotawaringin timur",
        "barsel": "barito selatan",
        "barut": "barito utara",
        "bartim": "barito timur",
        "gumas": "gunung mas",
        "mura": "murung raya",
        "pulpis": "pulang pisau",
        "tala": "tanah laut",
        "batola": "barito kuala",
        "hss": "hulu sungai selatan",
        "hst": "hulu sungai tengah",
        "hsu": "hulu sungai utara",
        "tanbu": "tanah bumbu",
        "bjm": "banjarmasin",
        "bjb": "banjarbaru",
        "kalteng": "kalimantan tengah",
        "kalsel": "kalimantan selatan",
        # offices
        "dinkes": "dinas kesehatan",
        "disdik": "dinas pendidikan",
        "dikbud": "pendidikan kebudayaan",
        "disdikbud": "dinas pendidikan kebudayaan",
        "pupr": "pekerjaan umum penataan ruang",
        "dpupr": "dinas pekerjaan umum penataan ruang",
        "dukcapil": "kependudukan pencatatan sipil",
        "disdukcapil": "dinas kependudukan pencatatan sipil",
        "capil": "kependudukan pencatatan sipil",
        "dpmptsp": "dinas penanaman modal pelayanan terpadu satu pintu",
        "ptsp": "penanaman modal pelayanan terpadu satu pintu",
        "bapenda": "badan pendapatan",
        "dispenda": "dinas pendapatan",
        "bkad": "badan keuangan aset",
        "bpkad": "badan pengelolaan keuangan aset",
        "bappeda": "badan perencanaan pembangunan",
        "bapelitbang": "badan perencanaan pembangunan penelitian pengembangan",
        "bkd": "badan kepegawaian",
        "bkpsdm": "badan kepegawaian pengembangan sumber manusia",
        "bpbd": "badan penanggulangan bencana",
        "kesbangpol": "badan kesatuan bangsa politik",
        "satpol": "satuan polisi",
        "pp": "pamong praja",
        "dinsos": "dinas sosial",
        "dishub": "dinas perhubungan",
        "kominfo": "komunikasi informatika",
        "diskominfo": "dinas komunikasi informatika",
        "dlh": "dinas lingkungan hidup",
        "disnaker": "dinas tenaga kerja",
        "disperkim": "dinas perumahan kawasan permukiman",
        "dispora": "dinas pemuda olahraga",
        "distan": "dinas pertanian",
        "disbudpar": "dinas kebudayaan pariwisata",
        "dispar": "dinas pariwisata",
        "dp3a": "dinas pemberdayaan perempuan perlindungan anak",
        "dpmd": "dinas pemberdayaan masyarakat desa",
        "setda": "sekretariat",
        "setwan": "sekretariat dprd",
        "itda": "inspektorat",
        "rsud": "rumah sakit umum",
        "kec": "kecamatan",
        "kel": "kelurahan",
    }
)
"""Usual abbreviations, normalised; `unit_abbreviations` in messages.yaml adds to them."""

# Words that tell no unit from another.
_FILLERS = frozenset(
    (
        *("dan", "serta", "di", "pada", "untuk", "unit", "opd", "skpd", "kantor", "daerah"),
        *("kab", "kabupaten", "kota", "prov", "provinsi", "pemkab", "pemko", "pemkot", "pemprov"),
        *("pemerintah", "administrasi", "pak", "bu", "min", "ya", "dong", "tolong"),
    )
)
_TYPES = frozenset(("dinas", "badan", "kecamatan", "kelurahan", "bagian", "biro", "bidang"))
_LONGEST = 80


@dataclass(frozen=True, eq=False)
class UnitNames:
    """The names that units go by, those of a survey's own abbreviations among them."""

    hierarchy: Hierarchy
    own: Mapping[str, str] = field(default_factory=dict)

    def find(self, text: str, *, exactly: bool = False) -> list[int]:
        """Return the units that a text may mean, by name; several fit it equally well.

        `exactly`: only whole names, codes, abbreviations and initials, without errors.
        """
        said = normalise(text)
        if not said or len(said) > _LONGEST:
            return []
        return next((found for found in self._stages(said, exactly) if found), [])

    def _stages(self, said: str, exactly: bool) -> Iterator[list[int]]:
        """Yield what is found by ever weaker rules; the first that finds anything counts."""
        units = self.hierarchy.units
        asked = self._words(said)
        yield [one for one in units if said in self._codes[one]]
        yield [
            one
            for one in units
            if asked in (self._names[one], _without_type(self._names[one]))
            or said in self._initials[one]
        ]
        yield self._within([asked], 0, whole_names=True)
        if not exactly:
            yield self._within([asked], 0)
            yield self._within([asked, *self._readings(said)], 1)

    def _within(
        self, readings: Collection[tuple[str, ...]], errors: int, *, whole_names: bool = False
    ) -> list[int]:
        """Return units to which all words of a reading belong, those with the fewest errors."""
        scores: dict[int, int] = {}
        for number, asked in enumerate(readings):
            for unit_id in self.hierarchy.units:
                name, above = self._names[unit_id], self._above[unit_id]
                if whole_names and not set(_without_type(name)) <= set(asked):
                    continue
                score = _score(asked, name, above, errors)
                if score is not None:
                    # The first reading is what was written, in the others a word was misspelt.
                    score += min(number, 1)
                    scores[unit_id] = min(score, scores.get(unit_id, score))
        best = min(scores.values(), default=0)
        return [unit_id for unit_id in self.hierarchy.units if scores.get(unit_id) == best]

    def _readings(self, said: str) -> list[tuple[str, ...]]:
        """Return a text with one of its words read as an abbreviation that it is nearly."""
        words = said.split()
        found = []
        for place, word in enumerate(words):
            if len(word) < 5 or word in self._spelt:
                continue
            for short in self._spelt:
                if len(short) >= 4 and OSA.distance(word, short, score_cutoff=1) <= 1:
                    nearly = [*words[:place], short, *words[place + 1 :]]
                    found.append(self._words(" ".join(nearly)))
        return found

    def _words(self, said: str) -> tuple[str, ...]:
        """Return the words of a normalised text, abbreviations written out, without fillers."""
        words = [part for word in said.split() for part in self._spelt.get(word, word).split()]
        telling = tuple(word for word in words if word not in _FILLERS)
        return telling or tuple(words)

    @cached_property
    def _spelt(self) -> Mapping[str, str]:
        own = {normalise(short): normalise(full) for short, full in self.own.items()}
        return {**ABBREVIATIONS, **own}

    @cached_property
    def _names(self) -> Mapping[int, tuple[str, ...]]:
        rows = self.hierarchy.units.values()
        return {row.id: tuple(dict.fromkeys(self._words(normalise(row.name)))) for row in rows}

    @cached_property
    def _above(self) -> Mapping[int, frozenset[str]]:
        return {
            unit_id: frozenset(
                word for one in self.hierarchy.above(unit_id) for word in self._names[one]
            )
            for unit_id in self.hierarchy.units
        }

    @cached_property
    def _codes(self) -> Mapping[int, frozenset[str]]:
        return {row.id: _codes(row) for row in self.hierarchy.units.values()}

    @cached_property
    def _initials(self) -> Mapping[int, frozenset[str]]:
        """Initials of the name, of it without "Dinas" or "Badan", and what stands in brackets."""
        found = {}
        for row in self.hierarchy.units.values():
            words = [word for word in normalise(row.name).split() if word not in ("dan", "serta")]
            short = words[1:] if words and words[0] in _TYPES else words
            initials = {"".join(word[0] for word in one) for one in (words, short)}
            inside = row.name.partition("(")[2].partition(")")[0]
            found[row.id] = frozenset(
                one for one in {*initials, normalise(inside)} if len(one) >= 3
            )
        return found


def _without_type(name: tuple[str, ...]) -> tuple[str, ...]:
    return name[1:] if len(name) > 1 and name[0] in _TYPES else name


def _codes(row: UnitRow) -> frozenset[str]:
    return frozenset((normalise(row.code), normalise(f"{row.code_list} {row.code}")))


def _score(
    asked: Collection[str], name: Collection[str], above: Collection[str], errors: int
) -> int | None:
    """Return how many letters are wrong where every word belongs to a unit, else None.

    `errors`: how many a word of five letters may have; one of nine may have one more.
    """
    total, mine = 0, False
    for word in asked:
        allowed = 0 if not errors or len(word) < 5 or word.isdigit() else 1 if len(word) < 9 else 2
        own = _nearest(word, name, allowed)
        other = _nearest(word, above, allowed)
        found = min((one for one in (own, other) if one is not None), default=None)
        if found is None:
            return None
        total += found
        mine |= own is not None and own == found
    return total if mine else None


def _nearest(word: str, words: Collection[str], allowed: int) -> int | None:
    if word in words:
        return 0
    if not allowed:
        return None
    found = [OSA.distance(word, one, score_cutoff=allowed) for one in words]
    return min((int(one) for one in found if one <= allowed), default=None)
