"""Weeks with a habit that is planted: it is found, back-tested, offered, accepted, fires, and is rolled back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import automation
from homeassistant.core import Context, HomeAssistant, ServiceCall
from homeassistant.setup import async_setup_component
import pytest

from custom_components.occupancy_ml.const import DOMAIN
from tests.a_home import settle
from tests.played.life import Life
from tests.simulator import demo_home

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 42
# So many days are lived with the automation; the rest without it again.
KEPT_DAYS = 4
LAMP = "switch.reading_lamp"
INCLUDED = "automation ui: !include automations.yaml\n"


@pytest.fixture
def expected_lingering_timers() -> bool:
    """Automations that wait for a time of day keep a timer."""
    return True


def lay_out(hass: HomeAssistant) -> None:
    Path(hass.config.path("configuration.yaml")).write_text(INCLUDED)
    Path(hass.config.path("automations.yaml")).write_text("[]\n")


class Reader:
    """Turns a lamp on each evening at about eight, nine days of ten, and off before midnight."""

    def __init__(self, hass: HomeAssistant, life: Life) -> None:
        self._hass = hass
        self._life = life
        self._rng = Random(8)
        self.by_automation = 0
        self.by_hand = 0
        self._at: int | None = None
        hass.states.async_set(LAMP, "off")
        for name, state in (("turn_on", "on"), ("turn_off", "off")):

            async def handle(call: ServiceCall, state: str = state) -> None:
                self.by_automation += 1
                hass.states.async_set(LAMP, state, context=call.context)

            hass.services.async_register("switch", name, handle)

    def __call__(self) -> None:
        """A minute."""
        local = self._life.now.astimezone(self._life.config.zone)
        minute = local.hour * 60 + local.minute
        if minute == 0:
            self._at = 20 * 60 + round(self._rng.gauss(5, 4)) if self._rng.random() < 0.9 else None
        if minute == self._at and self._hass.states.is_state(LAMP, "off"):
            self.by_hand += 1
            self._hass.states.async_set(LAMP, "on", context=Context(user_id="u" * 32))
        if minute == 23 * 60 + 10:
            self._hass.states.async_set(LAMP, "off", context=Context(user_id="u" * 32))


async def ask(hass: HomeAssistant, name: str, **data: Any) -> dict[str, Any]:
    answer: Any = await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)
    assert isinstance(answer, dict)
    return answer


async def test_a_suggestion_from_the_first_evening_to_its_roll_back(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    await hass.async_add_executor_job(lay_out, hass)
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: []})
    life = Life(hass, freezer, demo_home(), seed=3)
    reader = Reader(hass, life)
    await life.begin(START, {"routine_only": [LAMP]})
    life.minutely.append(reader)
    accepted: dict[str, Any] | None = None
    ran = roll_back_on = 0
    for day in range(1, DAYS + 1):
        before = (reader.by_automation, reader.by_hand)
        await life.live(START + timedelta(days=day))
        await settle(hass)
        patterns = (await ask(hass, "get_patterns", entity_id=LAMP))["patterns"]
        found = (await ask(hass, "get_suggestions"))["suggestions"]
        lamp = [each for each in found if LAMP in each["yaml"]]
        print(
            f"day {day}: {len(patterns)} patterns of the lamp, {len(found)} suggestions open;"
            f" the lamp: {reader.by_automation - before[0]} by automation, {reader.by_hand - before[1]} by hand",
            flush=True,
        )
        best = next((each for each in lamp if "turn on" in each["description"]), None)
        if accepted is None and best is not None:
            print(f"  {best['description']} {best['evidence']}", flush=True)
            accepted = await ask(hass, "accept_suggestion", suggestion_id=best["suggestion_id"])
            assert accepted["created"]
            roll_back_on = day + KEPT_DAYS
        elif accepted is not None and day == roll_back_on:
            assert reader.by_automation > 0
            ran = reader.by_automation
            await ask(hass, "rollback_automation", automation_id=accepted["automation_id"])
            assert hass.states.get(accepted["entity_id"]) is None
    assert accepted is not None
    assert ran > 0
    assert reader.by_automation == ran
    text = await hass.async_add_executor_job(Path(hass.config.path("automations.yaml")).read_text)
    assert accepted["automation_id"] not in text
