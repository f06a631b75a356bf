"""The few figures of the report card that are worth a sensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from homeassistant.components.sensor import SensorEntity, SensorEntityDescription, SensorStateClass
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import PERCENTAGE, EntityCategory, UnitOfTime

from .coordinator import Coordinator
from .engine.adaptation.report import TOO_LITTLE_SCORED
from .engine.snapshot import Merit
from .entity import RoomEntity

ATTR_BEST_RULE = "best_rule"
ATTR_REASON = "reason"
ATTR_TRUTH = "truth"
ATTR_SCORED_DAYS = "scored_days"
ATTR_BETTER_THAN = "better_than"


@dataclass(frozen=True, kw_only=True)
class MeritDescription(SensorEntityDescription):
    """A sensor that shows one figure of a room's report card."""

    value_fn: Callable[[Merit], float]
    entity_category: EntityCategory | None = EntityCategory.DIAGNOSTIC
    state_class: SensorStateClass | None = SensorStateClass.MEASUREMENT


ROOM_MERITS = (
    MeritDescription(
        key="better_than_best_rule",
        native_unit_of_measurement=PERCENTAGE,
        suggested_display_precision=0,
        value_fn=lambda merit: round(100 * merit.gain, 1),
    ),
    MeritDescription(
        key="minutes_wrong",
        native_unit_of_measurement=UnitOfTime.MINUTES,
        suggested_display_precision=0,
        entity_registry_enabled_default=False,
        value_fn=lambda merit: round(merit.minutes_wrong, 1),
    ),
)


class RoomMerit(RoomEntity, SensorEntity):
    """One figure of a room's report card over the last 14 days; unknown until something was scored."""

    entity_description: MeritDescription
    _unrecorded_attributes = frozenset({
        ATTR_REASON, ATTR_BEST_RULE, ATTR_TRUTH, ATTR_SCORED_DAYS, ATTR_BETTER_THAN
    })  # fmt: skip

    def __init__(
        self, coordinator: Coordinator, subentry: ConfigSubentry, description: MeritDescription
    ) -> None:
        super().__init__(coordinator, subentry, description.key)
        self.entity_description = description

    def _shown(self) -> tuple[Any, ...]:
        merit = self.coordinator.data.merits.get(self._room_id)
        self._attr_native_value = None if merit is None else self.entity_description.value_fn(merit)
        self._attr_extra_state_attributes = (
            {ATTR_REASON: TOO_LITTLE_SCORED}
            if merit is None
            else {
                ATTR_BEST_RULE: merit.best,
                ATTR_TRUTH: merit.truth,
                ATTR_SCORED_DAYS: round(merit.days, 1),
                ATTR_BETTER_THAN: {rival: round(100 * gain, 1) for rival, gain in merit.rivals},
            }
        )
        return (merit,)
