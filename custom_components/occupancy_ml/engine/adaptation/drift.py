"""Has a routine changed? A two-sided CUSUM on the daily mean of model loss minus prior loss (Page 1954).

The difference to a prior that knows the day's difficulty too is nearly free of weekly rhythm and of hard days, which
is what made detectors on single errors cry wolf. Features whose distribution moved (population stability index) are the
explanation, never the alarm.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import date
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFERENCE_DAYS = 14
"""The first days, and those after an alarm, say what is usual."""
SLACK = 0.75
"""What a day may deviate, in standard deviations, without counting: those are known from two weeks only."""
LIMIT = 6.0
"""The sum at which a change is told."""

# A single day counts so many standard deviations at most: one odd day is no new routine.
_MOST = 3.0
# With fewer changes in the reference its losses say too little of a routine.
_LEAST_EVENTS = 14
_BINS = 10
_RECENT_DAYS = 7
_MOVED = 0.25
"""A population stability index above this is held to be a large shift."""


class Drift:
    """The watch over one process."""

    def __init__(self) -> None:
        self._reference: deque[float] = deque(maxlen=REFERENCE_DAYS)
        self._events: deque[int] = deque(maxlen=REFERENCE_DAYS)
        self._up = self._down = 0.0
        self._up_since: date | None = None
        self._down_since: date | None = None
        # Means of features by day: the reference's, then the recent ones'.
        self._features: deque[list[float]] = deque(maxlen=REFERENCE_DAYS + _RECENT_DAYS)
        self.explained: list[tuple[int, float]] = []

    def learn(self, day: date, excess: float, events: int, features: NDArray[np.float64]) -> date | None:
        """Take in a day. One on which nothing changed (they are away) says nothing of when changes come.

        Args:
            day: local date.
            excess: mean loss of the model less that of the prior.
            events: changes that came.
            features: (n, F) of its moments.

        Returns:
            Since when there seems to be a change, where one is noticed; the watch begins anew then.
        """
        if not events:
            return None
        self._features.append(np.asarray(features, dtype=np.float64).mean(axis=0).tolist())
        if len(self._reference) < REFERENCE_DAYS or sum(self._events) < _LEAST_EVENTS:
            self._reference.append(excess)
            self._events.append(events)
            return None
        usual = np.array(self._reference)
        spread = max(float(usual.std(ddof=1)), 1e-6)
        z = max(-_MOST, min((excess - float(usual.mean())) / spread, _MOST))
        self._up, self._up_since = _step(self._up, self._up_since, z - SLACK, day)
        self._down, self._down_since = _step(self._down, self._down_since, -z - SLACK, day)
        if max(self._up, self._down) <= LIMIT:
            return None
        since = self._up_since if self._up >= self._down else self._down_since
        self.explained = self._moved()
        self._reference.clear()
        self._events.clear()
        self._up = self._down = 0.0
        self._up_since = self._down_since = None
        return since or day

    def _moved(self) -> list[tuple[int, float]]:
        """(feature, PSI) of the features that moved most between the earlier and the last days."""
        days = np.array(self._features)
        if len(days) <= _RECENT_DAYS:
            return []
        before, after = days[:-_RECENT_DAYS], days[-_RECENT_DAYS:]
        found = [(n, stability(before[:, n], after[:, n])) for n in range(days.shape[1])]
        return sorted((f for f in found if f[1] > _MOVED), key=lambda f: -f[1])[:3]

    def explain(self, names: Sequence[str]) -> list[str]:
        """The features that moved most at the last alarm, by name."""
        return [names[n] for n, _ in self.explained if n < len(names)]

    def to_json(self) -> dict[str, Any]:
        """The whole state."""
        return {
            "reference": list(self._reference),
            "events": list(self._events),
            "sums": [self._up, self._down],
            "since": [None if d is None else d.isoformat() for d in (self._up_since, self._down_since)],
            "features": list(self._features),
        }

    def restore(self, value: dict[str, Any]) -> None:
        """Take over what `to_json` gave."""
        self._reference = deque(value["reference"], maxlen=REFERENCE_DAYS)
        self._events = deque(value["events"], maxlen=REFERENCE_DAYS)
        self._up, self._down = value["sums"]
        self._up_since, self._down_since = (
            None if d is None else date.fromisoformat(d) for d in value["since"]
        )
        self._features = deque(value["features"], maxlen=REFERENCE_DAYS + _RECENT_DAYS)


def _step(total: float, since: date | None, change: float, day: date) -> tuple[float, date | None]:
    grown = max(0.0, total + change)
    return grown, (None if grown == 0.0 else since or day)


def stability(before: NDArray[np.float64], after: NDArray[np.float64], bins: int = _BINS) -> float:
    """The population stability index of two samples, over bins of equal mass of the first, with half a count added.

    sum over bins of (q - p) * log(q / p), p and q the shares of the samples.
    """
    bins = max(2, min(bins, len(before) // 4))
    edges = np.unique(np.quantile(before, np.linspace(0, 1, bins + 1)[1:-1]))
    p = np.bincount(np.searchsorted(edges, before, side="right"), minlength=len(edges) + 1) + 0.5
    q = np.bincount(np.searchsorted(edges, after, side="right"), minlength=len(edges) + 1) + 0.5
    p, q = p / p.sum(), q / q.sum()
    result = float(((q - p) * np.log(q / p)).sum())
    return result if math.isfinite(result) else 0.0
