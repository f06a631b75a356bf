"""What all entities share: the device they belong to, and writing only what matters."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers.device_registry import DeviceEntryType, DeviceInfo
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .const import CONF_AREA_ID, DOMAIN, NAME
from .coordinator import Coordinator
from .engine.snapshot import HomeState, RoomState


class OccupancyEntity(CoordinatorEntity[Coordinator]):
    """Reads the snapshot, and writes a state only when what it shows has changed.

    The engine publishes every few seconds. Writing each time would fill the recorder with rows that say
    nothing new.
    """

    _attr_has_entity_name = True

    def __init__(self, coordinator: Coordinator, key: str) -> None:
        super().__init__(coordinator)
        self._attr_translation_key = key
        self._written: tuple[Any, ...] | None = None

    def _shown(self) -> tuple[Any, ...]:
        """What the entity shows, for comparison; sets the attributes that Home Assistant reads."""
        raise TypeError("each entity tells what it shows")

    async def async_added_to_hass(self) -> None:
        """Read the snapshot for the state that Home Assistant writes right after this."""
        await super().async_added_to_hass()
        self._refresh()

    @callback
    def _handle_coordinator_update(self) -> None:
        if self._refresh():
            self.async_write_ha_state()

    @callback
    def _refresh(self) -> bool:
        shown = (self.available, *(self._shown() if self.available else ()))
        changed = shown != self._written
        self._written = shown
        return changed


class RoomEntity(OccupancyEntity):
    """An entity of one room.

    The device is named "Occupancy" and lies in the room's area: Home Assistant starts entity ids with the
    area's name, so a device named like the area would say it twice.
    """

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry, key: str) -> None:
        super().__init__(coordinator, key)
        self._room_id: str = subentry.data[CONF_AREA_ID]
        self._attr_unique_id = f"room_{self._room_id}_{key}"
        area = ar.async_get(coordinator.hass).async_get_area(self._room_id)
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, f"room_{self._room_id}")},
            name="Occupancy",
            model="Room",
            manufacturer=NAME,
            entry_type=DeviceEntryType.SERVICE,
            # A deleted area must not come back by being suggested.
            suggested_area=None if area is None else area.name,
        )

    @property
    def available(self) -> bool:
        """Whether the engine knows the room."""
        return super().available and self._room_id in self.coordinator.data.rooms

    @property
    def _room(self) -> RoomState:
        return self.coordinator.data.rooms[self._room_id]


class HomeEntity(OccupancyEntity):
    """An entity of the whole home."""

    def __init__(self, coordinator: Coordinator, key: str) -> None:
        super().__init__(coordinator, key)
        self._attr_unique_id = f"home_{key}"
        self._attr_device_info = DeviceInfo(
            identifiers={(DOMAIN, "home")},
            name="Home",
            model="Home",
            manufacturer=NAME,
            entry_type=DeviceEntryType.SERVICE,
        )

    @property
    def _home(self) -> HomeState:
        return self.coordinator.data.home


@callback
def area_names(hass: HomeAssistant) -> dict[str, str]:
    """The names of all areas by their id."""
    return {area.id: area.name for area in ar.async_get(hass).async_list_areas()}


def percent(probability: float | None) -> int | None:
    """A probability as whole percent."""
    return None if probability is None else round(100 * probability)


class SteadyPercent:
    """Whole percent that move only when the probability has moved by a full point.

    Plain rounding would flicker between two values while the probability rests between them.
    """

    def __init__(self, step: float = 1.0) -> None:
        self._step = step
        self._shown: int | None = None

    def update(self, probability: float | None) -> int | None:
        """The percent to show for this probability."""
        if probability is None:
            self._shown = None
        elif self._shown is None or abs(100 * probability - self._shown) >= self._step:
            self._shown = round(100 * probability)
        return self._shown
