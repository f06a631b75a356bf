"""Weeks of a home by the clock, whose routine moves two hours in the middle, with an automation of each blueprint."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Event, EventStateChangedData, HomeAssistant, ServiceCall, callback
from homeassistant.setup import async_setup_component

from custom_components.occupancy_ml.forecasts import chance_of_change
from scripts.demo_home.automations import automations, copy_blueprints
from tests.a_home import coordinator_of
from tests.played.life import Life
from tests.simulator import alarm_clock_home

ROOT = Path(__file__).parent.parent.parent
CLEANING = timedelta(hours=1)
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = int(os.environ.get("DAYS", "44"))
CHANGE = int(os.environ.get("CHANGE", "28"))


async def test_automations_follow_a_life_and_its_change(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    change = (START + timedelta(days=CHANGE)).date()
    life = Life(hass, freezer, alarm_clock_home(routine_change_day=change), seed=3)
    entry = await life.begin(START, {})
    happened: list[str] = []

    def note(what: str) -> None:
        happened.append(f"{life.now.astimezone(life.config.zone):%H:%M} {what}")

    done: datetime | None = None

    async def act(call: ServiceCall) -> None:
        nonlocal done
        if call.domain == "vacuum":
            done = life.now + CLEANING
            hass.states.async_set("vacuum.robot", {"start": "cleaning"}.get(call.service, "docked"))
        note(f"{call.domain}.{call.service} {call.data.get('temperature', '')}".strip())

    hass.states.async_set("vacuum.robot", "docked")
    for domain, service in (
        ("climate", "set_temperature"),
        ("vacuum", "start"),
        ("vacuum", "return_to_base"),
        ("light", "turn_on"),
        ("light", "turn_off"),
        ("persistent_notification", "create"),
    ):
        hass.services.async_register(domain, service, act)
    await hass.async_add_executor_job(copy_blueprints, Path(hass.config.config_dir), ROOT)
    made: list[dict[str, Any]] = automations()["automation"]
    assert await async_setup_component(hass, "automation", {"automation": made})

    @callback
    def moved(event: Event[EventStateChangedData]) -> None:
        if event.data["entity_id"] == "person.ada" and event.data["new_state"] is not None:
            note(f"ADA {event.data['new_state'].state}")

    hass.bus.async_listen("state_changed", moved)
    likeliest: Counter[str] = Counter()

    def look() -> None:
        if done is not None and life.now >= done:
            hass.states.async_set("vacuum.robot", "docked")
        snapshot = coordinator_of(entry).data
        for process, told in snapshot.forecasts.items():
            if told.published:
                chance = chance_of_change(told, 30, snapshot.time_us)
                likeliest[process] = max(likeliest[process], round(100 * chance))

    life.minutely.append(look)
    for day in range(1, DAYS + 1):
        await life.live(START + timedelta(days=day))
        snapshot = coordinator_of(entry).data
        published = [process for process, told in snapshot.forecasts.items() if told.published]
        print(
            f"day {day}: {len(published)} of {len(snapshot.forecasts)} published; {'; '.join(happened)}",
            flush=True,
        )
        shut = {process: told.reason for process, told in snapshot.forecasts.items() if not told.published}
        print(f"        likeliest within 30 minutes: {dict(likeliest)}; shut: {shut}", flush=True)
        likeliest.clear()
        if snapshot.routine_changes:
            print(f"        routine changed: {snapshot.routine_changes[-1]}", flush=True)
        happened.clear()
    fired = {
        each["id"]: hass.states.get(f"automation.{each['alias'].lower().replace(' ', '_')}") for each in made
    }
    print({name: state and state.attributes["last_triggered"] for name, state in fired.items()})
    await hass.services.async_call("automation", "turn_off", {"entity_id": "all"}, blocking=True)
    await asyncio.sleep(0)
    # Whether a room's next use is ever this sure within minutes, the forecast decides: the light is only reported.
    for name in ("preheat_before_arrival", "clean_when_away", "goodnight_routine"):
        state = fired[name]
        assert state is not None
        assert state.attributes["last_triggered"] is not None
