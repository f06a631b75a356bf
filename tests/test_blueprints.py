"""The blueprints: Home Assistant imports them, makes automations of them, and they act on what is forecast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
import re
import shutil
from typing import Any
from urllib.parse import parse_qs, urlsplit

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components import automation
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.automation.helpers import async_get_blueprints
from homeassistant.components.blueprint.importer import fetch_blueprint_from_url
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.helpers.selector import NumberSelector
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
from homeassistant.util.yaml import parse_yaml
import pytest
from pytest_homeassistant_custom_component.common import (
    MockConfigEntry,
    async_fire_time_changed,
    async_mock_service,
)
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.occupancy_ml.engine.events import to_us
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP, Forecast
from tests.a_home import KITCHEN, coordinator_of, set_up
from tests.foretold import forecast, show
from tests.house import build_house

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "blueprints" / "automation" / "occupancy_ml"
NAMES = sorted(path.name for path in FOLDER.glob("*.yaml"))
LINK = re.compile(r"https://my\.home-assistant\.io/redirect/blueprint_import/\?\S+?(?=[)\s])")

LIGHT, ANYONE = "light.kitchen_ceiling", "binary_sensor.home_anyone_home"
LIKELY = (1, 2, 3, 4, 8)
UNLIKELY = (200, 300, 400, 500, 600)
CELSIUS = {"comfort": 21.5, "away": 16}

pytestmark = pytest.mark.freeze_time("2026-03-04 18:30:00+00:00")


@pytest.fixture
async def entry(hass: HomeAssistant) -> AsyncIterator[MockConfigEntry]:
    """A home whose engine is at rest: what is shown is what a test tells."""
    await hass.config.async_set_time_zone("Europe/Berlin")
    hass.config.latitude, hass.config.longitude = 52.0, 13.0
    hass.states.async_set("sun.sun", "below_horizon")
    build_house(hass)
    entry = await set_up(hass, {"kitchen": KITCHEN})
    coordinator_of(entry).async_stop_listening()
    yield entry
    # One that still waits for somebody would keep Home Assistant from stopping.
    await hass.services.async_call("automation", "turn_off", {"entity_id": "automation.test"}, blocking=True)


async def turn(hass: HomeAssistant) -> None:
    """Let all run that can: an automation that waits for somebody is never done."""
    for _ in range(50):
        await asyncio.sleep(0)


def install(hass: HomeAssistant) -> None:
    shutil.copytree(FOLDER, hass.config.path("blueprints", "automation", "occupancy_ml"))


async def use(hass: HomeAssistant, name: str, **inputs: Any) -> None:
    """Make an automation of a blueprint, as a person does."""
    await hass.async_add_executor_job(install, hass)
    config = {"alias": "Test", "use_blueprint": {"path": f"occupancy_ml/{name}.yaml", "input": inputs}}
    assert await async_setup_component(hass, automation.DOMAIN, {automation.DOMAIN: config})
    made = hass.states.get("automation.test")
    assert made is not None
    assert made.state == "on"


def record(hass: HomeAssistant, *actions: str) -> list[ServiceCall]:
    """Note the calls of these actions, in one list."""
    calls: list[ServiceCall] = []

    @callback
    def note(call: ServiceCall) -> None:
        calls.append(call)

    for action in actions:
        domain, _, name = action.partition(".")
        hass.services.async_register(domain, name, note)
    return calls


async def tell(hass: HomeAssistant, entry: MockConfigEntry, told: Forecast, occupied: bool) -> None:
    """Show a forecast, and whether kitchen and home are occupied, at the present of the frozen clock."""
    show(entry, told, at_us=to_us(dt_util.utcnow()), probability=0.95 if occupied else 0.05)
    await turn(hass)


async def wait(hass: HomeAssistant, freezer: FrozenDateTimeFactory, span: timedelta) -> None:
    freezer.tick(span)
    async_fire_time_changed(hass, dt_util.utcnow())
    await turn(hass)


def said(calls: list[ServiceCall]) -> list[tuple[str, Any]]:
    """What was called since the last look, each with what tells it apart."""
    told = [
        (
            call.service,
            call.data.get("temperature", call.data.get("brightness_pct", call.data.get("message"))),
        )
        for call in calls
    ]
    calls.clear()
    return told


async def test_preheat_before_arrival(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = record(hass, "climate.set_temperature")
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await use(hass, "preheat_before_arrival", heating=["climate.hall"], **CELSIUS)
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    assert said(calls) == []
    await tell(hass, entry, forecast(HOME, False, LIKELY), False)
    assert said(calls) == [("set_temperature", 21.5)]
    # Nobody comes.
    await wait(hass, freezer, timedelta(minutes=46))
    assert said(calls) == []
    await wait(hass, freezer, timedelta(minutes=46))
    assert said(calls) == [("set_temperature", 16)]
    # The next time somebody does.
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await tell(hass, entry, forecast(HOME, False, LIKELY), False)
    await tell(hass, entry, forecast(HOME, True, UNLIKELY), True)
    for _ in range(2):
        await wait(hass, freezer, timedelta(minutes=46))
    assert said(calls) == [("set_temperature", 21.5)]


async def test_a_slow_heating_waits_for_the_arrival_it_began_for(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = record(hass, "climate.set_temperature")
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await use(hass, "preheat_before_arrival", heating=["climate.hall"], lead="03:00:00", **CELSIUS)
    await tell(hass, entry, forecast(HOME, False, (160, 165, 170, 175, 179)), False)
    assert said(calls) == [("set_temperature", 21.5)]
    # Nobody is late yet, and half an hour later is not very late.
    for minutes in (175, 10, 30):
        await wait(hass, freezer, timedelta(minutes=minutes))
        assert said(calls) == []
    await wait(hass, freezer, timedelta(minutes=20))
    assert said(calls) == [("set_temperature", 16)]


@pytest.mark.parametrize("name", ["comfort", "away"])
def test_temperatures_are_asked_in_the_unit_of_the_home(name: str) -> None:
    read: Any = parse_yaml((FOLDER / "preheat_before_arrival.yaml").read_text())
    blueprint = Blueprint(read, schema=AUTOMATION_BLUEPRINT_SCHEMA)
    asked = blueprint.inputs[name]
    assert "default" not in asked
    assert "°F" in asked["description"]
    for degrees in (5, 16.5, 21, 62, 70):
        assert NumberSelector(asked["selector"]["number"])(degrees) == degrees


async def test_light_ahead_on_the_way(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = record(hass, "light.turn_on", "light.turn_off")
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await use(hass, "light_ahead_on_the_way", room="binary_sensor.kitchen_occupancy", lights=[LIGHT])
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    assert said(calls) == [("turn_on", 40)]
    # Expected within ten minutes, and given five more.
    for minutes, told in ((10, []), (4, []), (2, [("turn_off", None)])):
        await wait(hass, freezer, timedelta(minutes=minutes))
        assert said(calls) == told
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    await tell(hass, entry, forecast("kitchen", True, UNLIKELY), True)
    await wait(hass, freezer, timedelta(minutes=30))
    assert said(calls) == [("turn_on", 40)]
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await wait(hass, freezer, timedelta(minutes=3))
    assert said(calls) == [("turn_off", None)]


@pytest.mark.parametrize(("after_dark", "lit"), [(True, []), (False, [("turn_on", 40)])])
async def test_light_ahead_by_day(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    after_dark: bool,
    lit: list[tuple[str, int]],
) -> None:
    freezer.move_to("2026-03-05 11:00:00+00:00")
    hass.states.async_set("sun.sun", "above_horizon")
    calls = record(hass, "light.turn_on", "light.turn_off")
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await use(
        hass,
        "light_ahead_on_the_way",
        room="binary_sensor.kitchen_occupancy",
        lights=[LIGHT],
        only_after_dark=after_dark,
    )
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    assert said(calls) == lit


async def test_light_ahead_in_the_polar_night(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-12-20 17:00:00+00:00")
    await hass.config.async_update(latitude=69.65, longitude=18.96)
    calls = record(hass, "light.turn_on")
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await use(hass, "light_ahead_on_the_way", room="binary_sensor.kitchen_occupancy", lights=[LIGHT])
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    assert said(calls) == [("turn_on", 40)]


async def morning_of_the_cleaner(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory, *, somebody_home: bool
) -> list[ServiceCall]:
    """Nine in the morning: it stands in its dock, and the blueprint has had its first look."""
    freezer.move_to("2026-03-05 08:58:00+00:00")
    calls = record(hass, "vacuum.start", "vacuum.return_to_base")
    hass.states.async_set("vacuum.robot", "docked")
    await tell(hass, entry, forecast(HOME, somebody_home, UNLIKELY), somebody_home)
    await use(hass, "clean_when_away", vacuum="vacuum.robot")
    await wait(hass, freezer, timedelta(minutes=10))
    return calls


async def test_clean_when_away_long_enough(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = await morning_of_the_cleaner(hass, entry, freezer, somebody_home=True)
    # Away, but not for long.
    await tell(hass, entry, forecast(HOME, False, LIKELY), False)
    await wait(hass, freezer, timedelta(minutes=10))
    assert said(calls) == []
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await wait(hass, freezer, timedelta(minutes=10))
    assert said(calls) == [("start", None)]
    hass.states.async_set("vacuum.robot", "cleaning")
    await tell(hass, entry, forecast(HOME, True, UNLIKELY), True)
    assert said(calls) == [("return_to_base", None)]
    # Once a day is enough.
    hass.states.async_set("vacuum.robot", "docked")
    await turn(hass)
    for _ in range(3):
        await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
        await wait(hass, freezer, timedelta(minutes=10))
    assert said(calls) == []


async def test_goodnight_routine(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = record(hass, "light.turn_on", "persistent_notification.create")
    also = async_mock_service(hass, "test", "goodnight")
    hass.states.async_set(LIGHT, "on", {"friendly_name": "Kitchen"})
    hass.states.async_set("light.other", "off")
    hass.states.async_set("binary_sensor.front_door", "on", {"friendly_name": "Front door"})
    await tell(hass, entry, forecast(SLEEP, False, UNLIKELY), True)
    await use(
        hass,
        "goodnight_routine",
        lights=[LIGHT, "light.other"],
        openings=["binary_sensor.front_door", "binary_sensor.kitchen_window"],
        also=[{"action": "test.goodnight", "data": {"open": "{{ still_open }}"}}],
    )
    await tell(hass, entry, forecast(SLEEP, False, LIKELY), True)
    assert calls[0].data["entity_id"] == [LIGHT]
    assert said(calls) == [("turn_on", 25), ("create", "Front door")]
    assert [call.data["open"] for call in also] == [["binary_sensor.front_door"]]
    # Once an evening is enough.
    await tell(hass, entry, forecast(SLEEP, False, UNLIKELY), True)
    await tell(hass, entry, forecast(SLEEP, False, LIKELY), True)
    assert said(calls) == []


@pytest.mark.parametrize(
    ("fires", "earliest", "lead", "minutes"),
    [("19:40", "20:00:00", "00:45:00", 20), ("23:50", "00:15:00", {"hours": 0, "minutes": 30}, 25)],
)
async def test_bedtime_expected_a_little_before_the_earliest_is_waited_for(
    hass: HomeAssistant,
    entry: MockConfigEntry,
    freezer: FrozenDateTimeFactory,
    fires: str,
    earliest: str,
    lead: str | dict[str, int],
    minutes: int,
) -> None:
    calls = record(hass, "light.turn_on")
    hass.states.async_set(LIGHT, "on")
    freezer.move_to("2026-03-04 13:00:00+01:00")
    await tell(hass, entry, forecast(SLEEP, False, UNLIKELY), True)
    await use(hass, "goodnight_routine", lights=[LIGHT], earliest=earliest, lead=lead)
    # A nap is not the evening, and does not use up the one run it has.
    await tell(hass, entry, forecast(SLEEP, False, LIKELY), True)
    await wait(hass, freezer, timedelta(minutes=30))
    assert said(calls) == []
    freezer.move_to(f"2026-03-04 {fires}:00+01:00")
    await tell(hass, entry, forecast(SLEEP, False, UNLIKELY), True)
    await tell(hass, entry, forecast(SLEEP, False, LIKELY), True)
    await wait(hass, freezer, timedelta(minutes=minutes - 1))
    assert said(calls) == []
    await wait(hass, freezer, timedelta(minutes=1))
    assert said(calls) == [("turn_on", 25)]


async def test_goodnight_makes_no_light_brighter(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    calls = record(hass, "light.turn_on")
    lights: dict[str, tuple[str, dict[str, Any]]] = {
        "light.night": ("on", {"brightness": 8}),
        "light.bright": ("on", {"brightness": 200}),
        "light.plain": ("on", {}),
        "light.gone": ("unavailable", {}),
        "light.off": ("off", {"brightness": None}),
    }
    for light, (state, attributes) in lights.items():
        hass.states.async_set(light, state, attributes)
    await tell(hass, entry, forecast(SLEEP, False, UNLIKELY), True)
    await use(hass, "goodnight_routine", lights=list(lights), brightness=30)
    await tell(hass, entry, forecast(SLEEP, False, LIKELY), True)
    (call,) = calls
    assert call.data["entity_id"] == ["light.bright", "light.plain"]


async def test_a_cleaner_that_is_done_is_left_alone(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-03-05 08:58:00+00:00")
    calls = record(hass, "vacuum.start", "vacuum.return_to_base")
    hass.states.async_set("vacuum.robot", "docked")
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await use(hass, "clean_when_away", vacuum="vacuum.robot", pause=1)
    for _ in range(2):
        await wait(hass, freezer, timedelta(minutes=10))
        assert said(calls) == [("start", None)]
        hass.states.async_set("vacuum.robot", "cleaning")
        await wait(hass, freezer, timedelta(hours=1))
        hass.states.async_set("vacuum.robot", "docked")
        await turn(hass)
        assert said(calls) == []


async def test_who_comes_while_heating_is_told_is_not_left_in_the_cold(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls: list[ServiceCall] = []

    async def heat(call: ServiceCall) -> None:
        calls.append(call)
        await tell(hass, entry, forecast(HOME, True, UNLIKELY), True)

    hass.services.async_register("climate", "set_temperature", heat)
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await use(hass, "preheat_before_arrival", heating=["climate.hall"], **CELSIUS)
    await tell(hass, entry, forecast(HOME, False, LIKELY), False)
    await turn(hass)
    for _ in range(2):
        await wait(hass, freezer, timedelta(minutes=46))
    assert said(calls) == [("set_temperature", 21.5)]


async def test_who_comes_while_the_lights_go_on_is_not_left_in_the_dark(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = record(hass, "light.turn_off")

    async def light(call: ServiceCall) -> None:
        calls.append(call)
        await tell(hass, entry, forecast("kitchen", True, UNLIKELY), True)

    hass.services.async_register("light", "turn_on", light)
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await use(hass, "light_ahead_on_the_way", room="binary_sensor.kitchen_occupancy", lights=[LIGHT])
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    await turn(hass)
    for minutes in (11, 6):
        await wait(hass, freezer, timedelta(minutes=minutes))
    assert said(calls) == [("turn_on", 40)]
    # Out for a minute is not away.
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await wait(hass, freezer, timedelta(minutes=1))
    await tell(hass, entry, forecast("kitchen", True, UNLIKELY), True)
    await wait(hass, freezer, timedelta(minutes=3))
    assert said(calls) == []
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await wait(hass, freezer, timedelta(minutes=3))
    assert said(calls) == [("turn_off", None)]


async def test_a_bulb_that_cannot_be_reached_keeps_the_others_from_nothing(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = record(hass, "light.turn_on", "light.turn_off")
    hass.states.async_set("light.gone", "unavailable")
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    lights = [LIGHT, "light.gone"]
    await use(hass, "light_ahead_on_the_way", room="binary_sensor.kitchen_occupancy", lights=lights)
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    assert said(calls) == [("turn_on", 40)]
    for minutes in (11, 6):
        await wait(hass, freezer, timedelta(minutes=minutes))
    assert said(calls) == [("turn_off", None)]
    # What somebody has on already stays as it is.
    hass.states.async_set(LIGHT, "on")
    await tell(hass, entry, forecast("kitchen", False, UNLIKELY), False)
    await tell(hass, entry, forecast("kitchen", False, LIKELY), False)
    assert said(calls) == []


async def test_who_comes_while_the_cleaner_starts_has_it_sent_back(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-03-05 08:58:00+00:00")
    calls = record(hass, "vacuum.return_to_base")

    async def start(call: ServiceCall) -> None:
        calls.append(call)
        await tell(hass, entry, forecast(HOME, True, UNLIKELY), True)

    hass.services.async_register("vacuum", "start", start)
    hass.states.async_set("vacuum.robot", "docked")
    await tell(hass, entry, forecast(HOME, False, UNLIKELY), False)
    await use(hass, "clean_when_away", vacuum="vacuum.robot")
    await wait(hass, freezer, timedelta(minutes=10))
    assert said(calls) == [("start", None)]
    # It leaves the dock a little later.
    hass.states.async_set("vacuum.robot", "cleaning")
    await turn(hass)
    assert said(calls) == [("return_to_base", None)]


async def test_a_cleaner_that_stands_idle_on_the_floor_is_sent_back(
    hass: HomeAssistant, entry: MockConfigEntry, freezer: FrozenDateTimeFactory
) -> None:
    calls = await morning_of_the_cleaner(hass, entry, freezer, somebody_home=False)
    assert said(calls) == [("start", None)]
    for state in ("cleaning", "error", "idle"):
        hass.states.async_set("vacuum.robot", state)
        await turn(hass)
    await tell(hass, entry, forecast(HOME, True, UNLIKELY), True)
    assert said(calls) == [("return_to_base", None)]


def links() -> dict[str, str]:
    """What the links of the README import, by the name of the file."""
    found = [
        parse_qs(urlsplit(link).query)["blueprint_url"][0]
        for link in LINK.findall((ROOT / "README.md").read_text())
    ]
    return {url.rpartition("/")[2]: url for url in found}


def test_every_blueprint_has_an_import_link() -> None:
    assert len(NAMES) == 4
    assert sorted(links()) == NAMES


@pytest.mark.parametrize("name", NAMES)
async def test_a_link_imports_its_blueprint(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, name: str
) -> None:
    raw = (
        "https://raw.githubusercontent.com/occupancy-ml/occupancy-ml/main/blueprints/automation/occupancy_ml"
    )
    aioclient_mock.get(f"{raw}/{name}", text=(FOLDER / name).read_text())
    imported = await fetch_blueprint_from_url(hass, links()[name])
    assert imported.suggested_filename == f"occupancy-ml/{name.removesuffix('.yaml')}"
    assert imported.blueprint.domain == automation.DOMAIN
    assert imported.blueprint.validate() is None
    assert imported.blueprint.metadata["source_url"] == links()[name]


async def test_home_assistant_lists_them_without_a_complaint(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    await hass.async_add_executor_job(install, hass)
    assert await async_setup_component(hass, automation.DOMAIN, {})
    found = await async_get_blueprints(hass).async_get_blueprints()
    for name in NAMES:
        blueprint = found[f"occupancy_ml/{name}"]
        assert not isinstance(blueprint, Exception), blueprint
        assert blueprint is not None
        assert all("name" in each for each in blueprint.inputs.values())
    assert "rror" not in caplog.text
