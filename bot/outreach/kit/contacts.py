"""The official numbers of a survey as text, table and contact card."""

from __future__ import annotations

import csv
import io

from bot.flow.answers.dates import day_in_words
from bot.intake.tables import safe_cell
from bot.outreach.authenticity import Number, Proof

NAME = "4-nomor-resmi"
_FOLD = 75  # bytes of a line of a card, RFC 6350 3.2


def files(proof: Proof, title: str, holder: str) -> dict[str, bytes]:
    """Return the three files; `title` and `holder` are as the other documents have them."""
    return {
        f"{NAME}.txt": _text(proof, title, holder).encode(),
        f"{NAME}.csv": _table(proof, title, holder),
        f"{NAME}.vcf": _cards(proof, title, holder),
    }


def _text(proof: Proof, title: str, holder: str) -> str:
    lines = [f"Nomor resmi {title}", f"Penyelenggara: {holder}", ""]
    lines += [f"{one.shown} (pengirim pesan survei)" for one in proof.numbers]
    lines += [] if proof.numbers else ["[ISI: nomor pengirim resmi]"]
    lines += [f"{proof.phone} (telepon kantor, tidak mengirim undangan)"] if proof.phone else []
    lines += ["", f"Berlaku {_days(proof)}. Nomor lain bukan nomor survei ini."]
    if proof.site:
        lines.append(f"Periksa sendiri: {proof.site}")
    return "\n".join(lines) + "\n"


def _table(proof: Proof, title: str, holder: str) -> bytes:
    """A CSV that a spreadsheet opens without losing a zero: numbers are written with their gaps."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["survei", "penyelenggara", "nomor", "nomor_lokal", "kegunaan", "berlaku_dari", "sampai"]
    )
    dates = (proof.opens.isoformat(), proof.closes.isoformat())
    used = [(one, "pengirim pesan survei") for one in proof.numbers]
    used += [(Number(proof.phone, proof.phone), "telepon kantor")] if proof.phone else []
    for number, use in used:
        cells = (title, holder, number.shown, number.dialled, use, *dates)
        writer.writerow([safe_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _cards(proof: Proof, title: str, holder: str) -> bytes:
    """vCard 3.0, which every phone reads; one card for each number."""
    cards: list[str] = []
    for place, number in enumerate(proof.numbers, start=1):
        name = title if len(proof.numbers) == 1 else f"{title} {place}"
        note = f"Nomor pengirim resmi, {_days(proof)}. Tidak meminta data bank, OTP, atau uang."
        lines = [
            "BEGIN:VCARD",
            "VERSION:3.0",
            f"N:{_escaped(name)};;;;",
            f"FN:{_escaped(name)}",
            f"ORG:{_escaped(holder)}",
            f"TEL;TYPE=CELL:{number.e164 or number.dialled}",
            *([f"URL:https://{proof.site.removeprefix('https://')}"] if proof.site else []),
            f"NOTE:{_escaped(note)}",
            "END:VCARD",
        ]
        cards += [_folded(line) for line in lines]
    return "".join(f"{line}\r\n" for line in cards).encode()


def _days(proof: Proof) -> str:
    opens, closes = (day_in_words(day, "id") for day in (proof.opens, proof.closes))
    return f"{opens} sampai {closes}"


def _escaped(text: str) -> str:
    for sign in "\\,;":
        text = text.replace(sign, f"\\{sign}")
    return text


def _folded(line: str) -> str:
    """Break a line after 75 bytes, never inside a letter; the next part begins with a space."""
    parts: list[str] = []
    part = ""
    for sign in line:
        if len((part + sign).encode()) > _FOLD - (1 if parts else 0):
            parts.append(part)
            part = ""
        part += sign
    return "\r\n ".join([*parts, part])
