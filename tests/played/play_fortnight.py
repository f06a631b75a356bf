"""Two weeks of a home whose entities have to be there all the time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from tests.played.life import Life
from tests.simulator import demo_home

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14


async def test_the_home_learns_and_its_entities_are_there(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    life = Life(hass, freezer, demo_home(), seed=3)
    entry = await life.begin(START, {})
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    shown = [entity.entity_id for entity in entities if not entity.disabled]
    away = 0

    def look() -> None:
        nonlocal away
        away += sum(hass.states.is_state(entity_id, STATE_UNAVAILABLE) for entity_id in shown)

    life.minutely.append(look)
    for day in range(1, DAYS + 1):
        await life.live(START + timedelta(days=day))
        status = hass.states.get("sensor.home_learning_status")
        quality = hass.states.get("sensor.home_model_quality")
        assert status is not None
        assert quality is not None
        print(f"day {day}: {status.state}, quality {quality.state}", flush=True)
    assert shown
    assert away == 0
    assert hass.states.is_state("sensor.home_learning_status", "ready")
