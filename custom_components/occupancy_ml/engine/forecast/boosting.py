"""Histogram gradient boosting of the hazard: thresholds and interactions that a linear model has not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .bins import BINS, STEP, Floats
from .boosted_trees import BoostedTrees
from .periods import EDGES, PERIODS, PersonPeriods, all_periods, inputs, person_periods, sampled, spread
from .rows import Rows

_LEAST_ROWS, _LEAST_CHANGES = 100, 15


class Boosting:
    """The member: a classifier for each direction."""

    name = "boosting"
    half_life = 42.0

    def __init__(self) -> None:
        self._sides: list[BoostedTrees | None] = [None, None]

    def fit(self, rows: Rows) -> Iterator[None]:
        """Fit both directions."""
        self._sides = [None, None]
        for side in (0, 1):
            known = sampled(rows, side)
            yield
            if len(known) < _LEAST_ROWS or (known.wait < BINS * STEP).sum() < _LEAST_CHANGES:
                continue
            cases = person_periods(known, self.half_life)
            trees = BoostedTrees()
            yield from trees.fit(_values(known, cases), cases.came, cases.weight)
            self._sides[side] = trees

    def update(self, rows: Rows, since_us: int) -> None:
        """Trees stay as they are until the next fit."""

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) hazards; nan where a direction is not fitted."""
        out = np.full((len(rows), BINS), np.nan)
        for side, trees in enumerate(self._sides):
            ours = rows.believed == bool(side)
            if trees is None or not ours.any():
                continue
            asked = rows.take(ours)
            score = trees.score(_values(asked, all_periods(asked)))
            out[ours] = spread((1 / (1 + np.exp(-score))).reshape(-1, PERIODS))
        return out

    def arrays(self) -> dict[str, Any]:
        """What was fitted."""
        return {
            f"{side}.{name}": value
            for side, trees in enumerate(self._sides)
            if trees is not None
            for name, value in trees.arrays().items()
        }

    def use(self, arrays: dict[str, Any]) -> None:
        """Take over what `arrays` gave."""
        for side in (0, 1):
            ours = {name[2:]: value for name, value in arrays.items() if name.startswith(f"{side}.")}
            self._sides[side] = BoostedTrees.of(ours) if ours else None


def _values(rows: Rows, cases: PersonPeriods) -> Floats:
    """(N, F + 4) the inputs, how far ahead, the clock and the kind of day then, and the clock now."""
    ahead = EDGES[cases.period] * float(STEP)
    return np.concatenate(
        [inputs(rows)[cases.row], np.stack([ahead, cases.clock, cases.free, rows.clock[cases.row]], axis=1)],
        axis=1,
    )
