"""What the entities show, and when they write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry
from pytest_homeassistant_custom_component.components.recorder.common import async_wait_recording_done

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us
from custom_components.occupancy_ml.engine.snapshot import (
    HomeState,
    Learning,
    Movement,
    Reason,
    RoomState,
    Snapshot,
    Source,
)
from custom_components.occupancy_ml.entity import SteadyPercent
from tests.a_home import KITCHEN, coordinator_of, set_up
from tests.house import build_house

OCCUPANCY, PROBABILITY = "binary_sensor.kitchen_occupancy", "sensor.kitchen_occupancy_probability"


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass, {"kitchen": KITCHEN})


def show(entry: MockConfigEntry, room: RoomState | None = None, home: HomeState | None = None) -> None:
    """Publish a snapshot of our own making, a minute after the last."""
    coordinator = coordinator_of(entry)
    data = coordinator.data
    rooms = dict(data.rooms) if room is None else {"kitchen": room}
    coordinator.async_publish(Snapshot(data.time_us + MINUTE_US, home or data.home, rooms))


def kitchen(probability: float | None, reason: str | None = None) -> RoomState:
    occupied = None if probability is None else probability > 0.5
    return RoomState("kitchen", probability, occupied, Source.MODEL, (), None, reason)


def state(hass: HomeAssistant, entity_id: str) -> State:
    found = hass.states.get(entity_id)
    assert found is not None
    return found


class Writes:
    """Counts what an entity writes, changed or not."""

    def __init__(self, hass: HomeAssistant, entity_id: str) -> None:
        self.states: list[str] = []
        self._entity_id = entity_id
        hass.bus.async_listen("state_changed", self._on_change)
        hass.bus.async_listen("state_reported", self._on_report, event_filter=_all)

    @callback
    def _on_change(self, event: Event[EventStateChangedData]) -> None:
        if event.data["entity_id"] == self._entity_id and event.data["new_state"] is not None:
            self.states.append(event.data["new_state"].state)

    @callback
    def _on_report(self, event: Event[EventStateChangedData]) -> None:
        if event.data["entity_id"] == self._entity_id:
            self.states.append("reported")


@callback
def _all(_data: object) -> bool:
    return True


async def test_a_probability_is_written_only_when_it_moved_by_a_point(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    show(entry, kitchen(0.40))
    writes = Writes(hass, PROBABILITY)
    for probability in (0.404, 0.396, 0.4099, 0.411, 0.4051, 0.401, 0.40, 0.80):
        show(entry, kitchen(probability))
    await hass.async_block_till_done()
    assert writes.states == ["41", "40", "80"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_steady_percent_is_never_off_by_a_point_and_a_half(probabilities: list[float]) -> None:
    steady = SteadyPercent()
    before: int | None = None
    for probability in probabilities:
        shown = steady.update(probability)
        assert shown is not None
        assert abs(shown - 100 * probability) < 1
        assert before is None or shown == before or abs(100 * probability - before) >= 1
        before = shown
    assert steady.update(None) is None


async def test_occupancy_shows_why(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    trained = coordinator_of(entry).data.time_us
    noticed = dt_util.as_local(from_us(trained))
    before = trained - 9 * 86_400_000_000
    reasons = (
        Reason("motion in {room} {when}", 2.5, trained, "kitchen"),
        Reason("an outer door opened {when}", 0.5, before),
        Reason("nobody seen elsewhere", 0.5),
    )
    show(entry, RoomState("kitchen", 0.87, True, Source.MODEL, reasons, trained))
    shown = state(hass, OCCUPANCY)
    assert shown.state == "on"
    assert shown.attributes["probability"] == 87
    # By the clock of the home, and by the name of the area: both stay true while nothing is written.
    assert shown.attributes["reasons"] == [
        f"motion in Kitchen at {noticed:%H:%M}",
        f"an outer door opened on {dt_util.as_local(from_us(before)):%Y-%m-%d at %H:%M}",
        "nobody seen elsewhere",
    ]
    assert shown.attributes["source"] == "model"
    assert shown.attributes["model_trained"] == from_us(trained)
    assert shown.attributes["why_unknown"] is None


async def test_reasons_that_are_no_longer_so_are_written_again_now_and_then(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    """A kind of reason that changed after five minutes, a later moment after ten; else with the state only."""
    show(entry, kitchen(0.80))
    writes = Writes(hass, OCCUPANCY)

    def say(text: str, *, minutes: int, moving: bool = False) -> list[int]:
        found = []
        time_us = coordinator_of(entry).data.time_us
        for minute in range(minutes):
            if moving:
                time_us = coordinator_of(entry).data.time_us
            told = (Reason(text, 1.0, time_us), Reason("other small signs", 0.001 * minute))
            before = len(writes.states)
            show(entry, replace(kitchen(0.80 + 0.001 * minute), reasons=told))
            if len(writes.states) > before:
                found.append(minute)
                as_of = state(hass, OCCUPANCY).attributes["as_of"]
                assert as_of == from_us(coordinator_of(entry).data.time_us)
        return found

    assert say("motion here {when}", minutes=20) == [4]
    assert say("a light switched here {when}", minutes=12) == [0]
    assert say("a light switched here {when}", minutes=33, moving=True) == [0, 10, 20, 30]
    show(entry, kitchen(0.92))
    assert state(hass, OCCUPANCY).attributes["probability"] == 92


async def test_unknown_says_why(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    show(entry, kitchen(None, "No sensor has reported yet."))
    assert state(hass, PROBABILITY).state == STATE_UNKNOWN
    assert state(hass, OCCUPANCY).state == STATE_UNKNOWN
    assert state(hass, OCCUPANCY).attributes["why_unknown"] == "No sensor has reported yet."
    show(entry, kitchen(0.3))
    assert (state(hass, PROBABILITY).state, state(hass, OCCUPANCY).state) == ("30", "off")


async def test_a_failing_engine_makes_unavailable(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    coordinator_of(entry).async_set_update_error(RuntimeError("test"))
    await hass.async_block_till_done()
    for entity_id in (
        PROBABILITY,
        OCCUPANCY,
        "binary_sensor.home_anyone_home",
        "sensor.home_learning_status",
    ):
        assert state(hass, entity_id).state == STATE_UNAVAILABLE
    show(entry, kitchen(0.5))
    assert state(hass, PROBABILITY).state == "50"


async def test_the_home_shows_its_learning(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    trained = coordinator_of(entry).data.time_us
    show(entry, home=HomeState(0.8, True, Learning.DEGRADED, "The kitchen failed.", None, 0.314, trained))
    assert state(hass, "binary_sensor.home_anyone_home").state == "on"
    assert state(hass, "binary_sensor.home_anyone_home").attributes["probability"] == 80
    assert state(hass, "sensor.home_learning_status").state == "degraded"
    assert state(hass, "sensor.home_learning_status").attributes["reason"] == "The kitchen failed."
    assert state(hass, "sensor.home_model_quality").state == "31"
    assert "reason" not in state(hass, "sensor.home_model_quality").attributes
    assert state(hass, "sensor.home_last_training").state == from_us(trained).isoformat(timespec="seconds")
    show(entry, home=HomeState(None, None, Learning.WAITING))
    assert state(hass, "binary_sensor.home_anyone_home").state == STATE_UNKNOWN
    for unknown in ("sensor.home_model_quality", "sensor.home_last_training"):
        assert state(hass, unknown).state == STATE_UNKNOWN
        assert state(hass, unknown).attributes["reason"].endswith("Each night scores the day before.") or (
            state(hass, unknown).attributes["reason"] == "Nothing was trained yet. Each night trains."
        )


async def test_an_older_snapshot_does_not_replace_a_later_one(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    show(entry, kitchen(0.9))
    coordinator = coordinator_of(entry)
    late = coordinator.data
    coordinator.async_publish(replace(late, time_us=late.time_us - 1, rooms={"kitchen": kitchen(0.1)}))
    assert coordinator.data is late


async def test_noisy_attributes_are_not_recorded(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    from homeassistant.components.recorder import history

    show(entry, kitchen(0.7))
    await async_wait_recording_done(hass)
    start = coordinator_of(entry).data.time_us
    rows = history.get_significant_states(
        hass, from_us(start) - timedelta(hours=1), None, [OCCUPANCY], significant_changes_only=False
    )[OCCUPANCY]
    recorded = rows[-1]
    assert isinstance(recorded, State)
    assert recorded.state == "on"
    assert not {"probability", "reasons", "model_trained"} & set(recorded.attributes)


async def test_every_entity_has_its_texts(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    texts = await async_get_translations(hass, "en", "entity", [DOMAIN])
    for found in er.async_get(hass).entities.values():
        if found.platform == DOMAIN:
            prefix = f"component.{DOMAIN}.entity.{found.domain}.{found.translation_key}"
            assert found.entity_id == OCCUPANCY or f"{prefix}.name" in texts
    for learning in Learning:
        assert f"component.{DOMAIN}.entity.sensor.learning_status.state.{learning.value}" in texts
    for source in Source:
        key = f"binary_sensor.occupancy.state_attributes.source.state.{source.value}"
        assert f"component.{DOMAIN}.entity.{key}" in texts


async def test_who_moved_is_shown_where_pets_live(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass, {"kitchen": KITCHEN})
    movement = "sensor.kitchen_occupancy_movement"
    registry = er.async_get(hass)
    found = registry.async_get(movement)
    assert found is not None
    assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
    hass.config_entries.async_update_entry(entry, options={**entry.options, "pets": True})
    await hass.async_block_till_done(wait_background_tasks=True)
    assert coordinator_of(entry).home.pets
    assert state(hass, movement).state == "unknown"
    show(entry, replace(kitchen(0.4), movement=Movement.PET))
    assert state(hass, movement).state == "pet"
