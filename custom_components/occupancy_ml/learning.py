"""Long work in the background: reading history, replaying it, training at night and on request.

One such work runs at a time, in slices between which events and minutes pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
import logging
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers.dispatcher import async_dispatcher_send
from homeassistant.helpers.event import async_track_utc_time_change
from homeassistant.helpers.start import async_at_started
from homeassistant.util import dt as dt_util

from . import history, issues, marks as marks_module, training_notices
from .const import CONF_NIGHT_HOUR, DEFAULT_NIGHT_HOUR, DOMAIN, SIGNAL_NIGHT_OVER
from .coordinator import BATCH, Coordinator, now_us
from .engine.events import Event, from_us
from .engine.pipeline import Engine, IngestResult, Step, TrainingReport
from .engine.snapshot import Learning
from .engine.store import StoreError
from .marks import Marks
from .night_hour import night_due
from .night_lines import Known, log_forecasts, log_night, log_training
from .work import Work

_LOGGER = logging.getLogger(__name__)

# Shares of the first set-up in its progress: reading, replaying, training.
_READ_SHARE, _REPLAY_SHARE = 0.4, 0.4

# A recorder that migrates takes minutes, seldom hours; one that failed to is never ready.
_READY_WITHIN_S = 600.0

# Of looking for routines in the past, the share before suggestions are tested.
_BACKFILL_SHARE = 0.8

# The engine's steps in plain words.
_STEPS = {
    "labels": "Looking back at who was where.",
    "training": "Training the rooms.",
    "changepoints": "Looking for changes.",
    "scores": "Scoring what was predicted.",
    "routine_changes": "Looking for changes of routine.",
    "forecasts": "Learning when rooms and the home change.",
    "routines": "Looking for routines.",
    "switches": "Learning when to switch.",
    "suggestions": "Testing suggestions on the past.",
    "maintenance": "Tidying up.",
}

# A restart misses something in a few minutes, which no minute of now depends on; it is stored, that is all.
# More mean that Home Assistant ran without us, and the hours in between are worth replaying. Events are not
# counted: one sensor that never rests has hundreds in a restart.
_WORTH_A_REPLAY = 15


def _are_forecasts_of_another_home(engine: Engine) -> bool:
    """Whether what was learned of some process is of a home with other rooms, or by other members.

    A room that is added again finds its own as it was, which says nothing of the others.
    """
    waiting = {process for process, each in engine.forecasts.learner.learned.items() if not each.ready}
    return bool(waiting) and not waiting.isdisjoint(engine.store.forecasts.models())


class Learner:
    """Runs the long work of one home."""

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator) -> None:
        self._hass = hass
        self._entry = entry
        self._coordinator = coordinator
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._remove: list[CALLBACK_TYPE] = []
        self._marks = Marks()
        self._begun = False

    @property
    def is_busy(self) -> bool:
        """Whether long work is running, or the first of it waits for Home Assistant to start."""
        return self._busy.locked() or not self._begun

    @callback
    def async_start(self) -> None:
        """Begin with what is due, once Home Assistant has started, and keep the night's time."""
        self._remove = [
            async_at_started(self._hass, self._on_started),
            async_track_utc_time_change(self._hass, self._on_minute, second=30),
        ]

    async def async_stop(self) -> None:
        """Stop between two slices. Safe to repeat."""
        for remove in self._remove:
            remove()
        self._remove.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _spawn[T](self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = self._entry.async_create_background_task(self._hass, work, f"{DOMAIN} {name}")
        if not task.done():
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return task

    # At the start

    async def _on_started(self, _hass: HomeAssistant) -> None:
        self._spawn(self._async_begin(), "history")

    async def _async_begin(self) -> None:
        """Do what is due; the recorder's history joins when the recorder answers, which it may never do."""
        ready = asyncio.ensure_future(history.async_wait_ready(self._hass))
        try:
            await asyncio.wait([ready], timeout=_READY_WITHIN_S)
            if not ready.done():
                _LOGGER.warning("The recorder is not ready; learning goes on without its history until it is")
                await self._async_catch_up(with_history=False)
                await ready
        finally:
            ready.cancel()
        await self._async_catch_up(with_history=True)

    async def _async_catch_up(self, *, with_history: bool) -> None:
        """Read the history that is missing, replay it where needed, train for the first time."""
        coordinator = self._coordinator
        async with self._busy:
            try:
                self._marks = await coordinator.run(lambda: marks_module.load(coordinator.engine.store))
                new = await self._async_try_history() if with_history else None
                await coordinator.run(coordinator.engine.take_in_judges, now_us())
                if self._marks.replay_due or coordinator.engine.needs_rebuild:
                    await self._async_replay(0.0 if new is None else _READ_SHARE, _REPLAY_SHARE)
                if not self._marks.trained_once:
                    await self._async_night("first_setup")
                elif new:
                    await self._async_night("new_sensors")
                elif await coordinator.run(_are_forecasts_of_another_home, coordinator.engine):
                    await self._async_night("changed_home")
            except StoreError as error:
                _LOGGER.warning("History cannot be stored now; the next start tries again: %s", error)
            except HomeAssistantError as error:
                _LOGGER.warning("Learning stopped early: %s", error)
            finally:
                self._begun = True
                coordinator.async_show_work(None)

    async def _async_try_history(self) -> bool | None:
        """As `_async_read_history`; None too where the recorder cannot be read, which keeps nothing else waiting."""
        try:
            return await self._async_read_history()
        except history.HistoryError as error:
            _LOGGER.warning("The recorder's history cannot be read now; next start tries again: %s", error)
            return None

    async def _async_read_history(self) -> bool | None:
        """Read what the recorder has and the store has not.

        Returns:
            Whether sensors were read for the first time; None where there was nothing to read at all.
        """
        coordinator, marks = self._coordinator, self._marks
        watched = [sensor.entity_id for sensor in coordinator.home.sensors]
        present_us = now_us()
        oldest_us = await history.async_oldest_us(self._hass)
        if oldest_us is None:
            oldest_us = present_us
        starts = marks.starts(watched, max(oldest_us, present_us - history.HORIZON_US))
        unread = [entity_id for entity_id in watched if entity_id not in marks.complete]
        chunks = history.plan(starts, present_us)
        if not chunks:
            return None
        missed: set[int] = set()
        for number, chunk in enumerate(chunks):
            if unread:
                self._show(
                    Learning.IMPORTING, _READ_SHARE * number / len(chunks), "Reading the recorder's history."
                )
            events = await history.async_read(self._hass, chunk)
            accepted = await self._async_store(events)
            missed |= marks.missed(events, coordinator.listening_since_us)
            marks.replay_due |= accepted > 0 if unread else len(missed) > _WORTH_A_REPLAY
            marks.advance(chunk.entity_ids, chunk.end_us)
            await self._async_save_marks()
        marks.finish(watched)
        await self._async_save_marks()
        return bool(unread)

    async def _async_store(self, events: Sequence[Event]) -> int:
        """Store events of the past, for a replay to take in; how many were new."""
        coordinator = self._coordinator
        accepted = 0
        for first in range(0, len(events), BATCH):
            batch = events[first : first + BATCH]
            accepted += (await coordinator.run(coordinator.engine.import_events, batch)).accepted
        return accepted

    async def _async_replay(self, done: float, share: float) -> None:
        """Replay what is stored into features."""
        engine = self._coordinator.engine

        @callback
        def step(progress: float) -> None:
            self._show(Learning.IMPORTING, done + share * progress, "Replaying the history.")

        await self._coordinator.async_run_slices(partial(engine.rebuild, now_us()), step)
        self._marks.replay_due = False
        await self._async_save_marks()

    async def _async_save_marks(self) -> None:
        coordinator = self._coordinator
        await coordinator.run(lambda: marks_module.save(coordinator.engine.store, self._marks))

    @callback
    def _show(self, learning: Learning | None, progress: float, reason: str) -> None:
        # In whole percent: each step is shown to all entities.
        self._coordinator.async_show_work(Work(learning, round(progress, 2), reason))

    # CSV

    async def async_import(self, batches: AsyncIterable[Sequence[Event]]) -> IngestResult:
        """Store events from outside and replay all that is stored.

        Raises:
            ServiceValidationError: other long work is running.
            HomeAssistantError: the entry is unloaded, or the store fails, meanwhile.
        """
        return await self._async_request(self._async_import(batches), "import")

    async def _async_import(self, batches: AsyncIterable[Sequence[Event]]) -> IngestResult:
        accepted = duplicates = rejected = 0
        async with self._busy:
            try:
                async for batch in batches:
                    result = await self._coordinator.run(self._coordinator.engine.import_events, batch)
                    accepted += result.accepted
                    duplicates += result.duplicates
                    rejected += result.rejected
                    if result.accepted and not self._marks.replay_due:
                        self._marks.replay_due = True
                        await self._async_save_marks()
                if self._marks.replay_due:
                    await self._async_replay(0.0, 1.0)
            finally:
                self._coordinator.async_show_work(None)
        self._coordinator.async_request_cycle()
        return IngestResult(accepted, duplicates, rejected)

    # Training

    async def async_train(self, cause: str, rooms: Sequence[str] | None = None) -> TrainingReport:
        """Run the night's work now.

        Args:
            cause: why, as the run records keep it.
            rooms: area ids of the rooms to train, None for all.

        Raises:
            ServiceValidationError: other long work is running.
            HomeAssistantError: it failed, or the entry is unloaded meanwhile.
        """
        return await self._async_request(self._async_train(cause, rooms), "training")

    async def async_backfill_routines(self, days: int) -> int:
        """Look for routines in the last days again, as far as they are stored, then for suggestions.

        Returns:
            How many patterns are known now.

        Raises:
            ServiceValidationError: other long work is running.
            HomeAssistantError: the store fails, or the entry is unloaded meanwhile.
        """
        return await self._async_request(self._async_backfill_routines(days), "routines")

    async def _async_backfill_routines(self, days: int) -> int:
        coordinator = self._coordinator

        def step(begin: float, end: float, text: str) -> Callable[[float], None]:
            @callback
            def show(share: float) -> None:
                self._show(None, begin + (end - begin) * share, text)

            return show

        async with self._busy:
            try:
                await coordinator.async_run_slices(
                    lambda: coordinator.engine.routines.backfill(days, now_us()),
                    step(0.0, _BACKFILL_SHARE, _STEPS["routines"]),
                )
                await coordinator.async_run_slices(
                    lambda: coordinator.engine.suggestions.night(now_us()),
                    step(_BACKFILL_SHARE, 1.0, _STEPS["suggestions"]),
                )
                found = await coordinator.run(coordinator.engine.routines.patterns)
            finally:
                coordinator.async_show_work(None)
        async_dispatcher_send(self._hass, SIGNAL_NIGHT_OVER)
        return len(found)

    async def _async_request[T](self, work: Coroutine[Any, Any, T], name: str) -> T:
        """Run requested work as the entry's own, so that it stops with the entry, and wait for it."""
        if self.is_busy:
            work.close()
            raise ServiceValidationError(translation_domain=DOMAIN, translation_key="busy")
        task = self._spawn(work, name)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise HomeAssistantError(translation_domain=DOMAIN, translation_key="stopped") from None
            raise
        except StoreError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="store_error",
                translation_placeholders={"error": str(error)},
            ) from error

    async def _async_train(self, cause: str, rooms: Sequence[str] | None) -> TrainingReport:
        async with self._busy:
            try:
                return await self._async_night(cause, rooms)
            finally:
                self._coordinator.async_show_work(None)

    async def _async_night(self, cause: str, rooms: Sequence[str] | None = None) -> TrainingReport:
        coordinator, marks = self._coordinator, self._marks
        engine = coordinator.engine
        # The first training is the last part of the set-up's progress.
        base = 0.0 if marks.trained_once else _READ_SHARE + _REPLAY_SHARE
        learning = None if marks.trained_once else Learning.LEARNING

        @callback
        def show(step: Step) -> None:
            self._show(learning, base + (1.0 - base) * step.progress, _STEPS.get(step.name, "Finishing."))

        before = await coordinator.run(Known.of, engine)
        try:
            await coordinator.async_run_slices(
                partial(engine.night, now_us(), cause=cause, rooms=rooms), show
            )
            report: TrainingReport = await coordinator.run(engine.training_report)
        except StoreError:
            raise
        except Exception as error:
            _LOGGER.exception("Training failed")
            issues.async_raise_training_failed(self._hass, (), str(error))
            # Tried again on request or next night, not every minute of this one.
            await self._async_note_night(rooms)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="training_failed",
                translation_placeholders={"error": str(error)},
            ) from error
        readiness = await coordinator.run(engine.readiness, now_us())
        training_notices.async_tell(self._hass, coordinator.path, report, readiness)
        log_training(coordinator.home, report, cause, rooms)
        log_forecasts(coordinator.home, before, await coordinator.run(Known.of, engine))
        log_night(coordinator.home, cause, readiness)
        await self._async_note_night(rooms)
        coordinator.async_request_cycle()
        async_dispatcher_send(self._hass, SIGNAL_NIGHT_OVER)
        return report

    async def _async_note_night(self, rooms: Sequence[str] | None) -> None:
        self._marks.trained_once = True
        if rooms is None:
            self._marks.night_us = now_us()
        await self._async_save_marks()

    @callback
    def _on_minute(self, now: datetime) -> None:
        """Begin the night when it is due and nothing else runs."""
        if self.is_busy:
            return
        last = self._marks.night_us
        hour = int(self._entry.options.get(CONF_NIGHT_HOUR, DEFAULT_NIGHT_HOUR))
        zone = dt_util.get_default_time_zone()
        if night_due(now, zone, hour, None if last is None else from_us(last)):
            self._spawn(self._async_scheduled(), "night")

    async def _async_scheduled(self) -> None:
        try:
            await self._async_train("schedule", None)
        except (HomeAssistantError, StoreError) as error:
            _LOGGER.warning("The night's work ended early and will be tried again: %s", error)
