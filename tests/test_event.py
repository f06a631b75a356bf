"""A changed routine is an event, once, and the day of the last one a sensor."""

from __future__ import annotations

from dataclasses import replace

from homeassistant.core import HomeAssistant, State
from homeassistant.util import dt as dt_util
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP, FoundBy, RoutineChange
from tests.a_home import coordinator_of, set_up
from tests.house import build_house

EVENT, SENSOR = "event.home_routine_changed", "sensor.home_last_routine_change"


def state(hass: HomeAssistant, entity_id: str) -> State:
    found = hass.states.get(entity_id)
    assert found is not None
    return found


def show(entry: MockConfigEntry, *announced: RoutineChange) -> None:
    coordinator = coordinator_of(entry)
    data = coordinator.data
    coordinator.async_publish(replace(data, time_us=data.time_us + 1, routine_changes=announced))


async def test_each_change_happens_once(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    assert (state(hass, EVENT).state, state(hass, SENSOR).state) == ("unknown", "unknown")
    kitchen = RoutineChange("kitchen", "2026-10-05", 1_000, FoundBy.DAYS, 0.93)
    show(entry, kitchen)
    told = state(hass, EVENT)
    assert told.attributes["event_type"] == "routine_changed"
    assert (told.attributes["kind"], told.attributes["room"]) == ("room", "Kitchen")
    assert (told.attributes["date"], told.attributes["probability"]) == ("2026-10-05", 93)
    day = dt_util.parse_date("2026-10-05")
    assert day is not None
    assert dt_util.parse_datetime(state(hass, SENSOR).state) == dt_util.start_of_local_day(day)
    show(entry, kitchen)
    assert state(hass, EVENT) == told
    for process, kind in ((HOME, "home"), (SLEEP, "sleep")):
        why = ("when people sleep",)
        show(entry, kitchen, RoutineChange(process, "2026-11-01", 1_000, FoundBy.FORECASTS, why=why))
        assert state(hass, EVENT).attributes["why"] == ["when people sleep"]
        assert state(hass, EVENT).attributes["kind"] == kind
        assert state(hass, EVENT).attributes["room"] is None
        assert state(hass, EVENT).attributes["found_by"] == "forecasts"
        assert state(hass, EVENT).attributes["probability"] is None


async def test_two_changes_of_one_room_in_one_night_both_happen(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    events = async_capture_events(hass, "state_changed")
    changes = [RoutineChange("kitchen", since, 1_000, FoundBy.DAYS) for since in ("2026-08-01", "2026-10-05")]
    # The days are looked at before forecasts are, in the same night.
    for known in (changes[:1], changes, changes):
        show(entry, *known)
        await hass.async_block_till_done()
    states = [event.data["new_state"] for event in events if event.data["entity_id"] == EVENT]
    assert [each.attributes["date"] for each in states] == ["2026-08-01", "2026-10-05"]
