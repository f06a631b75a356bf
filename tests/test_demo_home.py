"""The parts of the demo that need no running Home Assistant."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
import sqlite3
from zoneinfo import ZoneInfo

from homeassistant.core import HomeAssistant
from homeassistant.setup import async_setup_component
from homeassistant.util import slugify
import pytest

from custom_components.occupancy_ml.engine.events import Cause, from_us
from scripts.demo_home.automations import BLUEPRINTS, automations, copy_blueprints
from scripts.demo_home.dashboard import dashboard
from scripts.demo_home.evening import is_lively, liveliest, simulated_home
from scripts.demo_home.occupancy_demo.things import attributes_of
from scripts.demo_home.past import DAYS, write_history
from tests.simulator import simulate

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 29, 12, 7, tzinfo=UTC)


@pytest.mark.parametrize("hour", [0, 11, 18])
def test_at_any_hour_somebody_is_on_his_feet_in_some_evening(hour: int) -> None:
    now = NOW.replace(hour=hour)
    time_zone, seed = liveliest(now)
    assert 16 <= now.astimezone(ZoneInfo(time_zone)).hour < 22
    assert is_lively(time_zone, seed, now)


def test_the_written_history_is_the_simulation_up_to_now(tmp_path: Path) -> None:
    config = simulated_home("Europe/Berlin")
    attributes = {device.entity_id: attributes_of(device) for device in config.devices}
    path = tmp_path / "history.db"
    written = write_history(path, "Europe/Berlin", 5, NOW, attributes)

    start = NOW.astimezone(config.zone).date() - timedelta(days=DAYS)
    simulation = simulate(config, start, DAYS + 1, 5)
    state = dict(simulation.initial)
    expected: list[tuple[str, str, str, bool, bool]] = []
    for event in simulation.events:
        if from_us(event.time_us) < NOW and state[event.entity_id] != event.state:
            person, automation = event.cause is Cause.PERSON, event.cause is Cause.AUTOMATION
            expected.append((event.entity_id, event.state, state[event.entity_id], person, automation))
            state[event.entity_id] = event.state

    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            """
            SELECT states_meta.entity_id, states.state, before.state,
                   states.context_user_id_bin IS NOT NULL, states.context_parent_id_bin IS NOT NULL
            FROM states JOIN states_meta ON states_meta.metadata_id = states.metadata_id
            JOIN states AS before ON before.state_id = states.old_state_id
            ORDER BY states.state_id
            """
        ).fetchall()
    assert len(rows) > 10_000
    assert written == len(rows) + len(attributes)
    assert [(entity, now, before, bool(p), bool(a)) for entity, now, before, p, a in rows] == expected


def test_the_page_has_a_card_for_every_room_and_says_that_it_is_simulated() -> None:
    config = simulated_home("Europe/Berlin")
    page = dashboard(config)
    assert "SIMULATED" in page["title"]
    shown = str(page["views"])
    assert "SIMULATED" in shown
    for room in config.rooms:
        assert f"'sensor.{room.room_id}_occupancy_probability'" in shown
        assert f"'binary_sensor.{room.room_id}_occupancy'" in shown
        assert f"'sensor.{room.room_id}_occupancy_next_transition'" in shown
    for made in automations()["automation"]:
        assert f"'automation.{slugify(made['alias'])}'" in shown


async def test_the_automations_of_the_demo_are_made_of_every_blueprint(
    hass: HomeAssistant,
) -> None:
    await hass.async_add_executor_job(copy_blueprints, Path(hass.config.config_dir), ROOT)
    made = automations()
    # Light ahead asks whether it is dark.
    assert "sun" in made
    for domain in ("input_boolean", "climate", "template", "automation"):
        assert await async_setup_component(hass, domain, {domain: made[domain]})
    await hass.async_block_till_done()
    states = [hass.states.get(f"automation.{slugify(each['alias'])}") for each in made["automation"]]
    assert [state.state for state in states if state is not None] == ["on"] * 4
    used = {Path(each["use_blueprint"]["path"]).name for each in made["automation"]}
    assert used == {path.name for path in (ROOT / BLUEPRINTS).glob("*.yaml")}
    target = {"entity_id": "vacuum.robot"}
    await hass.services.async_call("vacuum", "start", target, blocking=True)
    assert hass.states.is_state("vacuum.robot", "cleaning")
    await hass.services.async_call("vacuum", "return_to_base", target, blocking=True)
    await hass.async_block_till_done()
    assert hass.states.is_state("vacuum.robot", "docked")
    assert hass.states.get("climate.heating") is not None
    # A time pattern would go on after the test.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
