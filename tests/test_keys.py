"""Keys: what one secret gives, what is sealed where, and what is gone when a key is destroyed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.interview.installation import Installation, Keyring
from storage.database import Conflict
from storage.keys import DataKey, KeyDestroyed, Secret, WrongSecret
from storage.models import DataKey as DataKeyTable
from storage.queries import keys as queries
from tests.rows import count, rows
from tests.setup import SECRET, installation

OTHER = "another secret, which is long enough too"


@pytest.fixture
def here(some_url: str) -> Iterator[Installation]:
    with installation(some_url) as opened:
        yield opened


def data_key(number: int = 1) -> DataKey:
    return DataKey.of(number, bytes(range(32)))


def test_a_short_secret_is_refused_and_not_repeated():
    for text in ("", "short", " " * 40, "x" * 31):
        with pytest.raises(ValueError, match="at least 32 characters") as caught:
            Secret(text)
        assert text.strip() == "" or text not in str(caught.value)


def test_a_fresh_secret_is_long_and_new_every_time():
    secrets = {Secret.fresh() for _ in range(20)}
    assert len(secrets) == 20
    assert all(len(one) >= 43 and Secret(one) for one in secrets)


def test_spaces_around_a_secret_in_a_file_do_not_count():
    assert Secret(f"  {SECRET}\n").digest("a", "b") == Secret(SECRET).digest("a", "b")


def test_a_digest_is_the_same_every_time_and_belongs_to_one_purpose_and_secret():
    found = {
        Secret(text).digest(purpose, value)
        for text in (SECRET, OTHER)
        for purpose in ("address", "sid")
        for value in ("+6281200000001", "+6281200000002")
    }
    assert len(found) == 8
    assert all(len(one) == 32 for one in found)
    assert Secret(SECRET).digest("a", "b") == Secret(SECRET).digest("a", "b")
    assert Secret(SECRET).digest("addresss", "id") != Secret(SECRET).digest("address", "sid")


def test_a_wrapped_key_opens_with_its_secret_and_scope_alone():
    secret = Secret(SECRET)
    wrapped = secret.wrap(b"k" * 32, "survey:1")
    assert secret.unwrap(wrapped, "survey:1") == b"k" * 32
    for wrong, scope in ((Secret(OTHER), "survey:1"), (secret, "survey:2")):
        with pytest.raises(WrongSecret, match="TAUTAN_SECRET_KEY") as caught:
            wrong.unwrap(wrapped, scope)
        assert "tautan.key" in str(caught.value), "it says how to mend it"


@given(text=st.text(), place=st.sampled_from(["address", "state:1", "outbox:ff"]))
@settings(max_examples=60, deadline=None)
def test_what_is_sealed_comes_back_and_is_nowhere_in_the_sealed_form(text, place):
    sealed = data_key().seal(text, place)
    assert data_key().open(sealed, place) == text
    raw = text.encode()
    assert len(raw) < 4 or raw not in sealed


def test_equal_texts_are_sealed_differently():
    assert len({data_key().seal("+6281200000001", "address") for _ in range(50)}) == 50


def test_a_sealed_text_opens_in_its_place_alone():
    places = ["address", "roster_row", "state:1", "state:2", "outbox:1"]
    for one, other in combinations(places, 2):
        sealed = data_key().seal("rahasia", one)
        with pytest.raises(WrongSecret) as caught:
            data_key().open(sealed, other)
        assert "rahasia" not in str(caught.value)
        assert other.split(":")[0] in str(caught.value)
        assert ":" not in str(caught.value), "no id either"


@given(at=st.integers(0, 30), bit=st.integers(0, 7))
@settings(max_examples=40, deadline=None)
def test_a_changed_bit_is_noticed(at, bit):
    sealed = bytearray(data_key().seal("abc", "address"))
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(WrongSecret):
        data_key().open(bytes(sealed), "address")


def test_no_key_shows_in_a_representation():
    key = data_key()
    assert key.material.hex() not in repr(key)
    assert str(key.material) not in repr(key)
    assert "cipher" not in repr(key)


# the ring of a process


def test_a_scope_has_one_key_made_at_its_first_use(here):
    first = here.database.write(lambda c: here.keys.survey(c, 1))
    second = here.database.read(lambda c: here.keys.survey(c, 1))
    other = here.database.write(lambda c: here.keys.survey(c, 2))
    assert first.material == second.material != other.material
    again = Keyring(Secret(SECRET))
    assert here.database.read(lambda c: again.by_id(c, first.id)).material == first.material
    assert first.material not in rows(here, DataKeyTable, id=first.id)[0].wrapped


def test_a_key_whose_transaction_was_undone_is_not_used_again(here):
    """The turn that makes a survey's key uses it several times, and may lose a race at its end."""
    tries: list[bytes] = []

    def work(connection):
        for _ in range(3):
            key = here.keys.survey(connection, 7)
            here.keys.by_id(connection, key.id)
        tries.append(key.material)
        if len(tries) < 3:
            raise Conflict("somebody was faster")
        return key

    used = here.database.write(work)
    assert len(set(tries)) == 3, "each try made its own"
    stored = Keyring(Secret(SECRET))
    for ring in (here.keys, stored):
        assert here.database.read(lambda c, r=ring: r.by_id(c, used.id)).material == used.material
        assert here.database.read(lambda c, r=ring: r.survey(c, 7)).material == used.material


def test_a_key_is_read_from_the_database_once(here):
    from tests.rows import statements

    here.database.write(lambda c: here.keys.survey(c, 1))
    here.database.write(lambda c: here.keys.survey(c, 1))
    with statements(here) as ran:
        here.database.write(lambda c: here.keys.survey(c, 1))
    assert ran == []


def test_many_who_need_the_first_key_at_once_get_the_same(here):
    found: list[bytes] = []
    start = threading.Barrier(8, timeout=20)

    def use():
        ring = Keyring(Secret(SECRET))
        start.wait()
        found.append(here.database.write(lambda c: ring.survey(c, 3)).material)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 8
    assert len(set(found)) == 1
    assert count(here, DataKeyTable, scope="survey:3") == 1


def test_what_a_destroyed_key_sealed_is_gone_and_no_new_key_takes_its_place(here):
    key = here.database.write(lambda c: here.keys.survey(c, 1))
    here.database.write(lambda c: here.keys.destroy(c, "survey:1"))
    for ring in (here.keys, Keyring(Secret(SECRET))):
        with pytest.raises(KeyDestroyed):
            here.database.write(lambda c, r=ring: r.survey(c, 1))
        with pytest.raises(KeyDestroyed):
            here.database.read(lambda c, r=ring: r.by_id(c, key.id))
    (row,) = rows(here, DataKeyTable, scope="survey:1")
    assert (row.wrapped, row.destroyed) == (None, True)


def test_a_key_that_never_was_is_told_as_destroyed(here):
    with pytest.raises(KeyDestroyed, match="no data key 4711"):
        here.database.read(lambda c: here.keys.by_id(c, 4711))


def test_the_database_refuses_a_key_that_is_destroyed_and_still_there(here):
    from sqlalchemy import update
    from sqlalchemy.exc import IntegrityError

    here.database.write(lambda c: queries.insert_key(c, "survey:9", b"wrapped"))
    with pytest.raises(IntegrityError):
        here.database.write(
            lambda c: c.execute(
                update(DataKeyTable).where(DataKeyTable.scope == "survey:9").values(destroyed=True)
            )
        )
