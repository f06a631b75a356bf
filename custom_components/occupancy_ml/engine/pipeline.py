"""The engine's facade: what a host calls. Calls come one at a time, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
import json
import logging
from pathlib import Path

from .archive import Archive, Told
from .events import DAY_US, MINUTE_US, Event
from .features import FEATURE_NAMES, FEATURE_SET_VERSION, WINDOW_US
from .home import Home, Role
from .localtime import LocalClock
from .night import Night, Step
from .occupancy.model import RoomModel
from .occupancy.predictor import Predictor
from .occupancy.training import RoomReport
from .outlook import Outlook
from .payload import PayloadError
from .scoring import quality
from .snapshot import Snapshot
from .store import Store
from .store.labels import Label, LabelSource
from .tracker import FeatureRow, Tracker

__all__ = ["Engine", "IngestResult", "Step", "TrainingReport"]

_LOGGER = logging.getLogger(__name__)

_CHECKPOINT = "engine"
_CHECKPOINT_EVERY_US = 15 * MINUTE_US
# No tick for so long: nobody listened. An event or a clock so far ahead of the last tick: the clock is wrong.
_UNHEARD_US = 15 * MINUTE_US
_AHEAD_US = 2 * MINUTE_US
# A person who corrects the recent past speaks of the present too.
_PRESENT_US = 5 * MINUTE_US
_CORRECTION_WEIGHT = 6.0
_REBUILD_EVENTS = 200
_REBUILD_ROWS = 24


@dataclass(frozen=True, slots=True)
class IngestResult:
    """How many events were new, known already, or not of this home."""

    accepted: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The last training: when (None: never), and by room what came of it."""

    time_us: int | None
    rooms: Mapping[str, RoomReport]


class Engine:
    """One home: its store, its running state, its models."""

    def __init__(
        self, store: Store, home: Home, now_us: int, breathe: Callable[[], None], *, durable: bool
    ) -> None:
        """Use `Engine.open`."""
        self.store = store
        self._breathe = breathe
        self._durable = durable
        self._now_us = now_us
        self._checkpoint_us = now_us
        self._folded_minute = now_us // MINUTE_US
        self._archive = Archive(store)
        self._reports: dict[str, RoomReport] = {}
        self._outlook = Outlook(store.metadata.get_us("last_clr_train_at"))
        self.needs_rebuild = False
        self._start(home, now_us)

    @classmethod
    def open(
        cls,
        path: Path,
        home: Home,
        now_us: int,
        breathe: Callable[[], None] | None = None,
        *,
        durable: bool = True,
    ) -> Engine:
        """Open the file and go on where the engine stopped.

        Args:
            path: the SQLite file.
            home: what is watched.
            now_us: the time.
            breathe: called often in long work, to let other threads run.
            durable: False leaves out what guards against a power cut, for files that can be made again.

        Raises:
            StoreError: subclasses, see `Store.open`.
        """
        store = Store.open(path, now_us)
        try:
            return cls(store, home, now_us, breathe or (lambda: None), durable=durable)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Save the running state and close the file. Safe to repeat."""
        if self.store.is_open:
            try:
                self._save()
            finally:
                self.store.close()

    def reconfigure(self, home: Home, now_us: int) -> None:
        """Rooms or sensors changed. What was learned of rooms that stay is kept; `rebuild` is due."""
        self._now_us = now_us
        self._start(home, now_us)

    def rename_entity(self, old: str, new: str) -> None:
        """An entity has another id now; its history goes on under it."""
        self.store.events.rename(old, new)

    def ingest(self, events: Sequence[Event]) -> IngestResult:
        """Store live events in one transaction, then let them move the state. Any order; duplicates are ignored.

        Raises:
            StoreError: subclasses; nothing was taken in and the call may be repeated.
        """
        result = self.import_events(events)
        rows: list[FeatureRow] = []
        watched = self._roles.keys()
        for event in sorted(events, key=lambda e: (e.time_us, e.entity_id)):
            if event.entity_id in watched:
                rows += self._advance(min(event.time_us, self._now_us + _AHEAD_US))
                self.tracker.take(event)
        self._archive.keep_rows(self.tracker.layout.room_ids, rows)
        return result

    def import_events(self, events: Sequence[Event]) -> IngestResult:
        """Store events only; `rebuild` lets them count.

        Raises:
            StoreError: subclasses; nothing was stored and the call may be repeated.
        """
        ours = [event for event in events if event.entity_id in self._roles]
        if not ours:
            return IngestResult(0, 0, len(events))
        with self.store.transaction():
            accepted = self.store.events.append(ours, self._roles)
            self._note_ingest(max(event.time_us for event in ours))
        return IngestResult(accepted, len(ours) - accepted, len(events) - len(ours))

    def _note_ingest(self, newest_us: int) -> None:
        """Remember up to when events are stored; neither old imports nor a wrong clock may move it away."""
        latest_us = self._now_us + _AHEAD_US
        before_us = self.store.metadata.get_us("last_ingest_at") or 0
        known_us = before_us if before_us <= latest_us else 0
        self.store.metadata.set_us("last_ingest_at", max(known_us, min(newest_us, latest_us)))

    def tick(self, now_us: int) -> Snapshot:
        """Go on to the present: decay, windows, predictions; a checkpoint now and then."""
        if now_us + _UNHEARD_US < max(self.tracker.time_us, self.tracker.senses.latest_us):
            _LOGGER.warning("The clock went back; starting from the present")
            self._start(self.home, now_us, fresh=True)
        elif now_us - self.tracker.time_us > _UNHEARD_US:
            self.tracker.skip(now_us)
        self._now_us = now_us
        rows = self._advance(now_us)
        vectors = self.tracker.vectors(now_us)
        snapshot = self._outlook.snapshot(self.tracker, self.predictor, now_us, vectors)
        with self.store.transaction():
            self._archive.keep_rows(self.tracker.layout.room_ids, rows)
            self._archive.keep_told(now_us)
            self._archive.keep_shown(snapshot)
        if self._durable:
            if abs(now_us - self._checkpoint_us) >= _CHECKPOINT_EVERY_US:
                self._save()
            if now_us // MINUTE_US != self._folded_minute:
                self._folded_minute = now_us // MINUTE_US
                self.store.checkpoint()
        return snapshot

    def rebuild(self, now_us: int) -> Iterator[float]:
        """Replay what is stored into features and running state, learning night by night.

        Yields:
            The share done, a slice at a time. The new state takes over at the end.
        """
        span = self.store.events.span()
        self.needs_rebuild = False
        if span is None:
            return
        self._now_us = max(self._now_us, now_us)
        start_us = max(span[0], now_us - 84 * DAY_US)
        fresh = Tracker(self.home, start_us)
        self.store.features.delete_from(start_us // WINDOW_US * WINDOW_US, FEATURE_SET_VERSION)
        rows: list[FeatureRow] = []
        learned_us = start_us
        until_us = start_us
        for batch in self._stored_until_now(start_us):
            for event in batch:
                for _ in _drain(fresh.advance(event.time_us), rows):
                    self._breathe()
                    if fresh.observer.minute % 120 == 0:
                        yield self._share(fresh, start_us, now_us)
                fresh.take(event)
                until_us = event.time_us
            if fresh.time_us - learned_us >= DAY_US:
                learned_us = fresh.time_us
                for _ in fresh.look_back():
                    self._breathe()
                    yield self._share(fresh, start_us, now_us)
            if len(rows) >= _REBUILD_ROWS:
                self._archive.keep_rows(fresh.layout.room_ids, rows)
                rows.clear()
            self._breathe()
            yield self._share(fresh, start_us, now_us)
        _LOGGER.debug("Replayed events up to %s", until_us)
        for _ in _drain(fresh.advance(self._now_us), rows):
            self._breathe()
        self._archive.keep_rows(fresh.layout.room_ids, rows)
        self.tracker = fresh
        self._save()
        yield 1.0

    def _stored_until_now(self, start_us: int) -> Iterator[list[Event]]:
        """Stored events up to the present, those too that are stored while they are read."""
        found = True
        while found:
            found = False
            end_us = self._now_us + _AHEAD_US
            for batch in self.store.events.read(start_us, end_us, self._roles.keys(), _REBUILD_EVENTS):
                found = True
                start_us = batch[-1].time_us + 1
                yield batch

    def relabel(
        self, room_id: str, start_us: int, end_us: int, occupied: bool, now_us: int, who: str | None
    ) -> Snapshot:
        """A person says that a room was occupied, or vacant, over [start, end). It counts at once and for ever.

        Raises:
            KeyError: there is no such room.
            ValueError: the end is not after the start.
            StoreError: subclasses; nothing was changed.
        """
        number = (
            self.tracker.layout.room_ids.index(room_id) if room_id in self.tracker.layout.room_ids else None
        )
        if number is None:
            raise KeyError(room_id)
        if end_us <= start_us:
            raise ValueError("the end must be after the start")
        self.store.labels.add(
            Label(
                start_us=start_us,
                end_us=end_us,
                target=float(occupied),
                weight=_CORRECTION_WEIGHT,
                source=LabelSource.CORRECTION,
                known_at_us=now_us,
                room_id=room_id,
                created_by=who,
                local_date=self.clock.at(start_us).date().isoformat(),
                time_zone=self.home.time_zone,
            )
        )
        if start_us <= now_us <= end_us + _PRESENT_US:
            self._archive.keep_rows(self.tracker.layout.room_ids, self._advance(now_us))
            if now_us < end_us:
                vector = self.tracker.vectors(now_us)[number]
                self._archive.expect(Told(room_id, start_us, end_us, vector))
            self.tracker.filter.correct(number, occupied)
            self.predictor.correct(room_id, occupied, now_us, end_us)
        return self.tick(now_us)

    def night(
        self, now_us: int, *, cause: str = "schedule", rooms: Sequence[str] | None = None
    ) -> Iterator[Step]:
        """Labels, training, changepoints, scores, maintenance; a bounded slice at a time.

        Args:
            now_us: when it starts.
            cause: why it runs, for the records.
            rooms: which rooms to train, all where left out.
        """
        wanted = [r.room_id for r in self.home.rooms if rooms is None or r.room_id in rooms]
        night = Night(
            self.store,
            self.tracker,
            self.predictor,
            now_us,
            cause,
            wanted,
            self._reports,
            self._outlook.failed,
        )
        for step in night.run():
            self._breathe()
            yield step
        self._outlook.trained_us = self.store.metadata.get_us("last_clr_train_at")
        self._measure(now_us)
        self._save()

    def training_report(self) -> TrainingReport:
        """What came of the last training of each room."""
        return TrainingReport(self._outlook.trained_us, dict(self._reports))

    def readiness(self, now_us: int) -> dict[str, object]:
        """Counters, times and states, for diagnostics. Names no entity."""
        store = self.store
        span = store.events.span()
        return {
            "now_us": now_us,
            "events": store.events.count(),
            "first_event_us": span[0] if span else None,
            "last_event_us": span[1] if span else None,
            "feature_rows": store.features.count(),
            "labels": store.labels.counts(),
            "size_bytes": store.size_bytes(),
            "metadata": store.metadata.all(),
            "failed_steps": dict(self._outlook.failed),
            "quality": self._outlook.quality,
            "rooms": {
                room.room_id: {
                    "kind": room.kind.value,
                    "has_model": self.predictor.has_model(room.room_id),
                    "why_no_model": self.predictor.why_no_model.get(room.room_id),
                    "sensors": sum(s.room_id == room.room_id for s in self.home.sensors),
                }
                for room in self.home.rooms
            },
        }

    # The running state

    def _start(self, home: Home, now_us: int, *, fresh: bool = False) -> None:
        """Begin with a home: from the checkpoint where it fits, else anew."""
        self.home = home
        self.clock = LocalClock(home.time_zone)
        self._roles: dict[str, tuple[Role, str | None]] = {
            s.entity_id: (s.role, s.room_id) for s in home.sensors
        }
        self.predictor = Predictor(home)
        self._archive.forget_expected()
        self.store.features.set_names(FEATURE_SET_VERSION, FEATURE_NAMES)
        self.store.metadata.set("feature_set_version", str(FEATURE_SET_VERSION))
        for room_id, artifact in self.store.runs.artifacts_in_service().items():
            if room_id in self._room_ids and artifact.feature_set_version == FEATURE_SET_VERSION:
                model = RoomModel.from_json(dict(artifact.payload))
                self.predictor.use(room_id, model, artifact.created_us)
        saved = None if fresh else self._restore(home, now_us)
        self.tracker = saved or Tracker(home, now_us)
        self.needs_rebuild = saved is None and not fresh and self.store.events.count() > 0
        self._measure(now_us)

    @property
    def _room_ids(self) -> list[str]:
        return [room.room_id for room in self.home.rooms]

    def _restore(self, home: Home, now_us: int) -> Tracker | None:
        """The tracker of the checkpoint, brought up to the last stored event; None where none fits."""
        saved = self.store.checkpoints.load(f"{_CHECKPOINT}.tracker")
        if saved is None or saved.time_us > now_us + _UNHEARD_US:
            return None
        try:
            tracker = Tracker.from_payload(home, saved.payload)
        except PayloadError as error:
            _LOGGER.info("The saved state does not fit: %s", error)
            return None
        self._restore_state()
        rows: list[FeatureRow] = []
        # A little of what came before is read again: the tracker knows which of it is news.
        for batch in self.store.events.read(saved.time_us - _AHEAD_US, now_us + 1, self._roles.keys()):
            for event in batch:
                for _ in _drain(tracker.advance(event.time_us), rows):
                    self._breathe()
                tracker.take(event)
        self._archive.keep_rows(tracker.layout.room_ids, rows)
        if now_us - tracker.time_us > _UNHEARD_US:
            tracker.skip(now_us)
        return tracker

    def _restore_state(self) -> None:
        """Corrections, switches and the like, where they fit this version."""
        state = self.store.checkpoints.load(f"{_CHECKPOINT}.state")
        if state is None:
            return
        try:
            value = json.loads(state.payload)
            self.predictor.restore(value["predictor"])
            self._outlook.restore(value["outlook"])
            self._archive.restore(value["archive"])
        except (KeyError, TypeError, ValueError) as error:
            _LOGGER.info("The saved switches and corrections do not fit: %r", error)

    def _save(self) -> None:
        """Write the checkpoint: from here the engine goes on after a restart."""
        time_us = max(self._now_us, self.tracker.time_us)
        with self.store.transaction():
            self.store.checkpoints.save(f"{_CHECKPOINT}.tracker", time_us, self.tracker.to_payload())
            state = {
                "predictor": self.predictor.to_json(),
                "outlook": self._outlook.to_json(),
                "archive": self._archive.to_json(),
            }
            self.store.checkpoints.save(f"{_CHECKPOINT}.state", time_us, json.dumps(state).encode())
        self._checkpoint_us = self._now_us

    def _advance(self, time_us: int) -> list[FeatureRow]:
        rows: list[FeatureRow] = []
        for _ in _drain(self.tracker.advance(time_us), rows):
            self._breathe()
        return rows

    def _measure(self, now_us: int) -> None:
        self._outlook.quality = quality(self.store, self._room_ids, self.clock.at(now_us).date())

    @staticmethod
    def _share(tracker: Tracker, start_us: int, now_us: int) -> float:
        return min(max((tracker.time_us - start_us) / max(now_us - start_us, 1), 0.0), 0.99)


def _drain(steps: Generator[None, None, list[FeatureRow]], rows: list[FeatureRow]) -> Iterator[None]:
    """Run a tracker's `advance`, collecting what it returns."""
    rows += yield from steps
