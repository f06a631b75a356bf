"""When a routine of the home or of a room really changed: changepoints of its days, announced after a fixed lag.

A day of a process (a room, somebody home, asleep) is told by three numbers: hours occupied, when first, when last.
They are compared with what such days were like at first and go through the changepoint detector, all of a process in
one stream. Everything is computed anew from the stored episodes each time, so that a night may be repeated.

Forecasts that got worse tell of a change too, mostly sooner and less surely: what the days then confirm is the same
change, and takes their date.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, time, timedelta
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .changepoint import Announcer, Channel, Detector, NormalGamma, Settings, Stream
from .events import DAY_US, to_us
from .localtime import LocalClock
from .slices import told_as
from .snapshot import FoundBy, RoutineChange
from .store import Store
from .store.episodes import Episode

Floats = NDArray[np.float64]

_VALUES = ("hours", "first", "last")
# A day of people begins when the last of them are asleep.
_DAY_BEGINS = time(4)
_LONGEST_DAYS = 400
_DAYS_A_SLICE = 16
# What such days were like: of the first so many that are known, and at least so many.
_AT_FIRST, _LEAST = 28, 10
_LEAST_KNOWN_H = 20.0
# The same change is not announced again when later nights place it a little elsewhere.
_SAME_DAYS = 14
_KEPT = 50
# What was noticed longer ago, in history that was read in just now, is no news.
_NEWS_US = 14 * DAY_US
_LEAST_SCALE = 0.5  # hours: below this nothing is a change of routine
_FAR = 2.5  # of the scale: a day out of all order is no more than that
# A change is announced when it has lasted so many days, and the days since differ from those before.
# Both were chosen on simulated homes (docs/decisions.md).
_LAG, _BEFORE, _CLEARLY = 14, 42, 3.5
_KEY = "announced_changes"


@dataclass(frozen=True, slots=True)
class Found:
    """A change in the days of a process.

    Attributes:
        process: whose.
        day: the first of the new routine, by its place in the table.
        seen: the day at whose end it could be announced.
        probability: how sure the detector was at its surest.
    """

    process: str
    day: int
    seen: int
    probability: float


def days_of(episodes: Sequence[Episode], first: date, days: int, clock: LocalClock) -> Floats:
    """(days, 3) hours occupied, when first and when last (hours from four in the morning); nan where unknown.

    Args:
        episodes: of one process, by start.
        first: the first local day.
        days: how many.
        clock: the home's.
    """
    edges = [
        to_us(datetime.combine(first + timedelta(days=n), _DAY_BEGINS, clock.zone)) for n in range(days + 1)
    ]
    starts = np.array([e.start_us for e in episodes], dtype=np.int64)
    ends = np.array([e.end_us for e in episodes], dtype=np.int64)
    occupied = np.array([e.occupied for e in episodes], dtype=bool)
    out = np.full((days, len(_VALUES)), np.nan)
    for number in range(days):
        begin, end = edges[number], edges[number + 1]
        low, high = np.maximum(starts, begin), np.minimum(ends, end)
        inside = high > low
        hours = (high - low) / (DAY_US / 24)
        if hours[inside].sum() < _LEAST_KNOWN_H:
            continue
        there = inside & occupied
        out[number, 0] = hours[there].sum()
        if there.any():
            out[number, 1] = (low[there].min() - begin) / (DAY_US / 24)
            out[number, 2] = (high[there].max() - begin) / (DAY_US / 24)
    return out


def against_the_usual(values: Floats, weekend: NDArray[np.bool_]) -> Floats:
    """(days, 3) how far each day is from the usual of its kind at first, in its own scale; nan where unknown.

    Args:
        values: (days, 3) as `days_of` tells them.
        weekend: (days,) whether the day is a Saturday or Sunday.
    """
    out = np.full_like(values, np.nan)
    for column in range(values.shape[1]):
        known = np.flatnonzero(~np.isnan(values[:, column]))[:_AT_FIRST]
        if len(known) < _LEAST:
            continue
        usual = np.full(len(values), np.median(values[known, column]))
        for kind in (False, True):
            of_kind = known[weekend[known] == kind]
            if len(of_kind) >= 3:
                usual[weekend == kind] = np.median(values[of_kind, column])
        apart = values[:, column] - usual
        scale = max(1.4826 * float(np.median(np.abs(apart[known]))), _LEAST_SCALE)
        out[:, column] = np.clip(apart / scale, -_FAR, _FAR)
    return out


def changes(days: Sequence[Floats], names: Sequence[str]) -> Generator[None, None, list[Found]]:
    """Look for the changes that are announced, in the order in which they are.

    Args:
        days: by process, (days, 3) as `against_the_usual` tells them.
        names: of the processes.

    Yields:
        Nothing, every so many days. Returns the changes.
    """
    if not names:
        return []
    channels = tuple(Channel(name, NormalGamma()) for name in _VALUES)
    detector = Detector([Stream(name, channels) for name in names], Settings(recent=(1, 5, _LAG)))
    announcer = Announcer(names, lag=_LAG)
    sure: list[Floats] = []
    found = []
    table = np.stack(days, axis=1)  # (days, processes, 3)
    for number, values in enumerate(table):
        if number % _DAYS_A_SLICE == 0:
            yield
        update = detector.update(values)
        sure.append(update.change_probability)
        for change in announcer.update(update):
            column = names.index(change.stream)
            before = table[max(change.step - _BEFORE, 0) : change.step, column]
            since = table[change.step : change.seen_at + 1, column]
            if any(_apart(before[:, n], since[:, n]) >= _CLEARLY for n in range(len(_VALUES))):
                recent = [chance[column] for chance in sure[change.step :]]
                found.append(Found(change.stream, change.step, change.seen_at, float(max(recent))))
    return found


def _apart(before: Floats, since: Floats) -> float:
    """How far two samples are apart: the standard score of their rank sum (Mann and Whitney 1947), with ties."""
    one, other = before[~np.isnan(before)], since[~np.isnan(since)]
    n, m = len(one), len(other)
    if min(n, m) < _LEAST:
        return 0.0
    pooled = np.concatenate([one, other])
    _, place, counts = np.unique(pooled, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    ties = float((counts**3 - counts).sum()) / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - ties)
    return abs(float(ranks[n:].sum()) - m * (n + m + 1) / 2) / math.sqrt(max(variance, 1e-9))


class RoutineChanges:
    """The changes that were announced, whatever showed them, kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        told = store.metadata.get(_KEY)
        self.announced: tuple[RoutineChange, ...] = tuple(map(_change, json.loads(told) if told else ()))

    def look(self, processes: Sequence[str], clock: LocalClock, now_us: int) -> Iterator[float]:
        """Look for changes in all that is stored; safe to repeat.

        Yields:
            The share done, after every slice of work.
        """
        # Hindsight of the last day still grows.
        last = clock.at(now_us - DAY_US).date() - timedelta(days=1)
        day = last - timedelta(days=_LONGEST_DAYS - 1)
        days: list[Floats] = []
        for number, process in enumerate(processes):
            begin_us = to_us(datetime.combine(day, _DAY_BEGINS, clock.zone))
            episodes = self._store.episodes.read(process, begin_us, now_us)
            first = max(day, clock.at(episodes[0].start_us).date()) if episodes else last
            values = days_of(episodes, first, max((last - first).days + 1, 0), clock)
            weekend = np.array(
                [(first + timedelta(days=n)).weekday() >= 5 for n in range(len(values))], dtype=bool
            )
            missing = np.full((_LONGEST_DAYS - len(values), len(_VALUES)), np.nan)
            days.append(np.concatenate([missing, against_the_usual(values, weekend)]))
            yield 0.5 * (number + 1) / len(processes)
        known = [number for number, values in enumerate(days) if not np.isnan(values).all()]
        start = min((int(np.flatnonzero(~np.isnan(days[n]).all(axis=1))[0]) for n in known), default=0)
        work = changes([days[n][start:] for n in known], [processes[n] for n in known])
        found = yield from told_as(work, lambda _: 0.9)
        first = day + timedelta(days=start)
        self.note([_told(each, first, clock) for each in found], now_us)
        yield 1.0

    def note(self, found: Sequence[RoutineChange], now_us: int) -> None:
        """Announce what is new among the changes that were found; old news is left out.

        Raises:
            StoreError: subclasses; nothing was announced and the call may be repeated.
        """
        announced = list(self.announced)
        for change in found:
            same = [n for n, before in enumerate(announced) if is_same(before, change)]
            if not same:
                if now_us - change.noticed_us <= _NEWS_US:
                    announced.append(replace(change, noticed_us=now_us))
            elif change.found_by is FoundBy.DAYS and announced[same[-1]].found_by is not FoundBy.DAYS:
                # The days know the date better; that it was announced stays as it was.
                announced[same[-1]] = replace(change, noticed_us=announced[same[-1]].noticed_us)
        kept = tuple(announced[-_KEPT:])
        if kept != self.announced:
            self._store.metadata.set(_KEY, json.dumps([asdict(change) for change in kept]))
            self.announced = kept


def _told(found: Found, first: date, clock: LocalClock) -> RoutineChange:
    """A change as it is announced; the days count from `first`."""
    since, end = (first + timedelta(days=number) for number in (found.day, found.seen + 1))
    # In history that was read in just now it could have been noticed long ago.
    noticed_us = to_us(datetime.combine(end, _DAY_BEGINS, clock.zone))
    return RoutineChange(
        found.process, since.isoformat(), noticed_us, FoundBy.DAYS, round(found.probability, 3)
    )


def is_same(one: RoutineChange, other: RoutineChange) -> bool:
    """Whether two of a process are one change: the days may place it a little elsewhere than forecasts did."""
    apart = abs((date.fromisoformat(one.since) - date.fromisoformat(other.since)).days)
    return one.process == other.process and apart < _SAME_DAYS


def _change(value: dict[str, Any]) -> RoutineChange:
    return RoutineChange(**{**value, "found_by": FoundBy(value["found_by"]), "why": tuple(value["why"])})
