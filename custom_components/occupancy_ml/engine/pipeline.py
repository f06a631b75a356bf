"""The engine's facade: what a host calls. Calls come one at a time, from any thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .adaptation.retraining import Cause
from .events import Event
from .features import WINDOW_US
from .home import Home
from .labels import judges
from .labels.capture import SleepCapture
from .labels.sleep import HelperState, SleepReading
from .night import Chore, Night, Step
from .occupancy.model import ROW_WEIGHT
from .occupancy.training import RoomReport
from .readiness import readiness
from .rebuilding import AHEAD_US, rebuilt
from .relabelling import Relabelling, said_of
from .routine_changes import RoutineChanges
from .running import Running
from .snapshot import HOME, SLEEP, Snapshot
from .store import Retention, Store, StoreDamagedError, StoreError
from .tracker import FeatureRow

__all__ = ["Corrected", "Engine", "IngestResult", "Step", "TrainingReport"]


@dataclass(frozen=True, slots=True)
class IngestResult:
    """How many events were new, known already, or not of this home."""

    accepted: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction that was stored or taken back, by its label, and what is believed then."""

    label_id: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """The last training: when (None: never), and by room what came of it."""

    time_us: int | None
    rooms: Mapping[str, RoomReport]


class Engine(Running):
    """One home: its store, its running state, its models."""

    def __init__(
        self,
        store: Store,
        home: Home,
        now_us: int,
        breathe: Callable[[], None],
        *,
        durable: bool,
        retention: Retention = Retention(),  # noqa: B008 - immutable
    ) -> None:
        """Use `Engine.open`."""
        super().__init__(store, home, now_us, breathe, durable=durable)
        self._judged_window = now_us // WINDOW_US
        self._retention = retention
        self.routine_changes = RoutineChanges(store)
        self._sleep = SleepCapture(store)
        self._reports: dict[str, RoomReport] = {}
        self.unsaved: StoreError | None = None

    @classmethod
    def open(
        cls,
        path: Path,
        home: Home,
        now_us: int,
        breathe: Callable[[], None] | None = None,
        *,
        durable: bool = True,
        retention: Retention = Retention(),  # noqa: B008 - immutable
        stopwatch: Callable[[], int] | None = None,
        prepare: Callable[[Store], None] | None = None,
    ) -> Engine:
        """Open the file and go on where the engine stopped.

        Args:
            path: the SQLite file.
            home: what is watched.
            now_us: the time.
            breathe: called often in long work, to let other threads run.
            durable: False leaves out what guards against a power cut, for files that can be made again.
            retention: how long what is kept, and how large the file may grow.
            stopwatch: microseconds that only ever grow, for how long jobs take.
            prepare: done with the file before anything is read from it.

        Raises:
            StoreError: subclasses, see `Store.open`.
        """
        store = Store.open(path, now_us)
        if stopwatch is not None:
            store.database.stopwatch = stopwatch
        try:
            if prepare is not None:
                prepare(store)
            return cls(store, home, now_us, breathe or (lambda: None), durable=durable, retention=retention)
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

    def take_in_judges(self, now_us: int) -> None:
        """All history is stored: what reference entities and rivals that were named since the last time told counts.

        Raises:
            StoreError: subclasses; nothing was changed and the call may be repeated.
        """
        judges.take_in(self.store, self.home, self.clock, now_us)

    def ingest(self, events: Sequence[Event]) -> IngestResult:
        """Store live events in one transaction, then let them move the state. Any order; duplicates are ignored.

        Raises:
            StoreError: subclasses; nothing was taken in and the call may be repeated.
        """
        result = self.import_events(events)
        self.hear(events)
        return result

    def hear(self, events: Sequence[Event]) -> None:
        """Let events move the state without storing them, for when the store refuses: ingested later, they are known."""
        rows: list[FeatureRow] = []
        watched = self._roles.keys()
        for event in sorted(events, key=lambda e: (e.time_us, e.entity_id)):
            if event.entity_id in watched:
                rows += self._advance(min(event.time_us, self._now_us + AHEAD_US))
                self.tracker.take(event)
                self._heard.append(event)
        self._archive.add_rows(rows)

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
        latest_us = self._now_us + AHEAD_US
        before_us = self.store.metadata.get_us("last_ingest_at") or 0
        known_us = before_us if before_us <= latest_us else 0
        self.store.metadata.set_us("last_ingest_at", max(known_us, min(newest_us, latest_us)))

    def tick(self, now_us: int, *, forecasts: bool = True) -> Snapshot:
        """Go on to the present: decay, windows, predictions; a checkpoint now and then.

        Where the store refuses, the snapshot comes all the same, `unsaved` says why, and what was to be
        kept waits for the next tick.

        Args:
            now_us: the present.
            forecasts: False leaves them as they were, and what was known at this moment is not kept for them.

        Raises:
            StoreDamagedError: the file has to be opened again, which sets it aside.
        """
        self.unsaved = None
        self._follow_clock(now_us)
        rows = self._advance(now_us)
        self._archive.add_rows(rows)
        if rows and rows[-1].window_end_us == now_us:  # a window ended in this very moment
            vectors, anyone = rows[-1].vectors, rows[-1].anyone
        else:
            vectors, anyone = self.tracker.present(now_us)
        snapshot = self._outlook.snapshot(self.tracker, self.predictor, now_us, vectors, anyone)
        told = self.forecasts.look(snapshot, vectors, self.tracker.senses.states, anew=forecasts)
        snapshot = replace(
            snapshot,
            forecasts=told,
            routine_changes=self.routine_changes.announced,
            catching_up=self.needs_rebuild or self._rebuilding,
        )
        self._judge(now_us)
        try:
            self._keep(snapshot)
        except StoreDamagedError:
            raise
        except StoreError as error:
            self.unsaved = error
        return snapshot

    def _judge(self, now_us: int) -> None:
        """Let reference entities judge what is shown, once a window."""
        if now_us // WINDOW_US != self._judged_window:
            self._judged_window = now_us // WINDOW_US
            for room_id, occupied in self.tracker.senses.references().items():
                self.predictor.judge(room_id, occupied, ROW_WEIGHT)

    def rebuild(self, now_us: int) -> Iterator[float]:
        """Replay what is stored into features and running state, learning night by night.

        Yields:
            The share done, a slice at a time. The new state takes over at the end.
        """
        self._rebuilding = True
        self._now_us = max(self._now_us, now_us)
        try:
            with self.forecasts.catching_up():
                fresh = yield from rebuilt(
                    self.store,
                    self._archive,
                    self._gaps,
                    self.home,
                    self._roles.keys(),
                    lambda: self._now_us,
                    self._breathe,
                )
        finally:
            self._rebuilding = False
        if fresh is None:
            self._note_rebuilt()
            return
        self._archive.forget_rows()
        self.tracker = fresh
        # Its belief is another one: against that what was said has to stand from now on.
        self.predictor.measure_anew()
        self._hear_standing()
        with self.store.transaction():
            self._save()
            self._note_rebuilt()
        yield 1.0

    def relabel(
        self, room_id: str, start_us: int, end_us: int, occupied: bool, now_us: int, who: str | None
    ) -> Corrected:
        """A person says that a room was occupied, or vacant, over [start, end). It counts at once and for ever.

        Older corrections of the room that say otherwise are superseded where they do.

        Raises:
            KeyError: there is no such room.
            ValueError: the end is not after the start.
            StoreError: subclasses; nothing was changed.
        """
        label_id = self._relabelling().relabel(room_id, start_us, end_us, occupied, now_us, who)
        return self._said(label_id, now_us)

    def tell(self, room_id: str, occupied: bool, now_us: int, who: str | None) -> Corrected:
        """A person says that somebody, or nobody, is in a room now. It stands until something contradicts it.

        Raises:
            KeyError: there is no such room.
            StoreError: subclasses; nothing was changed.
        """
        return self.answer(room_id, occupied, now_us, now_us, who)

    def answer(self, room_id: str, occupied: bool, asked_us: int, now_us: int, who: str | None) -> Corrected:
        """A person answers what was asked at a moment; said late, it is of that moment, not of the present.

        Raises:
            KeyError: there is no such room.
            StoreError: subclasses; nothing was changed.
        """
        return self.relabel(room_id, *said_of(asked_us, now_us), occupied, now_us, who)

    def withdraw(self, room_id: str, now_us: int, label_id: int | None = None) -> Corrected:
        """Take back a correction of a room, the last one where none is named. What it superseded counts again.

        Raises:
            KeyError: there is no such room.
            LookupError: the room has no such correction that still counts.
            StoreError: subclasses; nothing was changed.
        """
        label_id = self._relabelling().withdraw(room_id, now_us, label_id)
        return self._said(label_id, now_us)

    def _said(self, label_id: int, now_us: int) -> Corrected:
        """What is believed after a person's word; it is saved at once, since no stored event tells it again."""
        self._save_due = True
        return Corrected(label_id, self.tick(now_us))

    def _relabelling(self) -> Relabelling:
        """Made for each call: a replay, or a clock that went back, puts another tracker in its place."""
        return Relabelling(
            self.store, self._archive, self.tracker, self.predictor, self.forecasts, self._breathe
        )

    def sleep_told(
        self, start: HelperState | None, end: HelperState | None, now_us: int, who: str | None
    ) -> SleepReading:
        """The helpers for begin and end of sleep have these states. See `SleepCapture.helpers`.

        Raises:
            StoreError: subclasses; the call may be repeated.
        """
        return self._sleep.helpers(start, end, self.clock, self.home.time_zone, now_us, who)

    def sleep_sensed(self, state: str, time_us: int, now_us: int) -> bool:
        """The sensor for sleep has a state since a moment. See `SleepCapture.sensor`.

        Raises:
            StoreError: subclasses; the call may be repeated.
        """
        return self._sleep.sensor(state, time_us, self.clock, self.home.time_zone, now_us)

    def night(
        self,
        now_us: int,
        *,
        cause: str = "schedule",
        rooms: Sequence[str] | None = None,
        without: Collection[str] = (),
    ) -> Iterator[Step]:
        """Labels, training, changepoints, scores, maintenance; a bounded slice at a time.

        Args:
            now_us: when it starts.
            cause: why it runs, for the records; on "request" forecasts are fitted from scratch as well.
            rooms: which rooms to train, all where left out.
            without: names of chores that are not wanted.
        """
        wanted = [r.room_id for r in self.home.rooms if rooms is None or r.room_id in rooms]
        if cause == Cause.REQUEST.name.lower():
            for process in self.forecasts.layout.processes if rooms is None else wanted:
                self.forecasts.retrain(process, Cause.REQUEST)
        night = Night(
            self.store,
            self.tracker,
            self.predictor,
            now_us,
            cause,
            wanted,
            self._reports,
            self._outlook.failed,
            self._retention,
            [chore for chore in self._chores() if chore.name not in without],
        )
        with self.forecasts.catching_up():
            for step in night.run():
                self._breathe()
                yield step
        self._outlook.trained_us = self.store.metadata.get_us("last_clr_train_at")
        self._measure(now_us)
        self._save()

    def _chores(self) -> tuple[Chore, ...]:
        return (
            Chore("routine_changes", self._look_for_changes),
            Chore("switches", lambda now_us: self.predictor.switch_learner.learn(self.store, now_us)),
            Chore("forecasts", self._learn_forecasts),
            Chore("routines", self.routines.night),
            Chore("suggestions", self.suggestions.night),
        )

    def _look_for_changes(self, now_us: int) -> Iterator[float]:
        """The days of the rooms, of the home and of sleep."""
        return self.routine_changes.look([*self._room_ids, HOME, SLEEP], self.clock, now_us)

    def _learn_forecasts(self, now_us: int) -> Iterator[float]:
        """What forecasts learn in a night; where they got worse, a routine may have changed."""
        try:
            yield from self.forecasts.night(now_us)
        finally:
            drifts = self.forecasts.learner.drifts
            self.routine_changes.note(drifts, now_us)
            drifts.clear()

    def training_report(self) -> TrainingReport:
        """What came of the last training of each room."""
        return TrainingReport(self._outlook.trained_us, dict(self._reports))

    def readiness(self, now_us: int) -> dict[str, object]:
        """Counters, times and states, for diagnostics. Names no entity."""
        return readiness(self.store, self.home, self.predictor, self._outlook, now_us)
