"""Rows as person-periods: one for each period of the coming day in which the change could have come.

The discrete-time hazard model (Singer and Willett 1993) is a classifier of these. Periods grow with how far ahead they
are: near ones are told apart by minutes, far ones by the clock.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .bins import BINS, STEP, Floats
from .moments import AWAY, RESTING
from .processes import Bools, Ints
from .reservoir import UNITS
from .rows import Rows

_MINUTES = (0, 5, 10, 15, 30, 45, 60, 90, 120, 180, 240, 300, 360, 480, 600, 720, 900, 1080, 1260, 1440)
EDGES: Ints = np.array(_MINUTES, dtype=np.int64) // STEP
"""(K + 1,) bounds of the periods, in bins."""
PERIODS = len(EDGES) - 1
_WIDTHS = np.diff(EDGES)
_MIDDLES: Floats = ((EDGES[:-1] + EDGES[1:]) * STEP).astype(np.float64) / 2
_MOST = 9_000
"""Person-periods that are learned from: more cost time and tell little more."""
_OF_DAY: Ints = np.searchsorted(EDGES, np.arange(BINS), side="right") - 1


@dataclass(frozen=True, slots=True)
class PersonPeriods:
    """Cases of a classifier.

    Attributes:
        row: (N,) which row each is of.
        period: (N,) which period.
        clock: (N,) local minutes of the day at its middle.
        free: (N,) whether that day is off.
        came: (N,) whether the change came in it; 0 or 1.
        weight: (N,) of the row.
    """

    row: Ints
    period: Ints
    clock: Floats
    free: Bools
    came: Floats
    weight: Floats


def sampled(rows: Rows, side: int) -> Rows:
    """Rows of one side whose wait is known, evenly so many that their person-periods are not too many."""
    rows = rows.take((rows.believed == bool(side)) & np.isfinite(rows.wait))
    if not len(rows):
        return rows
    periods = float((_period_of(rows.wait) + 1).mean())
    stride = max(1.0, len(rows) * periods / _MOST)
    # Not arange up to the end: with a broken step it may give one more than there is.
    return rows.take((np.arange(int(len(rows) / stride)) * stride).astype(np.int64))


def person_periods(rows: Rows, half_life: float) -> PersonPeriods:
    """The cases of rows whose wait is known; a row counts half after so many days."""
    last = _period_of(rows.wait)
    came = rows.wait < BINS * STEP
    count = np.minimum(last + 1, PERIODS)
    row = np.repeat(np.arange(len(rows)), count)
    begin = np.cumsum(count) - count
    period = np.arange(len(row)) - begin[row]
    age = (rows.day.max() - rows.day) / half_life
    return PersonPeriods(
        row,
        period,
        *_when(rows, row, _MIDDLES[period]),
        ((period == last[row]) & came[row]).astype(np.float64),
        (0.5**age)[row],
    )


def all_periods(rows: Rows) -> PersonPeriods:
    """Every period of every row, to be asked for hazards."""
    n = len(rows)
    row, period = np.repeat(np.arange(n), PERIODS), np.tile(np.arange(PERIODS), n)
    # Of a jump of the clock only who is asked hears: of the days that are learned from, two a year have one.
    ahead = _MIDDLES[period]
    if np.isfinite(rows.jumps_in).any():
        ahead = ahead + np.where(ahead >= rows.jumps_in[row], rows.jump[row], 0.0)
    when = _when(rows, row, ahead)
    return PersonPeriods(row, period, *when, np.zeros(len(row)), np.ones(len(row)))


def _when(rows: Rows, row: Ints, ahead: Floats) -> tuple[Floats, Bools]:
    """(N,) local minutes of the day, and (N,) whether the day is off, so many minutes ahead by the clock."""
    minutes = rows.clock[row] + ahead
    return minutes % 1440.0, np.where(minutes < 1440.0, rows.free[row], rows.eve[row])


def spread(hazard: Floats) -> Floats:
    """(n, BINS) hazards of bins from (n, PERIODS) of periods, even within each."""
    fine: Floats = 1 - (1 - np.clip(hazard, 0.0, 1 - 1e-9)) ** (1.0 / _WIDTHS)
    return fine[:, _OF_DAY]


def clock_waves(clock: Floats, free: Bools) -> Floats:
    """(n, 12) sines and cosines of 24, 12, 8 and 6 hours, the longer two for days off apart."""
    turn = 2 * np.pi * clock / 1440.0
    waves = [wave(k * turn) for k in (1, 2, 3, 4) for wave in (np.sin, np.cos)]
    apart = [wave * free for wave in waves[:4]]
    return np.stack([*waves, *apart], axis=1)


def inputs(rows: Rows) -> Floats:
    """(n, F) what else is known, each of moderate size: the features, the odds of the state, and the place."""
    return np.concatenate([rows.features[:, :-UNITS], odds_and_place(rows)], axis=1)


def odds_and_place(rows: Rows) -> Floats:
    """(n, 4) the odds of the state, the kind of day, whether everybody is out, and asleep."""
    odds = np.log(np.clip(rows.chance, 0.01, 0.99) / np.clip(1 - rows.chance, 0.01, 0.99))
    return np.stack([odds, rows.free, rows.place == AWAY, rows.place == RESTING], axis=1)


def _period_of(wait: Floats) -> Ints:
    """(n,) the period in which the wait ends; PERIODS for beyond 24 hours."""
    bins = np.minimum(np.nan_to_num(wait, nan=1e9) / STEP, BINS).astype(np.int64)
    return np.where(bins >= BINS, PERIODS, np.searchsorted(EDGES, bins, side="right") - 1)
