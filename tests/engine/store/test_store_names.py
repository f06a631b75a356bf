"""States are stored in fewer bytes and read back exactly."""

from __future__ import annotations

import json

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
        store.database.execute("CREATE TABLE kept (state ANY) STRICT")
        writer = states(store.database, vocabulary)
        store.database.executemany("INSERT INTO kept VALUES (?)", [(writer.store(text),) for text in texts])
        reader = states(store.database)
        rows = store.database.all("SELECT state FROM kept ORDER BY rowid")
        assert [reader.load(stored) for (stored,) in rows] == texts


@pytest.mark.parametrize("text", ["21.123456789", "-0.3333333333333333", "1e-05678901"])
def test_a_long_number_is_stored_as_a_real_where_it_reads_back(store: Store, text: str) -> None:
    stored = states(store.database).store(text)
    assert isinstance(stored, float) is (repr(float(text)) == text)


@pytest.mark.parametrize(
    "text", ["21.1", "21.10", "21", "007", "+4", "-0", "-0.0", "1_000", "nan", "inf", "٣"]
)
def test_a_short_number_is_stored_as_it_is_and_not_in_the_vocabulary(store: Store, text: str) -> None:
    assert states(store.database).store(text) == text
    assert store.database.scalar("SELECT count(*) FROM states") == 0


def test_texts_beyond_the_vocabulary_do_not_grow_the_table(store: Store) -> None:
    kept = states(store.database, vocabulary=2)
    stored = [kept.store(text) for text in ("on", "off", "2026-03-01T00:00:00", "on")]
    assert stored == [1, 2, "2026-03-01T00:00:00", 1]
    assert store.database.scalar("SELECT count(*) FROM states") == 2


def test_a_lone_surrogate_is_stored_as_an_escape(store: Store) -> None:
    kept = states(store.database)
    assert kept.load(kept.store("a\ud800")) == r"a\ud800"
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


def test_a_renamed_entity_is_renamed_in_texts_and_another_that_is_named_like_it_is_not(store: Store) -> None:
    keys = [
        "co_occurrence|light.hall=on|light.hall_2=on",
        "duration|light.hall",
        "duration|light.hall_2",
        "duration|my_light.hall",
    ]
    for key in keys:
        store.database.execute(
            "INSERT INTO suggestions (key, description_only, proposal, features, confidence, safety_score,"
            " created_at, updated_at) VALUES (?, '', ?, '[]', 1, 95, 0, 0)",
            (key, json.dumps({"entity_id": key.removeprefix("duration|")})),
        )
    store.suggestions.rename("light.hall", "light.flur")
    assert [row[0] for row in store.database.all("SELECT key FROM suggestions ORDER BY id")] == [
        "co_occurrence|light.flur=on|light.hall_2=on",
        "duration|light.flur",
        "duration|light.hall_2",
        "duration|my_light.hall",
    ]
    # What others were told of stays as it was.
    statuses: dict[str, str] = dict(store.database.all("SELECT key, status FROM suggestions"))
    assert statuses["duration|light.flur"] == "withdrawn"
    assert statuses["duration|light.hall_2"] == "draft"
