"""Follows the helpers and the sensor in which people tell of their sleep, and hands them to the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import CALLBACK_TYPE, CoreState, Event, EventStateChangedData, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.event import (
    async_call_later,
    async_track_point_in_utc_time,
    async_track_state_change_event,
)
from homeassistant.helpers.start import async_at_started

from . import issues
from .const import CONF_SLEEP, CONF_SLEEP_END, CONF_SLEEP_SENSOR, CONF_SLEEP_START, DOMAIN
from .coordinator import Coordinator, now_us
from .engine.events import from_us, to_us
from .engine.labels.sleep import HelperState, SleepProblem, SleepReading
from .engine.store.errors import StoreError
from .registries import missing_among

_LOGGER = logging.getLogger(__name__)

_RETRY = timedelta(minutes=1)
# While the store refuses. What people change comes to a handful a day.
_MOST_WAITING = 500

type Job = Callable[[], SleepReading | None]


class LabelCapture:
    """Listens, and stores in the order in which things were told; what the store refuses is tried again."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator) -> None:
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        sleep = entry.options.get(CONF_SLEEP, {})
        self._start: str | None = sleep.get(CONF_SLEEP_START)
        self._end: str | None = sleep.get(CONF_SLEEP_END)
        self._sensor: str | None = sleep.get(CONF_SLEEP_SENSOR)
        self._watched = [e for e in (self._start, self._end, self._sensor) if e]
        self._jobs: deque[Job] = deque(maxlen=_MOST_WAITING)
        self._working = False
        self._stopped = False
        self._cancel_due: CALLBACK_TYPE | None = None
        self._cancel_retry: CALLBACK_TYPE | None = None

    @callback
    def async_start(self) -> CALLBACK_TYPE:
        """Start to listen; returns what ends it."""
        watched = self._watched
        if not watched:
            issues.async_clear(self._hass, issues.SLEEP_MISSING)
            return lambda: None
        removers = [
            async_track_state_change_event(self._hass, watched, self._on_state),
            self._hass.bus.async_listen(er.EVENT_ENTITY_REGISTRY_UPDATED, self._on_registry),
            async_at_started(self._hass, self._on_started),
        ]

        @callback
        def stop() -> None:
            self._stopped = True
            for remove in (*removers, self._cancel_due, self._cancel_retry):
                if remove is not None:
                    remove()

        return stop

    @callback
    def _on_started(self, _hass: HomeAssistant) -> None:
        """What was told while nobody listened."""
        self._check_missing()
        self._read_helpers(None)
        if self._sensor and (state := self._hass.states.get(self._sensor)) is not None:
            self._push(partial(self._sensed, state.state, to_us(state.last_changed)))

    @callback
    def _on_state(self, event: Event[EventStateChangedData]) -> None:
        new, old = event.data["new_state"], event.data["old_state"]
        if new is None or old is None:
            self._check_missing()
        if new is not None and old is not None and new.state == old.state:
            return  # only attributes changed
        if event.data["entity_id"] == self._sensor:
            state = STATE_UNAVAILABLE if new is None else new.state
            self._push(partial(self._sensed, state, to_us(event.time_fired)))
        else:
            self._read_helpers(event.context.user_id)

    @callback
    def _read_helpers(self, who: str | None) -> None:
        if self._start and self._end:
            start, end = self._told(self._start), self._told(self._end)
            self._push(partial(self._helpers_told, start, end, who))

    def _told(self, entity_id: str) -> HelperState | None:
        state = self._hass.states.get(entity_id)
        if state is None or state.state in (STATE_UNAVAILABLE, STATE_UNKNOWN):
            return None
        return HelperState(state.state, to_us(state.last_changed))

    @callback
    def _check_missing(self) -> None:
        """Ask for entities that were deleted, once Home Assistant has had the time to make them."""
        if self._hass.state is not CoreState.running:
            return
        if gone := missing_among(self._hass, self._watched):
            issues.async_raise_sleep_missing(self._hass, gone)
        else:
            issues.async_clear(self._hass, issues.SLEEP_MISSING)

    @callback
    def _on_registry(self, event: Event[er.EventEntityRegistryUpdatedData]) -> None:
        if event.data["action"] != "update" and event.data["entity_id"] in self._watched:
            self._check_missing()

    # In the executor

    def _helpers_told(
        self, start: HelperState | None, end: HelperState | None, who: str | None
    ) -> SleepReading:
        return self._coordinator.engine.sleep_told(start, end, now_us(), who)

    def _sensed(self, state: str, time_us: int) -> None:
        self._coordinator.engine.sleep_sensed(state, time_us, now_us())

    # One at a time

    @callback
    def _push(self, job: Job) -> None:
        self._jobs.append(job)
        self._work()

    @callback
    def _work(self, _now: datetime | None = None) -> None:
        if not self._working and not self._stopped:
            self._working = True
            self._entry.async_create_task(
                self._hass, self._async_work(), f"{DOMAIN} labels", eager_start=False
            )

    async def _async_work(self) -> None:
        try:
            while self._jobs and not self._stopped:
                reading = await self._coordinator.run(self._jobs[0])
                self._jobs.popleft()
                if reading is not None:
                    self._note(reading)
        except StoreError as error:
            _LOGGER.warning("What was told of sleep cannot be stored now and is tried again: %s", error)
            if not self._stopped:
                self._cancel_retry = async_call_later(self._hass, _RETRY, self._work)
        except HomeAssistantError:
            # The home is being unloaded; the next start reads the helpers again.
            self._jobs.clear()
        finally:
            self._working = False

    @callback
    def _note(self, reading: SleepReading) -> None:
        """A night that is still to end is read again when it ends."""
        if self._cancel_due is not None:
            self._cancel_due()
            self._cancel_due = None
        if reading.problem is SleepProblem.NOT_OVER and reading.end_us is not None and not self._stopped:
            self._cancel_due = async_track_point_in_utc_time(
                self._hass, self._on_due, from_us(reading.end_us)
            )

    @callback
    def _on_due(self, _now: datetime) -> None:
        self._cancel_due = None
        self._read_helpers(None)
