"""The night's work: labels, training, changepoints, scores, maintenance. Every step is safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
import logging

from .adaptation.gate import update
from .adaptation.scores import days_to_score, score_day, scored_again
from .events import DAY_US, MINUTE_US
from .features import FEATURE_SET_VERSION
from .labels.corrections import told_by_minute
from .labels.direct import away_labels, reference_labels
from .labels.episodes import keep_episodes
from .labels.hindsight import hindsight_labels
from .occupancy.predictor import Predictor
from .occupancy.training import RoomReport, train_room
from .payload import pack
from .slices import told_as
from .snapshot import HOME
from .store import Store
from .store.errors import StoreError
from .store.jobs import JobStatus
from .store.labels import Label
from .store.retention import Retention
from .store.runs import RunStatus
from .tracker import REMEMBERED_MINUTES, Tracker

_LOGGER = logging.getLogger(__name__)

_DIRECT_DAYS = 7
_EVENTS_A_SLICE = 2000


@dataclass(frozen=True, slots=True)
class Step:
    """Where a long piece of work stands: its part, the share done in [0, 1], what is being done."""

    name: str
    progress: float
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Chore:
    """A part of the night's work that another part of the engine does, between training and maintenance.

    Attributes:
        name: the step, as `processing_jobs` and the learning status name it.
        work: given when the night began, yields the share done after every bounded slice. Safe to repeat.
    """

    name: str
    work: Callable[[int], Iterator[float]]


@dataclass(slots=True)
class Night:
    """One run of the night's work over a tracker, a predictor and a store.

    Attributes:
        reports: by room, what became of training.
        failed: by step, why it failed.
        retention: how long what is kept.
        chores: what else there is to do, in order.
    """

    store: Store
    tracker: Tracker
    predictor: Predictor
    now_us: int
    cause: str
    rooms: Sequence[str]
    reports: dict[str, RoomReport]
    failed: dict[str, str]
    retention: Retention = Retention()  # noqa: RUF009 - immutable
    chores: Sequence[Chore] = ()

    def run(self) -> Iterator[Step]:
        """Do every step in turn. One that fails is recorded and leaves the others to go on.

        Raises:
            StoreDamagedError: damage was met; the file has to be opened again.
        """
        steps: list[tuple[str, Callable[[], Iterator[float]], float, float]] = [
            ("labels", self._labels, 0.0, 0.3),
            ("training", self._training, 0.3, 0.5),
            ("changepoints", self._changepoints, 0.5, 0.52),
            ("scores", self._scores, 0.52, 0.55),
            *self._chores(0.55, 0.95),
            ("maintenance", self._maintenance, 0.95, 1.0),
        ]
        day = self.tracker.clock.at(self.now_us).date().isoformat()
        # Of a night in which the file refused not even the end could be noted.
        self.store.fail_orphans(self.now_us)
        for name, work, begin, end in steps:
            job = self.store.jobs.start(name, day, self.now_us)
            try:
                for share in work():
                    yield Step(name, begin + (end - begin) * min(share, 1.0))
            except GeneratorExit:
                self._end_job(job, JobStatus.FAILED, "stopped before it was done")
                raise
            except Exception as error:  # one step's failure must not cost the others
                _LOGGER.exception("The step %s failed", name)
                self.failed[name] = f"{type(error).__name__}: {error}"
                self._end_job(job, JobStatus.FAILED, self.failed[name])
                # Steps that go on room by room tell of it in their own words.
                if self.store.database.damaged:
                    raise self.store.database.damage(self.failed[name]) from error
            else:
                self.failed.pop(name, None)
                self._end_job(job, JobStatus.COMPLETED, None)
        yield Step("done", 1.0)

    def _chores(
        self, begin: float, end: float
    ) -> Iterator[tuple[str, Callable[[], Iterator[float]], float, float]]:
        """The chores, as steps that share a part of the night evenly."""
        share = (end - begin) / max(len(self.chores), 1)
        for number, chore in enumerate(self.chores):
            work = partial(chore.work, self.now_us)
            yield chore.name, work, begin + number * share, begin + (number + 1) * share

    def _end_job(self, job: int, status: JobStatus, error: str | None) -> None:
        try:
            self.store.jobs.finish(job, status, self.now_us, error_message=error)
        except StoreError as failure:
            _LOGGER.warning("The end of a step could not be recorded: %s", failure)

    def _labels(self) -> Iterator[float]:
        """Hindsight over what is remembered; reference entities and people away from the stored events."""
        since_us = self.now_us - REMEMBERED_MINUTES * MINUTE_US
        room_ids = self.tracker.layout.room_ids
        look_back = self.tracker.look_back(told_by_minute(self.store, room_ids, since_us, self.now_us))
        found = yield from told_as(look_back, lambda share: 0.8 * share)
        if found is not None and len(found.minutes):
            first_us = int(found.minutes[0] - found.lengths[0] + 1) * 60_000_000
            last_us = int(found.minutes[-1] + 1) * 60_000_000
            # The home is one more room to hindsight: its report card has no other truth.
            chances = dict(zip(room_ids, found.occupied.T, strict=True)) | {HOME: found.home}
            for room_id, chance in chances.items():
                alone = replace(found, occupied=chance[:, None])
                labels = hindsight_labels(alone, [room_id], first_us, last_us, self.now_us)
                yield 0.85
                self.store.labels.replace_hindsight([room_id], first_us, last_us, labels)
                yield 0.85
            for _ in keep_episodes(self.store, self.tracker.layout, found):
                yield 0.85
        yield from self._direct_labels()

    def _direct_labels(self) -> Iterator[float]:
        """What reference entities and persons told since the last time."""
        home = self.tracker.home
        since = self.store.metadata.get_us("labelled_until")
        if since is not None and since > self.now_us:  # the clock was wrong then
            since = None
        start_us = max(since or 0, self.now_us - _DIRECT_DAYS * DAY_US)
        sensors = [s.entity_id for s in home.sensors if s.role in ("reference", "person")]
        if not sensors or start_us >= self.now_us:
            return
        before = self.store.events.last_before(start_us, sensors)
        events = [
            event
            for batch in self.store.events.read(start_us, self.now_us, sensors, _EVENTS_A_SLICE)
            for event in batch
        ]
        yield 0.9
        labels: list[Label] = [
            *reference_labels(home, events, before, start_us, self.now_us),
            *away_labels(home, events, before, start_us, self.now_us),
        ]
        with self.store.transaction():
            for label in labels:
                self.store.labels.add(label)
            self.store.metadata.set_us("labelled_until", self.now_us)
        yield 1.0

    def _training(self) -> Iterator[float]:
        """Every room in turn."""
        for number, room_id in enumerate(self.rooms):
            yield from self._train(room_id, number / len(self.rooms))
            yield (number + 1) / len(self.rooms)
        reports = [self.reports[room_id] for room_id in self.rooms]
        failures = [report.reason for report in reports if report.status is RunStatus.FAILED]
        if failures:
            raise RuntimeError(f"{len(failures)} of {len(reports)} rooms: {failures[0]}")
        self.store.metadata.set_us("last_clr_train_at", self.now_us)

    def _train(self, room_id: str, done: float) -> Iterator[float]:
        """One room, which goes back to the filter where its model is no better."""
        shared = self.predictor.shared_coefficients(room_id)
        work = train_room(self.store, self.tracker.clock, room_id, self.now_us, self.cause, shared)
        report, model = yield from told_as(work, lambda _: done)
        self.reports[room_id] = report
        if model is not None:
            self.predictor.use(room_id, model, self.now_us)
        else:
            if report.status is RunStatus.COMPLETED:
                self.predictor.retire(room_id)
            self.predictor.why_no_model[room_id] = report.reason or "nothing was learned yet"

    def _changepoints(self) -> Iterator[float]:
        """Record the posteriors of all streams."""
        detector = self.tracker.detector
        for number, stream in enumerate(detector.names):
            run_id = self.store.bocpd.start_run(stream, self.cause, self.now_us, FEATURE_SET_VERSION)
            if detector.step < 288:
                self.store.bocpd.finish_run(
                    run_id,
                    RunStatus.GATE_NOT_MET,
                    self.now_us,
                    rows=detector.step,
                    reason="needs a day of windows",
                )
                continue
            lengths, chances = detector.run_length_posterior(stream)
            payload = pack("run_length_posterior", {}, {"run_length": lengths, "posterior": chances})
            with self.store.transaction():
                self.store.bocpd.save_state(stream, self.now_us, payload, run_id)
                self.store.bocpd.finish_run(
                    run_id,
                    RunStatus.COMPLETED,
                    self.now_us,
                    rows=detector.step,
                    metrics={
                        "expected_run_length": float(lengths @ chances),
                        "probable_run_length": int(lengths[chances.argmax()]),
                    },
                )
            yield number / len(detector.names)
        self.store.metadata.set_us("last_bocpd_train_at", self.now_us)

    def _scores(self) -> Iterator[float]:
        """Every local day that ended since the last time, at most a week, and those of corrections; then who serves where."""
        clock = self.tracker.clock
        today = clock.at(self.now_us).date()
        told = self.store.metadata.get("scored_until")
        first = date.fromisoformat(told) if told else None
        if first is None or first > today:  # never, or the clock was wrong then
            first = today - timedelta(days=_DIRECT_DAYS)
        # The night before is scored again: hindsight of it has grown since.
        first = max(first - timedelta(days=1), today - timedelta(days=_DIRECT_DAYS))
        days = {first + timedelta(days=number) for number in range((today - first).days)}
        again = days_to_score(self.store)
        # Without what was shown, or the events of who is compared with, nothing is scored as well as it was.
        oldest = today - timedelta(days=min(self.retention.predictions, self.retention.raw_events) - 1)
        days |= {day for day in map(date.fromisoformat, again) if oldest <= day < today}
        for day in sorted(days):
            for _ in score_day(self.store, self.tracker.home, clock, day):
                yield 0.5
        with self.store.transaction():
            self.store.metadata.set("scored_until", today.isoformat())
            scored_again(self.store, again)
        for baselines in update(self.store, self.tracker.home, today, self.now_us, self.predictor.baselines):
            if baselines is not None:
                self.predictor.baselines = baselines
            yield 0.9

    def _maintenance(self) -> Iterator[float]:
        """Forget what is too old, and fold the log into the file."""
        for _ in self.store.trim(self.now_us, self.retention):
            yield 0.5
        self.store.checkpoint()
        yield 1.0
