"""Link codes: what they catch, and how they are found in what people write."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.interview import codes
from bot.interview.codes import ALPHABET, Found, find, link_text, new_code, normalise

PLACES = [new_code() for _ in range(40)]
PERSONS = [new_code(personal=True) for _ in range(40)]


def each(drawn):
    """Run a test with drawn codes; named by number, so that every process collects the same."""
    return pytest.mark.parametrize("code", drawn, ids=map(str, range(len(drawn))))


def symbols(code):
    return code.replace("-", "")


@each([*PLACES[:5], *PERSONS[:5]])
def test_every_single_wrong_symbol_is_caught(code):
    right = symbols(code)
    for place, old in enumerate(right):
        for new in ALPHABET:
            if new != old:
                assert codes._weighed(right[:place] + new + right[place + 1 :]) != 0


@each([*PLACES, *PERSONS])
def test_every_exchange_of_two_different_symbols_is_caught(code):
    right = symbols(code)
    for one, other in combinations(range(len(right)), 2):
        if right[one] != right[other]:
            wrong = list(right)
            wrong[one], wrong[other] = wrong[other], wrong[one]
            assert normalise("".join(wrong)) is None


@given(st.text(alphabet=ALPHABET, min_size=7, max_size=9).filter(lambda text: len(text) != 8))
@settings(deadline=None)
def test_exactly_one_check_symbol_fits(body):
    fitting = [symbol for symbol in ALPHABET if codes._weighed(body + symbol) == 0]
    assert fitting == [codes._check_symbol(body)]


def test_codes_have_the_promised_form_and_do_not_repeat():
    many = {new_code() for _ in range(2000)}
    assert len(many) == 2000
    for code in many:
        first, second = code.split("-")
        assert len(first) == len(second) == 4
        for half in (first, second):
            assert any(symbol in "23456789" for symbol in half)
            assert any(symbol.isalpha() for symbol in half)
    assert all(len(code) == 11 and code[5] == "-" for code in PERSONS)
    assert len(ALPHABET) == len(set(ALPHABET)) == 31
    assert not set("ILOUZ") & set(ALPHABET)


@each([*PLACES[:10], *PERSONS[:10]])
def test_a_code_is_found_however_it_is_written(code):
    writings = [
        code,
        code.lower(),
        symbols(code),
        code.replace("-", " "),
        code.replace("-", " - "),
        code.replace("-", "–"),
        code.replace("0", "O").replace("1", "l"),
        f"*{code}*",
        f"Kode: {code}",
        f"halo, kode saya {code.lower().replace('-', ' ')} ya",
        link_text("Survei Integritas Kota Contoh", code),
        f"https://wa.me/6281200000123?text=Kode%3A%20{code}",
        f"Assalamualaikum 🙏\n\n{code}.",
    ]
    assert [find(text).code for text in writings] == [code] * len(writings)


@each([PLACES[0], PERSONS[0]])
def test_a_mistyped_code_is_told_from_no_code(code):
    kind = "27" if code[-1].isdigit() else "XY"
    wrong = code[:-1] + next(one for one in kind if one != code[-1])
    for text in (wrong, wrong.lower(), symbols(wrong), f"kode {wrong}", f"halo {wrong} ya"):
        assert find(text).code is None
        assert symbols(find(text).mistyped) == symbols(wrong)
    assert find(f"Kode: {code[:-1]}").mistyped == code[:-1]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "saya mau ikut survei",
        "POLITIK KOTA",
        "pada 2026",
        "mulai 2026",
        "tahun2026",
        "kode pos 73112",
        "081200000123",
        "0812 0000 0123",
        "KH 1234 AB",
        "COVID-19",
        "2026-11-23",
        "setuju sekali dengan pernyataan nomor 12",
        "rapat jam 08.30-11.45",
    ],
)
def test_words_and_numbers_are_no_codes(text):
    assert find(text) == Found()


@given(st.lists(st.from_regex(r"[A-Za-z]{1,10}|[0-9]{1,6}", fullmatch=True), max_size=8))
@settings(deadline=None)
def test_no_sentence_of_words_and_numbers_holds_a_code(words):
    assert find(" ".join(words)).code is None


@given(st.text(max_size=80))
@settings(deadline=None)
def test_no_text_breaks_it(text):
    found = find(text)
    assert found.code is None or normalise(found.code) == found.code


def test_an_answer_in_own_words_is_only_a_code_in_the_form_of_our_link():
    code = PLACES[0]
    assert find(link_text("Survei", code), strict=True).code == code
    for text in (code, symbols(code), f"kode {code}", f"Kode: {symbols(code)}"):
        assert find(text, strict=True) == Found()
    wrong = code[:-1] + ("7" if code[-1] != "7" else "X")
    assert find(f"Kode: {wrong}", strict=True) == Found()


@given(st.text(min_size=1, max_size=300), st.sampled_from([PLACES[0], PERSONS[0]]))
@settings(deadline=None)
def test_link_texts_are_short_and_keep_the_code(title, code):
    text = link_text(title, code)
    assert len(text) <= 140
    assert find(text, strict=True).code == code


def test_a_link_text_reads_like_a_sentence():
    assert (
        link_text("Survei Integritas\nKota Contoh", "K7M2-9QPX")
        == "Saya mau mengisi Survei Integritas Kota Contoh. Kode: K7M2-9QPX"
    )
