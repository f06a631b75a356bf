"""What triggers and conditions share: which rooms are meant, what is known of them, when a value enters a range."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, cast

from homeassistant.const import CONF_ABOVE, CONF_BELOW, CONF_OPTIONS, CONF_TARGET, Platform
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import config_validation as cv, entity_registry as er
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.target import TargetEntityChangeTracker, TargetSelection
from homeassistant.helpers.typing import ConfigType
import voluptuous as vol

from .const import DOMAIN
from .coordinator import Coordinator
from .engine.routine_changes import is_same
from .engine.snapshot import HOME, SLEEP, RoutineChange, Snapshot
from .forecast_sensors import HORIZONS
from .forecasts import chance_of_change, told_in

CONF_AHEAD = "ahead"
CONF_PROBABILITY = "probability"
CONF_WITHIN = "within"

SIGNAL_SNAPSHOT = f"{DOMAIN}_snapshot"

# A chance that trembles around a limit is one crossing, until it has been so far on the other side.
REARM = 0.05

HOME_ENTITY = "home_anyone_home"


def _at_most_a_day(value: timedelta) -> timedelta:
    if not timedelta() < value <= timedelta(hours=24):
        raise vol.Invalid("forecasts reach from now to 24 hours ahead")
    return value


_PERCENT = vol.All(vol.Coerce(float), vol.Range(min=0, max=100))
EXPECTED_OPTIONS = {
    vol.Required(CONF_WITHIN): vol.All(cv.positive_time_period, _at_most_a_day),
    vol.Required(CONF_PROBABILITY, default=70): vol.All(_PERCENT, vol.Range(min=1)),
}
RANGE_OPTIONS = {
    vol.Optional(CONF_ABOVE): _PERCENT,
    vol.Optional(CONF_BELOW): _PERCENT,
    vol.Optional(CONF_AHEAD, default=0): vol.All(vol.Coerce(int), vol.In((0, *HORIZONS))),
}


class Validated:
    """A trigger or condition whose target and options one schema describes."""

    schema: ClassVar[vol.Schema]

    @classmethod
    async def async_validate_config(cls, hass: HomeAssistant, config: ConfigType) -> ConfigType:
        """Validate the target and the options."""
        return cast(ConfigType, cls.schema(config))


def limits(options: Mapping[str, Any]) -> tuple[float, float]:
    """The range, in [0, 1], in which the options want a chance to lie: at least so much, or between two ends."""
    lower = options.get(CONF_PROBABILITY, options.get(CONF_ABOVE, 0.0))
    return lower / 100, options.get(CONF_BELOW, 100.0) / 100


def has_a_limit(options: dict[str, Any]) -> dict[str, Any]:
    """Refuse a range without ends, or with ends that leave nothing between them.

    Raises:
        vol.Invalid: saying which.
    """
    if CONF_ABOVE not in options and CONF_BELOW not in options:
        raise vol.Invalid("give above, below, or both")
    if options.get(CONF_ABOVE, 0.0) >= options.get(CONF_BELOW, 100.0):
        raise vol.Invalid("above must be less than below, and both between 0 and 100")
    return options


def with_target(options: object) -> vol.Schema:
    """The schema of a trigger or condition on rooms or the home."""
    return vol.Schema({vol.Required(CONF_TARGET): cv.TARGET_FIELDS, vol.Required(CONF_OPTIONS): options})


@callback
def async_send_snapshots(hass: HomeAssistant, coordinator: Coordinator) -> Callable[[], None]:
    """Tell triggers and conditions of every snapshot; they outlive a reload, a coordinator does not."""

    @callback
    def send() -> None:
        if coordinator.last_update_success:
            async_dispatcher_send(hass, SIGNAL_SNAPSHOT, coordinator.data)

    return coordinator.async_add_listener(send)


@callback
def async_present(hass: HomeAssistant) -> Snapshot | None:
    """The last snapshot, None while none can be trusted."""
    for entry in hass.config_entries.async_loaded_entries(DOMAIN):
        coordinator: Coordinator = entry.runtime_data.coordinator
        if coordinator.last_update_success:
            return coordinator.data
    return None


class TargetProcesses(TargetEntityChangeTracker):
    """The processes a target means, followed through changes of areas, floors and labels.

    A room is meant by its occupancy entity, the home by "anyone home".

    Attributes:
        entities: entity id by process.
    """

    def __init__(self, hass: HomeAssistant, target: Mapping[str, Any]) -> None:
        super().__init__(hass, TargetSelection(dict(target)), self._ours)
        self._processes: dict[str, str] = {}
        self.entities: dict[str, str] = {}

    def _ours(self, entity_ids: set[str]) -> set[str]:
        registry = er.async_get(self._hass)
        self._processes = {}
        for entity_id in entity_ids:
            entry = registry.async_get(entity_id)
            if entry is None or (entry.platform, entry.domain) != (DOMAIN, Platform.BINARY_SENSOR):
                continue
            if entry.unique_id == HOME_ENTITY:
                self._processes[entity_id] = HOME
            else:
                room = entry.unique_id.removeprefix("room_").removesuffix("_occupancy")
                self._processes[entity_id] = room
        return set(self._processes)

    @callback
    def _handle_entities_update(self, tracked_entities: set[str]) -> None:
        self.entities = {self._processes[entity_id]: entity_id for entity_id in sorted(tracked_entities)}


class Crossing:
    """Says once that a value entered a range; again only after it was clearly outside.

    Args:
        above: the lower end, in [0, 1].
        below: the upper end.
    """

    def __init__(self, above: float, below: float) -> None:
        self._above, self._below = above, below
        # Halved near 0 and 1: it must be possible to be outside.
        self._rearm_below = above - min(REARM, above / 2)
        self._rearm_above = below + min(REARM, (1 - below) / 2)
        self._armed: bool | None = None

    def update(self, value: float | None) -> bool:
        """Whether the value has entered; None says nothing, and the first value cannot have entered."""
        if value is None:
            return False
        inside = self._above <= value <= self._below
        if inside:
            entered = self._armed is True
            self._armed = False
            return entered
        if self._armed is None or value < self._rearm_below or value > self._rearm_above:
            self._armed = True
        return False


def chance_of_becoming(
    snapshot: Snapshot, process: str, wanted: bool, within: timedelta, already: float
) -> float | None:
    """P(a process comes into a state within a span), None where it is not in it and no forecast is published.

    Args:
        snapshot: the present.
        process: a room, `HOME` or `SLEEP`.
        wanted: the state it is to come into.
        within: from now.
        already: the answer while it is in that state.
    """
    forecast = snapshot.forecasts.get(process)
    occupied = _shown(snapshot, process) if forecast is None else forecast.occupied
    if occupied == wanted:
        return already
    if forecast is None or not forecast.published:
        return None
    return chance_of_change(forecast, within.total_seconds() / 60, snapshot.time_us)


def _shown(snapshot: Snapshot, process: str) -> bool | None:
    """The state a room or the home is shown in, None where it is not known."""
    shown = snapshot.home if process == HOME else snapshot.rooms.get(process)
    return None if shown is None else shown.occupied


def chance_of_staying(snapshot: Snapshot, process: str, wanted: bool, within: timedelta) -> float | None:
    """P(a process stays in a state for a span), 0 where it is not in it; see `chance_of_becoming`."""
    change = chance_of_becoming(snapshot, process, not wanted, within, already=1.0)
    return None if change is None else 1 - change


def changes_of(snapshot: Snapshot, process: str) -> list[RoutineChange]:
    """The changes of routine that were announced of a room, or of the home, by when they were noticed."""
    # Sleep has no entity of its own to be meant by.
    meant = (HOME, SLEEP) if process == HOME else (process,)
    return [change for change in snapshot.routine_changes if change.process in meant]


def news_of(changes: Iterable[RoutineChange], told: Sequence[RoutineChange]) -> list[RoutineChange]:
    """Those that were not told yet; that the days confirm what forecasts noticed, with a date of theirs, is no news."""
    return [
        change
        for change in changes
        if not any(change.noticed_us == before.noticed_us and is_same(change, before) for before in told)
    ]


def probability_of(snapshot: Snapshot, process: str, ahead: int) -> float | None:
    """P(a process is in its state "occupied"), now or so many minutes ahead; None where it is not known."""
    if ahead:
        forecast = snapshot.forecasts.get(process)
        return None if forecast is None else told_in(forecast, ahead)
    if process == HOME:
        return snapshot.home.probability
    room = snapshot.rooms.get(process)
    return None if room is None else room.probability
