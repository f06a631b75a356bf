"""Forecasts of a home: looked at every minute, learned from every night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
import json
import logging
from typing import Any
import zlib

import numpy as np

from ..adaptation.retraining import Cause
from ..events import MINUTE_US
from ..features import WINDOW_US, recency_of
from ..home import Home, Role
from ..localtime import LocalClock
from ..snapshot import HOME, SLEEP, Alternative, Forecast, ForecastCurve, ForecastReport, Snapshot
from ..store import Store
from ..store.forecasts import ForecastScore
from .bins import BINS, CAP, HORIZONS, STEP, Floats
from .context import Context
from .learning import Learner
from .moments import MOMENT_US, Layout, Moments, Watch
from .processes import Bools
from .rows import clock_of, day_off, rows_now
from .telling import curve_of, forecasts_of, told_of
from .together import answered
from .validator import Told, report_of

_LOGGER = logging.getLogger(__name__)

# Moments that wait while the store refuses: a day of them.
_MOST_WAITING = 96
_NOTHING = "nothing was learned yet"
_CATCHING_UP = "the history is still being learned from"
_UNCERTAIN = "it is not certain enough what is now"
_AWAY = "nobody has been home for a day"
# Who went through an outer door may have left, or come: for five minutes nothing is told of the home.
_SETTLED = float(recency_of(np.array([5 * MINUTE_US]))[0])


class Forecaster:
    """All processes of a home.

    Attributes:
        layout: of what is known at a moment.
        key: of the layout, in the store.
        learner: what is learned of the processes.
    """

    def __init__(self, store: Store, home: Home) -> None:
        self._store, self._clock = store, LocalClock(home.time_zone)
        named_sensors = (sensor for sensor in home.sensors if sensor.role in (Role.CONTEXT, Role.WORKDAY))
        self._context = Context(named_sensors, self._clock)
        self.layout = Layout.of(home, self._context.names)
        named = [self.layout.processes, self.layout.bedrooms, self.layout.context]
        self.key = f"{zlib.crc32(json.dumps(named).encode()):08x}"
        self._watch = Watch(self.layout)
        self._told: dict[str, Forecast] = {}
        self._vector: Floats | None = None
        self._waiting: list[tuple[int, Floats, list[tuple[str, bool, bool, Floats]]]] = []
        self._catching_up = False
        self._to_come: tuple[int, int] | None = None
        self._noted = False
        self.learner = Learner(store, self._clock, self.layout, self.key, home.members)
        self.learner.load()

    def look(
        self, snapshot: Snapshot, vectors: Floats, states: Mapping[str, str], *, anew: bool = True
    ) -> Mapping[str, Forecast]:
        """The forecasts at a snapshot: made anew every five minutes and when a state changed, else as they were.

        Args:
            snapshot: the present.
            vectors: (R, d) the features of all rooms.
            states: of entities, for those that are context.
            anew: False takes in the present and leaves forecasts as they were; nothing of it is kept.
        """
        if not self.layout.rooms or not snapshot.rooms:
            return {}
        now_us = snapshot.time_us
        shown = [room.probability for room in snapshot.rooms.values()] + [snapshot.home.probability]
        chances = np.array([0.5 if chance is None else chance for chance in shown])
        window_us = now_us // WINDOW_US * WINDOW_US
        ended = window_us > self._watch.time_us
        self._watch.notice(now_us, chances)
        if not ended and (not anew or (self._told and not self._moved(snapshot))):
            return self._told
        context = self._context.values(states, now_us)
        if ended:
            self._vector = self._watch.see(
                window_us, vectors, chances, context, self._usual_sleep(now_us, context)
            )
        else:
            self._vector = self._watch.peek(
                now_us, vectors, chances, context, self._usual_sleep(now_us, context)
            )
        if not anew:
            return self._told
        told, spoken = self._forecast(now_us, self._vector, snapshot)
        if ended and window_us % MOMENT_US == 0:
            # Where no model knew anything nothing was told: kept, it would be scored as "never".
            rows = [
                (process, forecast.occupied, forecast.published, numbers)
                for (process, forecast), numbers, said in zip(
                    self._told.items(), told.vectors(), spoken.tolist(), strict=True
                )
                if said
            ]
            self._waiting = [*self._waiting[-_MOST_WAITING:], (window_us, self._vector, rows)]
        return self._told

    @contextmanager
    def catching_up(self) -> Iterator[None]:
        """While stored history is replayed or learned from: what knows nothing yet says so. Then all is told anew."""
        self._catching_up, self._told = True, {}
        try:
            yield
        finally:
            self._catching_up, self._told = False, {}

    def keep(self) -> None:
        """Keep what was known and told since the last time, to be learned from and to be scored.

        Raises:
            StoreError: subclasses; nothing was kept, and all of it waits.
        """
        if not self._waiting and self._to_come is None:
            return
        with self._store.transaction():
            if self._to_come is not None:
                self._store.forecasts.delete_within(*self._to_come)
            if not self._noted:
                self._store.forecasts.note_layout(self.key, self.layout.context)
            for time_us, vector, rows in self._waiting:
                self._store.forecasts.add_moment(time_us, self.key, vector)
                self._store.forecasts.add_told(time_us, rows)
        self._waiting, self._to_come, self._noted = [], None, True

    def _moved(self, snapshot: Snapshot) -> bool:
        """Whether a room or the home is in another state than when forecasts were made, or that is still to come."""
        if any(told.made_at_us > snapshot.time_us for told in self._told.values()):
            return True  # the clock was set back a little
        states = _shown(snapshot)
        return any(states[p] != told.occupied for p, told in self._told.items() if p in states)

    def _usual_sleep(self, now_us: int, context: Floats) -> float:
        """How often they sleep at this time of such a day; 0 where nothing was learned of it yet."""
        sleep = self.learner.learned[SLEEP]
        if not sleep.ready:
            return 0.0
        _, clock, weekend = clock_of(self._clock, np.array([now_us], dtype=np.int64))
        free = day_off(self.layout, context[None], weekend)
        return float(sleep.model.climatology.usual(clock, free)[0])

    def _forecast(self, now_us: int, vector: Floats, snapshot: Snapshot) -> tuple[Told, Bools]:
        """Make the forecasts of all processes; what they tell, and (P,) which tell anything, in order of the layout."""
        processes = self.layout.processes
        moment = Moments.of(self.layout, np.array([now_us], dtype=np.int64), vector[None])
        rows = rows_now(self.layout, moment, self._clock)
        cdfs, occupied = (
            np.zeros((len(processes), BINS)),
            np.repeat(rows.chance[:, None], len(HORIZONS), axis=1),
        )
        ready = np.array(
            [n for n, p in enumerate(processes) if self.learner.learned[p].ready], dtype=np.int64
        )
        spoken = np.zeros(len(processes), dtype=np.bool_)
        if len(ready):
            models = [self.learner.learned[processes[n]].model for n in ready.tolist()]
            answer = answered(models, rows.take(ready))
            spoken[ready] = np.isfinite(answer.cdf[:, 0])
            cdfs[ready] = np.nan_to_num(answer.cdf)
            told_then = spoken[ready][:, None] & np.isfinite(answer.occupied)
            occupied[ready] = np.where(told_then, answer.occupied, occupied[ready])
        states, home = self._states(snapshot, rows.believed), processes.index(HOME)
        # A room that is still shown as it was, since it waits before it switches, would be told the wrong change.
        certain = rows.certain & (rows.believed == states)
        if moment.exit_door[0] < _SETTLED:
            certain[home] = False
        # Days away that are not usual judge nothing, so nothing is told of them.
        away = not states[home] and rows.elapsed[home] >= CAP and not self.learner.days_away_are_usual
        unknown = _AWAY if away else _UNCERTAIN
        certain &= not away
        published = np.zeros(len(processes), dtype=np.bool_)
        reasons: list[str | None] = []
        horizons: list[tuple[int, ...]] = []
        for n, process in enumerate(processes):
            gate = self.learner.learned[process].gates[int(rows.believed[n])]
            reason: str | None = _CATCHING_UP if self._catching_up else _NOTHING
            if spoken[n]:
                reason = gate.reason if not gate.open else None if certain[n] else unknown
                published[n] = reason is None
            reasons.append(reason)
            horizons.append(gate.horizons if published[n] else ())
        told = told_of(cdfs, occupied)
        self._told = forecasts_of(
            now_us, processes, states.tolist(), published, reasons, horizons, cdfs, told
        )
        return told, spoken

    def _states(self, snapshot: Snapshot, believed: Bools) -> Bools:
        """(P,) what is shown of each process; of sleep what is believed."""
        shown = _shown(snapshot)
        pairs = zip(self.layout.processes, believed.tolist(), strict=True)
        return np.array([shown.get(process, now) for process, now in pairs])

    def night(self, now_us: int) -> Iterator[float]:
        """Learn from what came; a bounded slice at a time."""
        earlier = yield from self.learner.night(now_us)
        if earlier is not None:
            self._watch.go_on(earlier)

    def retrain(self, process: str, cause: Cause) -> None:
        """Have a process fitted from scratch in the next night.

        Raises:
            KeyError: there is no such process.
        """
        if process not in self.layout.processes:
            raise KeyError(process)
        self.learner.queue.add(process, cause)

    def curve(self, process: str, now_us: int) -> ForecastCurve | None:
        """P(occupied) and hazard of a process over 24 hours, as of the last look; None where nothing is known.

        Raises:
            KeyError: there is no such process.
        """
        learned = self.learner.learned[process]
        if self._vector is None or not learned.ready:
            return None
        moment = Moments.of(self.layout, np.array([now_us], dtype=np.int64), self._vector[None])
        row = rows_now(self.layout, moment, self._clock).take(
            np.array([self.layout.processes.index(process)])
        )
        answer = learned.model.predict(row)
        if not np.isfinite(answer.cdf[0, 0]):
            return None
        ends = now_us + STEP * MINUTE_US * np.arange(1, BINS + 1, dtype=np.int64)
        days, clock, free = clock_of(self._clock, ends)
        free = np.where(days == row.day[0], row.free[0], free)
        usual = learned.model.climatology.usual(clock, free)
        left = 1 - answer.cdf[0]
        chance = float(row.chance[0])
        # Who stayed is as now; who changed is as usual then. Where P was asked for, the curve goes through the answer.
        curve = left * chance + (1 - left) * usual
        told = np.where(np.isfinite(answer.occupied[0]), answer.occupied[0], chance)
        at = np.array([minutes // STEP - 1 for minutes in HORIZONS])
        curve = curve + np.interp(np.arange(BINS), [*at, BINS - 1], [*(told - curve[at]), 0.0])
        return curve_of(process, now_us, answer.cdf[0], curve)

    def report(self, days: int, now_us: int) -> Sequence[ForecastReport]:
        """How the forecasts of the last days did, by process and direction."""
        today = self._clock.at(now_us).date()
        scores: dict[tuple[str, bool], list[ForecastScore]] = {}
        for score in self._store.forecasts.scores(
            (today - timedelta(days=days)).isoformat(), today.isoformat()
        ):
            scores.setdefault((score.process, score.to_occupied), []).append(score)
        found = []
        for process in self.layout.processes:
            learned = self.learner.learned[process]
            for side in (0, 1):
                ours = scores.get((process, side == 0), [])
                stack = learned.model.pools[side].stack
                weights = {
                    member.name: float(weight)
                    for member, weight in zip(learned.model.members, stack.weights, strict=True)
                }
                found.append(report_of(process, side == 0, ours, learned.gates[side].reason, weights))
        return found

    def forget(self, after_us: int, until_us: int) -> None:
        """What was known, told and learned within (after, until] has not happened yet."""
        self._waiting = [each for each in self._waiting if each[0] <= after_us]
        self._to_come = after_us, until_us
        self.learner.set_back(after_us)

    # Across restarts

    def to_json(self) -> dict[str, Any]:
        """The running state, for a restart."""
        return {
            "key": self.key,
            "watch": self._watch.to_json(),
            "told": [_plain(forecast) for forecast in self._told.values()],
            "vector": None if self._vector is None else self._vector.tolist(),
            "queue": self.learner.queue.to_json(),
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave; nothing where it is of other rooms."""
        if value["key"] != self.key:
            return
        self._watch.restore(value["watch"])
        self._told = {told["process"]: _forecast(told) for told in value["told"]}
        self._vector = None if value["vector"] is None else np.array(value["vector"])
        self.learner.queue.restore(value["queue"])


def _shown(snapshot: Snapshot) -> dict[str, bool]:
    """What is shown of the rooms and the home."""
    shown = {room_id: bool(room.occupied) for room_id, room in snapshot.rooms.items()}
    return shown | {HOME: bool(snapshot.home.occupied)}


def _plain(value: Forecast) -> dict[str, Any]:
    """The fields, as JSON has them."""
    found = {name: getattr(value, name) for name in value.__slots__}
    found["quantiles"] = [[level, minutes] for level, minutes in value.quantiles.items()]
    found["occupied_in"] = [[minutes, chance] for minutes, chance in value.occupied_in.items()]
    found["alternatives"] = [[a.time_us, a.probability] for a in value.alternatives]
    return found


def _forecast(value: Mapping[str, Any]) -> Forecast:
    return Forecast(
        **{
            **value,
            "quantiles": dict(value["quantiles"]),
            "occupied_in": dict(value["occupied_in"]),
            "alternatives": tuple(Alternative(*a) for a in value["alternatives"]),
            "told_in": tuple(value["told_in"]),
        }
    )
