"""What a user would have without a model: Kaplan-Meier, climatology, persistence, the five nearest days.

The first two are members of the ensemble as well. As baselines they are told the true state by hindsight and since
when it held, which no forecast can know: the gate must not open because the baseline was blind.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from .bins import BINS, EDGES, HORIZONS, Floats, hazard_of
from .processes import Bools
from .rows import Rows

_LEAST = 8
"""Moments or episodes a distribution needs."""
_MOST_MADE = 4


class Member(Protocol):
    """One model of a process. Both directions, from what is believed now."""

    name: str

    def fit(self, rows: Rows) -> Iterator[None] | None:
        """Learn from rows by time; what was learned before is forgotten. May yield between bounded slices."""

    def update(self, rows: Rows, since_us: int) -> Iterator[None] | None:
        """Learn from the rows from a time on as well, given with all before them; cheap."""

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) P(it changes within the bin given that it did not before); nan where nothing is known."""

    def arrays(self) -> dict[str, Any]:
        """What was fitted; nothing of a table, which is made again from the rows."""

    def use(self, arrays: dict[str, Any]) -> None:
        """Take over what `arrays` gave."""


class KaplanMeier:
    """How long stays last that lasted so long already (Kaplan and Meier 1958), at any time of day."""

    name = "kaplan_meier"

    def __init__(self) -> None:
        self._lengths: list[Floats] = [np.zeros(0), np.zeros(0)]

    def fit(self, rows: Rows) -> None:
        """Each stay is met once, by its end."""
        for side in (0, 1):
            ours = np.isfinite(rows.wait) & (rows.state == side) & (rows.wait < EDGES[-1])
            ends = np.round(rows.time_us[ours] / 60e6 + rows.wait[ours])
            _, first = np.unique(ends, return_index=True)
            self._lengths[side] = np.sort((rows.held[ours] + rows.wait[ours])[first])

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
        return hazard_of(self.cdf(rows))

    def cdf(self, rows: Rows) -> Floats:
        """(n, BINS) distributions of the rest of the stay; nan where too few lasted as long."""
        out = np.full((len(rows), BINS), np.nan)
        for n in range(len(rows)):
            lengths = self._lengths[int(rows.believed[n])]
            longer = lengths[np.searchsorted(lengths, rows.elapsed[n], side="right") :]
            if len(longer) >= 2:
                out[n] = np.searchsorted(longer, rows.elapsed[n] + EDGES[1:], side="right") / len(longer)
            elif len(lengths) >= _LEAST:
                out[n] = 0.0
        return out


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
        if self._rows is None:
            return out, later
        slots = _slot(rows)
        for n in range(len(rows)):
            side = 96 * int(rows.believed[n])
            same = slice(self._begins[side + slots[n]], self._begins[side + slots[n] + 1])
            if same.stop - same.start < _LEAST:
                same = slice(self._begins[side], self._begins[side + 96])
            if same.stop - same.start >= _LEAST:
                out[n], later[n] = self._came(self._rows, same)
        return out, later

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


def nearest_days(past: Rows, rows: Rows) -> tuple[Floats, Floats]:
    """What came on the five days most like the day so far (Scott and others 2011, PreHeat).

    Returns:
        (n, BINS) distributions and (n, len(HORIZONS)) P(occupied then); nan without five days.
    """
    out, later = np.full((len(rows), BINS), np.nan), np.full((len(rows), len(HORIZONS)), np.nan)
    days = np.unique(past.day)
    if len(days) < 5 or not len(rows):
        return out, later
    grid = np.full((len(days), 96), -1.0)
    index = np.full((len(days), 96), -1, dtype=np.int64)
    place = np.searchsorted(days, past.day)
    slot = (past.clock // 15).astype(np.int64)
    grid[place, slot], index[place, slot] = past.state, np.arange(len(past))
    today = np.full(96, -1.0)
    for n in range(len(rows)):
        now = int(rows.clock[n] // 15)
        today[now] = rows.state[n]
        known = (grid[:, : now + 1] >= 0) & (today[: now + 1] >= 0)
        apart = (np.abs(grid[:, : now + 1] - today[: now + 1]) * known).sum(axis=1) / np.maximum(
            known.sum(axis=1), 1
        )
        usable = np.flatnonzero((index[:, now] >= 0) & (grid[:, now] == rows.state[n]))
        usable = usable[np.isfinite(past.wait[index[usable, now]])]
        if len(usable) < 5:
            continue
        chosen = index[usable[np.argsort(apart[usable], kind="stable")[:5]], now]
        out[n] = frequencies(past.wait[chosen])
        then = past.later[chosen]
        later[n] = np.where(then >= 0, then, 0).sum(axis=0) / np.maximum((then >= 0).sum(axis=0), 1)
    return out, later


def frequencies(wait: Floats) -> Floats:
    """(BINS,) share of waits that were over by the end of each bin."""
    result: Floats = np.searchsorted(np.sort(wait), EDGES[1:], side="right") / len(wait)
    result[-1] = (wait < EDGES[-1]).mean()
    return result


def _slot(rows: Rows) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return (rows.clock // 30).astype(np.int64) + 48 * rows.free
