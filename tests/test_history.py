"""The recorder's history, read from a real recorder."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.occupancy_ml import history
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.chatter import AT_ONCE
from custom_components.occupancy_ml.engine.events import DAY_US, MICROSECONDS, Cause, Event, Origin
from custom_components.occupancy_ml.history import Chunk, plan
from custom_components.occupancy_ml.ingest import EventBuffer, LiveEvents, RawChange, convert
from tests.a_home import coordinator_of, set_up, settle, stored_events
from tests.house import build_house
from tests.test_ingest import DOOR, HOME, LIGHT, MOTION

USER, PARENT = "1" * 32, "0" * 26


async def record(hass: HomeAssistant) -> None:
    """A short evening: devices, a person, an automation with and without a parent."""
    sunset = Context()
    hass.states.async_set(LIGHT, "off", {"brightness": None})
    hass.states.async_set(MOTION, "off")
    hass.states.async_set(MOTION, "on")
    hass.states.async_set(LIGHT, "on", {"brightness": 10, "effect": "none"}, context=Context(user_id=USER))
    hass.states.async_set(LIGHT, "on", {"brightness": 90, "effect": "none"}, context=Context(user_id=USER))
    hass.states.async_set(LIGHT, "off", context=Context(parent_id=PARENT))
    hass.bus.async_fire("automation_triggered", {"name": "sunset"}, context=sunset)
    hass.states.async_set(LIGHT, "on", context=sunset)
    hass.states.async_set(MOTION, "unavailable")
    hass.states.async_set(MOTION, "on")
    hass.states.async_set(DOOR, "on")
    hass.states.async_remove(DOOR)
    hass.states.async_set("binary_sensor.elsewhere", "on")
    await async_wait_recording_done(hass)


async def read(hass: HomeAssistant) -> list[Event]:
    entity_ids = tuple(sorted(sensor.entity_id for sensor in HOME.sensors))
    oldest = await history.async_oldest_us(hass)
    assert oldest is not None
    return await history.async_read(hass, Chunk(entity_ids, oldest, now_us() + 1))


async def test_rows_become_events_with_their_causes(hass: HomeAssistant) -> None:
    await record(hass)
    assert [(e.entity_id, e.state, e.previous, e.cause, e.attributes) for e in await read(hass)] == [
        (LIGHT, "off", None, Cause.UNKNOWN, None),
        (MOTION, "off", None, Cause.UNKNOWN, None),
        (MOTION, "on", "off", Cause.DEVICE, None),
        (LIGHT, "on", "off", Cause.PERSON, {"brightness": 10}),
        (LIGHT, "off", "on", Cause.AUTOMATION, None),
        (LIGHT, "on", "off", Cause.AUTOMATION, None),
        (MOTION, "unavailable", "on", Cause.DEVICE, None),
        (MOTION, "on", "unavailable", Cause.UNKNOWN, None),
        (DOOR, "on", None, Cause.UNKNOWN, None),
        (DOOR, "", "on", Cause.DEVICE, None),
    ]


async def test_history_and_live_tell_the_same(hass: HomeAssistant) -> None:
    """To the microsecond, which is what keeps an overlap from counting twice."""
    buffer = EventBuffer()
    stop = LiveEvents(hass, HOME, buffer, lambda: None).async_start()
    await record(hass)
    stop()
    live = sorted((convert(raw) for raw in buffer.take(100)), key=lambda e: (e.time_us, e.entity_id))
    past = await read(hass)

    def said(event: Event) -> tuple[object, ...]:
        return (event.time_us, event.entity_id, event.state, event.previous, event.attributes)

    assert [said(e) for e in live] == [said(e) for e in past]
    assert {e.origin for e in live} == {Origin.LIVE}
    assert {e.origin for e in past} == {Origin.HISTORY}
    # A removal is nobody's act; the recorder cannot tell it from any other change.
    assert [e.cause for e in live if e.state] == [e.cause for e in past if e.state]


async def test_a_recorder_without_rows_has_no_oldest(hass: HomeAssistant) -> None:
    await async_wait_recording_done(hass)
    assert await history.async_oldest_us(hass) is None


async def test_history_is_learned_from_on_first_set_up(hass: HomeAssistant) -> None:
    build_house(hass)
    for state in ("on", "off", "on"):
        hass.states.async_set("binary_sensor.kitchen_motion", state)
    hass.states.async_set("light.kitchen_ceiling", "on", context=Context(user_id=USER))
    await async_wait_recording_done(hass)
    entry = await set_up(hass)
    events = await stored_events(entry, "binary_sensor.kitchen_motion")
    assert [e.state for e in events] == ["off", "on", "off", "on"]
    # The newest was live before history came to it; it is there once.
    assert [e.origin for e in events] == [Origin.HISTORY] * 3 + [Origin.LIVE]
    assert len(await stored_events(entry)) == len(
        {(e.time_us, e.entity_id) for e in await stored_events(entry)}
    )


async def test_what_was_missed_while_unloaded_is_caught_up(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for state in ("on", "off", "on"):
        hass.states.async_set("binary_sensor.front_door", state)
    await async_wait_recording_done(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    events = await stored_events(entry, "binary_sensor.front_door")
    assert [e.state for e in events] == ["off", "on", "off", "on"]
    assert [e.previous for e in events] == [None, "off", "on", "off"]


async def test_a_sensor_added_later_brings_its_own_history(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    for state in ("on", "off"):
        hass.states.async_set("switch.kitchen_boiler", state)
    await async_wait_recording_done(hass)
    room = next(s for s in entry.subentries.values() if s.unique_id == "kitchen")
    sensors = {**room.data["sensors"], "appliance": ["switch.kitchen_boiler"]}
    hass.config_entries.async_update_subentry(entry, room, data={**room.data, "sensors": sensors})
    await settle(hass)
    assert [e.state for e in await stored_events(entry, "switch.kitchen_boiler")] == ["off", "on", "off"]


async def test_reading_twice_adds_nothing(hass: HomeAssistant) -> None:
    build_house(hass)
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await async_wait_recording_done(hass)
    entry = await set_up(hass)
    before = await stored_events(entry)
    coordinator = coordinator_of(entry)
    watched = tuple(sorted(s.entity_id for s in coordinator.home.sensors))
    again = await history.async_read(hass, Chunk(watched, 0, now_us() + 1))
    assert len(again) > 5
    result = await coordinator.run(coordinator.engine.import_events, again)
    assert (result.accepted, result.duplicates) == (0, len(again))
    assert await stored_events(entry) == before


@pytest.mark.parametrize("count", [1, 50, 51, 120])
def test_chunks_hold_a_day_of_some_fifty_entities(count: int) -> None:
    entity_ids = [f"sensor.number_{number:03}" for number in range(count)]
    chunks = plan(dict.fromkeys(entity_ids, 1000), 1000 + 2 * DAY_US + 5)
    assert {len(chunk.entity_ids) <= 50 and chunk.end_us - chunk.start_us <= DAY_US for chunk in chunks} == {
        True
    }
    assert len(chunks) == 3 * -(-count // 50)
    assert [chunk.start_us for chunk in chunks] == sorted(chunk.start_us for chunk in chunks)


@given(
    starts=st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 4 * DAY_US), max_size=8),
    end_us=st.integers(0, 4 * DAY_US),
)
def test_chunks_cover_each_entity_once(starts: dict[str, int], end_us: int) -> None:
    chunks = plan(starts, end_us)
    for entity_id, start_us in starts.items():
        spans = [(c.start_us, c.end_us) for c in chunks if entity_id in c.entity_ids]
        if start_us >= end_us:
            assert spans == []
            continue
        assert (spans[0][0], spans[-1][1]) == (start_us, end_us)
        assert all(end == start for (_, end), (start, _) in pairwise(spans))


@given(moment=st.floats(1.7e9, 2.1e9))
def test_the_oldest_row_is_within_what_is_read(moment: float) -> None:
    """Seconds as a float and microseconds as an integer round apart; no row may fall between them."""
    assert history.not_after_us(moment) / MICROSECONDS <= moment
    assert moment * MICROSECONDS - history.not_after_us(moment) < 3


async def crossed_while_away(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> MockConfigEntry:
    """A home that was unloaded before somebody crossed the hall twice."""
    build_house(hass)
    entry = await set_up(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for state in ("on", "off", "on", "off"):
        freezer.tick(timedelta(seconds=20))
        hass.states.async_set("binary_sensor.hall_motion", state)
    return entry


async def test_what_is_caught_up_is_not_taken_for_the_present(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    """Somebody crossed the hall while we were away; nobody is there now."""
    entry = await crossed_while_away(hass, freezer)
    await async_wait_recording_done(hass)
    freezer.tick(timedelta(minutes=40))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert len(await stored_events(entry, "binary_sensor.hall_motion")) == 5
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    rooms = coordinator_of(entry).data.rooms
    assert rooms["kitchen"].occupied is True
    assert rooms["hall"].occupied is False


@pytest.mark.parametrize("interrupted", [False, True])
async def test_hours_without_us_are_read_though_a_sensor_changed_just_now(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, interrupted: bool
) -> None:
    """Also where the start that stored the present did not come to read the past."""
    entry = await crossed_while_away(hass, freezer)
    freezer.tick(timedelta(hours=5))
    hass.states.async_set("sensor.kitchen_temperature", "21.5")
    await async_wait_recording_done(hass)
    if interrupted:
        assert await hass.config_entries.async_setup(entry.entry_id)
        assert entry.runtime_data.learner.is_busy
        assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    events = await stored_events(entry, "binary_sensor.hall_motion")
    assert [e.state for e in events] == ["off", "on", "off", "on", "off"]


async def start_again(hass: HomeAssistant, entry: MockConfigEntry) -> bool:
    """Set the home up again; whether what is stored was replayed."""
    await async_wait_recording_done(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    engine = coordinator_of(entry).engine
    restored = engine.tracker
    await settle(hass)
    return engine.tracker is not restored


async def test_a_sensor_that_never_rests_makes_no_start_replay(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    """Of what it said before the start, the recorder always knows more than was kept."""
    freezer.move_to("2026-05-08 12:00:05+00:00")
    build_house(hass)
    entry = await set_up(hass)
    state = hass.states.get("sensor.kitchen_temperature")
    assert state is not None
    buffer = coordinator_of(entry).buffer
    for _ in range(AT_ONCE):
        buffer.append(RawChange(state, None, by_automation=False))

    async def change(seconds: int) -> None:
        for number in range(seconds):
            freezer.tick(timedelta(seconds=1))
            hass.states.async_set("sensor.kitchen_temperature", str(number))
        await hass.async_block_till_done()

    await change(150)
    assert buffer.thinned == ["sensor.kitchen_temperature"]
    assert await hass.config_entries.async_unload(entry.entry_id)
    await change(150)
    assert await start_again(hass, entry) is False
    # What the restart itself missed is there.
    assert len(await stored_events(entry, "sensor.kitchen_temperature")) >= 300


async def test_a_start_replays_where_many_minutes_were_missed(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    build_house(hass)
    entry = await set_up(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    for number in range(20):
        freezer.tick(timedelta(minutes=10))
        hass.states.async_set("binary_sensor.hall_motion", "off" if number % 2 else "on")
    assert await start_again(hass, entry) is True
