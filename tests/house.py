"""A small house in the registries of a Home Assistant under test."""

from __future__ import annotations

from homeassistant.const import ATTR_DEVICE_CLASS, EntityCategory
from homeassistant.core import HomeAssistant
from homeassistant.helpers import area_registry as ar, device_registry as dr, entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

# Area, entity and device class of what stands in the house. The bedroom has nothing, the garden nothing that
# tells about people.
SENSORS = (
    ("Kitchen", "binary_sensor.kitchen_motion", "motion"),
    ("Kitchen", "binary_sensor.kitchen_window", "window"),
    ("Kitchen", "sensor.kitchen_temperature", "temperature"),
    ("Kitchen", "light.kitchen_ceiling", None),
    ("Kitchen", "switch.kitchen_boiler", None),
    ("Bathroom", "binary_sensor.bathroom_presence", "occupancy"),
    ("Bathroom", "binary_sensor.bathroom_door", "door"),
    ("Hall", "binary_sensor.hall_motion", "motion"),
    ("Hall", "binary_sensor.front_door", "door"),
    ("Garden", "sensor.garden_temperature", "temperature"),
    (None, "switch.street_light", None),
)
AREAS = ("Kitchen", "Bathroom", "Hall", "Garden", "Bedroom")
PERSONS = ("person.ada", "person.grace")


def add_sensor(
    hass: HomeAssistant,
    area: str | None,
    entity_id: str,
    device_class: str | None = None,
    *,
    platform: str = "test",
    category: EntityCategory | None = None,
    disabled_by: er.RegistryEntryDisabler | None = None,
    hidden_by: er.RegistryEntryHider | None = None,
    device_id: str | None = None,
    state: str | None = "off",
    attributes: dict[str, object] | None = None,
) -> er.RegistryEntry:
    """Register an entity, put it into its area (by area id) and give it a state."""
    domain, _, name = entity_id.partition(".")
    registry = er.async_get(hass)
    entry = registry.async_get_or_create(
        domain,
        platform,
        name,
        object_id_base=name,
        original_name=name,
        suggested_object_id=name,
        original_device_class=device_class,
        entity_category=category,
        disabled_by=disabled_by,
        hidden_by=hidden_by,
        device_id=device_id,
    )
    assert entry.entity_id == entity_id
    if area is not None:
        entry = registry.async_update_entity(entity_id, area_id=area)
    if state is not None and disabled_by is None:
        shown = {ATTR_DEVICE_CLASS: device_class} if device_class else {}
        hass.states.async_set(entity_id, state, {**shown, **(attributes or {})})
    return entry


def add_device(hass: HomeAssistant, name: str, area: str | None) -> str:
    """Register a device in an area and return its id."""
    owner = MockConfigEntry(domain="test")
    owner.add_to_hass(hass)
    registry = dr.async_get(hass)
    device = registry.async_get_or_create(
        config_entry_id=owner.entry_id, identifiers={("test", name)}, name=name
    )
    registry.async_update_device(device.id, area_id=area)
    return device.id


def build_house(hass: HomeAssistant) -> None:
    """Register the areas, sensors and persons of the house."""
    areas = ar.async_get(hass)
    for name in AREAS:
        areas.async_create(name)
    for area, entity_id, device_class in SENSORS:
        add_sensor(hass, area.lower() if area else None, entity_id, device_class)
    for person in PERSONS:
        hass.states.async_set(person, "home")
