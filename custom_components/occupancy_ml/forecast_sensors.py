"""When rooms and the home change next, and whether they will be occupied then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.config_entries import ConfigSubentry
from homeassistant.const import PERCENTAGE

from .coordinator import Coordinator
from .engine.events import MINUTE_US
from .engine.snapshot import HOME, SLEEP, Forecast
from .entity import HomeEntity, OccupancyEntity, RoomEntity, SteadyPercent, percent
from .forecasts import NOT_MADE, change_of, intervals_of, stated_us, to_the_minute, told_in

ATTR_ALTERNATIVES = "alternatives"
ATTR_CONFIDENCE = "confidence"
ATTR_NONE = "none_within_24_hours"
ATTR_PREDICTED_TIME = "predicted_time"
ATTR_PREDICTION_INTERVAL = "prediction_interval"
ATTR_REASON = "reason"
ATTR_TIME_UNTIL = "time_until"
ATTR_TRANSITION_TYPE = "transition_type"

NOT_BETTER = "So far ahead it is no better here than the share of time the room is occupied."

# How far ahead P(occupied) is shown, in minutes, and which of them without being asked for.
HORIZONS = (5, 15, 30, 60, 120, 240)
SHOWN_HORIZONS = (30,)

# Up to so many minutes ahead, times move by so many minutes: nobody needs tomorrow's change to the minute, and
# each move is a row in the recorder.
_STEPS = ((20, 1), (60, 5), (240, 15))
_LONGEST_STEP = 30

# Attributes follow moves of so many percent, the probabilities to come moves of so many.
_ATTRIBUTES_FOLLOW = 5.0
_STATE_FOLLOWS = 2.0


@dataclass(frozen=True, kw_only=True)
class NextChangeDescription(SensorEntityDescription):
    """A change of the home.

    Attributes:
        process: what changes.
        before: whether it is in its state "occupied" until then.
        not_now: why there is no such time while it is not.
    """

    process: str
    before: bool
    not_now: str


HOME_CHANGES = (
    NextChangeDescription(key="next_departure", process=HOME, before=True, not_now="Nobody is home."),
    NextChangeDescription(key="next_arrival", process=HOME, before=False, not_now="Somebody is home."),
)
SLEEP_CHANGES = (
    NextChangeDescription(key="next_bedtime", process=SLEEP, before=False, not_now="They are asleep."),
    NextChangeDescription(key="next_wake_up", process=SLEEP, before=True, not_now="They are awake."),
)


def step_minutes(minutes: float) -> int:
    """By how many minutes a time so far ahead is moved, at the least."""
    return next((step for reach, step in _STEPS if minutes < reach), _LONGEST_STEP)


def how_sure(forecast: Forecast) -> dict[str, Any]:
    """What is told beside the stated time, to people and to automations: probabilities in percent."""
    return {
        ATTR_CONFIDENCE: percent(forecast.confidence),
        ATTR_PREDICTION_INTERVAL: intervals_of(forecast),
        ATTR_ALTERNATIVES: [
            {"time": to_the_minute(each.time_us), "probability": percent(each.probability)}
            for each in forecast.alternatives
        ],
        ATTR_NONE: percent(forecast.none_24h),
    }


class SteadyMoment:
    """A time to come that moves only when the news is worth it: by more, the further ahead it is."""

    def __init__(self) -> None:
        self._shown: datetime | None = None

    def update(self, time_us: int | None, now_us: int) -> datetime | None:
        """The time to show for this one, a full minute."""
        if time_us is None:
            self._shown = None
            return None
        moment = to_the_minute(time_us)
        step = timedelta(minutes=step_minutes((time_us - now_us) / MINUTE_US))
        shown = self._shown
        if shown is None or shown <= to_the_minute(now_us) or abs(moment - shown) >= step:
            self._shown = moment
        return self._shown


class _NextChange(OccupancyEntity, SensorEntity):
    """The median of the next change, with all that is known about it."""

    _attr_device_class = SensorDeviceClass.TIMESTAMP
    # All but the kind of change moves with every minute.
    _unrecorded_attributes = frozenset(
        {
            ATTR_ALTERNATIVES,
            ATTR_CONFIDENCE,
            ATTR_NONE,
            ATTR_PREDICTED_TIME,
            ATTR_PREDICTION_INTERVAL,
            ATTR_REASON,
            ATTR_TIME_UNTIL,
        }
    )
    _process: str

    def _prepare(self) -> None:
        self._moment = SteadyMoment()
        self._confidence = SteadyPercent(_ATTRIBUTES_FOLLOW)
        self._none = SteadyPercent(_ATTRIBUTES_FOLLOW)
        self._change: str | None = None

    def _why_not(self, forecast: Forecast | None) -> str | None:
        """Why nothing is to be shown, None where something is."""
        if forecast is None:
            return NOT_MADE
        return None if forecast.published else forecast.reason

    def _shown(self) -> tuple[Any, ...]:
        forecast = self.coordinator.data.forecasts.get(self._process)
        reason = self._why_not(forecast)
        if forecast is None or reason is not None:
            self._prepare()
            self._attr_native_value = None
            self._attr_extra_state_attributes = {ATTR_REASON: reason}
            return (reason,)
        if (change := change_of(forecast)) != self._change:
            self._prepare()
            self._change = change
        now_us = self.coordinator.data.time_us
        moment = self._moment.update(stated_us(forecast, now_us), now_us)
        until = None if moment is None else int((moment - to_the_minute(now_us)).total_seconds()) // 60
        shown = (
            change,
            moment,
            None if until is None else until // step_minutes(until),
            self._confidence.update(forecast.confidence),
            self._none.update(forecast.none_24h),
        )
        if self._written is None or shown != self._written[1:]:
            self._attr_native_value = moment
            self._attr_extra_state_attributes = {
                ATTR_TRANSITION_TYPE: change,
                ATTR_PREDICTED_TIME: moment,
                ATTR_TIME_UNTIL: until,
                **how_sure(forecast),
                ATTR_REASON: None if moment is not None else "It rather does not change within 24 hours.",
            }
        return shown


class RoomNextTransition(_NextChange, RoomEntity):
    """When a room changes next."""

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry) -> None:
        RoomEntity.__init__(self, coordinator, subentry, "next_transition")
        self._process = self._room_id
        self._prepare()


class HomeNextChange(_NextChange, HomeEntity):
    """When the home changes next in one way; unknown while it cannot."""

    entity_description: NextChangeDescription

    def __init__(self, coordinator: Coordinator, description: NextChangeDescription) -> None:
        HomeEntity.__init__(self, coordinator, description.key)
        self.entity_description = description
        self._process = description.process
        self._prepare()

    def _why_not(self, forecast: Forecast | None) -> str | None:
        if forecast is not None and forecast.occupied != self.entity_description.before:
            return self.entity_description.not_now
        return super()._why_not(forecast)


class RoomOccupiedIn(RoomEntity, SensorEntity):
    """The probability that a room will be occupied so many minutes from now, in percent."""

    _attr_native_unit_of_measurement = PERCENTAGE
    _attr_state_class = SensorStateClass.MEASUREMENT
    _attr_suggested_display_precision = 0
    _unrecorded_attributes = frozenset({ATTR_REASON})

    def __init__(self, coordinator: Coordinator, subentry: ConfigSubentry, minutes: int) -> None:
        super().__init__(coordinator, subentry, f"occupied_in_{minutes}")
        self._attr_translation_key = "occupied_in"
        self._attr_translation_placeholders = {"minutes": str(minutes)}
        self._attr_entity_registry_enabled_default = minutes in SHOWN_HORIZONS
        self._minutes = minutes
        self._percent = SteadyPercent(_STATE_FOLLOWS)

    def _shown(self) -> tuple[Any, ...]:
        forecast = self.coordinator.data.forecasts.get(self._room_id)
        chance = None if forecast is None else told_in(forecast, self._minutes)
        reason = NOT_MADE if forecast is None else forecast.reason
        if chance is None and reason is None:
            reason = NOT_BETTER
        self._attr_native_value = self._percent.update(chance)
        self._attr_extra_state_attributes = {ATTR_REASON: reason}
        return (self._attr_native_value, reason)
