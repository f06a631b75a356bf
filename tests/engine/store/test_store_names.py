"""States are stored in fewer bytes and read back exactly."""

from __future__ import annotations

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.database import Database
from custom_components.occupancy_ml.engine.store.names import Names, States
from tests.engine.store.helpers import fresh_store

_NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def states(database: Database, vocabulary: int = 10_000) -> States:
    """The states of a file, as an event log keeps them."""
    return States(Names(database, "states", "state"), vocabulary)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.one_of(_NUMBERS, _TEXTS), max_size=30), st.integers(0, 5))
def test_every_text_reads_back_as_it_was_written(texts: list[str], vocabulary: int) -> None:
    with fresh_store() as store:
        store.database.execute("CREATE TABLE kept (state INTEGER, value ANY) STRICT")
        writer = states(store.database, vocabulary)
        store.database.executemany("INSERT INTO kept VALUES (?, ?)", [writer.store(text) for text in texts])
        reader = states(store.database)
        rows = store.database.all("SELECT state, value FROM kept ORDER BY rowid")
        assert [reader.load(*row) for row in rows] == texts


@pytest.mark.parametrize(
    ("text", "value"), [("21.1", 21.1), ("21", 21), ("21.0", 21.0), ("-4", -4), ("0", 0), ("1e-05", 1e-05)]
)
def test_a_number_that_reads_back_is_stored_as_a_number(store: Store, text: str, value: float) -> None:
    number, stored = states(store.database).store(text)
    assert (number, stored, type(stored)) == (None, value, type(value))


@pytest.mark.parametrize("text", ["21.10", "007", "+4", "-0", "-0.0", "1_000", "nan", "inf", "1e5", "٣", ""])
def test_a_number_that_would_read_back_differently_is_stored_as_text(store: Store, text: str) -> None:
    number, stored = states(store.database).store(text)
    assert number is not None
    assert stored is None


def test_texts_beyond_the_vocabulary_do_not_grow_the_table(store: Store) -> None:
    kept = states(store.database, vocabulary=2)
    pairs = [kept.store(text) for text in ("on", "off", "2026-03-01T00:00:00", "on")]
    assert [value for _, value in pairs] == [None, None, "2026-03-01T00:00:00", None]
    assert store.database.scalar("SELECT count(*) FROM states") == 2


def test_a_lone_surrogate_is_stored_as_an_escape(store: Store) -> None:
    kept = states(store.database)
    assert kept.load(*kept.store("a\ud800")) == r"a\ud800"
    assert kept.store("a\ud800") == kept.store(r"a\ud800")


def test_a_name_that_another_connection_stored_is_found(store: Store) -> None:
    first = Names(store.database, "rooms", "room_id")
    second = Names(store.database, "rooms", "room_id")
    assert (len(first), len(second)) == (0, 0)
    number = first.intern("hall")
    assert second.intern("hall") == number
    assert Names(store.database, "rooms", "room_id").find("hall") == number
    other = first.intern("kitchen")
    assert second.text(other) == "kitchen"
