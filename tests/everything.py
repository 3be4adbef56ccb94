"""A survey with all that a flow can have, at once: every type, and all that structures a flow."""

from __future__ import annotations

from functools import cache

from bot.flow.load import load_survey
from bot.flow.survey import Survey
from tests.media_files import lines
from tests.structured import SHARED
from tests.surveys import bundled_files, small_files

FLOW = """\
kind: flow
name: internal
title: {id: Semua, en: Everything}
minutes: "9"
review: true
random_sections: [tempat, kerja, penutup]
questions:
  - name: tetap
    type: calculate
    calculation: "20 + 1"
  - {name: halo, type: note, label: {id: "Selamat {{waktu}}.", en: "Good {{waktu}}."}}
  - name: provinsi
    type: select_one
    label: {id: Provinsi?, en: Province?}
    choices:
      - {name: kalsel, label: {id: Kalimantan Selatan, en: South Kalimantan}}
      - {name: kaltim, label: {id: Kalimantan Timur, en: East Kalimantan}}
      - {name: lain, label: {id: Provinsi lain, en: Another province}}
    na: none
    appearance: buttons
    media: {image: {id: peta.png, en: map.jpg}, audio: {id: peta.ogg}}
  - name: kota
    type: select_one
    label: {id: Kota?, en: City?}
    choices: KOTA
    choice_filter: "provinsi == prov"
    randomize: true
    default: banjarmasin
    na: both
    or_other: true
  - name: usia
    type: integer
    label: {id: Usia?, en: Age?}
    min: 10
    max: 99
    end_if: "usia < 17"
  - name: nama
    type: text
    label: {id: "Nama panggilan di {{kota}}?", en: "What are you called in {{kota}}?"}
    required: false
    default: Warga
  - name: sapaan
    type: calculate
    calculation: "nama if nama is not none else 'Bapak/Ibu'"
  - name: kerja
    type: section
    label: {id: "Pekerjaan {{sapaan}}", en: "The work of {{sapaan}}"}
    relevant: "usia >= 18"
    questions:
      - name: masuk
        type: date
        label: {id: "Kapan mulai bekerja, {{sapaan}}?", en: "When did you begin, {{sapaan}}?"}
        min: 1950-01-01
        constraint: "value <= today"
        constraint_message: {id: Tanggal itu belum tiba., en: That day is yet to come.}
      - name: keluar
        type: date
        label: {id: "Sejak {{masuk}} sampai kapan?", en: "From {{masuk}} until when?"}
        required: false
        constraint: "value >= masuk and value <= today"
      - name: jam
        type: time
        label: {id: Masuk jam berapa?, en: At what time?}
        default: "08:00"
        min: "05:00"
        max: "22:00"
      - name: gaji
        type: decimal
        label: {id: "Berapa juta?", en: "How many millions?"}
        min: 0
        max: 5000
        places: 3
      - name: setahun
        type: calculate
        calculation: "(gaji * 12) | round(1)"
      - name: rinci
        type: section
        label: {id: Lebih rinci, en: In detail}
        relevant: "setahun >= 24"
        randomize: true
        questions:
          - name: alat
            type: select_multiple
            label: {id: Alat apa?, en: Which tools?}
            choices:
              - {name: palu, label: {id: Palu, en: Hammer}}
              - {name: gergaji, label: {id: Gergaji, en: Saw}}
              - {name: obeng, label: {id: Obeng, en: Screwdriver}}
              - {name: tang, label: {id: Tang, en: Pliers}}
            randomize: true
            or_other: true
            max_choices: 3
            constraint: "not ('palu' in value and 'tang' in value)"
            constraint_message: {id: Palu atau tang., en: Hammer or pliers.}
          - name: urut
            type: rank
            label: {id: "Urutkan, {{ setahun }} juta setahun.", en: "Order, {{ setahun }} a year."}
            choices:
              - {name: upah, label: {id: Upah, en: Pay}}
              - {name: waktu_kerja, label: {id: Waktu, en: Time}}
              - {name: kawan, label: {id: Kawan, en: Friends}}
            randomize: true
            na: dont_know
  - {name: jeda, type: note, label: {id: Tinggal sedikit., en: Nearly there.}}
  - name: tempat
    type: section
    label: {id: Tempat layanan, en: Where you were served}
    questions:
      - {name: pengantar, type: note, label: {id: Tentang kantor., en: About the office.}}
      - {block: puas, prefix: a_}
      - name: letak
        type: geopoint
        label: {id: Di mana?, en: Where?}
        places: 2
        required: false
        relevant: "a_puas != 'puas'"
      - name: foto
        type: image
        label: {id: Kirim fotonya., en: Send a photo.}
        relevant: "a_puas == 'kecewa'"
      - name: cerita
        type: audio
        label: {id: Ceritakan., en: Tell us.}
        relevant: "foto is not none"
        required: false
      - name: surat
        type: file
        label: {id: Suratnya?, en: The letter?}
        kinds: [pdf, image]
        required: false
  - name: penutup
    type: section
    label: {id: Penutup, en: At the end}
    questions:
      - {block: puas, prefix: b_}
      - name: nilai
        type: range
        label: {id: Nilai?, en: Mark?}
        start: 0
        end: 5
        step: 0.5
      - name: pekan
        type: select_one
        label: {id: Pekan ke berapa?, en: Which week?}
        choices: PEKAN
        na: refuse
  - name: muda
    type: calculate
    relevant: "usia < 30"
    calculation: "'muda'"
  - name: rinci_muda
    type: text
    label:
      id: "{{ 'Untuk yang muda' if muda == 'muda' else 'Untuk semua' }}: {{b_puas}} {{nama}}?"
      en: "{{ 'For the young' if muda == 'muda' else 'For all' }}: {{b_puas}} {{nama}}?"
    required: false
  - {name: akhir, type: note, label: {id: "Sampai jumpa, {{sapaan}}.", en: "Bye, {{sapaan}}."}}
"""

_WEEKS = "  PEKAN:\n    choices:\n" + "".join(
    f"      - {{name: m{n}, label: {{id: Pekan yang ke-{n} sejak tahun ini dimulai di kantor kita,"
    f" en: Week {n} of this year}}}}\n"
    for n in range(1, 54)
)
FILES = lines(
    peta_png=("image/png", 9000), map_jpg=("image/jpeg", 900), peta_ogg=("audio/ogg", 70_000)
)


def everything_files(**changed: str) -> dict[str, str]:
    """Return the files of the survey, some of them changed."""
    own = bundled_files()["shared.yaml"].split("choice_lists:")[0]
    shared = own + SHARED.replace("blocks:\n", f"{_WEEKS}blocks:\n")
    more = {f"{name}.yaml": text for name, text in changed.items()}
    return small_files(internal=FLOW, shared=shared) | FILES | more


@cache
def everything() -> Survey:
    """Return the survey."""
    return load_survey(everything_files())
