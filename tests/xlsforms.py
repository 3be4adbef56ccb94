"""XLSForms of different make, written as workbooks when a test needs them.

Each is a few tables: the first row of a table has the headings. `remarks` are the places
(`sheet:row:column`) and weights that the report must have, all of them and no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xlsxwriter

Table = Sequence[Sequence[str]]
ID, EN = "label::Bahasa Indonesia (id)", "label::English (en)"
YES_NO: Table = (
    ("list_name", "name", ID, EN),
    ("yn", "yes", "Ya", "Yes"),
    ("yn", "no", "Tidak", "No"),
)


@dataclass(frozen=True)
class Sample:
    """A form to import. `languages` are what `--language` says."""

    sheets: Mapping[str, Table]
    remarks: tuple[tuple[str, str], ...] = ()
    languages: tuple[str, ...] = ()


def write_form(path: Path, sheets: Mapping[str, Table]) -> Path:
    """Write tables as the sheets of a workbook."""
    with xlsxwriter.Workbook(str(path)) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, text in enumerate(row):
                    if text:
                        sheet.write_string(number, column, text)
    return path


PLAIN = Sample(
    {
        "survey": (
            ("type", "name", "label", "hint", "required"),
            ("note", "hello", "Good day. This takes two minutes.", "", ""),
            ("text", "village", "What is your village called?", "Its usual name", "yes"),
            ("integer", "age", "How old are you?", "", "yes"),
            ("select_one yn", "knows", "Do you know the office?", "", "yes"),
            ("text", "why", "What should be better?", "", ""),
        ),
        "choices": (("list_name", "name", "label"), ("yn", "1", "Yes"), ("yn", "2", "No")),
        "settings": (("form_title", "form_id"), ("A plain form", "plain")),
    },
    languages=("en",),
)

GROUPS = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "relevant", "required"),
            ("begin_group", "about", "Tentang Bapak/Ibu", "About you", "", ""),
            ("integer", "age", "Umur?", "Age?", "", "yes"),
            ("begin_group", "work", "Pekerjaan", "Work", "${age} >= 15", ""),
            ("select_one yn", "works", "Bekerja?", "Do you work?", "", "yes"),
            ("text", "job", "Sebagai apa?", "As what?", "${works} = 'yes'", "yes"),
            ("end_group", "", "", "", "", ""),
            ("end_group", "", "", "", "", ""),
            ("begin_group", "empty", "", "", "", ""),
            ("end_group", "", "", "", "", ""),
            ("begin_group", "last", "", "", "not(${works} = 'no')", ""),
            ("text", "wish", "Harapan?", "Wishes?", "", ""),
            ("end_group", "", "", "", "", ""),
        ),
        "choices": YES_NO,
        "settings": (("form_title",), ("Groups in groups",)),
    },
    remarks=(("survey:9:type", "left out"),),
)

CASCADE = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "choice_filter", "required"),
            ("select_one province", "province", "Provinsi?", "Province?", "", "yes"),
            ("select_one city", "city", "Kota?", "City?", "province=${province}", "yes"),
            (
                "select_one village",
                "village",
                "Kelurahan?",
                "Village?",
                "city=${city} and province = ${province}",
                "yes",
            ),
            ("select_one village", "other", "Lainnya?", "Another?", "name != ${village}", "yes"),
        ),
        "choices": (
            ("list_name", "name", ID, EN, "province", "city"),
            ("province", "ks", "Kalsel", "South Kalimantan", "", ""),
            ("province", "kt", "Kalteng", "Central Kalimantan", "", ""),
            ("city", "bjm", "Banjarmasin", "Banjarmasin", "ks", ""),
            ("city", "bjb", "Banjarbaru", "Banjarbaru", "ks", ""),
            ("city", "plk", "Palangka Raya", "Palangka Raya", "kt", ""),
            ("city", "spt", "Sampit", "Sampit", "kt", ""),
            ("village", "a1", "Alalak", "Alalak", "ks", "bjm"),
            ("village", "m1", "Melayu", "Melayu", "ks", "bjm"),
            ("village", "a2", "Alalak", "Alalak", "ks", "bjb"),
            ("village", "m2", "Mentaos", "Mentaos", "ks", "bjb"),
            ("village", "p1", "Pahandut", "Pahandut", "kt", "plk"),
            ("village", "p2", "Panarung", "Panarung", "kt", "plk"),
            ("village", "s1", "Sawahan", "Sawahan", "kt", "spt"),
            ("village", "s2", "Baamang", "Baamang", "kt", "spt"),
        ),
    },
    remarks=(("choices:10:label", "changed"),),
)

CONSTRAINTS = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "constraint", "constraint_message::English (en)", "required"),
            ("integer", "age", "Umur?", "Age?", ". >= 17 and . <= 99", "Between 17 and 99", "yes"),
            ("integer", "years", "Lama?", "Years?", ". < ${age} and . >= 0", "", "yes"),
            ("select_multiple forms", "forms", "Apa?", "Any?", "count-selected(.) <= 2", "", "yes"),
            (
                "select_multiple forms", "again", "Apa?", "What?",
                "not(selected(., 'gift') and selected(., 'money'))", "One of the two", "yes",
            ),
            ("text", "note_1", "Catatan?", "Notes?", "string-length(.) <= 80", "", ""),
            ("text", "code", "Kode?", "Code?", "regex(., '^[A-Z]{3}$')", "Three letters", ""),
        ),
        "choices": (
            ("list_name", "name", ID, EN),
            ("forms", "money", "Uang", "Money"),
            ("forms", "gift", "Barang", "Goods"),
            ("forms", "favour", "Jasa", "Favours"),
        ),
    },
    remarks=(
        ("survey:2:constraint_message::English (en)", "please check"),
        ("survey:5:constraint_message::English (en)", "please check"),
        ("survey:7:constraint", "left out"),
        ("survey:7:constraint_message::English (en)", "please check"),
        ("survey:7:constraint_message::English (en)", "left out"),
    ),
)  # fmt: skip

OTHERS = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "relevant", "required"),
            ("select_one yn or_other", "likes", "Suka?", "Do you like it?", "", "yes"),
            ("select_multiple how or_other", "how", "Bagaimana?", "How?", "", ""),
            ("text", "more", "Jelaskan", "Tell more", "${likes} = 'other'", ""),
            ("select_one how", "best", "Terbaik?", "Best?", "", "yes"),
            ("text", "best_what", "Apa?", "What?", "${best} = 'other'", "yes"),
        ),
        "choices": (
            *YES_NO,
            ("how", "bus", "Bus", "Bus"),
            ("how", "foot", "Jalan kaki", "On foot"),
            ("how", "other", "Yang lain", "Another"),
        ),
    },
    remarks=(("survey:3:type", "left out"),),
)

CALCULATIONS = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "calculation", "relevant", "required"),
            ("select_one rate", "q1", "Sopan?", "Polite?", "", "", "yes"),
            ("select_one rate", "q2", "Cepat?", "Fast?", "", "", ""),
            ("integer", "visits", "Kunjungan?", "Visits?", "", "", "yes"),
            ("calculate", "total", "", "", "${q1} + coalesce(${q2}, 0)", "", ""),
            ("calculate", "often", "", "", "if(${visits} > 3, 'often', 'seldom')", "", ""),
            ("calculate", "words", "", "", "jr:choice-name(${q1}, '${q1}')", "", ""),
            ("calculate", "many", "", "", "${visits} div 2 > 3", "", ""),
            ("calculate", "taken", "", "", "pulldata('staff', 'name', 'id', ${q1})", "", ""),
            ("note", "so", "Nilai: ${words}, ${total}", "You said ${words}, ${total}", "", "", ""),
            ("text", "why", "Mengapa?", "Why?", "", "${total} < 4 and ${often} = 'often'", ""),
            ("text", "who", "Siapa ${taken}?", "Who is ${taken}?", "", "${taken} != ''", ""),
        ),
        "choices": (
            ("list_name", "name", ID, EN),
            ("rate", "1", "Buruk", "Bad"),
            ("rate", "2", "Cukup", "Fair"),
            ("rate", "3", "Baik", "Good"),
        ),
    },
    remarks=(
        ("survey:7:calculation", "changed"),
        ("survey:9:calculation", "left out"),
        ("survey:12:" + ID, "changed"),
        ("survey:12:" + EN, "changed"),
        ("survey:12:relevant", "left out"),
    ),
)

LANGUAGES = Sample(
    {
        "survey": (
            ("type", "name", "label::English (en)", ID, "label::Banjar (bjn)", "label::Elvish",
             "hint::English (en)", "required"),
            ("text", "name_1", "Your village?", "Kampung?", "Kampung pian?", "", "Its name", "yes"),
            ("integer", "age", "", "Umur?", "Umur pian?", "", "", "yes"),
            ("select_one yn", "ok", "All right?", "Setuju?", "", "HIja'?", "", "yes"),
        ),
        "choices": (
            ("list_name", "name", EN, ID, "label::Banjar (bjn)"),
            ("yn", "1", "Yes", "Ya", "Inggih"),
            ("yn", "2", "No", "Tidak", "Kada"),
        ),
        "settings": (("form_title", "default_language", "version"),
                     ("Bahasa", "Bahasa Indonesia (id)", "7")),
    },
    remarks=(
        ("settings:2:version", "left out"),
        ("survey:-:label", "please check"),
        ("survey:2:hint::English (en)", "please check"),
        ("survey:4:label::Elvish", "left out"),
    ),
)  # fmt: skip

TYPES = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "constraint", "parameters", "required"),
            ("decimal", "hours", "Jam?", "Hours?", ". >= 0 and . <= 24.5", "", "yes"),
            ("range", "mark", "Nilai?", "Mark?", "", "start=0 end=10 step=2", "yes"),
            ("date", "day", "Tanggal?", "Date?", ". <= today() and . >= '2020-01-01'", "", "yes"),
            ("time", "at", "Jam berapa?", "When?", "", "", ""),
            ("rank wish", "wishes", "Urutkan", "Put in order", "", "", "yes"),
            ("geopoint", "place", "Di mana?", "Where?", "", "", ""),
            ("dateTime", "met", "Kapan?", "When?", "", "", "yes"),
            ("acknowledge", "seen", "Sudah dibaca?", "Have you read it?", "", "", "yes"),
        ),
        "choices": (
            ("list_name", "name", ID, EN),
            ("wish", "fast", "Cepat", "Fast"),
            ("wish", "cheap", "Murah", "Cheap"),
            ("wish", "good", "Baik", "Good"),
        ),
    },
    remarks=(("survey:8:type", "changed"), ("survey:9:type", "changed")),
)  # fmt: skip

DEFAULTS = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "default", "parameters", "required"),
            ("integer", "people", "Berapa orang?", "How many people?", "4", "", "yes"),
            ("select_one yn", "ok", "Baik?", "Well?", "yes", "randomize=true, seed=42", "yes"),
            ("text", "town", "Kota?", "Town?", "Banjarmasin", "", "yes"),
            ("integer", "again", "Berapa?", "How many?", "${people}", "", "yes"),
            ("select_one yn", "odd", "Betul?", "Right?", "maybe", "", "yes"),
        ),
        "choices": YES_NO,
    },
    remarks=(
        ("survey:3:parameters", "left out"),
        ("survey:5:default", "left out"),
        ("survey:6:default", "left out"),
    ),
)

NAMES = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "relevant", "required"),
            ("select_one Ja.Nein", "Q.1-a", "Baik?", "Well?", "", "yes"),
            ("text", "unit", "Bagian?", "Which part?", "${Q.1-a} = 'Ja, sehr'", "yes"),
            ("text", "in", "Masuk ${unit}?", "In ${unit}?", "${unit} != ''", "yes"),
            ("begin_group", "G1", "", "", "", ""),
            ("text", "same", "Satu?", "One?", "", ""),
            ("end_group", "", "", "", "", ""),
            ("begin_group", "G2", "", "", "", ""),
            ("text", "same", "Dua?", "Two?", "", ""),
            ("end_group", "", "", "", "", ""),
        ),
        "choices": (
            ("list_name", "name", ID, EN),
            ("Ja.Nein", "Ja, sehr", "Ya", "Yes"),
            ("Ja.Nein", "a_name_of_a_choice_that_is_longer_than_a_flow_will_have", "Bisa", "May"),
            ("Ja.Nein", "9", "Tidak", "No"),
        ),
    },
    remarks=(
        ("survey:2:name", "changed"),
        ("survey:3:name", "changed"),
        ("survey:4:name", "changed"),
        ("survey:5:name", "changed"),
        ("survey:8:name", "changed"),
        ("survey:9:name", "changed"),
        ("choices:2:name", "changed"),
        ("choices:3:name", "changed"),
    ),
)  # fmt: skip

UNSUPPORTED = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "appearance", "calculation", "trigger", "bind::x", "required"),
            ("start", "start", "", "", "", "", "", "", ""),
            ("deviceid", "deviceid", "", "", "", "", "", "", ""),
            ("select_one yn", "ok", "Baik?", "Well?", "horizontal", "", "", "x", "yes"),
            ("begin_repeat", "child", "Anak", "Child", "", "", "", "", ""),
            ("text", "child_name", "Nama?", "Name?", "", "", "", "", ""),
            ("begin_group", "inner", "", "", "", "", "", "", ""),
            ("integer", "child_age", "Umur?", "Age?", "", "", "", "", ""),
            ("end_group", "", "", "", "", "", "", "", ""),
            ("end_repeat", "", "", "", "", "", "", "", ""),
            ("calculate", "children", "", "", "", "count(${child})", "", "", ""),
            ("barcode", "bar", "Kode?", "Code?", "", "", "", "", ""),
            ("geoshape", "field", "Lahan?", "Field?", "", "", "", "", ""),
            ("text", "last", "Terakhir, <b>tebal</b> **ini** *YES*?", "Last?", "", "", "", "", ""),
            ("calculate", "when", "", "", "", "now()", "${ok}", "", ""),
        ),
        "choices": (
            *YES_NO,
            ("unused", "a", "A", "A"),
            ("unused", "b", "B", "B"),
        ),
        "settings": (("form_title", "style"), ("Much", "pages")),
    },
    remarks=(
        ("settings:2:style", "left out"),
        ("survey:2:type", "left out"),
        ("survey:3:type", "left out"),
        ("survey:4:appearance", "left out"),
        ("survey:4:bind::x", "left out"),
        ("survey:5:type", "left out"),
        ("survey:6:type", "left out"),
        ("survey:7:type", "left out"),
        ("survey:8:type", "left out"),
        ("survey:11:calculation", "left out"),
        ("survey:12:type", "left out"),
        ("survey:13:type", "left out"),
        ("survey:14:" + ID, "changed"),
        ("survey:14:" + ID, "changed"),
        ("survey:14:" + ID, "changed"),
        ("survey:15:trigger", "left out"),
        ("survey:15:calculation", "left out"),
        ("choices:4:list_name", "left out"),
    ),
)  # fmt: skip

KOBO = Sample(
    {
        "survey": (
            ("type", "$autoname", "name", "label", "relevance", "required", "read only", "note"),
            ("begin group", "g", "g", "Bagian satu", "", "", "", ""),
            ("select one from yn", "a", "a", "Setuju?", "", "true", "", "tanya lagi"),
            ("select all that apply from how", "b", "b", "Naik?", "${a}='yes'", "true", "", ""),
            ("int", "c", "c", "Berapa?", "selected(${b}, 'bus')", "true", "yes", ""),
            ("string", "d", "d", "Apa lagi?", "", "${a} = 'yes'", "", ""),
            ("end group", "", "", "", "", "", "", ""),
            ("", "", "", "", "", "", "", "a line of the author"),
        ),
        "choices": (
            ("list name", "name", "label", "image"),
            ("yn", "yes", "Ya", "yes.png"),
            ("yn", "no", "Tidak", ""),
            ("how", "bus", "Bus", ""),
            ("how", "car", "Mobil", ""),
        ),
        "kobo--locks": (("lock",), ("x",)),
    },
    remarks=(
        ("survey:1:$autoname", "left out"),
        ("survey:3:note", "left out"),
        ("survey:5:read only", "left out"),
        ("survey:6:required", "changed"),
        ("survey:8:type", "left out"),
        ("choices:2:image", "left out"),
        ("kobo--locks:-:-", "left out"),
    ),
)  # fmt: skip

MEDIA = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "parameters", "media::image", "media::video", "required"),
            ("image", "photo", "Foto?", "Photo?", "max-pixels=1000", "", "", "yes"),
            ("text", "of", "Foto apa?", "Of what?", "", "card.png", "card.mp4", "yes"),
            ("audio", "voice", "Suara?", "Voice?", "", "", "", ""),
            ("file", "letter", "Surat?", "Letter?", "", "", "", ""),
            ("video", "film", "Film?", "Film?", "", "", "", ""),
            ("text", "why", "Mengapa?", "Why?", "", "", "", "yes"),
        ),
    },
    remarks=(
        ("survey:2:parameters", "left out"),
        ("survey:3:media::image", "left out"),
        ("survey:3:media::video", "left out"),
        ("survey:5:type", "please check"),
        ("survey:6:type", "left out"),
    ),
)

ODD_CELLS = Sample(
    {
        "survey": (
            ("type", "name", ID, EN, "hint", "required", "calculation", "default", "disabled"),
            ("begin_group", "g", "Satu", "One", "look", "", "", "", ""),
            ("note", "n", "Halo", "Hello", "", "yes", "", "x", ""),
            ("integer", "i", "Berapa?", "How many?", "", "no", "", "", ""),
            ("calculate", "c", "", "", "why", "no", "${i} + 1", "", ""),
            ("text", "off", "Mati?", "Off?", "", "", "", "", "yes"),
            ("text", "t", "Apa?", "What?", "", "yes", "${i} + 1", "", ""),
            ("end_group", "", "", "", "", "", "", "", ""),
            ("begin_group", "h", "", "", "", "", "", "", "yes"),
            ("text", "u", "Siapa?", "Who?", "", "yes", "", "", ""),
            ("end_group", "", "", "", "", "", "", "", "yes"),
        ),
    },
    remarks=(
        ("survey:2:hint", "left out"),
        ("survey:3:required", "left out"),
        ("survey:3:default", "left out"),
        ("survey:5:hint", "left out"),
        ("survey:6:type", "left out"),
        ("survey:7:calculation", "left out"),
        ("survey:9:type", "left out"),
        ("survey:11:type", "left out"),
    ),
)

SAMPLES: Mapping[str, Sample] = {
    "plain": PLAIN,
    "groups": GROUPS,
    "cascade": CASCADE,
    "constraints": CONSTRAINTS,
    "others": OTHERS,
    "calculations": CALCULATIONS,
    "languages": LANGUAGES,
    "defaults": DEFAULTS,
    "names": NAMES,
    "unsupported": UNSUPPORTED,
    "kobo": KOBO,
    "odd cells": ODD_CELLS,
    "types": TYPES,
    "media": MEDIA,
}
