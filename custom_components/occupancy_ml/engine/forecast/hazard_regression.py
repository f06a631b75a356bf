"""What the regressions of hazards share: cases, scaling, the fit; they differ in what they make of the inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import ridge
from .bins import BINS, Floats
from .periods import PERIODS, PersonPeriods, all_periods, clock_waves, inputs, person_periods, sampled, spread
from .rows import Rows

_LEAST_ROWS, _LEAST_CHANGES = 60, 8


class HazardRegression(ABC):
    """logit of the hazard = coefficients @ design, a model for each direction."""

    name = "hazard_regression"
    penalty = 4.0
    half_life = 42.0

    def __init__(self) -> None:
        self._sides: list[dict[str, Floats] | None] = [None, None]

    @abstractmethod
    def design(self, values: Floats, rows: Rows, cases: PersonPeriods) -> Floats:
        """(N, d) the design of cases, from (n, F) scaled inputs of the rows. To be said by each member."""

    def chosen(self, rows: Rows) -> Floats:
        """(n, F) the inputs it uses."""
        return inputs(rows)

    def fit(self, rows: Rows) -> Iterator[None]:
        """Fit both directions from nothing."""
        self._sides = [None, None]
        yield from self.update(rows, 0)

    def update(self, rows: Rows, since_us: int) -> Iterator[None]:
        """A step from where it was, with the newer rows among the others: near the optimum one is nearly all."""
        for side in (0, 1):
            yield from self._fit_side(rows, side)

    def _fit_side(self, rows: Rows, side: int) -> Iterator[None]:
        before = self._sides[side]
        known = sampled(rows, side)
        yield
        if len(known) < _LEAST_ROWS or (known.wait < BINS * 5).sum() < _LEAST_CHANGES:
            return
        values = self.chosen(known)
        if before is None or len(before["mean"]) != values.shape[1]:
            mean, scale = values.mean(axis=0), np.maximum(values.std(axis=0), 0.05)
            start = None
        else:  # the same scaling, or the coefficients would mean something else
            mean, scale, start = before["mean"], before["scale"], before["beta"]
        cases = person_periods(known, self.half_life)
        yield
        design = self.design(scaled(values, mean, scale), known, cases)
        yield
        penalty = np.full(design.shape[1], self.penalty)
        penalty[:PERIODS] = 0.1
        steps = ridge.STEPS if start is None else 1
        beta = yield from ridge.fit(design, cases.came, cases.weight, penalty, start, steps)
        self._sides[side] = {"mean": mean, "scale": scale, "beta": beta}

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) hazards; nan where a direction is not fitted."""
        return hazards_of([self] * len(rows), rows)

    def fitted(self, believed: bool) -> dict[str, Floats] | None:
        """Mean and scale of the inputs, and the coefficients, of a direction."""
        return self._sides[int(believed)]

    def arrays(self) -> dict[str, Any]:
        """What was fitted."""
        return {
            f"{side}.{name}": value
            for side, fitted in enumerate(self._sides)
            if fitted is not None
            for name, value in fitted.items()
        }

    def use(self, arrays: dict[str, Any]) -> None:
        """Take over what `arrays` gave."""
        for side in (0, 1):
            names = ("mean", "scale", "beta")
            if f"{side}.beta" in arrays:
                self._sides[side] = {name: arrays[f"{side}.{name}"] for name in names}


def hazards_of(members: Sequence[HazardRegression], rows: Rows) -> Floats:
    """(n, BINS) hazards, of one kind of member, each for one row; nan where a direction is not fitted."""
    out = np.full((len(rows), BINS), np.nan)
    fitted = [member.fitted(side) for member, side in zip(members, rows.believed.tolist(), strict=True)]
    ours = np.array([n for n, each in enumerate(fitted) if each is not None], dtype=np.int64)
    if not len(ours):
        return out
    mean, scale, beta = (
        np.array([each[name] for each in fitted if each is not None]) for name in ("mean", "scale", "beta")
    )
    asked = rows.take(ours)
    cases = all_periods(asked)
    values = scaled(members[0].chosen(asked), mean, scale)
    design = members[0].design(values, asked, cases).reshape(len(ours), PERIODS, -1)
    score = (design @ beta[:, :, None])[:, :, 0]
    out[ours] = spread(1 / (1 + np.exp(-np.clip(score, -30, 30))))
    return out


def scaled(values: Floats, mean: Floats, scale: Floats) -> Floats:
    """(n, F) in standard deviations, cut at four."""
    result: Floats = np.clip((values - mean) / scale, -4.0, 4.0)
    return result


def base_columns(cases: PersonPeriods) -> Floats:
    """(N, PERIODS + 12) which period it is, and the clock at its middle."""
    period = (cases.period[:, None] == np.arange(PERIODS)).astype(np.float64)
    return np.concatenate([period, clock_waves(cases.clock, cases.free)], axis=1)
