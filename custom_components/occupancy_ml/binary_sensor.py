"""Rooms occupied or vacant, and whether anyone is home."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from homeassistant.components.binary_sensor import BinarySensorDeviceClass, BinarySensorEntity
from homeassistant.config_entries import ConfigSubentry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.util import dt as dt_util

from .const import SUBENTRY_ROOM
from .coordinator import Coordinator
from .engine.events import MINUTE_US, from_us
from .engine.snapshot import Reason, RoomState
from .entity import HomeEntity, RoomEntity, SteadyPercent, area_names, percent
from .runtime import OccupancyConfigEntry

PARALLEL_UPDATES = 0

ATTR_AS_OF = "as_of"
ATTR_PROBABILITY = "probability"
ATTR_REASONS = "reasons"
ATTR_SOURCE = "source"
ATTR_MODEL_TRAINED = "model_trained"
ATTR_WHY_UNKNOWN = "why_unknown"

# Every write of attributes is a row in the recorder, and the probability sensor records each point already:
# here they follow larger moves only.
_ATTRIBUTES_FOLLOW = 5.0
# Reasons move every minute. What a person reads first is written anew where it is no longer so: at most so often,
# and a moment that is told by the clock stays until a later one is so much later.
_REASONS_EVERY_US = 5 * MINUTE_US
_LATER_US = 10 * MINUTE_US
_READ_FIRST = 3


async def async_setup_entry(
    hass: HomeAssistant, entry: OccupancyConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the binary sensors of the home and its rooms."""
    coordinator = entry.runtime_data.coordinator
    async_add_entities([AnyoneHome(coordinator)])
    for subentry in entry.get_subentries_of_type(SUBENTRY_ROOM):
        async_add_entities([RoomOccupancy(coordinator, subentry)], config_subentry_id=subentry.subentry_id)


class RoomOccupancy(RoomEntity, BinarySensorEntity):
    """Whether a room is occupied, with hysteresis, and why."""

    _attr_device_class = BinarySensorDeviceClass.OCCUPANCY
    # The device's main entity bears its name.
    _attr_name = None
    _unrecorded_attributes = frozenset(
        {ATTR_AS_OF, ATTR_PROBABILITY, ATTR_REASONS, ATTR_SOURCE, ATTR_MODEL_TRAINED, ATTR_WHY_UNKNOWN}
    )

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry) -> None:
        super().__init__(coordinator, subentry, "occupancy")
        self._percent = SteadyPercent(_ATTRIBUTES_FOLLOW)
        self._as_of_us = 0
        self._told: tuple[Reason, ...] = ()

    def _shown(self) -> tuple[Any, ...]:
        room, now_us = self._room, self.coordinator.data.time_us
        trained = _moment(room.trained_at_us)
        shown = (
            room.occupied,
            room.source,
            trained,
            room.unknown_reason,
            self._percent.update(room.probability),
        )
        if self._written is None or shown != self._written[1:-1] or self._has_stale_reasons(room, now_us):
            self._as_of_us, self._told = now_us, room.reasons[:_READ_FIRST]
            self._attr_is_on = room.occupied
            self._attr_extra_state_attributes = {
                ATTR_PROBABILITY: percent(room.probability),
                ATTR_REASONS: self._reasons(room),
                ATTR_AS_OF: from_us(now_us),
                ATTR_SOURCE: room.source.value,
                ATTR_MODEL_TRAINED: trained,
                ATTR_WHY_UNKNOWN: room.unknown_reason,
            }
        return (*shown, self._as_of_us)

    def _has_stale_reasons(self, room: RoomState, now_us: int) -> bool:
        """Whether what was written is no longer so, and is old enough to be written again."""
        first = room.reasons[:_READ_FIRST]
        if 0 <= now_us - self._as_of_us < _REASONS_EVERY_US:
            return False
        if [(r.text, r.room_id) for r in first] != [(r.text, r.room_id) for r in self._told]:
            return True
        pairs = zip(first, self._told, strict=True)
        return any((new.time_us or 0) - (old.time_us or 0) >= _LATER_US for new, old in pairs)

    def _reasons(self, room: RoomState) -> list[str]:
        """In words; moments by the clock, since the attributes are not written again every minute."""
        names = area_names(self.coordinator.hass)
        today = dt_util.now().date()

        def when(time_us: int) -> str:
            local = dt_util.as_local(from_us(time_us))
            return f"at {local:%H:%M}" if local.date() == today else f"on {local:%Y-%m-%d} at {local:%H:%M}"

        return [reason.words(names, when) for reason in room.reasons]


class AnyoneHome(HomeEntity, BinarySensorEntity):
    """Whether anyone is home."""

    _attr_device_class = BinarySensorDeviceClass.PRESENCE
    _unrecorded_attributes = frozenset({ATTR_PROBABILITY})

    def __init__(self, coordinator: Coordinator) -> None:
        super().__init__(coordinator, "anyone_home")
        self._percent = SteadyPercent(_ATTRIBUTES_FOLLOW)

    def _shown(self) -> tuple[Any, ...]:
        home = self._home
        shown = self._percent.update(home.probability)
        self._attr_is_on = home.occupied
        self._attr_extra_state_attributes = {ATTR_PROBABILITY: shown}
        return (home.occupied, shown)


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else from_us(time_us)
