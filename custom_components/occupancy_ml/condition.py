"""Conditions: a change is expected, a state is expected to stay, a probability is within a range, a routine changed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Unpack

from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.condition import Condition, ConditionCheckParams, ConditionConfig
from homeassistant.helpers.dispatcher import async_dispatcher_connect
import voluptuous as vol

from .automation_targets import (
    CONF_AHEAD,
    CONF_WITHIN,
    EXPECTED_OPTIONS,
    RANGE_OPTIONS,
    SIGNAL_SNAPSHOT,
    TargetProcesses,
    Validated,
    async_present,
    chance_of_becoming,
    chance_of_staying,
    changes_of,
    has_a_limit,
    limits,
    probability_of,
    with_target,
)
from .engine.snapshot import Snapshot

CONF_BEHAVIOR = "behavior"
ANY, ALL = "any", "all"

_BEHAVIOR = {vol.Required(CONF_BEHAVIOR, default=ANY): vol.In((ANY, ALL))}


class _SnapshotCondition(Validated, Condition):
    """Asks the last snapshot about each process that is meant."""

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._options: Mapping[str, Any] = config.options or {}
        self._targets = TargetProcesses(hass, config.target or {})
        self._stop: CALLBACK_TYPE | None = None

    async def _async_setup(self) -> None:
        self._stop = await self._targets.async_setup()

    def _async_unload(self) -> None:
        if self._stop is not None:
            self._stop()
            self._stop = None

    @property
    def needs_polling(self) -> bool:
        """Nothing changes between snapshots."""
        return False

    async def _async_track_changes(self, action: Callable[[], None]) -> CALLBACK_TYPE:
        @callback
        def look(_snapshot: Snapshot) -> None:
            action()

        return async_dispatcher_connect(self._hass, SIGNAL_SNAPSHOT, look)

    @abstractmethod
    def _holds(self, snapshot: Snapshot, process: str) -> bool:
        """Whether it holds for a process."""

    def _async_check(self, **kwargs: Unpack[ConditionCheckParams]) -> bool:
        snapshot = async_present(self._hass)
        if snapshot is None:
            return False
        holds = [self._holds(snapshot, process) for process in self._targets.entities]
        return bool(holds) and (any if self._options[CONF_BEHAVIOR] == ANY else all)(holds)


class _ChanceCondition(_SnapshotCondition):
    """Holds where a chance, in [0, 1], lies in a range; what is not known does not hold."""

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._above, self._below = limits(self._options)

    @abstractmethod
    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        """P of what is waited for, None where it is not known."""

    def _holds(self, snapshot: Snapshot, process: str) -> bool:
        chance = self._chance(snapshot, process)
        return chance is not None and self._above <= chance <= self._below


class _SpanCondition(_ChanceCondition):
    """On a span from now, with at least so much probability."""

    schema = with_target(_BEHAVIOR | EXPECTED_OPTIONS)

    def __init__(self, hass: HomeAssistant, config: ConditionConfig) -> None:
        super().__init__(hass, config)
        self._within: timedelta = self._options[CONF_WITHIN]


class IsExpectedOccupied(_SpanCondition):
    """Occupied now, or expected to be within the span."""

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return chance_of_becoming(snapshot, process, True, self._within, already=1.0)


class IsExpectedVacant(_SpanCondition):
    """Vacant now, or expected to be within the span."""

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return chance_of_becoming(snapshot, process, False, self._within, already=1.0)


class StaysOccupied(_SpanCondition):
    """Occupied, and expected to stay so for the span."""

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return chance_of_staying(snapshot, process, True, self._within)


class StaysVacant(_SpanCondition):
    """Vacant, and expected to stay so for the span."""

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return chance_of_staying(snapshot, process, False, self._within)


class Probability(_ChanceCondition):
    """The probability of occupancy, now or to come, is above, below or between limits."""

    schema = with_target(vol.All(_BEHAVIOR | RANGE_OPTIONS, has_a_limit))

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return probability_of(snapshot, process, self._options[CONF_AHEAD])


class RoutineChangedLately(_SnapshotCondition):
    """It was noticed lately that a routine is not what it was."""

    schema = with_target(_BEHAVIOR | {vol.Required(CONF_WITHIN): cv.positive_time_period})

    def _holds(self, snapshot: Snapshot, process: str) -> bool:
        since_us = snapshot.time_us - self._options[CONF_WITHIN] // timedelta(microseconds=1)
        # What was noticed while the clock was ahead is still to come.
        return any(
            since_us <= change.noticed_us <= snapshot.time_us for change in changes_of(snapshot, process)
        )


CONDITIONS: dict[str, type[Condition]] = {
    "is_expected_occupied": IsExpectedOccupied,
    "is_expected_vacant": IsExpectedVacant,
    "probability": Probability,
    "routine_changed_lately": RoutineChangedLately,
    "stays_occupied": StaysOccupied,
    "stays_vacant": StaysVacant,
}


async def async_get_conditions(hass: HomeAssistant) -> dict[str, type[Condition]]:
    """The conditions by name."""
    return CONDITIONS
