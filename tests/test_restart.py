"""What outlives a restart of Home Assistant."""

from __future__ import annotations

from datetime import timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE, EVENT_HOMEASSISTANT_STOP
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.util import dt as dt_util
import pytest

from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.events import Event
from custom_components.occupancy_ml.engine.store import Store
from tests.a_home import coordinator_of, database, make_entry, set_up, settle, stored_events
from tests.house import build_house

MOTION = "binary_sensor.kitchen_motion"


@pytest.fixture(autouse=True)
def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)


async def stop(hass: HomeAssistant) -> None:
    """The stages of a stop that integrations see, as `HomeAssistant.async_stop` goes through them."""
    hass.bus.async_fire(EVENT_HOMEASSISTANT_STOP)
    await hass.async_block_till_done()
    hass.set_state(CoreState.final_write)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await hass.async_block_till_done()


def in_file(hass: HomeAssistant, entity_id: str) -> list[Event]:
    """What the file holds, opened by somebody else."""
    store = Store.open(database(hass), now_us())
    try:
        assert not store.was_unclean
        return [event for batch in store.events.read(0, 1 << 62, [entity_id]) for event in batch]
    finally:
        store.close()


async def test_a_stop_stores_what_is_buffered(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    hass.states.async_set("binary_sensor.front_door", "on")
    assert len(coordinator_of(entry).buffer) == 1
    await stop(hass)
    events = await hass.async_add_executor_job(in_file, hass, "binary_sensor.front_door")
    assert [e.state for e in events] == ["off", "on"]


async def test_a_restart_keeps_probabilities_corrections_and_training(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    # Early in a minute: a minute that ends in between moves the probabilities, as it should.
    freezer.move_to(dt_util.utcnow().replace(second=5, microsecond=0) + timedelta(minutes=1))
    entry = await set_up(hass)
    hass.states.async_set(MOTION, "on")
    await settle(hass)
    now = dt_util.utcnow()
    await hass.services.async_call(
        "occupancy_ml",
        "relabel",
        {
            "room": "hall",
            "start": now - timedelta(hours=1),
            "end": now + timedelta(minutes=1),
            "state": "occupied",
        },
        blocking=True,
    )
    await settle(hass)
    before = coordinator_of(entry).data
    stored = await stored_events(entry)
    freezer.tick(timedelta(seconds=1))
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    after = coordinator_of(entry).data
    for room_id, room in before.rooms.items():
        assert after.rooms[room_id].probability == pytest.approx(room.probability, abs=0.02)
        assert after.rooms[room_id].occupied == room.occupied
        assert after.rooms[room_id].source == room.source
    assert await stored_events(entry) == stored


async def test_the_first_training_is_not_repeated(hass: HomeAssistant) -> None:
    entry = await set_up(hass)

    async def jobs() -> int:
        coordinator = coordinator_of(entry)
        return len(await coordinator.run(lambda: coordinator.engine.store.jobs.recent(1000)))

    before = await jobs()
    assert before > 0
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    assert await jobs() == before


async def test_a_stop_in_the_middle_of_learning_goes_on_at_the_next_start(hass: HomeAssistant) -> None:
    entry = make_entry(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    # Learning runs in the background: stopped before it could end.
    assert entry.runtime_data.learner.is_busy
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    coordinator = coordinator_of(entry)
    assert not entry.runtime_data.learner.is_busy
    done = await coordinator.run(lambda: coordinator.engine.store.metadata.get("host_progress"))
    assert done is not None
    assert '"trained_once": true' in done
    assert '"replay_due": false' in done


async def test_a_class_that_only_a_state_tells_outlives_a_restart(hass: HomeAssistant) -> None:
    # Without a unique id there is no registry entry, and no state while Home Assistant starts.
    sensor, shown = "sensor.by_hand", {"device_class": "temperature"}
    entry = await set_up(hass, {"kitchen": {"motion": [MOTION], "environment": [sensor]}})

    def known() -> str | None:
        return next(s.device_class for s in coordinator_of(entry).home.sensors if s.entity_id == sensor)

    assert known() is None
    hass.states.async_set(sensor, "20.1", shown)
    await settle(hass)
    assert known() == "temperature"

    assert await hass.config_entries.async_unload(entry.entry_id)
    hass.states.async_remove(sensor)
    hass.set_state(CoreState.starting)
    assert await hass.config_entries.async_setup(entry.entry_id)
    assert known() == "temperature"
    coordinator = coordinator_of(entry)
    assert not await coordinator.run(lambda: coordinator.engine.needs_rebuild)
    hass.set_state(CoreState.running)
