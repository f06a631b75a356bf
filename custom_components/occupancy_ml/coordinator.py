"""The one crossing between the event loop and the engine: events go in, snapshots come out.

Every call of the engine goes through here, and runs on the engine's own thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
import logging
from pathlib import Path
import time
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.core import CALLBACK_TYPE, HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.event import async_track_time_interval, async_track_utc_time_change
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator, UpdateFailed
from homeassistant.util import dt as dt_util

from . import issues, marks
from .breather import Breather
from .const import CONF_RENAMES, DOMAIN
from .engine.events import to_us
from .engine.home import Home
from .engine.pipeline import Corrected, Engine, IngestResult
from .engine.renaming import rename_entity
from .engine.snapshot import Snapshot
from .engine.store import Store
from .engine.store.errors import StoreDamagedError, StoreError, StoreRejectedError
from .engine.store.hold import FileHold
from .engine_thread import EngineState, EngineThread
from .home_builder import policy_of, retention_of
from .ingest import EventBuffer, IngestCounts, LiveEvents, RawChange, convert
from .metrics import Metrics
from .store_health import StoreHealth
from .work import Work

_LOGGER = logging.getLogger(__name__)

FLUSH_INTERVAL = timedelta(seconds=5)

# One job's worth: a tenth of a second at most on a small computer.
BATCH = 2_000

# Snapshots made side by side are seconds apart at most.
_OVERTAKEN_US = 60_000_000


def now_us() -> int:
    """The present in microseconds UTC."""
    return to_us(dt_util.utcnow())


class Coordinator(DataUpdateCoordinator[Snapshot]):
    """Owns the engine of one home and publishes its snapshots."""

    config_entry: ConfigEntry[Any]

    def __init__(self, hass: HomeAssistant, entry: ConfigEntry[Any], home: Home, path: Path) -> None:
        super().__init__(hass, _LOGGER, config_entry=entry, name=DOMAIN, always_update=False)
        self.home = home
        self.path = path
        self.buffer = EventBuffer()
        self.counts = IngestCounts()
        self.store_health = StoreHealth(hass, path)
        self.metrics = Metrics()
        self.listening_since_us = 0
        self._thread = EngineThread(hass, self._open_engine)
        self._live = LiveEvents(hass, home, self.buffer, self.async_request_cycle)
        self._cycle_lock = asyncio.Lock()
        self._cycle_requested = False
        self._stop_listening: list[CALLBACK_TYPE] = []
        self._renames: list[list[str]] = list(entry.data.get(CONF_RENAMES, ()))
        self._renamed = 0
        self._work: Work | None = None
        self._restless: set[str] = set()
        self._raw: Snapshot | None = None

    # Life

    async def async_open(self) -> None:
        """Open the engine, unless it was closed before it was open.

        Raises:
            StoreError: subclasses say what a person, or time, can do about it.
        """
        async with self._cycle_lock:
            try:
                await self._thread.async_open()
            finally:
                self._forget_renames()

    def _open_engine(self) -> Engine:
        """On the engine's thread."""
        options = self.config_entry.options
        policy = policy_of(options)
        engine = Engine.open(
            self.path,
            self.home,
            now_us(),
            Breather(),
            retention=retention_of(options),
            stopwatch=lambda: time.perf_counter_ns() // 1000,
            prepare=self._prepare,
        )
        engine.suggestions.policy = policy
        return engine

    def _prepare(self, store: Store) -> None:
        """On the engine's thread, before anything is read, or of the present stored."""
        self._rename(store)
        marks.note_start(store)

    def _rename(self, store: Store) -> None:
        """On the engine's thread: let history, and how far it was read, follow renamed entities.

        Where that fails, all of them wait for the next time: the home must not hang on a name.
        """
        if not self._renames:
            return
        try:
            with store.transaction():
                progress = marks.load(store)
                for old, new in self._renames:
                    rename_entity(store, old, new, now_us())
                    progress.rename(old, new)
                marks.save(store, progress)
        except Exception:
            _LOGGER.exception(
                "The history of renamed entities cannot follow them now; the next start tries again"
            )
        else:
            self._renamed = len(self._renames)

    @callback
    def _forget_renames(self) -> None:
        """Those that are done; others may have come meanwhile."""
        if self._renamed:
            entry = self.config_entry
            data = {**entry.data, CONF_RENAMES: entry.data[CONF_RENAMES][self._renamed :]}
            self._renamed = 0
            self.hass.config_entries.async_update_entry(
                entry, data={key: value for key, value in data.items() if value}
            )

    @property
    def engine(self) -> Engine:
        """The engine, to be called inside `run` only.

        Raises:
            HomeAssistantError: the entry is not loaded.
        """
        return self._thread.engine

    @property
    def closed(self) -> bool:
        """Whether the engine takes no more calls."""
        return self._thread.state is EngineState.CLOSED

    @property
    def _running(self) -> bool:
        """Whether something new may begin."""
        return self._thread.state is EngineState.RUNNING

    @callback
    def async_listen(self) -> None:
        """Start to listen and to keep time."""
        self.listening_since_us = now_us()
        self._stop_listening = [
            self._live.async_start(),
            async_track_time_interval(
                self.hass, self._on_flush_time, FLUSH_INTERVAL, cancel_on_shutdown=True
            ),
            async_track_utc_time_change(self.hass, self._async_minute, second=0),
        ]
        self._live.async_read_present()

    @callback
    def async_stop_listening(self) -> None:
        """Stop to listen and to keep time; what is buffered stays for `async_close`."""
        self._thread.async_stop()
        for remove in self._stop_listening:
            remove()
        self._stop_listening.clear()

    async def async_close(self) -> None:
        """Store what is buffered and close the engine. Safe to repeat."""
        self.async_stop_listening()
        self.buffer.release()
        try:
            async with self._cycle_lock:
                if self.closed:
                    return
                await self._async_store_buffer()
                await self._async_try(self._thread.async_close())
        finally:
            await self._thread.async_end()
        if self.buffer:
            _LOGGER.warning("%d events could not be stored before closing", len(self.buffer))

    async def _async_try(self, step: Awaitable[None]) -> None:
        """A step of closing; one that fails must not keep the others from running."""
        try:
            await step
        except StoreError as error:
            _LOGGER.warning("The store could not be closed as it should: %s", error)

    async def async_hold_file(self) -> FileHold:
        """Store what is buffered, then keep the main file as it is until the hold is released.

        Raises:
            HomeAssistantError: the entry is not loaded.
            StoreError: another program holds the file, or it cannot be used.
        """
        async with self._cycle_lock:
            await self._async_store_buffer()
            return await self.run(self.engine.store.hold)

    # Calls of the engine

    async def run[T](self, job: Callable[..., T], *args: Any) -> T:
        """Run one call of the engine on its thread, when its turn comes; see `EngineThread.run`.

        Raises:
            HomeAssistantError: the engine was closed.
        """
        return await self._thread.run(job, *args)

    async def async_run_slices[T](self, begin: Callable[[], Iterator[T]], step: Callable[[T], None]) -> None:
        """Run long work of the engine slice by slice; see `EngineThread.async_run_slices`."""
        await self._thread.async_run_slices(begin, step)

    async def async_correct(self, correct: Callable[[Engine, int], Corrected]) -> int:
        """Let a person's word count and show what is believed then; the number of the label.

        Args:
            correct: given the engine and the present, on the engine's thread.

        Raises:
            HomeAssistantError: the entry is not loaded, or the store refuses.
        """
        try:
            corrected = await self.run(lambda: correct(self.engine, now_us()))
        except StoreError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="store_error",
                translation_placeholders={"error": str(error)},
            ) from error
        self.async_publish(corrected.snapshot)
        return corrected.label_id

    # Events in, snapshots out

    @callback
    def async_request_cycle(self) -> None:
        """Store and predict soon; requests until it begins are one."""
        if not self._cycle_requested and self._running:
            self._cycle_requested = True
            # Not now: this runs inside the event callback, which must stay short, and a task costs the most of it.
            self.hass.loop.call_soon(self._begin_cycle)

    @callback
    def _begin_cycle(self) -> None:
        if self._running:
            self.config_entry.async_create_task(
                self.hass, self._async_cycle(), f"{DOMAIN} cycle", eager_start=False
            )

    @callback
    def _on_flush_time(self, _now: datetime) -> None:
        # A clock that was set back would keep the timer of the minutes waiting until it is there again.
        behind = self._raw is not None and abs(now_us() - self._raw.time_us) > 2 * _OVERTAKEN_US
        if self.buffer or behind:
            self.async_request_cycle()

    async def _async_minute(self, _now: datetime) -> None:
        self.buffer.release()
        self._note_restless()
        await self._async_cycle()

    async def _async_cycle(self) -> None:
        """Store what is buffered, let time pass in the engine, publish what it then believes."""
        async with self._cycle_lock:
            self._cycle_requested = False
            if not self._running:
                return
            stored = await self._async_store_buffer()
            try:
                snapshot = await self.run(self._predict, stored)
            except StoreError as error:
                self._note_failure(error)
                if self.store_health.is_failing:
                    self.async_set_update_error(error)
                return
            except Exception as error:
                _LOGGER.exception("The engine failed")
                self.async_set_update_error(error)
                return
            if (unsaved := self.engine.unsaved) is not None:
                self._note_failure(unsaved)
            elif stored:
                self.store_health.async_note_success(len(self.buffer))
            self.async_publish(snapshot)

    async def _async_update_data(self) -> Snapshot:
        """Read the present at set-up, and on request."""
        async with self._cycle_lock:
            await self._async_store_buffer()
            try:
                self._raw = await self.run(self.metrics.timed_tick, self.engine, now_us())
            except StoreError as error:
                raise UpdateFailed(
                    translation_domain=DOMAIN,
                    translation_key=issues.store_issue_of(error),
                    translation_placeholders={"path": str(self.path), "error": str(error)},
                ) from error
            return self._with_work(self._raw)

    async def _async_store_buffer(self) -> bool:
        """Store the buffer in batches; False where the store refuses, and the events stay buffered."""
        while taken := self.buffer.take(BATCH):
            try:
                result = await self.run(self._ingest, taken)
            except asyncio.CancelledError:
                # What was stored all the same is recognised the second time.
                self.buffer.put_back(taken)
                raise
            except StoreError as error:
                if not isinstance(error, StoreRejectedError):
                    self.buffer.put_back(taken)
                    self._note_failure(error)
                    return False
                _LOGGER.error("%d events were refused: %s", len(taken), error)
                self.counts.rejected += len(taken)
            except Exception:
                # The same data would fail again: holding on to it would block all that follows.
                _LOGGER.exception("%d events could not be taken in", len(taken))
                self.counts.rejected += len(taken)
            else:
                self.counts.accepted += result.accepted
                self.counts.duplicates += result.duplicates
                self.counts.rejected += result.rejected
        return True

    def _predict(self, stored: bool) -> Snapshot:
        """On the engine's thread: let time pass; what cannot be stored counts all the same."""
        if not stored:
            self.engine.hear([convert(raw) for raw in self.buffer.newest(BATCH)])
        return self.metrics.timed_tick(self.engine, now_us())

    def _ingest(self, taken: list[RawChange]) -> IngestResult:
        """On the engine's thread: convert and store."""
        return self.metrics.timed_ingest(self.engine, [convert(raw) for raw in taken])

    @callback
    def async_publish(self, snapshot: Snapshot) -> None:
        """Show a snapshot, unless a later one is shown already."""
        # One that is much older comes from a clock that was set back: then it is the present.
        if self._raw is None or not 0 < self._raw.time_us - snapshot.time_us < _OVERTAKEN_US:
            self._raw = snapshot
            self.async_set_updated_data(self._with_work(snapshot))

    @callback
    def async_show_work(self, work: Work | None) -> None:
        """Show long work in the learning status, None when it is over."""
        if work != self._work:
            self._work = work
            if self._raw is not None and self.last_update_success:
                self.async_set_updated_data(self._with_work(self._raw))

    def _with_work(self, snapshot: Snapshot) -> Snapshot:
        if self.store_health.is_failing:
            return self.store_health.shown_in(snapshot)
        return snapshot if self._work is None else self._work.shown_in(snapshot)

    # Trouble

    @callback
    def _note_restless(self) -> None:
        """Name, once each, the entities that change too often to be kept whole."""
        for entity_id in self.buffer.thinned:
            if entity_id not in self._restless:
                self._restless.add(entity_id)
                _LOGGER.warning("%s changes so often that only a part of it is kept", entity_id)

    @callback
    def _note_failure(self, error: StoreError) -> None:
        if isinstance(error, StoreDamagedError) and self._running:
            # Opening the file again sets it aside and starts a fresh one.
            _LOGGER.error("The store is damaged and will be set aside: %s", error)
            self.async_stop_listening()
            self.hass.config_entries.async_schedule_reload(self.config_entry.entry_id)
            return
        self.store_health.async_note_failure(error)
