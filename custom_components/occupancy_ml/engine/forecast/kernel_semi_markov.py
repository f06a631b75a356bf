"""Kernel semi-Markov: how long it lasted at similar moments, weighted by how similar and how long ago.

The distribution of the remaining stay given state, time spent in it, time of day, kind of day and place, as weighted
frequencies (Nadaraya 1964, Watson 1964) of what came then: a semi-Markov kernel that is smooth in all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bins import BINS, CAP, HORIZONS, STEP, Floats, hazard_of
from .processes import Bools, Ints
from .rows import Rows, by_the_clock

_DAY = 1440.0
# Moments further away on the clock (minutes) are not looked at.
_REACH = 120.0
# Comparisons that are kept for the next kernel: a slice's.
_MOST_COMPARED = 32


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
        enough: moments alike in place and kind of day after which all others count half as much; None for never.
    """

    clock: float = 45.0
    elapsed: float = 1.2
    chance: float = 0.15
    half_life: float = 42.0
    other_day: float = 0.5
    other_place: float = 0.3
    anchor: float = 480.0
    enough: float | None = None


BY_CLOCK = Kernel(clock=30.0, elapsed=2.5, other_day=0.1, other_place=0.5, anchor=1.0, enough=2.0)
"""For people who live by the clock: a change keeps its time of day, however long ago the last one was.

From the bathroom they are back in five minutes, from the kitchen in fifteen hours: what is unlike serves where nothing
better is known (back-off, Katz 1987).
"""


@dataclass(frozen=True, slots=True)
class Past:
    """Moments of one side by clock, the day continued on both ends; in narrow types, since they are kept in memory.

    Attributes:
        clock, held, chance, day: (n,) local minutes, logarithm of the minutes in the state, P(occupied), local day.
        free, eve, place, wait, later: as in `Rows`.
    """

    clock: Floats
    held: Floats
    chance: Floats
    day: Floats
    free: Bools
    eve: Bools
    place: Ints
    wait: Floats
    later: NDArray[np.int8]

    @classmethod
    def of(cls, rows: Rows, chosen: Ints) -> Past:
        """Of some rows, all of one side."""
        order = chosen[np.argsort(rows.clock[chosen], kind="stable")]
        clock = rows.clock[order].astype(np.float32)
        late, early = clock >= _DAY - _REACH, clock < _REACH
        order = np.concatenate([order[late], order, order[early]])
        elapsed = rows.elapsed[order].astype(np.float32)
        return cls(
            np.concatenate([clock[late] - _DAY, clock, clock[early] + _DAY]),
            np.log1p(elapsed),
            rows.chance[order].astype(np.float32),
            rows.day[order].astype(np.int32),
            rows.free[order],
            rows.eve[order],
            rows.place[order].astype(np.int32),
            rows.wait[order].astype(np.float32),
            rows.later[order],
        )


@dataclass(frozen=True, slots=True)
class _Near:
    """How the moments near a row's time of day differ from it; what every kernel weighs.

    Attributes:
        near: which of the moments of its side.
        clock: (m,) squared distances by the clock.
        held: (m,) of the logarithm of the time in the state.
        chance: (m,) of the believed probability.
        days: (m,) their age.
        other_days: (m,) how many of today and tomorrow are of another kind.
        other_place: (m,) whether somebody was elsewhere.
    """

    near: slice
    clock: Floats
    held: Floats
    chance: Floats
    days: Floats
    other_days: Floats
    other_place: Bools

    @classmethod
    def of(cls, ours: Past, rows: Rows, number: int) -> _Near:
        """Compare a row with the moments of its side."""
        clock = float(rows.clock[number])
        begin, end = np.searchsorted(ours.clock, np.array([clock - _REACH, clock + _REACH], np.float32))
        near = slice(int(begin), int(end))
        other = (ours.free[near] != rows.free[number]).astype(np.float32)
        if clock >= _DAY / 2:  # what comes next may come tomorrow
            other += ours.eve[near] != rows.eve[number]
        return cls(
            near,
            (ours.clock[near] - clock) ** 2,
            (ours.held[near] - math.log1p(rows.elapsed[number])) ** 2,
            (ours.chance[near] - float(rows.chance[number])) ** 2,
            (int(rows.day[number]) - ours.day[near]).astype(np.float32),
            other,
            ours.place[near] != int(rows.place[number]),
        )


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
        self.sides: list[Past | None] = [None, None] if tables is None else tables.sides
        self.compared: dict[tuple[int, float, float], _Near] = {} if tables is None else tables.compared
        self._own = tables is None

    @property
    def half_life(self) -> float:
        """Days after which a moment counts half."""
        return self.kernel.half_life

    @half_life.setter
    def half_life(self, days: float) -> None:
        self.kernel = replace(self.kernel, half_life=days)

    def fit(self, rows: Rows) -> None:
        """Take in rows whose wait is known; what was taken in before is forgotten."""
        if not self._own:
            return
        self.compared.clear()
        known = np.isfinite(rows.wait)
        for side in (0, 1):
            self.sides[side] = Past.of(rows, np.flatnonzero(known & (rows.believed == bool(side))))

    def update(self, rows: Rows, since_us: int) -> None:
        """A table is made anew from all rows."""
        self.fit(rows)

    def arrays(self) -> dict[str, Any]:
        """Nothing: a table is made again from the rows."""
        return {}

    def use(self, arrays: dict[str, Any]) -> None:
        """Nothing to take over."""

    def weights(self, rows: Rows, number: int) -> tuple[Past, slice, Floats] | None:
        """The moments like a row's: of which, where, and their weights; None where there are none."""
        ours = self.sides[int(rows.believed[number])]
        if ours is None or not len(ours.clock):
            return None
        key = (int(rows.time_us[number]), float(rows.chance[number]), float(rows.elapsed[number]))
        found = self.compared.get(key)
        if found is None:
            if len(self.compared) >= _MOST_COMPARED:
                self.compared.clear()
            found = self.compared[key] = _Near.of(ours, rows, number)
        kernel = self.kernel
        weights = np.exp(
            found.clock * (-0.5 / kernel.clock**2)
            + found.held * (-0.5 / kernel.elapsed**2)
            + found.chance * (-0.5 / kernel.chance**2)
            + found.days * (-math.log(2) / kernel.half_life)
            + found.other_days * math.log(kernel.other_day)
            + found.other_place * math.log(kernel.other_place)
        )
        if kernel.enough is not None:
            unlike = found.other_place | (found.other_days > 0)
            alike = float(weights[~unlike].sum())
            weights[unlike] *= kernel.enough / (kernel.enough + alike)
        return ours, found.near, weights

    def cdf(self, rows: Rows, *, ahead: bool = True) -> tuple[Floats, Floats, Floats]:
        """(n, BINS) distributions, (n, len(HORIZONS)) P(occupied then), (n,) how many moments they rest on.

        Args:
            rows: of the moments.
            ahead: whether P(occupied) is asked for; nan where not.
        """
        out, later = np.full((len(rows), BINS), np.nan), np.full((len(rows), len(HORIZONS)), np.nan)
        mass = np.zeros(len(rows))
        for n in range(len(rows)):
            mass[n] = self.put(rows, n, out[n], later[n] if ahead else None)
        return out, later, mass

    def put(self, rows: Rows, number: int, out: Floats, later: Floats | None = None) -> float:
        """Put what is said of one row, see `cdf`, where it is wanted; on how many moments it rests."""
        found = self.weights(rows, number)
        if found is None or not len(found[2]):
            return 0.0
        ours, near, weights = found
        wait = ours.wait[near]
        share = np.minimum(wait / self.kernel.anchor, 1.0)
        moved = wait + share * (ours.clock[near] - rows.clock[number])
        if rows.jumps_in[number] < CAP:
            moved = by_the_clock(moved, float(rows.jumps_in[number]), share * rows.jump[number])
        # What comes beyond the 24 hours stays there.
        bins = np.minimum(np.maximum(moved / STEP, 0), BINS).astype(np.int64)
        bins[wait >= CAP] = BINS
        counts = np.bincount(bins, weights, BINS + 1)
        total = float(counts.sum())
        np.divide(counts[:-1].cumsum(), max(total, 1e-300), out=out)
        if later is not None:
            then = ours.later[near]
            later[:] = (weights @ (then > 0)) / np.maximum(weights @ (then >= 0), 1e-30)
        return total

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) hazards."""
        return hazard_of(self.cdf(rows, ahead=False)[0])
