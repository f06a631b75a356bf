"""Live events: one callback on the event loop and a bounded buffer behind it.

The callback looks an entity up and appends what Home Assistant hands over. Everything that costs time
(reading times exactly, choosing attributes) happens in `convert`, in an executor job.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from homeassistant.const import STATE_ON
from homeassistant.core import (
    CALLBACK_TYPE,
    Event as HassEvent,
    EventStateChangedData,
    HassJobType,
    HomeAssistant,
    State,
    callback,
)
from homeassistant.helpers.event import async_track_state_change_event

from .engine.chatter import RateGuard
from .engine.events import NO_STATE, Cause, Event, Origin, to_us
from .engine.home import Home, Role

# Fired with the context that all the automation's or script's own changes will carry. Named here, since
# importing the two integrations for a word would load both.
EVENT_AUTOMATION_TRIGGERED = "automation_triggered"
EVENT_SCRIPT_STARTED = "script_started"

# At ten events a second this bridges more than an hour of a locked file, in some 40 MB.
BUFFER_LIMIT = 50_000

# A person in the room shows in these first; they must not wait for the next regular flush.
_URGENT_ROLES = frozenset({Role.MOTION, Role.PRESENCE})

# Contexts of automations and scripts that ran lately: enough for an hour of a busy home.
_CONTEXTS_KEPT = 512

# What routines ask beyond the state. Attributes ride along with a change of state and are never a reason
# for an event: a dimmed lamp or a song's progress would bury the changes that mean something.
DECLARED_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "climate": ("temperature", "hvac_action", "preset_mode"),
    "cover": ("current_position",),
    "fan": ("percentage",),
    "humidifier": ("humidity",),
    "light": ("brightness",),
    "media_player": ("media_content_type",),
}


class RawChange(NamedTuple):
    """What the callback keeps: objects Home Assistant made anyway."""

    state: State
    previous: str | None
    by_automation: bool
    removed: HassEvent[EventStateChangedData] | None = None


def cause_of(*, state: str, previous: str | None, user: bool, parent: bool, by_automation: bool) -> Cause:
    """Who caused a change of state, as far as its context tells.

    A user in the context pressed something himself, also by way of a script. A parent context, or the
    context of an automation or script itself, is automation: those started by the clock or the sun have no
    parent, so their own contexts are remembered. With neither, the device reported on its own: a sensor, or
    a hand on a wall switch. An entity that (re)appears, or says the same again, tells how things are, not
    that somebody acted.
    """
    if previous is None or previous in NO_STATE or previous == state:
        return Cause.UNKNOWN
    if user:
        return Cause.PERSON
    if parent or by_automation:
        return Cause.AUTOMATION
    return Cause.DEVICE


def declared_attributes(
    entity_id: str, attributes: Mapping[str, Any]
) -> dict[str, str | float | int | bool] | None:
    """The attributes kept for an entity, None where there are none."""
    if (names := DECLARED_ATTRIBUTES.get(entity_id.partition(".")[0])) is None:
        return None
    kept: dict[str, str | float | int | bool] = {}
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str):
            kept[name] = str(value)  # an enumeration's member becomes its plain value
        elif isinstance(value, (bool, int, float)):
            kept[name] = value
    return kept or None


def convert(raw: RawChange) -> Event:
    """One raw change as the engine's event."""
    state = raw.state
    if raw.removed is not None:
        # The recorder keeps a removal at the time it was fired, with an empty state.
        return Event(to_us(raw.removed.time_fired), state.entity_id, "", raw.previous)
    context = state.context
    return Event(
        # Where only attributes have changed since, the state's own change is the event.
        to_us(state.last_changed),
        state.entity_id,
        state.state,
        raw.previous,
        Origin.LIVE,
        cause_of(
            state=state.state,
            previous=raw.previous,
            user=context.user_id is not None,
            parent=context.parent_id is not None,
            by_automation=raw.by_automation,
        ),
        declared_attributes(state.entity_id, state.attributes),
    )


@dataclass(slots=True)
class IngestCounts:
    """What became of all live events since set-up."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0


class EventBuffer:
    """A bounded queue of raw changes: oldest first, and the oldest go when it is full.

    An entity that will not be still is thinned out first (`RateGuard`): it would push out all the others.
    """

    def __init__(self, limit: int = BUFFER_LIMIT) -> None:
        self._queue: deque[RawChange] = deque(maxlen=limit)
        self._limit = limit
        self._guard: RateGuard[RawChange] = RateGuard()
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def left_out(self) -> int:
        """How many changes of restless entities were left out."""
        return self._guard.left_out

    @property
    def thinned(self) -> list[str]:
        """Entities that are being thinned out."""
        return self._guard.thinned

    def append(self, raw: RawChange) -> None:
        """Add one change; a full buffer loses its oldest, counted in `dropped`."""
        state = raw.state
        for kept in self._guard.offer(state.entity_id, int(state.last_updated_timestamp // 60), raw):
            self._push(kept)

    def release(self) -> None:
        """At the end of a minute: add the last change of each entity that is being thinned out."""
        for raw in self._guard.release():
            self._push(raw)

    def newest(self, limit: int) -> list[RawChange]:
        """Up to `limit` of the newest changes, oldest first, which stay."""
        found = list(islice(reversed(self._queue), limit))
        found.reverse()
        return found

    def _push(self, raw: RawChange) -> None:
        if len(self._queue) == self._limit:
            self.dropped += 1
        self._queue.append(raw)

    def take(self, limit: int) -> list[RawChange]:
        """Remove and return up to `limit` changes, oldest first."""
        queue = self._queue
        return [queue.popleft() for _ in range(min(limit, len(queue)))]

    def put_back(self, taken: list[RawChange]) -> None:
        """Return what could not be stored to the front; what no longer fits is dropped and counted."""
        room = self._limit - len(self._queue)
        if (excess := len(taken) - room) > 0:
            self.dropped += excess
            taken = taken[excess:]
        self._queue.extendleft(reversed(taken))


class LiveEvents:
    """Listens to the watched entities and fills the buffer.

    Home Assistant routes `state_changed` by entity id through one table shared by all integrations, so an
    entity that nobody watches costs nothing more than it costs anyway.

    Args:
        home: which entities to watch, and in which role.
        buffer: where changes go.
        urgent: called when someone has shown up and the buffer should not wait.
    """

    def __init__(
        self, hass: HomeAssistant, home: Home, buffer: EventBuffer, urgent: Callable[[], None]
    ) -> None:
        self._hass = hass
        self._entity_ids = tuple(sensor.entity_id for sensor in home.sensors)
        self._urgent_ids = frozenset(s.entity_id for s in home.sensors if s.role in _URGENT_ROLES)
        self._append = buffer.append
        self._urgent = urgent
        self._automations: OrderedDict[str, None] = OrderedDict()

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start listening; returns what ends it."""
        listeners = [
            async_track_state_change_event(
                self._hass, self._entity_ids, self._on_state, job_type=HassJobType.Callback
            ),
            self._hass.bus.async_listen(EVENT_AUTOMATION_TRIGGERED, self._on_automation),
            self._hass.bus.async_listen(EVENT_SCRIPT_STARTED, self._on_automation),
        ]

        @callback
        def stop() -> None:
            for remove in listeners:
                remove()

        return stop

    @callback
    def async_read_present(self, entity_ids: Iterable[str] | None = None) -> None:
        """Queue the states as they are: what changed before listening began, under its own time."""
        for entity_id in entity_ids or self._entity_ids:
            if (state := self._hass.states.get(entity_id)) is not None:
                self._append(RawChange(state, None, by_automation=False))

    @callback
    def _on_state(self, event: HassEvent[EventStateChangedData]) -> None:
        data = event.data
        new, old = data["new_state"], data["old_state"]
        previous = None if old is None else old.state
        if new is None:
            if old is not None:
                self._append(RawChange(old, previous, by_automation=False, removed=event))
            return
        if new.last_changed != new.last_updated:
            return  # only attributes changed
        self._append(RawChange(new, previous, new.context.id in self._automations))
        if new.state == STATE_ON and data["entity_id"] in self._urgent_ids:
            self._urgent()

    @callback
    def _on_automation(self, event: HassEvent[Any]) -> None:
        self._automations[event.context.id] = None
        if len(self._automations) > _CONTEXTS_KEPT:
            self._automations.popitem(last=False)
