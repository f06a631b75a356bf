"""What a forecast has to beat: simple answers, told the true state by hindsight, in minutes and not on the grid."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from .bins import CAP, HORIZONS, LEVELS, Floats
from .kaplan_meier import stays
from .processes import Ints
from .rows import Rows

BASELINES = ("kaplan_meier", "climatology", "persistence", "nearest_days")

_LEAST_ALIKE = 8
_NEAREST = 5
_SLOT = 30


def baselines(past: Rows, rows: Rows) -> Generator[None, None, tuple[Floats, Floats]]:
    """What the baselines say of moments, learned from moments of the past.

    Yields:
        Nothing, after each. Returns (4, n, len(LEVELS)) minutes, of who knows nothing "not within 24 hours", and
        (4, n, len(HORIZONS)) P(occupied then), nan where nothing is known.
    """
    lasting = _kaplan_meier(past, rows)
    yield
    usual, usual_then = _climatology(past, rows)
    yield
    near, near_then = _nearest_days(past, rows)
    # Without enough such days the usual ones are the nearest.
    near = np.where(np.isfinite(near), near, usual)
    near_then = np.where(np.isfinite(near_then), near_then, usual_then)
    staying = np.full((len(rows), len(LEVELS)), float(CAP))
    said = np.nan_to_num(np.stack([lasting, usual, staying, near]), nan=float(CAP))
    now = (rows.state == 1)[:, None] * np.ones(len(HORIZONS))
    return said, np.stack([now, usual_then, now, near_then])


def _kaplan_meier(past: Rows, rows: Rows) -> Floats:
    """How long stays last that lasted so long already (Kaplan and Meier 1958); who lasts longer than any lasts on."""
    said = np.full((len(rows), len(LEVELS)), float(CAP))
    found = [stays(past, bool(side)) for side in (0, 1)]
    for n in np.flatnonzero(rows.state >= 0).tolist():
        lengths, weights = found[int(rows.state[n])]
        first = int(np.searchsorted(lengths, rows.held[n], side="right"))
        if first < len(lengths):
            share = np.cumsum(weights[first:])
            place = np.searchsorted(share, np.array(LEVELS) * share[-1] * (1 - 1e-12))
            said[n] = np.minimum(lengths[first + place] - rows.held[n], CAP)
    return said


def _climatology(past: Rows, rows: Rows) -> tuple[Floats, Floats]:
    """What came at this half hour on days of this kind, in this state."""
    said, then = _nothing(len(rows))
    usable = np.isfinite(past.wait) & (past.state >= 0)
    kinds, asked = _slots(past), _slots(rows)
    for kind in np.unique(asked[rows.state >= 0]).tolist():
        alike = np.flatnonzero(usable & (kinds == kind))
        if len(alike) < _LEAST_ALIKE:
            alike = np.flatnonzero(usable & (past.state == kind // 96))
        if len(alike) >= _LEAST_ALIKE:
            ours = (asked == kind) & (rows.state >= 0)
            said[ours], then[ours] = _came(past, alike)
    return said, then


def _nearest_days(past: Rows, rows: Rows) -> tuple[Floats, Floats]:
    """What came on the five days most like the day so far (Scott and others 2011, PreHeat)."""
    said, then = _nothing(len(rows))
    days = np.unique(past.day)
    if len(days) < _NEAREST:
        return said, then
    grid = np.full((len(days), 96), -1.0)
    index = np.full((len(days), 96), -1, dtype=np.int64)
    place, slot = np.searchsorted(days, past.day), (past.clock // 15).astype(np.int64)
    grid[place, slot], index[place, slot] = past.state, np.arange(len(past))
    today = np.full(96, -1.0)
    for n in range(len(rows)):
        now = int(rows.clock[n] // 15)
        today[now] = rows.state[n]
        known = (grid[:, : now + 1] >= 0) & (today[: now + 1] >= 0)
        apart = (np.abs(grid[:, : now + 1] - today[: now + 1]) * known).sum(axis=1)
        apart /= np.maximum(known.sum(axis=1), 1)
        usable = np.flatnonzero((index[:, now] >= 0) & (grid[:, now] == rows.state[n]))
        usable = usable[np.isfinite(past.wait[index[usable, now]])]
        if len(usable) >= _NEAREST:
            nearest = usable[np.argsort(apart[usable], kind="stable")[:_NEAREST]]
            said[n], then[n] = _came(past, index[nearest, now])
    return said, then


def _came(past: Rows, alike: Ints) -> tuple[Floats, Floats]:
    """(len(LEVELS),) minutes and (len(HORIZONS),) P(occupied then) of moments of the past."""
    later = past.later[alike]
    known = later >= 0
    minutes: Floats = np.quantile(past.wait[alike], LEVELS).astype(np.float64)
    then: Floats = np.where(known, later, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return minutes, then


def _slots(rows: Rows) -> Ints:
    """(n,) numbers of half hour, kind of day and state."""
    kind: Ints = (rows.clock // _SLOT).astype(np.int64) + 48 * rows.free + 96 * (rows.state == 1)
    return kind


def _nothing(n: int) -> tuple[Floats, Floats]:
    return np.full((n, len(LEVELS)), np.nan), np.full((n, len(HORIZONS)), np.nan)
