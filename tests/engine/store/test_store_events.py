"""Raw events: stored once, read in order, exactly as they were."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
import math
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, Cause, Event, Origin, to_us
from custom_components.occupancy_ml.engine.store import Store, StoreDamagedError, StoreError
from tests.engine.store.helpers import NOW_US, ROLES, all_events, as_told, fresh_store, motion

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_STATES = st.one_of(
    st.sampled_from(["on", "off", "unavailable", "21.10", "21", "21.0"]),
    st.floats(-50, 50).map(repr),
    _TEXTS,
)
_ATTRIBUTES = st.dictionaries(
    _TEXTS,
    st.one_of(_TEXTS, st.booleans(), st.integers(-9, 9), st.floats(allow_nan=False, allow_infinity=False)),
    max_size=3,
)
# Few entities and few times, so that the same key comes up often.
_EVENTS = st.builds(
    Event,
    time_us=st.one_of(
        st.integers(NOW_US, NOW_US + 6), st.integers(NOW_US - 40 * DAY_US, NOW_US + 40 * DAY_US)
    ),
    entity_id=st.sampled_from([*ROLES, "sensor.other"]),
    state=_STATES,
    previous=st.none() | _STATES,
    origin=st.sampled_from(Origin),
    cause=st.sampled_from(Cause),
    attributes=st.none() | _ATTRIBUTES,
)


def once(batches: list[list[Event]]) -> list[Event]:
    """What should be stored, by time and entity: of each key the last state, as first told."""
    kept: dict[tuple[int, str], Event] = {}
    for batch in batches:
        for key, event in {(event.time_us, event.entity_id): event for event in batch}.items():
            if key not in kept or kept[key].state != event.state:
                kept[key] = event
    return [kept[key] for key in sorted(kept)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(_EVENTS, max_size=12), max_size=4), st.integers(1, 7))
def test_events_read_back_once_and_in_order(batches: list[list[Event]], page: int) -> None:
    with fresh_store() as store:
        for batch in batches:
            store.events.append(batch, ROLES)
        expected = once(batches)
        assert all_events(store, page) == as_told(expected)
        assert store.events.count() == len(expected)
        # What is known already is not new.
        assert [store.events.append(expected, ROLES) for _ in range(2)] == [0, 0]
        assert store.events.span() == ((expected[0].time_us, expected[-1].time_us) if expected else None)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(_EVENTS, max_size=30),
    st.sets(st.sampled_from([*ROLES, "sensor.other", "sensor.never_seen"])),
    st.integers(NOW_US - 41 * DAY_US, NOW_US + 41 * DAY_US) | st.integers(NOW_US - 1, NOW_US + 7),
    st.integers(0, 41 * DAY_US) | st.integers(0, 7),
)
def test_spans_entities_and_last_states_are_those_of_a_plain_list(
    events: list[Event], wanted: set[str], start_us: int, length_us: int
) -> None:
    with fresh_store() as store:
        store.events.append(events, ROLES)
        among = [event for event in once([events]) if event.entity_id in wanted]
        end_us = start_us + length_us
        inside = [event for event in among if start_us <= event.time_us < end_us]
        assert [e for page in store.events.read(start_us, end_us, wanted, 4) for e in page] == as_told(inside)
        last = {e.entity_id: replace(e, previous=None) for e in among if e.time_us < start_us}
        assert store.events.last_before(start_us, wanted) == last
        stored_inside = [event for event in once([events]) if start_us <= event.time_us < end_us]
        assert store.events.count(start_us, end_us) == len(stored_inside)


def test_an_overlap_of_live_recorder_and_csv_is_stored_once(store: Store) -> None:
    live = [replace(motion(n), cause=Cause.PERSON) for n in range(20, 40)]
    history = [replace(motion(n), origin=Origin.HISTORY) for n in range(10, 30)]
    imported = [replace(motion(n), origin=Origin.IMPORT) for n in range(40)]
    assert [store.events.append(batch, ROLES) for batch in (live, history, imported)] == [20, 10, 10]
    assert [store.events.append(batch, ROLES) for batch in (live, history, imported)] == [0, 0, 0]
    origins = [event.origin for event in all_events(store)]
    assert origins == [Origin.IMPORT] * 10 + [Origin.HISTORY] * 10 + [Origin.LIVE] * 20


def test_of_two_states_of_one_microsecond_the_last_stays(store: Store) -> None:
    on = motion(1)
    off = replace(on, state="off", cause=Cause.PERSON)
    assert store.events.append([on, off], ROLES) == 1
    assert all_events(store) == [off]
    assert store.events.append([on, off], ROLES) == 0
    assert store.events.append([on], ROLES) == 1
    assert all_events(store) == [on]
    assert store.events.count() == 1


def test_counts_are_those_of_the_rows_whatever_wrote_them(store: Store) -> None:
    store.events.append([motion(n) for n in range(9)] + [motion(3, "person.ada")], ROLES)
    store.events.rename("binary_sensor.hall_motion", "person.ada")
    store.database.execute("DELETE FROM raw_events WHERE time_us <= ?", (motion(1).time_us,))
    assert store.events.count() == len(all_events(store)) == 7


def test_a_microsecond_apart_is_another_event(store: Store) -> None:
    event = motion(1)
    assert store.events.append([event, replace(event, time_us=event.time_us + 1)], ROLES) == 2


def test_the_hour_that_comes_twice_keeps_both_its_events(store: Store) -> None:
    zone = ZoneInfo("Europe/Amsterdam")
    summer = datetime(2026, 10, 25, 2, 30, tzinfo=zone)
    winter = summer.replace(fold=1)
    events = [Event(to_us(moment), "binary_sensor.hall_motion", "on") for moment in (winter, summer)]
    assert store.events.append(events, ROLES) == 2
    assert all_events(store) == as_told(events[::-1])
    assert events[0].time_us - events[1].time_us == 3_600_000_000


def test_simultaneous_events_read_alike_whatever_came_first() -> None:
    events = [Event(NOW_US, entity_id, "on") for entity_id in ROLES]
    with fresh_store() as one, fresh_store() as other:
        one.events.append(events, ROLES)
        other.events.append(events[::-1], ROLES)
        assert all_events(one, 2) == all_events(other, 3) == sorted(events, key=lambda e: e.entity_id)


def test_writes_between_two_pages_do_not_disturb_the_reading(store: Store) -> None:
    store.events.append([motion(n) for n in range(10)], ROLES)
    pages = store.events.read(NOW_US, NOW_US + DAY_US, batch=4)
    first = next(pages)
    store.events.append([motion(n) for n in (100, 101)] + [motion(0, "person.ada")], ROLES)
    rest = [event for page in pages for event in page]
    assert [*first, *rest] == as_told(motion(n) for n in (*range(10), 100, 101))


def test_role_room_cause_and_origin_are_kept_for_each_event(store: Store) -> None:
    store.events.append([motion(0), motion(0, "person.ada"), motion(0, "sensor.unwatched")], ROLES)
    rows = store.database.all(
        "SELECT n.entity_id, o.role, r.room_id FROM raw_events e JOIN entities n ON n.id = e.entity"
        " JOIN event_contexts c ON c.id = e.context"
        " LEFT JOIN roles o ON o.id = c.role LEFT JOIN rooms r ON r.id = c.room ORDER BY n.entity_id"
    )
    assert rows == [
        ("binary_sensor.hall_motion", "motion", "hall"),
        ("person.ada", "person", None),
        ("sensor.unwatched", None, None),
    ]


def test_attributes_that_are_no_numbers_are_left_out(store: Store) -> None:
    event = replace(motion(0), attributes={"a": math.nan, "b": math.inf, "c": 1.5})
    store.events.append([event], ROLES)
    assert all_events(store)[0].attributes == {"c": 1.5}
    assert store.database.scalar("SELECT json_extract(attributes, '$.c') FROM raw_events") == 1.5


def test_a_renamed_entity_keeps_its_history(store: Store) -> None:
    store.events.append([motion(0), motion(1)], ROLES)
    store.events.rename("binary_sensor.hall_motion", "binary_sensor.entry_motion")
    store.events.append([motion(2, "binary_sensor.entry_motion")], ROLES)
    assert all_events(store) == as_told(motion(n, "binary_sensor.entry_motion") for n in range(3))
    assert store.events.entity_ids() == ["binary_sensor.entry_motion"]


def test_renaming_onto_an_entity_with_history_joins_the_two(store: Store) -> None:
    store.events.append([motion(0), motion(1)], ROLES)
    store.events.append([replace(motion(1, "person.ada"), state="home"), motion(2, "person.ada")], ROLES)
    store.events.rename("binary_sensor.hall_motion", "person.ada")
    expected = [
        motion(0, "person.ada"),
        replace(motion(1, "person.ada"), state="home"),
        motion(2, "person.ada"),
    ]
    assert all_events(store) == as_told(expected)
    assert store.events.entity_ids() == ["person.ada"]
    assert store.events.count() == 3


@pytest.mark.parametrize(("old", "new"), [("sensor.never_seen", "sensor.a"), ("person.ada", "person.ada")])
def test_renaming_what_is_not_there_changes_nothing(store: Store, old: str, new: str) -> None:
    store.events.append([motion(0, "person.ada")], ROLES)
    store.events.rename(old, new)
    assert all_events(store) == [motion(0, "person.ada")]


def test_a_transaction_that_fails_takes_events_and_names_back(store: Store) -> None:
    def fail() -> None:
        with store.transaction():
            store.events.append([motion(0)], ROLES)
            assert store.events.count() == 1
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert store.events.count() == 0
    assert store.events.entity_ids() == []
    assert store.events.append([motion(0), motion(1, "person.ada")], ROLES) == 2
    assert all_events(store) == [motion(0), motion(1, "person.ada")]


def test_a_transaction_whose_part_failed_cannot_be_committed(store: Store) -> None:
    def swallow() -> None:
        with store.transaction():
            store.events.append([motion(0)], ROLES)
            with pytest.raises(RuntimeError, match="part"), store.transaction():
                raise RuntimeError("part")

    with pytest.raises(StoreError, match="part of the transaction"):
        swallow()
    assert store.events.count() == 0
    assert store.events.append([motion(0)], ROLES) == 1


def test_an_event_without_its_state_is_damage(store: Store) -> None:
    store.events.append([motion(0)], ROLES)
    store.database.execute("DELETE FROM states")
    store.database.execute("UPDATE raw_events SET state = 77")
    with pytest.raises(StoreDamagedError, match="states lacks row 77"):
        all_events(store)
