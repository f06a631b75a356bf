"""Climatology, a member and a baseline: what is usual at this hour on such days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bins import BINS, CAP, HORIZONS, Floats, frequencies, hazard_of
from .processes import Bools, Ints
from .rows import Rows, by_the_clock

_LEAST = 8
"""Moments a distribution needs."""
_MOST_MADE = 4


@dataclass(frozen=True, slots=True)
class _Past:
    """Moments by side and half hour, in narrow types, since they are kept in memory.

    Attributes:
        wait: as in `Rows`, in single precision.
        later: as there.
    """

    wait: Floats
    later: NDArray[np.int8]


class Climatology:
    """What came at this half hour on days of this kind, in this state."""

    name = "climatology"

    def __init__(self) -> None:
        self._past: _Past | None = None
        self._begins = np.zeros(0, dtype=np.int64)
        self._usual: Floats = np.full(96, 0.5)
        # By begin and end of a half hour's rows, and the clock's next jump, what came; the last few asked for.
        self._made: dict[tuple[int, int, float, float], tuple[Floats, Floats]] = {}

    def fit(self, rows: Rows) -> None:
        """Keep the rows."""
        self._made.clear()
        # What is usual is told by moments, too, whose state was mistaken.
        known = np.flatnonzero(np.isfinite(rows.wait) | (rows.state >= 0))
        slots = (rows.clock[known] // 30).astype(np.int64) + 48 * rows.free[known]
        cells = 96 * rows.believed[known] + slots
        sorting = np.argsort(cells, kind="stable")
        order = known[sorting]
        self._past = _Past(rows.wait[order].astype(np.float32), rows.later[order])
        # Where each half hour of each side begins.
        self._begins = np.searchsorted(cells[sorting], np.arange(2 * 96 + 1), side="left")
        self._usual = _share_occupied(slots, rows.state[known])

    def update(self, rows: Rows, since_us: int) -> None:
        """A table is made anew from all rows."""
        self.fit(rows)

    def arrays(self) -> dict[str, Any]:
        """Nothing: a table is made again from the rows."""
        return {}

    def use(self, arrays: dict[str, Any]) -> None:
        """Nothing to take over."""

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) hazards."""
        return hazard_of(self.cdf(rows)[0])

    def cdf(self, rows: Rows) -> tuple[Floats, Floats]:
        """(n, BINS) distributions and (n, len(HORIZONS)) P(occupied then)."""
        out, later = np.full((len(rows), BINS), np.nan), np.full((len(rows), len(HORIZONS)), np.nan)
        for n in range(len(rows)):
            self.put(rows, n, out[n], later[n])
        return out, later

    def put(self, rows: Rows, number: int, out: Floats, later: Floats) -> None:
        """Put what is said of one row, see `cdf`, where it is wanted."""
        if self._past is None:
            return
        side = 96 * int(rows.believed[number])
        slot = side + int(rows.clock[number] // 30) + 48 * bool(rows.free[number])
        same = slice(self._begins[slot], self._begins[slot + 1])
        if same.stop - same.start < _LEAST:
            same = slice(self._begins[side], self._begins[side + 96])
        if same.stop - same.start >= _LEAST:
            jump = (float(rows.jumps_in[number]), float(rows.jump[number]))
            out[:], later[:] = self._came(self._past, same, *jump)

    def _came(self, past: _Past, same: slice, jumps_in: float, jump: float) -> tuple[Floats, Floats]:
        """(BINS,) distribution and (len(HORIZONS),) P(occupied then) of some of the moments."""
        key = (int(same.start), int(same.stop), jumps_in, jump)
        if key not in self._made:
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            then = past.later[same]
            known = (then >= 0).sum(axis=0)
            later = np.where(then >= 0, then, 0).sum(axis=0) / np.maximum(known, 1)
            wait = past.wait[same]
            wait = wait[np.isfinite(wait)]
            if jumps_in < CAP:
                # What comes beyond the 24 hours stays there.
                wait = np.where(wait < CAP, by_the_clock(wait, jumps_in, jump), wait)
            self._made[key] = frequencies(wait) if len(wait) else np.full(BINS, np.nan), later
        return self._made[key]

    def usual(self, clock: Floats, free: Bools) -> Floats:
        """(n,) share of occupied moments at (n,) minutes of the day, on days of (n,) kinds; one half where unknown."""
        result: Floats = self._usual[(clock // 30).astype(np.int64) % 48 + 48 * free]
        return result


def _share_occupied(slots: Ints, state: NDArray[np.int8]) -> Floats:
    """(96,) share of occupied moments by half hour, held to that of all; one half where nothing is known.

    Args:
        slots: (n,) half hours, those of days off after those of the others.
        state: (n,) as in `Rows`.
    """
    known = state >= 0
    seen = np.bincount(slots[known], minlength=96)
    occupied = np.bincount(slots[known], state[known], minlength=96)
    mean = (occupied.sum() + 1) / (seen.sum() + 2)
    result: Floats = (occupied + 4 * mean) / (seen + 4)
    return result
