"""Moments of one process as members see them, with what came of them where it is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..localtime import LocalClock
from .bins import HORIZONS, Floats
from .moments import Layout, Moments
from .processes import Bools, Ints, Process

# Nothing is told while P(occupied) is further than this from 0 and from 1.
_CERTAIN = 0.03


@dataclass(frozen=True, slots=True)
class Rows:
    """Moments of one process.

    Attributes:
        time_us: (n,).
        day: (n,) local days as proleptic ordinals.
        clock: (n,) local minutes of the day.
        free: (n,) whether it is a day off, see `day_off`.
        eve: (n,) whether the next day is a weekend: no entity tells of tomorrow.
        believed: (n,) whether it is believed to be occupied.
        chance: (n,) with what probability.
        elapsed: (n,) minutes since that changed.
        place: (n,) where somebody is believed to be: a room's index, AWAY or RESTING.
        features: (n, F) all else that is known.
        state: (n,) the state by hindsight, 1 or 0, -1 unknown.
        wait: (n,) minutes until it changed by hindsight, cut at 24 hours, nan unknown.
        held: (n,) minutes since it had changed, by hindsight.
        later: (n, len(HORIZONS)) the state by hindsight so many minutes later, -1 unknown.
        away: (n,) whether by hindsight nobody was home for a day or longer then, which is not usual.
        jumps_in: (n,) minutes until the local clock jumps, inf where it does not within 24 hours.
        jump: (n,) minutes by which it does.
    """

    time_us: Ints
    day: Ints
    clock: Floats
    free: Bools
    eve: Bools
    believed: Bools
    chance: Floats
    elapsed: Floats
    place: Ints
    features: Floats
    state: NDArray[np.int8]
    wait: Floats
    held: Floats
    later: NDArray[np.int8]
    away: Bools
    jumps_in: Floats
    jump: Floats

    def __len__(self) -> int:
        return len(self.time_us)

    @property
    def certain(self) -> Bools:
        """(n,) whether the present state is certain enough to tell what comes."""
        return (self.chance < _CERTAIN) | (self.chance > 1 - _CERTAIN)

    @property
    def judged(self) -> Bools:
        """(n,) whether what is told counts: the present is certain, and it is no day away.

        Days away come by no rhythm, and the hours they last would outweigh all other days.
        """
        return self.certain & ~self.away

    def agreed(self) -> Rows:
        """The same, the wait unknown where hindsight says that the state was mistaken.

        What is told is when the state ends that is believed. Where it had ended already nothing is to be learned of that.
        """
        mistaken = (self.state >= 0) & (self.state != self.believed)
        return replace(self, wait=np.where(mistaken, np.nan, self.wait))

    def take(self, chosen: NDArray[np.bool_] | Ints | slice) -> Rows:
        """Some of the rows; nothing is copied for a slice."""
        return Rows(*(getattr(self, name)[chosen] for name in self.__slots__))


def clock_of(clock: LocalClock, time_us: Ints) -> tuple[Ints, Floats, Bools]:
    """(n,) local days, (n,) minutes of the day, (n,) whether it is a weekend."""
    days, minutes = clock.days_and_minutes(time_us)
    return days, minutes.astype(np.float64), (days - 1) % 7 >= 5  # proleptic day 1 was a Monday


def by_the_clock(wait: Floats, jumps_in: float, jump: Floats | float) -> Floats:
    """(n,) minutes until what keeps to the clock, from those it would be if the clock did not jump on the way.

    What would come in the hour that is skipped comes when it is; in one that is repeated, the first time.
    """
    return np.where(wait >= jumps_in, np.maximum(wait - jump, jumps_in), wait)


def day_off(layout: Layout, context: NDArray[Any], weekend: Bools) -> Bools:
    """(n,) whether moments, at which entities said this (n, C), are of a day off: nobody's workday by the workday sensors, a weekend where none tells."""
    if not layout.workdays:
        return weekend
    told = context[:, list(layout.workdays)]
    return np.where(np.isfinite(told).any(axis=1), ~(told > 0.5).any(axis=1), weekend)


def known_context(context: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """(n, C) what entities say, 0 where nothing, and (n, C) whether it is nothing: no alarm is none that rings now."""
    silent = np.isnan(context)
    return np.where(silent, 0, context), silent.astype(context.dtype)


def rows_of(
    layout: Layout,
    moments: Moments,
    clock: LocalClock,
    number: int,
    process: Process,
    home: Process,
    when: tuple[Ints, Floats, Bools] | None = None,
) -> Rows:
    """The rows of a process, with what came of them.

    Args:
        layout: of the moments.
        moments: by time.
        clock: the home's.
        number: of the process in the layout.
        process: what it did.
        home: what the home did.
        when: what `clock_of` says of the moments, where that is known already.
    """
    n = len(moments.time_us)
    day, minute, weekend = when or clock_of(clock, moments.time_us)
    later = np.full((n, len(HORIZONS)), -1, dtype=np.int8)
    state, wait, held = process.at(moments.time_us)
    for column, ahead in enumerate(HORIZONS):
        later[:, column], _, _ = process.at(moments.time_us + ahead * MINUTE_US)
    r = layout.rooms
    own = moments.rooms[:, number] if number < r else np.zeros((n, moments.rooms.shape[2]))
    chance, elapsed = (a[:, number].astype(np.float64) for a in (moments.chance, moments.elapsed))
    features = np.concatenate(
        [
            own,
            np.log1p(moments.elapsed[:, [number, r, r + 1]].astype(np.float64)),
            moments.chance,
            moments.home[:, 1:],
            *known_context(moments.context),
            moments.echo,
        ],
        axis=1,
    )
    return Rows(
        moments.time_us,
        day,
        minute,
        day_off(layout, moments.context, weekend),
        (day % 7) >= 5,
        chance >= 0.5,
        chance,
        elapsed,
        moments.home[:, 0].astype(np.int64),
        features,
        state,
        wait,
        held,
        later,
        home.days_away(moments.time_us),
        *clock.jumps(moments.time_us),
    )


def rows_now(layout: Layout, moments: Moments, clock: LocalClock) -> Rows:
    """A row for each process, of the one moment there is: what forecasts are asked with."""
    p, r = len(layout.processes), layout.rooms
    today, now, weekend = clock_of(clock, moments.time_us)
    day, minute, free = (
        np.repeat(today, p),
        np.repeat(now, p),
        np.repeat(day_off(layout, moments.context, weekend), p),
    )
    chance, elapsed = moments.chance[0].astype(np.float64), moments.elapsed[0].astype(np.float64)
    own = np.zeros((p, moments.rooms.shape[2]))
    own[:r] = moments.rooms[0]
    held = np.stack([elapsed, np.full(p, elapsed[r]), np.full(p, elapsed[r + 1])], axis=1)
    said, silent = known_context(moments.context)
    common = np.concatenate([moments.chance[0], moments.home[0, 1:], said[0], silent[0], moments.echo[0]])
    features = np.concatenate([own, np.log1p(held), np.repeat(common[None], p, axis=0)], axis=1)
    unknown = np.full(p, np.nan)
    return Rows(
        np.repeat(moments.time_us, p),
        day,
        minute,
        free,
        (day % 7) >= 5,
        chance >= 0.5,
        chance,
        elapsed,
        np.full(p, int(moments.home[0, 0])),
        features,
        np.full(p, -1, np.int8),
        unknown,
        unknown,
        np.full((p, len(HORIZONS)), -1, np.int8),
        np.zeros(p, np.bool_),
        *(np.repeat(each, p) for each in clock.jumps(moments.time_us)),
    )
