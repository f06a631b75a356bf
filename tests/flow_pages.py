"""A person at the pages of the flows."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any

from homeassistant.config_entries import SOURCE_RECONFIGURE, SOURCE_USER, ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType, section
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.translation import async_get_translations

from custom_components.occupancy_ml.const import DOMAIN, SUBENTRY_ROOM
from tests.house import PERSONS, add_sensor

type Result = Mapping[str, Any]

NOTHING: dict[str, Any] = {"kind": "other", "preference": "balanced", "things": {}, "special": {}}
KITCHEN = {
    "motion": ["binary_sensor.kitchen_motion"],
    "opening": ["binary_sensor.kitchen_window"],
    "light": ["light.kitchen_ceiling"],
    "environment": ["sensor.kitchen_temperature"],
    "routine_only": ["switch.kitchen_boiler"],
}
HALL = {"motion": ["binary_sensor.hall_motion"], "exit_door": ["binary_sensor.front_door"]}
OPTIONS = {"persons": list(PERSONS), "night_hour": 3, "routine_only": ["switch.street_light"]}


_KINDS = ("data", "data_description")


def suggested(result: Result) -> dict[str, Any]:
    """What a person sees filled in, as it would be sent back unchanged."""
    return _filled(result["data_schema"].schema)


def _filled(fields: Mapping[Any, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for marker, field in fields.items():
        if isinstance(field, section):
            values[str(marker)] = _filled(field.schema.schema)
        elif marker.description and "suggested_value" in marker.description:
            if marker.description["suggested_value"] is not None:
                values[str(marker)] = marker.description["suggested_value"]
        else:
            values[str(marker)] = marker.default()
    return values


async def said(hass: HomeAssistant, result: Result, category: str, prefix: str) -> None:
    """Prove that everything this page says has a text, and each text what it names."""
    if result["type"] is FlowResultType.CREATE_ENTRY or result.get("translation_domain"):
        return
    texts = await async_get_translations(hass, "en", category, [DOMAIN])
    prefix = f"component.{DOMAIN}.{prefix}"
    if result["type"] is FlowResultType.ABORT:
        needed = {f"{prefix}.abort.{result['reason']}"}
    else:
        step = f"{prefix}.step.{result['step_id']}"
        needed = {f"{step}.title", f"{step}.description"}
        if result["type"] is FlowResultType.MENU:
            needed |= {f"{step}.menu_options.{option}" for option in result["menu_options"]}
        else:
            needed |= {f"{prefix}.error.{key}" for key in (result["errors"] or {}).values()}
            for marker, field in result["data_schema"].schema.items():
                if isinstance(field, section):
                    inside = f"{step}.sections.{marker}"
                    needed.add(f"{inside}.name")
                    needed |= {f"{inside}.{kind}.{inner}" for inner in field.schema.schema for kind in _KINDS}
                else:
                    needed |= {f"{step}.{kind}.{marker}" for kind in _KINDS}
    assert needed <= texts.keys()
    named = {name for key in needed for _, name, _, _ in Formatter().parse(texts[key]) if name}
    assert named <= (result.get("description_placeholders") or {}).keys()


class Setup:
    """A person at the set-up pages."""

    def __init__(self, hass: HomeAssistant) -> None:
        self.hass = hass
        self.flow_id = ""

    async def start(self) -> Result:
        result = await self.hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_USER})
        self.flow_id = result["flow_id"]
        await said(self.hass, result, "config", "config")
        return result

    async def send(self, answer: dict[str, Any]) -> Result:
        result = await self.hass.config_entries.flow.async_configure(self.flow_id, answer)
        await said(self.hass, result, "config", "config")
        return result

    async def rooms(self, *area_ids: str, review: bool = False) -> Result:
        await self.start()
        return await self.send({"rooms": list(area_ids), "use_proposals": not review})


class Room:
    """A person at the pages of one room."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry) -> None:
        self.hass = hass
        self.entry = entry
        self.flow_id = ""

    async def add(self) -> Result:
        return await self._start({"source": SOURCE_USER})

    async def edit(self, area_id: str) -> Result:
        return await self._start(
            {"source": SOURCE_RECONFIGURE, "subentry_id": subentry_id(self.entry, area_id)}
        )

    async def _start(self, context: Any) -> Result:
        flows = self.hass.config_entries.subentries
        result = await flows.async_init((self.entry.entry_id, SUBENTRY_ROOM), context=context)
        self.flow_id = result["flow_id"]
        await said(self.hass, result, "config_subentries", "config_subentries.room")
        return result

    async def send(self, answer: dict[str, Any]) -> Result:
        result = await self.hass.config_entries.subentries.async_configure(self.flow_id, answer)
        await said(self.hass, result, "config_subentries", "config_subentries.room")
        await self.hass.async_block_till_done()
        return result


def subentry_id(entry: ConfigEntry, area_id: str) -> str:
    """The id of a room's subentry."""
    return next(sub.subentry_id for sub in entry.subentries.values() if sub.unique_id == area_id)


def stored(entry: ConfigEntry[Any]) -> dict[str, Any]:
    """The sensors of each room, by area id."""
    return {str(sub.unique_id): sub.data["sensors"] for sub in entry.subentries.values()}


def bad_choices(hass: HomeAssistant) -> dict[str, dict[str, Any]]:
    """A bad choice for the hall by the error it earns."""
    add_sensor(hass, None, "binary_sensor.ours", "occupancy", platform=DOMAIN)
    add_sensor(
        hass, None, "binary_sensor.inner", platform="group", attributes={"entity_id": ["binary_sensor.ours"]}
    )
    add_sensor(
        hass, None, "binary_sensor.outer", platform="group", attributes={"entity_id": ["binary_sensor.inner"]}
    )
    add_sensor(hass, None, "binary_sensor.sleeps", disabled_by=er.RegistryEntryDisabler.USER, state=None)
    motion = "binary_sensor.hall_motion"
    return {
        "entity_missing": {**NOTHING, "motion": ["binary_sensor.nowhere"]},
        "entity_disabled": {**NOTHING, "motion": ["binary_sensor.sleeps"]},
        "own_entity": {**NOTHING, "presence": ["binary_sensor.outer"]},
        "entity_twice": {**NOTHING, "motion": [motion], "presence": [motion]},
        "reference_is_input": {**NOTHING, "motion": [motion], "special": {"reference": [motion]}},
        "entity_in_home": {**NOTHING, "special": {"routine_only": ["switch.street_light"]}},
    }
