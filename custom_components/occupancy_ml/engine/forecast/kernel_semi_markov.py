"""Kernel semi-Markov: how long it lasted at similar moments, weighted by how similar and how long ago.

The distribution of the remaining stay given state, time spent in it, time of day, kind of day and place, as weighted
frequencies (Nadaraya 1964, Watson 1964) of what came then: a semi-Markov kernel that is smooth in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
import math
from typing import Any

import numpy as np

from .bins import BINS, CAP, HORIZONS, STEP, Floats, hazard_of
from .rows import Rows

_DAY = 1440.0
# Moments further away on the clock (minutes) are not looked at.
_REACH = 120.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """How fast likeness fades.

    Attributes:
        clock: minutes of the day, standard deviation.
        elapsed: the same of the logarithm of the time in the state.
        chance: the same of the believed probability.
        half_life: days after which a moment counts half.
        other_day: what a moment of the other kind of day counts.
        other_place: what a moment counts at which somebody was elsewhere.
        anchor: minutes ahead from which on a change keeps to the clock rather than to the stay.
    """

    clock: float = 45.0
    elapsed: float = 1.2
    chance: float = 0.15
    half_life: float = 42.0
    other_day: float = 0.5
    other_place: float = 0.3
    anchor: float = 480.0


BY_CLOCK = Kernel(clock=30.0, elapsed=2.5, other_day=0.1, other_place=0.5, anchor=1.0)
"""For people who live by the clock: a change keeps its time of day, however long ago the last one was."""


class KernelSemiMarkov:
    """The member; also answers what P(occupied) will be."""

    def __init__(
        self,
        kernel: Kernel | None = None,
        name: str = "kernel_semi_markov",
        tables: KernelSemiMarkov | None = None,
    ) -> None:
        """Nothing is fitted yet.

        Args:
            kernel: how fast likeness fades.
            name: of the member.
            tables: another one whose moments are looked at, to keep them once.
        """
        self.kernel, self.name = kernel or Kernel(), name
        self.sides: list[Rows | None] = [None, None] if tables is None else tables.sides
        self._own = tables is None

    def fit(self, rows: Rows) -> None:
        """Take in rows whose wait is known; what was taken in before is forgotten."""
        if not self._own:
            return
        rows = rows.slim().take(np.isfinite(rows.wait))
        for side in (0, 1):
            ours = rows.take(rows.believed == bool(side))
            order = np.argsort(ours.clock, kind="stable")
            # Around midnight the day is continued on both sides.
            late = order[ours.clock[order] >= _DAY - _REACH]
            early = order[ours.clock[order] < _REACH]
            clock = np.concatenate([ours.clock[late] - _DAY, ours.clock[order], ours.clock[early] + _DAY])
            joined = ours.take(np.concatenate([late, order, early]))
            self.sides[side] = Rows(
                *(clock if name == "clock" else getattr(joined, name) for name in Rows.__slots__)
            )

    def update(self, rows: Rows, since_us: int) -> None:
        """A table is made anew from all rows."""
        self.fit(rows)

    def arrays(self) -> dict[str, Any]:
        """Nothing: a table is made again from the rows."""
        return {}

    def use(self, arrays: dict[str, Any]) -> None:
        """Nothing to take over."""

    def weights(self, rows: Rows, number: int) -> tuple[Rows, slice, Floats] | None:
        """The moments like a row's: of which rows, which, and their weights; None where there are none."""
        ours = self.sides[int(rows.believed[number])]
        if ours is None or not len(ours):
            return None
        kernel, clock = self.kernel, rows.clock[number]
        begin, end = np.searchsorted(ours.clock, [clock - _REACH, clock + _REACH])
        if begin == end:
            return None
        near = slice(int(begin), int(end))
        away = (ours.clock[near] - clock) / kernel.clock
        longer = (np.log1p(ours.elapsed[near]) - math.log1p(rows.elapsed[number])) / kernel.elapsed
        surer = (ours.chance[near] - rows.chance[number]) / kernel.chance
        days = (rows.day[number] - ours.day[near]) / kernel.half_life
        weights = np.exp(-0.5 * (away**2 + longer**2 + surer**2) - math.log(2) * days)
        weights *= np.where(ours.free[near] == rows.free[number], 1.0, kernel.other_day)
        if clock >= _DAY / 2:  # what comes next may come tomorrow
            weights *= np.where(ours.eve[near] == rows.eve[number], 1.0, kernel.other_day)
        weights *= np.where(ours.place[near] == rows.place[number], 1.0, kernel.other_place)
        return ours, near, weights

    def cdf(self, rows: Rows, *, ahead: bool = True) -> tuple[Floats, Floats, Floats]:
        """(n, BINS) distributions, (n, len(HORIZONS)) P(occupied then), (n,) how many moments they rest on.

        Args:
            rows: of the moments.
            ahead: whether P(occupied) is asked for; nan where not.
        """
        out, later = np.full((len(rows), BINS), np.nan), np.full((len(rows), len(HORIZONS)), np.nan)
        mass = np.zeros(len(rows))
        for n in range(len(rows)):
            found = self.weights(rows, n)
            if found is None:
                continue
            ours, near, weights = found
            wait = ours.wait[near]
            share = np.minimum(wait / self.kernel.anchor, 1.0)
            moved = np.where(wait >= CAP, CAP, wait + share * (ours.clock[near] - rows.clock[n]))
            bins = np.clip(moved / STEP, 0, BINS).astype(np.int64)
            counts = np.bincount(bins, weights, BINS + 1)
            total = counts.sum()
            out[n] = np.cumsum(counts[:-1]) / max(total, 1e-300)
            if ahead:
                then = ours.later[near]
                known = then >= 0
                later[n] = (weights @ (then * known)) / np.maximum(weights @ known, 1e-300)
            mass[n] = total
        return out, later, mass

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) hazards."""
        return hazard_of(self.cdf(rows, ahead=False)[0])
