"""For each rule of the linter a survey that breaks it and no other: a clean one with a change.

In a change ‸ stands where the finding must point to.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.surveys import bundled_files

MARK = "‸"

FLOW = """\
kind: flow
name: internal
title: {id: Coba, en: Trial}
minutes: "2"
questions:
  - name: tahu
    type: select_one
    label: {id: Tahu layanan ini?, en: Do you know this service?}
    choices: TAHU
    scored: true
    dimension: TRS
  - name: usia
    type: integer
    label: {id: Usia?, en: Age?}
    min: 0
    max: 120
  - name: alat
    type: select_multiple
    label: {id: Alat apa?, en: Which tools?}
    choices:
      - {name: "1", label: {id: Palu, en: Hammer}}
      - {name: "2", label: {id: Gergaji, en: Saw}}
      - {name: "3", label: {id: Obeng, en: Screwdriver}}
    max_choices: 2
  - name: cocok
    type: select_one
    label: {id: Cocok?, en: Does it fit?}
    choices: [{name: "1", label: {id: Ya, en: "Yes"}}, {name: "2", label: {id: Tidak, en: "No"}}]
    na: none
  - name: saran
    type: text
    label: {id: Saran?, en: A suggestion?}
    relevant: "tahu == '1' and usia >= 17 and '2' in alat"
    required: false
"""

SHARED = """\
kind: shared
na:
  dont_know: {name: "0", label: {id: Tidak tahu, en: "Don't know"}}
  refuse: {name: "9", label: {id: Tidak mau menjawab, en: Prefer not to say}}
choice_lists:
  TAHU:
    good: "3"
    choices:
      - {name: "1", label: {id: Kurang, en: Little}, score: 0}
      - {name: "2", label: {id: Cukup, en: Enough}, score: 50}
      - {name: "3", label: {id: Banyak, en: Much}, score: 100}
dimensions: {TRS: {id: Transparansi, en: Transparency}}
"""

SETTINGS = """\
kind: survey
name: coba
title: {id: Survei Coba, en: Trial Survey}
languages: [id, en]
default_language: id
language_names: {id: Bahasa Indonesia, en: English}
zone: Asia/Jakarta
opens: 2026-11-01
closes: 2027-01-31
groups:
  internal:
    flow: internal
    label: {id: Internal, en: Internal}
    reason: acak
    source: {id: daftar pegawai, en: the staff list}
texts:
  instansi: Kota Contoh
  penyelenggara: Inspektorat Kota Contoh
  situs_resmi: survei.contoh.go.id
  url: survei.contoh.go.id/hak
  telp_resmi: 0812-0000-0001
  nomor_resmi: 0812-0000-0002
  kode_verif: KC-2741
  kontak_luar: Pusat Studi Contoh
hours:
  default: {mon: ["08:30-11:45", "13:15-16:00"], fri: ["08:30-11:00", "14:00-16:00"]}
"""

_NA = SHARED[SHARED.index("na:") : SHARED.index("choice_lists:")]
_HOURS = SETTINGS[SETTINGS.index("hours:") :]
_SECTION = (
    "  - {name: a, type: section, questions: [{name: x, type: text, label: {id: X?, en: X?}}]}\n"
)
_LONG = "Kata " * 400
_PICTURE = "image/png 90000 " + "a" * 64
_CARD = ("media/kartu.png", "", _PICTURE)


def clean() -> dict[str, str]:
    """Return the files of a small survey that breaks no rule."""
    return {
        "internal.yaml": FLOW,
        "messages.yaml": bundled_files()["messages.yaml"],
        "shared.yaml": SHARED,
        "survey.yaml": SETTINGS,
    }


@dataclass(frozen=True)
class Case:
    """A change of a clean survey that breaks one rule: `old` becomes `new` in one of its files.

    `also` are further changes, without which the first would break another rule too.
    """

    rule: str
    file: str
    old: str
    new: str
    also: tuple[tuple[str, str, str], ...] = ()
    without: str = ""  # a file that is not there
    tongue: str = "id"  # what the Indonesian words are taken for

    @property
    def files(self) -> dict[str, str]:
        """The changed survey."""
        files = clean()
        for name, old, new in ((self.file, self.old, self.new), *self.also):
            text = files.get(name, "")
            assert not old or text.count(old) == 1, (self.rule, old, text.count(old))
            files[name] = text.replace(old, new) if old else text + new
        if self.tongue != "id":
            files = {
                name: text.replace(" id: ", f" {self.tongue}: ").replace(
                    "{id: ", f"{{{self.tongue}: "
                )
                for name, text in files.items()
            }
        files[self.file] = files[self.file].replace(MARK, "")
        return {name: text for name, text in files.items() if name != self.without}

    @property
    def place(self) -> tuple[str, int, int]:
        """Where the finding must point to."""
        text = clean().get(self.file, "")
        for name, old, new in ((self.file, self.old, self.new), *self.also):
            if name == self.file:
                text = text.replace(old, new) if old else text + new
        before = text[: text.index(MARK)]
        return self.file, before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def flow(rule: str, old: str, new: str, *also: tuple[str, str, str]) -> Case:
    return Case(rule, "internal.yaml", old, new, also)


def shared(rule: str, old: str, new: str, *also: tuple[str, str, str]) -> Case:
    return Case(rule, "shared.yaml", old, new, also)


def settings(
    rule: str, old: str, new: str, *also: tuple[str, str, str], tongue: str = "id"
) -> Case:
    return Case(rule, "survey.yaml", old, new, also, tongue=tongue)


def messages(rule: str, old: str, new: str, *also: tuple[str, str, str]) -> Case:
    return Case(rule, "messages.yaml", old, new, also)


_INVITE = (
    'id: "Selamat {{waktu}}, Bapak/Ibu. Kami dari *{{penyelenggara}}* mengajak Bapak/Ibu mengisi'
)
_MESSAGES = bundled_files()["messages.yaml"]
_INVITE_LINE = next(line.strip() for line in _MESSAGES.splitlines() if _INVITE in line)
_PARTIAL = _MESSAGES[_MESSAGES.index("  reminder_partial:") :]
_PARTIAL = _PARTIAL[: _PARTIAL.index('    en: "Good')]
_REVIEW_MORE = _MESSAGES[_MESSAGES.index("  review_more:\n") :].split("\n\n")[0]
_AUDIO_NONE = _MESSAGES[_MESSAGES.index("  audio_none:\n") :].split("\n\n")[0]
_FIT_CHOICES = (
    'choices: [{name: "1", label: {id: Ya, en: "Yes"}},'
    ' {name: "2", label: {id: Tidak, en: "No"}}]\n    na: none\n'
)

CASES = (
    # reading
    flow("not-yaml", 'minutes: "2"', 'minutes: ‸&x "2"'),
    flow("not-yaml", 'minutes: "2"', "minutes: ‸!!int 2"),
    flow("not-yaml", 'minutes: "2"', 'minutes: "2"\n‸---'),
    flow("duplicate-key", 'minutes: "2"', 'minutes: "2"\n‸minutes: "3"'),
    flow("wrong-kind", "kind: flow", "kind: ‸flwo"),
    flow("unknown-key", "    max_choices: 2", "    ‸max_choice: 2"),
    flow("missing-key", "title: {id: Coba, en: Trial}\n", "", ("internal.yaml", "kind", "‸kind")),
    flow("wrong-value", "    max: 120", "    max: ‸banyak"),
    flow("wrong-value", "type: integer", "type: ‸integr"),
    flow("wrong-value", "name: usia", "name: ‸Usia"),
    Case("missing-file", "survey.yaml", "kind:", "‸kind:", without="internal.yaml"),
    Case("duplicate-file", "zweite.yaml", "", "kind: ‸shared\n"),
    # names
    flow("duplicate-name", "name: cocok", "name: ‸alat"),
    flow("reserved-name", "name: cocok", "name: ‸unit"),
    flow("unknown-name", "choices: TAHU", "choices: ‸TAHV"),
    flow("unknown-name", "dimension: TRS", "dimension: ‸TRX"),
    settings("unknown-name", "    flow: internal", "    flow: ‸interna"),
    settings("unknown-name", "reason: acak", "reason: ‸acek"),
    shared(
        "unused-list",
        "choice_lists:\n",
        'choice_lists:\n  ‸LAIN: {choices: [{name: "1", label: {id: Satu, en: One}},'
        ' {name: "2", label: {id: Dua, en: Two}}]}\n',
    ),
    Case("unused-flow", "lain.yaml", "", FLOW.replace("name: internal", "name: ‸lain", 1)),
    settings("to-fill-in", "instansi: Kota Contoh", 'instansi: ‸"[NAMA INSTANSI]"'),
    settings("to-fill-in", "en: the staff list", 'en: ‸"of [THE LIST, 2027]"'),
    settings("to-fill-in", "en: the staff list", "en: ‸…"),
    settings("official-name", "title: {id: Survei Coba", "title: {id: ‸Survei SPI Coba"),
    settings("official-name", "name: coba", "name: ‸pra_spi_2027"),
    settings("official-name", "en: Trial Survey", "en: ‸Trial of KPK"),
    # conditions
    flow("bad-condition", "relevant: \"tahu == '1'", "relevant: ‸\"tahu = '1'"),
    flow("bad-condition", "relevant: \"tahu == '1'", "relevant: ‸\"tahu == '7'"),
    flow(
        "unreachable-question",
        "usia >= 17",
        "usia > 120",
        ("internal.yaml", "relevant: ", "relevant: ‸"),
    ),
    flow(
        "unreachable-question",
        "tahu == '1'",
        "tahu == '1' and tahu in ['2', '9']",
        ("internal.yaml", "relevant: ", "relevant: ‸"),
    ),
    flow(
        "unanswered-decides",
        "\"tahu == '1' and usia >= 17 and '2' in alat\"",
        "‸\"usia >= 17 or tahu == '1'\"",
        ("internal.yaml", "    max: 120", "    max: 120\n    required: false"),
    ),
    flow("condition-never-true", "    max: 120", '    max: 120\n    constraint: ‸"value > 130"'),
    flow("condition-never-true", "    max: 120", '    max: 120\n    end_if: ‸"usia < 0"'),
    flow("condition-always-true", "    max: 120", '    max: 120\n    constraint: ‸"value >= 0"'),
    flow(
        "condition-always-true",
        "    max: 120",
        "    max: 120\n    relevant: ‸\"tahu != '1' or tahu in ['1', '2']\"",
    ),
    flow(
        "message-without-constraint",
        "    max_choices: 2",
        "    max_choices: 2\n    ‸constraint_message: {id: Cek., en: Check.}",
    ),
    flow("range-order", "    max: 120", "    max: ‸-1", ("internal.yaml", " and usia >= 17", "")),
    Case(
        "no-question",
        "lain.yaml",
        "",
        'kind: flow\nname: lain\ntitle: {id: Lain, en: Other}\nminutes: "1"\nquestions:\n'
        "  ‸- {name: kata, type: note, label: {id: Halo, en: Hello}}\n",
    ),
    # choices
    flow(
        "duplicate-value",
        '  - {name: "2", label: {id: Gergaji',
        '  - {name: "1", label: {id: Gergaji',
        ("internal.yaml", " and '2' in alat", ""),
        (
            "internal.yaml",
            '      - {name: "1", label: {id: Palu',
            '      ‸- {name: "1", label: {id: Palu',
        ),
    ),
    flow(
        "duplicate-label",
        "{id: Gergaji, en: Saw}",
        "{id: Palu, en: Saw}",
        (
            "internal.yaml",
            '      - {name: "1", label: {id: Palu',
            '      ‸- {name: "1", label: {id: Palu',
        ),
    ),
    flow("choices-required", "    max_choices: 2", "    max_choices: 2\n    required: ‸false"),
    flow(
        "no-na-words",
        "  - name: tahu",
        "  - ‸name: tahu",
        ("internal.yaml", "    max_choices: 2", "    na: none"),
        ("shared.yaml", _NA, ""),
    ),
    flow("reserved-word-as-answer", "{id: Gergaji, en: Saw}", "{id: Gergaji, en: ‸Cancel}"),
    flow("reserved-word-as-answer", "{id: Gergaji, en: Saw}", "{id: ‸Berhenti, en: Saw}"),
    shared(
        "scale-order", "score: 0}", "score: 70}", ("shared.yaml", "score: 100}", "score: ‸100}")
    ),
    shared("good-not-best", 'good: "3"', 'good: ‸"1"'),
    flow("good-not-best", "    scored: true", '    good: ‸"2"\n    scored: true'),
    flow(
        "scale-direction",
        _FIT_CHOICES,
        'choices:\n      ‸- {name: "1", label: {id: Banyak, en: Much}, score: 100}\n'
        '      - {name: "2", label: {id: Kurang, en: Little}, score: 0}\n',
    ),
    flow("scored-without-score", "    na: none", "    na: none\n    scored: ‸true"),
    flow("default-answer", "    max: 120", "    max: 120\n    default: ‸sekian"),
    # chance and blocks
    Case(
        "block-in-itself",
        "shared.yaml",
        "dimensions:",
        "blocks: {satu: [{block: ‸satu, prefix: b_}]}\ndimensions:",
        (("internal.yaml", "  - name: usia\n", "  - {block: satu}\n  - name: usia\n"),),
    ),
    shared(
        "unused-block",
        "dimensions:",
        "blocks:\n  ‸satu: [{name: x, type: text, label: {id: X?, en: X?}}]\ndimensions:",
    ),
    flow("random-order", "questions:\n", "random_sections: ‸[a]\nquestions:\n" + _SECTION),
    flow(
        "choices-differ", "    na: none", "    na: none\n    randomize: true\n    appearance: ‸list"
    ),
    # texts
    flow("missing-translation", "{id: Usia?, en: Age?}", "‸{id: Usia?}"),
    flow("missing-translation", "{id: Usia?, en: Age?}", "‸{en: Age?}"),
    flow("bad-placeholder", "{id: Usia?, en: Age?}", "{id: ‸'{{usai}}?', en: Age?}"),
    flow("bad-placeholder", "{id: Usia?, en: Age?}", "{id: ‸'{{unit?', en: Age?}"),
    messages(
        "placeholder-differs",
        'en: "Good {{waktu}}. This is *{{penyelenggara}}*, inviting you to a',
        'en: ‸"Hello. This is *{{penyelenggara}}*, inviting you to a',
    ),
    flow("gateway-word", "{id: Usia?, en: Age?}", "{id: Usia?, en: ‸'Age, or *STOP*?'}"),
    messages("keyword", "SETUJU: [setuju", "SETUJU: [‸'2', setuju"),
    messages("keyword", "PROGRES: [progres", "PROGRES: [‸cek, progres"),
    messages("abbreviation", "Disperindag: Dinas", "Dinas Perdagangan: ‸Dinas"),
    messages(
        "message-buttons",
        '[SETUJU, TIDAK]\n      en: [AGREE, "NO"]\n    id: |-',
        '‸[SETUJU]\n      en: [AGREE, "NO"]\n    id: |-',
    ),
    flow(
        "review-words",
        'minutes: "2"',
        'minutes: "2"\nreview: ‸true',
        ("messages.yaml", _REVIEW_MORE, ""),
    ),
    messages(
        "review-words", "    id: |-\n      Sebelum dikirim", f"    id: ‸|-\n      {_LONG[:500]}"
    ),
    # files
    flow(
        "media-missing", "    max: 120", "    max: 120\n    media:\n      image: {en: ‸kartu.png}"
    ),
    flow("media-missing", "    max: 120", "    max: 120\n    media: {audio: ‸kartu.ogg}", _CARD),
    flow(
        "unknown-name",
        "    max: 120",
        "    max: 120\n    media: {image: {‸jv: kartu.png}}",
        _CARD,
    ),
    flow(
        "media-type",
        "    max: 120",
        "    max: 120\n    media: {image: ‸kartu.png}",
        ("media/kartu.png", "", _PICTURE.replace("png", "gif")),
    ),
    flow(
        "media-too-large",
        "    max: 120",
        "    max: 120\n    media: {image: ‸kartu.png}",
        ("media/kartu.png", "", _PICTURE.replace("90000", "9000000")),
    ),
    messages(
        "media-words",
        "\nmessages:\n",
        "\n‸messages:\n",
        ("messages.yaml", _AUDIO_NONE, ""),
        ("internal.yaml", "    max: 120", "    max: 120\n    media: {audio: kartu.ogg}"),
        ("media/kartu.ogg", "", _PICTURE.replace("image/png", "audio/ogg")),
    ),
    Case("unused-media", "media/kartu.png", "", MARK + _PICTURE),
    flow(
        "files-show-people",
        "  - name: usia",
        "  - {name: foto, type: ‸image, label: {id: Kirim foto., en: Send a photo.}}\n"
        "  - {name: cap, type: audio, label: {id: Kirim suara., en: Send a voice note.}}\n"
        "  - name: usia",
    ),
    # limits
    flow(
        "picture-or-taps",
        "    na: none",
        "    na: none\n    appearance: ‸list\n    media: {image: kartu.png}",
        _CARD,
    ),
    flow(
        "body-too-long-for-picture",
        "{id: Usia?, en: Age?}\n",
        "{id: Usia?, en: ‸'" + _LONG[:1000] + "?'}\n    media: {image: kartu.png}\n",
        _CARD,
    ),
    flow("body-too-long", "{id: Usia?, en: Age?}", f"{{id: ‸{_LONG}, en: Age?}}"),
    messages(
        "body-too-long", 'id: "Silakan pilih bahasa:"', f'id: ‸"Silakan pilih bahasa: {_LONG}"'
    ),
    flow("too-many-buttons", "    dimension: TRS", "    dimension: TRS\n    appearance: ‸buttons"),
    flow(
        "too-many-rows",
        _FIT_CHOICES,
        "choices:\n"
        + "".join(
            f'      - {{name: "{n}", label: {{id: Satu{n}, en: One{n}}}}}\n' for n in range(10, 21)
        )
        + "    na: none\n    appearance: ‸list\n",
    ),
    flow(
        "label-too-long-for-button",
        '{id: Ya, en: "Yes"}',
        '{id: ‸Ya sekali dan selamanya, en: "Yes"}',
        ("internal.yaml", "    na: none", "    na: none\n    appearance: buttons"),
    ),
    flow(
        "label-too-long-for-row",
        '{id: Ya, en: "Yes"}',
        '{id: Ya, en: ‸"Yes, once and for all times"}',
        ("internal.yaml", "    na: none", "    na: none\n    appearance: list"),
    ),
    flow(
        "label-not-fixed",
        '{id: Ya, en: "Yes"}',
        "{id: ‸'{{unit}}', en: \"Yes\"}",
        ("internal.yaml", "    na: none", "    na: none\n    appearance: list"),
    ),
    flow(
        "body-too-long-to-tap",
        "{id: Cocok?",
        f"{{id: ‸'{'Kata ' * 200}'",
        ("internal.yaml", "    na: none", "    na: none\n    appearance: buttons"),
    ),
    settings("stays-text", "texts:\n", "appearance: ‸buttons\ntexts:\n"),
    # templates
    messages(
        "template-edge",
        _INVITE,
        'id: ‸"{{waktu}}, Bapak/Ibu. Kami dari *{{penyelenggara}}* mengajak',
    ),
    messages(
        "template-label",
        _INVITE,
        'id: ‸"Salam: {{waktu}}, Bapak/Ibu. Kami dari *{{penyelenggara}}* mengajak',
    ),
    messages(
        "template-adjacent", _INVITE, 'id: ‸"Selamat {{waktu}} {{penyelenggara}}. Kami mengajak'
    ),
    messages(
        "template-words",
        _INVITE_LINE,
        'id: ‸"Halo {{waktu}} dan {{penyelenggara}} dan {{durasi}}. Bukan survei KPK."',
    ),
    messages(
        "template-length",
        _INVITE,
        f'id: ‸"{_LONG[:1000]}{{{{waktu}}}} dari {{{{penyelenggara}}}} mengajak',
    ),
    messages(
        "template-long",
        _INVITE,
        f'id: ‸"{_LONG[:500]}{{{{waktu}}}} dari {{{{penyelenggara}}}} mengajak',
    ),
    messages(
        "template-twice",
        _PARTIAL,
        _PARTIAL.replace("id: [Buka", "id: [Isi").replace('    id: "', '    id: ‸"'),
    ),
    messages(
        "template-button",
        _PARTIAL,
        _PARTIAL.replace("id: [Buka", "id: ‸[Buka*").replace("Sukarela", "Tetap sukarela"),
    ),
    settings(
        "template-value",
        "penyelenggara: Inspektorat Kota",
        "penyelenggara: ‸'Inspektorat    Kota'\n  x: Kota",
    ),
    settings(
        "template-language",
        "languages: [id, en]\ndefault_language: id",
        "languages: ‸[jv]\ndefault_language: jv",
        tongue="jv",
    ),
    messages("template-category", "  over:\n", "  over:\n    category: ‸UTILITY\n"),
    messages(
        "mail-without-address",
        "Atau kirim kode {{kode}} lewat",
        "Atau lewat",
        (
            "messages.yaml",
            'en: "Invitation: {{nama_survei}}"}\n  id: |',
            'en: "Invitation: {{nama_survei}}"}\n  id: ‸|',
        ),
    ),
    # settings
    settings("languages", "{id: Bahasa Indonesia, en: English}", "‸{id: Bahasa Indonesia}"),
    settings("languages", "languages: [id, en]", "languages: ‸[id, en, id]"),
    settings("date-order", "closes: 2027-01-31", "closes: ‸2026-10-31"),
    settings("no-hours", _HOURS, "hours: ‸{}\n"),
    settings(
        "night-hours",
        '"13:15-16:00"]',
        '"13:15-22:00"]',
        ("survey.yaml", '["08:30-11:45"', '‸["08:30-11:45"'),
    ),
    settings("friday-prayer", '["08:30-11:00", "14:00', '‸["08:30-12:00", "14:00'),
    settings("reminder-plan", "texts:\n", "plan: {min_gap_hours: ‸24}\ntexts:\n"),
    settings("too-many-reminders", "texts:\n", "plan: {maximum: ‸4}\ntexts:\n"),
    settings("budget", "texts:\n", "budget: ‸{amount: 5, currency: IDR}\ntexts:\n"),
    settings("duplicates-order", "texts:\n", "duplicates: ‸{policy: priority}\ntexts:\n"),
    settings("official-months", "opens: 2026-11-01", "opens: ‸2026-10-01"),
    messages(
        "no-disclaimer",
        "Bukan survei KPK; kami tidak meminta",
        "Kami tidak meminta",
        ("messages.yaml", "  invite:\n    ", "  invite:\n    ‸"),
    ),
)
