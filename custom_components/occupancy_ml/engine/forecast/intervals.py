"""Intervals that keep their promise: weighted conformal calibration (Barber and others 2023) of the levels of the PIT.

A quantile that is told at level l is read off the forecast at level a(l): the level below which a share l of what came
has fallen in the days before, newer days counting more. The stated time is read where earlier stated times would have
been neither early nor late on the mean. Forecasts of one day overlap, so a day counts as one case for the levels.
What comes next is one change more, of which nobody knows on which side of all before it will fall.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bins import CAP, LEVELS, Floats, at, quantiles

# After so many days a day counts half; at the begin so many are taken to have been as forecast.
_HALF_LIFE = 14.0
_GIVEN_DAYS = 3.0
# What comes next, in days: a room changes some four times a day.
_NEXT = 0.25
# The stated time is held to the calibrated median by so many days.
_HELD_DAYS = 3.0
# Of the bins of the PIT; narrow at the ends, where all falls that a model did not expect.
_END: Floats = np.array([0.0, 0.001, 0.0025, 0.005, 0.01])
_EDGES: Floats = np.concatenate([_END, np.linspace(0.02, 0.98, 49), 1.0 - _END[::-1]])
_GRID: Floats = np.linspace(0.01, 0.99, 50)
"""Levels at which the stated time may be read; kept off the ends by `_LEAST_STATED`."""
_LEAST_STATED = 0.1
# Levels stay apart by so much, and from 0 and 1.
_APART, _LEAST = 0.01, 0.002
_MIDDLE = len(LEVELS) // 2


class Conformal:
    """The map of levels of one process and direction: monotone, linear between the told levels."""

    def __init__(self) -> None:
        self.levels = np.array(LEVELS)
        self._days = 0.0
        # By bin of the PIT, how many days came there; by level, the sum of the errors of a time read there.
        self._mass = _GIVEN_DAYS * np.diff(_EDGES)
        self._errors = np.zeros(len(_GRID))

    def learn(self, cdf: Floats, wait: Floats) -> None:
        """Take in a day.

        Args:
            cdf: (n, BINS) forecasts before this map.
            wait: (n,) minutes until the change came, cut at 24 hours.
        """
        if not len(wait):
            return
        keep = 0.5 ** (1 / _HALF_LIFE)
        came = wait < CAP
        last = cdf[:, -1:]
        # What came beyond 24 hours came somewhere in the mass that is left there.
        beyond = np.clip((_EDGES - last) / np.maximum(1 - last, 1e-9), 0.0, 1.0)
        below = np.where(came[:, None], at(cdf, wait[:, None]) <= _EDGES, beyond)
        below[:, 0], below[:, -1] = 0.0, 1.0
        self._mass = keep * self._mass + np.diff(below, axis=1).mean(axis=0)
        self._days = keep * self._days + 1.0
        read = quantiles(cdf[came], np.repeat(_GRID[None], int(came.sum()), axis=0))
        self._errors = keep * self._errors + (np.minimum(read, CAP) - wait[came, None]).sum(axis=0)
        self._settle()

    def _settle(self) -> None:
        """The levels that follow from the days so far."""
        mass = self._mass.copy()
        mass[[0, -1]] += _NEXT / 2
        levels = np.interp(LEVELS, np.concatenate([[0.0], np.cumsum(mass)]) / mass.sum(), _EDGES)
        if self._errors.any():
            even = float(np.interp(0.0, self._errors, _GRID))
            trust = self._days / (self._days + _HELD_DAYS)
            stated = (1 - trust) * levels[_MIDDLE] + trust * even
            levels[_MIDDLE] = np.clip(stated, _LEAST_STATED, 1 - _LEAST_STATED)
        for n in range(_MIDDLE - 1, -1, -1):
            levels[n] = min(levels[n], levels[n + 1] - _APART)
        for n in range(_MIDDLE + 1, len(levels)):
            levels[n] = max(levels[n], levels[n - 1] + _APART)
        self.levels = np.clip(levels, _LEAST, 1 - _LEAST)

    def told(self, cdf: Floats) -> Floats:
        """(n, BINS) the forecasts as they are told."""
        result: Floats = np.interp(cdf, [0.0, *self.levels, 1.0], [0.0, *LEVELS, 1.0])
        return result

    def to_json(self) -> dict[str, Any]:
        """The whole state."""
        return {"days": self._days, "mass": self._mass.tolist(), "errors": self._errors.tolist()}

    def restore(self, value: dict[str, Any]) -> None:
        """Take over what `to_json` gave.

        Raises:
            ValueError: it is of another form.
        """
        if len(value["mass"]) != len(self._mass):
            raise ValueError("the levels are of another form")
        self._days = value["days"]
        self._mass, self._errors = np.array(value["mass"]), np.array(value["errors"])
        if self._days:
            self._settle()
