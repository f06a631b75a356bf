"""Shows sensors that are not believed for now as repairs, one each, and those that are new as one."""

from __future__ import annotations

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.util import dt as dt_util

from . import issues
from .coordinator import Coordinator
from .engine.events import from_us
from .engine.snapshot import SensorFault


class FaultReporter:
    """Follows the snapshots."""

    def __init__(self, hass: HomeAssistant, coordinator: Coordinator) -> None:
        self._hass = hass
        self._coordinator = coordinator
        self._told: list[tuple[SensorFault, bool]] | None = None
        self._new: tuple[str, ...] | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Tell what is known, and follow; returns what ends it."""
        self._on_snapshot()
        return self._coordinator.async_add_listener(self._on_snapshot)

    @callback
    def _on_snapshot(self) -> None:
        data = self._coordinator.data
        # A home that changed begins anew: until its past is replayed, nobody knows how its sensors are.
        if data.catching_up:
            return
        if data.new_sensors != self._new:
            self._new = data.new_sensors
            issues.async_tell_new_sensors(
                self._hass, [f"{self._name_of(each)} ({each})" for each in data.new_sensors]
            )
        faults = data.faults
        told = [(each, issues.is_disabled(self._hass, each.entity_id)) for each in faults]
        if told == self._told:
            return
        self._told = told
        issues.async_clear_sensor_faults(self._hass, [(each.entity_id, each.fault) for each in faults])
        for each in faults:
            issues.async_raise_sensor_fault(
                self._hass,
                each.entity_id,
                self._name_of(each.entity_id),
                each.fault,
                f"{dt_util.as_local(from_us(each.since_us)):%Y-%m-%d %H:%M}",
            )

    def _name_of(self, entity_id: str) -> str:
        state = self._hass.states.get(entity_id)
        return entity_id if state is None else state.name
