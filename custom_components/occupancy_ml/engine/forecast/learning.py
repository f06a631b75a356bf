"""What is learned of every process, night by night: predictions of the past first, then their truth."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
import logging
from typing import Any

import numpy as np

from ..adaptation.retraining import Cause, Queue
from ..events import DAY_US, MINUTE_US
from ..localtime import LocalClock
from ..payload import PayloadError
from ..slices import told_as
from ..snapshot import HOME, FoundBy, RoutineChange
from ..store import Store, StoreError
from ..store.forecasts import StoredModel
from ..store.runs import RunStatus
from . import tuning
from .baselines import baselines
from .bins import Floats
from .combining import Answer
from .filling import filled
from .gate import pinball
from .judging import Past, changes_in, scores_of, tell_gates
from .learned import Learned
from .members import new_model
from .model import OtherMembersError, ProcessModel
from .moments import MOMENT_US, Layout, Moments, Watch
from .processes import Bools, Ints, Process
from .rows import Rows, clock_of, rows_of
from .telling import told_of
from .validator import Told
from .words import words_of

_LOGGER = logging.getLogger(__name__)

HISTORY_US = 84 * DAY_US
"""How far back is learned from."""
# What came is known a day later; hindsight itself needs an hour.
_LAG_US = 25 * 60 * MINUTE_US
# After a first import so many days are predicted as if they were to come.
_CATCH_UP_US = 28 * DAY_US
# Before this many days nothing is predicted.
_FIRST_US = 4 * DAY_US
_LEAST_NEW_US = 20 * 60 * MINUTE_US
_REFIT_US = 7 * DAY_US
_ROWS_A_SLICE = 16

# Moments, their local days and minutes and kinds of day, and what the home did.
type _Known = tuple[Moments, tuple[Ints, Floats, Bools], Process]

REPLACED = "challenger"
"""Cause of the run that records when a challenger took over."""


class Learner:
    """All processes of a home.

    Attributes:
        learned: by process.
        drifts: changes of routine that were noticed, until they are announced.
        queue: what is to be fitted from scratch.
        days_away_are_usual: whether nobody is home for a day or longer now and again.
    """

    def __init__(
        self, store: Store, clock: LocalClock, layout: Layout, key: str, more: Sequence[str] = ()
    ) -> None:
        """Nothing is learned yet.

        Args:
            store: the home's.
            clock: the home's.
            layout: of what is known at a moment.
            key: of the layout, in the store.
            more: members beside those that are on by default.
        """
        self._store, self._clock, self._layout, self._key = store, clock, layout, key
        self._more = tuple(more)
        self.learned = {process: self._nothing() for process in layout.processes}
        self.drifts: list[RoutineChange] = []
        self.queue = Queue()
        self.days_away_are_usual = False
        # Processes whose learning was not kept: an error, or the end of the night, came between.
        self._torn: set[str] = set()

    def _nothing(self) -> Learned:
        return Learned(new_model(self._more))

    def set_back(self, time_us: int) -> None:
        """The clock went back: no night has been after a time."""
        for learned in self.learned.values():
            learned.set_back(time_us)

    def night(self, now_us: int) -> Generator[float, None, Watch | None]:
        """Learn from what came since the last time.

        Yields:
            The share done, after every bounded slice. Returns who watched the past, where it was made up for now.

        Raises:
            StoreError: subclasses; the rest waits for the next night.
            RuntimeError: some processes failed; the others have learned.
        """
        self._store.forecasts.fail_orphans(now_us)
        self.queue.put_back()
        if self._torn:  # a day that was learned and not kept would be learned twice
            self._restore(self._torn)
        past = filled(self._store, self._layout, self._key, now_us - HISTORY_US, now_us)
        watch = yield from told_as(past, lambda share: 0.2 * share)
        cut_us = (now_us - _LAG_US) // MOMENT_US * MOMENT_US
        times_us, vectors = self._store.forecasts.moments(cut_us - HISTORY_US, cut_us, self._key)
        yield 0.2
        if not len(times_us):
            return watch
        for process, learned in self.learned.items():
            if max(learned.learned_us, learned.fitted_us, learned.refitted_us, learned.tuned_us) > now_us:
                learned.set_back(cut_us)  # a night that ran while the clock was ahead
            if now_us - learned.refitted_us >= _REFIT_US:
                self.queue.add(process, Cause.SCHEDULE)
        moments, when = Moments.of(self._layout, times_us, vectors), clock_of(self._clock, times_us)
        home = self._process(HOME, moments)
        self.days_away_are_usual = home.days_away_are_usual
        yield 0.2
        order = [*self.queue, *(p for p in self.learned if p not in self.queue)]
        failed: list[str] = []
        for number, process in enumerate(order):
            try:
                for _ in self._learn(process, moments, when, home, cut_us, now_us):
                    yield 0.2 + 0.8 * number / len(order)
            except StoreError:
                raise
            except Exception as error:  # one process's failure must not cost the others
                _LOGGER.exception("A process could not learn to forecast")
                failed.append(_told(error))
        if failed:
            raise RuntimeError(f"{len(failed)} of {len(order)} processes: {failed[0]}")
        return watch

    def _learn(
        self,
        process: str,
        moments: Moments,
        when: tuple[Ints, Floats, Bools],
        home: Process,
        cut_us: int,
        now_us: int,
    ) -> Iterator[None]:
        self._torn.add(process)
        learned = self.learned[process]
        first_us = int(moments.time_us[0])
        rows = self._rows(process, moments, when, home)
        agreed = rows.agreed()
        yield
        start_us = max(learned.learned_us, first_us + _FIRST_US, cut_us - _CATCH_UP_US)
        while cut_us - start_us >= _LEAST_NEW_US:
            # Whole days, but for the first: nothing is left over that would be learned before it was scored.
            left_us = cut_us - start_us
            end_us = start_us + (DAY_US + left_us % DAY_US if left_us >= DAY_US else left_us)
            yield from self._fit(process, learned, agreed, start_us - DAY_US, now_us)
            if learned.ready:
                yield from self._score(process, learned, rows, start_us, end_us)
            start_us = learned.learned_us = end_us
        yield from self._fit(process, learned, agreed, min(start_us, cut_us) - DAY_US, now_us)
        if learned.ready and learned.tuned_us + tuning.EVERY_US <= now_us and _long_enough(rows, cut_us):
            learned.tuned_us = now_us
            model = learned.model
            model.tune((yield from tuning.tuned(agreed, model.kernel.kernel, cut_us)))
        if learned.ready:
            self._save(process, learned, now_us)
        self.queue.done(process)
        self._torn.discard(process)
        yield

    def _process(self, process: str, moments: Moments) -> Process:
        """What a process did around the moments."""
        first_us, last_us = int(moments.time_us[0]), int(moments.time_us[-1])
        return Process.of(self._store.episodes.read(process, first_us - DAY_US, last_us + 2 * DAY_US))

    def _rows(self, process: str, moments: Moments, when: tuple[Ints, Floats, Bools], home: Process) -> Rows:
        """All rows of a process over the history, with what came."""
        number = self._layout.processes.index(process)
        did = home if process == HOME else self._process(process, moments)
        return rows_of(self._layout, moments, self._clock, number, did, home, when)

    def _fit(self, process: str, learned: Learned, rows: Rows, until_us: int, now_us: int) -> Iterator[None]:
        """Let the models learn from all rows before a time, where they have not yet."""
        due = process in self.queue or not learned.ready
        if not due and until_us <= learned.fitted_us and learned.challenger is None:
            return
        past = rows.take((rows.time_us < until_us) & (rows.time_us >= until_us - HISTORY_US))
        if not np.isfinite(past.wait).any():
            return
        if due:
            waited_for = self.queue.take(process)
            cause = Cause.SCHEDULE if waited_for is None else waited_for
            yield from self._refit(process, learned, past, cause, now_us)
        else:
            yield from learned.model.update(past, learned.fitted_us)
        if learned.challenger is not None:
            yield from learned.challenger.update(past, learned.fitted_us)
        learned.fitted_us = until_us

    def _refit(self, process: str, learned: Learned, past: Rows, cause: Cause, now_us: int) -> Iterator[None]:
        """Fit all members from scratch, and record how it went."""
        runs = self._store.forecasts
        run_id = runs.start_run(process, cause.name.lower(), now_us)
        try:
            yield from learned.model.fit(past)
        except StoreError:
            raise
        except Exception as error:
            runs.finish_run(run_id, RunStatus.FAILED, now_us, rows=len(past), reason=_told(error))
            raise
        learned.refitted_us = now_us
        runs.finish_run(run_id, RunStatus.COMPLETED, now_us, rows=len(past))
        learned.run_id = run_id

    def _score(
        self, process: str, learned: Learned, rows: Rows, start_us: int, end_us: int
    ) -> Iterator[None]:
        """Predict a day that is over as it was to come, hold it against what came, learn from that."""
        day = rows.take((rows.time_us >= start_us) & (rows.time_us < end_us))
        if not len(day):
            return
        answer = yield from _answered(learned.model, day)
        before = rows.take(rows.time_us < start_us - DAY_US)
        yield
        said, guesses = yield from baselines(before, day)
        yield
        past = Past.of(day, said, guesses)
        yield
        label = learned.day_of(self._clock.at((start_us + end_us) // 2).date())
        self._judge(process, learned, label, past, answer)
        yield
        ordinal = learned.scored = label.toordinal()
        tell_gates(learned.gates, ordinal, past, answer)
        yield
        yield from learned.model.learn(day.agreed(), answer)
        yield
        if learned.challenger is not None:
            theirs = yield from _answered(learned.challenger, day)
            tell_gates(learned.its_gates, ordinal, past, theirs)
            yield
            yield from learned.challenger.learn(day.agreed(), theirs)
            self._challenge(process, learned, day, answer, theirs, end_us)

    def _judge(self, process: str, learned: Learned, label: date, past: Past, answer: Answer) -> None:
        """Sums for the report, and the watch for drift."""
        day = past.rows
        told, published = self._as_told(process, day, answer)
        mine = pinball(told.quantiles, day.wait)
        # What was told, or would have been: nothing where no model knew anything.
        known = np.isfinite(day.wait) & np.isfinite(mine) & np.isfinite(answer.cdf[:, 0])
        scores = scores_of(process, label, past, told, known, published)
        self._store.forecasts.write_scores(scores)
        if known.any():
            self._watch_drift(
                process, learned, label, day, float((mine - past.losses[1])[known].mean()), known
            )

    def _as_told(
        self, process: str, day: Rows, answer: Answer
    ) -> tuple[Told, np.ndarray[Any, np.dtype[np.bool_]]]:
        """What was told then where it was kept, else what would have been."""
        told = told_of(np.nan_to_num(answer.cdf), np.nan_to_num(answer.occupied, nan=0.5))
        vectors, published = told.vectors(), np.zeros(len(day), dtype=np.bool_)
        times, _, shown, stored = self._store.forecasts.told(
            process, int(day.time_us[0]), int(day.time_us[-1]) + 1
        )
        if len(times):
            place = np.searchsorted(times, day.time_us)
            found = (place < len(times)) & (times[np.minimum(place, len(times) - 1)] == day.time_us)
            vectors[found], published[found] = stored[place[found]], shown[place[found]]
        return Told.of(vectors), published

    def _watch_drift(
        self, process: str, learned: Learned, day: date, rows: Rows, excess: float, known: Any
    ) -> None:
        """The daily mean of the model's loss less climatology's: CUSUM, and what moved."""
        since = learned.drift.learn(day, excess, changes_in(rows.wait[known]), rows.features)
        if since is None:
            return
        why = words_of(learned.drift.explain(self._layout.feature_names))
        noticed_us = self._clock.day_bounds(day)[1]
        self.drifts.append(RoutineChange(process, since.isoformat(), noticed_us, FoundBy.FORECASTS, why=why))
        self.queue.add(process, Cause.ALARM)
        learned.alarm()

    def _challenge(
        self, process: str, learned: Learned, day: Rows, answer: Answer, theirs: Answer, now_us: int
    ) -> None:
        """Compare the challenger on the same day; it takes over, with its gates, when it has won often enough."""
        known = np.isfinite(day.wait) & np.isfinite(theirs.cdf[:, 0])
        if not known.any():
            return
        mine, its = (
            float(pinball(each.quantiles[known], day.wait[known]).mean()) for each in (answer, theirs)
        )
        won = learned.challenged(mine, its)
        if won is not None:
            run_id = self._store.forecasts.start_run(process, REPLACED, now_us)
            self._store.forecasts.finish_run(run_id, RunStatus.COMPLETED, now_us, rows=len(day), metrics=won)
            learned.run_id = run_id

    # Across restarts

    def _save(self, process: str, learned: Learned, now_us: int) -> None:
        payload, against = learned.payloads(self._key)
        self._store.forecasts.save_model(process, now_us, payload, learned.run_id)
        if against is None:
            self._store.forecasts.drop_challenger(process)
        else:
            self._store.forecasts.save_model(process, now_us, against, None, challenger=True)

    def load(self) -> None:
        """Take over what earlier nights have learned."""
        self._restore(self.learned)

    def _restore(self, processes: Iterable[str]) -> None:
        """What was kept last of processes is in the place of what they have learned since."""
        stored, challengers = self._store.forecasts.models(), self._store.forecasts.models(challenger=True)
        known: dict[int, _Known | None] = {}
        for process in tuple(processes):
            kept, against = stored.get(process), challengers.get(process)
            found = None if kept is None else self._restored(process, kept, against, known)
            self.learned[process] = self._nothing() if found is None else found
            self._torn.discard(process)

    def _restored(
        self, process: str, kept: StoredModel, against: StoredModel | None, known: dict[int, _Known | None]
    ) -> Learned | None:
        """What was kept of a process; None where it is of another layout or cannot be read."""
        learned = self._nothing()
        learned.run_id = kept.run_id
        rows_until = partial(self._rows_until, known, process)
        try:
            challenger = None if against is None else against.payload
            fits = learned.restore(kept.payload, challenger, self._key, rows_until)
        except OtherMembersError as error:
            _LOGGER.debug("What was learned for forecasts is learned anew: %s", error)
            return None
        except (PayloadError, KeyError, TypeError, ValueError) as error:
            _LOGGER.warning("What was learned for forecasts cannot be read and is left aside: %r", error)
            return None
        return learned if fits else None

    def _rows_until(self, known: dict[int, _Known | None], process: str, until_us: int) -> Rows | None:
        """What a process had learned from, until a time; what all share is read once."""
        if until_us not in known:
            known[until_us] = self._known_until(until_us)
        found = known[until_us]
        return None if found is None else self._rows(process, *found).agreed()

    def _known_until(self, until_us: int) -> _Known | None:
        times_us, vectors = self._store.forecasts.moments(until_us - HISTORY_US, until_us, self._key)
        if not len(times_us):
            return None
        moments = Moments.of(self._layout, times_us, vectors)
        home = self._process(HOME, moments)
        self.days_away_are_usual = home.days_away_are_usual
        return moments, clock_of(self._clock, times_us), home


def _answered(model: ProcessModel, day: Rows) -> Generator[None, None, Answer]:
    """What a model said of a day while it was to come, in slices."""
    parts = []
    for first in range(0, len(day), _ROWS_A_SLICE):
        parts.append(model.foretell(day.take(slice(first, first + _ROWS_A_SLICE))))
        yield
    return Answer.joined(parts)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _long_enough(rows: Rows, cut_us: int) -> bool:
    """Whether there is as much before the days that tuning forecasts anew."""
    return int(rows.time_us[0]) <= cut_us - 2 * tuning.DAYS * DAY_US
