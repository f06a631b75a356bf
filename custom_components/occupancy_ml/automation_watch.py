"""Watches the automations made here: whether what they did was put right by hand soon after."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from homeassistant.const import ATTR_ENTITY_ID, STATE_ON, STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, Event, EventStateChangedData, HassJob, HomeAssistant, callback
from homeassistant.helpers.event import async_call_later, async_track_state_change_event

from .ingest import EVENT_AUTOMATION_TRIGGERED, EVENT_SCRIPT_STARTED

# Whoever did not want it puts it right within minutes; later there may be any reason.
CORRECTED_WITHIN = timedelta(minutes=10)

# Of the last so many firings so many were put right: it is turned off.
LOOKED_AT, TOO_MANY = 5, 3
_CONTEXTS_KEPT = 256
_ON_THE_WAY = frozenset({"arming", "buffering", "closing", "locking", "opening", "pending", "unlocking"})


@dataclass(frozen=True, slots=True)
class Watched:
    """An automation to watch: its suggestion, what it moves, and the state it brings about."""

    suggestion_id: int
    entity_id: str
    state: str


class AutomationWatch:
    """Tells how each firing ended.

    Args:
        tell: called with the suggestion's number, and whether a hand put right what was done.
        turned_on: called when one that was turned off for that is on again.
    """

    def __init__(
        self, hass: HomeAssistant, tell: Callable[[int, bool], None], turned_on: Callable[[], None]
    ) -> None:
        self._hass = hass
        self._tell = tell
        self._turned_on = turned_on
        self._stop_disabled: CALLBACK_TYPE | None = None
        self._watched: dict[str, Watched] = {}
        self._running: dict[int, CALLBACK_TYPE] = {}
        self._contexts: OrderedDict[str, None] = OrderedDict()

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Listen; returns what ends it."""
        removers = [
            self._hass.bus.async_listen(EVENT_AUTOMATION_TRIGGERED, self._on_automation),
            self._hass.bus.async_listen(EVENT_SCRIPT_STARTED, self._on_automation),
        ]

        @callback
        def stop() -> None:
            for remove in (*removers, *self._running.values()):
                remove()
            self._running.clear()
            self._forget_disabled()

        return stop

    @callback
    def async_watch(self, automations: dict[str, Watched], disabled: Iterable[str]) -> None:
        """Watch these automations from now on, by their entity, and whether the disabled ones are turned on again."""
        self._watched = automations
        self._forget_disabled()
        self._stop_disabled = async_track_state_change_event(self._hass, disabled, self._on_disabled)

    @callback
    def _forget_disabled(self) -> None:
        if self._stop_disabled is not None:
            self._stop_disabled()
            self._stop_disabled = None

    @callback
    def _on_disabled(self, event: Event[EventStateChangedData]) -> None:
        new = event.data["new_state"]
        if new is not None and new.state == STATE_ON:
            self._turned_on()

    @callback
    def _on_automation(self, event: Event) -> None:
        self._contexts[event.context.id] = None
        if len(self._contexts) > _CONTEXTS_KEPT:
            self._contexts.popitem(last=False)
        watched = self._watched.get(event.data.get(ATTR_ENTITY_ID, ""))
        if watched is not None and watched.suggestion_id not in self._running:
            self._begin(watched, event.context.id)

    @callback
    def _begin(self, watched: Watched, context_id: str) -> None:
        moved = reached = False

        @callback
        def end(corrected: bool) -> None:
            self._running.pop(watched.suggestion_id)()
            # What never came about can be neither kept nor put right.
            if reached:
                self._tell(watched.suggestion_id, corrected)

        @callback
        def on_state(event: Event[EventStateChangedData]) -> None:
            nonlocal moved, reached
            new, old = event.data["new_state"], event.data["old_state"]
            if new is None or old is None or new.state in (old.state, STATE_UNAVAILABLE, STATE_UNKNOWN):
                return
            # It may be edited to act on something else: what others do with this one is no concern of its then.
            is_ours = context_id in (event.context.id, event.context.parent_id)
            # What takes long forgets on the way who began it.
            arrives = moved and old.state in _ON_THE_WAY
            moved = moved or is_ours
            if new.state == watched.state and (is_ours or arrives):
                reached = True
            elif old.state == watched.state and reached and self._by_hand(event):
                end(True)

        @callback
        def on_time(_now: datetime) -> None:
            end(False)

        stop_states = async_track_state_change_event(self._hass, watched.entity_id, on_state)
        stop_time = async_call_later(self._hass, CORRECTED_WITHIN, HassJob(on_time, cancel_on_shutdown=True))

        @callback
        def stop() -> None:
            stop_states()
            stop_time()

        self._running[watched.suggestion_id] = stop

    @callback
    def _by_hand(self, event: Event[EventStateChangedData]) -> bool:
        """Not by an automation or a script: those have a parent, or a context of their own that was announced."""
        context = event.context
        if context.user_id is not None:
            return True
        return context.parent_id is None and context.id not in self._contexts


def is_too_often(outcomes: str) -> bool:
    """Whether so many of the last firings were put right that it should not go on."""
    return outcomes[-LOOKED_AT:].count("c") >= TOO_MANY
