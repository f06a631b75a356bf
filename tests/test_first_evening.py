"""The promise of the first set-up: what the recorder remembers is learned before the first evening."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.db_schema import States, StatesMeta
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers.recorder import session_scope
from pytest_homeassistant_custom_component.common import MockConfigEntry
from sqlalchemy import insert

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.events import Cause, Event, Origin, from_us
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.engine.snapshot import Source
from tests.a_home import coordinator_of, pass_time, room_data, settle, stored_events
from tests.simulator import Simulation, one_person, simulate

DAYS = 5
USER, PARENT, CONTEXT = b"u" * 16, b"p" * 16, b"c" * 16


def remember(hass: HomeAssistant, events: Sequence[Event]) -> None:
    """Write SIMULATED events into the recorder's own tables, as the recorder would have."""
    entities = sorted({event.entity_id for event in events})
    numbers = {entity_id: number for number, entity_id in enumerate(entities, 1)}
    before: dict[str, int] = {}
    rows = []
    for state_id, event in enumerate(events, 1):
        rows.append(
            {
                "state_id": state_id,
                "state": event.state,
                "metadata_id": numbers[event.entity_id],
                "last_updated_ts": from_us(event.time_us).timestamp(),
                "old_state_id": before.get(event.entity_id),
                "context_id_bin": CONTEXT,
                "context_user_id_bin": USER if event.cause is Cause.PERSON else None,
                "context_parent_id_bin": PARENT if event.cause is Cause.AUTOMATION else None,
            }
        )
        before[event.entity_id] = state_id
    with session_scope(hass=hass) as session:
        session.execute(insert(StatesMeta), [{"metadata_id": numbers[e], "entity_id": e} for e in entities])
        session.execute(insert(States), rows)


def entry_of(simulation: Simulation) -> MockConfigEntry:
    """The simulated home as the flow would have stored it."""
    home = simulation.home
    rooms: dict[str, dict[str, list[str]]] = {room.room_id: {} for room in home.rooms}
    for sensor in home.sensors:
        if sensor.room_id is not None:
            rooms[sensor.room_id].setdefault(sensor.role.value, []).append(sensor.entity_id)
    kinds = {room.room_id: room.kind.value for room in home.rooms}
    return MockConfigEntry(
        domain=DOMAIN,
        options={"persons": [s.entity_id for s in home.sensors if s.role is Role.PERSON]},
        subentries_data=[room_data(room, sensors, kinds[room]) for room, sensors in rooms.items()],
    )


async def test_rooms_have_models_of_their_own_minutes_after_set_up(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    simulation = simulate(one_person(), date(2026, 3, 22), DAYS, seed=3)
    end = from_us(simulation.events[-1].time_us)
    freezer.move_to(end + timedelta(seconds=1))
    known = list({(event.entity_id, event.time_us): event for event in simulation.events}.values())
    await get_instance(hass).async_add_executor_job(remember, hass, known)
    for room in simulation.home.rooms:
        ar.async_get(hass).async_create(room.room_id)
    entry = entry_of(simulation)
    entry.add_to_hass(hass)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)

    events = await stored_events(entry)
    assert {e.origin for e in events} == {Origin.HISTORY}
    watched = {sensor.entity_id for sensor in simulation.home.sensors}
    assert len(events) == sum(event.entity_id in watched for event in known)
    causes = {e.cause for e in events}
    assert {Cause.PERSON, Cause.AUTOMATION, Cause.DEVICE} <= causes

    rooms = coordinator_of(entry).data.rooms
    trained = [room_id for room_id, room in rooms.items() if room.source is Source.MODEL]
    assert len(trained) >= len(rooms) // 2
    # A night later nothing of it is lost.
    await pass_time(hass, freezer, timedelta(hours=5))
    assert await hass.config_entries.async_reload(entry.entry_id)
    await settle(hass)
    rooms = coordinator_of(entry).data.rooms
    assert all(rooms[room_id].source is Source.MODEL for room_id in trained)
