"""Triggers: a change is expected, a probability has crossed a limit, a routine has changed.

That a room is occupied or vacant now is what Home Assistant's own triggers tell of the occupancy entities.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from homeassistant.const import ATTR_ENTITY_ID, CONF_OPTIONS, CONF_TARGET
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.dispatcher import async_dispatcher_connect
from homeassistant.helpers.trigger import (
    Trigger,
    TriggerActionRunner,
    TriggerConfig,
    TriggerNotTriggeredReporter,
)
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .automation_targets import (
    CONF_AHEAD,
    CONF_PROBABILITY,
    CONF_WITHIN,
    EXPECTED_OPTIONS,
    RANGE_OPTIONS,
    SIGNAL_SNAPSHOT,
    Crossing,
    TargetProcesses,
    Validated,
    async_present,
    chance_of_becoming,
    changes_of,
    has_a_limit,
    limits,
    news_of,
    probability_of,
    with_target,
)
from .engine.events import from_us
from .engine.snapshot import SLEEP, RoutineChange, Snapshot
from .forecast_sensors import ATTR_PREDICTED_TIME, ATTR_TIME_UNTIL, ATTR_TRANSITION_TYPE, how_sure
from .forecasts import change_of, kind_of, minutes_until, stated_us


class _SnapshotTrigger(Validated, Trigger):
    """Looks at every snapshot, at each process that is meant."""

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._target = config.target
        self._options: Mapping[str, Any] = config.options or {}

    @abstractmethod
    def _news(self, snapshot: Snapshot, process: str) -> list[dict[str, Any]]:
        """What the action is told, each time the trigger fires."""

    async def async_attach_runner(
        self, run_action: TriggerActionRunner, did_not_trigger: TriggerNotTriggeredReporter | None = None
    ) -> CALLBACK_TYPE:
        """Look at every snapshot from now on."""
        entities: dict[str, str | None] = {SLEEP: None}
        removers: list[CALLBACK_TYPE] = []
        targets = None
        if self._target is not None:
            targets = TargetProcesses(self._hass, self._target)
            removers.append(await targets.async_setup())

        @callback
        def look(snapshot: Snapshot) -> None:
            for process, entity_id in (entities if targets is None else targets.entities).items():
                shown = {} if entity_id is None else {ATTR_ENTITY_ID: entity_id}
                for news in self._news(snapshot, process):
                    run_action(shown | news, f"{entity_id or 'sleep'} {self._describe()}")

        if (present := async_present(self._hass)) is not None:
            # What holds already is no news: the first look never fires.
            look(present)
        removers.append(async_dispatcher_connect(self._hass, SIGNAL_SNAPSHOT, look))

        @callback
        def remove() -> None:
            for remover in removers:
                remover()

        return remove

    @abstractmethod
    def _describe(self) -> str:
        """What happened, for the trace."""


class _CrossingTrigger(_SnapshotTrigger):
    """Fires where a chance enters a range."""

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._crossings: dict[str, Crossing] = {}

    @abstractmethod
    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        """P of what is waited for, None where it is not known."""

    def _news(self, snapshot: Snapshot, process: str) -> list[dict[str, Any]]:
        if process not in self._crossings:
            self._crossings[process] = Crossing(*limits(self._options))
        chance = self._chance(snapshot, process)
        if chance is None or not self._crossings[process].update(chance):
            return []
        told: dict[str, Any] = {CONF_PROBABILITY: round(100 * chance, 1), ATTR_PREDICTED_TIME: None}
        forecast = snapshot.forecasts.get(process)
        if forecast is None or not forecast.published:
            return [told]
        stated = stated_us(forecast, snapshot.time_us)
        told |= {
            ATTR_TRANSITION_TYPE: change_of(forecast),
            ATTR_PREDICTED_TIME: None if stated is None else from_us(stated),
            ATTR_TIME_UNTIL: minutes_until(stated, snapshot.time_us),
            **how_sure(forecast),
        }
        return [told]


class _ExpectedTrigger(_CrossingTrigger):
    """A change to `wanted` is expected within a span, with at least so much probability."""

    schema = with_target(EXPECTED_OPTIONS)
    wanted: ClassVar[bool]
    word: ClassVar[str]

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return chance_of_becoming(snapshot, process, self.wanted, self._options[CONF_WITHIN], already=0.0)

    def _describe(self) -> str:
        return f"expected {self.word} within {self._options[CONF_WITHIN]}"


class ExpectedOccupied(_ExpectedTrigger):
    """A room is expected to become occupied, or somebody to come home."""

    wanted, word = True, "occupied"


class ExpectedVacant(_ExpectedTrigger):
    """A room is expected to become vacant, or the last to leave the home."""

    wanted, word = False, "vacant"


class _ExpectedSleepTrigger(_ExpectedTrigger):
    """The same of sleep, which has no target."""

    schema = vol.Schema({vol.Required(CONF_OPTIONS): EXPECTED_OPTIONS})


class ExpectedAsleep(_ExpectedSleepTrigger):
    """Bedtime is expected."""

    wanted, word = True, "asleep"


class ExpectedAwake(_ExpectedSleepTrigger):
    """Waking up is expected."""

    wanted, word = False, "awake"


class ProbabilityCrossed(_CrossingTrigger):
    """The probability of occupancy, now or to come, has entered a range."""

    schema = with_target(vol.All(RANGE_OPTIONS, has_a_limit))

    def _chance(self, snapshot: Snapshot, process: str) -> float | None:
        return probability_of(snapshot, process, self._options[CONF_AHEAD])

    def _describe(self) -> str:
        return "probability crossed"


class RoutineChanged(_SnapshotTrigger):
    """It was noticed that a routine is not what it was."""

    schema = vol.Schema({vol.Required(CONF_TARGET): cv.TARGET_FIELDS, vol.Optional(CONF_OPTIONS): {}})

    def __init__(self, hass: HomeAssistant, config: TriggerConfig) -> None:
        super().__init__(hass, config)
        self._seen: dict[str, list[RoutineChange]] = {}

    def _news(self, snapshot: Snapshot, process: str) -> list[dict[str, Any]]:
        found = changes_of(snapshot, process)
        seen = self._seen.setdefault(process, list(found))
        news = news_of(found, seen)
        seen.extend(news)
        return [_told(change) for change in news]

    def _describe(self) -> str:
        return "routine changed"


def _told(change: RoutineChange) -> dict[str, Any]:
    """What actions are told of a change."""
    noticed = dt_util.as_local(from_us(change.noticed_us)).date()
    return {
        "kind": kind_of(change.process),
        "found_by": change.found_by.value,
        "changed_on": noticed.isoformat(),
        "since": change.since,
        "why": list(change.why),
    }


TRIGGERS: dict[str, type[Trigger]] = {
    "expected_occupied": ExpectedOccupied,
    "expected_vacant": ExpectedVacant,
    "expected_asleep": ExpectedAsleep,
    "expected_awake": ExpectedAwake,
    "probability_crossed": ProbabilityCrossed,
    "routine_changed": RoutineChanged,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """The triggers by name."""
    return TRIGGERS
