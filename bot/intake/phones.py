"""Phone numbers as offices write them: read without ever guessing a digit.

`phonenumbers` alone is not enough for Indonesian lists: it turns `6281234567890.0` (a number that
went through a spreadsheet's float) and `62811511234` (an old short number without its plus) into
*valid numbers of other people*, and swallows the second of two numbers. So a cell is tidied, split
and brought to international form by rules here, and the library only judges the result. Whatever
can be read in two ways is refused: a mended row costs a minute, a wrong person cannot be undone.

Numbers are never logged, and the texts of `REASONS` never repeat one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberType

Kind = Literal[
    "clean",  # written as people write it
    "repaired",  # one reading only, but the form was broken (lost zero, float, 0062, label)
    "two_numbers",  # the first usable one is taken, the others are in `others`
    "foreign",  # another country's mobile number, written with its plus
    "landline",
    "lost_digits",  # a spreadsheet has cut it: 6.28E+12
    "placeholder",  # 081234567890, 081111111111
    "national_id",  # NIK or NIP: must not be stored
    "invalid",
    "empty",
]

REASONS: dict[Kind, tuple[str, str]] = {
    "landline": ("a landline, which has no WhatsApp", "ask for the person's mobile number"),
    "lost_digits": (
        "a spreadsheet has cut off its last digits",
        "ask for the number again and format the column as Text before typing it",
    ),
    "placeholder": ("a made-up number (repeated or running digits)", "ask for the real number"),
    "national_id": (
        "an identity number (NIK or NIP), which must not be collected",
        "delete it and put the person's WhatsApp number here",
    ),
    "invalid": (
        "not an Indonesian mobile number",
        "write it as 08… or +62 8…, one number, digits only",
    ),
    "empty": ("no number", "add the person's WhatsApp number"),
}
"""What is wrong and how to mend it, for every kind that gives no number."""

# When nothing in a cell is usable, the most telling part names the problem.
_TELLING: tuple[Kind, ...] = ("national_id", "lost_digits", "placeholder", "landline", "invalid")

# Prefixes that an operator has issued, after the 0 (libphonenumber's carrier data, 9.0.43). Others
# are valid to the library all the same: worth a warning, not a refusal.
_OPERATOR = re.compile(r"81[1-9]|82[123]|83[1238]|85[1235-9]|87[789]|88[1-37-9]|89[5-9]")


class Phone(NamedTuple):
    """What a cell says: `e164` is the number to write to, `others` are further ones in the cell."""

    kind: Kind
    e164: str | None = None
    others: tuple[str, ...] = ()

    @property
    def second(self) -> str | None:
        """The second number of the cell, if it had one."""
        return self.others[0] if self.others else None

    @property
    def problem(self) -> Kind | None:
        """The kind, where it is a reason not to write to anybody; else None."""
        return None if self.e164 else self.kind

    @property
    def unknown_operator(self) -> bool:
        """Whether the number is Indonesian with a prefix that no operator has issued."""
        return (
            self.e164 is not None
            and self.e164.startswith("+62")
            and not _OPERATOR.match(self.e164, 3)
        )

    @property
    def caution(self) -> str | None:
        """Why a usable number will hardly be on WhatsApp, or None."""
        if not self.unknown_operator or self.e164 is None:
            return None
        known = {"868": "a satellite phone", "828": "a number of an operator that has closed"}
        return known.get(self.e164[3:6], "no operator has issued this prefix")


_PLAIN = re.compile(r"(?:\+?62|(0?))(8[1-35-9][0-9]{7,10})", re.ASCII)
# Three groups, as people write and phones show them: 0812-0000-0123, +62 812 0000 0123.
_GROUPS = re.compile(
    r"(?:\+?62[ -]?|(0?))(8[1-35-9][0-9])[ -]([0-9]{3,4})[ -]([0-9]{3,5})", re.ASCII
)


def read_phone(text: str, region: str = "ID") -> Phone:
    """Read a cell that should hold one mobile number.

    `region` (ISO 3166) is the country of numbers written without one; the rules for broken forms
    are Indonesia's. Never raises.
    """
    if region == "ID":
        text = text.strip()
        plain = _PLAIN.fullmatch(text)
        if plain:
            zero, national = plain.groups()
            return _mobile(national, "repaired" if zero == "" else "clean")
        groups = _GROUPS.fullmatch(text)
        if groups:
            kind: Kind = "repaired" if groups[1] == "" else "clean"
            return _mobile(groups[2] + groups[3] + groups[4], kind)
    return read_slowly(text, region)


def read_slowly(text: str, region: str = "ID") -> Phone:
    """Read a cell by all the rules; `read_phone` gives the same for plain forms, faster."""
    tidy = _tidy(text)
    if _FAILED.fullmatch(tidy):
        return Phone("invalid")
    if not re.search(r"[0-9]", tidy):
        return Phone("lost_digits" if re.fullmatch(r"#{3,}", tidy) else "empty")
    readings: list[_Reading] = []
    for part in _LIST.split(_links_to_numbers(tidy)):
        readings += _read_part(part, region)
    if _could_be_one_number(readings):
        return Phone("invalid")
    return _together(readings)


def holds_national_id(text: str) -> bool:
    """Whether a cell holds something as long as a NIK (16 digits) or NIP (18)."""
    if text.isascii() and not _SIXTEEN.search(text):
        return False
    return any(_is_national_id(_digits(run)) for run in _RUN.findall(_tidy(text)))


# --- From a cell to its parts ---------------------------------------------------------------------

_LIST = re.compile(r"[;/|&\n\r\t]|\b(?:dan|atau|serta|and|or)\b", re.IGNORECASE)
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?(?:\S*?&)?phone=)"
    r"(?:\+|%2B)?([0-9-]+)[^\s,;|]*",
    re.IGNORECASE,
)
_LABEL = re.compile(r"\s*(?:no|nomor|hp|wa|telp?|telepon)[\s.]*[1-9]\s*[:=)]\s*", re.IGNORECASE)
# A formula that gave no number: somebody must look, as the cell was meant to hold one.
_FAILED = re.compile(r"#(?:REF!|N/A|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!)", re.I)
_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?\s*[eE]\s*\+?[0-9]{1,2}(?![0-9])")
_FLOAT = re.compile(r"\s*(\+?[0-9]{9,})[.,](0{1,2})\s*")
_ODD_TAIL = re.compile(r"[^.,]*[0-9][.,]0+\s*|[0-9]{9,}[.,][0-9]{1,2}\s*")
_GROUPED = re.compile(
    r"\s*([0-9]{1,3}(?P<mark>[.,])[0-9]{3}(?:(?P=mark)[0-9]{3})+)(?:(?!(?P=mark))[.,]0{1,2})?\s*"
)
# Brackets belong to a number at its beginning only: (0812) ..., +62 (0)812 ..., but not ... (1).
_RUN = re.compile(r"\(?(?:\+[\s(]*)?[0-9]{1,4}\)?[\s.\-]*(?:\([0-9]{1,4}\))?[0-9\s.\-]*")
# Without so many digits there is no identity number; of a million rows that is nearly all.
_SIXTEEN = re.compile(r"[0-9](?:[^0-9]*[0-9]){15}")
# A letter that touches the last digit may be a digit: 08123456789O. Words like "an" are not.
_LOOKALIKE = re.compile(r"[oilsbzxgq]+(?![a-z])|[*?•_#]", re.IGNORECASE)


def _tidy(text: str) -> str:
    """Return the text with plain digits, spaces and dashes and without invisible signs."""
    plain = text if text.isascii() else "".join(map(_plain_sign, text))
    return re.sub(r"^[oO](?=[\s-]?8)", "0", plain.strip().strip("='\"`´‘’“” "))


def _plain_sign(sign: str) -> str:
    category = unicodedata.category(sign)
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    if category in {"Cf", "Mn", "Me"}:
        return ""
    if category == "No":
        return sign  # a footnote's ² must not become a digit
    return {"Pd": "-", "Zs": " "}.get(category) or unicodedata.normalize("NFKC", sign)


def _links_to_numbers(text: str) -> str:
    """Replace WhatsApp links by the number in them, which is international unless it starts 0."""
    return _LINK.sub(lambda link: ("" if link[1].startswith("0") else "+") + link[1] + " ", text)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One number of a cell; `digits` as written, kept for fragments only."""

    kind: Kind
    e164: str | None = None
    digits: str = ""


def _read_part(part: str, region: str) -> list[_Reading]:
    """Read what stands between two separators: no, one or several numbers."""
    if _SCIENTIFIC.search(part):
        return [_Reading("lost_digits")]
    whole = _FLOAT.fullmatch(part)
    if whole and (not whole[1].startswith("0") or whole[2] == "0"):
        return [_as_repaired(_read_run(whole[1], region))]
    grouped = _GROUPED.fullmatch(part)
    if grouped:
        return [_as_repaired(_read_run(_digits(grouped[1]), region))]
    if _ODD_TAIL.fullmatch(part):
        return [_Reading("invalid")]
    readings: list[_Reading] = []
    for piece in part.split(","):
        readings += _read_piece(piece, region)
    return readings


def _read_piece(piece: str, region: str) -> list[_Reading]:
    """Read a piece without separators: words around one number, or several numbers among words."""
    label = _LABEL.match(piece)
    text = piece[label.end() :] if label else piece
    readings: list[_Reading] = []
    for run in _RUN.finditer(text):
        touches_letter = run.end() < len(text) and text[run.end() - 1].isdigit()
        if touches_letter and _LOOKALIKE.match(text, run.end()):
            return [_Reading("invalid")]
        readings += _read_numbers(run[0], region)
    if "@" in text or (len(readings) > 1 and any(one.kind == "invalid" for one in readings)):
        # Digits with letters between them: 08I2 3456 7890 must not become 0823...
        return [_Reading("invalid")]
    if text.strip() != "".join(_RUN.findall(text)).strip() or label:
        readings = [_as_repaired(reading) for reading in readings]
    return readings


def _read_numbers(run: str, region: str) -> list[_Reading]:
    """Read a run of digits, spaces, dots and dashes: one number, or two that a space parts."""
    whole = _read_run(run, region)
    if whole.e164 or len(_digits(run)) < 17:
        return [whole]
    pairs = []
    for gap in re.finditer(r"\s+", run.strip()):
        first, second = run[: gap.start()], run[gap.end() :]
        pair = [_read_run(first, region), _read_run(second, region)]
        if all(reading.e164 for reading in pair):
            pairs.append(pair)
    return pairs[0] if len(pairs) == 1 else [whole]


def _could_be_one_number(readings: list[_Reading]) -> bool:
    """Whether a number and the fragment after it may be one number: `0811511234/35`."""
    for number, fragment in pairwise(readings):
        if number.e164 and fragment.kind == "invalid" and fragment.digits:
            joined = number.e164.removeprefix("+62") + fragment.digits
            if len(joined) <= 12:
                return True
    return False


def _together(readings: list[_Reading]) -> Phone:
    """Return the cell's meaning from the meaning of its parts."""
    usable = [reading for reading in readings if reading.e164]
    if not usable:
        kinds = {reading.kind for reading in readings}
        return Phone(next((kind for kind in _TELLING if kind in kinds), "invalid"))
    if len(readings) == 1:
        return _phone(usable[0])
    numbers = tuple(dict.fromkeys(reading.e164 for reading in usable if reading.e164))
    kind: Kind = "repaired" if len(numbers) == 1 and len(usable) == len(readings) else "two_numbers"
    return Phone(kind, numbers[0], numbers[1:])


# --- One number -----------------------------------------------------------------------------------

# 00 is not an Indonesian prefix for calls abroad, but people write it; the others are.
_ABROAD = re.compile(r"(?:00|001|007|008|009|017)(620?8[0-9]+)")
_STANDARD = re.compile(r"(?:\+?62|0)8[0-9]+")


def _read_run(run: str, region: str) -> _Reading:
    """Read one number written with digits, spaces, dots, dashes, brackets and perhaps a plus."""
    digits = _digits(run)
    if _is_national_id(digits):
        return _Reading("national_id")
    if region == "ID" and _has_more(run):
        return _Reading("invalid", digits=digits)
    plus = "+" in run
    international = (
        _international(digits, plus=plus)
        if region == "ID"
        else _international_elsewhere(run, region)
    )
    if international is None:
        return _Reading("invalid", digits=digits)
    number, judged = _judge(international)
    if judged == "mobile" and international.startswith("62"):
        standard = _STANDARD.fullmatch(("+" if plus else "") + digits)
        as_written = standard and not digits.startswith("620")
        phone = _mobile(number, "clean" if as_written else "repaired")
        return _Reading(phone.kind, phone.e164)
    if judged == "mobile" and region != "ID":
        return _Reading("clean", f"+{international}")
    if judged == "mobile" and not digits.startswith("8"):
        # +852… may be a Hong Kong number, or 0852… with a plus and without its 62.
        return _Reading("foreign", f"+{international}")
    if judged == "landline" and (international.startswith("62") or region != "ID"):
        return _Reading("landline")
    return _Reading("invalid", digits=digits)


def _has_more(run: str) -> bool:
    """Whether digits stand beside a number that is whole without them.

    `081200000123-1` may be a number and a remark, `8. 81200000123` the eighth of a list.
    """
    first, *more = re.findall(r"\+?[0-9]+", run)
    return bool(more) and (first == "8" or _PLAIN.fullmatch(first) is not None)


def _international(digits: str, *, plus: bool) -> str | None:
    """Return an Indonesian writing's digits with the country code first, or None.

    Without a plus only 08, 8, 62 and their broken forms are taken: `6591234567` is Singapore to one
    reader and Blangpidie to the library.
    """
    abroad = _ABROAD.fullmatch(digits)
    if abroad:
        digits = abroad[1]
    elif plus and not digits.startswith("0"):
        pass
    elif digits.startswith("0628"):
        # A zero too many before +62 8…, or area code 0628: only where it cannot be the latter.
        if _judge(digits[1:])[1] == "mobile" and _judge("62" + digits[1:])[1] is None:
            return digits[1:]
        return "62" + digits[1:] if _judge(digits[1:])[1] is None else None
    elif digits.startswith("0"):
        digits = "62" + digits[1:]
    elif digits.startswith("8"):
        digits = "62" + digits
    elif not digits.startswith("62"):
        return None
    return "62" + digits[3:] if digits.startswith("6208") else digits


def _international_elsewhere(run: str, region: str) -> str | None:
    """Return the digits with country code of a number written in another country's way, or None."""
    try:
        number = phonenumbers.parse(run.strip(), region)
    except phonenumbers.NumberParseException:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]


def _judge(international: str) -> tuple[str, Literal["mobile", "landline"] | None]:
    """Return the national number and what the library calls it; None: no valid number."""
    try:
        number = phonenumbers.parse(f"+{international}", None)
    except phonenumbers.NumberParseException:
        return "", None
    national = phonenumbers.national_significant_number(number)
    kind = phonenumbers.number_type(number)  # UNKNOWN for what is not valid
    if kind in {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}:
        return national, "mobile"
    return national, "landline" if kind == PhoneNumberType.FIXED_LINE else None


# What stands after the prefix in a made-up number: 81111111, 12345678, 98765432.
_MADE_UP = frozenset(
    "".join(str((first + step * place) % 10) for place in range(length))
    for length in range(6, 10)
    for first in range(10)
    for step in (0, 1, 9)
)


def _mobile(national: str, kind: Kind) -> Phone:
    """Return the meaning of a valid Indonesian mobile number (without 0 and 62)."""
    if national[3:] in _MADE_UP:
        return Phone("placeholder")
    if national.endswith("000000"):
        # What int(float("6.28123E+12")) leaves: it looks whole and is not.
        return Phone("lost_digits")
    return Phone(kind, "+62" + national)


def _is_national_id(digits: str) -> bool:
    """Whether digits are as long as a NIK (16) or NIP (18); no mobile number is."""
    return len(digits) in {16, 18} and not digits.startswith("0")


def _digits(run: str) -> str:
    return re.sub(r"[^0-9]", "", run)


def _as_repaired(reading: _Reading) -> _Reading:
    return _Reading("repaired", reading.e164) if reading.kind == "clean" else reading


def _phone(reading: _Reading) -> Phone:
    return Phone(reading.kind, reading.e164)
