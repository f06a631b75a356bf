"""Intervals that keep their promise: adaptive conformal inference (Gibbs and Candes 2021), on the levels of the PIT.

A quantile that is told at level l is read off the forecast at level a(l). After each day a(l) moves by
rate * (l - share of changes that came before the quantile): too few of them, and it is read off later. Forecasts of one
day overlap, so a day moves it once, by the mean over its moments.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bins import CAP, LEVELS, Floats, at, quantiles

_RATE = 0.05
# Levels stay apart by so much, and from 0 and 1.
_APART = 0.005


class Conformal:
    """The map of levels of one process and direction: monotone, linear between the told levels."""

    def __init__(self) -> None:
        self.levels = np.array(LEVELS)

    def learn(self, cdf: Floats, wait: Floats) -> None:
        """Take in a day.

        Args:
            cdf: (n, BINS) forecasts before this map.
            wait: (n,) minutes until the change came, cut at 24 hours.
        """
        if not len(wait):
            return
        last = cdf[:, -1]
        reached = at(cdf, wait[:, None])[:, 0]
        beyond = wait >= CAP
        # What came beyond 24 hours came somewhere in the mass that is left there.
        share = np.clip((self.levels - last[:, None]) / np.maximum(1 - last[:, None], 1e-9), 0.0, 1.0)
        before = np.where(beyond[:, None], share, reached[:, None] <= self.levels)
        hit = before.mean(axis=0)
        drive = np.array(LEVELS) - hit
        middle = len(LEVELS) // 2
        came = ~beyond
        if came.any():
            told = np.minimum(
                quantiles(cdf[came], np.full((int(came.sum()), 1), self.levels[middle]))[:, 0], CAP
            )
            error = told - wait[came]
            # The stated time is to be neither early nor late on the mean as well: of a skewed wait the median is early.
            lean = error.sum() / max(np.abs(error).sum(), 1e-9)
            drive[middle] = 0.25 * drive[middle] - 0.5 * lean
        self.levels = self.levels + _RATE * drive
        room = _APART * np.arange(1, len(LEVELS) + 1)
        self.levels = np.maximum.accumulate(np.clip(self.levels, room, 1 - room[::-1]))
        self.levels = np.clip(self.levels + 1e-6 * np.arange(len(LEVELS)), 0.0, 1.0)

    def told(self, cdf: Floats) -> Floats:
        """(n, BINS) the forecasts as they are told."""
        result: Floats = np.interp(cdf, [0.0, *self.levels, 1.0], [0.0, *LEVELS, 1.0])
        return result

    def to_json(self) -> list[float]:
        """The map."""
        levels: list[float] = self.levels.tolist()
        return levels

    def restore(self, value: list[Any]) -> None:
        """Take over what `to_json` gave."""
        self.levels = np.array(value, dtype=np.float64)
