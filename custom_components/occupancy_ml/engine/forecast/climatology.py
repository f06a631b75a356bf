"""Climatology, a member and a baseline: what is usual at this hour on such days."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bins import BINS, HORIZONS, Floats, frequencies, hazard_of
from .processes import Bools
from .rows import Rows

_LEAST = 8
"""Moments a distribution needs."""
_MOST_MADE = 4


class Climatology:
    """What came at this half hour on days of this kind, in this state."""

    name = "climatology"

    def __init__(self) -> None:
        self._rows: Rows | None = None
        self._slots = self._begins = np.zeros(0, dtype=np.int64)
        # By begin and end of a half hour's rows, what came; the last few that were asked for.
        self._made: dict[tuple[int, int], tuple[Floats, Floats]] = {}

    def fit(self, rows: Rows) -> None:
        """Keep the rows."""
        self._made.clear()
        known = rows.slim().take(np.isfinite(rows.wait))
        slots = _slot(known)
        order = np.argsort(96 * known.believed + slots, kind="stable")
        self._rows, self._slots = known.take(order), slots[order]
        # Where each half hour of each side begins.
        self._begins = np.searchsorted(
            96 * self._rows.believed + self._slots, np.arange(2 * 96 + 1), side="left"
        )

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
        if self._rows is None:
            return
        side = 96 * int(rows.believed[number])
        slot = side + int(rows.clock[number] // 30) + 48 * bool(rows.free[number])
        same = slice(self._begins[slot], self._begins[slot + 1])
        if same.stop - same.start < _LEAST:
            same = slice(self._begins[side], self._begins[side + 96])
        if same.stop - same.start >= _LEAST:
            out[:], later[:] = self._came(self._rows, same)

    def _came(self, rows: Rows, same: slice) -> tuple[Floats, Floats]:
        """(BINS,) distribution and (len(HORIZONS),) P(occupied then) of some of the rows."""
        key = (int(same.start), int(same.stop))
        if key not in self._made:
            if len(self._made) >= _MOST_MADE:
                self._made.clear()
            then = rows.later[same]
            known = (then >= 0).sum(axis=0)
            later = np.where(then >= 0, then, 0).sum(axis=0) / np.maximum(known, 1)
            self._made[key] = frequencies(rows.wait[same]), later
        return self._made[key]

    def usual(self, clock: Floats, free: Bools) -> Floats:
        """(n,) share of occupied moments at (n,) minutes of the day, on days of (n,) kinds; one half where unknown."""
        if self._rows is None or not len(self._rows):
            return np.full(len(clock), 0.5)
        known = self._rows.state >= 0
        seen = np.bincount(self._slots[known], minlength=96)
        occupied = np.bincount(self._slots[known], self._rows.state[known], minlength=96)
        mean = (occupied.sum() + 1) / (seen.sum() + 2)
        table = (occupied + 4 * mean) / (seen + 4)
        result: Floats = table[(clock // 30).astype(np.int64) % 48 + 48 * free]
        return result


def _slot(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return (rows.clock // 30).astype(np.int64) + 48 * rows.free
