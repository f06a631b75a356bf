"""The entities that tell what comes, and when they write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.occupancy_ml.const import CONF_SLEEP, DOMAIN
from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP
from custom_components.occupancy_ml.forecast_sensors import HORIZONS, SteadyMoment, step_minutes
from custom_components.occupancy_ml.forecasts import to_the_minute
from tests.a_home import BATHROOM, KITCHEN, coordinator_of, make_entry, room_data, set_up, settle
from tests.foretold import forecast, show
from tests.house import build_house
from tests.test_sensors import Writes, state

NEXT, SOON = "sensor.kitchen_occupancy_next_transition", "sensor.kitchen_occupancy_occupied_in_30_minutes"


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass, {"kitchen": KITCHEN})


async def test_a_room_tells_its_next_transition(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    now = show(
        entry,
        forecast("kitchen", False, (10, 20, 30, 40, None), alternatives=((90, 0.2),), occupied_in={30: 0.5}),
    )

    def after(minutes: float) -> object:
        return to_the_minute(now + round(minutes * MINUTE_US))

    shown = state(hass, NEXT)
    assert shown.state == to_the_minute(now + 30 * MINUTE_US).isoformat(timespec="seconds")
    assert shown.attributes["transition_type"] == "to_occupied"
    assert shown.attributes["predicted_time"] == after(30)
    assert shown.attributes["time_until"] == 30
    assert shown.attributes["confidence"] == 70
    assert shown.attributes["prediction_interval"] == {
        "50": [after(20), after(40)],
        "80": [after(10), None],
    }
    assert shown.attributes["alternatives"] == [{"time": after(90), "probability": 20}]
    assert shown.attributes["none_within_24_hours"] == 2
    assert shown.attributes["reason"] is None
    assert state(hass, SOON).state == "50"
    show(entry, forecast("kitchen", True))
    assert state(hass, NEXT).attributes["transition_type"] == "to_vacant"
    assert state(hass, SOON).state == STATE_UNKNOWN


async def test_what_is_not_published_is_unknown_with_the_reason(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    show(entry)
    assert state(hass, NEXT).state == state(hass, SOON).state == STATE_UNKNOWN
    assert state(hass, NEXT).attributes["reason"] == "No forecast has been made yet."
    hidden = forecast("kitchen", False, occupied_in={30: 0.5}, published=False, reason="Too few changes.")
    show(entry, hidden)
    for entity_id in (NEXT, SOON):
        assert state(hass, entity_id).state == STATE_UNKNOWN
        assert state(hass, entity_id).attributes["reason"] == "Too few changes."
    assert not {"predicted_time", "prediction_interval", "alternatives"} & set(state(hass, NEXT).attributes)
    show(entry, forecast("kitchen", False, (100, 900, None, None, None), none_24h=0.6, confidence=None))
    assert state(hass, NEXT).state == STATE_UNKNOWN
    assert state(hass, NEXT).attributes["none_within_24_hours"] == 60
    assert "24 hours" in state(hass, NEXT).attributes["reason"]


async def test_a_horizon_that_is_no_better_is_unknown(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    told = replace(forecast("kitchen", False, occupied_in={30: 0.5}), told_in=(5, 15))
    show(entry, told)
    assert state(hass, NEXT).state != STATE_UNKNOWN
    assert state(hass, SOON).state == STATE_UNKNOWN
    assert state(hass, SOON).attributes["reason"].startswith("So far ahead")


async def test_the_home_tells_each_change_while_it_can_come(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = make_entry(hass, {})
    hass.config_entries.async_add_subentry(entry, _bedroom())
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)

    def known() -> set[str]:
        names = ("departure", "arrival", "bedtime", "wake_up")
        return {name for name in names if state(hass, f"sensor.home_next_{name}").state != STATE_UNKNOWN}

    show(entry, forecast(HOME, True), forecast(SLEEP, False))
    assert known() == {"departure", "bedtime"}
    assert state(hass, "sensor.home_next_arrival").attributes["reason"] == "Somebody is home."
    show(entry, forecast(HOME, False), forecast(SLEEP, True))
    assert known() == {"arrival", "wake_up"}
    assert state(hass, "sensor.home_next_departure").attributes["reason"] == "Nobody is home."
    show(entry, forecast(HOME, False, published=False, reason="Too few."))
    assert known() == set()
    assert state(hass, "sensor.home_next_arrival").attributes["reason"] == "Too few."


def _bedroom() -> ConfigSubentry:
    data = room_data("bedroom", {}, "bedroom")
    return ConfigSubentry(
        data=MappingProxyType(data["data"]),
        subentry_type=data["subentry_type"],
        title=data["title"],
        unique_id="bedroom",
    )


async def test_sleep_is_told_only_where_something_tells_of_it(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    assert hass.states.get("sensor.home_next_departure") is not None
    assert hass.states.get("sensor.home_next_bedtime") is None
    hass.config_entries.async_update_entry(
        entry, options={**entry.options, CONF_SLEEP: {"sleep_sensor": "binary_sensor.bed"}}
    )
    await settle(hass)
    assert hass.states.get("sensor.home_next_bedtime") is not None
    assert hass.states.get("sensor.home_next_wake_up") is not None


async def test_one_horizon_is_shown_unasked(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    registry = er.async_get(hass)
    enabled = []
    for minutes in HORIZONS:
        entity_id = registry.async_get_entity_id("sensor", DOMAIN, f"room_kitchen_occupied_in_{minutes}")
        assert entity_id == f"sensor.kitchen_occupancy_occupied_in_{minutes}_minutes"
        found = registry.async_get(entity_id)
        assert found is not None
        enabled += [minutes] if found.disabled_by is None else []
    assert enabled == [30]


async def test_an_hour_without_news_costs_few_rows(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    start = show(entry, forecast("kitchen", False, (200, 250, 300, 350, 400), occupied_in={30: 0.1}))
    writes = Writes(hass, NEXT)
    soon = Writes(hass, SOON)
    for second in range(5, 3600, 5):
        left = [each - second / 60 for each in (200, 250, 300, 350, 400)]
        # The forecast trembles, as it does from minute to minute.
        left[2] += second % 7
        told = forecast("kitchen", False, tuple(left), occupied_in={30: 0.1 + 0.001 * (second % 13)})
        show(entry, told, at_us=start + second * 1_000_000)
    await hass.async_block_till_done()
    assert 1 <= len(writes.states) <= 5
    assert len(soon.states) == 0


async def test_what_moves_by_the_minute_is_not_recorded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    from homeassistant.components.recorder import history

    start = show(entry, forecast("kitchen", False))
    await async_wait_recording_done(hass)
    rows = history.get_significant_states(
        hass, from_us(start) - timedelta(hours=1), None, [NEXT], significant_changes_only=False
    )[NEXT]
    recorded = rows[-1]
    assert isinstance(recorded, State)
    assert recorded.attributes["transition_type"] == "to_occupied"
    assert not {"time_until", "prediction_interval", "confidence", "predicted_time"} & set(
        recorded.attributes
    )


@given(st.lists(st.tuples(st.floats(0.1, 90), st.floats(0, 1440)), min_size=1, max_size=40))
def test_a_shown_time_is_close_and_never_past(steps: list[tuple[float, float]]) -> None:
    steady, now_us, before = SteadyMoment(), 0, None
    for passed, ahead in steps:
        now_us += round(passed * MINUTE_US)
        time_us = now_us + round(ahead * MINUTE_US)
        shown = steady.update(time_us, now_us)
        assert shown is not None
        exact = to_the_minute(time_us)
        assert shown >= to_the_minute(now_us)
        assert shown == exact or abs(shown - exact) < timedelta(minutes=step_minutes(ahead))
        if before is not None and shown != before:
            assert shown == exact
        before = shown
    assert steady.update(None, now_us) is None


async def test_a_room_without_a_forecast_is_left_alone_by_others(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass, {"kitchen": KITCHEN, "bathroom": BATHROOM})
    show(entry, forecast("kitchen", False))
    assert state(hass, NEXT).state != STATE_UNKNOWN
    assert state(hass, "sensor.bathroom_occupancy_next_transition").state == STATE_UNKNOWN
    assert coordinator_of(entry).data.forecasts.keys() == {"kitchen"}
