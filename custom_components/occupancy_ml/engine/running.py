"""The running state of a home: begun from the checkpoint or anew, brought up to the present, saved."""

from __future__ import annotations

from collections.abc import Callable
import json
import logging
from typing import Any

from .adaptation.gate import load
from .adaptation.report import merits, quality
from .archive import Archive
from .clock_jumps import ClockJumps
from .events import MICROSECONDS, MINUTE_US, Event
from .features import FEATURE_NAMES, FEATURE_SET_VERSION
from .forecast.forecaster import Forecaster
from .gaps import UNHEARD_US, Gaps
from .home import Home, Role
from .localtime import LocalClock
from .occupancy.model import RoomModel
from .occupancy.predictor import Predictor
from .outlook import Outlook
from .payload import PayloadError
from .rebuilding import catch_up
from .routines import Routines
from .routines.suggestions import Suggester
from .slices import finished
from .snapshot import Snapshot
from .store import Store
from .tracker import FeatureRow, Tracker

_LOGGER = logging.getLogger(__name__)

_CHECKPOINT = "engine"
_REBUILD_DUE = "rebuild_due"
_CHECKPOINT_EVERY_US = 15 * MINUTE_US
# Two looks at the present may be out of turn by less; a clock that was set back is behind by more.
_SET_BACK_US = 10 * MICROSECONDS


class Running:
    """What of a home lives in memory, and how it comes back after a restart.

    Attributes:
        store: the file.
        home: what is watched.
        clock: the home's.
        tracker: senses, windows and filter.
        predictor: models, switches and corrections of the rooms.
        forecasts: of the rooms, of the home and of sleep.
        routines: what this home does.
        suggestions: what is proposed from it.
        needs_rebuild: whether stored events have to be replayed, since no checkpoint fitted; until that is done.
    """

    def __init__(
        self, store: Store, home: Home, now_us: int, breathe: Callable[[], None], *, durable: bool
    ) -> None:
        self.store = store
        self._breathe = breathe
        self._now_us = now_us
        self._durable = durable
        self._checkpoint_us = now_us
        self._save_due = False
        self._folded_minute = now_us // MINUTE_US
        self._archive = Archive(store)
        self._gaps = Gaps(store)
        self._clock_jumps = ClockJumps(now_us)
        self._heard: list[Event] = []  # since the last tick
        self._outlook = Outlook(store.metadata.get_us("last_clr_train_at"))
        self.needs_rebuild = self._rebuilding = False
        self._start(home, now_us)

    def _start(self, home: Home, now_us: int, *, fresh: bool = False) -> None:
        """Begin with a home: from the checkpoint where it fits, else anew."""
        self.home = home
        self.clock = LocalClock(home.time_zone)
        self._roles: dict[str, tuple[Role, str | None]] = {
            s.entity_id: (s.role, s.room_id) for s in home.sensors
        }
        self.predictor = Predictor(home)
        self.predictor.baselines = load(self.store, home)
        self.routines = Routines(self.store, home, self.clock)
        self.suggestions = Suggester(self.store, home, self.clock, self.routines.patterns)
        self._archive.forget_expected()
        self.store.features.set_names(FEATURE_SET_VERSION, FEATURE_NAMES)
        self.store.metadata.set("feature_set_version", str(FEATURE_SET_VERSION))
        for room_id, artifact in self.store.runs.artifacts_in_service().items():
            if room_id in self._room_ids and artifact.feature_set_version == FEATURE_SET_VERSION:
                try:
                    model = RoomModel.from_json(dict(artifact.payload))
                except (KeyError, TypeError, ValueError) as error:
                    _LOGGER.warning("A stored model cannot be read and is left aside: %r", error)
                    continue
                self.predictor.use(room_id, model, artifact.created_us)
        self.forecasts = Forecaster(self.store, home)
        saved = None if fresh else self._restore(home, now_us)
        self.tracker = saved or Tracker(home, now_us)
        if saved is None:
            self._hear_standing()
        if saved is None and not fresh and self.store.events.count() > 0:
            # The checkpoint of the new tracker fits the next time: only this tells that it knows nothing yet.
            self.store.metadata.set(_REBUILD_DUE, "1")
        self.needs_rebuild = self.store.metadata.get(_REBUILD_DUE) == "1"
        self._measure(now_us)

    def _hear_standing(self) -> None:
        """Let a tracker that was made anew hear what was said of the present and still stands."""
        for room_id, occupied in self.predictor.standing():
            self.tracker.filter.correct(self.tracker.layout.room_ids.index(room_id), occupied)

    def _note_rebuilt(self) -> None:
        """All that is stored counts."""
        self.store.metadata.set(_REBUILD_DUE, "0")
        self.needs_rebuild = False

    @property
    def _room_ids(self) -> list[str]:
        return [room.room_id for room in self.home.rooms]

    def _restore(self, home: Home, now_us: int) -> Tracker | None:
        """The tracker of the checkpoint, brought up to the last stored event; None where none fits."""
        saved = self.store.checkpoints.load(f"{_CHECKPOINT}.tracker")
        if saved is None or saved.time_us > now_us + UNHEARD_US:
            return None
        state = self._saved_state()
        self._restore_forecasts(state)
        try:
            tracker = Tracker.from_payload(home, saved.payload)
        except PayloadError as error:
            _LOGGER.info("The saved state does not fit: %s", error)
            # An event of a wrong year tells of nothing that lies before it.
            last_us = max(saved.time_us, self.store.events.newest_us(now_us) or 0)
            if now_us - last_us > UNHEARD_US:
                self._note_gap(last_us, now_us)
            # What was said, and when to switch, is known of each room, whatever sensors it has.
            self._restore_state(state)
            return None
        self._restore_state(state)
        catch_up(self.store, self._archive, tracker, self._roles.keys(), saved.time_us, now_us, self._breathe)
        if now_us - tracker.time_us > UNHEARD_US:
            self._note_gap(tracker.time_us, now_us)
            tracker.skip(now_us)
        return tracker

    def _follow_clock(self, now_us: int) -> None:
        """Go on to the present, or back to it, whatever the clock did since the last tick."""
        if now_us + UNHEARD_US < max(self.tracker.time_us, self.tracker.senses.latest_us):
            _LOGGER.warning("The clock went back; starting from the present")
            self._start(self.home, now_us, fresh=True)
        elif now_us - self.tracker.time_us > UNHEARD_US:
            if not self._clock_jumps.is_behind:
                self._note_gap(self.tracker.time_us, now_us)
            self.tracker.skip(now_us)
        elif self._now_us - now_us > _SET_BACK_US:
            # What came between the turn of the clock and this tick was taken for old news.
            again = [event for event in self._heard if event.time_us <= now_us]
            self.tracker.set_back(min((event.time_us for event in again), default=now_us))
            for event in again:
                self.tracker.take(event)
        self._heard.clear()
        if (to_come := self._clock_jumps.to_come(now_us)) is not None:
            self._gaps.forget_after(now_us)
            self._archive.forget(*to_come)
            self.forecasts.forget(*to_come)
        self._now_us = now_us

    def _note_gap(self, start_us: int, end_us: int) -> None:
        """Nobody listened; it is saved with the next tick, since no stored event tells of it."""
        self._gaps.note(start_us, end_us)
        self._save_due = True

    def _saved_state(self) -> Any:
        """What was saved beside the tracker; None where nothing was, or it cannot be read."""
        saved = self.store.checkpoints.load(f"{_CHECKPOINT}.state")
        try:
            return None if saved is None else json.loads(saved.payload)
        except ValueError as error:
            _LOGGER.info("The saved state cannot be read: %r", error)
            return None

    def _restore_state(self, state: Any) -> None:
        """Corrections, switches and the like, where they fit this version."""
        if state is None:
            return
        try:
            self.predictor.restore(state["predictor"])
            self._outlook.restore(state["outlook"])
            self._archive.restore(state["archive"], self._room_ids)
        except (KeyError, TypeError, ValueError) as error:
            _LOGGER.info("The saved switches and corrections do not fit: %r", error)

    def _restore_forecasts(self, state: Any) -> None:
        """Since when everything is, and what waits to be fitted: true of the rooms, whatever sensors they have."""
        if state is None:
            return
        try:
            self.forecasts.restore(state["forecasts"])
        except (KeyError, TypeError, ValueError) as error:
            _LOGGER.info("The saved forecasts do not fit: %r", error)

    def _keep(self, snapshot: Snapshot) -> None:
        """Keep what a tick made; save a checkpoint now and then, and fold the log once a minute.

        Raises:
            StoreError: subclasses; what was not kept waits for the next tick.
        """
        now_us = snapshot.time_us
        if self.store.database.damaged:  # whoever met it: a night, an export
            raise self.store.database.damage("damage was met since the file was opened")
        self._archive.keep(self.tracker.layout.room_ids, snapshot)
        self.forecasts.keep()
        if self._durable:
            if self._save_due or abs(now_us - self._checkpoint_us) >= _CHECKPOINT_EVERY_US:
                self._save()
            if now_us // MINUTE_US != self._folded_minute:
                self._folded_minute = now_us // MINUTE_US
                self.store.checkpoint()

    def _save(self) -> None:
        """Write the checkpoint: from here the engine goes on after a restart."""
        time_us = max(self._now_us, self.tracker.time_us)
        with self.store.transaction():
            # A state that has passed a window must not be saved without the window's row.
            self._archive.keep_waiting(self.tracker.layout.room_ids)
            self._gaps.save(time_us)
            self.store.checkpoints.save(f"{_CHECKPOINT}.tracker", time_us, self.tracker.to_payload())
            state = {
                "predictor": self.predictor.to_json(),
                "outlook": self._outlook.to_json(),
                "archive": self._archive.to_json(),
                "forecasts": self.forecasts.to_json(),
            }
            self.store.checkpoints.save(f"{_CHECKPOINT}.state", time_us, json.dumps(state).encode())
        self._archive.forget_rows()
        self._checkpoint_us = self._now_us
        self._save_due = False

    def _advance(self, time_us: int) -> list[FeatureRow]:
        return finished(self.tracker.advance(time_us), self._breathe)

    def _measure(self, now_us: int) -> None:
        today = self.clock.at(now_us).date()
        self._outlook.quality = quality(self.store.database.all, self._room_ids, today)
        self._outlook.merits = merits(self.store.database.all, self._room_ids, today)
