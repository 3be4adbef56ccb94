"""A survey that uses everything that structures a flow: to walk through, and to break."""

from __future__ import annotations

from functools import cache

from bot.flow.load import load_survey
from bot.flow.survey import Survey
from tests.surveys import bundled_files, small_files

FLOW = """\
kind: flow
name: internal
title: {id: Coba, en: Trial}
minutes: "2"
random_sections: [layanan, kerja]
questions:
  - name: provinsi
    type: select_one
    label: {id: Provinsi?, en: Province?}
    choices:
      - {name: kalsel, label: {id: Kalimantan Selatan, en: South Kalimantan}}
      - {name: kaltim, label: {id: Kalimantan Timur, en: East Kalimantan}}
      - {name: lain, label: {id: Provinsi lain, en: Another province}}
    na: none
  - name: kota
    type: select_one
    label: {id: Kota?, en: City?}
    choices: KOTA
    choice_filter: "provinsi == prov"
    default: banjarmasin
    na: refuse
  - name: usia
    type: integer
    label: {id: Usia?, en: Age?}
    min: 17
    max: 99
  - name: lama
    type: integer
    label: {id: Berapa tahun bekerja?, en: How many years at work?}
    hint: {id: "Paling lama {{ usia - 15 }} tahun.", en: "{{ usia - 15 }} years at most."}
    min: 0
    max: 80
    constraint: "value <= usia - 15"
  - name: mulai_usia
    type: calculate
    calculation: "usia - lama"
  - name: dewasa
    type: calculate
    relevant: "lama >= 1"
    calculation: "'muda' if mulai_usia < 25 else 'matang'"
  - name: kerja
    type: section
    label: {id: Tentang pekerjaan, en: About work}
    relevant: "lama >= 1"
    questions:
      - name: alat
        type: select_multiple
        label: {id: Alat apa?, en: Which tools?}
        choices:
          - {name: palu, label: {id: Palu, en: Hammer}}
          - {name: gergaji, label: {id: Gergaji, en: Saw}}
          - {name: obeng, label: {id: Obeng, en: Screwdriver}}
        randomize: true
        or_other: true
        min_choices: 2
      - name: muda
        type: integer
        label:
          id: "Mulai umur {{mulai_usia}}; {{ 'muda' if mulai_usia < 20 else 'dewasa' }}. Jam kerja?"
          en: "Began at {{mulai_usia}}; {{ 'young' if mulai_usia < 20 else 'grown up' }}. Hours?"
        relevant: "dewasa == 'muda'"
        default: "8"
        min: 1
        max: 24
  - name: layanan
    type: section
    label: {id: Tentang layanan, en: About services}
    randomize: true
    questions:
      - {name: pengantar, type: note, label: {id: Beberapa pertanyaan., en: A few questions.}}
      - {block: puas, prefix: a_}
      - name: saluran
        type: select_one
        label: {id: Lewat apa?, en: By which channel?}
        choices:
          - {name: "1", label: {id: Loket, en: Counter}}
          - {name: "2", label: {id: Daring, en: Online}}
        or_other: true
      - name: dalam
        type: section
        label: {id: Sedikit lagi, en: A little more}
        questions:
          - {block: puas, prefix: b_}
          - name: saran
            type: text
            label: {id: Saran?, en: A suggestion?}
            required: false
            default: Tidak ada
"""

SHARED = """\
choice_lists:
  KOTA:
    choices:
      - {name: banjarmasin, label: {id: Banjarmasin, en: Banjarmasin}, attributes: {prov: kalsel}}
      - {name: banjarbaru, label: {id: Banjarbaru, en: Banjarbaru}, attributes: {prov: kalsel}}
      - {name: samarinda, label: {id: Samarinda, en: Samarinda}, attributes: {prov: kaltim}}
      - {name: balikpapan, label: {id: Balikpapan, en: Balikpapan}, attributes: {prov: kaltim}}
      - {name: bontang, label: {id: Bontang, en: Bontang}, attributes: {prov: kaltim}}
  PUAS:
    choices:
      - {name: puas, label: {id: Puas, en: Satisfied}}
      - {name: biasa, label: {id: Biasa saja, en: So-so}}
      - {name: kecewa, label: {id: Kecewa, en: Disappointed}}
blocks:
  puas:
    - {name: puas, type: select_one, label: {id: Puas?, en: Satisfied?}, choices: PUAS}
    - name: sebab
      type: text
      label: {id: "Apa sebab *{{puas}}*?", en: "Why *{{puas}}*?"}
      relevant: "puas == 'kecewa'"
"""


def structured_files(**changed: str) -> dict[str, str]:
    """Return the files of the survey, some of them changed."""
    own = bundled_files()["shared.yaml"].split("choice_lists:")[0]
    return small_files(internal=FLOW, shared=own + SHARED) | {
        f"{name}.yaml": text for name, text in changed.items()
    }


@cache
def structured() -> Survey:
    """Return the survey."""
    return load_survey(structured_files())


LONG_LIST = (
    """\
  - {name: nama, type: text, label: Nama?}
  - name: kecamatan
    type: select_one
    label: Kecamatan mana?
    na: both
    choices:
"""
    + "".join(
        f"      - {{name: k{n}, label: Kecamatan yang bernomor {n} di kabupaten ini}}\n"
        for n in range(1, 121)
    )
    + """\
  - {name: akhir, type: text, label: Akhir?}
"""
)
"""Questions of which one has more choices than a message holds."""


def files_of(questions: str, more: str = "", shared: str | None = None) -> dict[str, str]:
    """Return the files of a survey in one language with these questions; `more` are further keys
    of the flow, `shared` those of shared.yaml."""
    files = small_files()
    head = "kind: flow\nname: internal\ntitle: {id: Coba, en: Trial}\nminutes: '2'\n"
    files["internal.yaml"] = f"{head}{more}questions:\n{questions}"
    files["survey.yaml"] = files["survey.yaml"].replace("languages: [id, en]", "languages: [id]")
    if shared is not None:
        own = bundled_files()["shared.yaml"].split("choice_lists:")[0]
        files["shared.yaml"] = own + shared
    return files


def survey_of(questions: str, more: str = "", shared: str | None = None) -> Survey:
    """Return a survey in one language with these questions."""
    return load_survey(files_of(questions, more, shared))


@cache
def paged() -> Survey:
    """Return a survey with a list that needs pages."""
    return survey_of(LONG_LIST)
